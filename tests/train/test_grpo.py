"""Reinforcement draws what it says, repeats and resumes exactly, refuses stale rollouts, and names a collapse."""

import copy
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bao.action import Action, ParseFault
from bao.errors import ConfigError
from bao.gyms.registry import make
from bao.gyms.travel import Travel
from bao.models.workers import Rollouts, Workers
from bao.policies.prompt import PromptForm
from bao.rollout.request import Limits, Request
from bao.train.backend import Backend
from bao.train.backends.local import LocalBackend
from bao.train.groups import group_metrics, make_group
from bao.train.grpo import GRPOTrainer
from bao.train.settings import CreditSection, GRPOSection
from bao.train.shaping import Shaping
from bao.train.told import draw_told
from bao.train.tracking.metrics_log import SECONDS, read_metrics
from bao.trajectory import Fault, StopReason, Trajectory, Turn
from tests.support.small_model import WEIGHTS, asking_local, small_local
from tests.train.fake_backend import FakeBackend

GRPO = GRPOSection(
    steps=3,
    groups=3,
    group_size=3,
    tasks=20,
    effort_weights=WEIGHTS,
    turn_tokens=20,
    trajectory_tokens=150,
    rows=16,
    checkpoint_every=1,
    learning_rate=1e-3,
)
TASKS = Travel.task_set("train", 20, (2,))
ROLLOUTS = Rollouts(partial(make, "travel", horizon=6), Limits(20, 150), rows=16, form=PromptForm.BRIEF, policy="training")


def trainer(out: Path, backend: Backend | None = None, **changes: Any) -> GRPOTrainer:
    settings = GRPO.model_copy(update=changes)
    if backend is None:
        local = small_local()
        reference = copy.deepcopy(local.model) if settings.kl else None
        backend = LocalBackend(Workers(local.model, local.template, ROLLOUTS, reference=reference), settings)
    return GRPOTrainer(backend, TASKS, settings, Shaping(), CreditSection(), seed=0, out=out)


def comparable(path: Path) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if not k.startswith(SECONDS)} for row in read_metrics(path)]


def drawn(backend: FakeBackend) -> list[tuple[str, float | None]]:
    """The task and the weight of each group, in order; a group's requests must agree on both."""
    groups = []
    for requests in backend.sampled:
        for i in range(0, len(requests), GRPO.group_size):
            ((task, weight),) = {(each.task.id, each.effort_weight) for each in requests[i : i + GRPO.group_size]}
            groups.append((task, weight))
    return groups


def test_each_pass_draws_every_task_once_and_the_weights_in_equal_shares(tmp_path: Path) -> None:
    backend = FakeBackend()
    trainer(tmp_path, backend, steps=10, groups=4).train()
    groups = drawn(backend)
    for begin in (0, 20):
        assert sorted(task for task, _ in groups[begin : begin + 20]) == sorted(task.id for task in TASKS)
    assert [task for task, _ in groups[:20]] != [task for task, _ in groups[20:]]
    for step in range(10):
        assert Counter(weight for _, weight in groups[4 * step : 4 * step + 4]) == {0.0: 2, 0.1: 2}
    assert len({each.seed for requests in backend.sampled for each in requests}) == 120


def test_a_policy_that_is_not_conditioned_gets_no_weight(tmp_path: Path) -> None:
    backend = FakeBackend()
    trainer(tmp_path, backend, steps=1, conditioned=False, effort_weights=(0.1,)).train()
    assert {weight for _, weight in drawn(backend)} == {None}


def test_each_group_draws_a_weight_or_a_budget_and_is_told_nothing_else(tmp_path: Path) -> None:
    backend = FakeBackend()
    trainer(tmp_path, backend, steps=6, groups=4, budgets=(0, 2)).train()
    for requests in backend.sampled:
        groups = [requests[i : i + GRPO.group_size] for i in range(0, len(requests), GRPO.group_size)]
        told = [{(each.effort_weight, each.budget) for each in members} for members in groups]
        assert sorted(map(str, told)) == sorted(map(str, [{(0.0, None)}, {(0.1, None)}, {(None, 0)}, {(None, 2)}]))
    row = read_metrics(tmp_path / "metrics.jsonl")[-1]
    assert {"user_effort/w=0", "user_effort/w=0.1", "user_effort/b=0", "user_effort/b=2", "within_budget"} <= set(row)


