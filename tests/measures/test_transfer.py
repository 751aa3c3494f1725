"""`bao.measures.transfer`: reward translation and rank agreement with worked numbers and simulated coverage."""

import numpy as np
import pytest
from scipy.stats import kendalltau

from bao.errors import DataError
from bao.measures.transfer import kendall_tau, rank_agreement, reward_translation_rate, transfer


def test_fiellers_interval_by_hand():
    # x = 1, 2, 3, y = 1, 1, 2.5: means 2, 1.5; of the means, var x = 1/3, var y = .25, cov = .25; t(.975, 2)^2 = 18.5128.
    rate = reward_translation_rate([1, 2, 3], [1, 1, 2.5])
    assert rate.value == pytest.approx(0.75)
    # a = 4 - 6.1709 < 0: with three tasks the denominator is not told from 0, so there is no upper end.
    assert rate.high is None


def test_fiellers_interval_holds_the_ratios_that_are_not_rejected():
    rng = np.random.default_rng(0)
    x = rng.uniform(0.3, 1.0, 40)
    y = 0.6 * x + rng.normal(0, 0.1, 40)
    rate = reward_translation_rate(x, y)
    for bound in (rate.low, rate.high):
        rest = y - bound * x
        t = rest.mean() / (rest.std(ddof=1) / np.sqrt(40))
        assert abs(t) == pytest.approx(2.022691, abs=1e-5)  # t(.975, 39)
    assert rate.low < rate.value < rate.high


def test_the_same_scores_translate_wholly_and_no_score_not_at_all():
    x = [0.2, 0.5, 1.0, 0.7]
    same = reward_translation_rate(x, x)
    assert (same.value, same.low, same.high) == pytest.approx((1, 1, 1))
    none = reward_translation_rate(x, [0.0] * 4)
    # No score in four tasks still allows 3.8415 / 7.8415 of it.
    assert (none.value, none.low, none.high) == pytest.approx((0, 0, 3.841459 / 7.841459 / 0.6))
    nothing = reward_translation_rate([0.0] * 4, x)
    assert (nothing.value, nothing.low, nothing.high) == (None, None, None)
    assert reward_translation_rate([0.5], [0.25]).low is None


@pytest.mark.parametrize(("tasks", "rate"), [(20, 0.8), (100, 0.3), (100, 0.8)])
def test_the_rates_interval_covers_the_truth_in_95_percent(tasks, rate):
    rng = np.random.default_rng([tasks, int(10 * rate)])
    hits = []
    for _ in range(1500):
        chance = rng.beta(3, 2, tasks)
        found = reward_translation_rate(rng.binomial(4, chance) / 4, rng.binomial(4, rate * chance) / 4)
        hits.append((found.low or 0) <= rate <= (np.inf if found.high is None else found.high))
    assert 0.93 <= np.mean(hits) <= 0.97


def test_tau_by_hand_and_with_ties_as_scipy_has_it():
    assert kendall_tau(np.array([1.0, 2, 3, 4]), np.array([1.0, 3, 2, 4])) == pytest.approx(4 / 6)
    rng = np.random.default_rng(0)
    for _ in range(50):
        x, y = rng.integers(0, 4, (2, 6)).astype(float)
        expected = kendalltau(x, y).statistic
        assert kendall_tau(x, y) == pytest.approx(expected, nan_ok=True)


def test_rankings_that_many_tasks_settle_agree_surely_and_few_tasks_leave_it_open():
    rng = np.random.default_rng(0)
    levels = np.array([0.2, 0.5, 0.8])

    def scores(tasks, means):
        return (rng.random((tasks, 3)) < means).astype(float)

    sure = rank_agreement(scores(400, levels), scores(400, levels - 0.1))
    assert (sure.mean, sure.low, sure.high) == (1, 1, 1)
    against = rank_agreement(scores(400, levels), scores(400, levels[::-1]))
    assert (against.mean, against.high) == (-1, -1)
    open_ = rank_agreement(scores(10, levels * 0 + 0.5), scores(10, levels * 0 + 0.5))
    assert open_.low < 0 < open_.high
    assert rank_agreement(np.ones((9, 3)), scores(9, levels)) is None


def test_users_are_compared_over_the_policies_and_tasks_that_both_have():
    trained = {"p": {"t": 1.0, "u": 0.5, "v": 0.0}, "q": {"t": 0.5, "u": 0.5}, "r": {"t": 1.0}}
    other = {"p": {"t": 0.5, "u": 0.25}, "q": {"t": 0.0, "u": 0.25, "w": 1.0}}
    found = transfer(trained, other, ("scripted", "llm"))
    assert found.tasks == 2
    assert {policy: rate.value for policy, rate in found.rates.items()} == {"p": 0.5, "q": 0.25}
    assert found.agreement.mean == 1
    assert found.scores == {"p": (0.75, 0.375), "q": (0.5, 0.125)}
    keys = ("trained", "other", "tasks", "clusters", "scores", "reward_translation_rate", "rank_agreement")
    assert tuple(found.to_json()) == keys


@pytest.mark.parametrize(
    ("other", "message"), [({"z": {"t": 1.0}}, "hold no policy in common"), ({"p": {"x": 1.0}}, "share no task")]
)
def test_users_with_nothing_in_common_are_named(other, message):
    with pytest.raises(DataError, match=message):
        transfer({"p": {"t": 1.0}}, other, ("scripted", "llm"))
