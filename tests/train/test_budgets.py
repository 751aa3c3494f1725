"""Values with the user turns that are left, and demonstrations that keep within a budget: worked numbers and properties."""

import re
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bao.errors import ConfigError
from bao.gyms.travel import Travel
from bao.policies.prompt import PromptForm, percent, told_budget, told_price
from bao.task import Split
from bao.train.budgets import BudgetValues, budget_demonstrations, budget_warnings, left, measure_budgets, within
from bao.train.demonstrations import Demonstration, gather
from bao.train.hindsight import UNMEASURED, Play, measure
from bao.train.situations import Situations, situations
from bao.trajectory import StopReason
from tests.train.test_hindsight import play, shop

INF = float("inf")


def q(values: BudgetValues, situation: str, choice: str, price: int = 0) -> list[float]:
    return [round(float(each), 9) for each in values.choice_values[values.pairs[situation, choice], :, price]]


def v(values: BudgetValues, situation: str, price: int = 0) -> list[float]:
    return [round(float(each), 9) for each in values.situation_values[values.rows[situation], :, price]]


# Worked numbers. In the shop asking and then answering is right 18 times in 20, guessing 5 in 20, finishing earns .3.


def test_with_a_turn_too_few_for_the_answer_a_question_is_worth_nothing() -> None:
    values = measure_budgets(shop(right=18, wrong=2), 3, (0.0,))
    assert q(values, "known", "answer") == [-INF, 0.9, 0.9, 0.9]
    assert q(values, "open", "action") == [-INF, 0.0, 0.9, 0.9]  # with one left it cannot be answered any more
    assert q(values, "open", "answer") == [-INF, 0.25, 0.25, 0.25]
    assert q(values, "open", "finish") == [0.3, 0.3, 0.3, 0.3]
    assert v(values, "open") == [0.3, 0.3, 0.9, 0.9]
    assert v(values, "known") == [0.0, 0.9, 0.9, 0.9]  # nothing but an answer was measured there


def test_a_price_beside_the_budget_is_paid_for_every_user_turn() -> None:
    values = measure_budgets(shop(right=18, wrong=2), 2, (0.0, 0.1, 0.4))
    assert q(values, "open", "action", 1) == [-INF, -0.1, 0.7]
    assert v(values, "open", 1) == [0.3, 0.3, 0.7]
    assert v(values, "open", 2) == [0.3, 0.3, 0.3]  # .9 - 2 x .4 is less than finishing earns


def test_the_regret_of_a_turn_is_reckoned_with_what_was_left_then() -> None:
    values = measure_budgets(shop(right=18, wrong=2), 2, (0.0,))
    asked = play(("open", "action", 0), ("known", "answer", 1.0))
    assert left(asked, 2) == [2, 1]
    assert values.regrets(asked, 2).round(9).tolist() == [0.0, 0.0]
    assert values.regrets(play(("open", "finish", 0.3)), 2).round(9).tolist() == [0.6]
    assert values.regrets(play(("open", "finish", 0.3)), 1).round(9).tolist() == [0.0]
    assert values.regrets(play(("open", "answer", 1.0)), 1).round(9).tolist() == [0.05]
    assert values.regrets(play(("open", "search", 1.0)), 1).tolist() == [UNMEASURED]


def test_a_slip_spends_the_user_s_turns_too() -> None:
    slipping = play(("open", "action", 0), ("open", "action", 0), ("known", "answer", 1.0), slipped=[0])
    assert left(slipping, 3) == [3, 2, 1]
    assert within(slipping, 3)
    assert not within(slipping, 2)
    values = measure_budgets(shop(right=18, wrong=2), 3, (0.0,))
    assert values.regrets(slipping, 3).round(9).tolist() == [0.0, 0.0, 0.0]


def test_what_did_not_end_by_itself_is_within_no_budget() -> None:
    assert not within(play(("open", "search", 0.0), stop=StopReason.MAX_TURNS), 4)


# Properties.

TURN = st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from(["action", "answer", "search"]), st.floats(0, 1))
PLAYS = st.lists(st.lists(TURN, min_size=1, max_size=5).map(lambda turns: play(*turns)), min_size=1, max_size=30)


@given(plays=PLAYS, price=st.floats(0, 0.5))
@settings(max_examples=60, deadline=None)
def test_a_larger_budget_is_never_worth_less_and_a_large_one_as_much_as_none(plays: list[Play], price: float) -> None:
    values = measure_budgets(plays, 6, (0.0, price), least=1)
    assert (np.diff(values.situation_values[:, :, 0], axis=1) >= -1e-12).all()
    free = measure(plays, (0.0, price), least=1)
    assert (values.pairs, values.rows) == (free.pairs, free.rows)
    np.testing.assert_allclose(values.situation_values[:, 6], free.situation_values)
    np.testing.assert_allclose(values.choice_values[:, 5], free.choice_values)


