"""What the readers of UserRL's files share: its parquet rows, and JSON files beside them, with errors that name the place.

A parquet row names its task in ``reward_model`` (by ``id``, or by ``title`` in turtle and telepathy) and its split in
``extra_info``; most of what a gym plays lies in a JSON file of the same directory.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter, ValidationError

from bao.errors import DataError
from bao.task import Split

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Row:
    """One task of a parquet file."""

    where: str
    """File and row, for errors."""
    key: str
    """The task's id or title."""
    answer: Mapping[str, Any]
    """The whole ``reward_model``."""
    opening: str
    """What the agent was told in UserRL: the last message of the prompt."""
    split: Split


def read_rows(path: Path, split: Split, *, key: str = "id", needs: tuple[str, ...] = ()) -> list[Row]:
    """The rows of a parquet file in UserRL's format; `split` serves where a row names none.

    `key` is the field of ``reward_model`` that names the task, `needs` those that must be there too. Raises `DataError` naming
    file, row and field.
    """
    rows = []
    for number, row in enumerate(_parquet(path), start=1):
        where = f"{path}, row {number}"
        answer = row["reward_model"]
        for field in (key, *needs):
            if not isinstance(answer, dict) or answer.get(field) is None:
                raise DataError(f"{where}: the field reward_model.{field} is missing; add it")
        extra = row.get("extra_info")
        named = extra.get("split") if isinstance(extra, dict) else None
        if named is not None and named not in list(Split):
            raise DataError(f"{where}: extra_info.split={named!r} must be one of {', '.join(Split)}")
        prompt = row.get("prompt") or [{}]
        opening = str(prompt[-1].get("content", ""))
        rows.append(Row(where, str(answer[key]), answer, opening, split if named is None else Split(named)))
    if not rows:
        raise DataError(f"{path} holds no task")
    return rows


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


def beside(path: Path, name: str, why: str) -> Path:
    """The file `name` in the directory of `path`. Raises `DataError`, saying `why` it is needed, where it is not there."""
    found = path.parent / name
    if not found.is_file():
        raise DataError(f"{path} {why}: put UserRL's {name} beside it, at {found}")
    return found


def _parquet(path: Path) -> list[dict[str, Any]]:
    try:
        with pq.ParquetFile(path) as file:
            names = [name for name in ("reward_model", "extra_info", "prompt") if name in file.schema_arrow.names]
            if "reward_model" not in names:
                raise DataError(f"{path} has no column 'reward_model'; give a parquet file in UserRL's format")
            rows: list[dict[str, Any]] = file.read(columns=names).to_pylist()
            return rows
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read as parquet ({error}); it may be cut short: fetch it again") from error
