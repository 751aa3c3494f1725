"""`bao.measures.comparison`: paired differences with worked numbers, and false alarms as rare as they are said to be."""

import dataclasses
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bao.action import Action
from bao.errors import ConfigError, DataError
from bao.measures.clusters import TaskRecord
from bao.measures.comparison import Side, compare
from bao.measures.cost import Price
from bao.measures.permutation import holm, more_tasks, sign_flip_p
from bao.trajectory import Fault, StopReason, Trajectory, Turn


def episode(task, reward=1.0, seed=0, users=1, **fields):
    turns = (
        *(Turn("", Action("action", f"q{i}"), "r", 0.0, True) for i in range(users - 1)),
        Turn("", Action("answer", "a"), "r", reward, True),
    )
    base = Trajectory("travel", task, "p", seed, "o", turns, StopReason.FAILURE, reward > 0, 16)
    return dataclasses.replace(base, **fields)


def run(label, rewards, seed=0, setting=None, **fields):
    """One episode for each reward, on tasks t00, t01, .."""
    return Side(label, [episode(f"t{i:02}", r, seed, **fields) for i, r in enumerate(rewards)], setting or {})


def only(pairs):
    (pair,) = pairs
    return pair


def measure(pair, name):
    return next(difference for difference in pair.differences if difference.measure == name)


def test_a_difference_is_b_less_a_with_the_better_one_named():
    a, b = run("a", [0.0] * 10, users=3), run("b", [1.0] * 9 + [0.0], users=5)
    pair = only(compare([a, b]))
    score, effort = measure(pair, "score"), measure(pair, "user_effort")
    assert (score.a, score.b, score.difference.mean, score.tasks, score.better) == (0.0, 0.9, 0.9, 10, "b")
    assert score.p == pytest.approx(1 / 2**9)  # all nine that differ agree in sign
    assert score.more_tasks == 0
    assert (effort.difference.mean, effort.better) == (2.0, "a")


def test_turning_the_runs_around_turns_the_difference_around():
    rng = np.random.default_rng(0)
    a, b = run("a", rng.random(12)), run("b", rng.random(12))
    there, back = measure(only(compare([a, b])), "score"), measure(only(compare([b, a])), "score")
    assert there.p == back.p
    assert (there.difference.mean, there.difference.low) == pytest.approx((-back.difference.mean, -back.difference.high))


def test_a_run_against_itself_differs_in_nothing():
    episodes = run("a", [0.0, 0.5, 1.0]).episodes
    for difference in only(compare([Side("a", episodes, {}), Side("b", episodes, {})])).differences:
        assert (difference.difference.mean, difference.p, difference.better) == (0.0, 1.0, None)
        assert difference.more_tasks is None


def test_episodes_are_paired_by_seed_where_seeds_are_shared_and_by_task_elsewhere():
    a = Side("a", [episode("t", 0.0, 1), episode("t", 0.4, 2), episode("u", 0.0, 3)], {})
    b = Side("b", [episode("t", 1.0, 2), episode("t", 0.0, 9), episode("u", 1.0, 4), episode("u", 0.0, 5)], {})
    pair = only(compare([a, b]))
    assert (pair.tasks, pair.by_seed) == (2, 1)
    score = measure(pair, "score")
    assert score.a == pytest.approx((0.4 + 0.0) / 2)
    assert score.b == pytest.approx((1.0 + 0.5) / 2)


def test_a_task_weighs_the_same_however_often_it_was_played():
    a = Side("a", [episode("t", 0.0, s) for s in range(9)] + [episode("u", 0.0, 0)], {})
    b = Side("b", [episode("t", 1.0, s) for s in range(9)] + [episode("u", 0.0, 0)], {})
    assert measure(only(compare([a, b])), "score").difference.mean == 0.5


def test_faults_count_on_neither_side():
    broken = episode("t00", 0.0, fault=Fault.USER_TIMEOUT, stop=StopReason.FAULT)
    a, b = run("a", [1.0] * 3), run("b", [1.0] * 3)
    with_fault = Side("b", [*b.episodes, broken], {})
    assert compare([a, with_fault]) == compare([a, b])


