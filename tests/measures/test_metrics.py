"""`bao.measures`: worked numbers, intervals that hold what they promise, and faults that never count."""

import io
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from bao.action import Action, ParseFault
from bao.errors import DataError
from bao.measures import (
    Interval,
    bootstrap_intervals,
    episode_measures,
    fault_counts,
    healthy,
    measure_tasks,
    summarize,
    task_means,
)
from bao.measures.bootstrap import means, resampled_means
from bao.measures.intervals import percentile_interval, rate_interval
from bao.measures.metrics import task_pass_hat
from bao.reporting.tables import print_tables
from bao.trajectory import Fault, StopReason, Trajectory, Turn


def episode(task="t1", kinds="us", reward=1.0, success=True, **fields):
    """One turn for each letter of `kinds`: ``u`` involves the user, ``s`` does not, ``x`` is unreadable."""
    turns = tuple(
        Turn(
            "",
            Action("answer" if kind == "u" else "search", "c"),
            "r",
            reward if index == len(kinds) - 1 else 0.0,
            kind == "u",
            ParseFault.EMPTY if kind == "x" else None,
            tokens=10,
        )
        for index, kind in enumerate(kinds)
    )
    defaults = {"gym": "travel", "policy": "p", "seed": 0, "opening": "o", "horizon": 16}
    stop = StopReason.SUCCESS if success else StopReason.MAX_TURNS
    return Trajectory(**{**defaults, "task_id": task, "turns": turns, "stop": stop, "success": success, **fields})


def failed(task="t1", kinds="su", **fields):
    return episode(task, kinds, 0.0, success=False, **fields)


def broken(fault=Fault.USER_TIMEOUT, **fields):
    return episode(stop=StopReason.FAULT, success=False, fault=fault, **fields)


# Measures.


def test_the_measures_of_an_episode_are_those_of_the_definitions():
    found = episode_measures([episode(kinds="suxu"), failed(kinds="ssss"), failed(kinds="")])
    expected = {
        "score": [1, 0, 0],
        "success": [1, 0, 0],
        "user_effort": [2, 0, 0],
        "user_involvement_rate": [0.5, 0, 0],
        "questions": [2, 0, 0],
        "verbosity": [2, 0, 0],
        "turns": [4, 4, 0],
        "tokens": [40, 40, 0],
        "unparsable": [0.25, 0, 0],
        "seconds": [0, 0, 0],
        "pass_at_u_1": [0, 0, 0],
        "pass_at_u_2": [1, 0, 0],
        "pass_at_u_9": [1, 0, 0],
    }
    for name, values in expected.items():
        assert found[name].tolist() == values, name


def test_a_summary_weighs_tasks_equally_and_takes_the_best_rollout_for_best_score():
    summary = summarize([episode("a"), failed("a"), failed("a"), failed("a"), episode("b", "uu"), episode("c", "su", 0.5)])
    assert summary["tasks"] == 3
    assert summary["episodes"] == 6
    assert summary["score"]["mean"] == pytest.approx((0.25 + 1 + 0.5) / 3)
    assert summary["best_score"]["mean"] == pytest.approx((1 + 1 + 0.5) / 3)
    assert summary["success"]["mean"] == pytest.approx((0.25 + 1 + 1) / 3)
    assert summary["user_effort"]["mean"] == pytest.approx((1 + 2 + 1) / 3)
    assert summary["pass_at_u"]["1"]["mean"] == pytest.approx((0.25 + 0 + 1) / 3)
    assert summary["stop"] == {"success": pytest.approx(0.75), "max_turns": pytest.approx(0.25)}


