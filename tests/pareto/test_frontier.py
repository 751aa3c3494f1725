"""`bao.pareto`: worked dominance and hypervolumes, their laws, and a certainty that is paired by task."""

import dataclasses
import json
import time

import moocore
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bao.action import Action
from bao.errors import ConfigError, DataError
from bao.pareto import Candidate, Direction, Objective, distinct_points, dominates, frontier, hypervolumes, normalise
from bao.trajectory import Fault, StopReason, Trajectory, Turn

POINTS = st.integers(2, 4).flatmap(
    lambda width: arrays(float, st.tuples(st.integers(1, 7), st.just(width)), elements=st.integers(-1, 5).map(lambda v: v / 4))
)
"""Few values, so that ties and duplicates are common; some beyond the reference (0) or the ideal (1)."""


def evaluation(label, score, effort, *, series="s", tasks=40, noise=0.0, seed=0, prefix="t", **fields):
    """A policy with the given mean score and effort; tasks differ by `noise` in both, the same way under one seed."""
    deviation = np.random.default_rng(seed).normal(size=tasks)
    deviation -= deviation.mean()
    return Candidate.of_arrays(
        [f"{prefix}{i}" for i in range(tasks)],
        {"score": score + noise * deviation, "user_effort": effort + noise * deviation, **fields},
        label=label,
        series=series,
        gym="travel",
        horizon=10,
    )


# Dominance.


@given(points=POINTS)
def test_dominance_is_irreflexive_asymmetric_and_transitive(points):
    matrix = dominates(points)
    assert not matrix.diagonal().any()
    assert not (matrix & matrix.T).any()
    assert not ((matrix.astype(int) @ matrix.astype(int) > 0) & ~matrix).any()


@given(points=POINTS)
def test_non_dominated_points_are_those_that_moocore_finds(points):
    expected = moocore.is_nondominated(points, maximise=True, keep_weakly=True)
    np.testing.assert_array_equal(~dominates(points).any(axis=0), expected)


def test_dominance_broadcasts_over_resamples():
    sets = np.random.default_rng(0).random((5, 4, 3))
    np.testing.assert_array_equal(dominates(sets), np.stack([dominates(points) for points in sets]))


# Hypervolume.


def test_hypervolumes_of_worked_sets():
    sets = np.array([[[0.5, 0.5], [0.5, 0.5]], [[1.0, 0.25], [0.5, 0.5]], [[2.0, 0.5], [-1.0, 1.0]], [[0.0, 1.0], [0.0, 0.0]]])
    np.testing.assert_allclose(hypervolumes(sets), [0.25, 0.375, 0.5, 0.0])


@given(points=POINTS, data=st.data())
@settings(deadline=None)
def test_hypervolume_grows_with_points_ignores_order_and_dominated_ones_and_stays_in_the_box(points, data):
    (whole,) = hypervolumes(points[None])
    (part,) = hypervolumes(points[None, : data.draw(st.integers(1, len(points)))])
    (shuffled,) = hypervolumes(points[None, data.draw(st.permutations(range(len(points))))])
    (front,) = hypervolumes(points[None, ~dominates(points).any(axis=0)])
    assert -1e-12 <= part <= whole + 1e-12
    assert whole <= 1 + 1e-12
    assert whole == pytest.approx(shuffled, abs=1e-12)
    assert whole == pytest.approx(front, abs=1e-12)


def test_normalised_points_are_0_at_the_reference_and_1_at_the_ideal_in_either_direction():
    values = np.array([[0.0, 10.0], [1.0, 0.0], [0.75, 4.0]])
    found = normalise(values, np.array([0.0, 10.0]), np.array([1.0, 0.0]))
    np.testing.assert_allclose(found, [[0, 0], [1, 1], [0.75, 0.6]])


# The frontier.


def test_a_worked_frontier():
    result = frontier(
        [evaluation("ask", 0.9, 5, series="a"), evaluation("guess", 0.3, 1, series="b"), evaluation("bad", 0.2, 6, series="b")]
    )
    by_label = {point.label: point for point in result.points}
    assert [by_label[label].non_dominated for label in ("ask", "guess", "bad")] == [True, True, False]
    assert by_label["bad"].dominated_by == ("ask", "guess")
    assert by_label["bad"].non_dominated_probability == 0
    assert by_label["ask"].non_dominated_probability == 1
    assert result.reference_point == {"score": 0, "user_effort": 10}
    assert result.hypervolume["a"].mean == pytest.approx(0.9 * 0.5)
    assert result.hypervolume["b"].mean == pytest.approx(0.3 * 0.9)
    assert result.hypervolume_all.mean == pytest.approx(0.9 * 0.5 + 0.3 * 0.4)
    (difference,) = result.hypervolume_differences
    assert (difference.a, difference.b) == ("a", "b")
    assert difference.difference.mean == pytest.approx(0.45 - 0.27)


