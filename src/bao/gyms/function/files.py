"""Reads the function gym's tasks from files: our JSON lines, and UserRL's rule list and parquet files."""

from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel

from bao.errors import DataError
from bao.gyms.function.tasks import NAME, agrees, check, checked, exact, task_data
from bao.gyms.loading import Readers, read_by_suffix
from bao.gyms.userrl import beside, read_json, read_rows
from bao.task import Split, Task, TaskSet


def read(path: Path, split: Split) -> TaskSet:
    """Tasks from a file, told apart by its suffix.

    ``.jsonl``: our own format. ``.json``: UserRL's list of rules; every task gets `split`. ``.parquet``: UserRL's task rows,
    whose rules are looked up by id in the ``functions.json`` in the same directory; the split is the row's own, or `split`
    where it names none. Raises `DataError`.
    """
    readers: Readers = {
        ".jsonl": lambda: (_marked(task) for task in TaskSet.read(path, NAME, check)),
        ".json": lambda: (_from_record(path, record, split) for record in _read_records(path)),
        ".parquet": lambda: _read_parquet(path, split),
    }
    return read_by_suffix(path, NAME, readers)


class _Record(BaseModel):
    """One entry of UserRL's ``functions.json``."""

    id: str
    rule: str
    test_case: tuple[int, int, int, int]
    expected_result: int | float | str


def _read_records(path: Path) -> list[_Record]:
    return read_json(path, list[_Record], "a list of rules")


def _from_record(path: Path, record: _Record, split: Split) -> Task:
    try:
        rule, inputs, value = checked(record.rule, record.test_case, record.expected_result)
    except ValueError as error:
        raise DataError(f"{path}, entry {record.id!r}: {error}") from error
    return Task(record.id, NAME, task_data(rule, inputs, value), split, rule.level)


def _read_parquet(path: Path, split: Split) -> TaskSet:
    rows = read_rows(path, split, needs=("ground_truth",))
    source = beside(path, "functions.json", "names its rules by id only")
    records = {record.id: record for record in _read_records(source)}
    tasks = []
    for row in rows:
        record = records.get(row.key)
        if record is None:
            raise DataError(f"{row.where}: reward_model.id={row.key!r} is not in {source}; use the file it was made from")
        task = _from_record(source, record, row.split)
        if not agrees(row.answer["ground_truth"], exact(task.data["expected_result"])):
            raise DataError(
                f"{row.where}: reward_model.ground_truth={row.answer['ground_truth']!r} but the rule gives "
                f"{task.data['expected_result']}; use the functions.json it was made from"
            )
        tasks.append(task)
    return TaskSet.of(tasks)


def _marked(task: Task) -> Task:
    """The task with its operators, and its level where it has none, worked out from its rule."""
    rule, inputs, value = checked(task.data["rule"], task.data["test_case"], task.data["expected_result"])
    return replace(task, data={**task.data, **task_data(rule, inputs, value)}, level=task.level or rule.level)
