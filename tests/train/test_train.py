"""Training: the warm start learns what it is shown, reinforcement repeats and resumes exactly, collapses are named."""

import copy
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bao.errors import ConfigError
from bao.gyms.registry import make
from bao.gyms.travel import Travel
from bao.models.engine import Limits, Request
from bao.models.local import LocalModel
from bao.policies.prompt import PromptForm
from bao.train.backends.local import Rollouts, Workers
from bao.train.batch import collate, score
from bao.train.collapse import Collapse, name_collapse
from bao.train.grpo import GRPOTrainer, make_group
from bao.train.objective import Example
from bao.train.settings import CreditSection, GRPOSection, SFTSection
from bao.train.sft import encode, train_sft
from bao.train.shaping import Shaping
from bao.train.tracking.metrics_log import SECONDS, read_metrics
from tests.small_model import WEIGHTS, small_local, travel_demonstrations

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


def trainer(out: Path, local: LocalModel | None = None, workers: Workers | None = None, **changes: Any) -> GRPOTrainer:
    local = local or small_local()
    reference = copy.deepcopy(local.model) if changes.get("kl") else None
    workers = workers or Workers(local.model, local.template, ROLLOUTS, reference=reference)
    return GRPOTrainer(workers, TASKS, GRPO.model_copy(update=changes), Shaping(), CreditSection(), seed=0, out=out)


def comparable(path: Path) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if not k.startswith(SECONDS)} for row in read_metrics(path)]


def test_only_the_agents_tokens_of_turns_that_are_no_slips_carry_loss() -> None:
    template = small_local().template
    for demonstration in travel_demonstrations(20):
        trace = encode(demonstration, template)
        for k, (text, _, loss) in enumerate(demonstration.turns):
            assert trace.ids[trace.turn == k].tolist() == (template.turn_ids(text) if loss else [])


def test_a_demonstration_is_encoded_as_the_conversation_that_the_chat_template_renders() -> None:
    template = small_local().template
    demonstration = travel_demonstrations(1)[0]
    trace = encode(demonstration, template)
    text = template.tokenizer.decode([*trace.prompt.tolist(), *trace.ids.tolist()])
    rendered = [{"role": "system", "content": demonstration.system}, {"role": "user", "content": demonstration.opening}]
    for agent, reply, _ in demonstration.turns[:-1]:
        rendered += [{"role": "assistant", "content": agent}, {"role": "user", "content": reply}]
    rendered.append({"role": "assistant", "content": demonstration.turns[-1][0]})
    whole = template.tokenizer.apply_chat_template(rendered, tokenize=False)
    assert whole.strip() == text.strip()


def test_warm_start_lowers_the_loss_on_demonstrations(tmp_path: Path) -> None:
    local = small_local()
    traces = [encode(d, local.template) for d in travel_demonstrations(64)]
    batch = collate(traces[:16], local.template.pad_id)
    with torch.no_grad():
        before = float(score(local.model, batch).logprob.mean())
    workers = Workers(local.model, local.template, None)
    train_sft(workers, traces, SFTSection(epochs=4, warmup=5, learning_rate=5e-3), 0, tmp_path)
    with torch.no_grad():
        after = float(score(local.model, batch).logprob.mean())
    assert after > before + 1.0
    assert [row["step"] for row in read_metrics(tmp_path / "metrics.jsonl")] == list(range(1, 33))


def test_two_runs_of_one_config_agree(tmp_path: Path) -> None:
    for name in ("a", "b"):
        trainer(tmp_path / name).train()
    first, second = comparable(tmp_path / "a" / "metrics.jsonl"), comparable(tmp_path / "b" / "metrics.jsonl")
    assert len(first) == 3
    assert first == second


def test_a_resumed_run_gives_the_metrics_of_one_left_alone(tmp_path: Path) -> None:
    trainer(tmp_path / "whole").train()

    def stop(done: int, whole: int, metrics: dict[str, float]) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path / "half").train(report=stop)
    trainer(tmp_path / "half").train()
    assert comparable(tmp_path / "half" / "metrics.jsonl") == comparable(tmp_path / "whole" / "metrics.jsonl")