def test_different_settings_and_tasks_are_warned_about():
    setting = {"gym_version": 1, "horizon": 16, "convention": "everyday", "user": "scripted"}
    other = {"gym_version": 2, "horizon": 12, "convention": "paper", "user": "llm"}
    a, b = run("a", [1.0] * 4, setting=setting), run("b", [1.0] * 3, setting=other)
    pair = only(compare([a, b]))
    for part in ("gym version differs (1 in a, 2 in b)", "horizon differs", "convention differs", "user differs"):
        assert any(part in warning for warning in pair.warnings)
    assert any("4 in a, 3 in b" in warning and "the 3 that both have" in warning for warning in pair.warnings)
    assert any("what the tasks share was not recorded" in warning for warning in pair.warnings)
    assert len(pair.warnings) == 6
    a = dataclasses.replace(a, tasks={episode.task_id: TaskRecord("d", ()) for episode in a.episodes})
    assert only(compare([a, run("c", [1.0] * 4, setting=setting)])).warnings == ()
    assert only(compare([a, run("c", [1.0] * 4)])).warnings == ()  # what is not known is no difference


@pytest.mark.parametrize(
    ("runs", "measures", "error", "message"),
    [
        (["a"], None, ConfigError, "needs at least two evaluations"),
        (["a", "a"], None, ConfigError, "must differ: give each"),
        (["a", "b"], ["scor"], ConfigError, "--measure scor is unknown: did you mean 'score'"),
        (["a", "b"], ["money"], DataError, "--measure money: no episode of a and b has a figure"),
        (["a", "elsewhere"], None, DataError, "share no task: evaluate both on the same"),
        (["a", "gym"], None, DataError, r"different gyms \(function, travel\)"),
        (["a", "broken"], None, DataError, "broken has no healthy episode: repair"),
        (["a", "twice"], ["best_score"], DataError, "best_score grows with the episodes"),
    ],
)
def test_what_cannot_be_compared_is_named_with_the_fix(runs, measures, error, message):
    made = {
        "a": run("a", [1.0, 0.0]),
        "b": run("b", [1.0, 0.0]),
        "elsewhere": Side("elsewhere", [episode("z")], {}),
        "gym": run("gym", [1.0, 0.0], gym="function"),
        "broken": run("broken", [1.0], stop=StopReason.FAULT, fault=Fault.GYM_ERROR),
        "twice": Side("twice", [episode(f"t0{i}", seed=5 + s) for i in range(2) for s in range(2)], {}),
    }
    with pytest.raises(error, match=message) as raised:
        compare([made[name] for name in runs], measures)
    assert "\n" not in str(raised.value)


def test_money_is_compared_with_a_price_table():
    turns = (Turn("", Action("answer", "a"), "r", 1.0, True, prompt_tokens=1000, completion_tokens=100),)
    a, b = run("a", [1.0] * 3, turns=turns, model="small"), run("b", [1.0] * 3, turns=turns, model="large")
    prices = {"small": Price(1.0, 2.0), "large": Price(10.0, 20.0)}
    money = measure(only(compare([a, b], prices=prices)), "money")
    assert (money.a, money.b, money.better) == (pytest.approx(0.0012), pytest.approx(0.012), None)
    assert money.p == 1 / 2**3


def test_embeddings_are_compared_with_an_encoder():
    same = tuple(Turn("", Action("action", text), "r", 0.0, True) for text in ("where to stay", "which hotel"))
    other = tuple(Turn("", Action("action", text), "r", 0.0, True) for text in ("where to stay", "which seat"))
    a, b = run("a", [1.0] * 6, turns=same), run("b", [1.0] * 6, turns=other)
    encode = lambda texts: np.eye(2)[[int("seat" in text) for text in texts]]  # noqa: E731
    found = measure(only(compare([a, b], encode=encode)), "embedding_diversity")
    assert (found.a, found.b, found.better) == (0, 1, "b")
    assert "embedding_diversity" not in {each.measure for each in only(compare([a, b])).differences}


def test_all_compares_whatever_both_have_a_figure_for():
    names = [
        difference.measure for difference in only(compare([run("a", [1.0, 0.0]), run("b", [0.0, 0.0])], ["all"])).differences
    ]
    assert {"score", "best_score", "pass_at_u_9", "seconds", "behavior_dynamic_scheduling"} <= set(names)
    assert not {"money", "tokens_in", "satisfaction"} & set(names)


