"""Measures that take more than a name: what an episode is worth at a price, what that lacks, and any measure on one level.

    worth@0.1        R - 0.1 U
    regret@0.1       worth@0.1 of the best scripted rule (0, of finishing at once, where none is worth more) on the same task,
                     less one's own; negative: it is worth more
    score@level=2    the score over the tasks of level 2; any measure takes that, worth@0.1@level=2 too
    score@user=busy  the score under that user, as an objective: what a policy reaches under one is traded against another

They are taken wherever a measure is named, ``@user=`` by frontiers alone. Their intervals are those of any other measure: means
over tasks, by clusters.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bao.errors import ConfigError, DataError, suggest
from bao.measure import Direction, Measure, Own
from bao.measures.catalogue import MEASURES
from bao.measures.intervals import Floats
from bao.trajectory import Trajectory

WORTH, REGRET = "worth", "regret"
_R, _U = MEASURES["score"].symbol, MEASURES["user_effort"].symbol
FORMS = "worth@PRICE, regret@PRICE, and any measure with @level=LEVEL, or @user=USER in a frontier, behind it"

BestRules = Mapping[float, Mapping[str, float]]
"""At each price, what the best scripted rule is worth on each task that it played: what ``regret@PRICE`` is reckoned from."""


class Named(NamedTuple):
    """The parts of a measure's name."""

    base: str
    price: float | None
    level: int | None
    user: str | None = None

    @property
    def column(self) -> str:
        """The name without its level and user."""
        return self.base if self.price is None else f"{self.base}@{self.price!r}"

    @property
    def under_one(self) -> str:
        """The name without its user."""
        return self.column if self.level is None else f"{self.column}@level={self.level}"


def parts(name: str) -> Named:
    """The parts of a name. Raises `ConfigError` on a price or a level that is none, or is not to be had there."""
    base, *qualifiers = name.split("@")
    price = level = user = None
    for text in qualifiers:
        key, _, value = text.partition("=")
        if key == "level" and level is None and value.isdecimal():
            level = int(value)
        elif key == "user" and user is None and value:
            user = value
        elif base in (WORTH, REGRET) and price is None and level is None and user is None:
            price = _price(text, name)
        else:
            raise ConfigError(f"measure {name!r} cannot be read at {text!r}: there are {FORMS}")
    if base in (WORTH, REGRET) and price is None:
        raise ConfigError(f"measure {name!r} needs the price of a user turn: {base}@0.1, for example")
    return Named(base, price, level, user)


def _price(text: str, name: str) -> float:
    try:
        price = float(text)
    except ValueError:
        price = math.nan
    if not 0 <= price < math.inf:
        raise ConfigError(f"measure {name!r}: the price {text!r} must be a number of at least 0, such as 0.1")
    return price


def find(name: str, own: Own | None = None, asked: str = "") -> Measure:
    """The measure of this name: of the catalogue, of a gym's `own`, or named by its parts.

    Raises `ConfigError` where there is none; `asked` says which option named it.
    """
    base, price, level, user = parts(name)
    known = {**MEASURES, **(own or {})}
    if base == WORTH:
        found = Measure(base, Direction.MAX, f"{_R} - w{_U}", price == 0, f"{_R} - {price:g} {_U}", bounds=(0.0, 1.0), digits=3)
    elif base == REGRET:
        about = f"what {_R} - w{_U} lacks of the best scripted rule's on the same task"
        found = Measure(base, Direction.MIN, about, label=f"regret at {price:g}", bounds=(-1.0, math.inf), digits=3)
    elif base in known:
        found = known[base]
    else:
        raise ConfigError(f"{asked or f'measure {name!r}'} is unknown: {suggest(base, [*known, WORTH, REGRET])}")
    label = found.label + ("" if level is None else f", level {level}") + ("" if user is None else f", user {user}")
    return replace(found, name=name, label=label, symbol=found.symbol if label == found.label else "")


def needs_more(name: str) -> bool:
    """Whether a name has parts, so that its figures are made only where it is named."""
    return "@" in name


def priced(episodes: Sequence[Trajectory], names: Iterable[str], rules: BestRules | None = None) -> dict[str, list[float]]:
    """What ``worth`` and ``regret`` among `names` are for each episode, by `Named.column`.

    A regret is NaN on a task that the best rule did not play. Raises `DataError` on a regret at a price that `rules` lack.
    """
    found: dict[str, list[float]] = {}
    for name in names:
        base, price, *_ = named = parts(name)
        if price is None:
            continue
        column = [episode.task_return - price * episode.user_effort for episode in episodes]
        if base == REGRET:
            if rules is None or price not in rules:
                raise DataError(
                    f"measure {name!r} needs the evaluation of a scripted rule under the same user to compare with, and there "
                    "is none: name its folder too, such as that of scripted:ask_all"
                )
            best = rules[price]
            column = [best.get(episode.task_id, math.nan) - worth for episode, worth in zip(episodes, column, strict=True)]
        found[named.column] = column
    return found


def restricted(values: Mapping[str, Floats], names: Collection[str], levels: Sequence[int]) -> dict[str, Floats]:
    """`values` [tasks] by column, with those of `names` that have parts; NaN for a task of another level.

    Raises `DataError` on a level that no task has, and `ConfigError` on a user, of which one evaluation has but one.
    """
    found, own = dict(values), np.asarray(levels)
    for name in filter(needs_more, names):
        named = parts(name)
        if named.user is not None:
            raise ConfigError(
                f"measure {name!r} is for `bao frontier`: name {named.under_one} here, and evaluations by their user"
            )
        if named.level is not None and named.level not in own:
            there = ", ".join(map(str, sorted(set(own.tolist()))))
            raise DataError(f"measure {name!r}: there is no task of level {named.level}; the tasks are of level {there}")
        if named.column in values:
            column = values[named.column]
            column = column if named.level is None else np.where(own == named.level, column, np.nan)
            if not np.isnan(column).all():
                found[name] = column
    asked = set(names)
    return {name: column for name, column in found.items() if not needs_more(name) or name in asked}
