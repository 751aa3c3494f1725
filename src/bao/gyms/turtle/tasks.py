"""Turtle tasks: a story with a surface that puzzles and a bottom that explains it, and how both are annotated.

``Task.data`` holds ``title``, ``surface``, ``bottom`` and ``criteria``, each with a ``statement``, a ``weight`` (text or
number; they sum to 1) and, for the scripted user, ``needs``: the concepts (see `bao.gyms.turtle.concepts`) that an account must
have. Further, for the scripted user: ``against``, concepts that contradict the story, and ``facts``: the concepts of questions
whose answer is ``yes``, ``no`` or ``irrelevant``. `Task.level` is the number of criteria.

The own stories lie in ``stories/*.toml``, one file per split, and were written for this project. No two splits share a story.
"""

import re
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, Field, model_validator

from bao.gyms.data import text
from bao.gyms.turtle.concepts import Concept, parse_concepts
from bao.gyms.userrl import Record, readers
from bao.task import Hidden, Split, Task, Until
from bao.task_source import TaskData, Text

NAME = "turtle"
LEVELS = (2, 3)
"""Numbers of criteria among the own stories."""


class Truth(StrEnum):
    """The answer to a question about a fact."""

    YES = "yes"
    NO = "no"
    IRRELEVANT = "irrelevant"


def exact(number: Any) -> Fraction:
    """The number as it is written: ``0.1`` is a tenth, not the float next to it. Raises `ValueError`."""
    try:
        if isinstance(number, bool):
            raise ValueError
        return Fraction(str(number))
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError("must be a number such as 0.3") from error


def _weight(number: Any) -> Fraction:
    weight = exact(number)
    if not 0 < weight <= 1:
        raise ValueError("must be above 0 and at most 1")
    return weight


Concepts = Annotated[tuple[Concept, ...], BeforeValidator(parse_concepts)]


class Criterion(TaskData):
    statement: Text
    weight: Annotated[Fraction, BeforeValidator(_weight)]
    """Share of the score; the weights of a story sum to exactly 1."""
    needs: Concepts = ()
    """What an account must hold, the core first; empty where only a reader can judge."""


class Story(TaskData):
    title: Text
    surface: Text
    bottom: Text
    criteria: list[Criterion] = Field(min_length=1)
    against: list[Concepts] = Field(default_factory=list)
    """What contradicts the story: an account must not hold all concepts of any of them."""
    facts: dict[Truth, list[Concepts]] = Field(default_factory=dict)
    flaw: str = ""
    """Why the task is not worth playing."""

    @model_validator(mode="after")
    def _weights_sum_to_one(self) -> Self:
        total = sum(criterion.weight for criterion in self.criteria)
        if total != 1:
            raise ValueError(f"criteria: the weights sum to {total}, not to 1; correct them")
        return self

    @property
    def annotated(self) -> bool:
        """Whether a scripted user can play it."""
        return all(criterion.needs for criterion in self.criteria)


load = Story.of


def own_tasks(split: Split, size: int | None, levels: tuple[int, ...]) -> list[Task]:
    """The first `size` own stories of a split with one of `levels` criteria."""
    return [task for task in _stories(split) if task.level in levels][:size]


@cache
def _stories(split: Split) -> tuple[Task, ...]:
    rows = tomllib.loads(text(__package__, f"stories/{split}.toml"), parse_float=str)["story"]
    return tuple(_task(row, split, number) for number, row in enumerate(rows))


def _task(row: Mapping[str, Any], split: Split, number: int) -> Task:
    data = {
        "title": row["title"],
        "surface": row["surface"],
        "bottom": row["bottom"],
        "criteria": [{"statement": s, "weight": weight, "needs": needs} for weight, s, needs in row["criteria"]],
        "against": row["against"],
        "facts": {str(truth): row[truth] for truth in Truth},
    }
    return Task(f"{NAME}-{split}-{number}", NAME, data, split, len(data["criteria"]))


def components(task: Task) -> frozenset[str]:
    """The story: its title, its surface and its bottom."""
    story = load(task)
    return frozenset({story.title, story.surface, story.bottom})


def hidden(task: Task) -> tuple[Hidden, ...]:
    """The bottom and each of its sentences; and the criteria's statements, of which an account may earn the confirmation."""
    story = load(task)
    statements = dict.fromkeys(criterion.statement for criterion in story.criteria)
    told = (story.bottom, *re.split(r"(?<=[.!?])\s+", story.bottom))
    return (*(Hidden(text) for text in told if text not in statements), *(Hidden(text, Until.SOUGHT) for text in statements))


_CREDIT = re.compile(r"\W*(?:author|adapted by|spoiler alert)\b", re.IGNORECASE)


class Evaluation(BaseModel):
    statement: str
    score: float


class StoryRecord(Record):
    """One entry of UserRL's ``stories.json``; its task has the story's title as its id.

    Twelve of UserRL's 471 surfaces tell nothing: six are no more than a line that begins with "Author:", one says who adapted
    the story, and five warn of a spoiler. They are read as well, so that counts and scores stay comparable, and marked with
    ``data["flaw"]``, so that they can be left out.
    """

    plural = "stories"
    key = "title"
    needs = ("surface", "bottom")
    files = ("stories.json", "stories.json")
    by_key = True
    new_title: str
    new_surface: str
    new_bottom: str
    evaluation: list[Evaluation]

    def name(self) -> str:
        return self.new_title

    def task(self, split: Split) -> Task:
        data: dict[str, Any] = {
            "title": self.new_title,
            "surface": self.new_surface,
            "bottom": self.new_bottom,
            "criteria": [{"statement": each.statement, "weight": str(each.score)} for each in self.evaluation],
        }
        if _CREDIT.match(self.new_surface):
            data["flaw"] = "the surface tells nothing of the story"
        return Task(self.new_title, NAME, data, split, len(self.evaluation))

    def conflict(self, answer: Mapping[str, Any], source: Path) -> str | None:
        told = {"surface": self.new_surface, "bottom": self.new_bottom}
        return next((f"{name} is not that of {source}" for name, text in told.items() if answer[name] != text), None)


READERS = readers(StoryRecord)
