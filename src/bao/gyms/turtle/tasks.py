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
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any

from bao.errors import ConfigError
from bao.gyms.loading import kept
from bao.gyms.turtle.concepts import Concept, parse_concepts
from bao.task import Hidden, Split, Task, TaskSet, Until

NAME = "turtle"
LEVELS = (2, 3)
"""Numbers of criteria among the own stories."""


class Truth(StrEnum):
    """The answer to a question about a fact."""

    YES = "yes"
    NO = "no"
    IRRELEVANT = "irrelevant"


@dataclass(frozen=True, slots=True)
class Criterion:
    statement: str
    weight: Fraction
    """Share of the score; the weights of a story sum to exactly 1."""
    needs: tuple[Concept, ...] = ()
    """What an account must hold, the core first; empty where only a reader can judge."""


@dataclass(frozen=True, slots=True)
class Fact:
    truth: Truth
    concepts: tuple[Concept, ...]


@dataclass(frozen=True)
class Story:
    """A checked story."""

    title: str
    surface: str
    bottom: str
    criteria: tuple[Criterion, ...]
    against: tuple[tuple[Concept, ...], ...] = ()
    """What contradicts the story: an account must not hold all concepts of any of them."""
    facts: tuple[Fact, ...] = field(default=())

    @property
    def annotated(self) -> bool:
        """Whether a scripted user can play it."""
        return all(criterion.needs for criterion in self.criteria)


def load(task: Task) -> Story:
    """The story of a task. Raises `KeyError` on a missing field and `ValueError` on a wrong one, naming it."""
    return _load(task.data)


@kept(most=5_000)
def _load(data: Mapping[str, Any]) -> Story:
    for name in ("title", "surface", "bottom"):
        if not isinstance(data[name], str) or not data[name].strip():
            raise ValueError(f"{name}={data[name]!r} must be a text")
    rows = data["criteria"]
    if not isinstance(rows, list) or not rows:
        raise ValueError(f"criteria={rows!r} must be a list with at least one criterion")
    criteria = tuple(_criterion(row, f"criteria[{number}]") for number, row in enumerate(rows))
    total = sum(criterion.weight for criterion in criteria)
    if total != 1:
        raise ValueError(f"criteria: the weights sum to {total}, not to 1; correct them")
    against = tuple(parse_concepts(text, "against") for text in data.get("against", []))
    facts = []
    for truth, texts in data.get("facts", {}).items():
        if truth not in list(Truth):
            raise ValueError(f"facts.{truth} is unknown; known: {', '.join(Truth)}")
        facts += [Fact(Truth(truth), parse_concepts(text, f"facts.{truth}")) for text in texts]
    return Story(data["title"], data["surface"], data["bottom"], criteria, against, tuple(facts))


def _criterion(row: Any, where: str) -> Criterion:
    if not isinstance(row, Mapping):
        raise ValueError(f"{where}={row!r} must be an object with statement and weight")
    if not isinstance(row["statement"], str) or not row["statement"].strip():
        raise ValueError(f"{where}.statement={row['statement']!r} must be a text")
    weight = exact(row["weight"], f"{where}.weight")
    if not 0 < weight <= 1:
        raise ValueError(f"{where}.weight={row['weight']!r} must be above 0 and at most 1")
    needs = parse_concepts(row["needs"], f"{where}.needs") if "needs" in row else ()
    return Criterion(row["statement"], weight, needs)


def exact(number: Any, where: str) -> Fraction:
    """The number as it is written: ``0.1`` is a tenth, not the float next to it. Raises `ValueError` naming `where`."""
    try:
        if isinstance(number, bool):
            raise ValueError
        return Fraction(str(number))
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError(f"{where}={number!r} must be a number such as 0.3") from error


def own_tasks(split: Split, size: int | None = None, levels: tuple[int, ...] | None = None) -> TaskSet:
    """The first `size` own stories of a split with one of `levels` criteria (default: all).

    Raises `ConfigError` on an unknown level and on more tasks than there are.
    """
    for level in levels or ():
        if level not in LEVELS:
            raise ConfigError(f"levels={levels}: the stories have the levels {', '.join(map(str, LEVELS))}")
    tasks = [task for task in _stories(split) if not levels or task.level in levels]
    if size is not None and not 0 <= size <= len(tasks):
        raise ConfigError(f"size={size} must be from 0 to {len(tasks)}, the number of {split} stories with these levels")
    return TaskSet.of(tasks[:size])


@cache
def _stories(split: Split) -> tuple[Task, ...]:
    text = (files("bao.gyms.turtle") / "stories" / f"{split}.toml").read_text(encoding="utf-8")
    rows = tomllib.loads(text, parse_float=str)["story"]
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
