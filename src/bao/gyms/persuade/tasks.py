"""The persuade gym's tasks: what one holds, and the gym's own, made from the claims in ``claims/*.toml``.

``Task.data`` holds ``claim``, ``reason`` (why the user holds it), ``considerations`` (each with its ``kind`` and its ``text``)
and ``weighs`` (the kinds that count for this user). In a text, ``[a|b|c]`` is a concept: the text reads ``a``, and any of the
words in any of their forms names the concept. An argument addresses a consideration by naming all of its concepts.

Exactly six considerations weigh, one for each level of the way; the user brushes the others aside, two or three of them, and
their number is the level of the task. The same claim is held by several users, who differ in what weighs. A claim and its
considerations belong to one split. They are invented, to give a persona something to care about; they state no facts.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Self

from pydantic import Field, model_validator

from bao.errors import DataError
from bao.gyms.data import table
from bao.gyms.persuade.stance import TOP
from bao.gyms.persuade.words import FUNCTION_WORDS, Kind, all_forms
from bao.gyms.userrl import rows
from bao.task import Hidden, Split, Task, TaskSet, Until
from bao.task_source import Check, TaskData, Text

NAME = "persuade"
LEVELS = (2, 3)
"""Number of considerations that do not weigh."""
USERS_PER_CLAIM = {Split.TRAIN: 4, Split.VALID: 3, Split.TEST: 2}

_CONCEPT = re.compile(r"\[([^\]\[]*)\]")
_WORD = re.compile(r"[a-z0-9é]+")


@dataclass(frozen=True, slots=True)
class Consideration:
    """One thing that speaks against the claim."""

    kind: Kind
    text: str
    """A clause without its marks, such as ``the heating runs anyway``."""
    concepts: tuple[frozenset[str], ...]
    """For each concept the words that name it."""
    weighs: bool


@dataclass(frozen=True)
class Case:
    """A claim, the user who holds it, and what they would have to consider."""

    claim: str
    reason: str
    considerations: tuple[Consideration, ...]
    bits: Mapping[str, int]
    """For each word the concepts that it names, as bits: concept by concept, consideration by consideration."""
    needs: tuple[int, ...]
    """For each consideration the bits of its concepts."""

    @property
    def weighing(self) -> tuple[Kind, ...]:
        """The kinds that weigh, without repeats."""
        return tuple(dict.fromkeys(each.kind for each in self.considerations if each.weighs))


def plain(text: str) -> str:
    """A text as it reads, each concept by its first word."""
    return _CONCEPT.sub(lambda found: found[1].split("|")[0], text)


def concepts(text: str) -> tuple[frozenset[str], ...]:
    """The words that name each concept of a text. Raises `ValueError` naming one that no argument could name by itself."""
    found = []
    for group in _CONCEPT.findall(text):
        words = group.lower().split("|")
        for word in words:
            if not _WORD.fullmatch(word) or word in FUNCTION_WORDS:
                raise ValueError(f"the concept [{group}] holds {word!r}; give single words of meaning, with | between them")
        found.append(all_forms(words) - FUNCTION_WORDS)
    if not found:
        raise ValueError(f"the consideration {text!r} marks no concept; put words by which it is known in brackets")
    return tuple(found)


class ConsiderationRow(TaskData):
    kind: Kind
    text: Text


class ClaimTask(TaskData):
    """A claim of ours with its considerations, or one of UserRL's with an argument for it and none."""

    claim: Text
    argument: Text = ""
    reason: Text = ""
    weighs: list[Kind] = Field(default_factory=list)
    considerations: list[ConsiderationRow] = Field(default_factory=list)

    @model_validator(mode="after")
    def _is_playable(self) -> Self:
        if not self.argument or "considerations" in self.model_fields_set:
            _ = self.case
        return self

    @cached_property
    def case(self) -> Case:
        """Raises `ValueError` or `KeyError` where there is none to play."""
        for name in ("reason", "weighs", "considerations"):
            if name not in self.model_fields_set:
                raise KeyError(name)
        rows = self.considerations
        found = tuple(Consideration(row.kind, plain(row.text), concepts(row.text), row.kind in self.weighs) for row in rows)
        count = sum(each.weighs for each in found)
        if count < TOP:
            raise ValueError(f"only {count} considerations are of a kind in weighs; it takes {TOP} to reach Strongly Disagree")
        if len({each.text for each in found}) < len(found):
            raise ValueError(f"two considerations of the claim {self.claim!r} have the same text")
        bits: dict[str, int] = {}
        needs = []
        bit = 1
        for each in found:
            need = 0
            for concept in each.concepts:
                for word in concept:
                    bits[word] = bits.get(word, 0) | bit
                need |= bit
                bit <<= 1
            needs.append(need)
        return Case(self.claim, self.reason, found, bits, tuple(needs))


