"""The telepathy gym's tasks: what one holds, and the gym's own, one entity of the built-in table each.

``Task.data`` holds ``opening`` (the line that names the kind), ``title``, ``aliases`` and, for the scripted user, ``class`` and
``facts`` in the notation of classes.toml; tasks of another table can be written in the same way. A ``gloss`` tells a user who
is a model what the entity is. Tasks without a class can be judged, and only a model can answer questions about them.

Level 1 opens with the entity's kind (one of 16, 20 to 172 entities each), level 2 with its realm (one of 5, 145 to 448). Every
entity is in exactly one split, by a hash of its title, whatever the level. Two entities of one realm, so of one kind as well,
always differ in a predicate that is yes for one and no for the other; an entity that did not would be left out.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from hashlib import blake2b
from typing import Annotated, Self

import numpy as np
from pydantic import AfterValidator, Field, model_validator

from bao.gyms.telepathy.table import NO, YES, Entity, make_entity, table
from bao.gyms.telepathy.words import name_key
from bao.gyms.userrl import Record, readers
from bao.task import Hidden, Split, Task
from bao.task_source import TaskData, Text

NAME = "telepathy"
LEVELS = (1, 2)
"""1: the opening names the kind; 2: it names the realm."""


def _named(text: str) -> str:
    if not name_key(text):
        raise ValueError("must be a text with at least one word")
    return text


Name = Annotated[str, AfterValidator(_named)]


class Puzzle(TaskData):
    opening: Name
    title: Name
    aliases: list[str] = Field(default_factory=list)
    gloss: str = ""
    """What a model is told of the entity besides its names; may be empty."""
    class_name: Text = Field(default="", alias="class")
    facts: str = ""

    @model_validator(mode="after")
    def _has_a_row(self) -> Self:
        if self.class_name and "facts" not in self.model_fields_set:
            raise ValueError("the field 'facts' is missing; add it")
        _ = self.entity
        return self

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name that counts as right, in the form in which names are compared."""
        return frozenset(filter(None, map(name_key, (self.title, *self.aliases))))

    @cached_property
    def entity(self) -> Entity | None:
        """With its row of the table; None where the task has no class and facts."""
        if not self.class_name:
            return None
        known = table().by_name.get(name_key(self.title))
        if known is not None and (known.class_name, known.facts, known.title) == (self.class_name, self.facts, self.title):
            return known
        return make_entity(self.title, tuple(self.aliases), self.class_name, self.facts)


load = Puzzle.of


def opening_line(what: str) -> str:
    """How an episode opens: ``I am thinking of an animal.``"""
    return f"I am thinking of {what}. Find out what it is."


def own_tasks(split: Split, size: int | None, levels: tuple[int, ...]) -> Iterator[Task]:
    """The first `size` tasks of a split (default: one for each of its entities), the levels in turn.

    After every entity has had its turn, each comes again at the next level.
    """
    entities, turns = split_entities()[split], tuple(dict.fromkeys(levels))
    for index in range(len(entities) if size is None else min(size, len(entities) * len(turns))):
        turn, number = divmod(index, len(entities))
        yield _task(split, number, turns[(number + turn) % len(turns)])


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


_BRACKETED = re.compile(r"\s*\(([^)]*)\)|\s*['\"]([^'\"]+)['\"](?=\s)")
_MOUNT = re.compile(r"\bMt\.? ")


class EntityRecord(Record):
    """One entry of UserRL's ``entities.json``.

    It has no table of attributes: a model can answer questions about it (``user="llm"``), rules can judge guesses
    (``user="judge"``), and the scripted user needs ``class`` and ``facts`` added. Its gloss is kept for users that can read.
    """

    plural = "entities"
    key = "title"
    needs = ("ground_truth",)
    files = ("entities.json", "entities.json")
    id: str
    title: str
    description: str
    target_entity: str

    def task(self, split: Split) -> Task:
        data = {"opening": self.description, "title": self.title, "aliases": self.aliases(), "gloss": self.target_entity}
        return Task(self.id, NAME, data, split)

    def aliases(self) -> list[str]:
        """Other ways to write the title: without what is in brackets or quotes, that alone, and ``Mount`` for ``Mt.``"""
        short = _BRACKETED.sub("", self.title)
        parts = [part for found in _BRACKETED.findall(self.title) for part in found if part]
        return [name for name in dict.fromkeys((short, *parts, _MOUNT.sub("Mount ", self.title))) if name != self.title]


READERS = readers(EntityRecord)
