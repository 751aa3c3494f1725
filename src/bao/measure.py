"""A measure of an episode: its name, what it counts and which way is better.

Most measures are of any gym (`bao.measures.catalogue`). A gym states its own in `bao.gym.Gym.measures`:

    Measure("wrong_books", Direction.MIN, "books recommended in vain", unit="per episode")

Its figure is read from the gym when an episode is over: the attribute of that name, or what `Measure.read` gives.
"""

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bao.errors import ConfigError, DataError

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_ROUNDING = 1e-9


class Direction(StrEnum):
    """Which way a measure is better."""

    MAX = "max"
    MIN = "min"
    NONE = "none"
    """Descriptive: neither way is better by itself."""


def interval_text(value: Mapping[str, float | None], digits: str = ".3f", between: str = " ") -> str:
    """``0.794 [0.783, 0.807]``: mean, low and high of `value`, each in the format `digits`, a missing one as ``-``."""
    mean, low, high = ("-" if value[end] is None else format(value[end], digits) for end in ("mean", "low", "high"))
    return f"{mean}{between}[{low}, {high}]"


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure of an episode."""

    name: str
    direction: Direction
    about: str
    rate: bool = False
    """Lies in [0, 1]: its interval is `bao.measures.intervals.rate_interval`."""
    label: str = ""
    """What readers see; the name in plain words where not given."""
    symbol: str = ""
    """Its letter in formulas."""
    unit: str = ""
    """What an axis counts, where the label does not say."""
    digits: int | None = 2
    """After the decimal point; None: three significant ones."""
    bounds: tuple[float, float] = (0.0, math.inf)
    """The least and the most that there can be; of a rate 0 and 1. The better of the two is a frontier's ideal, so a measure
    of which more is better is an objective only where the most is finite."""
    read: Callable[[Any], float | bool | None] | None = field(default=None, compare=False, repr=False)
    """Of a gym's own measure: its figure, from the gym when an episode is over; None where the episode has none. Not given:
    the gym's attribute of the measure's name."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", self.label or self.name.replace("_", " "))
        if self.rate:
            object.__setattr__(self, "bounds", (0.0, 1.0))

    def short(self, words: int) -> str:
        """The label, or the symbol where the label has more than `words` words."""
        return self.symbol if self.symbol and len(self.label.split()) > words else self.label

    def text(self, value: Mapping[str, float], between: str = " ") -> str:
        """A mean with its interval, as `interval_text` prints it."""
        return interval_text(value, ".3g" if self.digits is None else f".{self.digits}f", between)

    def to_json(self) -> dict[str, Any]:
        """What is remembered of a gym's own measure beside its figures; an end that is open is None."""
        ends = [each if math.isfinite(each) else None for each in self.bounds]
        words = {"about": self.about, "label": self.label, "symbol": self.symbol, "unit": self.unit}
        return {"direction": str(self.direction), "rate": self.rate, "bounds": ends, "digits": self.digits, **words}

    @classmethod
    def from_json(cls, name: str, values: Mapping[str, Any]) -> "Measure":
        """Raises `DataError` on what `to_json` did not give."""
        try:
            least, most = values["bounds"]
            ends = (-math.inf if least is None else float(least), math.inf if most is None else float(most))
            known = {key: values[key] for key in ("about", "rate", "label", "symbol", "unit", "digits")}
            return cls(name, Direction(values["direction"]), bounds=ends, **known)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"the measure {name!r} is not described as `bao eval` would ({error}): evaluate again") from error


Own = Mapping[str, Measure]
"""A gym's own measures, by name."""


def stated(measures: Iterable[Measure], gym: str, taken: Collection[str] = ()) -> Own:
    """The measures that a gym states, by name.

    Raises `ConfigError` on a name of another form, one that is `taken` by a measure of any gym or stated twice, and on bounds
    without room between them.
    """
    found: dict[str, Measure] = {}
    for each in measures:
        where = f"{gym} states the measure {each.name!r}"
        if not _NAME.fullmatch(each.name):
            raise ConfigError(f"{where}: name it by small letters, digits and _, such as wrong_records")
        if each.name in taken:
            raise ConfigError(f"{where}, and every gym has one of that name: call it otherwise, such as {gym}_{each.name}")
        if each.name in found:
            raise ConfigError(f"{where} twice: leave one out")
        if not each.bounds[0] < each.bounds[1]:
            raise ConfigError(f"{where} with bounds={each.bounds}: give the least that there can be, then the most")
        found[each.name] = each
    return found


def figures(measures: Iterable[Measure], gym: Any) -> dict[str, float]:
    """The figures of `measures`, from a gym whose episode is over; a measure of which this episode has none is left out.

    Raises `ConfigError` naming gym, measure and value where there is nothing to read, or it is no number within the bounds.
    """
    found = {}
    for each in measures:
        where = f"the measure {each.name!r} of {gym.name}"
        if each.read is None and not hasattr(gym, each.name):
            raise ConfigError(f"{where} cannot be read: give the gym an attribute {each.name}, or the measure a read=..")
        value = getattr(gym, each.name) if each.read is None else each.read(gym)
        if value is None:
            continue
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise ConfigError(f"{where} is {value!r}: give a number, or None where the episode has no figure") from None
        if not math.isfinite(number):
            raise ConfigError(f"{where} is {number}: give a finite number, or None where the episode has no figure")
        if not each.bounds[0] - _ROUNDING <= number <= each.bounds[1] + _ROUNDING:
            raise ConfigError(f"{where} is {number:g}, beyond its bounds {each.bounds[0]:g} and {each.bounds[1]:g}: widen them")
        found[each.name] = number
    return found


def merged(several: Iterable[Own]) -> Own:
    """The own measures of evaluations that are looked at together.

    Raises `DataError` where two state one name with another direction or other bounds.
    """
    found: dict[str, Measure] = {}
    for own in several:
        for name, each in own.items():
            before = found.setdefault(name, each)
            if (before.direction, before.bounds) != (each.direction, each.bounds):
                raise DataError(
                    f"the measure {name!r} is stated in two ways (better: {before.direction} and {each.direction}; bounds: "
                    f"{before.bounds} and {each.bounds}): evaluate with one version of the gym"
                )
    return found
