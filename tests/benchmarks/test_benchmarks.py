"""What the benchmarks' figures mean, and that both sides do the same work."""

from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from bao.action import ActionKind
from bao.gyms.registry import gym_class, gym_names
from bao.gyms.section import GymSection
from bao.models.engine import Engine, Limits, Request
from bao.models.local import save_local
from bao.policies.prompt import PromptForm, system_text
from benchmarks import coverage, eval_throughput, gym_steps, llm_user
from benchmarks.cost import Cost, Phase, Step, figures, ratios
from benchmarks.episode import Episode
from benchmarks.work import Work
from tests.support.small_model import small_local


def step(rollout: float, update: float, tokens: int = 100, trajectories: int = 4) -> Step:
    costs = {
        Phase.ROLLOUT: Cost(rollout, 2 * rollout),
        Phase.UPDATE: Cost(update, update),
        Phase.STEP: Cost(rollout + update, 2 * rollout + update),
    }
    return Step(costs, trajectories, 12, tokens)


def make_work(model: Path, limits: Limits) -> Work:
    gym = GymSection(levels=(2,), settings={"horizon": 4})
    return Work("tiny", model, PromptForm.BRIEF, 0.1, gym, 2, 2, limits, worker_processes=False)


def test_a_ratio_is_the_other_median_over_ours_per_unit_of_work() -> None:
    ours = [step(1.0, 2.0), step(1.0, 2.0), step(9.0, 2.0)]
    theirs = [step(6.0, 5.0, tokens=200), step(4.0, 5.0), step(9.0, 5.0)]
    found = ratios("tiny", ours, theirs)
    assert found["rollout_ratio_tiny"] == pytest.approx(4.0)  # per token .03 .04 .09 over .01 .01 .09
    assert (found["rollout_ratio_tiny_low"], found["rollout_ratio_tiny_high"]) == pytest.approx((1.0, 4.0))
    assert found["update_ratio_tiny"] == pytest.approx(2.5)
    assert found["step_ratio_tiny"] == pytest.approx(11 / 3)  # per trajectory 11/4 9/4 14/4 over 3/4 3/4 11/4


def test_figures_are_medians_per_unit_under_flat_names() -> None:
    found = figures("135m", {"bao": [step(1.0, 2.0), step(3.0, 2.0), step(2.0, 2.0)]})
    assert found["bao_rollout_wall_seconds_per_sampled_token_135m"] == pytest.approx(0.02)
    assert found["bao_rollout_cpu_seconds_per_sampled_token_135m"] == pytest.approx(0.04)
    assert found["bao_step_wall_seconds_per_trajectory_135m"] == pytest.approx(1.0)
    assert found["bao_tokens_per_step_135m"] == 100


@pytest.mark.parametrize("limits", [Limits(24, 600), Limits(24, 70)], ids=["whole episodes", "out of tokens"])
def test_trls_side_plays_by_the_rules_of_our_engine(limits: Limits, tmp_path: Path) -> None:
    local, work = small_local(), make_work(tmp_path, limits)
    system = system_text(work.make_gym(), work.form, work.effort_weight)
    requests = [Request(task, seed, work.effort_weight) for task in work.tasks() for seed in range(4)]
    played = Engine(local.model, local.template, work.make_gym, limits=limits, form=work.form).run(requests)
    for request, trajectory in zip(requests, played, strict=True):
        trace = trajectory.trace
        assert trace is not None
        episode = Episode(work, local.template, request.task, system, request.seed)
        for turn in range(len(trajectory.turns)):
            assert episode.running
            sampled = trace.ids[trace.turn == turn].tolist()
            episode.take(sampled + [local.template.pad_id] * (limits.turn_tokens - len(sampled)))
        assert not episode.running
        np.testing.assert_array_equal(episode.prompt, trace.prompt)
        np.testing.assert_array_equal(episode.ids, trace.ids)
        np.testing.assert_array_equal(episode.written, trace.turn >= 0)


def test_our_side_plays_and_trains_on_every_trajectory(tmp_path: Path) -> None:
    pytest.importorskip("psutil", reason="psutil is of the benchmarks' own environment")
    from benchmarks.bao_side import BaoSide

    save_local(tmp_path, small_local())
    work = replace(make_work(tmp_path, Limits(24, 600)), groups=2, group_size=3)
    with BaoSide(work, 1, tmp_path / "out") as side:
        first = side.step()
    assert first.trajectories == 6
    assert first.tokens > 0
    assert first.costs[Phase.STEP].wall >= first.costs[Phase.ROLLOUT].wall + first.costs[Phase.UPDATE].wall - 1e-6


