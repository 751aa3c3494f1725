"""What policies are worth at each price of a user turn, which to take there, and what each lacks of the best scripted rule.

At the price w a policy is worth ``J(w) = mean over tasks of (R - w U)``, R and U being the task's means over its episodes;
finishing at once, without a word to anybody (`SILENCE`), is worth 0. Policies that know the task take no part, and only tasks
that all others played count.

* **The answer** is the policy of the largest J by the means, whatever price it was told itself; of equal ones that of the least
  effort, and then the one that was told this price. How surely is the share of the bootstrap's resamples of clusters of tasks
  in which no other one is worth more. The lead is its J less that of the next one; it was found on the same tasks, so it leans
  upwards.
* **The envelope** is the best of the scripted rules and of silence at each price, by the means on the same tasks: choosing it
  there favours it, so a regret to it leans upwards. The *regret* to a policy is its J less one's own.
* **Told prices** (`Told`): policies that play another point at each price, over all prices that they were told.

Differences are paired by task (`bao.measures.intervals.difference_interval`); what is no difference is bootstrapped over
clusters of tasks, and at the price 0, where it is the return, has a rate's interval.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bao.errors import DataError
from bao.measures.bootstrap import intervals, means, resampled_means
from bao.measures.clusters import Numbers, count_clusters
from bao.measures.intervals import Floats, Interval, difference_interval
from bao.pareto.candidate import Candidate
from bao.pareto.joining import played_by_all
from bao.pareto.prices import SILENCE, price_range

PRICES = (0.0, 0.05, 0.1, 0.2)
"""Where no policy was told a price."""
ENVELOPE = "envelope"
_EVEN = 1e-12

Points = Mapping[str, Mapping[float, str]]
"""By policy: the label of what it plays at each price."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The policy to take at a price."""

    price: float
    best: str
    worth: Interval
    sure: float
    """Share of the resamples in which no other one is worth more."""
    runner_up: str
    lead: Interval
    """What the best is worth more than the runner-up."""
    not_told_apart: tuple[str, ...]
    """Those that the interval of the difference does not tell from the best."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What one policy is worth, and lacks of the envelope, at each price."""

    label: str
    worth: tuple[Interval, ...]
    regret: tuple[Interval, ...]
    """The envelope's J less its own; negative: it is worth more."""


@dataclass(frozen=True, slots=True)
class OverPrices:
    """One figure at each price, and its mean over the prices."""

    at: tuple[Interval, ...]
    mean: Interval


@dataclass(frozen=True, slots=True)
class Told:
    """Policies at the prices that all of them are told."""

    prices: tuple[float, ...]
    rules: tuple[str, ...]
    """What the envelope is at each price."""
    worth: Mapping[str, OverPrices]
    """J of each policy, and of the `ENVELOPE`."""
    user_effort: Mapping[str, OverPrices]
    """U of each policy."""
    regret: Mapping[str, Mapping[str, OverPrices]]
    """By policy, then by what it is compared with: J there less J of the policy. Negative: the policy is worth more."""
    effort_drop: Mapping[str, Interval]
    """By policy: U at the least price less U at the greatest; none with one price."""


