"""Reads the telepathy gym's tasks from files: our JSON lines, and UserRL's entity list and parquet files.

UserRL's entities come without a table of attributes: a model can answer questions about them (``user="llm"``), rules can judge
guesses (``user="judge"``), and the scripted user needs ``class`` and ``facts`` added to their data. Their glosses are kept in
``gloss`` for users that can read.
"""

import re
from pathlib import Path

from pydantic import BaseModel

from bao.errors import DataError
from bao.gyms.loading import Readers, read_by_suffix
from bao.gyms.telepathy.tasks import NAME, check
from bao.gyms.userrl import beside, read_json, read_rows
from bao.task import Split, Task, TaskSet

_BRACKETED = re.compile(r"\s*\(([^)]*)\)|\s*['\"]([^'\"]+)['\"](?=\s)")
_MOUNT = re.compile(r"\bMt\.? ")


def read(path: Path, split: Split) -> TaskSet:
    """Tasks from a file, told apart by its suffix.

    ``.jsonl``: our own format. ``.json``: UserRL's list of entities; every task gets `split`. ``.parquet``: UserRL's task rows,
    whose entities are looked up by title in the ``entities.json`` in the same directory; the split is the row's own, or `split`
    where it names none. Raises `DataError`.
    """
    readers: Readers = {
        ".jsonl": lambda: TaskSet.read(path, NAME, check),
        ".json": lambda: (_task(path, record, split) for record in read_json(path, list[_Record], "a list of entities")),
        ".parquet": lambda: _read_parquet(path, split),
    }
    return read_by_suffix(path, NAME, readers)


class _Record(BaseModel):
    """One entry of UserRL's ``entities.json``."""

    id: str
    title: str
    description: str
    target_entity: str


def _task(path: Path, record: _Record, split: Split) -> Task:
    data = {
        "opening": record.description,
        "title": record.title,
        "aliases": _aliases(record.title),
        "gloss": record.target_entity,
    }
    task = Task(record.id, NAME, data, split)
    try:
        check(task)
    except ValueError as error:
        raise DataError(f"{path}, entry {record.id!r}: {error}") from error
    return task


def _aliases(title: str) -> list[str]:
    """Other ways to write a title: without what is in brackets or quotes, that alone, and ``Mount`` for ``Mt.``"""
    short = _BRACKETED.sub("", title)
    parts = [part for found in _BRACKETED.findall(title) for part in found if part]
    return [name for name in dict.fromkeys((short, *parts, _MOUNT.sub("Mount ", title))) if name != title]


def _read_parquet(path: Path, split: Split) -> TaskSet:
    rows = read_rows(path, split, key="title", needs=("ground_truth",))
    source = beside(path, "entities.json", "names its entities by title only")
    records = {record.title: record for record in read_json(source, list[_Record], "a list of entities")}
    tasks = []
    for row in rows:
        record = records.get(row.key)
        if record is None:
            raise DataError(f"{row.where}: reward_model.title={row.key!r} is not in {source}; use the file it was made from")
        tasks.append(_task(source, record, row.split))
    return TaskSet.of(tasks)
