"""The intention gym's tasks: what one holds, and the gym's own, made from the authored frames.

``Task.data`` holds ``category``, ``task`` (the vague wording) and ``missing_details``, each with ``description``,
``importance`` (1 to 3), ``inquiry`` and ``options``, as in UserRL, and here also ``words``, further key words. Besides these it
may hold ``other_details`` of the same form, which are not to be uncovered: with ``told`` (one of the options) the user has
settled them in the opening, without it the user has no wish about them.

An own task takes a frame and hides 2 to 5 of its details (`Task.level`); of the others about half are told. The splits are
disjoint by frame, and no description or example question occurs in two frames.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations
from typing import Any

import numpy as np

from bao.errors import ConfigError
from bao.gyms.intention.detail import TENTHS, Detail, best_points
from bao.gyms.intention.frames import Frame, frames_of
from bao.gyms.intention.reader import Reader
from bao.gyms.loading import kept
from bao.task import Hidden, Split, Task, TaskSet, Until, holds

NAME = "intention"
LEVELS = (2, 3, 4, 5)
"""Number of hidden details in an own task."""
DEFAULT_SIZES = {Split.TRAIN: 600, Split.VALID: 100, Split.TEST: 200}
_TOLD = 0.5
"""Probability that a detail of the frame that is not hidden is told in the opening."""


@dataclass(frozen=True)
class Request:
    """A task as it is played."""

    category: str
    task: str
    missing: tuple[Detail, ...]
    """The details to uncover."""
    others: tuple[tuple[Detail, str | None], ...]
    """Details not to uncover, with what the user told about them; None where the user has no wish."""

    @cached_property
    def opening(self) -> str:
        """What the agent is told first."""
        told = [f"- {detail.description}: {choice}" for detail, choice in self.others if choice is not None]
        settled = ["Settled already:", *told] if told else []
        return "\n".join([f"Category: {self.category}", f"Task: {self.task}", *settled])

    @cached_property
    def reader(self) -> Reader:
        """Reads questions; its indices are those of ``missing``, followed by those of ``others``."""
        return Reader(f"{self.category} {self.task}", (*self.missing, *(detail for detail, _ in self.others)))

    @cached_property
    def best(self) -> int:
        """The most that an episode can earn, in tenths of UserRL's reward."""
        return best_points(self.missing)


def load(task: Task) -> Request:
    """The request of a task. Raises `KeyError` on a missing field and `ValueError` on one that is wrong."""
    return _load(task.data)


@kept(most=5_000)
def _load(data: Mapping[str, Any]) -> Request:
    for field in ("category", "task"):
        if not isinstance(data[field], str) or not data[field].strip():
            raise ValueError(f"{field}={data[field]!r} must be a text")
    missing = tuple(_detail(row, f"missing_details[{i}]") for i, row in enumerate(_rows(data["missing_details"], "missing")))
    if not missing:
        raise ValueError("missing_details is empty: give at least one detail to uncover")
    others = []
    for index, row in enumerate(_rows(data.get("other_details", []), "other")):
        detail, told = _detail(row, f"other_details[{index}]"), row.get("told")
        if told is not None and told not in detail.options:
            raise ValueError(f"other_details[{index}].told={told!r} must be one of its options, {', '.join(detail.options)}")
        others.append((detail, told))
    descriptions = [detail.description for detail in (*missing, *(detail for detail, _ in others))]
    if len(set(descriptions)) < len(descriptions):
        raise ValueError(f"a description occurs twice among {'; '.join(descriptions)}")
    return Request(data["category"], data["task"], missing, tuple(others))


def _rows(rows: Any, which: str) -> list[Any]:
    if not isinstance(rows, list | tuple):
        raise ValueError(f"{which}_details={rows!r} must be a list")
    return list(rows)


def _detail(row: Any, where: str) -> Detail:
    if not isinstance(row, Mapping):
        raise ValueError(f"{where}={row!r} must be an object")
    for field in ("description", "inquiry"):
        if not isinstance(row[field], str) or not row[field].strip():
            raise ValueError(f"{where}.{field}={row[field]!r} must be a text")
    importance = {str(level): level for level in TENTHS}.get(str(row["importance"]))
    if importance is None:
        raise ValueError(f"{where}.importance={row['importance']!r} must be 1, 2 or 3")
    options = row["options"]
    if not isinstance(options, list | tuple) or not options or not all(isinstance(o, str) and o.strip() for o in options):
        raise ValueError(f"{where}.options={options!r} must be a list of at least one text")
    words = row.get("words", "")
    if not isinstance(words, str):
        raise ValueError(f"{where}.words={words!r} must be a text")
    return Detail(row["description"].strip(), importance, row["inquiry"].strip(), tuple(o.strip() for o in options), words)


def own_tasks(split: Split, size: int | None = None, levels: tuple[int, ...] | None = None) -> TaskSet:
    """The first `size` own tasks of a split, taken in turn from each of `levels` (default: all four).

    A level's n-th task does not depend on `size`. Raises `ConfigError` on an unknown level, a negative size and one that is
    more than a level has.
    """
    turns = LEVELS if levels is None else tuple(dict.fromkeys(levels))
    if not turns or any(level not in LEVELS for level in turns):
        raise ConfigError(f"levels={levels} must be some of {LEVELS} for the gym {NAME!r}")
    size = DEFAULT_SIZES[split] if size is None else size
    if size < 0:
        raise ConfigError(f"size={size} must not be negative")
    most = min(len(_hidings(split, level)) for level in turns) * len(turns)
    if size > most:
        raise ConfigError(f"size={size} is more than the {most} {split} tasks of the levels {turns}: ask for no more")
    return TaskSet.of(_own_task(split, turns[index % len(turns)], index // len(turns)) for index in range(size))


@lru_cache(maxsize=32)
def _hidings(split: Split, level: int) -> tuple[tuple[Frame, tuple[int, ...]], ...]:
    """Every frame of a split with every choice of so many details to hide, in a fixed random order."""
    found = [(frame, hidden) for frame in frames_of(split) for hidden in combinations(range(len(frame.details)), level)]
    order = np.random.default_rng([list(Split).index(split), level]).permutation(len(found))
    return tuple(found[i] for i in order.tolist())


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
    request = load(task)
    details = (*request.missing, *(detail for detail, _ in request.others))
    return frozenset({request.task, *(detail.description for detail in details)})


def hidden(task: Task) -> tuple[Hidden, ...]:
    """What is missing, the questions that ask for it, and what the user may have in mind.

    What the public fields hold anyhow is left out: where ``monthly bills`` is settled, ``monthly`` is no secret elsewhere.
    """
    request = load(task)
    told = [f"{detail.description}. {choice}" for detail, choice in request.others if choice is not None]
    public = ". ".join((request.category, request.task, *told))
    texts = [text for detail in request.missing for text in (detail.description, detail.inquiry, *detail.options)]
    return tuple(Hidden(text, Until.ASKED) for text in dict.fromkeys(texts) if not holds(public, text))
