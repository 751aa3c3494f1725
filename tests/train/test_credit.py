"""Advantages: worked numbers, properties of ours, and each published estimator's defect beside its absence in ours."""

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bao.errors import ConfigError
from bao.train.credit import Baseline, Estimator, advantages, group_baseline
from bao.train.published import CreditKind, turn_credits
from bao.train.returns import ScoreKind, reward_to_go, scores, zero_variance

Array = npt.NDArray[np.float64]
NAN = math.nan
PUBLISHED_USERRL = (
    Estimator.USERRL_EQUALIZED,
    Estimator.USERRL_REWARD_TO_GO,
    Estimator.USERRL_EXPONENTIAL,
    Estimator.REFERENCE_CODE,
)


def group(*rows: list[float]) -> Array:
    width = max(map(len, rows))
    return np.array([row + (width - len(row)) * [NAN] for row in rows], dtype=float).reshape(len(rows), width)


def ten_tokens(rewards: Array) -> npt.NDArray[np.int64]:
    return np.where(np.isnan(rewards), 0, 10)


def ours(rewards: Array, **settings: float | str) -> Array:
    return advantages(rewards, ten_tokens(rewards), Estimator.GROUP_REWARD_TO_GO, **{"scale": "group", **settings})  # type: ignore[arg-type]


def published(rewards: Array, estimator: Estimator, gamma: float = 1.0) -> Array:
    return advantages(rewards, ten_tokens(rewards), estimator, gamma=gamma)


REWARD = st.integers(-100, 100).map(lambda cents: cents / 100)
GROUPS = st.lists(st.lists(REWARD, max_size=6), min_size=1, max_size=6).filter(any).map(lambda rows: group(*rows))
FULL_GROUPS = (
    st.integers(1, 5)
    .flatmap(lambda width: st.lists(st.lists(REWARD, min_size=width, max_size=width), min_size=2, max_size=6))
    .map(lambda rows: group(*rows))
)


# Scores, credits, reward-to-go.


def test_scores_of_worked_examples() -> None:
    rewards = group([1], [0, 1], [0, 0, 0, 1], [])
    assert scores(rewards, ScoreKind.SUM).tolist() == [1, 1, 1, 0]
    assert scores(rewards, ScoreKind.MEAN).tolist() == [1, 0.5, 0.25, 0]
    np.testing.assert_allclose(scores(rewards, ScoreKind.DISCOUNTED, 0.8), [1, 0.8, 0.512, 0])


def test_reward_to_go_of_a_worked_example() -> None:
    np.testing.assert_allclose(reward_to_go(group([0, 0, 1], [0.5, -0.1]), 0.8), [[0.64, 0.8, 1], [0.42, -0.1, NAN]])
    np.testing.assert_allclose(reward_to_go(group([0, 0, 1], [0.5, -0.1])), [[1, 1, 1], [0.4, -0.1, NAN]])


def test_turn_credits_of_worked_examples() -> None:
    rewards = group([0, 1], [0.5])
    np.testing.assert_allclose(turn_credits(rewards, CreditKind.EQUALIZED), [[1, 1], [1, NAN]])
    np.testing.assert_allclose(turn_credits(rewards, CreditKind.REWARD_TO_GO, 0.8), [[0.8, 1], [0.5, NAN]])
    np.testing.assert_allclose(turn_credits(rewards, CreditKind.EXPONENTIAL), [[0.5, 1], [0.865529, NAN]], atol=1e-6)


@given(GROUPS, st.floats(0, 1))
def test_the_first_reward_to_go_is_the_discounted_score(rewards: Array, gamma: float) -> None:
    first = np.nan_to_num(reward_to_go(rewards, gamma)[:, 0])
    np.testing.assert_allclose(first, scores(rewards, ScoreKind.DISCOUNTED, gamma), atol=1e-12)


# The default estimator.


def test_group_reward_to_go_of_a_worked_example() -> None:
    # Rewards-to-go 1 | 1 1 | 0 0; others' means .5 | .5 0 | 1 1; differences .5 | .5 1 | -1 -1, mean square .7;
    # k = 2/3, scale sqrt(2/3 * .7), so A = difference * sqrt(2/3 / .7).
    factor = math.sqrt(2 / 3 / 0.7)
    expected = factor * np.array([[0.5, 0], [0.5, 1], [-1, -1]])
    np.testing.assert_allclose(ours(group([1], [0, 1], [0, 0])), expected, atol=1e-5)


