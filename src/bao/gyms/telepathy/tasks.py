"""The telepathy gym's tasks: what one holds, and the gym's own, one entity of the built-in table each.

``Task.data`` holds ``opening`` (the line that names the kind), ``title``, ``aliases`` and, for the scripted user, ``class`` and
``facts`` in the notation of classes.toml; tasks of another table can be written in the same way. A ``gloss`` tells a user who
is a model what the entity is. Tasks without a class can be judged, and only a model can answer questions about them.

Level 1 opens with the entity's kind (one of 16, 20 to 172 entities each), level 2 with its realm (one of 5, 145 to 448). Every
entity is in exactly one split, by a hash of its title, whatever the level. Two entities of one realm, so of one kind as well,
always differ in a predicate that is yes for one and no for the other; an entity that did not would be left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from typing import Any

import numpy as np

from bao.errors import ConfigError
from bao.gyms.loading import kept
from bao.gyms.telepathy.table import NO, YES, Entity, make_entity, table
from bao.gyms.telepathy.words import name_key
from bao.task import Hidden, Split, Task, TaskSet

NAME = "telepathy"
LEVELS = (1, 2)
"""1: the opening names the kind; 2: it names the realm."""


@dataclass(frozen=True, slots=True)
class Puzzle:
    """What a task is played with."""

    opening: str
    title: str
    aliases: tuple[str, ...]
    gloss: str
    """What a model is told of the entity besides its names; may be empty."""
    names: frozenset[str]
    """Every name that counts as right, in the form in which names are compared."""
    entity: Entity | None
    """With its row of the table; None where the task has no class and facts."""


def load(task: Task) -> Puzzle:
    """The puzzle of a task. Raises `KeyError` on a missing field and `ValueError` on one that is wrong."""
    return _load(task.data)


@kept(most=20_000)
def _load(data: Mapping[str, Any]) -> Puzzle:
    opening, title, aliases = data["opening"], data["title"], data.get("aliases", [])
    for field, value in (("opening", opening), ("title", title)):
        if not isinstance(value, str) or not name_key(value):
            raise ValueError(f"{field}={value!r} must be a text with at least one word")
    if not isinstance(aliases, list | tuple) or not all(isinstance(alias, str) for alias in aliases):
        raise ValueError(f"aliases={aliases!r} must be a list of texts")
    gloss = data.get("gloss", "")
    if not isinstance(gloss, str):
        raise ValueError(f"gloss={gloss!r} must be a text")
    names = frozenset(filter(None, map(name_key, (title, *aliases))))
    told = opening, title, tuple(aliases), gloss, names
    if "class" not in data:
        return Puzzle(*told, None)
    class_name, facts = data["class"], data["facts"]
    if not isinstance(class_name, str) or not isinstance(facts, str):
        raise ValueError(f"class={class_name!r} and facts={facts!r} must be texts, such as 'feline' and 's6 striped'")
    known = table().by_name.get(name_key(title))
    if known is not None and (known.class_name, known.facts, known.title) == (class_name, facts, title):
        return Puzzle(*told, known)
    return Puzzle(*told, make_entity(title, tuple(aliases), class_name, facts))


def check(task: Task) -> None:
    """Raise `ValueError` or `KeyError` naming the field of ``task.data`` that cannot be played."""
    load(task)


def opening_line(what: str) -> str:
    """How an episode opens: ``I am thinking of an animal.``"""
    return f"I am thinking of {what}. Find out what it is."


def own_tasks(split: Split, size: int | None = None, levels: tuple[int, ...] | None = None) -> TaskSet:
    """The first `size` tasks of a split (default: one for each of its entities), the levels in turn.

    After every entity has had its turn, each comes again at the next level. Raises `ConfigError` on an unknown level and on a
    size that is negative or more than there are tasks.
    """
    chosen = LEVELS if levels is None else tuple(dict.fromkeys(levels))
    if not chosen or any(level not in LEVELS for level in chosen):
        raise ConfigError(f"levels={levels} must be some of {LEVELS} for the gym {NAME!r}")
    entities = split_entities()[split]
    most = len(entities) * len(chosen)
    size = len(entities) if size is None else size
    if not 0 <= size <= most:
        raise ConfigError(f"size={size} must be from 0 to {most}, the number of {split} tasks of levels {chosen}")
    return TaskSet.of(
        _task(split, number, chosen[(number + turn) % len(chosen)])
        for turn, number in (divmod(index, len(entities)) for index in range(size))
    )


@cache
def _task(split: Split, number: int, level: int) -> Task:
    entity = split_entities()[split][number]
    data = {
        "opening": opening_line(entity.kind if level == 1 else entity.realm),
        "title": entity.title,
        "aliases": list(entity.aliases),
        "class": entity.class_name,
        "facts": entity.facts,
    }
    return Task(f"{NAME}-{split}-{level}-{number}", NAME, data, split, level)


def split_of(title: str) -> Split:
    """The one split of an entity: 60 % train, 10 % valid, 30 % test."""
    share = int.from_bytes(_digest(title)[:2], "big") % 100
    return Split.TRAIN if share < 60 else Split.VALID if share < 70 else Split.TEST


@cache
def split_entities() -> Mapping[Split, tuple[Entity, ...]]:
    """The entities of each split, in an order that mixes the kinds."""
    usable = sorted(distinct(table().entities), key=lambda entity: _digest(entity.title)[2:])
    return {split: tuple(entity for entity in usable if split_of(entity.title) is split) for split in Split}


def distinct(entities: tuple[Entity, ...]) -> tuple[Entity, ...]:
    """Those entities that every other one of the same realm can be told from, by a question with yes for one and no for the
    other."""
    asked = [place for place, feature in enumerate(table().features) if feature.ask]
    values = np.array([entity.values for entity in entities])[:, asked]
    yes, no = (values == YES).astype(np.float32), (values == NO).astype(np.float32)
    differing = yes @ no.T + no @ yes.T
    realms = np.array([entity.realm for entity in entities])
    twins = (differing == 0) & (realms[:, None] == realms[None, :])
    np.fill_diagonal(twins, False)
    return tuple(entity for entity, twin in zip(entities, twins.any(axis=1), strict=True) if not twin)


def _digest(title: str) -> bytes:
    return blake2b(title.encode(), digest_size=8).digest()


def components(task: Task) -> frozenset[str]:
    """The entity."""
    return frozenset({name_key(task.data["title"])})


def hidden(task: Task) -> tuple[Hidden, ...]:
    """The entity's names."""
    return tuple(map(Hidden, (task.data["title"], *task.data.get("aliases", ()))))
