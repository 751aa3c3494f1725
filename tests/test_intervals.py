"""Intervals of `bao.measures.stats` hold the truth as often as they say, on simulated clustered data."""

import numpy as np
import pytest

from bao.measures.stats import (
    Interval,
    bootstrap_intervals,
    difference_interval,
    percentile_interval,
    rate_interval,
    resampled_means,
)

DRAWS = 1500


def clustered_rates(rng, tasks, episodes, rate, correlation, draws=DRAWS):
    """Task means of yes-or-no episodes, [draws, tasks]; `correlation` within a task."""
    if correlation == 0:
        chance = np.full((draws, tasks), rate)
    else:
        scale = (1 - correlation) / correlation
        chance = rng.beta(rate * scale, (1 - rate) * scale, size=(draws, tasks))
    return rng.binomial(episodes, chance) / episodes, chance


def covered(intervals, truth):
    return np.mean([interval.low - 1e-12 <= truth <= interval.high + 1e-12 for interval in intervals])


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.5, 0.95])
@pytest.mark.parametrize("correlation", [0.0, 0.2, 0.6, 0.9])
@pytest.mark.parametrize(("tasks", "episodes"), [(100, 4), (200, 1), (200, 8)])
def test_a_rates_interval_covers_95_percent_where_there_are_events_to_go_by(tasks, episodes, correlation, rate):
    if episodes == 1 and correlation:
        pytest.skip("one episode a task has no correlation within it")
    rng = np.random.default_rng([tasks, episodes, int(100 * correlation), int(100 * rate)])
    means, _ = clustered_rates(rng, tasks, episodes, rate, correlation)
    share = covered([rate_interval(row) for row in means], rate)
    # 1,500 draws leave a standard error of .006, and few tasks off the boundary make the outcomes few.
    assert 0.93 <= share <= 0.975


@pytest.mark.parametrize("rate", [0.05, 0.5, 0.95])
@pytest.mark.parametrize("correlation", [0.0, 0.2, 0.6])
@pytest.mark.parametrize(("tasks", "episodes"), [(10, 1), (10, 8), (20, 4), (30, 8)])
def test_a_rates_interval_with_few_tasks_errs_on_the_cautious_side(tasks, episodes, correlation, rate):
    rng = np.random.default_rng([tasks, episodes, int(100 * correlation), int(100 * rate)])
    means, _ = clustered_rates(rng, tasks, episodes, rate, correlation)
    share = covered([rate_interval(row) for row in means], rate)
    assert 0.93 <= share <= 0.995


def test_averaged_over_rates_a_few_tasks_come_to_at_least_95_percent():
    rng = np.random.default_rng(0)
    hits = []
    for rate in np.linspace(0.1, 0.9, 41):
        means, _ = clustered_rates(rng, 30, 2, rate, 0.3, draws=150)
        hits.append(covered([rate_interval(row) for row in means], rate))
    assert 0.945 <= np.mean(hits) <= 0.98


def test_one_yes_or_no_episode_a_task_gives_wilsons_interval_with_t():
    interval = rate_interval(np.repeat([0.0, 1.0], [30, 20]))
    # n_e = 49 (the variance's n - 1) and t(.975, 49) = 2.009575: q = .0824163, centre .407614, reach .135395.
    assert interval.mean == pytest.approx(0.4)
    assert interval.low == pytest.approx(0.272219, abs=1e-5)
    assert interval.high == pytest.approx(0.543009, abs=1e-5)


def test_a_rates_interval_mirrors_and_stays_in_bounds():
    rng = np.random.default_rng(0)
    for _ in range(200):
        values = rng.binomial(4, rng.beta(0.3, 0.6, size=rng.integers(1, 30))) / 4
        interval, mirrored = rate_interval(values), rate_interval(1 - values)
        assert 0 <= interval.low <= interval.mean <= interval.high <= 1
        assert interval.low == pytest.approx(1 - mirrored.high, abs=1e-9)