@dataclass(frozen=True)
class Worth:
    """What policies are worth under one kind of user; `to_json` gives an entry of ``worth.json``."""

    user: str | None
    prices: tuple[float, ...]
    tasks: int
    """Those that all of them played."""
    clusters: int
    rules: tuple[str, ...]
    """What the envelope is at each price."""
    breakpoints: tuple[float, ...]
    """The prices at which scripted rules change hands (`bao.pareto.prices`)."""
    largest: float
    """The price up to which involving the user pays, by the scripted rules."""
    answers: tuple[Answer, ...]
    standings: tuple[Standing, ...]
    told: Told | None
    """None where no price was told to all that were told one."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def told_points(candidates: Sequence[Candidate]) -> Points:
    """What each series plays at each price that it was told; what was told a budget beside the price is left out."""
    found: dict[str, dict[float, str]] = {}
    for each in candidates:
        if each.effort_weight is not None and each.budget is None and not each.bound:
            found.setdefault(each.series, {})[each.effort_weight] = each.label
    return found


def told_prices(candidates: Sequence[Candidate]) -> tuple[float, ...]:
    """The prices that they were told, ascending, and 0; `PRICES` where none was told any."""
    told = {each.effort_weight for each in candidates if each.effort_weight is not None}
    return tuple(sorted({0.0, *told})) if told else PRICES


def worth(
    candidates: Sequence[Candidate],
    prices: Sequence[float],
    scripted: Collection[str] = (),
    *,
    points: Points | None = None,
    user: str | None = None,
    seed: int = 0,
    resamples: int = 1000,
) -> Worth:
    """Who is worth what at each of `prices`, on the tasks that all played; `scripted` names the rules among them by label.

    `points` (default: `told_points`) says what policies that are told prices play; those prices are among `prices`. Raises
    `DataError` where no policy is left but bounds, and where they share no task.
    """
    rivals = [each for each in candidates if not each.bound]
    if not rivals:
        raise DataError("all of these know the tasks: evaluate a policy that does not")
    played, numbers = played_by_all(rivals)
    labels = [*(each.label for each in rivals), SILENCE]
    table = _Table(np.concatenate([played, np.zeros((len(played), 1, 2))], axis=1), labels, numbers, seed, resamples)
    scripts = [place for place, label in enumerate(labels) if label in scripted]
    efforts, told = table.values[:, :, 1].mean(axis=0), [*(each.effort_weight for each in rivals), None]
    rules: dict[float, str] = {}
    own: dict[float, list[Interval]] = {}
    answers, lacks = [], []
    for price in prices:
        values = table.worth(price)
        standing, replicates = means(values), table.replicates(values)
        order = sorted(range(len(labels)), key=lambda place: (-standing[place].round(9), efforts[place], told[place] != price))
        best, rule = order[0], next(place for place in order if place in scripts or labels[place] == SILENCE)
        sure = float((replicates[:, best] >= replicates.max(axis=1) - _EVEN).mean())
        own[price] = intervals(values, replicates, [price == 0] * len(labels), numbers)
        leads = table.gaps(values[:, [best]] - values, price == 0)
        second, tied = order[1], tuple(labels[place] for place in order[1:] if leads[place].low <= 0)
        answers.append(Answer(price, labels[best], own[price][best], sure, labels[second], leads[second], tied))
        rules[price] = labels[rule]
        lacks.append(table.gaps(values[:, [rule]] - values, price == 0))
    standings = tuple(
        Standing(label, tuple(each[place] for each in own.values()), tuple(each[place] for each in lacks))
        for place, label in enumerate(labels[:-1])
    )
    changes = price_range({labels[place]: (float(played[:, place, 0].mean()), float(efforts[place])) for place in scripts})
    return Worth(
        user=user,
        prices=tuple(prices),
        tasks=len(played),
        clusters=count_clusters(numbers),
        rules=tuple(rules.values()),
        breakpoints=changes.breakpoints,
        largest=changes.largest,
        answers=tuple(answers),
        standings=standings,
        told=_over_prices(table, told_points(rivals) if points is None else points, rules, own),
    )


@dataclass(frozen=True)
class _Table:
    """The tasks that all policies played."""

    values: Floats
    """[tasks, policies, (R, U)]"""
    labels: Sequence[str]
    numbers: Numbers
    seed: int
    resamples: int

    def worth(self, price: float) -> Floats:
        """``R - w U``: [tasks, policies]."""
        worth: Floats = self.values[:, :, 0] - price * self.values[:, :, 1]
        return worth

    def replicates(self, columns: Floats) -> Floats:
        return resampled_means(columns, self.resamples, np.random.default_rng(self.seed), self.numbers)

    def means(self, columns: Floats) -> list[Interval]:
        """Of each column [tasks], and of their mean."""
        both = np.column_stack([columns, columns.mean(axis=1)])
        return intervals(both, self.replicates(both), None, self.numbers)

    def gaps(self, columns: Floats, bounded: bool) -> list[Interval]:
        """Of each column of differences [tasks]; `bounded` where each is one of two returns."""
        return [difference_interval(column, self.numbers, bounded=bounded) for column in columns.T]


def _over_prices(
    table: _Table, points: Points, rules: Mapping[float, str], own: Mapping[float, Sequence[Interval]]
) -> Told | None:
    prices = tuple(sorted(set.intersection(*map(set, points.values())))) if points else ()
    if not prices:
        return None
    everybody = {**points, ENVELOPE: rules}
    places = {name: [table.labels.index(each[price]) for price in prices] for name, each in everybody.items()}
    worth = {
        name: np.column_stack([table.worth(w)[:, i] for w, i in zip(prices, own, strict=True)]) for name, own in places.items()
    }
    effort = {name: table.values[:, own, 1] for name, own in places.items()}

    def with_mean(columns: Floats, at: Sequence[Interval] = ()) -> OverPrices:
        *found, over = table.means(columns)
        return OverPrices(tuple(at or found), over)

    def regret(columns: Floats) -> OverPrices:
        at = [table.gaps(column[:, None], price == 0)[0] for column, price in zip(columns.T, prices, strict=True)]
        return OverPrices(tuple(at), table.gaps(columns.mean(axis=1, keepdims=True), bounded=False)[0])

    return Told(
        prices=prices,
        rules=tuple(rules[price] for price in prices),
        worth={
            name: with_mean(worth[name], [own[price][place] for price, place in zip(prices, each, strict=True)])
            for name, each in places.items()
        },
        user_effort={name: with_mean(each) for name, each in effort.items()},
        regret={name: {other: regret(each - worth[name]) for other, each in worth.items() if other != name} for name in points},
        effort_drop={name: table.gaps(effort[name][:, :1] - effort[name][:, -1:], bounded=False)[0] for name in points}
        if len(prices) > 1
        else {},
    )
