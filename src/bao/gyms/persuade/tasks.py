"""The persuade gym's tasks: what one holds, and the gym's own, made from the claims in ``claims/*.toml``.

``Task.data`` holds ``claim``, ``reason`` (why the user holds it), ``considerations`` (each with its ``kind`` and its ``text``)
and ``weighs`` (the kinds that count for this user). In a text, ``[a|b|c]`` is a concept: the text reads ``a``, and any of the
words in any of their forms names the concept. An argument addresses a consideration by naming all of its concepts.

Exactly six considerations weigh, one for each level of the way; the user brushes the others aside, two or three of them, and
their number is the level of the task. The same claim is held by several users, who differ in what weighs. A claim and its
considerations belong to one split. They are invented, to give a persona something to care about; they state no facts.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import combinations
from random import Random
from typing import Any

from bao.errors import ConfigError
from bao.gyms.loading import kept
from bao.gyms.persuade.stance import TOP
from bao.gyms.persuade.words import FUNCTION_WORDS, Kind, all_forms
from bao.task import Hidden, Split, Task, TaskSet, Until

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


def load(task: Task) -> Case:
    """The case of a task. Raises `KeyError` on a missing field and `ValueError` on one that cannot be played."""
    return _load(task.data)


@kept(most=5_000)
def _load(data: Mapping[str, Any]) -> Case:
    claim, reason = (_text(data, name) for name in ("claim", "reason"))
    weighs = _kinds(data["weighs"], "weighs")
    rows = data["considerations"]
    if not isinstance(rows, list | tuple):
        raise ValueError(f"considerations={rows!r} must be a list of objects with kind and text")
    considerations = []
    for row in rows:
        if not isinstance(row, Mapping):
            raise ValueError(f"the consideration {row!r} must be an object with kind and text")
        (kind,) = _kinds([row["kind"]], "kind")
        text = _text(row, "text")
        considerations.append(Consideration(kind, plain(text), concepts(text), kind in weighs))
    count = sum(each.weighs for each in considerations)
    if count < TOP:
        raise ValueError(f"only {count} considerations are of a kind in weighs; it takes {TOP} to reach Strongly Disagree")
    if len({each.text for each in considerations}) < len(considerations):
        raise ValueError(f"two considerations of the claim {claim!r} have the same text")
    bits: dict[str, int] = {}
    needs = []
    bit = 1
    for each in considerations:
        need = 0
        for concept in each.concepts:
            for word in concept:
                bits[word] = bits.get(word, 0) | bit
            need |= bit
            bit <<= 1
        needs.append(need)
    return Case(claim, reason, tuple(considerations), bits, tuple(needs))


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data[name]
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name}={value!r} must be a text")
    return value


def _kinds(names: Any, field: str) -> frozenset[Kind]:
    if not isinstance(names, list | tuple) or any(name not in list(Kind) for name in names):
        raise ValueError(f"{field}={names!r} must be of {', '.join(Kind)}")
    return frozenset(map(Kind, names))


def is_userrl(task: Task) -> bool:
    """Whether a task is one of UserRL's, which hold a claim and an argument for it but no considerations."""
    return "considerations" not in task.data and "argument" in task.data


def check(task: Task) -> None:
    """Raise `ValueError` or `KeyError` naming the field of ``task.data`` that cannot be used."""
    if is_userrl(task):
        _text(task.data, "claim")
        _text(task.data, "argument")
    else:
        load(task)


def own_tasks(split: Split, size: int | None = None, levels: tuple[int, ...] | None = None) -> TaskSet:
    """The first `size` own tasks of a split, those of `levels` only: one user for every claim, then a second for every claim.

    Raises `ConfigError` on an unknown level and where there are fewer than `size`.
    """
    if levels is not None and (not levels or any(level not in LEVELS for level in levels)):
        raise ConfigError(f"levels={levels} must be some of {LEVELS} for the gym {NAME!r}")
    tasks = [task for task in _all_tasks(split) if levels is None or task.level in levels]
    if size is not None and not 0 <= size <= len(tasks):
        raise ConfigError(
            f"size={size} must be from 0 to {len(tasks)}, the number of {split} tasks of levels {levels or LEVELS}"
        )
    return TaskSet.of(tasks[:size])


@lru_cache(maxsize=3)
def _all_tasks(split: Split) -> tuple[Task, ...]:
    source = files("bao.gyms.persuade").joinpath("claims", f"{split}.toml")
    table = tomllib.loads(source.read_text(encoding="utf-8"))
    return tuple(_task(split, name, row, user) for user in range(USERS_PER_CLAIM[split]) for name, row in table.items())


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
