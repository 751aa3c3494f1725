"""What training pays for a turn: worked numbers, and the guard that keeps acting worth its price."""

import dataclasses
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bao.action import Action, ActionKind, ParseFault
from bao.errors import ConfigError
from bao.train.penalties import PenaltyVariant, ended_unsuccessfully, information_gain, information_seeking, over_thinking
from bao.train.shaping import (
    UNPARSABLE_FLOOR,
    CostWeights,
    Part,
    Shaping,
    acting_pays,
    check_weights,
    costs_per_turn,
    firing_rates,
    largest_paying_weight,
    shape,
)
from bao.trajectory import Fault, StopReason, Trajectory, Turn

PAPER, REFERENCE = PenaltyVariant.PAPER, PenaltyVariant.REFERENCE_CODE
BARE = Shaping(CostWeights(unparsable=0.0), is_coefficient=0.0, ot_coefficient=0.0)


def search(reward: float = 0.0) -> Turn:
    return Turn("", Action(ActionKind.SEARCH, "hotel area=beach"), "", reward, involves_user=False)


def ask(reward: float = 0.0) -> Turn:
    return Turn("", Action(ActionKind.ACTION, "Which area do you like?"), "", reward, involves_user=True)


def answer(reward: float = 0.0) -> Turn:
    return Turn("", Action(ActionKind.ANSWER, "H3"), "", reward, involves_user=True)


def unreadable() -> Turn:
    return Turn("", Action(ActionKind.NONE, "no_action"), "", 0.0, False, ParseFault.NO_ACTION)


def episode(*turns: Turn, stop: StopReason = StopReason.TOKEN_BUDGET, horizon: int = 16, task: str = "a") -> Trajectory:
    return Trajectory(
        gym="travel",
        task_id=task,
        policy="p",
        seed=0,
        opening="",
        turns=turns,
        stop=stop,
        success=stop == StopReason.SUCCESS,
        horizon=horizon,
        fault=Fault.USER_TIMEOUT if stop == StopReason.FAULT else None,
    )


EPISODES = st.builds(
    lambda turns, stop: episode(*turns, stop=stop),
    st.lists(st.sampled_from([search(), search(0.2), ask(), answer(), answer(0.5), unreadable()]), max_size=16),
    st.sampled_from([StopReason.SUCCESS, StopReason.FAILURE, StopReason.FINISH, StopReason.TOKEN_BUDGET]),
)


# Costs.


def test_costs_are_counted_per_turn() -> None:
    costs = costs_per_turn(episode(search(), ask(), answer(), answer(1.0), unreadable()))
    assert costs[Part.USER_EFFORT].tolist() == [0, 1, 1, 1, 0]
    assert costs[Part.TURNS].tolist() == [1, 1, 1, 1, 1]
    assert costs[Part.VERBOSITY].tolist() == [0, 5, 1, 1, 0]
    assert costs[Part.QUESTIONS].tolist() == [0, 1, 1, 1, 0]
    assert costs[Part.PREMATURE].tolist() == [0, 0, 1, 0, 0]
    assert costs[Part.UNPARSABLE].tolist() == [0, 0, 0, 0, 1]


def test_a_worked_episode_is_paid_reward_less_priced_costs() -> None:
    settings = Shaping(CostWeights(user_effort=0.1, turns=0.01, verbosity=0.002, premature=0.3), 0.0, 0.0)
    shaped = shape(episode(search(), ask(), answer(), answer(1.0), unreadable()), settings)
    np.testing.assert_allclose(shaped.rewards, [-0.01, -0.12, -0.412, 0.888, -0.11])


def test_a_turn_that_asks_three_questions_costs_three() -> None:
    packed = replace(ask(), action=Action("action", "Your name? Your zip code? Your order?"))
    settings = Shaping(CostWeights(user_effort=0.1, questions=0.05), 0.0, 0.0)
    np.testing.assert_allclose(shape(episode(packed, ask(), answer(1.0)), settings).rewards, [-0.25, -0.15, 0.85])


