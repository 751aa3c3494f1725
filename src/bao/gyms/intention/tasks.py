"""The intention gym's tasks: what one holds, and the gym's own, made from the authored frames.

``Task.data`` holds ``category``, ``task`` (the vague wording) and ``missing_details``, each with ``description``,
``importance`` (1 to 3), ``inquiry`` and ``options``, as in UserRL, and here also ``words``, further key words. Besides these it
may hold ``other_details`` of the same form, which are not to be uncovered: with ``told`` (one of the options) the user has
settled them in the opening, without it the user has no wish about them.

An own task takes a frame and hides 2 to 5 of its details (`Task.level`); of the others about half are told. The frames take
turns. The splits are disjoint by frame, and no description or example question occurs in two frames.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from bao.gyms.intention.detail import TENTHS, Detail, best_points
from bao.gyms.intention.frames import Frame, frames_of
from bao.gyms.intention.reader import Reader
from bao.gyms.userrl import Record, readers
from bao.task import Hidden, Split, Task, Until, holds
from bao.task_source import TaskData, Text

NAME = "intention"
LEVELS = (2, 3, 4, 5)
"""Number of hidden details in an own task."""
SIZES = {Split.TRAIN: 600, Split.VALID: 100, Split.TEST: 200}
_TOLD = 0.5
"""Probability that a detail of the frame that is not hidden is told in the opening."""


def _level(importance: Any) -> int:
    found = {str(level): level for level in TENTHS}.get(str(importance))
    if found is None:
        raise ValueError("must be 1, 2 or 3")
    return found


Label = Annotated[Text, AfterValidator(str.strip)]


class MissingDetail(TaskData):
    description: Label
    importance: Annotated[int, BeforeValidator(_level)]
    inquiry: Label
    options: list[Label] = Field(min_length=1)
    words: str = ""

    def detail(self) -> Detail:
        return Detail(self.description, self.importance, self.inquiry, tuple(self.options), self.words)


class OtherDetail(MissingDetail):
    told: str | None = None

    @model_validator(mode="after")
    def _told_is_an_option(self) -> Self:
        if self.told is not None and self.told not in self.options:
            raise ValueError(f"told={self.told!r} must be one of its options, {', '.join(self.options)}")
        return self


class VagueTask(TaskData):
    """A task as it is played."""

    category: Text
    task: Text
    missing_details: list[MissingDetail] = Field(min_length=1)
    other_details: list[OtherDetail] = Field(default_factory=list)

    @model_validator(mode="after")
    def _descriptions_differ(self) -> Self:
        descriptions = [each.description for each in (*self.missing_details, *self.other_details)]
        if len(set(descriptions)) < len(descriptions):
            raise ValueError(f"a description occurs twice among {'; '.join(descriptions)}")
        return self

    @cached_property
    def missing(self) -> tuple[Detail, ...]:
        """The details to uncover."""
        return tuple(each.detail() for each in self.missing_details)

    @cached_property
    def others(self) -> tuple[tuple[Detail, str | None], ...]:
        """Details not to uncover, with what the user told about them; None where the user has no wish."""
        return tuple((each.detail(), each.told) for each in self.other_details)

    @cached_property
    def opening(self) -> str:
        """What the agent is told first."""
        told = [f"- {detail.description}: {choice}" for detail, choice in self.others if choice is not None]
        settled = ["Settled already:", *told] if told else []
        return "\n".join([f"Category: {self.category}", f"Task: {self.task}", *settled])

    @cached_property
    def reader(self) -> Reader:
        """Reads questions; its indices are those of ``missing``, followed by those of ``others``."""
        return Reader(
            f"Category {self.category} Task {self.task} settled already",
            (*self.missing, *(detail for detail, _ in self.others)),
        )

    @cached_property
    def best(self) -> int:
        """The most that an episode can earn, in tenths of UserRL's reward."""
        return best_points(self.missing)


load = VagueTask.of


