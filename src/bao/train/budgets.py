"""Budgets of user turns in the warm start: values as in `bao.train.hindsight`, with the user turns that are left in the state.

With k user turns left, situations and choices are worth what value iteration on the teacher's plays makes of them:

    Q_k(s, c) = mean over the turns with choice c in s of  r - w u + V_{k-u}(s'),     V_k(s) = max of Q_k(s, c) over allowed c

r is the turn's reward, u whether it involved the user, s' the next situation (value 0 after the last), w the price of a user
turn that is told beside the budget, or `PRICE` where none is. With nothing left (k = 0) a choice that ever involved the user is
not allowed; a situation in which no other was measured is worth 0, as if the episode ended there.

A demonstration for a budget is, of a task's plays that kept within it, one of least regret ``sum_t V_k(s_t) - Q_k(s_t, c_t)``
where k was left at turn t. What is left is restated in the thinking before every decision.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bao.errors import ConfigError
from bao.gym import Gym
from bao.measures.intervals import Floats
from bao.policies.prompt import PromptForm, system_text
from bao.train.demonstrations import Demonstration, demonstration
from bao.train.hindsight import LEAST, PAYS, SLIGHT, UNMEASURED, Play, Transitions, least_regret, mean_at_start
from bao.train.shown import Shown, everything

PRICE = 0.001
"""The price of a user turn where a budget alone is told: of plays worth the same, that of less effort is imitated."""
BESIDE = 0.5
"""Share of the demonstrations for budgets that tell a price beside the budget."""


@dataclass(frozen=True)
class BudgetValues:
    """What situations and choices are worth with 0, 1, 2, .. user turns left, at each of `prices`, as measured."""

    prices: tuple[float, ...]
    pairs: dict[tuple[str, str], int]
    """Row of ``choice_values`` of each measured situation and choice."""
    choice_values: Floats
    """Q [pairs, budgets, prices], budgets from 0; -inf where the choice is not allowed."""
    situation_values: Floats
    """V [situations, budgets, prices]."""
    rows: dict[str, int]
    """Row of ``situation_values`` of each situation with a measured choice."""

    def regrets(self, play: Play, budget: int, price: int = 0) -> Floats:
        """``V_k(s) - Q_k(s, c)`` [turns] of each turn of a play that took at most `budget` user turns.

        `price` is the place of the price among `prices`. 0 for a slip, `UNMEASURED` where nothing was measured.
        """
        found = np.zeros(len(play.situations))
        for turn, (pair, slip, k) in enumerate(zip(play.pairs, play.slipped, left(play, budget), strict=True)):
            if slip:
                continue
            row = self.pairs.get(pair)
            if row is None:
                found[turn] = UNMEASURED
            else:
                found[turn] = self.situation_values[self.rows[pair[0]], k, price] - self.choice_values[row, k, price]
        return found

    def start(self, plays: Sequence[Play]) -> Floats:
        """The mean value [budgets, prices] of the situations that `plays` began in."""
        return mean_at_start(self.situation_values, self.rows, plays)


def left(play: Play, budget: int) -> list[int]:
    """The user turns that are left of `budget` before each turn of a play that kept within it, slips counted."""
    involved = np.array([turn.involves_user for turn in play.trajectory.turns], dtype=np.int64)
    return [int(each) for each in budget - np.cumsum(involved) + involved]


def within(play: Play, budget: int) -> bool:
    """Whether a play is usable and took at most `budget` user turns."""
    return play.usable and play.trajectory.user_effort <= budget


def measure_budgets(
    plays: Sequence[Play], most: int, prices: Sequence[float] = (PRICE,), *, least: int = LEAST, horizon: int | None = None
) -> BudgetValues:
    """The `BudgetValues` for 0 to `most` user turns at each of `prices`, from the turns of `plays` that were no slips.

    `least` and `horizon` as for `bao.train.hindsight.measure`.
    """
    told = np.asarray(prices, dtype=np.float64)
    found = Transitions.of(plays, least)
    budgets, wide = most + 1, (most + 1) * len(told)
    q, v = np.zeros((len(found.pairs), budgets, len(told))), np.zeros((len(found.rows), budgets, len(told)))
    if found.pairs:
        now = (found.reward[:, None] - found.effort[:, None] * told)[:, None, :]
        alone = found.follows - found.after_user
        for _ in range(horizon or max(len(play.situations) for play in plays)):
            spent = np.concatenate([np.zeros_like(v[:, :1]), v[:, :-1]], axis=1)  # with one user turn less
            q = now + (alone @ v.reshape(len(v), wide) + found.after_user @ spent.reshape(len(v), wide)).reshape(q.shape)
            q[found.effort > 0, 0] = -np.inf
            v = np.maximum.reduceat(q, found.begins, axis=0)
            v[np.isneginf(v)] = 0.0
    return BudgetValues(tuple(map(float, told)), found.pairs, q, v, found.rows)


def budget_demonstrations(
    gym: Gym,
    played: Sequence[Sequence[Play]],
    budgets: Sequence[int],
    prices: Sequence[float],
    count: int,
    rng: np.random.Generator,
    *,
    form: PromptForm = PromptForm.FULL,
    shown: Shown = everything,
) -> Iterator[Demonstration]:
    """`count` demonstrations from the plays of each task (`played`) for the `budgets` in turn, a share `BESIDE` of them at one
    of `prices` too.

    Raises `ConfigError` where no task has a play that kept within one of the budgets.
    """
    plays = [play for row in played for play in row]
    values = measure_budgets(plays, max(budgets), (PRICE, *prices))
    usable = {
        budget: [kept for row in played if (kept := [play for play in row if within(play, budget)])] for budget in budgets
    }
    for budget, tasks in usable.items():
        if not tasks:
            raise ConfigError(
                f"sft.budgets={list(budgets)}: no play of the teacher on {gym.name} takes at most {budget} user "
                f"turn{'' if budget == 1 else 's'}: leave {budget} out, or raise sft.plays"
            )
    for number in range(count):
        budget = budgets[number % len(budgets)]
        row = usable[budget][int(rng.integers(len(usable[budget])))]
        price = 1 + int(rng.integers(len(prices))) if prices and rng.random() < BESIDE else 0
        told = values.prices[price] if price else None
        regrets = [values.regrets(play, budget, price) for play in row]
        chosen = least_regret([each[:, None] for each in regrets], 0, rng)
        play, worth = row[chosen], regrets[chosen] <= SLIGHT
        loss = [bool(good) and not slip for good, slip in zip(worth, play.slipped, strict=True)]
        system = system_text(gym, form, told, budget)
        yield demonstration(system, play.trajectory, loss, told, left(play, budget), form=form, shown=shown)


def budget_warnings(played: Sequence[Sequence[Play]], budgets: Sequence[int]) -> Iterator[str]:
    """What is doubtful about `budgets`: whether the largest is worth more than the smallest, by the plays of each task."""
    plays = [play for row in played for play in row]
    worth = measure_budgets(plays, max(budgets)).start(plays)[:, 0]
    if len(set(budgets)) > 1 and worth[max(budgets)] - worth[min(budgets)] < PAYS:
        yield (
            f"a budget of {max(budgets)} user turns is worth no more than one of {min(budgets)}: keeping within sft.budgets "
            "costs nothing, and shows no trade-off"
        )