def load(task: Task) -> Case:
    """The case of a task. Raises `KeyError` on a missing field and `ValueError` on one that cannot be played."""
    return ClaimTask.of(task).case


def is_userrl(task: Task) -> bool:
    """Whether a task is one of UserRL's, which hold a claim and an argument for it but no considerations."""
    return "considerations" not in task.data and "argument" in task.data


def own_tasks(split: Split, size: int | None, levels: tuple[int, ...]) -> list[Task]:
    """The first `size` own tasks of these levels: one user for every claim, then a second for every claim."""
    return [task for task in _all_tasks(split) if task.level in levels][:size]


@lru_cache(maxsize=3)
def _all_tasks(split: Split) -> tuple[Task, ...]:
    claims = table(__package__, f"claims/{split}.toml").items()
    return tuple(_task(split, name, row, user) for user in range(USERS_PER_CLAIM[split]) for name, row in claims)


def _task(split: Split, name: str, row: Mapping[str, str], user: int) -> Task:
    """The task of the `user`-th user who holds a claim: the same one each time."""
    texts = {Kind(kind): text for kind, text in row.items() if kind not in ("claim", "reason")}
    aside = len(texts) - TOP
    ways = list(combinations(texts, aside))
    Random(f"{NAME} {name}").shuffle(ways)
    brushed = ways[user % len(ways)]
    data = {
        "claim": row["claim"],
        "reason": row["reason"],
        "weighs": [str(kind) for kind in texts if kind not in brushed],
        "considerations": [{"kind": str(kind), "text": text} for kind, text in texts.items()],
    }
    return Task(f"{NAME}-{split}-{name}-{user + 1}", NAME, data, split, aside)


def components(task: Task) -> frozenset[str]:
    """The claim and all that speaks against it; of UserRL's tasks the claim and the argument."""
    if is_userrl(task):
        return frozenset({task.data["claim"], task.data["argument"]})
    case = load(task)
    return frozenset({case.claim, *(consideration.text for consideration in case.considerations)})


def hidden(task: Task) -> tuple[Hidden, ...]:
    """Why the user holds the claim, and what would change their mind. Which kinds weigh is no text of its own."""
    if is_userrl(task):
        return (Hidden(task.data["argument"]),)
    case = load(task)
    return tuple(Hidden(text, Until.ASKED) for text in (case.reason, *(each.text for each in case.considerations)))


def _read_rows(path: Path, split: Split, check: Check) -> Iterator[Task]:
    """UserRL's rows, which hold a claim and an argument for it: a model plays them, and the scripted user refuses to."""
    for row in rows(path, split, needs=("claim", "argument")):
        task = Task(row.key, NAME, {name: row.answer[name] for name in ("claim", "argument")}, row.split)
        try:
            check(task)
        except ValueError as error:
            raise DataError(f"{row.where}: reward_model.{error}") from error
        yield task


READERS = {".parquet": _read_rows}


def shared(one: TaskSet, other: TaskSet, name: str) -> tuple[str, ...]:
    """The texts of the field `name` that occur in both sets, sorted, whatever their case, spaces and final stop.

    Of UserRL's 27 test claims all 27 occur in its training set, so its test score is no score on unseen claims.
    """
    first, second = (
        {" ".join(task.data[name].lower().split()).rstrip("."): task.data[name] for task in tasks if name in task.data}
        for tasks in (one, other)
    )
    return tuple(sorted(first[key] for key in first.keys() & second.keys()))
