"""Reads the search gym's tasks from files: our JSON lines, and UserRL's list of questions and parquet file (Bamboogle).

UserRL's questions are about the real world. They come without a corpus: begin them in a gym with a `corpus` of your own.
"""

from pathlib import Path

from pydantic import BaseModel

from bao.errors import DataError
from bao.gyms.loading import Readers, read_by_suffix
from bao.gyms.search.judge import normal_form
from bao.gyms.search.tasks import NAME, load
from bao.gyms.userrl import beside, read_json, read_rows
from bao.task import Split, Task, TaskSet


def read(path: Path, split: Split) -> TaskSet:
    """Tasks from a file, told apart by its suffix.

    ``.jsonl``: our own format. ``.json``: UserRL's list of questions; every task gets `split`. ``.parquet``: UserRL's task
    rows, whose questions are looked up by id in the ``questions.json`` in the same directory; the split is the row's own, or
    `split` where it names none. Raises `DataError`.
    """
    readers: Readers = {
        ".jsonl": lambda: TaskSet.read(path, NAME, load),
        ".json": lambda: (_task(path, record, split) for record in _read_records(path)),
        ".parquet": lambda: _read_parquet(path, split),
    }
    return read_by_suffix(path, NAME, readers)


class _Record(BaseModel):
    """One entry of UserRL's ``questions.json``."""

    id: str
    question: str
    answer: str


def _read_records(path: Path) -> list[_Record]:
    return read_json(path, list[_Record], "a list of questions")


def _task(path: Path, record: _Record, split: Split) -> Task:
    task = Task(record.id, NAME, {"question": record.question.strip(), "answers": [record.answer.strip()]}, split)
    try:
        load(task)
    except ValueError as error:
        raise DataError(f"{path}, entry {record.id!r}: {error}") from error
    return task


def _read_parquet(path: Path, split: Split) -> TaskSet:
    rows = read_rows(path, split, needs=("ground_truth",))
    source = beside(path, "questions.json", "names its questions by id")
    records = {record.id: record for record in _read_records(source)}
    tasks = []
    for row in rows:
        record = records.get(row.key)
        if record is None:
            raise DataError(f"{row.where}: reward_model.id={row.key!r} is not in {source}; use the file it was made from")
        if normal_form(str(row.answer["ground_truth"])) != normal_form(record.answer):
            raise DataError(
                f"{row.where}: reward_model.ground_truth={row.answer['ground_truth']!r} but the answer is {record.answer!r} in "
                f"{source}; use the file it was made from"
            )
        tasks.append(_task(source, record, row.split))
    return TaskSet.of(tasks)
