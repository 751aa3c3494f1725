"""Reads the intention gym's tasks from files: our JSON lines, and UserRL's records and parquet files."""

from pathlib import Path

from pydantic import BaseModel

from bao.errors import DataError
from bao.gyms.intention.tasks import NAME, load
from bao.gyms.loading import Readers, read_by_suffix
from bao.gyms.userrl import beside, read_json, read_rows
from bao.task import Split, Task, TaskSet


def read(path: Path, split: Split) -> TaskSet:
    """Tasks from a file, told apart by its suffix.

    ``.jsonl``: our own format. ``.json``: UserRL's list of records; every task gets `split`. ``.parquet``: UserRL's task rows,
    whose records are looked up by id in the ``all_intentions_train.json`` or ``all_intentions_test.json`` in the same
    directory, by the row's split; the split is the row's own, or `split` where it names none. Raises `DataError`.
    """
    readers: Readers = {
        ".jsonl": lambda: TaskSet.read(path, NAME, load),
        ".json": lambda: (_from_record(path, record, split) for record in _read_records(path)),
        ".parquet": lambda: _read_parquet(path, split),
    }
    return read_by_suffix(path, NAME, readers)


class _Detail(BaseModel):
    description: str
    importance: int
    inquiry: str
    options: list[str]


class _Record(BaseModel):
    """One entry of UserRL's ``all_intentions_*.json``; the importance of a detail is a number in quotes there."""

    id: str
    category: str
    task: str
    missing_details: list[_Detail]


def _read_records(path: Path) -> list[_Record]:
    return read_json(path, list[_Record], "a list of vague tasks")


def _from_record(path: Path, record: _Record, split: Split) -> Task:
    task = Task(record.id, NAME, record.model_dump(exclude={"id"}), split, len(record.missing_details))
    try:
        load(task)
    except ValueError as error:
        raise DataError(f"{path}, entry {record.id!r}: {error}") from error
    return task


def _read_parquet(path: Path, split: Split) -> TaskSet:
    records: dict[Path, dict[str, _Record]] = {}
    tasks = []
    for row in read_rows(path, split, needs=("task",)):
        half = Split.TEST if row.split is Split.TEST else Split.TRAIN
        source = beside(path, f"all_intentions_{half}.json", "names its vague tasks by id only")
        if source not in records:
            records[source] = {record.id: record for record in _read_records(source)}
        record = records[source].get(row.key)
        if record is None:
            raise DataError(f"{row.where}: reward_model.id={row.key!r} is not in {source}; use the file it was made from")
        if record.task != row.answer["task"]:
            raise DataError(
                f"{row.where}: reward_model.task={row.answer['task']!r}, but {source} has {record.task!r} for this id; "
                "use the file it was made from"
            )
        tasks.append(_from_record(source, record, row.split))
    return TaskSet.of(tasks)
