"""Reads the persuade gym's tasks from files: our JSON lines, and UserRL's parquet files; and finds what two sets share.

UserRL's rows hold a claim and an argument for it, but no considerations: a model plays them, and the scripted user refuses to.
"""

from collections.abc import Iterable
from pathlib import Path

from bao.errors import DataError
from bao.gyms.loading import Readers, read_by_suffix
from bao.gyms.persuade.tasks import NAME, check
from bao.gyms.userrl import read_rows
from bao.task import Split, Task, TaskSet


def read(path: Path, split: Split) -> TaskSet:
    """Tasks from a file, told apart by its suffix.

    ``.jsonl``: our own format. ``.parquet``: UserRL's task rows; the split is the row's own, or `split` where it names none.
    Raises `DataError`.
    """
    readers: Readers = {".jsonl": lambda: TaskSet.read(path, NAME, check), ".parquet": lambda: _parquet(path, split)}
    return read_by_suffix(path, NAME, readers)


def _parquet(path: Path, split: Split) -> Iterable[Task]:
    for row in read_rows(path, split, needs=("claim", "argument")):
        task = Task(row.key, NAME, {name: row.answer[name] for name in ("claim", "argument")}, row.split)
        try:
            check(task)
        except ValueError as error:
            raise DataError(f"{row.where}: reward_model.{error}") from error
        yield task


def shared_claims(one: TaskSet, other: TaskSet) -> tuple[str, ...]:
    """The claims that occur in both sets, sorted, whatever their case, spaces and final stop.

    Of UserRL's 27 test claims all 27 occur in its training set, so its test score is no score on unseen claims.
    """
    return _shared(one, other, "claim")


def shared_arguments(one: TaskSet, other: TaskSet) -> tuple[str, ...]:
    """The arguments of UserRL's tasks that occur word for word in both sets, sorted."""
    return _shared(one, other, "argument")


def _shared(one: TaskSet, other: TaskSet, field: str) -> tuple[str, ...]:
    first, second = (
        {" ".join(task.data[field].lower().split()).rstrip("."): task.data[field] for task in tasks if field in task.data}
        for tasks in (one, other)
    )
    return tuple(sorted(first[key] for key in first.keys() & second.keys()))
