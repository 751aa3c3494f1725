"""Where a gym's tasks come from: its own, those of files, what each holds and hides, and who plays them without a model.

A gym states it once, as its ``source``; `bao.gym.Gym` answers every question about tasks from there. It stands above `bao.task`
because scripted policies belong to it; the gym that they are made from is typed as any, because gyms stand above.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar, TypeVarTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from bao.errors import ConfigError, DataError
from bao.policy import Policy
from bao.task import Hidden, Split, Task, TaskSet

Given = TypeVarTuple("Given")
Made = TypeVar("Made")


def cache_by_identity(most: int) -> Callable[[Callable[[*Given], Made]], Callable[[*Given], Made]]:
    """Decorates a function of objects that never change: results are kept by the identity of the objects, which are kept too.

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


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must be a text that is not empty")
    return text


Text = Annotated[str, AfterValidator(_not_blank)]
"""A text with more than blanks in it."""


class TaskData(BaseModel):
    """What ``Task.data`` holds, as a pydantic model; a field that it does not name is refused.

    Validators raise `ValueError`. A text such as "must be above 0" goes on from the field and its value.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    @classmethod
    def of(cls, task: Task) -> Self:
        """The data of a task, checked once. Raises `KeyError` on a missing field and `ValueError` on a wrong one."""
        found = _checked(cls, task.data)
        assert isinstance(found, cls)
        return found


@cache_by_identity(most=20_000)
def _checked(kind: type[TaskData], data: Mapping[str, Any]) -> TaskData:
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        issue = error.errors()[0]
        if issue["type"] == "missing" and len(issue["loc"]) == 1:
            raise KeyError(issue["loc"][0]) from error
        raise ValueError(first_error(error)) from error


_MUST_BE = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "an object",
    "mapping_type": "an object",
    "model_type": "an object",
    "dataclass_type": "an object",
}
_NAMED_FIELD = re.compile(r"\w+(?:\[\d+\])?(?:\.\w+)*[=:]")


def first_error(error: ValidationError) -> str:
    """The first of the errors in one line that names the field, its value and what it must be."""
    issue = error.errors()[0]
    kind, context, location = issue["type"], issue.get("ctx", {}), list(issue["loc"])
    if kind in ("missing", "extra_forbidden", "unexpected_keyword_argument"):
        *above, name = location
        above_text = f"{_place(above)}: " if above else ""
        return f"{above_text}the field {name!r} is " + ("missing; add it" if kind == "missing" else "unknown; leave it out")
    if location[-1:] == ["[key]"]:
        return f"{_place(location[:-1])} is unknown; known: {_known(context)}"
    where, value = _place(location), repr(issue["input"])
    value = value if len(value) <= 200 else f"{value[:200]}.."
    if kind == "value_error":
        text = str(context["error"])
        if text.startswith("must "):
            return f"{where}={value} {text}"
        return where + (("." if _NAMED_FIELD.match(text) else ": ") if where else "") + text
    if kind in ("enum", "literal_error"):
        return f"{where}={value} is unknown; known: {_known(context)}"
    if kind == "too_short":
        return f"{where}={value} must be a list of at least {context['min_length']}"
    return f"{where}={value} must be {_MUST_BE.get(kind) or issue['msg'].removeprefix('Input should be ')}"


def _known(context: Mapping[str, Any]) -> str:
    return str(context.get("expected", "")).replace("'", "").replace(" or ", ", ")


def _place(location: Iterable[int | str]) -> str:
    """Such as ``bookings[0].aspect``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")


Check = Callable[[Task], object]
"""Raises `ValueError` or `KeyError` naming the field of a task that cannot be played."""
Reader = Callable[[Path, Split, Check], Iterable[Task]]
"""Reads the tasks of a file, of a split where the file names none, and has each checked. Raises `DataError`."""


def _own_id(task: Task) -> frozenset[str]:
    return frozenset({task.id})


def _nothing(task: Task) -> tuple[Hidden, ...]:
    return ()


def _no_tasks(split: Split, size: int | None, levels: tuple[int, ...]) -> Iterable[Task]:
    raise NotImplementedError("the gym has no tasks: give it a source, such as source = TaskSource(own=.., policies=..)")


