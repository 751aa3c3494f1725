"""How gyms load tasks: a file by the reader of its suffix, and what is worked out from a task once and not at every reset."""

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from pathlib import Path
from typing import TypeVar, TypeVarTuple

from bao.errors import DataError
from bao.task import Task, TaskSet

Given = TypeVarTuple("Given")
Made = TypeVar("Made")
Readers = Mapping[str, Callable[[], Iterable[Task]]]
"""What reads the tasks of a file, by its suffix (``.jsonl``)."""


def kept(most: int) -> Callable[[Callable[[*Given], Made]], Callable[[*Given], Made]]:
    """Decorates a function of objects that never change: what it returns is kept by their identity, and they beside it.

    Training plays each task many times, and its data, a dictionary, cannot be hashed. Errors are not kept. After `most` results
    it starts afresh. Safe in threads, which at worst work out a result twice.
    """

    def decorate(make: Callable[[*Given], Made]) -> Callable[[*Given], Made]:
        results: dict[tuple[int, ...], tuple[tuple[*Given], Made]] = {}

        @wraps(make)
        def look_up(*given: *Given) -> Made:
            key = tuple(map(id, given))
            found = results.get(key)
            if found is not None:  # of the very objects given: those of an entry live as long as it does, and ids with them
                return found[1]
            made = make(*given)
            if len(results) >= most:
                results.clear()
            results[key] = given, made
            return made

        return look_up

    return decorate


def read_by_suffix(path: Path, gym: str, readers: Readers) -> TaskSet:
    """The tasks of the file at `path` by the reader of its suffix.

    Raises `DataError` where there is no such file or no reader of its suffix, and what the reader raises.
    """
    *others, last = readers
    if not path.is_file():
        raise DataError(f"no task file at {path}: give the path of a {', '.join(others)} or {last} file of {gym} tasks")
    if path.suffix not in readers:
        raise DataError(
            f"{path} has the suffix {path.suffix!r}; {gym} tasks are read from {', '.join(others)} and {last} files"
        )
    tasks = readers[path.suffix]()
    return tasks if isinstance(tasks, TaskSet) else TaskSet.of(tasks)