def own_tasks(split: Split, size: int | None, levels: tuple[int, ...]) -> Iterator[Task]:
    """The first `size` own tasks of a split, taken in turn from each of `levels`, until one of these has run out.

    A level's n-th task does not depend on `size`.
    """
    assert size is not None, "there is a size for every split"
    turns = tuple(dict.fromkeys(levels))
    most = min(len(_hidings(split, level)) for level in turns) * len(turns)
    return (_own_task(split, turns[index % len(turns)], index // len(turns)) for index in range(min(size, most)))


@lru_cache(maxsize=32)
def _hidings(split: Split, level: int) -> tuple[tuple[Frame, tuple[int, ...]], ...]:
    """Every frame of a split with every choice of so many details to hide, in a fixed random order.

    The frames take turns, so that none is drawn twice before all were once: a few large clusters would leave an interval
    with less than their number.
    """
    rng = np.random.default_rng([list(Split).index(split), level])
    frames, choices = frames_of(split), []
    for frame in frames:
        every = list(combinations(range(len(frame.details)), level))
        choices.append([every[i] for i in rng.permutation(len(every)).tolist()])
    found = []
    for turn in range(max(map(len, choices))):
        order = rng.permutation(len(frames)).tolist()
        found += [(frames[i], choices[i][turn]) for i in order if turn < len(choices[i])]
    return tuple(found)


@lru_cache(maxsize=4_000)
def _own_task(split: Split, level: int, number: int) -> Task:
    frame, hidden = _hidings(split, level)[number]
    rng = np.random.default_rng([list(Split).index(split), level, number])
    others = []
    for index, detail in enumerate(frame.details):
        told = str(rng.choice(detail.options)) if rng.random() < _TOLD else None
        if index not in hidden:
            others.append({**_row(detail), "told": told})
    data = {
        "category": frame.category,
        "task": frame.task,
        "missing_details": [_row(frame.details[index]) for index in hidden],
        "other_details": others,
    }
    return Task(f"{NAME}-{split}-{level}-{number}", NAME, data, split, level)


def _row(detail: Detail) -> dict[str, Any]:
    return {
        "description": detail.description,
        "importance": detail.importance,
        "inquiry": detail.inquiry,
        "options": list(detail.options),
        "words": detail.words,
    }


def components(task: Task) -> frozenset[str]:
    """The frame: its wording, and the descriptions of its details."""
    vague = load(task)
    details = (*vague.missing, *(detail for detail, _ in vague.others))
    return frozenset({vague.task, *(detail.description for detail in details)})


def hidden(task: Task) -> tuple[Hidden, ...]:
    """What is missing, the questions that ask for it, and what the user may have in mind.

    What the public fields hold anyhow is left out: where ``monthly bills`` is settled, ``monthly`` is no secret elsewhere.
    """
    vague = load(task)
    told = [f"{detail.description}. {choice}" for detail, choice in vague.others if choice is not None]
    public = ". ".join((vague.category, vague.task, *told))
    texts = [text for detail in vague.missing for text in (detail.description, detail.inquiry, *detail.options)]
    return tuple(Hidden(text, Until.ASKED) for text in dict.fromkeys(texts) if not holds(public, text))


class RecordedDetail(BaseModel):
    description: str
    importance: int
    inquiry: str
    options: list[str]


class VagueRecord(Record):
    """One entry of UserRL's ``all_intentions_*.json``; the importance of a detail is a number in quotes there."""

    plural = "vague tasks"
    needs = ("task",)
    files = ("all_intentions_train.json", "all_intentions_test.json")
    id: str
    category: str
    wording: str = Field(alias="task")
    missing_details: list[RecordedDetail]

    def task(self, split: Split) -> Task:
        data = self.model_dump(exclude={"id"}, by_alias=True)
        return Task(self.id, NAME, data, split, len(self.missing_details))

    def conflict(self, answer: Mapping[str, Any], source: Path) -> str | None:
        if self.wording == answer["task"]:
            return None
        return f"task={answer['task']!r}, but {source} has {self.wording!r} for this id"


READERS = readers(VagueRecord)
