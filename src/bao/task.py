"""One task of a gym, ordered sets of them, and what a task hides from the agent.

A `Task` is data only: ``data`` holds everything the gym needs, hidden context included, so a task never travels to a policy;
what the agent may see is the text that the gym's ``reset`` returns. Task files are JSON lines, one task a line, with the
fields of `Task`.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np

from bao.errors import DataError, suggest


class Split(StrEnum):
    TRAIN = "train"
    VALID = "valid"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Task:
    """One task: an id unique within its gym, and the data that its gym needs to play it."""

    id: str
    gym: str
    data: Mapping[str, Any]
    split: Split = Split.TRAIN
    level: int = 0
    """Difficulty as the gym defines it (travel: the number of aspects); 0 where it has no levels."""

    def to_json(self) -> dict[str, Any]:
        return {"id": self.id, "gym": self.gym, "split": str(self.split), "level": self.level, "data": dict(self.data)}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Task":
        """Raises `KeyError` or `ValueError` on a missing or wrong field; `TaskSet.read` adds the file and line."""
        if not isinstance(row, Mapping):
            raise ValueError(f"a task is an object with the fields id, gym, split, level and data, not {type(row).__name__}")
        split, level, data = row.get("split", Split.TEST), row.get("level", 0), row["data"]
        if split not in list(Split):
            raise ValueError(f"split={split!r} is unknown: {suggest(str(split), map(str, Split))}")
        if not isinstance(level, int):
            raise ValueError(f"level={level!r} must be a whole number")
        if not isinstance(data, Mapping):
            raise ValueError(f"data={data!r} must be an object")
        return cls(id=str(row["id"]), gym=str(row["gym"]), data=data, split=Split(split), level=level)


@dataclass(frozen=True)
class TaskSet(Sequence[Task]):
    """Tasks in a fixed order, with unique ids."""

    tasks: tuple[Task, ...] = field(repr=False)

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for task in self.tasks:
            if task.id in seen:
                raise DataError(f"task id {task.id!r} occurs twice: ids must be unique within a task set")
            seen.add(task.id)

    @classmethod
    def of(cls, tasks: Iterable[Task]) -> "TaskSet":
        return cls(tuple(tasks))

    def __len__(self) -> int:
        return len(self.tasks)

    def __iter__(self) -> Iterator[Task]:
        return iter(self.tasks)

    @overload
    def __getitem__(self, index: int) -> Task: ...
    @overload
    def __getitem__(self, index: slice) -> "TaskSet": ...
    def __getitem__(self, index: int | slice) -> "Task | TaskSet":
        return TaskSet(self.tasks[index]) if isinstance(index, slice) else self.tasks[index]

    def sample(self, count: int, rng: np.random.Generator) -> list[Task]:
        """`count` tasks, without replacement as far as there are enough of them. Raises `DataError` if there are none."""
        if count and not self.tasks:
            raise DataError(f"cannot draw {count} tasks from an empty task set")
        picks: list[int] = []
        while len(picks) < count:
            picks += rng.permutation(len(self.tasks))[: count - len(picks)].tolist()
        return [self.tasks[i] for i in picks]

    def write(self, path: Path) -> None:
        with path.open("w", encoding="utf-8") as file:
            for task in self.tasks:
                file.write(json.dumps(task.to_json(), ensure_ascii=False) + "\n")

    @classmethod
    def read(cls, path: Path, gym: str, check: Callable[[Task], object] | None = None) -> "TaskSet":
        """Tasks from a JSON-lines file.

        `check` is called on each task and may raise `ValueError` or `KeyError`: the gym's own validation of ``data``.
        Raises `DataError` naming the file, the line and what is wrong with it.
        """
        tasks = []
        if not path.is_file():
            raise DataError(f"no task file at {path}: give the path of a JSON-lines file of {gym} tasks")
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"{path} is no UTF-8 text ({error.reason} at byte {error.start}): save it as UTF-8") from error
        seen: dict[str, int] = {}
        for number, line in enumerate(text.split("\n"), start=1):  # splitlines would break at U+2028 inside a string
            if not line.strip():
                continue
            try:
                task = Task.from_json(json.loads(line))
                if task.gym != gym:
                    raise ValueError(f"it is a task of the gym {task.gym!r}, not of {gym!r}")
                if task.id in seen:
                    raise ValueError(f"the id {task.id!r} is that of line {seen[task.id]} already; ids must be unique")
                if check is not None:
                    check(task)
            except KeyError as error:
                raise DataError(f"{path}, line {number}: the field {error.args[0]!r} is missing; add it") from error
            except (TypeError, ValueError) as error:
                raise DataError(f"{path}, line {number}: {error}") from error
            seen[task.id] = number
            tasks.append(task)
        if not tasks:
            raise DataError(f"{path} holds no task")
        return cls.of(tasks)


class Until(StrEnum):
    """What may show a hidden text; nothing does before."""

    SOUGHT = "sought"
    """A search, a tool's result, or a reply to a question or to an answer that hits it."""
    ASKED = "asked"
    """A reply to a question to the user (``action``): only the user knows it."""
    SAID = "said"
    """The agent's own words: nobody tells it, at most it is confirmed."""


class Hidden(NamedTuple):
    """A text of a task that its episodes must not give away: a title, a rule, a wish that was not stated."""

    text: str
    until: Until = Until.SAID


# A number keeps its sign, decimals and fraction, so that 3 is not found in -3, 3.5 or 7/3. An underscore parts words.
_TOKEN = re.compile(r"(?<![^\W_])(?<!\.)-?\d+(?:[./]\d+)*(?![^\W_])|[^\W_]+")
_NUMBER = re.compile(r"-?\d+(?:[./]\d+)*")


def words_of(text: str) -> str:
    """The words and numbers of `text` in lower case, each between blanks; the form in which texts are compared."""
    return f" {' '.join(_TOKEN.findall(text.casefold()))} "


def is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text.strip()) is not None


def holds(shown: str, text: str) -> bool:
    """Whether `shown` holds `text` as whole words, whatever the case and the marks between them.

    Paraphrases, translations and words in another form are not found. A text without a word is held by nothing.
    """
    sought = words_of(text)
    return bool(sought.strip()) and sought in words_of(shown)