def test_several_runs_give_all_pairs_with_holms_p():
    rng = np.random.default_rng(0)
    runs = [run(name, np.clip(rng.normal(mean, 0.2, 13), 0, 1)) for name, mean in (("a", 0.4), ("b", 0.6), ("c", 0.6))]
    pairs = compare(runs, ["score"])
    assert [(pair.a, pair.b) for pair in pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    raw = [pair.differences[0].p for pair in pairs]
    assert [pair.differences[0].adjusted_p for pair in pairs] == holm(raw)
    assert all(pair.differences[0].better is None or pair.differences[0].adjusted_p < 0.05 for pair in pairs)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([0.2]) == [0.2]


def test_more_tasks_by_hand():
    # (1.959964 + .841621)^2 (sd / mean)^2 = 7.848880 x 25 x 100 / 99 = 198.2: 99 more than the 100 there are.
    values = np.tile([0.6, -0.4], 50)
    assert values.mean() == pytest.approx(0.1)
    assert more_tasks(values) == 99
    assert more_tasks(np.tile([0.5, -0.5], 50)) is None
    assert more_tasks(np.array([0.3])) is None
    assert more_tasks(np.full(5, 0.3)) == 0
    # With k tasks p is at least 2^-k: 5 for one comparison (1/32 < .05), 6 for each of three (1/64 < .05 / 3).
    assert more_tasks(np.full(3, 0.3)) == 2
    assert more_tasks(np.full(5, 0.3), comparisons=3) == 1


def test_what_is_not_settled_is_never_said_to_need_no_more_tasks():
    runs = [run("a", [0.1] * 5), run("b", [0.5] * 5), run("c", [0.9] * 5)]
    alone, several = compare(runs[:2], ["score"]), compare(runs, ["score"])
    assert [(d.adjusted_p < 0.05, d.more_tasks) for d in alone[0].differences] == [(True, 0)]
    assert [(d.adjusted_p < 0.05, d.more_tasks) for pair in several for d in pair.differences] == [(False, 1)] * 3
    few = compare([Side(run.label, run.episodes[:4], {}) for run in runs[:2]], ["score"])[0].differences[0]
    assert (few.p, few.more_tasks) == (1 / 16, 1)


def test_so_many_tasks_do_settle_it_in_four_of_five_cases():
    rng = np.random.default_rng(0)
    values = np.tile([0.5, -0.3], 20)  # an effect of .1 at a spread of .4
    needed = len(values) + more_tasks(values)
    samples = rng.normal(0.1, values.std(ddof=1), size=(needed, 1500))
    assert np.mean(sign_flip_p(samples, permutations=999, seed=1) < 0.05) == pytest.approx(0.8, abs=0.04)


def test_sign_flips_of_few_tasks_are_gone_through_exactly():
    values = [0.5, 0.25, -0.125, 1.0]
    exact = [Fraction(v) for v in values]
    sums = [abs(sum(s * v for s, v in zip(signs, exact, strict=True))) for signs in product((1, -1), repeat=4)]
    expected = sum(1 if total > abs(sum(exact)) else 0.5 * (total == abs(sum(exact))) for total in sums) / 16
    assert sign_flip_p(np.array(values)[:, None])[0] == expected == 3 / 16


def test_random_sign_flips_come_to_the_exact_p():
    rng = np.random.default_rng(3)
    values = rng.normal(0.2, 0.5, size=(14, 5))
    exact = sign_flip_p(values)
    padded = np.vstack([values, np.zeros((1, 5))])  # one task more, which changes nothing, and the flips are drawn
    np.testing.assert_allclose(sign_flip_p(padded, permutations=20_000), exact, atol=0.012)


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=12), st.integers(1, 9))
@settings(max_examples=60)
def test_a_p_value_depends_on_neither_sign_nor_scale_nor_order(values, scale):
    column = np.array(values, dtype=float)[:, None] / 4
    p = sign_flip_p(column)[0]
    assert 0 < p <= 1
    assert p == sign_flip_p(-column)[0] == sign_flip_p(column[::-1] * scale)[0]


@pytest.mark.parametrize(
    ("tasks", "rollouts", "rate"), [(12, 4, 0.5), (40, 4, 0.3), (100, 1, 0.5), (100, 2, 0.5), (100, 8, 0.9), (150, 2, 0.05)]
)
def test_false_alarms_at_5_percent_on_equal_clustered_yes_or_no_policies(tasks, rollouts, rate):
    rng = np.random.default_rng([tasks, rollouts])
    chance = rng.beta(rate * 2, (1 - rate) * 2, size=(tasks, 4000))
    a, b = rng.binomial(rollouts, chance), rng.binomial(rollouts, chance)
    alarms = np.mean(sign_flip_p((b - a) / rollouts, permutations=999, seed=rng) < 0.05)
    assert 0.03 <= alarms <= 0.07


@pytest.mark.parametrize("tasks", [8, 30, 100])
def test_false_alarms_at_5_percent_on_equal_continuous_policies(tasks):
    rng = np.random.default_rng(tasks)
    spread = rng.uniform(0.2, 3, size=(tasks, 1))
    a, b = (rng.exponential(spread, size=(tasks, 4000)) for _ in range(2))
    alarms = np.mean(sign_flip_p(b - a, permutations=999, seed=rng) < 0.05)
    assert 0.03 <= alarms <= 0.07