def test_the_effort_weight_given_replaces_the_one_in_the_settings() -> None:
    settings = Shaping(CostWeights(user_effort=0.7, unparsable=0.0), 0.0, 0.0)
    trajectory = episode(ask(), answer(1.0), stop=StopReason.SUCCESS)
    np.testing.assert_allclose(shape(trajectory, settings).rewards, [-0.7, 0.3])
    np.testing.assert_allclose(shape(trajectory, settings, 0.2).rewards, [-0.2, 0.8])
    np.testing.assert_allclose(shape(trajectory, settings, 0.0).rewards, [0.0, 1.0])


def test_every_user_turn_beyond_a_told_budget_costs_a_whole_task() -> None:
    told = replace(episode(ask(), search(), ask(), answer(0.5), answer(0.5), stop=StopReason.SUCCESS), budget=2)
    assert costs_per_turn(told)[Part.OVER_BUDGET].tolist() == [0, 0, 0, 1, 1]
    np.testing.assert_allclose(shape(told, BARE, 0.0).rewards, [0, 0, 0, -0.5, -0.5])
    np.testing.assert_allclose(shape(told, BARE, 0.1).rewards, [-0.1, 0, -0.1, -0.6, -0.6])
    lenient = replace(BARE, costs=CostWeights(unparsable=0.0, over_budget=0.2))
    np.testing.assert_allclose(shape(told, lenient, 0.0).rewards, [0, 0, 0, 0.3, 0.3])
    assert costs_per_turn(replace(told, budget=0))[Part.OVER_BUDGET].tolist() == [1, 0, 1, 1, 1]
    assert not costs_per_turn(replace(told, budget=None))[Part.OVER_BUDGET].any()


@given(EPISODES, st.integers(0, 12))
def test_going_beyond_a_budget_is_never_worth_it(trajectory: Trajectory, budget: int) -> None:
    """What is earned in all is at most 1, and so is the least that is lost."""
    told = replace(trajectory, budget=budget)
    paid = shape(told, BARE, 0.0).rewards.sum()
    assert paid == pytest.approx(trajectory.task_return - max(0, trajectory.user_effort - budget))


@pytest.mark.parametrize(("weight", "price"), [(0.0, UNPARSABLE_FLOOR), (0.02, UNPARSABLE_FLOOR), (0.3, 0.3)])
def test_an_unreadable_action_is_never_cheaper_than_involving_the_user(weight: float, price: float) -> None:
    settings = Shaping(is_coefficient=0.0, ot_coefficient=0.0)
    assert shape(episode(unreadable()), settings, weight).rewards.tolist() == [-price]


def test_an_explicit_price_of_an_unreadable_action_wins() -> None:
    assert shape(episode(unreadable()), BARE, 0.5).rewards.tolist() == [0.0]


@given(EPISODES, st.floats(0, 1), st.sampled_from(PenaltyVariant))
def test_parts_sum_to_the_rewards_and_only_the_task_pays(
    trajectory: Trajectory, weight: float, variant: PenaltyVariant
) -> None:
    shaped = shape(trajectory, Shaping(variant=variant), weight)
    assert shaped.rewards.shape == (len(trajectory.turns),)
    np.testing.assert_allclose(shaped.rewards, sum(shaped.parts.values()), atol=1e-12)
    assert set(shaped.parts) == set(Part)
    assert all((values <= 0).all() for part, values in shaped.parts.items() if part != Part.TASK_REWARD)


@given(EPISODES, st.floats(0, 1))
def test_without_penalties_the_sum_is_return_less_weighted_effort(trajectory: Trajectory, weight: float) -> None:
    paid = shape(trajectory, BARE, weight).rewards.sum()
    assert paid == pytest.approx(trajectory.task_return - weight * trajectory.user_effort)


def test_a_fault_is_never_paid() -> None:
    with pytest.raises(ValueError, match="exclude it"):
        shape(episode(search(), stop=StopReason.FAULT), Shaping())


# Information seeking.


def test_information_seeking_fires_on_the_second_of_two_consecutive_user_turns() -> None:
    failed = episode(ask(), ask(), search(), answer(), answer(), answer())
    expected = [0, -0.005, 0, 0, -0.005, -0.005]
    assert information_seeking(failed, 0.005, PAPER).tolist() == expected
    assert information_seeking(failed, 0.005, REFERENCE).tolist() == expected


def test_the_reference_code_spares_trajectories_that_earned_something() -> None:
    earned = episode(ask(), answer(0.5))
    assert information_seeking(earned, 0.005, PAPER).tolist() == [0, -0.005]
    assert information_seeking(earned, 0.005, REFERENCE).tolist() == [0, 0]