def test_a_summary_says_how_well_a_told_budget_was_kept():
    """Within 2 user turns: u and ss are, uuu is one over and uuuu two; tasks weigh equally."""
    played = [
        episode("a", "u", budget=2),
        episode("a", "uuu", budget=2),
        episode("b", "uuuu", budget=2),
        failed("c", "ss", budget=2),
    ]
    summary = summarize(played)
    assert summary["budget"] == 2
    assert summary["within_budget"]["mean"] == pytest.approx((0.5 + 0 + 1) / 3)
    assert summary["over_budget"]["mean"] == pytest.approx((0.5 + 2 + 0) / 3)
    assert list(summary)[2:5] == ["effort_weight", "budget", "setting"]
    assert "budget" not in summarize([*played, episode("d", budget=3)])
    mixed = summarize([*played, episode("d")])
    assert "budget" not in mixed
    assert mixed["within_budget"]["mean"] == pytest.approx((0.5 + 0 + 1) / 3)
    assert not {"budget", "within_budget", "over_budget"} & set(summarize([episode("d")]))


def test_a_summary_has_the_documented_shape():
    summary = summarize([episode(effort_weight=0.1), failed("b", effort_weight=0.1)], setting={"horizon": 16})
    assert list(summary) == [
        "gym",
        "policy",
        "effort_weight",
        "setting",
        "tasks",
        "clusters",
        "episodes",
        "faults",
        "policy_errors",
        "score",
        "best_score",
        "success",
        "pass_at_u",
        "user_effort",
        "user_involvement_rate",
        "turns",
        "tokens",
        "unparsable",
        "questions",
        "verbosity",
        "idle_searches",
        "idle_search_rate",
        "repeated_questions",
        "repeated_question_rate",
        "seconds",
        "seconds_per_turn",
        "tokens_in",
        "tokens_out",
        "money",
        "repeated",
        "zero_information",
        "bits_per_query",
        "self_bleu",
        "embedding_diversity",
        "prices",
        "stop",
        "behaviors",
    ]
    assert summary["effort_weight"] == 0.1
    assert summary["setting"] == {"horizon": 16}
    assert set(summary["behaviors"]) == {
        "memory_management",
        "hypothesis_refinement",
        "dynamic_scheduling",
        "strategic_querying",
    }
    assert list(summary["pass_at_u"]) == [str(k) for k in range(1, 10)]
    for name in ("score", "best_score", "success", "user_effort", "user_involvement_rate", "turns", "tokens", "unparsable"):
        assert set(summary[name]) == {"mean", "low", "high"}
        assert summary[name]["low"] <= summary[name]["mean"] <= summary[name]["high"]


def test_pass_at_u_never_falls_with_k_and_ends_at_most_at_success():
    rng = np.random.default_rng(0)
    episodes = [episode(f"t{i % 20}", "u" * int(n), success=bool(n % 3)) for i, n in enumerate(rng.integers(1, 14, 200))]
    summary = summarize(episodes, resamples=50)
    curve = [value["mean"] for value in summary["pass_at_u"].values()]
    assert curve == sorted(curve)
    assert curve[-1] <= summary["success"]["mean"]


def test_an_agent_that_breaks_is_worth_nothing_unless_it_did_harm():
    earned = episode("a", "us", reward=0.5, success=True, stop=StopReason.POLICY_ERROR)
    harmed = episode("b", "us", reward=-0.5, success=False, stop=StopReason.POLICY_ERROR)
    assert earned.task_return == 0
    assert harmed.task_return < 0
    summary = summarize([earned, episode("c")])
    assert (summary["episodes"], summary["policy_errors"], summary["stop"]["policy_error"]) == (2, 1, 0.5)


def test_faults_are_counted_and_change_no_measure():
    good = [episode("a"), failed("b"), failed("b")]
    faulty = [*good, broken(task="b"), broken(Fault.GYM_ERROR, task="z"), broken(None, task="a")]
    with_faults, without = summarize(faulty), summarize(good)
    assert with_faults.pop("faults") == {**dict.fromkeys(map(str, Fault), 0), "user_timeout": 1, "gym_error": 2}
    assert sum(without.pop("faults").values()) == 0
    assert with_faults == without
    assert healthy(faulty) == good
    assert fault_counts(good)["user_timeout"] == 0