def test_a_lone_survivor_is_compared_with_all_turns_of_the_others() -> None:
    baseline = group_baseline(reward_to_go(group([0, 0.6], [0.2], [0.1, 0.3])))
    np.testing.assert_allclose(baseline, [[0.3, 0.3], [0.5, NAN], [0.4, 0.6]])
    baseline = group_baseline(reward_to_go(group([0, 0.6], [0.2], [0.4])))
    np.testing.assert_allclose(baseline, [[0.3, 0.3], [0.5, NAN], [0.4, NAN]])


def test_the_pooled_baseline_is_the_mean_over_the_others_turns() -> None:
    baseline = group_baseline(reward_to_go(group([0, 0.6], [0.2])), Baseline.POOLED)
    np.testing.assert_allclose(baseline, [[0.2, 0.2], [0.6, NAN]])


@given(st.lists(REWARD, min_size=2, max_size=8), st.sampled_from(Baseline))
def test_with_one_turn_each_ours_and_the_paper_s_are_plain_grpo(column: list[float], baseline: Baseline) -> None:
    rewards = np.array(column)[:, None]
    np.testing.assert_allclose(ours(rewards, baseline=baseline), published(rewards, Estimator.TRAJECTORY), atol=1e-9)
    np.testing.assert_allclose(published(rewards, Estimator.PAPER), published(rewards, Estimator.TRAJECTORY), atol=1e-9)


@pytest.mark.parametrize("baseline", Baseline)
def test_the_baseline_leaves_the_policy_gradient_unbiased(baseline: Baseline) -> None:
    """Exact expectation over all groups of three in a two-turn game with early stops, against the exact gradient."""
    stop, guess = 0.3, 0.6
    # (probability, rewards, score function of the turn-0 parameter, of the turn-1 parameter)
    outcomes = [(stop, [0.6, NAN], [1 - stop, 0.0])]
    for action, truth in itertools.product((0, 1), repeat=2):
        chosen = guess if action else 1 - guess
        outcomes.append(
            ((1 - stop) * chosen * (0.8 if truth else 0.2), [-0.1, float(action == truth)], [-stop, action - guess])
        )
    table = np.array([rewards for _, rewards, _ in outcomes])
    gradients = np.array([gradient for _, _, gradient in outcomes])
    chance = np.array([probability for probability, _, _ in outcomes])
    exact = (chance[:, None] * np.nan_to_num(reward_to_go(table)) * gradients).sum(axis=0)
    estimate = np.zeros(2)
    for picks in itertools.product(range(len(outcomes)), repeat=3):
        chosen_rows = list(picks)
        to_go = reward_to_go(table[chosen_rows])
        difference = np.nan_to_num(to_go - group_baseline(to_go, baseline))
        estimate += chance[chosen_rows].prod() * (difference * gradients[chosen_rows]).sum(axis=0) / 3
    np.testing.assert_allclose(estimate, exact, atol=1e-12)


@given(GROUPS, REWARD)
def test_a_constant_added_to_every_return_to_go_changes_nothing(rewards: Array, constant: float) -> None:
    rewards = rewards[~np.isnan(rewards[:, 0])]
    shifted = rewards.copy()
    shifted[np.arange(len(rewards)), (~np.isnan(rewards)).sum(axis=1) - 1] += constant
    np.testing.assert_allclose(ours(shifted), ours(rewards), atol=1e-6)


@given(GROUPS, st.floats(0.1, 10), st.sampled_from(Baseline))
def test_rescaled_rewards_give_the_same_advantages(rewards: Array, factor: float, baseline: Baseline) -> None:
    scaled = ours(rewards * factor, baseline=baseline, eps=1e-12)
    np.testing.assert_allclose(scaled, ours(rewards, baseline=baseline, eps=1e-12), atol=1e-6)


@given(FULL_GROUPS)
def test_negated_rewards_give_negated_advantages(rewards: Array) -> None:
    np.testing.assert_allclose(ours(-rewards), -ours(rewards), atol=1e-9)


