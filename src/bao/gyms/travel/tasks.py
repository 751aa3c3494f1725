"""Travel tasks: their form, their rules, and a seeded generator whose best and acceptable options are provable.

For each aspect of a trip two attributes matter to the user. The catalogue of the aspect holds two options for each of the 16
combinations of their values, at distinct prices: the two that have the wished combination are acceptable and the cheaper of
them is best; every other option is wrong. So whoever lacks one wish and takes the cheapest match is right one time in four.

A wish is *stated* in the opening, on file in the user's booking *history*, or known only to the user (*ask*). Wishes are drawn
freely: each value of an attribute is as likely as any other in every split, whatever else is wished, so nothing that an agent
knows or has learned tells a wish that it was not told. The splits share no trip (what is wished, and what is on offer).
"""

import hashlib
import re
from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from itertools import combinations, product
from typing import Any, Self

import numpy as np
from pydantic import Field, StrictInt, field_validator, model_validator

from bao.gyms.travel.catalogue import ASPECTS, VALUES_PER_ATTRIBUTE
from bao.task import Hidden, Split, Task, Until
from bao.task_source import TaskData

LEVELS = (2, 3, 4, 5)
"""Number of aspects in a trip."""
SIZES = {Split.TRAIN: 1000, Split.VALID: 200, Split.TEST: 200}
MOST_ASKS = 5
"""Wishes known only to the user, at most, so that 16 turns suffice to learn all and book five aspects."""


class Source(StrEnum):
    """Where a wish can be learned."""

    STATED = "stated"
    HISTORY = "history"
    ASK = "ask"


class Wish(TaskData):
    attribute: str
    value: str
    source: Source


class Option(TaskData):
    id: str
    price: StrictInt
    values: dict[str, str]
    """A value for every attribute of the aspect."""


class Booking(TaskData):
    """One aspect of a trip: what the user wishes, and what is on offer (cheapest first)."""

    aspect: str
    wishes: list[Wish]
    options: list[Option]

    @field_validator("options")
    @classmethod
    def _cheapest_first(cls, options: list[Option]) -> list[Option]:
        return sorted(options, key=lambda option: (option.price, option.id))

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
        aspect = ASPECTS.get(self.aspect)
        if aspect is None:
            raise ValueError(f"aspect {self.aspect!r} is unknown; known: {', '.join(ASPECTS)}")
        for wish in self.wishes:
            if wish.value not in aspect.attributes.get(wish.attribute, ()):
                raise ValueError(f"{aspect.name} has no attribute {wish.attribute!r} with the value {wish.value!r}")
        if len(self.wishes) != 2 or self.wishes[0].attribute == self.wishes[1].attribute:
            raise ValueError(f"the {aspect.name} needs wishes for two attributes")
        for option in self.options:
            if not re.fullmatch(rf"{aspect.letter}\d+", option.id):
                raise ValueError(f"the {aspect.name}'s option id {option.id!r} is no {aspect.letter} with a number")
            for name, values in aspect.attributes.items():
                if name not in option.values:
                    raise ValueError(f"values of {option.id}: the field {name!r} is missing; add it")
                if option.values[name] not in values:
                    raise ValueError(f"{option.id} has the {name} {option.values[name]!r}; known: {', '.join(values)}")
        for what, marks in (("id", {o.id for o in self.options}), ("price", {o.price for o in self.options})):
            if len(marks) < len(self.options):
                raise ValueError(f"two options of the {aspect.name} have the same {what}")
        if not self.acceptable:
            raise ValueError(f"no option of the {aspect.name} meets every wish")
        return self

    @cached_property
    def acceptable(self) -> tuple[Option, ...]:
        """The options that meet every wish, cheapest first; the first is the best."""
        return tuple(o for o in self.options if all(o.values[w.attribute] == w.value for w in self.wishes))


class Trip(TaskData):
    bookings: list[Booking] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_each_aspect_once(self) -> Self:
        if len({booking.aspect for booking in self.bookings}) < len(self.bookings):
            raise ValueError(f"an aspect occurs twice among {', '.join(booking.aspect for booking in self.bookings)}")
        return self


