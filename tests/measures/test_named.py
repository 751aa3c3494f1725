"""Measures by more than a name: worth and regret at a price, any measure on one level, with the numbers worked out."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bao.action import Action
from bao.errors import ConfigError, DataError
from bao.measure import Direction
from bao.measures import MEASURES, summarize
from bao.measures.clusters import TaskRecord
from bao.measures.comparison import Side, compare
from bao.measures.metrics import measure_tasks
from bao.measures.named import Named, find, parts
from bao.pareto import Candidate, frontier
from bao.pareto.objective import resolve
from bao.trajectory import StopReason, Trajectory, Turn


def episode(task: str, reward: float, users: int, **fields) -> Trajectory:
    turns = tuple(Turn("", Action("action", f"q{i}?"), "r", reward if i == 0 else 0.0, True) for i in range(users))
    base = Trajectory("travel", task, "p", 0, "o", turns, StopReason.FAILURE, reward > 0.5, 8)
    return dataclasses.replace(base, **fields)


EPISODES = [
    episode("t1", 1.0, 4, level=1),
    episode("t1", 0.0, 2, level=1),
    episode("t2", 0.5, 1, level=2),
    episode("t3", 1.0, 6, level=2),
]
RULES = {0.1: {"t1": 0.5, "t2": 0.1, "t3": 0.4}}
"""What the best script is worth at .1."""


def by_task(*names: str) -> dict[str, list[float]]:
    values = measure_tasks(EPISODES, named=names, rules=RULES).values
    return {name: values[name].tolist() for name in names}


def test_worth_is_the_return_less_the_price_of_the_turns() -> None:
    # t1: the mean of 1 - .4 and 0 - .2; t2: .5 - .1; t3: 1 - .6
    assert by_task("worth@0.1")["worth@0.1"] == pytest.approx([0.2, 0.4, 0.4])
    assert by_task("worth@0")["worth@0"] == pytest.approx([0.5, 0.5, 1.0])


def test_regret_is_what_the_best_script_is_worth_less_ones_own_on_the_same_task() -> None:
    assert by_task("regret@0.1")["regret@0.1"] == pytest.approx([0.3, -0.3, 0.0])
    summary = summarize(EPISODES, named=("worth@0.1", "regret@0.1"), rules=RULES, resamples=500)
    assert summary["named"]["worth@0.1"]["mean"] == pytest.approx(1 / 3)
    regret = summary["named"]["regret@0.1"]
    assert regret["mean"] == pytest.approx(0.0)
    assert -0.301 <= regret["low"] < 0 < regret["high"] <= 0.301


def test_a_task_that_the_best_script_did_not_play_has_no_regret() -> None:
    found = measure_tasks(EPISODES, named=["regret@0.1"], rules={0.1: {"t1": 0.5}}).values["regret@0.1"]
    assert found.tolist() == [pytest.approx(0.3), pytest.approx(math.nan, nan_ok=True), pytest.approx(math.nan, nan_ok=True)]


def test_a_level_takes_its_tasks_alone() -> None:
    found = by_task("score@level=2", "worth@0.1@level=2", "pass_hat_2@level=1", "best_score@level=1")
    nan = pytest.approx(math.nan, nan_ok=True)
    assert found["score@level=2"] == [nan, 0.5, 1.0]
    assert found["worth@0.1@level=2"] == [nan, pytest.approx(0.4), pytest.approx(0.4)]
    assert found["pass_hat_2@level=1"] == [0.0, nan, nan]
    assert found["best_score@level=1"] == [1.0, nan, nan]


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(0, 1), st.integers(1, 3)), min_size=1, max_size=20), st.integers(0, 3))
def test_a_level_is_what_its_tasks_alone_would_give_clusters_and_all(drawn, shared) -> None:
    """The interval too: a rate's depends on values and clusters alone."""
    episodes = [episode(f"t{task}", reward, 2, level=1 + task % 2) for task, reward, _ in drawn]
    records = {f"t{task}": TaskRecord("", (f"part {task % (shared + 1)}",)) for task in range(10)}
    whole = summarize(episodes, named=[f"score@level={each.level}" for each in episodes], records=records, resamples=100)
    for level in {each.level for each in episodes}:
        own = summarize([each for each in episodes if each.level == level], records=records, resamples=100)
        assert whole["named"][f"score@level={level}"] == pytest.approx(own["score"])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("score", Named("score", None, None)),
        ("worth@.1", Named("worth", 0.1, None)),
        ("regret@0.2@level=3", Named("regret", 0.2, 3)),
        ("turns@level=0", Named("turns", None, 0)),
        ("worth@0.1@level=2@user=scripted, persona busy", Named("worth", 0.1, 2, "scripted, persona busy")),
    ],
)
def test_a_name_is_read_by_its_parts(name: str, expected: Named) -> None:
    assert parts(name) == expected


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("worth", "needs the price of a user turn: worth@0.1"),
        ("regret@level=2", "needs the price of a user turn: regret@0.1"),
        ("worth@cheap", "the price 'cheap' must be a number of at least 0"),
        ("worth@-1", "must be a number of at least 0"),
        ("worth@nan", "must be a number of at least 0"),
        ("score@0.1", "cannot be read at '0.1'"),
        ("score@level=two", "cannot be read at 'level=two'"),
        ("score@user=", "cannot be read at 'user='"),
        ("scor@level=2", "unknown: did you mean 'score'"),
        ("wort", "unknown: did you mean 'worth'"),
    ],
)
def test_what_is_no_measure_is_refused_with_what_there_is(name: str, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        find(name)
    assert says in str(refused.value)


def test_a_level_keeps_what_the_measure_is() -> None:
    found = find("user_effort@level=2")
    assert (found.direction, found.rate, found.label) == (Direction.MIN, False, "user effort, level 2")
    assert find("score@level=2").rate
    assert all(find(name) == measure for name, measure in MEASURES.items())
    assert (find("worth@0.1").direction, find("regret@0.1").direction) == (Direction.MAX, Direction.MIN)


def test_what_cannot_be_had_of_these_episodes_is_said() -> None:
    with pytest.raises(ConfigError, match="is for `bao frontier`: name score here"):
        measure_tasks(EPISODES, named=["score@user=busy"])
    with pytest.raises(DataError, match="no task of level 7; the tasks are of level 1, 2"):
        measure_tasks(EPISODES, named=["score@level=7"])
    with pytest.raises(DataError, match="needs the evaluation of a scripted rule"):
        measure_tasks(EPISODES, named=["regret@0.1"])


def test_a_comparison_takes_them_and_regret_is_worth_turned_around() -> None:
    better = [dataclasses.replace(each, turns=each.turns[:1]) for each in EPISODES]
    sides = [Side(label, own, {}, rules=RULES) for label, own in (("a", EPISODES), ("b", better))]
    names = ["worth@0.1", "regret@0.1", "score@level=2", "user_effort@level=2"]
    (pair,) = compare(sides, names)
    found = {each.measure: each for each in pair.differences}
    assert list(found) == names
    # turns less by task: t1 2 in the mean, t2 none, t3 5
    assert found["worth@0.1"].difference.mean == pytest.approx(0.7 / 3)
    assert found["regret@0.1"].difference.mean == pytest.approx(-0.7 / 3)
    assert found["regret@0.1"].p == found["worth@0.1"].p
    assert (found["user_effort@level=2"].difference.mean, found["user_effort@level=2"].tasks) == (-2.5, 2)


def test_a_frontier_takes_them_and_says_of_how_many_tasks_they_are() -> None:
    names = ("worth@0.1", "score@level=2")
    cheap = [dataclasses.replace(each, policy="cheap", turns=each.turns[:1]) for each in EPISODES]
    candidates = [Candidate.of(own, only=names, rules=RULES) for own in (EPISODES, cheap)]
    found = frontier(candidates, names, resamples=200)
    values = {point.label: [point.values[name].mean for name in names] for point in found.points}
    assert values["p"] == pytest.approx([1 / 3, 0.75])
    assert values["cheap"] == pytest.approx([1 / 3 + 0.7 / 3, 0.75])
    assert {point.label: point.non_dominated for point in found.points} == {"p": False, "cheap": True}
    assert "score@level=2 is of 2 of the 3 tasks" in found.warnings


def test_their_ideals_are_the_best_that_there_can_be() -> None:
    worth, regret, effort = resolve(["worth@0.1", "regret@0.1", "user_effort@level=2"])
    assert (worth.ideal, worth.worst, worth.direction) == (1.0, 0.0, Direction.MAX)
    assert (regret.ideal, regret.worst, regret.direction) == (-1.0, "observed", Direction.MIN)
    assert (effort.ideal, effort.worst) == (0.0, "horizon")
    assert np.isfinite(frontier([Candidate.of(EPISODES)], resamples=50).hypervolume["p"].mean)