def test_without_budgets_the_weights_are_drawn_as_a_permutation_of_them() -> None:
    for seed in range(20):
        expected = np.resize(np.random.default_rng(seed).permutation(WEIGHTS), 5).tolist()
        rng = np.random.default_rng(seed)
        drawn_now = draw_told(GRPO.model_copy(update={"groups": 5}), rng)
        assert [each.price for each in drawn_now] == expected
        after = np.random.default_rng(seed)
        after.permutation(WEIGHTS)
        assert rng.integers(2**31) == after.integers(2**31)


def test_a_group_with_a_budget_is_paid_its_return_less_a_task_for_each_turn_beyond(tmp_path: Path) -> None:
    def played(seed: int, asks: int, reward: float) -> Trajectory:
        asking = [Turn("", Action("action", "x"), "", 0.0, True)] * asks
        turns = (*asking, Turn("", Action("search", "x"), "", reward, False))
        return Trajectory("travel", TASKS[0].id, "p", seed, "go", turns, StopReason.FINISH, False, 16, budget=1)

    group = make_group(TASKS[0], 0.0, [played(0, 1, 0.5), played(1, 3, 1.0)], Shaping(is_coefficient=0.0), CreditSection())
    assert group is not None
    assert group.budget == 1
    assert [each.rewards.sum() for each in group.shaped] == [0.5, 1.0 - 2.0]
    metrics = group_metrics([group])
    assert (metrics["user_effort/b=1"], metrics["score/b=1"], metrics["within_budget"]) == (2.0, 0.75, 0.5)
    assert not [name for name in metrics if "/w=" in name]


def test_a_policy_that_is_told_nothing_knows_no_budget() -> None:
    with pytest.raises(ValueError, match=r"budgets=\[2\] with conditioned=false"):
        GRPOSection(budgets=(2,), conditioned=False)


def test_a_step_updates_once_a_minibatch_at_the_rate_of_its_line(tmp_path: Path) -> None:
    backend = FakeBackend()
    trainer(tmp_path, backend, steps=4, groups=4, minibatches=2, warmup=2, final_learning_rate=0.2).train()
    assert [len(update) for update in backend.learned] == [2] * 8
    assert backend.rates == pytest.approx([1e-3 * share for share in (0.5, 0.5, 0.8, 0.8, 0.6, 0.6, 0.4, 0.4)])
    assert backend.version == 8


@pytest.mark.parametrize(("changes", "updates"), [({}, 0), ({"kl": 0.1}, 2), ({"entropy": 0.1}, 2)])
def test_groups_without_variance_are_forwarded_only_where_another_term_needs_them(
    tmp_path: Path, changes: dict[str, float], updates: int
) -> None:
    backend = FakeBackend(reward=0.5)
    trainer(tmp_path, backend, steps=1, **changes).train()
    assert len(backend.learned) == len(backend.rates) == updates


def test_a_resumed_run_goes_on_at_the_step_after_its_checkpoint(tmp_path: Path) -> None:
    whole, first, second = FakeBackend(), FakeBackend(), FakeBackend()
    trainer(tmp_path / "whole", whole, steps=6).train()

    def stop(done: int, total: int, metrics: Any) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path / "half", first, steps=6, checkpoint_every=2).train(stop)
    trainer(tmp_path / "half", second, steps=6, checkpoint_every=2).train()
    assert first.sampled == whole.sampled[:3]
    assert second.sampled == whole.sampled[2:]
    assert second.version == whole.version == 6 * GRPO.minibatches
    assert comparable(tmp_path / "half" / "metrics.jsonl") == comparable(tmp_path / "whole" / "metrics.jsonl")


def test_a_checkpoint_without_a_version_goes_on_too(tmp_path: Path) -> None:
    """Those of earlier releases hold none."""
    trainer(tmp_path, FakeBackend(), steps=2).train()
    state = tmp_path / "checkpoints" / "step-000001" / "state.json"
    state.write_text(json.dumps({k: v for k, v in json.loads(state.read_text()).items() if k != "version"}))
    resumed = FakeBackend()
    trainer(tmp_path, resumed, steps=2).train()
    assert resumed.version == 3


def test_stale_rollouts_are_never_trained_on(tmp_path: Path) -> None:
    backend = FakeBackend(lag=1)
    with pytest.raises(RuntimeError, match="stale"):
        trainer(tmp_path, backend).train()
    assert backend.learned == []


def test_a_step_whose_episodes_all_break_ends_training(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="fault"):
        trainer(tmp_path, FakeBackend(fault=Fault.USER_UNAVAILABLE)).train()


def test_a_resumed_run_gives_the_metrics_of_one_left_alone(tmp_path: Path) -> None:
    trainer(tmp_path / "whole").train()

    def stop(done: int, whole: int, metrics: dict[str, float]) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path / "half").train(report=stop)
    trainer(tmp_path / "half").train()
    assert comparable(tmp_path / "half" / "metrics.jsonl") == comparable(tmp_path / "whole" / "metrics.jsonl")


