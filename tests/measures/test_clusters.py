"""Clusters of tasks: worked numbers, invariances, and intervals and tests that keep their level where tasks share effects."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bao.measures.bootstrap import bootstrap_intervals, resampled_means
from bao.measures.clusters import (
    Clustered,
    TaskRecord,
    caveat,
    cluster_numbers,
    connected,
    count_clusters,
    effective_clusters,
    same_task,
    units,
)
from bao.measures.intervals import difference_interval, rate_interval
from bao.measures.permutation import more_tasks, sign_flip_p


def test_tasks_hang_together_directly_and_through_others():
    parts = {"a": {"x"}, "b": {"x", "y"}, "c": {"y"}, "d": {"z"}, "e": set(), "f": {"a"}}
    assert connected(parts) == {"a": "a", "b": "a", "c": "a", "d": "d", "e": "e", "f": "f"}


@given(st.lists(st.sets(st.integers(0, 6), max_size=3), min_size=1, max_size=8), st.randoms())
def test_clusters_do_not_depend_on_the_order_of_the_tasks(parts, chance):
    tasks = {f"t{i}": [f"c{each}" for each in own] for i, own in enumerate(parts)}
    shuffled = list(tasks)
    chance.shuffle(shuffled)
    one, other = connected(tasks), connected({task: tasks[task] for task in shuffled})
    assert all((one[a] == one[b]) == (other[a] == other[b]) for a in tasks for b in tasks)


def test_a_task_without_a_record_is_its_own_cluster():
    records = {"a": TaskRecord("1", ("x",)), "b": TaskRecord("2", ("x",))}
    assert cluster_numbers(["a", "b", "c"], records).tolist() == [0, 0, 1]
    assert cluster_numbers(["c", "b", "a"], {}, records).tolist() == [0, 1, 1]


def test_one_id_with_two_contents_is_two_tasks():
    known = {"a": TaskRecord("1", ())}
    assert same_task("a", known, {"a": TaskRecord("1", ("x",))})
    assert same_task("a", known, {})
    assert not same_task("a", known, {"a": TaskRecord("2", ())})


def test_mean_variance_and_effective_number_by_hand():
    # Clusters of 3 and 1 tasks with the means 1/3 and 1: the mean is .5, w = .75 and .25.
    found = Clustered.of(np.array([0.0, 1.0, 0.0, 1.0]), np.array([0, 0, 0, 1]))
    assert found.values.tolist() == pytest.approx([1 / 3, 1.0])
    assert found.mean == pytest.approx(0.5)
    assert found.effective == pytest.approx(1 / (0.75**2 + 0.25**2))
    assert found.variance == pytest.approx(0.75**2 * (1 / 6) ** 2 / 0.25 + 0.25**2 * 0.25 / 0.75)


def test_clusters_of_equal_tasks_count_as_one_task_each():
    rng = np.random.default_rng(0)
    single = rng.binomial(3, 0.4, 25) / 3
    numbers, whole = np.repeat(np.arange(25), 4), np.repeat(single, 4)
    for one, other in (
        (rate_interval(single), rate_interval(whole, numbers)),
        (difference_interval(single - 0.3), difference_interval(whole - 0.3, numbers)),
        (bootstrap_intervals(single[:, None] * 9)[0], bootstrap_intervals(whole[:, None] * 9, numbers=numbers)[0]),
    ):
        assert (other.mean, other.low, other.high) == pytest.approx((one.mean, one.low, one.high))
    assert sign_flip_p(whole[:, None] - 0.3, numbers) == pytest.approx(sign_flip_p(single[:, None] - 0.3))
    assert more_tasks(whole - 0.3, numbers) == pytest.approx(4 * more_tasks(single - 0.3), abs=4)


@settings(max_examples=50)
@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=2, max_size=30))
def test_every_task_its_own_cluster_is_as_without_clusters(values):
    table, numbers = np.array(values), np.arange(len(values))
    assert rate_interval(table, numbers) == rate_interval(table)
    assert difference_interval(table - 0.25, numbers) == difference_interval(table - 0.25)
    drawn = [resampled_means(table[:, None], 50, np.random.default_rng(0), each) for each in (None, numbers)]
    assert (drawn[0] == drawn[1]).all()


def test_tasks_of_a_cluster_are_drawn_together():
    table = np.array([[0.0], [0.0], [1.0], [1.0], [1.0]])
    drawn = resampled_means(table, 500, np.random.default_rng(0), np.array([0, 0, 1, 1, 1]))
    assert set(drawn.ravel().round(9)) == {0.0, 0.6, 1.0}


def test_a_single_cluster_falls_back_to_its_tasks_and_is_told_of():
    assert units(np.zeros(5, dtype=np.int64), 5).tolist() == [0, 1, 2, 3, 4]
    assert "as one cluster" in caveat(5, 1)
    assert "only 4 clusters" in caveat(80, 4)
    assert "not recorded" in caveat(80, 80, known=False)
    assert caveat(200, 40) is None
    assert caveat(4, 4) is None


def shared(rng, clusters, tasks, draws, unequal=False):
    """Chances of two equal policies whose tasks share strong effects of their cluster: values [draws, tasks] each, numbers."""
    sizes = rng.integers(1, 2 * tasks, clusters) if unequal else np.full(clusters, tasks)
    numbers = np.repeat(np.arange(clusters), sizes)
    a, b = (rng.beta(0.5, 0.5, (draws, clusters))[:, numbers] for _ in range(2))
    return rng.binomial(1, a).astype(float), rng.binomial(1, b).astype(float), numbers


@pytest.mark.parametrize("unequal", [False, True])
@pytest.mark.parametrize("clusters", [20, 40])
def test_intervals_and_tests_keep_their_level_where_tasks_share_strong_effects(clusters, unequal):
    rng = np.random.default_rng(clusters + unequal)
    a, b, numbers = shared(rng, clusters, 10, 800, unequal)

    def covered(found, truth):
        return np.mean([each.low <= truth <= each.high for each in found])

    assert 0.925 <= covered([rate_interval(row, numbers) for row in a], 0.5) <= 0.98
    assert 0.925 <= covered([difference_interval(row, numbers, bounded=True) for row in b - a], 0.0) <= 0.985
    assert covered([difference_interval(row, bounded=True) for row in b - a], 0.0) < 0.8  # what it was by task
    turns = 1 + 9 * a
    drawn = [bootstrap_intervals(row[:, None], numbers=numbers, resamples=400, seed=0)[0] for row in turns[:400]]
    assert 0.91 <= covered(drawn, 5.5) <= 0.985
    alarms = np.mean(sign_flip_p((b - a).T, numbers, permutations=999) < 0.05)
    assert 0.03 <= alarms <= 0.07
    assert effective_clusters(numbers, len(numbers)) <= count_clusters(numbers) == clusters