def test_the_json_has_the_documented_shape():
    evaluations = [evaluation("x", 0.9, 5, noise=0.1), evaluation("y", 0.3, 1, series="t", noise=0.1)]
    found = json.loads(json.dumps(frontier(evaluations).to_json(), allow_nan=False))
    assert list(found) == [
        "version",
        "gym",
        "objectives",
        "reference_point",
        "tasks",
        "clusters",
        "warnings",
        "points",
        "bounds",
        "hypervolume",
        "hypervolume_all",
        "hypervolume_differences",
        "hull_hypervolume",
        "hull_hypervolume_differences",
        "attainment",
    ]
    assert found["version"] == 1
    assert found["objectives"] == [{"name": "score", "direction": "max"}, {"name": "user_effort", "direction": "min"}]
    assert list(found["points"][0]) == [
        "label",
        "series",
        "effort_weight",
        "tasks",
        "clusters",
        "episodes",
        "values",
        "non_dominated",
        "non_dominated_probability",
        "dominated_by",
    ]
    assert set(found["points"][0]["values"]["score"]) == {"mean", "low", "high"}
    assert list(found["hypervolume"]) == ["s", "t"]
    assert list(found["hypervolume_differences"][0]) == ["a", "b", "difference"]


def test_what_knows_the_task_is_shown_and_takes_part_in_nothing():
    policies = [evaluation("x", 0.6, 5, noise=0.1), evaluation("y", 0.3, 1, noise=0.1)]
    oracle = dataclasses.replace(evaluation("oracle", 1.0, 0.5, series="oracle", noise=0.0), bound=True)
    alone, beside = frontier(policies), frontier([*policies, oracle])
    assert [point.label for point in beside.points] == ["x", "y"]
    assert all(point.non_dominated for point in beside.points)
    assert [bound.label for bound in beside.bounds] == ["oracle"]
    assert beside.bounds[0].values["score"].mean == pytest.approx(1.0)
    for name in ("points", "hypervolume", "hypervolume_all", "hull_hypervolume", "hypervolume_differences"):
        assert getattr(beside, name) == getattr(alone, name)
    with pytest.raises(DataError, match="oracle know the tasks and are bounds"):
        frontier([oracle])


def test_dominance_is_paired_by_task():
    shared = [evaluation("better", 0.52, 3, noise=0.2), evaluation("worse", 0.5, 3, noise=0.2)]
    apart = [shared[0], evaluation("worse", 0.5, 3, noise=0.2, seed=1, prefix="other")]
    assert frontier(shared).points[1].dominated_by == ("better",)
    point = frontier(apart).points[1]
    assert point.dominated_by == ()
    assert 0.3 < point.non_dominated_probability < 1


def test_equal_policies_do_not_dominate_each_other():
    twins = [evaluation(f"twin {i}", 0.5, 3, noise=0.3) for i in range(7)]
    for point in frontier(twins).points:
        assert point.non_dominated
        assert point.non_dominated_probability == 1


def test_the_order_of_the_evaluations_does_not_matter():
    evaluations = [evaluation(f"p{i}", 0.1 * i, i, noise=0.1 * i, seed=i, series=f"s{i % 2}") for i in range(1, 6)]
    one, other = frontier(evaluations), frontier(evaluations[::-1])
    assert {point.label: point for point in one.points}.keys() == {point.label for point in other.points}
    for left, right in zip(one.points, other.points[::-1], strict=True):
        assert left.non_dominated_probability == right.non_dominated_probability
        assert left.values["score"].low == pytest.approx(right.values["score"].low)
    assert one.hypervolume_all.to_json() == pytest.approx(other.hypervolume_all.to_json())
    assert one.hypervolume["s1"].to_json() == pytest.approx(other.hypervolume["s1"].to_json())


def test_one_more_policy_never_shrinks_the_hypervolume():
    evaluations = [evaluation(f"p{i}", 0.15 * i, i, noise=0.1, seed=i) for i in range(1, 6)]
    volumes = [frontier(evaluations[:count], resamples=20).hypervolume_all.mean for count in range(1, 6)]
    assert volumes == sorted(volumes)