@pytest.mark.slow
def test_a_run_killed_with_sigkill_and_resumed_gives_the_metrics_of_one_left_alone(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.train.test_grpo import trainer; "
        "trainer(Path(sys.argv[1]), steps=8).train(); print('done')"
    )

    def start(name: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / name)], cwd=Path(__file__).parents[2], env=environment
        )

    assert start("whole").wait(300) == 0
    killed = start("killed")
    metrics = tmp_path / "killed" / "metrics.jsonl"
    deadline = time.monotonic() + 300
    while len(read_metrics(metrics)) < 3 and time.monotonic() < deadline and killed.poll() is None:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait(60)
    assert 3 <= len(read_metrics(metrics)) < 8
    assert start("killed").wait(300) == 0
    assert comparable(metrics) == comparable(tmp_path / "whole" / "metrics.jsonl")
    assert len(comparable(metrics)) == 8


def test_metrics_name_every_penalty_and_stop_reason(tmp_path: Path) -> None:
    trainer(tmp_path, steps=1).train()
    row = json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[0])
    for name in ("reward", "user_effort", "entropy", "kl_to_sampler", "zero_variance", "unparsable", "grad_norm"):
        assert np.isfinite(row[name])
    assert {"penalty/information_seeking", "penalty/over_thinking", "penalty/unparsable"} <= set(row)
    assert sum(value for name, value in row.items() if name.startswith("stop/")) == pytest.approx(1.0)
    assert any((tmp_path / "tensorboard").iterdir())


def test_groups_are_never_mixed() -> None:
    mixed = FakeBackend().sample([Request(TASKS[0], 1, 0.1), Request(TASKS[1], 2, 0.1)])
    with pytest.raises(ValueError, match="group"):
        make_group(TASKS[0], 0.1, mixed, Shaping(), CreditSection())


def test_several_weights_need_a_policy_that_is_told_them() -> None:
    with pytest.raises(ValueError, match="a policy that is told none needs a single one"):
        GRPOSection(effort_weights=(0.0, 0.2), conditioned=False)
    assert GRPOSection(effort_weights=(0.1,), conditioned=False).weights == (0.1,)


def test_kl_and_entropy_terms_move_the_gradient(tmp_path: Path) -> None:
    plain, regular = trainer(tmp_path / "a", steps=1), trainer(tmp_path / "b", steps=1, kl=0.1, entropy=0.01)
    plain.train()
    regular.train()
    pairs = zip(plain.backend.model.parameters(), regular.backend.model.parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in pairs)


def test_a_collapse_is_warned_of_once_by_name_and_with_advice(tmp_path: Path) -> None:
    warnings: list[str] = []
    trainer(tmp_path, FakeBackend(unreadable=ParseFault.NO_ACTION), steps=5).train(warn=warnings.append)
    assert len(warnings) == 1
    assert "step 3: " in warnings[0]
    assert "babble" in warnings[0]
    assert "learning_rate" in warnings[0]


def test_what_queries_told_is_found_out_where_the_shaping_asks_for_it(tmp_path: Path) -> None:
    local = asking_local()
    for name, coefficient in (("off", 0.0), ("on", 0.05)):
        backend = LocalBackend(Workers(copy.deepcopy(local.model), local.template, ROLLOUTS), GRPO)
        shaping, out = Shaping(ig_coefficient=coefficient), tmp_path / name
        settings = GRPO.model_copy(update={"steps": 1})
        GRPOTrainer(backend, TASKS, settings, shaping, CreditSection(), seed=0, out=out, listener=make("travel")).train()
        (row,) = read_metrics(out / "metrics.jsonl")
        # It asks the same again and again, which tells nothing.
        assert (row["penalty/information_gain"] > 0.5) is (coefficient > 0)
        assert (SECONDS + "information" in row) is (coefficient > 0)
        assert row["repeated_questions"] > 0


@pytest.mark.parametrize(("gym", "named"), [(None, "none"), ("turtle", "turtle")])
def test_a_gym_that_knows_nothing_of_information_is_refused_where_it_is_needed(
    gym: str | None, named: str, tmp_path: Path
) -> None:
    listener = make(gym) if gym else None
    with pytest.raises(ConfigError, match=f"shaping.information_gain needs a gym .*, and {named} as set does not: choose"):
        GRPOTrainer(
            FakeBackend(), TASKS, GRPO, Shaping(ig_coefficient=0.1), CreditSection(), seed=0, out=tmp_path, listener=listener
        )