def test_a_resumed_warm_start_gives_the_metrics_of_one_left_alone(tmp_path: Path) -> None:
    settings = SFTSection(epochs=1, warmup=5, batch_size=1)

    def warm_start(name: str, last: int) -> None:
        local = small_local()
        traces = [encode(d, local.template) for d in travel_demonstrations(105)]

        def stop(done: int, whole: int, metrics: dict[str, float]) -> None:
            if done == last:
                raise KeyboardInterrupt

        train_sft(Workers(local.model, local.template, None), traces, settings, 0, tmp_path / name, stop)

    warm_start("whole", 1000)
    with pytest.raises(KeyboardInterrupt):
        warm_start("half", 103)
    assert len(read_metrics(tmp_path / "half" / "metrics.jsonl")) == 103
    warm_start("half", 1000)
    assert comparable(tmp_path / "half" / "metrics.jsonl") == comparable(tmp_path / "whole" / "metrics.jsonl")


@pytest.mark.slow
def test_what_is_played_and_learned_does_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    gradients, texts = [], []
    for count in (1, 2):
        local = small_local()
        with Workers(local.model, local.template, ROLLOUTS, count=count) as workers:
            learner = trainer(tmp_path / str(count), local, workers)
            rng = np.random.default_rng(0)
            groups, _ = learner.sample(rng)
            texts.append([trajectory.turns for group in groups for trajectory in group.trajectories])
            examples = [[Example(trace, rng.normal(size=6)) for trace in group.traces] for group in groups]
            workers.accumulate(learner.objective, examples, 100)
            gradients.append(torch.cat([parameter.grad.flatten() for parameter in local.model.parameters()]))
    assert texts[0] == texts[1]
    assert gradients[0].norm() > 0
    assert (gradients[0] - gradients[1]).norm() <= 1e-4 * gradients[0].norm()


@pytest.mark.slow
def test_an_error_in_a_worker_is_raised_as_what_it_is() -> None:
    local = small_local()
    broken = Rollouts(partial(make, "travel", horizon=0), Limits(20, 150))
    with (
        Workers(local.model, local.template, broken, count=2) as workers,
        pytest.raises(ConfigError, match="horizon=0 must be at least 1 turn"),
    ):
        workers.rollout([Request(TASKS[0], 1), Request(TASKS[1], 2)])


@pytest.mark.slow
def test_a_run_killed_with_sigkill_and_resumed_gives_the_metrics_of_one_left_alone(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.test_train import trainer; "
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


def test_stale_rollouts_are_never_trained_on(tmp_path: Path) -> None:
    learner = trainer(tmp_path)
    rng = np.random.default_rng(0)
    groups, _ = learner.sample(rng)
    learner.step_count += 1
    with pytest.raises(RuntimeError, match="stale"):
        learner._update(groups, rng)


def test_groups_are_never_mixed() -> None:
    local = small_local()
    mixed = Workers(local.model, local.template, ROLLOUTS).rollout([Request(TASKS[0], 1, 0.1), Request(TASKS[1], 2, 0.1)])
    with pytest.raises(ValueError, match="group"):
        make_group(TASKS[0], 0.1, mixed, Shaping(), CreditSection())


def test_several_weights_need_a_policy_that_is_told_them(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"grpo\.conditioned"):
        trainer(tmp_path, conditioned=False)


def test_kl_and_entropy_terms_move_the_gradient(tmp_path: Path) -> None:
    plain, regular = trainer(tmp_path / "a", steps=1), trainer(tmp_path / "b", steps=1, kl=0.1, entropy=0.01)
    plain.train()
    regular.train()
    pairs = zip(plain.model.parameters(), regular.model.parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in pairs)


def row(**values: float) -> dict[str, float]:
    return {"unparsable": 0.0, "answered": 1.0, "zero_variance": 0.2, "score": 0.8, **values}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([row()] * 5, None),
        ([row(answered=0.02)] * 3, Collapse.SILENCE),
        ([row(answered=0.02)] * 2, None),
        ([row(unparsable=0.9, answered=0.0)] * 3, Collapse.BABBLE),
        ([row(zero_variance=1.0, score=0.1)] * 3, Collapse.FROZEN),
        ([row(zero_variance=1.0, score=0.99)] * 3, None),
    ],
)
def test_a_collapse_is_named_once_three_steps_agree(rows: list[dict[str, float]], expected: Collapse | None) -> None:
    assert name_collapse(rows) == expected


def test_a_collapse_is_told_while_training(tmp_path: Path) -> None:
    """An untrained model babbles from the first step: the log must say so, by name and with advice."""
    told: list[str] = []
    trainer(tmp_path).train(warn=told.append)
    assert len(told) == 1
    assert "babble" in told[0]
    assert "learning_rate" in told[0]