def hypervolume_coverage(truths, tasks, runs):
    """How often the interval holds the hypervolume of policies whose true (score, effort / 10) are `truths`."""
    rng = np.random.default_rng(0)
    order = sorted(truths)
    truth = sum((score - below) * (1 - effort) for (score, effort), (below, _) in zip(order, [(0, 0), *order], strict=False))
    covered = 0
    for seed in range(runs):
        evaluations = [
            evaluation(f"p{i}", rng.random(tasks) < score, 10 * (effort + rng.normal(0, 0.15, tasks)), tasks=tasks)
            for i, (score, effort) in enumerate(truths)
        ]
        interval = frontier(evaluations, seed=seed, resamples=200).hypervolume_all
        covered += interval.low <= truth <= interval.high
    return covered / runs


def test_the_interval_of_a_hypervolume_covers_the_truth():
    assert 0.9 <= hypervolume_coverage([(0.3, 0.1), (0.6, 0.4), (0.9, 0.7)], tasks=60, runs=150) <= 0.99


def test_the_interval_of_a_hypervolume_mostly_covers_the_truth_even_where_all_policies_are_equal():
    # The worst case: every difference is noise, and noise only inflates. Without mirroring, 14 % are covered.
    assert hypervolume_coverage([(0.5, 0.3)] * 5, tasks=60, runs=80) >= 0.7


def test_any_objectives_in_any_number_and_direction():
    money = Objective("money", Direction.MIN, ideal=0.0, worst=2.0)
    fun = np.full(40, 0.5)
    evaluations = [
        evaluation("x", 0.5, 5, money=fun, tokens=fun * 100),
        evaluation("y", 0.5, 5, money=fun * 2, tokens=fun * 50),
    ]
    result = frontier(evaluations, ["score", "user_effort", "tokens", money])
    assert [point.non_dominated for point in result.points] == [True, True]
    assert result.reference_point["tokens"] == 50  # the worst that was observed
    assert result.hypervolume_all.mean == pytest.approx(0.5 * 0.5 * 0.5 * 0.5)  # x is at the reference in tokens
    assert not frontier(evaluations, ["score", money]).points[1].non_dominated


def test_a_given_reference_point_is_used_and_points_beyond_it_add_nothing():
    result = frontier([evaluation("x", 0.9, 5, series="a"), evaluation("y", 0.5, 2)], reference_point={"user_effort": 4})
    assert result.reference_point == {"score": 0, "user_effort": 4}
    assert result.hypervolume["a"].mean == 0
    assert result.hypervolume["s"].mean == pytest.approx(0.25)


def test_an_evaluation_from_episodes_takes_names_and_weight_from_them_and_leaves_faults_out():
    def episode(task, **fields):
        turn = Turn("", Action("answer", "x"), "", 1.0, True, tokens=3)
        defaults = {"stop": StopReason.SUCCESS, "success": True, "effort_weight": 0.25, "policy": "bao"}
        return Trajectory(gym="travel", task_id=task, seed=0, opening="", turns=(turn,), horizon=12, **{**defaults, **fields})

    found = Candidate.of([episode("a"), episode("b"), episode("c", stop=StopReason.FAULT, fault=Fault.USER_TIMEOUT)])
    assert (found.label, found.series, found.effort_weight) == ("bao w=0.25", "bao", 0.25)
    assert (found.task_ids, found.episodes, found.horizon) == (("a", "b"), 2, 12)
    point = frontier([found]).points[0]
    assert point.values["user_effort"].mean == 1
    assert 0 < point.values["score"].low < point.values["score"].high == 1
    with pytest.raises(DataError, match=r"one policy at one effort weight, not of bao at w=0\.25, bao at w=0\.5: split"):
        Candidate.of([episode("a"), episode("a", effort_weight=0.5)])
    with pytest.raises(DataError, match=r"bao at w=0\.25, bao at w=0\.25 and b=2: split"):
        Candidate.of([episode("a"), episode("a", budget=2)])
    told = Candidate.of([episode("a", budget=2)], series="told")
    assert (told.label, told.budget) == ("bao w=0.25 b=2", 2)
    with_budget, without = frontier([told, Candidate.of([episode("a")], label="free", series="free")]).points
    assert (with_budget.to_json()["budget"], "budget" in without.to_json()) == (2, False)


