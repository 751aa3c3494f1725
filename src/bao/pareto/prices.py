"""Which behaviour is best at which price of a user turn, and prices at which behaviours can be told apart.

A behaviour is a point: its mean return R and its mean user effort U. At the price w it is worth ``J(w) = R - w U``, a line;
saying nothing is worth 0 at every price. The best of them at each price is the upper envelope of these lines. It hands over
from one behaviour to the next at the *breakpoints*, each to one of less effort, so that it ends with one that never involves
the user.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

SILENCE = "silence"
"""The behaviour that says nothing, finishes at once and earns nothing."""
CEILING = 1.0
"""From this price on a single user turn costs as much as a whole task is worth (R is at most 1), so none can pay."""
NEGLIGIBLE = 0.1
"""Share of the range of prices; an interval between breakpoints that is narrower need not hold a price."""
_ROUNDING = 1e-9
_PERCENT = 0.01
_SAME_EFFORT = 0.02
"""Share of the effort at price 0 within which two efforts count as one."""


@dataclass(frozen=True, slots=True)
class Reign:
    """The prices in ``[low, high)`` at which one behaviour is the best."""

    name: str
    low: float
    high: float
    """Infinite for the last one."""
    task_return: float
    user_effort: float

    def to_json(self) -> dict[str, Any]:
        """``high`` is None where there is no end."""
        return {**asdict(self), "high": self.high if math.isfinite(self.high) else None}


@dataclass(frozen=True)
class PriceRange:
    """The best behaviour at each price, the cheapest prices first."""

    reigns: tuple[Reign, ...]

    @property
    def breakpoints(self) -> tuple[float, ...]:
        """The prices below `CEILING` at which behaviours change hands, the last of them to one without effort."""
        return tuple(reign.high for reign in self.reigns[:-1])

    def marked(self, share: float) -> tuple[float, ...]:
        """The breakpoints by which effort has fallen by `share` of that at price 0 since the one before; and the last one.

        Of many behaviours that differ by little this leaves those that can be told apart.
        """
        kept, effort = [], self.reigns[0].user_effort
        for before, after in pairwise(self.reigns):
            if effort - after.user_effort >= share * self.reigns[0].user_effort or after is self.reigns[-1]:
                kept.append(before.high)
                effort = after.user_effort
        return tuple(kept)

    def spread_by_effort(self, count: int, most: float | None = None) -> tuple[float, ...]:
        """As `spread`, but so that what is best at the prices takes efforts as far apart as can be.

        For many behaviours, of which most change hands within a few percent. `most`: no price above this one.

        The efforts aimed at are ``U(0) (1 - k / count)``; for each the price in the middle of those at which the best effort is
        nearest to it. Where several fall together, further prices go where they are widest apart.
        """
        if count < 1:
            raise ValueError(f"count={count} must be at least 1")
        top = self.largest if most is None else min(self.largest, most + _PERCENT)
        percents = _percents(0.0, top) or [0]
        efforts = np.array([self.best(percent / 100).user_effort for percent in percents])
        chosen = {0}
        for step in range(1, count):
            off = np.abs(efforts - efforts[0] * (1 - step / count))
            nearest = np.flatnonzero(off <= off.min() + _SAME_EFFORT * max(efforts[0], _ROUNDING))
            chosen.add(percents[int(nearest[len(nearest) // 2])])
        while len(chosen) < min(count, len(percents)):
            ends = [*sorted(chosen), percents[-1] + 1]
            low, high = max(pairwise(ends), key=lambda pair: pair[1] - pair[0])
            chosen.add((low + high) // 2)
        return tuple(percent / 100 for percent in sorted(chosen))

    @property
    def largest(self) -> float:
        """The price up to which involving the user pays: below it the best behaviour has effort, from it on none has.

        At most `CEILING`; 0 where no behaviour earns more with the user than the best without. A behaviour that earns without
        effort pays at any price and bounds nothing: it takes the place of silence.
        """
        return self.reigns[-1].low

    def best(self, price: float) -> Reign:
        """The best behaviour at a price >= 0."""
        return next(reign for reign in reversed(self.reigns) if price >= reign.low)

    def value(self, price: float) -> float:
        """What the best behaviour is worth at a price: ``max(R - w U)``, never below 0."""
        best = self.best(price)
        return best.task_return - price * best.user_effort

    def spread(self, count: int) -> tuple[float, ...]:
        """As `spread` over this range."""
        return spread(self.breakpoints, self.largest, count)

    def to_json(self) -> dict[str, Any]:
        return {
            "reigns": [reign.to_json() for reign in self.reigns],
            "breakpoints": list(self.breakpoints),
            "largest": self.largest,
        }


def price_range(points: Mapping[str, tuple[float, float]]) -> PriceRange:
    """The best of some behaviours and of `SILENCE` at each price, from their mean ``(R, U)`` by name.

    Where several are equally good from a price on, the one of least effort reigns, and of equal ones the first. Raises
    `ValueError` on values that are not finite and on a negative effort.
    """
    lines = {SILENCE: (0.0, 0.0), **points}
    for name, (earned, effort) in lines.items():
        if not (math.isfinite(earned) and math.isfinite(effort) and effort >= 0):
            raise ValueError(f"{name}: R={earned}, U={effort} must be finite, and U at least 0")
    name = min(lines, key=lambda each: (-lines[each][0], lines[each][1]))
    reigns, low = [], 0.0
    while True:
        earned, effort = lines[name]
        crossings = {each: (earned - r) / (effort - u) for each, (r, u) in lines.items() if u < effort}
        following = min(crossings, key=lambda each: (crossings[each], lines[each][1]), default=None)
        if following is None:
            break
        high = min(max(crossings[following], low), CEILING)
        if high >= CEILING:
            # No user turn pays from here on: the best without any reigns.
            following = max((each for each in lines if lines[each][1] == 0), key=lambda each: lines[each][0])
        if high > low:
            reigns.append(Reign(name, low, high, earned, effort))
        name, low = following, high
    return PriceRange((*reigns, Reign(name, low, math.inf, *lines[name])))


def spread(breakpoints: Sequence[float], largest: float, count: int) -> tuple[float, ...]:
    """About `count` prices in ``[0, largest)``, 0 among them, in whole percent (as a prompt tells a price), ascending.

    Every interval between neighbours of 0, the breakpoints below `largest` and `largest` itself gets a price strictly inside,
    unless it is `NEGLIGIBLE` or holds no whole percent; the first gets 0. Further prices go where they would be widest apart.
    More than `count` are returned where there are more such intervals, fewer where the range holds fewer whole percents, and 0
    alone where nothing pays.
    """
    if count < 1:
        raise ValueError(f"count={count} must be at least 1")
    ends = [0.0, *sorted(point for point in set(breakpoints) if 0 < point < largest), largest]
    parts = [(low, _percents(low, high)) for low, high in pairwise(ends)]
    wide = [high - low >= NEGLIGIBLE * largest for low, high in pairwise(ends)]
    # The first holds 0 in any case.
    given = [int(place == 0 or (wide[place] and bool(inside))) for place, (_, inside) in enumerate(parts)]
    while sum(given) < count:
        room = [
            (high - low) / (have + 1) if have < len(inside) else 0.0
            for (low, high), (_, inside), have in zip(pairwise(ends), parts, given, strict=True)
        ]
        if not any(room):
            break
        given[int(np.argmax(room))] += 1
    chosen = {0}
    for place, (have, (_, inside)) in enumerate(zip(given, parts, strict=True)):
        shift = 0.0 if place == 0 else 0.5
        chosen |= {inside[int((each + shift) * len(inside) / have)] for each in range(have) if inside}
    return tuple(percent / 100 for percent in sorted(chosen))


def _percents(low: float, high: float) -> list[int]:
    """The whole percents strictly between two prices; 0 with them where the lower one is 0."""
    inside = range(math.floor(100 * low), math.ceil(100 * high) + 1)
    return [each for each in inside if (each == 0 == low or each > 100 * low + _ROUNDING) and each < 100 * high - _ROUNDING]


def same_interval(prices: Sequence[float], breakpoints: Sequence[float]) -> bool:
    """Whether no breakpoint lies between some of the `prices`, so that the same behaviour is the best at all of them."""
    return not any(min(prices) < point <= max(prices) for point in breakpoints)