def load(task: Task) -> list[Booking]:
    """The trip of a task. Raises `KeyError` on a missing field and `ValueError` on one that breaks the rules above."""
    return Trip.of(task).bookings


_COMBINATIONS: Mapping[str, tuple[tuple[tuple[str, str], ...], ...]] = {
    aspect.name: tuple(
        tuple(zip(names, values, strict=True))
        for names in combinations(aspect.attributes, 2)
        for values in product(*(aspect.attributes[name] for name in names))
    )
    for aspect in ASPECTS.values()
}
"""For each aspect what may be wished: two attributes with their values."""


def generate(split: Split, index: int, levels: tuple[int, ...] = LEVELS) -> Task:
    """The `index`-th task of a split: the same one each time, whatever else was generated."""
    rng = np.random.default_rng([list(Split).index(split), index, *levels])
    level = levels[index % len(levels)]
    names = [list(ASPECTS)[i] for i in rng.permutation(len(ASPECTS))[:level]]
    wished = {}
    for name in names:
        pool = _COMBINATIONS[name]
        wished[name] = pool[int(rng.integers(len(pool)))]
    sources = _sources(2 * level, rng)
    bookings = [
        {
            "aspect": name,
            "wishes": [
                {"attribute": attribute, "value": value, "source": str(sources[2 * i + j])}
                for j, (attribute, value) in enumerate(wished[name])
            ],
            "options": _options(name, tuple(attribute for attribute, _ in wished[name]), rng),
        }
        for i, name in enumerate(names)
    ]
    mark = "".join(map(str, levels))
    return Task(f"travel-{mark}-{split}-{index}", "travel", {"bookings": bookings}, split, level)


def _sources(count: int, rng: np.random.Generator) -> list[Source]:
    """Sources of `count` wishes: 40 % stated, 25 % on file, 35 % to be asked, of these at least one and at most five."""
    while True:
        draw = rng.choice(3, size=count, p=(0.40, 0.25, 0.35))
        if 1 <= int((draw == 2).sum()) <= MOST_ASKS:
            return [list(Source)[i] for i in draw]


def _options(aspect: str, attributes: tuple[str, ...], rng: np.random.Generator) -> list[dict[str, Any]]:
    """Two options for each combination of `attributes`; prices are distinct and independent of the values."""
    table = ASPECTS[aspect].attributes
    rows = [dict(zip(attributes, values, strict=True)) for values in product(*(table[a] for a in attributes))] * 2
    numbers = rng.permutation(len(rows)) + 1
    prices = rng.permutation(len(rows)) * 5 + 40
    others = rng.integers(VALUES_PER_ATTRIBUTE, size=len(rows))
    options = []
    for row, number, price, other in zip(rows, numbers.tolist(), prices.tolist(), others.tolist(), strict=True):
        values = {name: row.get(name) or choices[other] for name, choices in table.items()}
        options.append({"id": f"{ASPECTS[aspect].letter}{number}", "price": price, "values": values})
    return sorted(options, key=lambda o: o["price"])


def components(task: Task) -> frozenset[str]:
    """The trip as a whole: what is wished, and what is on offer at which price."""
    parts = []
    for booking in sorted(load(task), key=lambda booking: booking.aspect):
        wished = sorted(f"{wish.attribute}={wish.value}" for wish in booking.wishes)
        offered = (f"{o.id} {o.price} {' '.join(o.values[w.attribute] for w in booking.wishes)}" for o in booking.options)
        parts.append("|".join((booking.aspect, *wished, *offered)))
    return frozenset({hashlib.sha256("\n".join(parts).encode()).hexdigest()})


def hidden(task: Task) -> tuple[Hidden, ...]:
    """The values that were not stated. What the catalogue may hold (every value of every attribute) tells no wish."""
    until = {Source.HISTORY: Until.SOUGHT, Source.ASK: Until.ASKED}
    return tuple(Hidden(w.value, until[w.source]) for booking in load(task) for w in booking.wishes if w.source in until)