def test_distinct_points_are_on_the_frontier_with_intervals_apart():
    evaluations = [
        evaluation("low", 0.3, 1, noise=0.1),
        evaluation("near low", 0.31, 1.01, noise=0.1),
        evaluation("mid", 0.6, 3, noise=0.1),
        evaluation("high", 0.9, 5, noise=0.1),
        evaluation("bad", 0.1, 8, noise=0.1),
    ]
    result = frontier(evaluations)
    kept = distinct_points(result, "user_effort")
    assert [point.label for point in kept] == ["low", "mid", "high"]
    assert not any(a.values["user_effort"].overlaps(b.values["user_effort"]) for a in kept for b in kept if a is not b)
    with pytest.raises(ConfigError, match="objective='effort' is not on this frontier: did you mean 'user_effort'"):
        distinct_points(result, "effort")


@given(spans=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 4)), min_size=1, max_size=7))
@settings(max_examples=40, deadline=None)
def test_no_other_choice_gives_more_distinct_points(spans):
    evaluations = [  # scores rise with effort, so that every point is on the frontier unless two coincide
        evaluation(f"p{i}", centre / 20, centre, noise=width, seed=0) for i, (centre, width) in enumerate(spans)
    ]
    result = frontier(evaluations, reference_point={"user_effort": 30}, resamples=60)
    points = [point for point in result.points if point.non_dominated]

    def apart(chosen):
        return not any(
            a.values["user_effort"].overlaps(b.values["user_effort"]) for i, a in enumerate(chosen) for b in chosen[:i]
        )

    subsets = ([p for i, p in enumerate(points) if mask >> i & 1] for mask in range(2 ** len(points)))
    assert len(distinct_points(result, "user_effort")) == max(len(chosen) for chosen in subsets if apart(chosen))


@pytest.mark.parametrize(
    ("evaluations", "options", "error", "message"),
    [
        ([], {}, DataError, "at least one evaluated policy"),
        ([evaluation("x", 1, 1), evaluation("x", 1, 2)], {}, DataError, "label='x' names two evaluations"),
        ([evaluation("x", 1, 1)], {"objectives": ["score", "turns"]}, DataError, "x has no .* objective 'turns'"),
        ([evaluation("x", 1, 1)], {"objectives": ["score"]}, ConfigError, "at least two different ones"),
        ([evaluation("x", 1, 1)], {"objectives": ["score", "score"]}, ConfigError, "at least two different ones"),
        ([evaluation("x", 1, 1)], {"objectives": ["score", "user_efort"]}, ConfigError, "did you mean 'user_effort'"),
        ([evaluation("x", 1, 1)], {"reference_point": {"user_effort": -1}}, ConfigError, "must be worse than the ideal 0"),
        ([evaluation("x", 1, 1)], {"reference_point": {"turns": 9}}, ConfigError, "names 'turns', which is not an objective"),
    ],
)
def test_what_makes_no_frontier_is_named(evaluations, options, error, message):
    with pytest.raises(error, match=message):
        frontier(evaluations, **options)


def test_evaluations_of_several_gyms_make_no_frontier():
    other = Candidate.of_arrays(["a"], {"score": [1], "user_effort": [1]}, label="y", series="y", gym="function", horizon=5)
    with pytest.raises(DataError, match=r"several gyms \(function, travel\)"):
        frontier([evaluation("x", 1, 1), other])
    with pytest.raises(DataError, match="y: every measure needs one value for each of the 2 episodes"):
        Candidate.of_arrays(["a", "b"], {"score": [1]}, label="y", series="y", gym="function", horizon=5)


def test_thirty_policies_of_a_thousand_tasks_take_a_few_seconds_at_most():
    evaluations = [evaluation(f"p{i}", i / 40, i / 4, noise=0.2, tasks=1000, seed=i, series=f"s{i % 6}") for i in range(30)]
    start = time.process_time()
    frontier(evaluations)
    assert time.process_time() - start < 5


def test_harm_is_a_score_below_nothing_and_takes_no_area_away() -> None:
    """Returns may be negative: their intervals are not cut at 0, and a harmful point adds nothing to a hypervolume."""
    rng = np.random.default_rng(0)
    tasks = [f"t{i}" for i in range(40)]

    def candidate(label, scores):
        values = {"score": scores, "user_effort": np.full(40, 2.0)}
        return Candidate.of_arrays(tasks, values, label=label, series=label, gym="tau", horizon=30)

    good, harmful = candidate("good", rng.random(40)), candidate("harmful", rng.choice([-0.5, 0.0], 40))
    found = frontier([good, harmful], resamples=200)
    assert found.hypervolume["harmful"].mean == 0
    assert found.hypervolume["good"].mean > 0
    low = next(point for point in found.points if point.label == "harmful").values["score"]
    assert low.low < low.mean < low.high < 0