@given(GROUPS, st.sampled_from([e for e in Estimator if e not in PUBLISHED_USERRL]), st.randoms(use_true_random=False))
def test_the_order_of_the_group_does_not_matter(rewards: Array, estimator: Estimator, random: object) -> None:
    order = list(range(len(rewards)))
    random.shuffle(order)  # type: ignore[attr-defined]
    np.testing.assert_allclose(published(rewards[order], estimator), published(rewards, estimator)[order], atol=1e-9)


@given(GROUPS, st.sampled_from(Estimator), st.sampled_from([0.0, 0.8, 1.0]))
def test_turns_that_do_not_exist_get_exactly_zero(rewards: Array, estimator: Estimator, gamma: float) -> None:
    result = published(rewards, estimator, gamma)
    assert result.shape == rewards.shape
    assert not result[np.isnan(rewards)].any()


@given(GROUPS, st.sampled_from(Baseline), st.sampled_from([0.0, 0.8, 1.0]))
def test_ours_is_bounded_by_the_root_of_the_group_s_turns(rewards: Array, baseline: Baseline, gamma: float) -> None:
    result = ours(rewards, baseline=baseline, gamma=gamma)
    assert np.abs(result).max() <= math.sqrt((~np.isnan(rewards)).sum()) + 1e-9


@given(GROUPS, st.sampled_from([0.0, 0.8, 1.0]))
def test_a_greater_return_to_go_never_gets_the_smaller_advantage_at_its_turn(rewards: Array, gamma: float) -> None:
    to_go, result = reward_to_go(rewards, gamma), ours(rewards, gamma=gamma)
    for turn in range(rewards.shape[1]):
        alive = np.flatnonzero(~np.isnan(rewards[:, turn]))
        ranked = alive[np.argsort(to_go[alive, turn])]
        assert (np.diff(result[ranked, turn]) >= -1e-9).all()


@pytest.mark.parametrize("baseline", Baseline)
def test_a_group_without_variance_gives_exactly_zeros(baseline: Baseline) -> None:
    for rewards in (group([0, 0.1], [0.1], [0, 0, 0.1]), group([0.7]), group([], []), np.empty((3, 0))):
        assert zero_variance(rewards)
        assert not ours(rewards, baseline=baseline).any()
        assert not published(rewards, Estimator.TRAJECTORY).any()


def test_zero_variance_is_judged_on_returns_within_a_tolerance() -> None:
    assert zero_variance(group([0.5, 0.5], [1.0]))
    assert not zero_variance(group([0.5, 0.5], [1.0]), gamma=0.8)
    assert not zero_variance(group([1.0], [0.9]))
    assert zero_variance(group([1.0], [0.9]), 0.2)


def test_a_small_gamma_does_not_hide_late_rewards() -> None:
    rewards = group([0, 1], [0, 0])
    assert not zero_variance(rewards, gamma=0.0)
    np.testing.assert_allclose(ours(rewards, gamma=0.0), [[0, 1], [0, -1]], atol=1e-5)


def test_returns_that_nearly_agree_do_not_blow_up_the_turns() -> None:
    nearly = group([0.2, 0.8], [0.8, 0.2001])
    assert np.abs(ours(nearly)).max() < 2


# The published estimators, on worked numbers.


def test_trajectory_is_the_z_score_of_the_sum_on_every_turn() -> None:
    result = published(group([0, 1], [1], [0, 0, -1]), Estimator.TRAJECTORY)
    z = np.array([2 / 3, 2 / 3, -4 / 3]) / math.sqrt(4 / 3)
    np.testing.assert_allclose(result, [[z[0], z[0], 0], [z[1], 0, 0], 3 * [z[2]]], atol=1e-5)


def test_the_paper_s_estimator_pools_all_turns() -> None:
    # Rewards-to-go 1 1 0 0: mean 1/2, unbiased variance 1/3.
    high = 0.5 * math.sqrt(3)
    np.testing.assert_allclose(published(group([0, 1], [0, 0]), Estimator.PAPER), [[high, high], [-high, -high]], atol=1e-5)


