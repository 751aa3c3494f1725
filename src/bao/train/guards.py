"""What can go wrong with values measured in hindsight, said before anything is learned from them."""

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from bao.train.hindsight import PAYS, Play, Values, effort_by_price, least_regret

MOST_RETURN = 1.0
"""A whole episode earns at most this much."""
_ALIASED, _LUCK, _SAME = 0.03, 0.05, 0.1


def value_warnings(
    by_task: Sequence[Sequence[Play]], values: Values, kinds: Collection[str], prices: Collection[float]
) -> Iterator[str]:
    """What is doubtful about `values`, measured from the plays of each task.

    `kinds` are the actions that the gym offers, `prices` those that the policy will be trained at.

    Raises `ValueError` where no choice of the teacher earns anything, so that there is nothing to teach.
    """
    plays = [play for row in by_task for play in row]
    start = values.start(plays)
    if start[0] <= PAYS:
        usable = sum(play.usable for play in plays)
        raise ValueError(
            f"nothing that the teacher does earns anything, even where involving the user is free ({usable} of {len(plays)} "
            "plays ended by themselves)"
        )
    chosen = {kind for _, kind in values.pairs}
    if missing := sorted(set(map(str, kinds)) - chosen):
        yield (
            f"the teacher hardly ever takes the action {' or '.join(missing)}, so nothing is known about what it leads to, and "
            "the policy will not learn when to take it"
        )
    if (top := float(values.choice_values[:, 0].max())) > MOST_RETURN + _ALIASED:
        yield (
            f"a situation is valued at {top:.2f}, more than an episode can earn: situations that differ are taken for one; let "
            "the teacher's thinking tell them apart (what is settled, how many are left)"
        )
    if len(set(prices)) > 1 and len(values.prices) > 1:
        low, high = (
            float(np.interp(each, values.prices[1:], effort_by_price(values, start))) for each in (min(prices), max(prices))
        )
        if low - high < _SAME:
            yield (
                f"no decision changes hands between the prices {min(prices):g} and {max(prices):g}: doing the same at all of "
                'them is right, and shows no trade-off (grpo.effort_weights = "auto" finds prices that do)'
            )
    for price in sorted({0, len(values.prices) // 2, len(values.prices) - 1}):
        earned = _earned(by_task, values, price)
        if earned - start[price] > _LUCK:
            yield (
                f"at the price {values.prices[price]:g} the chosen plays earn {earned:.2f}, and such play is expected to earn "
                f"{start[price]:.2f}: luck is imitated; use more tasks (sft.tasks), or tell more situations apart"
            )


def _earned(by_task: Sequence[Sequence[Play]], values: Values, price: int) -> float:
    """The mean of R - wU of the plays that would be imitated."""
    rng = np.random.default_rng(0)
    earned = []
    for row in by_task:
        plays = [play for play in row if play.usable]
        if plays:
            play = plays[least_regret([values.regrets(each) for each in plays], price, rng)].trajectory
            earned.append(play.task_return - values.prices[price] * play.user_effort)
    return float(np.mean(earned)) if earned else 0.0
