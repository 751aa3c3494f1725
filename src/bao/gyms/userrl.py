"""Reads UserRL's files: parquet rows, and JSON records in the same folder; errors name the file, the entry and the field.

A parquet row names its task in ``reward_model`` (by ``id`` or ``title``) and its split in ``extra_info``; most of what a gym
plays lies in a JSON file of the same folder. A gym says what one of its records is (`Record`), and `readers` reads both kinds
of file.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, TypeAdapter, ValidationError

from bao.errors import DataError
from bao.task import Split, Task
from bao.task_source import Check, Reader

T = TypeVar("T")


class Record(BaseModel):
    """One record of a gym's JSON file, and how a task is made of it."""

    plural: ClassVar[str]
    """What the file holds, such as ``rules``."""
    key: ClassVar[str] = "id"
    """The field of ``reward_model`` that names a record."""
    needs: ClassVar[tuple[str, ...]] = ()
    """The fields of ``reward_model`` that must be there besides the key."""
    files: ClassVar[tuple[str, str]]
    """Where the records of training (and validation) rows lie, and those of test rows."""
    by_key: ClassVar[bool] = False
    """Whether the file is an object of records; else a list of them."""

    def name(self) -> str:
        """What a row's key must be."""
        return str(getattr(self, self.key))

    def task(self, split: Split) -> Task:
        """The task, which need not be checked. Raises `ValueError` where none can be made."""
        raise NotImplementedError

    def conflict(self, answer: Mapping[str, Any], source: Path) -> str | None:
        """How a row's ``reward_model`` contradicts the record, which is from `source`; None where it does not."""
        return None


R = TypeVar("R", bound=Record)


def readers(kind: type[Record]) -> dict[str, Reader]:
    """Readers of a gym's ``.json`` and ``.parquet`` files.

    Every record of a JSON file gets the split that is asked for. The records of a parquet file are looked up in `Record.files`,
    and the split is the row's own where it names one.
    """

    def read_list(path: Path, split: Split, check: Check) -> Iterator[Task]:
        return (_made(path, place, record, split, check) for place, record in _records(path, kind))

    def read_rows(path: Path, split: Split, check: Check) -> Iterator[Task]:
        known: dict[str, tuple[Path, dict[str, tuple[str, Record]]]] = {}
        for row in rows(path, split, kind.key, kind.needs):
            name = kind.files[row.split is Split.TEST]
            if name not in known:
                source = _beside(path, name, f"names its {kind.plural} by {kind.key} only")
                known[name] = source, {record.name(): (place, record) for place, record in _records(source, kind)}
            source, records = known[name]
            if row.key not in records:
                raise DataError(
                    f"{row.where}: reward_model.{kind.key}={row.key!r} is not in {source}; use the file it was made from"
                )
            place, record = records[row.key]
            conflict = record.conflict(row.answer, source)
            if conflict is not None:
                raise DataError(f"{row.where}: reward_model.{conflict}; use the file it was made from")
            yield _made(source, place, record, row.split, check)

    return {".json": read_list, ".parquet": read_rows}


@dataclass(frozen=True, slots=True)
class Row:
    """One task of a parquet file."""

    where: str
    """File and row, for errors."""
    key: str
    """The task's id or title."""
    answer: Mapping[str, Any]
    """The whole ``reward_model``."""
    split: Split


def rows(path: Path, split: Split, key: str = "id", needs: tuple[str, ...] = ()) -> list[Row]:
    """The rows of a parquet file; `split` serves where a row names none.

    `key` is the field of ``reward_model`` that names the task, `needs` those that must be there too. Raises `DataError` naming
    file, row and field.
    """
    found = []
    for number, row in enumerate(_parquet(path), start=1):
        where = f"{path}, row {number}"
        answer, extra = row["reward_model"], row.get("extra_info")
        for field in (key, *needs):
            if not isinstance(answer, dict) or answer.get(field) is None:
                raise DataError(f"{where}: the field reward_model.{field} is missing; add it")
        named = extra.get("split") if isinstance(extra, dict) else None
        if named is not None and named not in list(Split):
            raise DataError(f"{where}: extra_info.split={named!r} must be one of {', '.join(Split)}")
        found.append(Row(where, str(answer[key]), answer, split if named is None else Split(named)))
    if not found:
        raise DataError(f"{path} holds no task")
    return found


def _made(path: Path, place: str, record: Record, split: Split, check: Check) -> Task:
    try:
        task = record.task(split)
        check(task)
    except (KeyError, ValueError) as error:
        raise DataError(f"{path}, entry {place!r}: {error}") from error
    return task


def _records(path: Path, kind: type[R]) -> Iterator[tuple[str, R]]:
    """Each record with its place in the file: its key there, or its name."""
    if kind.by_key:
        return iter(read_json(path, dict[str, kind], f"an object of {kind.plural}").items())  # type: ignore[valid-type]
    return ((record.name(), record) for record in read_json(path, list[kind], f"a list of {kind.plural}"))  # type: ignore


def read_json(path: Path, kind: type[T], what: str) -> T:
    """A JSON file as `kind` (a pydantic model, or a list or dict of one). Raises `DataError` naming the entry and the field.

    `what` says what the file should hold, such as "a list of rules".
    """
    try:
        return TypeAdapter(kind).validate_python(json.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        if not place:
            raise DataError(f"{path} is not {what}: {first['msg']}; give a file of this gym's tasks") from error
        raise DataError(f"{path}, entry {place}: {first['msg']} ({error.error_count()} errors in all)") from error
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read as {what} in JSON: {error}") from error


def _beside(path: Path, name: str, why: str) -> Path:
    found = path.parent / name
    if not found.is_file():
        raise DataError(f"{path} {why}: put UserRL's {name} beside it, at {found}")
    return found


def _parquet(path: Path) -> list[dict[str, Any]]:
    try:
        with pq.ParquetFile(path) as file:
            names = [name for name in ("reward_model", "extra_info") if name in file.schema_arrow.names]
            if "reward_model" not in names:
                raise DataError(f"{path} has no column 'reward_model'; give a parquet file in UserRL's format")
            table: list[dict[str, Any]] = file.read(columns=names).to_pylist()
            return table
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read as parquet ({error}); it may be cut short: fetch it again") from error
