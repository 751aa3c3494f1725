"""Regret is what a policy lacks of the best fixed behaviour at each price, task by task."""

import numpy as np
import pytest

from bao.errors import DataError
from bao.pareto.prices import SILENCE
from bao.pareto.regret import ENVELOPE, Played, RegretTable, regrets

TASKS = tuple(f"t{number}" for number in range(40))
PRICES = (0.0, 0.3, 0.6)


def played(earned: object, effort: object, tasks: tuple[str, ...] = TASKS) -> Played:
    return Played(tasks, np.broadcast_to(earned, len(tasks)).astype(float), np.broadcast_to(effort, len(tasks)).astype(float))


ASK, GUESS = played(1.0, 2.0), played(0.5, 1.0)


def found(**told: dict[float, Played]) -> RegretTable:
    return regrets({"ask": ASK, "guess": GUESS}, told, resamples=200)


def test_the_envelope_is_the_best_script_or_silence_at_each_price() -> None:
    table = found(policy=dict.fromkeys(PRICES, ASK))
    assert table.best == ("ask", "ask", SILENCE)
    assert [each.mean for each in table.worth[ENVELOPE].at] == pytest.approx([1.0, 0.4, 0.0])
    assert table.worth[ENVELOPE].mean.mean == pytest.approx(1.4 / 3)
    assert [each.mean for each in table.effort[ENVELOPE].at] == [2.0, 2.0, 0.0]


def test_the_regret_of_one_that_always_asks_grows_with_the_price_beyond_the_last_breakpoint() -> None:
    regret = found(policy=dict.fromkeys(PRICES, ASK)).regret["policy"][ENVELOPE]
    assert [each.mean for each in regret.at] == pytest.approx([0.0, 0.0, 0.2])
    assert regret.mean.mean == pytest.approx(0.2 / 3)


def test_a_policy_better_than_every_script_has_negative_regret() -> None:
    half = np.arange(40) % 2 == 0
    # It asks where that is worth a whole point more, and only there.
    clever = dict.fromkeys(PRICES, played(1.0, np.where(half, 2.0, 0.0)))
    table = found(policy=clever, other=dict.fromkeys(PRICES, ASK))
    assert table.regret["policy"][ENVELOPE].mean.high < 0
    assert table.regret["policy"]["other"].mean.mean == pytest.approx(-table.regret["other"]["policy"].mean.mean)


def test_what_tasks_share_does_not_widen_the_interval() -> None:
    luck = np.random.default_rng(0).random(40)
    told = {"policy": {0.1: played(luck - 0.1, 1.0)}}
    table = regrets({"script": played(luck, 1.0)}, told, resamples=200)
    interval = table.regret["policy"][ENVELOPE].at[0]
    assert (interval.low, interval.high) == pytest.approx((0.1, 0.1))
    assert table.worth["policy"].at[0].high - table.worth["policy"].at[0].low > 0.1


def test_the_drop_in_effort_is_that_between_the_ends_of_the_prices() -> None:
    table = found(bends={0.0: ASK, 0.3: GUESS, 0.6: played(0.0, 0.0)}, stiff=dict.fromkeys(PRICES, ASK))
    assert table.effort_drop["bends"].mean == 2.0
    assert table.effort_drop["stiff"].mean == 0.0
    assert regrets({}, {"one": {0.1: ASK}}, resamples=100).effort_drop == {}


def test_only_tasks_that_all_played_count() -> None:
    short = Played(TASKS[:10], ASK.task_return[:10], ASK.user_effort[:10])
    assert found(policy=dict.fromkeys(PRICES, short)).tasks == 10
    with pytest.raises(DataError, match="no task was played by all"):
        found(policy=dict.fromkeys(PRICES, played(1.0, 1.0, ("other",))))


def test_prices_that_differ_and_policies_that_are_told_none_are_refused() -> None:
    with pytest.raises(DataError, match=r"b was told the prices \[0\.1\]"):
        found(a={0.0: ASK}, b={0.1: ASK})
    with pytest.raises(DataError, match="told prices"):
        found()
