"""Reads the turtle gym's tasks from files: our JSON lines, and UserRL's ``stories.json`` and parquet files.

Twelve of UserRL's 471 surfaces tell nothing: six are no more than a line that begins with "Author:", one says who adapted the
story, and five warn of a spoiler. Such tasks are read as well, so that counts and scores stay comparable, and marked with
``data["flaw"]``, so that they can be left out.
"""

import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from bao.errors import DataError
from bao.gyms.loading import Readers, read_by_suffix
from bao.gyms.turtle.tasks import NAME
from bao.gyms.turtle.user import check
from bao.gyms.userrl import beside, read_json, read_rows
from bao.task import Split, Task, TaskSet

FLAW = "the surface tells nothing of the story"
_CREDIT = re.compile(r"\W*(?:author|adapted by|spoiler alert)\b", re.IGNORECASE)


class _Evaluation(BaseModel):
    statement: str
    score: float


class _Record(BaseModel):
    """One entry of UserRL's ``stories.json``."""

    new_title: str
    new_surface: str
    new_bottom: str
    evaluation: list[_Evaluation]


def read(path: Path, split: Split) -> TaskSet:
    """Tasks from a file, told apart by its suffix.

    ``.jsonl``: our own format. ``.json``: UserRL's stories; every task gets `split`. ``.parquet``: UserRL's task rows, whose
    stories are looked up by title in the ``stories.json`` in the same directory; the split is the row's own, or `split` where
    it names none. A task of UserRL has the story's title as its id. Raises `DataError`.
    """
    readers: Readers = {
        ".jsonl": lambda: TaskSet.read(path, NAME, check),
        ".json": lambda: (_task(path, key, record, split) for key, record in _read_records(path).items()),
        ".parquet": lambda: _read_parquet(path, split),
    }
    return read_by_suffix(path, NAME, readers)


def _read_records(path: Path) -> dict[str, _Record]:
    return read_json(path, dict[str, _Record], "an object of stories")


def _task(path: Path, key: str, record: _Record, split: Split) -> Task:
    data: dict[str, Any] = {
        "title": record.new_title,
        "surface": record.new_surface,
        "bottom": record.new_bottom,
        "criteria": [{"statement": each.statement, "weight": str(each.score)} for each in record.evaluation],
    }
    if _CREDIT.match(record.new_surface):
        data["flaw"] = FLAW
    task = Task(record.new_title, NAME, data, split, len(record.evaluation))
    try:
        check(task)
    except ValueError as error:
        raise DataError(f"{path}, entry {key!r}: {error}") from error
    return task


def _read_parquet(path: Path, split: Split) -> TaskSet:
    rows = read_rows(path, split, key="title", needs=("surface", "bottom"))
    source = beside(path, "stories.json", "names its stories by title only")
    records = {record.new_title: (key, record) for key, record in _read_records(source).items()}
    tasks = []
    for row in rows:
        if row.key not in records:
            raise DataError(f"{row.where}: reward_model.title={row.key!r} is not in {source}; use the file it was made from")
        key, record = records[row.key]
        for name, told in (("surface", record.new_surface), ("bottom", record.new_bottom)):
            if row.answer[name] != told:
                raise DataError(f"{row.where}: reward_model.{name} is not that of {source}; use the file it was made from")
        tasks.append(_task(source, key, record, row.split))
    return TaskSet.of(tasks)
