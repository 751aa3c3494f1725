"""The rollout engine keeps what it sampled exactly, whatever runs beside it."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import bao
from bao.action import Outcome
from bao.errors import ConfigError
from bao.gym import Gym
from bao.gyms.travel import Travel
from bao.models.engine import Engine, Limits, Request
from bao.policies.prompt import PromptForm, system_text
from bao.task import Task
from bao.train.batch import collate, score
from bao.trajectory import Fault, FaultError, StopReason
from tests.support.small_model import small_local

LOCAL = small_local()
TASKS = Travel.task_set("train", 12, (2, 3))


def engine(make_gym: Any = lambda: bao.make("travel"), **settings_: Any) -> Engine:
    limits = settings_.pop("limits", Limits(24, 300))
    return Engine(LOCAL.model, LOCAL.template, make_gym, limits=limits, form=PromptForm.BRIEF, **settings_)


def requests(seeds: list[int], group: int) -> list[Request]:
    return [Request(TASKS[i % len(TASKS)], seed * 31 + g, 0.1) for i, seed in enumerate(seeds) for g in range(group)]


@settings(max_examples=12)
@given(
    seeds=st.lists(st.integers(0, 10**6), min_size=1, max_size=5),
    group=st.integers(1, 4),
    rows=st.integers(1, 16),
    temperature=st.sampled_from([0.0, 0.7, 1.0]),
)
def test_kept_logprobs_agree_with_a_full_forward_pass_on_ragged_batches(
    seeds: list[int], group: int, rows: int, temperature: float
) -> None:
    trajectories = engine(rows=rows, temperature=temperature).run(requests(seeds, group))
    batch = collate([t.trace for t in trajectories if t.trace], LOCAL.template.pad_id)
    with torch.no_grad():
        for shared in (True, False):
            scored = score(LOCAL.model, batch, temperature or 1.0, share_prompt=shared)
            assert (scored.logprob - batch.sampled_logprob).abs().max() < 1e-4


def test_what_an_episode_samples_does_not_depend_on_its_neighbours() -> None:
    wanted = requests([3, 4, 5, 6], 3)
    together, few = engine(rows=64).run(wanted), engine(rows=2).run(wanted)
    alone = [engine().run([request])[0] for request in wanted]
    for a, b, c in zip(together, few, alone, strict=True):
        assert a.trace is not None
        assert b.trace is not None
        assert c.trace is not None
        assert a.trace.ids.tolist() == b.trace.ids.tolist() == c.trace.ids.tolist()


def test_every_sampled_token_has_its_turn_and_observations_have_none() -> None:
    for trajectory in engine().run(requests([1, 2, 3], 2)):
        trace = trajectory.trace
        assert trace is not None
        written = [int((trace.turn == k).sum()) for k in range(len(trajectory.turns))]
        assert written == [turn.tokens for turn in trajectory.turns]
        assert (trace.logprob[trace.turn < 0] == 0).all()
        assert (trace.logprob[trace.turn >= 0] < 0).all()


def test_text_of_a_turn_is_the_decoding_of_its_tokens() -> None:
    trajectory = engine().run(requests([9], 1))[0]
    trace = trajectory.trace
    assert trace is not None
    for k, turn in enumerate(trajectory.turns):
        parsed = bao.parse(LOCAL.template.turn_text(trace.ids[trace.turn == k].tolist()), Travel.kinds)
        assert (parsed.thinking, parsed.action, parsed.fault) == (turn.thinking, turn.action, turn.parse_fault)


def test_trajectory_limit_ends_the_episode_as_token_budget() -> None:
    for trajectory in engine(limits=Limits(24, 60)).run(requests([1, 2], 4)):
        assert trajectory.trace is not None
        assert len(trajectory.trace.ids) <= 60
        assert trajectory.stop in (StopReason.TOKEN_BUDGET, StopReason.FINISH)
    assert any(t.stop is StopReason.TOKEN_BUDGET for t in engine(limits=Limits(24, 60)).run(requests([1, 2], 4)))


def test_turn_limit_cuts_a_turn() -> None:
    trajectories = engine(limits=Limits(5, 200)).run(requests([1, 2], 2))
    assert max(turn.tokens for t in trajectories for turn in t.turns) == 5


def test_the_weights_version_is_recorded() -> None:
    trajectory = engine().run(requests([1], 1), weights_version=7)[0]
    assert trajectory.trace is not None
    assert trajectory.trace.weights_version == 7


def test_prompts_of_a_group_are_fed_once() -> None:
    eight = engine()
    gym = bao.make("travel")
    opening, _ = gym.reset(seed=0, options={"task": TASKS[0]})
    prompt = len(LOCAL.template.prompt_ids(system_text(gym, PromptForm.BRIEF, 0.1), opening))
    episodes = eight.run(requests([1], 8))
    fed = sum(int((t.trace.turn < 0).sum()) + len(t.turns) - 1 for t in episodes if t.trace)
    assert eight.stats.prefilled <= prompt + fed


class BrokenUser(Travel):
    """A travel gym whose tools are down on some tasks."""

    def begin(self, task: Task) -> str:
        if task.id == TASKS[1].id:
            raise FaultError(Fault.USER_UNAVAILABLE, "down")
        return super().begin(task)

    def on_none(self, content: str) -> Outcome:
        assert self.task is not None
        if self.task.id == TASKS[2].id:
            raise FaultError(Fault.USER_TIMEOUT)
        return super().on_none(content)


def test_a_fault_ends_its_own_episode_only_and_is_named() -> None:
    trajectories = engine(BrokenUser, rows=3).run(requests([1, 2, 3, 4], 2))
    faults = [t.fault for t in trajectories]
    assert faults[2:4] == [Fault.USER_UNAVAILABLE] * 2
    assert Fault.USER_TIMEOUT in faults[4:6]
    assert faults[:2] == [None] * 2
    assert faults[6:] == [None] * 2


def test_a_policy_whose_every_output_is_unparsable_is_played_to_its_end_and_counted() -> None:
    class Mute(Gym):
        name = "travel"
        kinds = frozenset({bao.ActionKind.FINISH})
        conventions = {"paper": frozenset()}  # noqa: RUF012

        def begin(self, task: Task) -> str:
            return "go"

        def instructions(self) -> str:
            return "go"

    trajectories = engine(lambda: Mute(horizon=4), limits=Limits(6, 500)).run(requests([1, 2, 3], 4))  # type: ignore[abstract]
    assert all(t.stop is StopReason.MAX_TURNS for t in trajectories if not any(u.parse_fault is None for u in t.turns))
    assert np.mean([turn.parse_fault is not None for t in trajectories for turn in t.turns]) > 0.9


def test_limits_beyond_the_models_positions_are_refused() -> None:
    with pytest.raises(ConfigError, match="trajectory_tokens"):
        engine(limits=Limits(24, 5000)).run(requests([1], 1))


def test_negative_temperature_is_refused() -> None:
    with pytest.raises(ConfigError, match="temperature"):
        engine(temperature=-1.0)