def by_index(
    make: Callable[[Split, int, tuple[int, ...]], Task],
) -> Callable[[Split, int | None, tuple[int, ...]], Iterable[Task]]:
    """Own tasks without an end, where `make` gives the one of each index; a source of them needs `TaskSource.sizes`."""

    def own(split: Split, size: int | None, levels: tuple[int, ...]) -> Iterable[Task]:
        assert size is not None, "sizes names a number for every split"
        return (make(split, index, levels) for index in range(size))

    return own


@dataclass(frozen=True, kw_only=True)
class TaskSource:
    """All that can be asked about a gym's tasks."""

    own: Callable[[Split, int | None, tuple[int, ...]], Iterable[Task]] = _no_tasks
    """The gym's own tasks: the first so many of a split, always the same ones, of these levels; fewer where there are no more.
    The number is None where `sizes` gives none: all that there are."""
    sizes: Mapping[Split, int] = field(default_factory=dict)
    """How many of them where nobody asks for a number."""
    levels: tuple[int, ...] = ()
    """The levels of difficulty, in the order in which tasks take turns; none where all tasks are alike."""
    data: type[TaskData] | None = None
    """What a task holds."""
    check: Check | None = None
    """What else keeps a task from being played."""
    components: Callable[[Task], frozenset[str]] = _own_id
    """What a task is made of that no two splits may share: its entity, story, claim, rule, world."""
    hidden: Callable[[Task], tuple[Hidden, ...]] = _nothing
    """The texts that an episode must not give away, and what may show each (`bao.task.Until`)."""
    policies: Mapping[str, Callable[[Any, int], Policy]] = field(default_factory=dict)
    """Scripted policies by name, each made from the gym that it will play in and a seed."""
    bounds: frozenset[str] = frozenset({"oracle"})
    """Those of the policies that know the task, which no agent can: what they reach bounds plots and is never called best."""
    readers: Mapping[str, Reader] = field(default_factory=dict)
    """What reads the files of other formats, by suffix (``.parquet``); JSON lines are read as they are."""

    def task_set(self, gym: str, split: Split, size: int | None, levels: tuple[int, ...] | None) -> TaskSet:
        """Own tasks of `gym`. Raises `ConfigError` on levels that it does not have and on a size that cannot be had."""
        if levels is not None and (not levels or not set(levels) <= set(self.levels)):
            raise ConfigError(f"levels={levels} must be some of {tuple(sorted(set(self.levels)))} for the gym {gym!r}")
        size = self.sizes.get(split) if size is None else size
        if size is not None and size < 0:
            raise ConfigError(f"size={size} must not be negative")
        tasks = TaskSet.of(self.own(split, size, levels or self.levels))
        if size is not None and len(tasks) < size:
            of_levels = f" of the levels {levels}" if levels else ""
            raise ConfigError(f"size={size} is more than the {len(tasks)} {split} tasks{of_levels} of {gym}: ask for no more")
        return tasks

    def check_task(self, task: Task) -> None:
        """Raises `ValueError` or `KeyError` naming the field of a task that cannot be played."""
        if self.data is not None:
            self.data.of(task)
        if self.check is not None:
            self.check(task)

    def read(self, gym: str, path: Path, split: Split, check: Check) -> TaskSet:
        """The tasks of a file by the reader of its suffix. Raises `DataError` naming the file, the entry and the field."""
        if not self.readers:
            return TaskSet.read(path, gym, check)
        suffixes = list(dict.fromkeys((".jsonl", *self.readers)))
        listed = f"{', '.join(suffixes[:-1])} {{}} {suffixes[-1]}"
        if not path.is_file():
            raise DataError(f"no task file at {path}: give the path of a {listed.format('or')} file of {gym} tasks")
        if path.suffix not in suffixes:
            raise DataError(f"{path} has the suffix {path.suffix!r}; {gym} tasks are read from {listed.format('and')} files")
        if path.suffix not in self.readers:
            return TaskSet.read(path, gym, check)
        return TaskSet.of(self.readers[path.suffix](path, split, check))