def test_the_order_of_the_episodes_does_not_matter():
    episodes = [episode("b"), failed("a"), episode("a"), failed("c", "uuu")]
    assert summarize(episodes) == summarize(episodes[::-1])


def test_the_same_seed_gives_the_same_intervals():
    episodes = [episode(f"t{i}", "s" * (i * i + 1), seconds=i**1.5) for i in range(10)]
    assert summarize(episodes, seed=1) == summarize(episodes, seed=1)
    assert summarize(episodes, seed=1) != summarize(episodes, seed=2)


@pytest.mark.parametrize(
    ("episodes", "message"),
    [
        ([episode(), episode(gym="function")], r"several gyms \(function, travel\): measure each"),
        ([episode(), episode(policy="q")], r"several policies \(p, q\): summarize each"),
        ([broken(), broken()], r"no healthy episode to measure \(user_timeout: 2\): repair"),
        ([], r"no healthy episode to measure \(no episode at all\)"),
    ],
)
def test_what_cannot_be_summarized_is_named(episodes, message):
    with pytest.raises(DataError, match=message):
        summarize(episodes)


def test_episodes_at_several_weights_have_no_weight_in_common():
    assert summarize([episode(effort_weight=0.0), episode(effort_weight=0.5)])["effort_weight"] is None


def test_the_table_shows_means_and_intervals_and_any_policy_name():
    console = Console(width=200, record=True, file=io.StringIO())
    print_tables(console, [summarize([episode(policy="a[bold]b"), failed("t2", policy="a[bold]b"), broken(policy="a[bold]b")])])
    text = console.export_text()
    assert "a[bold]b" in text
    for part in ("0.50", "[0.00, 1.00]", "20", "[20, 20]"):
        assert part in text


# Intervals.


def test_task_means_keep_the_episodes_of_a_task_together():
    ids, found = task_means([[1, 10], [3, 30], [5, 50]], ["b", "a", "b"])
    assert ids == ("a", "b")
    np.testing.assert_array_equal(found, [[3, 30], [3, 30]])
    with pytest.raises(ValueError, match="do not match 1 episodes"):
        task_means([[1], [2]], ["a"])


def test_more_rollouts_of_the_same_tasks_do_not_narrow_the_interval():
    tasks = [f"t{i:02}" for i in range(30)]
    once = [episode(task, success=i % 3 == 0, reward=float(i % 3 == 0)) for i, task in enumerate(tasks)]
    assert summarize(once)["score"] == summarize(once * 8)["score"]


@given(values=st.lists(st.floats(-100, 100), min_size=2, max_size=12), shift=st.floats(-100, 100), scale=st.floats(0.01, 100))
@settings(max_examples=60, deadline=None)
def test_intervals_hold_the_mean_and_move_with_shift_and_scale(values, shift, scale):
    column = np.array(values)[:, None]
    (base,) = bootstrap_intervals(column, resamples=200)
    (moved,) = bootstrap_intervals(column * scale + shift, resamples=200)
    assert base.low <= base.mean <= base.high
    for name in ("mean", "low", "high"):
        assert getattr(moved, name) == pytest.approx(getattr(base, name) * scale + shift, abs=1e-6)


def test_a_constant_has_no_spread_at_all():
    column = np.full((7, 1), 0.1)
    assert bootstrap_intervals(column) == [Interval(0.1, 0.1, 0.1)]


def test_unanimous_tasks_leave_wilsons_bound_open():
    none, every = bootstrap_intervals(np.tile([0.0, 1.0], (50, 1)), [True, True])
    assert (none.mean, none.low) == (0, 0)
    assert none.high == pytest.approx(0.07135, abs=1e-5)  # Wilson's upper bound for 0 of 50
    assert (every.low, every.high) == (pytest.approx(1 - 0.07135, abs=1e-5), 1)