@given(plays=PLAYS)
@settings(max_examples=60, deadline=None)
def test_with_nothing_left_no_choice_involves_the_user(plays: list[Play]) -> None:
    values = measure_budgets(plays, 2, (0.0,), least=1)
    for (situation, choice), row in values.pairs.items():
        assert np.isneginf(values.choice_values[row, 0]).all() == (choice != "search")
        allowed = max(values.choice_values[row, :, 0])
        assert values.situation_values[values.rows[situation], 2, 0] >= allowed - 1e-12
    silent = measure_budgets([each for each in plays if not each.trajectory.user_effort], 0, (0.0,), least=1)
    for situation, row in silent.rows.items():  # plays without the user can be had without the user
        assert values.situation_values[values.rows[situation], 0, 0] >= 0
        assert silent.situation_values[row, 0, 0] >= 0


# Demonstrations.

GYM = Travel()
TASKS = Travel.task_set(Split.TRAIN, 150, (2,))


@pytest.fixture(scope="module")
def played() -> list[list[Play]]:
    rng = np.random.default_rng(0)
    rows = list(gather(GYM, Travel.scripted_policies()["teacher"], TASKS, 16, rng, "travel"))
    keys = [situations([each for each, _ in row], Situations.THINKING, GYM, []) for row in rows]
    return [
        [Play(each, tuple(slips), tuple(key)) for (each, slips), key in zip(row, found, strict=True)]
        for row, found in zip(rows, keys, strict=True)
    ]


def shown(
    played: Sequence[Sequence[Play]],
    count: int,
    budgets: Sequence[int] = (0, 1, 2, 4),
    prices: Sequence[float] = (),
    seed: int = 0,
) -> list[Demonstration]:
    rng = np.random.default_rng(seed)
    return list(budget_demonstrations(GYM, played, budgets, prices, count, rng, form=PromptForm.BRIEF))


def user_turns(demonstration: Demonstration) -> int:
    return sum("[action]" in text or "[answer]" in text for text, _, _ in demonstration.turns)


def test_every_demonstration_keeps_the_budget_that_it_tells_and_restates_what_is_left(played: list[list[Play]]) -> None:
    made = shown(played, 200)
    assert [told_budget(each.system) for each in made[:4]] == [0, 1, 2, 4]
    for each in made:
        budget = told_budget(each.system)
        assert budget is not None
        assert user_turns(each) <= budget
        spent = 0
        for text, _, _ in each.turns:
            assert re.search(r"\bleft (\d+)( \||</think>)", text)[1] == str(budget - spent)  # type: ignore[index]
            assert "| at " not in text
            spent += "[action]" in text or "[answer]" in text


def test_what_a_budget_allows_is_used(played: list[list[Play]]) -> None:
    used: dict[int, list[int]] = {0: [], 1: [], 2: [], 4: []}
    for each in shown(played, 400):
        used[told_budget(each.system) or 0].append(user_turns(each))
    means = [float(np.mean(used[budget])) for budget in used]
    assert means[0] == 0
    assert means[1] > 0.5  # not every task has a play that took exactly one
    assert means[2] > means[1] + 0.5
    assert means[3] > means[2] + 1


def test_some_tell_a_price_beside_the_budget_and_restate_both(played: list[list[Play]]) -> None:
    made = shown(played, 200, prices=(0.05, 0.2))
    both = [each for each in made if told_price(each.system) is not None]
    assert 60 < len(both) < 140
    assert {told_price(each.system) for each in both} == {0.05, 0.2}
    for each in both:
        price = percent(told_price(each.system) or 0.0, PromptForm.BRIEF)
        assert f"at {price} | left {told_budget(each.system)} | " in each.turns[0][0]
        assert user_turns(each) <= (told_budget(each.system) or 0)
    of_four = [
        [user_turns(each) for each in both if told_budget(each.system) == 4 and told_price(each.system) == w]
        for w in (0.05, 0.2)
    ]
    assert np.mean(of_four[0]) > np.mean(of_four[1])


def test_of_plays_worth_the_same_the_one_of_less_effort_is_shown() -> None:
    """A third question changes nothing: with three user turns left it is no better than two, and is left out."""
    idle = [play(("known", "action", 0), ("known", "answer", 1.0)), play(("known", "answer", 1.0))]
    values = measure_budgets(idle * 10, 3)
    assert values.regrets(idle[0], 3).sum() > 0
    assert values.regrets(idle[1], 3).sum() == 0


def test_demonstrations_are_those_of_their_seed(played: list[list[Play]]) -> None:
    assert shown(played, 40, seed=1) == shown(played, 40, seed=1) != shown(played, 40, seed=2)


def test_a_budget_that_no_play_keeps_is_named(played: list[list[Play]]) -> None:
    asking = [[each for each in row if each.trajectory.user_effort > 0] for row in played]
    with pytest.raises(
        ConfigError, match=r"sft\.budgets=\[0, 2\]: no play of the teacher on travel takes at most 0 user turns"
    ):
        shown(asking, 1, budgets=(0, 2))


def test_budgets_that_change_nothing_are_warned_of(played: list[list[Play]]) -> None:
    assert list(budget_warnings(played, (0, 1, 2))) == []
    assert "a budget of 40 user turns is worth no more than one of 30" in next(budget_warnings(played, (30, 40)))
    assert list(budget_warnings(played, (2,))) == []
