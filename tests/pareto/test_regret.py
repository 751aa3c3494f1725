"""Regret is what a policy that is told prices lacks of the best scripted rule at each, task by task."""

from collections.abc import Mapping

import numpy as np
import pytest

from bao.errors import DataError
from bao.pareto import Candidate
from bao.pareto.prices import SILENCE
from bao.pareto.worth import ENVELOPE, Told, Worth, told_prices, worth

TASKS = tuple(f"t{number:02}" for number in range(40))
PRICES = (0.0, 0.3, 0.6)

Play = tuple[object, object]
"""R and U, of each task or of all."""
ASK, GUESS, SILENT = (1.0, 2.0), (0.5, 1.0), (0.0, 0.0)


def played(name: str, play: Play, price: float | None = None, tasks: tuple[str, ...] = TASKS) -> Candidate:
    values = {
        measure: np.broadcast_to(value, len(tasks)).astype(float)
        for measure, value in zip(("score", "user_effort"), play, strict=True)
    }
    label = name if price is None else f"{name} w={price:g}"
    return Candidate.of_arrays(tasks, values, label=label, series=name, gym="travel", horizon=10, effort_weight=price)


def worths(rules: Mapping[str, Play], **told: Mapping[float, Play]) -> Worth:
    points = [played(name, play, price) for name, plays in told.items() for price, play in plays.items()]
    scripts = [played(name, play) for name, play in rules.items()]
    return worth([*points, *scripts], told_prices(points), set(rules), resamples=200)


def found(**told: Mapping[float, Play]) -> Told:
    over = worths({"ask": ASK, "guess": GUESS}, **told).told
    assert over is not None
    return over


def test_the_envelope_is_the_best_script_or_silence_at_each_price() -> None:
    table = found(policy=dict.fromkeys(PRICES, ASK))
    assert table.rules == ("ask", "ask", SILENCE)
    assert [each.mean for each in table.worth[ENVELOPE].at] == pytest.approx([1.0, 0.4, 0.0])
    assert table.worth[ENVELOPE].mean.mean == pytest.approx(1.4 / 3)
    assert [each.mean for each in table.user_effort[ENVELOPE].at] == [2.0, 2.0, 0.0]


def test_the_regret_of_one_that_always_asks_grows_with_the_price_beyond_the_last_breakpoint() -> None:
    regret = found(policy=dict.fromkeys(PRICES, ASK)).regret["policy"][ENVELOPE]
    assert [each.mean for each in regret.at] == pytest.approx([0.0, 0.0, 0.2])
    assert regret.mean.mean == pytest.approx(0.2 / 3)


def test_a_policy_better_than_every_script_has_negative_regret() -> None:
    half = np.arange(40) % 2 == 0
    # It asks where that is worth a whole point more, and only there.
    clever = dict.fromkeys(PRICES, (1.0, np.where(half, 2.0, 0.0)))
    table = found(policy=clever, other=dict.fromkeys(PRICES, ASK))
    assert table.regret["policy"][ENVELOPE].mean.high < 0
    assert table.regret["policy"]["other"].mean.mean == pytest.approx(-table.regret["other"]["policy"].mean.mean)


def test_what_tasks_share_does_not_widen_the_interval() -> None:
    luck = np.random.default_rng(0).random(40)
    over = worths({"script": (luck, 1.0)}, policy={0.1: (luck - 0.1, 1.0)}).told
    assert over is not None
    interval = over.regret["policy"][ENVELOPE].at[0]
    assert (interval.low, interval.high) == pytest.approx((0.1, 0.1))
    assert over.worth["policy"].at[0].high - over.worth["policy"].at[0].low > 0.1


def test_the_drop_in_effort_is_that_between_the_ends_of_the_prices() -> None:
    table = found(bends={0.0: ASK, 0.3: GUESS, 0.6: SILENT}, stiff=dict.fromkeys(PRICES, ASK))
    assert table.effort_drop["bends"].mean == 2.0
    assert table.effort_drop["stiff"].mean == 0.0
    assert found(one={0.1: ASK}).effort_drop == {}


def test_the_same_figure_is_the_same_number_wherever_it_stands() -> None:
    rng = np.random.default_rng(1)
    told = {price: (rng.random(40), rng.integers(0, 4, 40)) for price in PRICES}
    whole = worths({"ask": (rng.random(40), 2.0), "guess": (rng.random(40), 0.0)}, policy=told)
    assert whole.told is not None
    standings = {each.label: each for each in whole.standings}
    for place, price in enumerate(PRICES):
        standing = standings[f"policy w={price:g}"]
        assert standing.worth[place] == whole.told.worth["policy"].at[place]
        assert standing.regret[place] == whole.told.regret["policy"][ENVELOPE].at[place]
        assert whole.told.rules[place] == whole.rules[place]


def test_where_the_rules_change_hands_is_told_with_them() -> None:
    whole = worths({"ask": (1.0, 3.0), "guess": (0.5, 1.0)}, policy={0.1: ASK})
    assert whole.breakpoints == pytest.approx((0.25, 0.5))
    assert whole.largest == pytest.approx(0.5)


def test_only_tasks_that_all_played_count() -> None:
    few, other = (played("policy", ASK, 0.3, tasks) for tasks in (TASKS[:10], ("other",)))
    assert worth([played("ask", ASK), few], [0.0, 0.3], {"ask"}, resamples=100).tasks == 10
    with pytest.raises(DataError, match="share no task"):
        worth([played("ask", ASK), other], [0.0, 0.3], {"ask"})


def test_policies_are_held_against_each_other_at_the_prices_that_all_were_told() -> None:
    table = found(a={0.0: ASK, 0.3: GUESS}, b={0.3: ASK, 0.6: ASK})
    assert table.prices == (0.3,)
    assert table.regret["a"]["b"].at[0].mean == pytest.approx(0.2)
    assert worths({"ask": ASK}, a={0.0: ASK}, b={0.1: ASK}).told is None
    assert worths({"ask": ASK}).told is None


def test_what_plays_a_point_at_a_price_can_be_named() -> None:
    points = {"one": {0.0: "ask", 0.6: SILENCE}}
    over = worth([played("ask", ASK)], [0.0, 0.6], {"ask"}, points=points, resamples=100).told
    assert over is not None
    assert [each.mean for each in over.worth["one"].at] == [1.0, 0.0]
    assert over.regret["one"][ENVELOPE].mean.mean == 0