def test_every_gym_has_three_figures_of_its_speed() -> None:
    found = gym_steps.measure(steps=40, runs=1, tasks=2)
    assert set(found) == {f"{name}_steps_per_cpu_second{end}" for name in gym_names() for end in ("", "_fresh", "_unseen")}
    assert min(found.values()) > 0


@pytest.mark.parametrize("name", gym_names())
def test_unseen_texts_are_new_and_the_rest_is_as_recorded(name: str) -> None:
    episodes = gym_steps.recorded(gym_class(name), 3)
    kinds = {action.kind for episode in episodes for action in episode.actions}
    assert len(kinds) > 1, "agents that do more than one thing"
    free = gym_steps.FREE_TEXT.get(name, {ActionKind.ACTION})
    new = list(islice(gym_steps.unseen(name, episodes, np.random.default_rng(0)), 3 * len(episodes)))
    texts = [action.content for episode in new for action in episode.actions if action.kind in free]
    assert len(set(texts)) == len(texts) > 0
    for place, episode in enumerate(new):
        as_recorded = episodes[place % len(episodes)]
        assert [action.kind for action in episode.actions] == [action.kind for action in as_recorded.actions]
        for action, before in zip(episode.actions, as_recorded.actions, strict=True):
            assert action.content == before.content or action.kind in free


def test_the_table_of_speeds_marks_what_is_below_the_bar() -> None:
    figures = {
        f"travel_steps_per_cpu_second{end}": figure for end, figure in (("", 20_000), ("_fresh", 19_999), ("_unseen", 5e5))
    }
    table = gym_steps.table(figures)
    assert table is not None
    assert [list(column.cells) for column in table.columns] == [["travel"], ["20,000"], ["19,999 (below 20,000)"], ["500,000"]]
    assert gym_steps.table({}) is None


def test_the_cost_of_a_model_as_the_user_is_a_share_of_the_episodes_wall_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"EPISODES_AT_ONCE": 4, "QUESTIONS": 3, "LATENCY": 0.03, "RUNS": 1, "ENGINE_LATENCY": 0.1}.items():
        monkeypatch.setattr(llm_user, name, value)
    monkeypatch.setattr(llm_user.Questions, "horizon_default", 3)
    found = llm_user.measure()
    assert 0 < found["llm_user_code_share"] < 1
    assert 0 < found["llm_user_beside_latency_share"] < 1
    per_question = found["llm_user_cpu_seconds_per_question"]
    # Share = CPU / wall, and the wall of a question is its latency over what is not beside it.
    wall = 0.03 / (1 - found["llm_user_beside_latency_share"])
    assert found["llm_user_code_share"] == pytest.approx(per_question / wall)
    assert 1 < found["llm_user_engine_wall_ratio"] < np.inf


def test_the_evaluation_benchmark_counts_every_request_of_every_episode() -> None:
    with eval_throughput.serving() as url:
        found = eval_throughput.play(url, tasks=8, rollouts=2)
    assert found["requests"] == 16 * eval_throughput.HORIZON
    assert found["wall"] > eval_throughput.HORIZON * eval_throughput.LATENCY
    assert 0 < found["cpu"] < found["wall"]


@pytest.mark.parametrize("chances", coverage.CHANCES, ids=str)
@pytest.mark.parametrize("rate", [0.05, 0.2, 0.9])
def test_simulated_chances_have_the_mean_that_coverage_is_judged_by(chances: coverage.Chances, rate: float) -> None:
    quantiles = chances.quantiles(rate)
    assert quantiles.mean() == pytest.approx(rate, rel=0.02)
    assert ((quantiles >= 0) & (quantiles <= 1)).all()
    pair = coverage.Pair(40, coverage.UNEQUAL, chances, rate, rate / 2 if rate < 0.5 else (1 + rate) / 2, 0.8, 0.5)
    drawn, truth = pair.draw(np.random.default_rng(0), 2000)
    assert np.abs(drawn).max() <= 1
    assert drawn.mean() == pytest.approx(truth, abs=5 * drawn.std() / np.sqrt(drawn.size))


def test_what_the_outcomes_allow_is_found_by_hand() -> None:
    # Ten yes-or-no tasks at .01: without any event .904, with one .996.
    means = np.repeat([0.0, 0.1, 0.2], [9044, 914, 42])
    assert coverage.attainable(means) == pytest.approx(0.9044) or coverage.attainable(means) == pytest.approx(0.9958)
    # Four signs cannot make p < .05; of five only all alike can, which has a chance of 1/16.
    assert coverage.attainable_null(np.array([4, 4])) == 1
    assert coverage.attainable_null(np.array([5])) == pytest.approx(15 / 16)
