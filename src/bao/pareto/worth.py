"""Which policy to take at a price of a user turn, how surely, and by how much.

At the price w a policy is worth ``J(w) = mean over tasks of (R - w U)``, whatever price it was told itself; finishing at
once, without a word to anybody, is worth 0. The best is the one of the largest J by the means; of equal ones that of the least
effort, and then the one that was told this price. How surely is the share of the bootstrap's resamples of clusters of tasks in
which no other one is worth more. The lead is its J less that of the next one, paired by task; who is best was found on the same
tasks, so it leans upwards. Policies that know the task take no part.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bao.errors import DataError
from bao.measures.bootstrap import intervals, means, resampled_means
from bao.measures.clusters import count_clusters
from bao.measures.intervals import Floats, Interval, difference_interval
from bao.pareto.candidate import Candidate
from bao.pareto.joining import join
from bao.pareto.objective import DEFAULT, resolve
from bao.pareto.prices import SILENCE

PRICES = (0.0, 0.05, 0.1, 0.2)
"""Where no policy was told a price."""
_EVEN = 1e-12


@dataclass(frozen=True, slots=True)
class Answer:
    """The policy to take at a price."""

    price: float
    best: str
    worth: Interval
    sure: float
    """Share of the resamples in which no other one is worth more."""
    runner_up: str | None
    lead: Interval | None
    """What the best is worth more than the runner-up."""
    not_told_apart: tuple[str, ...]
    """Those that the interval of the difference does not tell from the best."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What one policy is worth, and lacks of the best scripted rule, at each price."""

    label: str
    worth: tuple[Interval, ...]
    regret: tuple[Interval, ...]
    """The best scripted rule's J (or 0, of finishing at once) less its own; negative: it is worth more."""


@dataclass(frozen=True)
class Worth:
    """What policies are worth under one kind of user; `to_json` gives an entry of ``worth.json``."""

    user: str | None
    prices: tuple[float, ...]
    tasks: int
    """Those that all of them played."""
    clusters: int
    rules: tuple[str, ...]
    """The best scripted rule at each price."""
    answers: tuple[Answer, ...]
    standings: tuple[Standing, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def told_prices(candidates: Sequence[Candidate]) -> tuple[float, ...]:
    """The prices that they were told, ascending, and 0; `PRICES` where none was told any."""
    told = {each.effort_weight for each in candidates if each.effort_weight is not None}
    return tuple(sorted({0.0, *told})) if told else PRICES


def worth(
    candidates: Sequence[Candidate],
    prices: Sequence[float],
    scripted: Collection[str] = (),
    *,
    user: str | None = None,
    seed: int = 0,
    resamples: int = 1000,
) -> Worth:
    """Who is worth what at each of `prices`, on the tasks that all played; `scripted` names the rules among them by label.

    Raises `DataError` where no policy is left but bounds, and where they share no task.
    """
    rivals = [each for each in candidates if not each.bound]
    if not rivals:
        raise DataError("all of these know the tasks: evaluate a policy that does not")
    joined = join(rivals, resolve(DEFAULT))
    everybody = ~np.isnan(joined.values).any(axis=1)
    if not everybody.any():
        raise DataError(f"{', '.join(each.label for each in rivals)} share no task: evaluate them on the same ones")
    table, numbers = joined.values[everybody].reshape(-1, len(rivals), len(DEFAULT)), joined.numbers[everybody]
    nothing = np.zeros((len(table), 1, len(DEFAULT)))
    table, labels = np.concatenate([table, nothing], axis=1), [*(each.label for each in rivals), SILENCE]
    efforts, rules = table[:, :, 1].mean(axis=0), [place for place, label in enumerate(labels) if label in scripted]
    told = [*(each.effort_weight for each in rivals), None]
    answers, chosen, found = [], [], []

    def less(one: Floats, others: Floats, bounded: bool) -> list[Interval]:
        gaps = one[:, None] - others
        return [difference_interval(column, numbers, bounded=bounded) for column in gaps.T]

    for price in prices:
        values = table[:, :, 0] - price * table[:, :, 1]
        standing = means(values)
        order = sorted(range(len(labels)), key=lambda place: (-standing[place].round(9), efforts[place], told[place] != price))
        # Without a price it is the return, mostly a rate.
        replicates = resampled_means(values, resamples, np.random.default_rng(seed), numbers)
        own = intervals(values, replicates, [price == 0] * len(labels), numbers)
        best, rule = order[0], next(place for place in order if place in rules or labels[place] == SILENCE)
        sure = float((replicates[:, best] >= replicates.max(axis=1) - _EVEN).mean())
        leads = less(values[:, best], values, price == 0)
        lacks = less(values[:, rule], values, price == 0)
        rest = order[1:]
        tied = tuple(labels[place] for place in rest if leads[place].low <= 0)
        answers.append(Answer(price, labels[best], own[best], sure, labels[rest[0]], leads[rest[0]], tied))
        chosen.append(labels[rule])
        found.append((own, lacks))
    standings = tuple(
        Standing(label, tuple(own[place] for own, _ in found), tuple(lacks[place] for _, lacks in found))
        for place, label in enumerate(labels)
        if label != SILENCE
    )
    counts = (len(table), count_clusters(numbers))
    return Worth(user, tuple(prices), *counts, tuple(chosen), tuple(answers), standings)