# Over-thinking.


def test_over_thinking_matches_the_paper_s_worked_example() -> None:
    penalty = over_thinking(episode(search(), search(), search(), horizon=16), 1.0, PAPER)
    np.testing.assert_allclose(penalty, -13 / 3)
    np.testing.assert_allclose(penalty, -4.333, atol=5e-4)


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        (1, [-0.5]),
        (3, [0, -0.2, -0.2]),  # total = .05 (15 - 3) + .2 = .8, over 4
        (14, [0] + 13 * [-0.25 / 15]),
        (15, 15 * [0]),
        (16, 16 * [0]),
    ],
)
def test_over_thinking_matches_the_reference_code(turns: int, expected: list[float]) -> None:
    np.testing.assert_allclose(over_thinking(episode(*turns * [search()]), 0.05, REFERENCE), expected)


def test_over_thinking_spares_who_used_the_whole_horizon_or_earned_or_solved() -> None:
    assert not over_thinking(episode(*16 * [search()], stop=StopReason.MAX_TURNS), 1.0, PAPER).any()
    assert not over_thinking(episode(answer(0.5), stop=StopReason.FINISH), 1.0, PAPER).any()
    assert not over_thinking(episode(answer(1.0), stop=StopReason.SUCCESS), 1.0, PAPER).any()


def test_only_breaking_off_is_over_thinking_not_a_deliberate_finish_or_a_wrong_answer() -> None:
    assert ended_unsuccessfully(episode(search(), stop=StopReason.TOKEN_BUDGET))
    assert ended_unsuccessfully(episode(search(), unreadable(), stop=StopReason.FAILURE))
    assert not ended_unsuccessfully(episode(search(), stop=StopReason.FINISH))
    assert not ended_unsuccessfully(episode(answer(0.0), stop=StopReason.FAILURE))
    assert not ended_unsuccessfully(episode(unreadable(), search(), stop=StopReason.SUCCESS))


@pytest.mark.parametrize("variant", PenaltyVariant)
def test_a_penalty_of_coefficient_zero_is_off(variant: PenaltyVariant) -> None:
    assert not over_thinking(episode(search()), 0.0, variant).any()
    assert not information_seeking(episode(ask(), ask()), 0.0, variant).any()


# Information gain.


def query(bits: float | None) -> Turn:
    return dataclasses.replace(ask(), information=bits)


