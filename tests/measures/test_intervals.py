"""Intervals of `bao.measures.intervals` hold the truth as often as they say, on simulated clustered data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bao.measures.bootstrap import bootstrap_intervals, resampled_means
from bao.measures.intervals import Interval, difference_interval, percentile_interval, rate_interval

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


def test_one_event_counts_by_its_poisson_limit_and_unequal_events_by_fewer_degrees_of_freedom():
    one = rate_interval(np.eye(20)[0])
    assert one.low == pytest.approx(-np.log(0.95) / 20)  # the rate at which an event has a chance of .05
    # x^2 of 12 tasks: sum 1.0275, of squares 1.000069; df = 2 (1.0275)^2 / 1.000069 = 2.1114 where 22 would be twice the tasks.
    values = np.zeros(200)
    values[:12] = [1.0] + [0.05] * 11
    mean, variance = values.mean(), values.var(ddof=1)
    interval = rate_interval(values)
    q = (interval.high - mean) ** 2 / (interval.high * (1 - interval.high))  # the equation that Wilson's ends solve
    t2 = 4.094**2  # t(.975, 2.1114)
    assert q == pytest.approx(min(t2 * variance / 200 / (mean * (1 - mean)), 3.841459 / 200), rel=1e-3)


@pytest.mark.parametrize(("tasks", "centre"), [(50, -6.25), (100, -7.05), (200, -8.3)])
def test_many_tasks_barely_off_the_boundary_do_not_make_the_interval_too_narrow(tasks, centre):
    # A heavy tail of chances (logit-normal, sd 3; rates of .037, .022, .009): a few tasks carry the rate, more barely leave 0.
    rng = np.random.default_rng(tasks)
    level = np.quantile(rng.normal(size=2_000_000), (np.arange(4096) + 0.5) / 4096)
    quantiles = 1 / (1 + np.exp(-(centre + 3 * level)))
    means = rng.binomial(16, rng.choice(quantiles, (3000, tasks))) / 16
    assert covered([rate_interval(row) for row in means], quantiles.mean()) >= 0.924


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


@pytest.mark.parametrize(
    ("tasks", "episodes", "correlation", "rate"), [(20, 8, 0.6, 0.95), (30, 16, 0.6, 0.95), (30, 16, 0.3, 0.99)]
)
def test_a_differences_interval_holds_up_where_few_tasks_differ_unequally(tasks, episodes, correlation, rate):
    rng = np.random.default_rng([tasks, episodes])
    before, chance = clustered_rates(rng, tasks, episodes, rate, correlation)
    after = rng.binomial(episodes, 0.95 * chance) / episodes
    share = covered([difference_interval(row, bounded=True) for row in after - before], -0.05 * rate)
    assert share >= 0.93


@pytest.mark.parametrize("tasks", [10, 30, 100])
def test_a_differences_interval_covers_95_percent_of_continuous_differences(tasks):
    rng = np.random.default_rng(tasks)
    rows = 0.4 + rng.normal(size=(DRAWS, tasks)) + rng.exponential(1.0, size=(DRAWS, tasks))
    assert 0.93 <= covered([difference_interval(row) for row in rows], 1.4) <= 0.97


def test_without_zeros_a_differences_interval_is_the_t_interval():
    interval = difference_interval(np.array([1.0, 2.0, 3.0, 4.0]))
    # mean 2.5, standard error sqrt(1.25 / 3) = .645497, t(.975, 3) = 3.182446.
    assert (interval.mean, interval.low, interval.high) == pytest.approx((2.5, 0.445740, 4.554260), abs=1e-5)
    half = rate_interval(np.array([0.4, 0.6, 0.9, 0.7]))
    bounded = difference_interval(np.array([-0.2, 0.2, 0.8, 0.4]), bounded=True)
    assert (bounded.low, bounded.high) == pytest.approx((2 * half.low - 1, 2 * half.high - 1))


def test_sparse_yes_or_no_differences_hold_what_tangos_score_does_not_reject():
    # 60 of 100 tasks differ by 0; 30 gained, 10 lost. Tango's statistic is t (df 99) at each end of the sparse part.
    values = np.repeat([0.0, 1.0, -1.0], [60, 30, 10])
    interval, half = difference_interval(values, bounded=True), rate_interval((1 + values) / 2)
    sparse = [(i - 0.4 * d) / 0.6 for i, d in ((interval.low, 2 * half.low - 1), (interval.high, 2 * half.high - 1))]
    for x in sparse:
        # q21 solves 2 q^2 + (-.4 + 1.8 x) q - .1 x (1 - x) = 0.
        b = -0.4 + 1.8 * x
        likeliest = (np.sqrt(b * b + 0.8 * x * (1 - x)) - b) / 4
        score = (0.2 - x) / np.sqrt((2 * likeliest + x * (1 - x)) / 100)
        assert abs(score) == pytest.approx(1.984217, abs=1e-5)  # t(.975, 99), the events being whole
    assert sparse[0] < 0.2 < sparse[1]


def test_no_difference_at_all_is_certain_only_of_what_has_no_bounds():
    assert difference_interval(np.zeros(50)) == Interval(0, 0, 0)
    bounded = difference_interval(np.zeros(50), bounded=True)
    assert bounded.high == -bounded.low == pytest.approx(3.841459 / 53.841459, abs=1e-6)
    assert difference_interval(np.zeros(1), bounded=True) == Interval(0, -1, 1)


def test_differences_beyond_the_bounds_are_taken_as_of_no_bounds():
    values = np.array([1.5, -0.5, 0.0, 0.25, 1.0])
    assert difference_interval(values, bounded=True) == difference_interval(values)


def test_a_differences_interval_leaves_0_out_between_three_and_six_differences_of_one_sign():
    def low(differing, tasks):
        return difference_interval(np.repeat([0.0, 1.0], [tasks - differing, differing]), bounded=True).low

    # The sign-flip p is .125 at three and .016 at six.
    for tasks in (20, 60, 500):
        assert low(3, tasks) < 0 < low(6, tasks)


@given(st.lists(st.integers(-4, 4), min_size=2, max_size=40), st.sampled_from([-2.5, -1.0, 0.01, 3.0]))
@settings(max_examples=80)
def test_a_differences_interval_flips_and_scales_with_the_differences(values, scale):
    values = np.array(values) / 4
    base, turned = difference_interval(values), difference_interval(scale * values)
    ends = sorted([scale * base.low, scale * base.high])
    assert (turned.low, turned.high) == pytest.approx(ends, abs=1e-9)
    bounded, mirrored = difference_interval(values, bounded=True), difference_interval(-values, bounded=True)
    assert -1 <= bounded.low <= bounded.mean <= bounded.high <= 1
    assert (mirrored.low, mirrored.high) == pytest.approx((-bounded.high, -bounded.low), abs=1e-9)