def test_a_single_task_tells_little_about_a_rate():
    assert rate_interval(np.ones(1)).low == pytest.approx(0.2065, abs=1e-4)
    assert summarize([episode()])["user_effort"] == {"mean": 1.0, "low": 1.0, "high": 1.0}


def test_mirrored_quantiles_undo_a_shift_that_every_resample_repeats():
    replicates = np.linspace(0.2, 0.4, 4001)
    interval = percentile_interval(0.2, replicates, 10**6, reflect=True)
    assert interval.high == pytest.approx(0.2)
    assert interval.low == pytest.approx(0.4 - 0.395, abs=1e-3)


def test_measures_with_the_same_tasks_are_resampled_together():
    rng = np.random.default_rng(0)
    column = rng.random(40)
    drawn = resampled_means(np.column_stack([column, column + 0.5]), 300, rng)
    np.testing.assert_allclose(drawn[:, 1] - drawn[:, 0], 0.5, atol=1e-12)


def test_a_missing_task_is_left_out_of_the_mean_and_of_every_resample():
    per_task = np.array([[1.0, np.nan], [1.0, 3.0], [np.nan, 5.0]])
    np.testing.assert_allclose(means(per_task), [1.0, 4.0])
    drawn = resampled_means(per_task, 500, np.random.default_rng(0))
    assert (drawn[:, 0] == 1.0).all()
    assert ((drawn[:, 1] >= 3.0) & (drawn[:, 1] <= 5.0)).all()
    with pytest.raises(ValueError, match="at least one task"):
        means(np.full((2, 1), np.nan))


def test_resampling_in_blocks_draws_no_task_twice_as_often():
    per_task = np.arange(3000.0)[:, None]  # 1,500 resamples take two blocks
    drawn = resampled_means(per_task, 1500, np.random.default_rng(0))
    assert drawn.shape == (1500, 1)
    assert drawn.mean() == pytest.approx(1499.5, abs=3)
    assert drawn.std() == pytest.approx(3000 / np.sqrt(12 * 3000), rel=0.1)


def test_two_thousand_resamples_of_a_thousand_tasks_take_well_under_a_second():
    per_task = np.random.default_rng(0).random((1000, 18))
    start = time.process_time()
    bootstrap_intervals(per_task, resamples=2000)
    assert time.process_time() - start < 1.0


def test_measured_tasks_are_sorted_and_hold_every_measure():
    measured = measure_tasks([episode("b"), failed("a"), episode("a")])
    assert measured.task_ids == ("a", "b")
    assert measured.values["score"].tolist() == [0.5, 1.0]
    assert measured.values["best_score"].tolist() == [1.0, 1.0]
    assert measured.stop["max_turns"].tolist() == [0.5, 0.0]


def test_pass_hat_is_the_share_of_k_subsets_that_are_all_solved_and_unbiased():
    # 3 of 4 rollouts solve one task, 1 of 2 the other: pass^2 is C(3,2)/C(4,2) = 1/2 and 0; only the first has a pass^3, 1/4.
    played = [episode("a", seed=i) if i < 3 else failed("a", seed=i) for i in range(4)]
    played += [episode("b"), failed("b", seed=1)]
    found = measure_tasks(played).values
    assert found["pass_hat_2"].tolist() == [0.5, 0.0]
    assert found["pass_hat_3"].tolist() == pytest.approx([0.25, np.nan], nan_ok=True)
    assert found["pass_hat_4"].tolist() == pytest.approx([0.0, np.nan], nan_ok=True)
    assert "pass_hat_5" not in found
    summary = summarize(played)
    assert summary["pass_hat"]["2"]["mean"] == 0.25
    assert "pass_hat" not in summarize([episode()])
    rng = np.random.default_rng(0)
    solved = rng.random((4000, 5)) < 0.6
    tasks = np.repeat([f"{i:05}" for i in range(4000)], 5).tolist()
    drawn = task_pass_hat(solved.ravel().astype(float), tasks)
    assert drawn["pass_hat_3"].mean() == pytest.approx(0.6**3, abs=0.015)
