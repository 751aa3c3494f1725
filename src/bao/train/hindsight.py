"""Measured hindsight prices: a warm start that bends to the price, from a teacher who knows no price.

1. The teacher plays each task several times, with another propensity in each episode to ask, to act and to stop.
2. For every price w of a user turn, the values of situations and choices (`bao.train.situations`) are measured from these
   plays, by value iteration on the transitions that occurred:

       Q_w(s, c) = mean over the turns with choice c in s of  r - w u + V_w(s'),     V_w(s) = max_c Q_w(s, c)

   r is the turn's reward, u whether it involved the user, s' the next situation (value 0 after the last). A choice that
   occurred fewer than `LEAST` times in a situation is not measured.
3. A demonstration for a told price is, of a task's plays, one of least regret ``sum_t V_w(s_t) - Q_w(s_t, c_t)``. Turns of more
   than a slight regret carry no loss, nor do slips. The price is restated in the thinking before the decision; no text says
   whether asking pays.

Why not simply the play that earned most at this price: luck. A guess that happened to be right is the best play of its task
at any price, and a student of such plays learns to guess. Values are measured over all tasks, so luck averages out. This is
behaviour cloning filtered by a measured advantage (Wang et al., Critic Regularized Regression, arXiv 2006.15134), with prices
relabelled in hindsight (Andrychowicz et al., Hindsight Experience Replay, arXiv 1707.01495).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from bao.measures.intervals import Floats
from bao.trajectory import StopReason, Trajectory

MOST_PERCENT = 100
"""The largest price that is tried, in percent: a user turn at the price of the whole task."""
PAYS = 0.005
"""What acting has to earn above silence, in units of R, to count as paying."""
MARGINAL = 0.1
"""Share of the effort at price 0 from which on acting still counts: prices are told as far as that, and `BEYOND`."""
BEYOND = 1.15
"""How many times the largest price at which acting counts is still told, so that what comes next is shown too."""
LEAST = 5
"""Turns from which the value of a choice in a situation is measured."""
UNMEASURED = 1.0
"""The regret of a choice that is not measured: that of losing a whole task."""
SLIGHT = 0.003
"""Regret of a turn, in units of R, up to which it is worth imitating. Small, since an episode has many turns: what loses .01 at
each of ten questions, loses a tenth of the task."""


@dataclass(frozen=True)
class Play:
    """One episode of a teacher on a task of the training split."""

    trajectory: Trajectory
    slipped: tuple[bool, ...]
    """For each turn, whether it was a slip: from it nothing is measured or learned."""
    situations: tuple[str, ...]
    """For each turn."""

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Situation and choice of each turn."""
        return [(key, str(turn.action.kind)) for key, turn in zip(self.situations, self.trajectory.turns, strict=True)]

    @cached_property
    def usable(self) -> bool:
        """Whether it ended by itself, without a fault or an error of its agent, and is readable but for its slips."""
        turns = zip(self.trajectory.turns, self.slipped, strict=True)
        broken_off = (StopReason.FAULT, StopReason.POLICY_ERROR, StopReason.MAX_TURNS, StopReason.TOKEN_BUDGET)
        ended = self.trajectory.stop not in broken_off
        return ended and not any(turn.parse_fault is not None for turn, slip in turns if not slip)


@dataclass(frozen=True)
class Values:
    """What situations and choices are worth at each of `prices`, as measured."""

    prices: tuple[float, ...]
    pairs: dict[tuple[str, str], int]
    """Row of ``choice_values`` of each measured situation and choice."""
    choice_values: Floats
    """Q [pairs, prices]."""
    situation_values: Floats
    """V [situations, prices]."""
    rows: dict[str, int]
    """Row of ``situation_values`` of each situation with a measured choice."""

    def regrets(self, play: Play) -> Floats:
        """``V_w(s) - Q_w(s, c)`` [turns, prices] of each turn; 0 for a slip, `UNMEASURED` where nothing was measured."""
        found = np.zeros((len(play.situations), len(self.prices)))
        for turn, (pair, slip) in enumerate(zip(play.pairs, play.slipped, strict=True)):
            if slip:
                continue
            row = self.pairs.get(pair)
            found[turn] = UNMEASURED if row is None else self.situation_values[self.rows[pair[0]]] - self.choice_values[row]
        return found

    def start(self, plays: Sequence[Play]) -> Floats:
        """The mean value [prices] of the situations that `plays` began in: what acting best by these values earns."""
        return mean_at_start(self.situation_values, self.rows, plays)


def mean_at_start(values: Floats, rows: Mapping[str, int], plays: Sequence[Play]) -> Floats:
    """The mean of `values` [situations, ..] over the situations that `plays` began in; 0 where none is known."""
    first = [rows[play.situations[0]] for play in plays if play.situations and play.situations[0] in rows]
    mean: Floats = values[first].mean(axis=0) if first else np.zeros(values.shape[1:])
    return mean