def test_values_that_are_no_rates_are_refused_and_bootstrapped_instead():
    values = np.array([0.2, -0.5, 1.0, 0.4])
    with pytest.raises(ValueError, match=r"values from -0.5 to 1.0 are no rates"):
        rate_interval(values)
    (interval,) = bootstrap_intervals(values[:, None], [True])
    assert interval.low < interval.mean < interval.high


@pytest.mark.parametrize("tasks", [15, 40, 120])
def test_the_bootstrap_covers_95_percent_of_clustered_counts(tasks):
    rng = np.random.default_rng(tasks)
    level = rng.gamma(4.0, 1.5, size=(tasks, 1500))  # a task's own length
    means = rng.poisson(level[None], size=(4, tasks, 1500)).mean(axis=0)
    drawn = resampled_means(means, 600, rng)
    found = [percentile_interval(means[:, i].mean(), drawn[:, i], tasks) for i in range(1500)]
    assert 0.93 <= covered(found, 6.0) <= 0.97


@pytest.mark.parametrize(("rate", "effect"), [(0.05, 0.0), (0.05, 0.1), (0.5, 0.0), (0.5, 0.1), (0.95, 0.0)])
@pytest.mark.parametrize(("tasks", "episodes", "correlation"), [(50, 4, 0.0), (100, 4, 0.3), (200, 1, 0.0), (200, 8, 0.8)])
def test_a_differences_interval_covers_95_percent_of_paired_clustered_rates(tasks, episodes, correlation, rate, effect):
    rng = np.random.default_rng([tasks, episodes, int(100 * rate), int(100 * effect)])
    before, chance = clustered_rates(rng, tasks, episodes, rate, correlation)
    after = rng.binomial(episodes, chance + effect * (1 - chance)) / episodes
    share = covered([difference_interval(row, bounded=True) for row in after - before], effect * (1 - rate))
    assert 0.93 <= share <= 0.985


@pytest.mark.parametrize("tasks", [10, 30, 100])
def test_a_differences_interval_covers_95_percent_of_continuous_differences(tasks):
    rng = np.random.default_rng(tasks)
    rows = 0.4 + rng.normal(size=(DRAWS, tasks)) + rng.exponential(1.0, size=(DRAWS, tasks))
    assert 0.93 <= covered([difference_interval(row) for row in rows], 1.4) <= 0.97


def test_without_zeros_a_differences_interval_is_the_t_interval():
    interval = difference_interval(np.array([1.0, 2.0, 3.0, 4.0]))
    # mean 2.5, standard error sqrt(1.25 / 3) = .645497, t(.975, 3) = 3.182446.
    assert (interval.mean, interval.low, interval.high) == pytest.approx((2.5, 0.445740, 4.554260), abs=1e-5)


def test_sparse_yes_or_no_differences_get_bonett_and_prices_interval_but_for_the_weight():
    # 3 of 20 tasks gained: w = .85, s = 1, centre 3 / 21.7, variance (3 + 1.7) / 21.7 - centre^2, over 21.7 - .15.
    interval = difference_interval(np.repeat([0.0, 1.0], [17, 3]), bounded=True)
    centre = 3 / 21.7
    reach = 2.093024 * np.sqrt((4.7 / 21.7 - centre**2) / 21.55)
    assert interval.low == pytest.approx(centre - reach, abs=1e-6)
    assert interval.high == pytest.approx(centre + reach, abs=1e-6)


def test_no_difference_at_all_is_certain_only_of_what_has_no_bounds():
    assert difference_interval(np.zeros(50)) == Interval(0, 0, 0)
    bounded = difference_interval(np.zeros(50), bounded=True)
    assert bounded.high == -bounded.low == pytest.approx(2.009575 * np.sqrt(2) / 52, abs=1e-6)
    assert difference_interval(np.zeros(1), bounded=True) == Interval(0, -1, 1)


def test_a_differences_interval_flips_and_scales_with_the_differences():
    rng = np.random.default_rng(0)
    values = np.where(rng.random(30) < 0.5, 0.0, rng.normal(size=30))
    base, turned = difference_interval(values), difference_interval(-3 * values)
    assert (turned.low, turned.mean, turned.high) == pytest.approx((-3 * base.high, -3 * base.mean, -3 * base.low))