def test_userrl_weighs_credits_by_the_tokens_of_their_turn() -> None:
    # Means .5 and 0: z = +-.7071. Credits of row 0 with gamma .8: .8 on 30 tokens, 1 on 10: sum 34, N = 40.
    rewards, tokens = group([0, 1], [0, 0]), np.array([[30, 10], [5, 5]])
    z = 0.25 / math.sqrt(0.125)
    to_go = advantages(rewards, tokens, Estimator.USERRL_REWARD_TO_GO, gamma=0.8)
    np.testing.assert_allclose(to_go, [[0.8 * z * 40 / 34, z * 40 / 34], [0, 0]], atol=1e-5)
    equalized = advantages(rewards, tokens, Estimator.USERRL_EQUALIZED)
    np.testing.assert_allclose(equalized, [[z, z], [-z, -z]], atol=1e-5)
    # Credits .5 and 1: sum 25 in row 0; .5 and .5 in row 1.
    exponential = advantages(rewards, tokens, Estimator.USERRL_EXPONENTIAL)
    np.testing.assert_allclose(exponential, [[0.5 * z * 40 / 25, z * 40 / 25], [-z, -z]], atol=1e-5)


@given(GROUPS)
def test_userrl_keeps_the_token_mean_at_the_z_score(rewards: Array) -> None:
    result = published(rewards, Estimator.USERRL_EQUALIZED)
    mean = scores(rewards, ScoreKind.MEAN)
    z = (mean - mean.mean()) / (mean.std(ddof=1) + 1e-6) if len(mean) > 1 else mean
    np.testing.assert_allclose(result[:, 0], np.where(np.isnan(rewards[:, 0]), 0, z), atol=1e-5)


def test_the_reference_code_is_userrl_s_reward_to_go() -> None:
    rewards = group([-0.05, 1], [0, -0.4], [0.3])
    assert (published(rewards, Estimator.REFERENCE_CODE) == published(rewards, Estimator.USERRL_REWARD_TO_GO)).all()


# Each published defect, and its absence in ours.


def test_defect_userrl_s_sum_is_really_the_mean() -> None:
    rewards = group([1], [0, 0, 0, 1])
    assert published(rewards, Estimator.USERRL_EQUALIZED)[1, 0] < -0.7
    assert not ours(rewards).any()


def test_defect_dividing_by_the_credit_sum_explodes_where_signs_nearly_cancel() -> None:
    rewards = group([1.0001, -0.5], [0, 0])
    assert reward_to_go(rewards)[0] == pytest.approx([0.5001, -0.5])
    assert np.abs(published(rewards, Estimator.REFERENCE_CODE)).max() > 1000
    assert np.abs(ours(rewards)).max() <= 2


def test_defect_a_negative_credit_flips_the_sign_of_a_winner_s_early_turns() -> None:
    rewards = group([-0.4, 0.3], [-1, 0])
    assert published(rewards, Estimator.REFERENCE_CODE)[0, 0] < 0
    assert ours(rewards)[0, 0] > 0


def test_defect_reward_to_go_credits_never_push_a_failure_down() -> None:
    rewards = group([0, 0, 0], [0, 0, 1])
    assert not published(rewards, Estimator.USERRL_REWARD_TO_GO)[0].any()
    assert (ours(rewards)[0] < 0).all()


@pytest.mark.parametrize("estimator", [Estimator.USERRL_REWARD_TO_GO, Estimator.USERRL_EXPONENTIAL])
def test_defect_below_average_rollouts_are_punished_most_where_they_did_best(estimator: Estimator) -> None:
    rewards = group([0, 0.3, 0], [0, 0, 1], [0, 0, 1])
    theirs, mine = published(rewards, estimator)[0], ours(rewards)[0]
    assert theirs.argmin() == 1 or theirs[0] == theirs[1] == theirs.min()
    assert theirs[2] == theirs.max()
    assert mine[2] == mine.min()


# What is refused.


def test_settings_out_of_range_are_named() -> None:
    rewards = group([0, 1], [0, 0])
    with pytest.raises(ConfigError, match="did you mean 'paper'"):
        advantages(rewards, ten_tokens(rewards), "papr")
    with pytest.raises(ConfigError, match="baseline='row'"):
        ours(rewards, baseline="row")
    with pytest.raises(ConfigError, match=r"gamma=1\.5"):
        ours(rewards, gamma=1.5)


def test_arrays_that_are_no_group_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        ours(np.empty((0, 3)))
    with pytest.raises(ValueError, match="one shape"):
        advantages(group([0, 1]), np.ones((1, 3), dtype=int))
    with pytest.raises(ValueError, match="finite"):
        ours(group([0, math.inf]))
    with pytest.raises(ValueError, match="last turn"):
        ours(group([0, NAN, 1]))