def effort_by_price(values: Values, start: Floats) -> Floats:
    """How many user turns acting best takes, between each two neighbouring prices: minus the slope of its value."""
    effort: Floats = -np.diff(start) / np.diff(values.prices)
    return effort


def measure(plays: Sequence[Play], prices: Sequence[float], *, least: int = LEAST, horizon: int | None = None) -> Values:
    """The `Values` at each of `prices`, from the turns of `plays` that were no slips.

    Values are iterated as often as an episode has turns (`horizon`, by default the most that any play had).
    """
    told = np.asarray(prices, dtype=np.float64)
    found = Transitions.of(plays, least)
    q = np.zeros((len(found.pairs), len(told)))
    v = np.zeros((len(found.rows), len(told)))
    if found.pairs:
        now = found.reward[:, None] - found.effort[:, None] * told
        for _ in range(horizon or max(len(play.situations) for play in plays)):
            q = now + found.follows @ v
            v = np.maximum.reduceat(q, found.begins, axis=0)
    return Values(tuple(map(float, told)), found.pairs, q, v, found.rows)


def percents(plays: Sequence[Play], top: float | None = None, unseen: Collection[float] = ()) -> tuple[float, ...]:
    """Every whole percent from 0 up to `top`, without those in `unseen`; 0 is there in any case.

    None: up to the largest price at which acting best, by the values measured from `plays`, still pays, and takes more than
    `MARGINAL` of the effort that it takes at price 0; and `BEYOND` that, so that what comes next is shown too. At still larger
    prices the user is involved in a few easy tasks only, and a student would be shown little else than how to stop.
    """
    grid = [percent / 100 for percent in range(round(100 * top) + 1 if top else MOST_PERCENT + 2)]
    if top is None:
        start = measure(plays, grid).start(plays)
        effort = -np.diff(start)
        acting = np.flatnonzero((start[:-1] > PAYS) & (effort > MARGINAL * effort[0]))
        pays = np.flatnonzero(start[:-1] > PAYS)
        grid = grid[: min(int(acting[-1] * BEYOND), int(pays[-1])) + 1 if len(acting) else 1]
    hidden = {round(100 * price) for price in unseen} - {0}
    return tuple(price for price in grid if round(100 * price) not in hidden)


@dataclass(frozen=True)
class Transitions:
    """What followed the measured pairs, which are sorted by situation: means over their turns."""

    pairs: dict[tuple[str, str], int]
    rows: dict[str, int]
    begins: npt.NDArray[np.intp]
    """[situations]: the first pair of each."""
    reward: Floats
    effort: Floats
    """[pairs]"""
    follows: csr_matrix
    """[pairs, situations]: how often each came next; the rest of a row's sum ended the episode."""
    after_user: csr_matrix
    """[pairs, situations]: the part of ``follows`` that is of turns which involved the user."""

    @classmethod
    def of(cls, plays: Sequence[Play], least: int) -> "Transitions":
        turns: dict[tuple[str, str], list[tuple[float, bool, str | None]]] = {}
        for play in plays:
            if play.trajectory.fault is not None:
                continue
            following: list[str | None] = [*play.situations[1:], None]
            steps = zip(play.pairs, play.trajectory.turns, play.slipped, following, strict=True)
            for pair, turn, slip, after in steps:
                if not slip:
                    turns.setdefault(pair, []).append((turn.reward, turn.involves_user, after))
        measured = sorted(pair for pair, seen in turns.items() if len(seen) >= least)
        rows: dict[str, int] = {}
        for situation, _ in measured:
            rows.setdefault(situation, len(rows))
        begins = np.array([0, *(i for i in range(1, len(measured)) if measured[i][0] != measured[i - 1][0])], dtype=np.intp)
        reward, effort = np.zeros(len(measured)), np.zeros(len(measured))
        at, to, share, asked = [], [], [], []
        for number, pair in enumerate(measured):
            seen = turns[pair]
            reward[number] = np.mean([each[0] for each in seen])
            effort[number] = np.mean([each[1] for each in seen])
            # A next situation that is not measured ends the reckoning, as the end of the episode does.
            for _, involves_user, after in seen:
                if after is not None and after in rows:
                    at.append(number)
                    to.append(rows[after])
                    share.append(1.0 / len(seen))
                    asked.append(involves_user / len(seen))
        follows, after_user = (csr_matrix((each, (at, to)), shape=(len(measured), len(rows))) for each in (share, asked))
        return cls({pair: i for i, pair in enumerate(measured)}, rows, begins, reward, effort, follows, after_user)


def least_regret(regrets: Sequence[Floats], price: int, rng: np.random.Generator) -> int:
    """Which of a task's plays to imitate at a price (by its index): one of least regret, by chance among equals.

    `regrets` are those of each play's turns (`Values.regrets`).
    """
    sums = [float(each[:, price].sum()) for each in regrets]
    best = min(sums)
    equal = [number for number, value in enumerate(sums) if value <= best + 1e-6]
    return equal[int(rng.integers(len(equal)))]
