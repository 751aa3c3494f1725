"""Reads the function gym's tasks from files: our JSON lines, and UserRL's rule list and parquet files."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, TypeAdapter, ValidationError

from bao.errors import DataError
from bao.gyms.function.tasks import NAME, agrees, check, checked, exact, task_data
from bao.task import Split, Task, TaskSet


def read(path: Path, split: Split) -> TaskSet:
    """Tasks from a file, told apart by its suffix.

    ``.jsonl``: our own format. ``.json``: UserRL's list of rules; every task gets `split`. ``.parquet``: UserRL's task rows,
    whose rules are looked up by id in the ``functions.json`` in the same directory; the split is the row's own, or `split`
    where it names none. Raises `DataError`.
    """
    if not path.is_file():
        raise DataError(f"no task file at {path}: give the path of a .jsonl, .json or .parquet file of {NAME} tasks")
    if path.suffix == ".jsonl":
        return TaskSet.of(_marked(task) for task in TaskSet.read(path, NAME, check))
    if path.suffix == ".json":
        return TaskSet.of(_from_record(path, record, split) for record in _read_records(path))
    if path.suffix == ".parquet":
        return _read_parquet(path, split)
    raise DataError(f"{path} has the suffix {path.suffix!r}; {NAME} tasks are read from .jsonl, .json and .parquet files")


class _Record(BaseModel):
    """One entry of UserRL's ``functions.json``."""

    id: str
    rule: str
    test_case: tuple[int, int, int, int]
    expected_result: int | float | str


def _read_records(path: Path) -> list[_Record]:
    try:
        return TypeAdapter(list[_Record]).validate_python(json.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise DataError(f"{path}, entry {place}: {first['msg']} ({error.error_count()} errors in all)") from error
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read as a JSON list of rules: {error}") from error


def _from_record(path: Path, record: _Record, split: Split) -> Task:
    try:
        rule, inputs, value = checked(record.rule, record.test_case, record.expected_result)
    except ValueError as error:
        raise DataError(f"{path}, entry {record.id!r}: {error}") from error
    return Task(record.id, NAME, task_data(rule, inputs, value), split, rule.level)


def _read_parquet(path: Path, split: Split) -> TaskSet:
    rows = _parquet_rows(path)
    beside = path.parent / "functions.json"
    if not beside.is_file():
        raise DataError(f"{path} names its rules by id only: put UserRL's functions.json beside it, at {beside}")
    records = {record.id: record for record in _read_records(beside)}
    tasks = []
    for number, row in enumerate(rows, start=1):
        where = f"{path}, row {number}"
        answer = row["reward_model"]
        for field in ("id", "ground_truth"):
            if not isinstance(answer, dict) or answer.get(field) is None:
                raise DataError(f"{where}: the field reward_model.{field} is missing; add it")
        record = records.get(str(answer["id"]))
        if record is None:
            raise DataError(f"{where}: reward_model.id={answer['id']!r} is not in {beside}; use the file it was made from")
        extra = row.get("extra_info")
        named = extra.get("split") if isinstance(extra, dict) else None
        if named is not None and named not in list(Split):
            raise DataError(f"{where}: extra_info.split={named!r} must be one of {', '.join(Split)}")
        task = _from_record(beside, record, split if named is None else Split(named))
        if not agrees(answer["ground_truth"], exact(task.data["expected_result"])):
            raise DataError(
                f"{where}: reward_model.ground_truth={answer['ground_truth']!r} but the rule gives "
                f"{task.data['expected_result']}; use the functions.json it was made from"
            )
        tasks.append(task)
    if not tasks:
        raise DataError(f"{path} holds no task")
    return TaskSet.of(tasks)


def _parquet_rows(path: Path) -> list[dict[str, Any]]:
    try:
        with pq.ParquetFile(path) as file:
            names = [name for name in ("reward_model", "extra_info") if name in file.schema_arrow.names]
            if "reward_model" not in names:
                raise DataError(f"{path} has no column 'reward_model'; give a parquet file in UserRL's format")
            rows: list[dict[str, Any]] = file.read(columns=names).to_pylist()
            return rows
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read as parquet ({error}); it may be cut short: fetch it again") from error


def _marked(task: Task) -> Task:
    """The task with its operators, and its level where it has none, worked out from its rule."""
    rule, inputs, value = checked(task.data["rule"], task.data["test_case"], task.data["expected_result"])
    return replace(task, data={**task.data, **task_data(rule, inputs, value)}, level=task.level or rule.level)