def test_a_query_costs_what_it_failed_to_tell_and_at_most_lambda() -> None:
    told = episode(query(0.0), query(0.5), query(1.0), query(3.0), query(None), search(), answer())
    np.testing.assert_allclose(information_gain(told, 0.02, 1.0), [-0.02, -0.01, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(information_gain(told, 0.02, 2.0), [-0.02, -0.015, -0.01, 0, 0, 0, 0])


@given(st.lists(st.none() | st.floats(0, 20), max_size=12), st.floats(0.1, 5))
def test_no_query_is_ever_paid_for_and_telling_more_never_costs_more(bits: list[float | None], norm: float) -> None:
    penalty = information_gain(episode(*map(query, bits)), 0.05, norm)
    assert ((penalty <= 0) & (penalty >= -0.05)).all()
    more = information_gain(episode(*(query(None if b is None else b + 0.3) for b in bits)), 0.05, norm)
    assert (more >= penalty).all()


@pytest.mark.parametrize("share", [0.01, 0.1, 0.3, 0.49])
def test_at_one_bit_only_the_question_that_halves_what_is_possible_costs_nothing(share: float) -> None:
    def mean_cost(yes: float) -> float:
        costs = [float(information_gain(episode(query(-math.log2(p))), 1.0, 1.0)[0]) for p in (yes, 1 - yes)]
        return yes * costs[0] + (1 - yes) * costs[1]

    assert mean_cost(0.5) == pytest.approx(0)
    assert mean_cost(share) < mean_cost(share + 0.01) <= 0


def test_the_bits_that_are_enough_must_be_above_0() -> None:
    with pytest.raises(ConfigError, match="ig_bits=0 must be a finite number above 0"):
        Shaping(ig_bits=0)


# Logging.


def test_firing_rates_are_shares_of_trajectories() -> None:
    settings = Shaping()
    shaped = [
        shape(episode(search(), search(), stop=StopReason.TOKEN_BUDGET), settings, 0.1),
        shape(episode(ask(), ask(), answer(1.0), stop=StopReason.SUCCESS), settings, 0.1),
        shape(episode(search(), answer(1.0), stop=StopReason.SUCCESS), settings, 0.1),
        shape(episode(unreadable(), answer(1.0), stop=StopReason.SUCCESS), settings, 0.1),
    ]
    rates = firing_rates(shaped)
    assert rates == {
        Part.TASK_REWARD: 0.75,
        Part.USER_EFFORT: 0.75,
        Part.TURNS: 0,
        Part.QUESTIONS: 0,
        Part.VERBOSITY: 0,
        Part.PREMATURE: 0,
        Part.UNPARSABLE: 0.25,
        Part.OVER_BUDGET: 0,
        Part.INFORMATION_SEEKING: 0.25,
        Part.OVER_THINKING: 0.25,
        Part.INFORMATION_GAIN: 0,
    }
    assert firing_rates([]) == {}


# The guard against weights that make silence the best policy.

ORACLE = (
    episode(ask(), answer(1.0), stop=StopReason.SUCCESS, task="easy"),
    episode(ask(), ask(), ask(), ask(), ask(), answer(1.0), stop=StopReason.SUCCESS, task="hard"),
)


def test_the_largest_paying_weight_is_the_largest_ratio_of_return_to_effort_in_a_task() -> None:
    assert largest_paying_weight(ORACLE) == pytest.approx(1 / 2)  # of the easy task; over both it is 2 / 8
    # Who earns without the user, or nearly so, pays at any price; a turn that costs a whole task pays in no episode.
    assert largest_paying_weight([episode(search(), search(1.0))]) == 1.0
    assert largest_paying_weight([*[episode(search(), search(1.0))] * 40, *ORACLE]) == 1.0
    assert largest_paying_weight([episode(ask())]) == 0.0


@given(st.floats(0, 1), st.integers(0, 16), st.floats(0, 2))
def test_acting_pays_exactly_below_the_largest_paying_weight(task_return: float, effort: int, weight: float) -> None:
    bound = task_return / effort if effort else math.inf if task_return else 0.0
    if abs(weight - bound) > 1e-9:
        assert acting_pays(task_return, effort, weight) == (weight < bound)


def test_a_weight_under_which_silence_pays_best_is_refused_with_the_range_that_is_allowed() -> None:
    with pytest.raises(ConfigError, match=r"effort_weight=0\.6 .* \[0, 0\.5\)"):
        check_weights([0.0, 0.1, 0.6], ORACLE)
    with pytest.raises(ConfigError, match="silence"):
        check_weights([0.5], ORACLE)


def test_a_weight_that_silences_some_tasks_is_warned_about() -> None:
    assert check_weights([0.0, 0.1], ORACLE) == ()
    (warning,) = check_weights([0.1, 0.2], ORACLE)
    assert "effort_weight=0.2: 1 of 2 tasks" in warning


def test_an_oracle_that_needs_no_user_still_bounds_the_weights() -> None:
    free = [episode(search(), search(1.0))]
    assert check_weights([0.0, 0.99], free) == ()
    with pytest.raises(ConfigError, match=r"effort_weight=1 .* whole task.* \[0, 1\)"):
        check_weights([1.0], free)


def test_weight_zero_is_always_allowed() -> None:
    assert check_weights([0.0], [episode(ask())]) == ()


def test_faults_do_not_bound_the_weights() -> None:
    broken = episode(ask(), ask(), ask(), stop=StopReason.FAULT)
    assert largest_paying_weight([*ORACLE, broken]) == largest_paying_weight(ORACLE)
    with pytest.raises(ValueError, match="no trajectory"):
        largest_paying_weight([broken])


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf])
def test_a_weight_out_of_range_names_its_setting(value: float) -> None:
    with pytest.raises(ConfigError, match=r"costs\.turns"):
        CostWeights(turns=value)
    with pytest.raises(ConfigError, match="ot_coefficient"):
        Shaping(ot_coefficient=value)
    with pytest.raises(ConfigError, match="effort_weight"):
        shape(episode(search()), Shaping(), value)
    with pytest.raises(ConfigError, match="effort_weight"):
        check_weights([value], ORACLE)
