"""A local model's evaluation keeps what is done and goes on with the rest, however it ended; faults are judged as elsewhere."""

import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bao.errors import ConfigError
from bao.evaluation.evaluate import evaluate
from bao.evaluation.results import EvaluationResult
from bao.evaluation.settings import EvaluationJob, EvaluationSection
from bao.gyms.section import GymSection, task_set
from bao.gyms.travel import Travel
from bao.models.local import load_local, save_local, weights_digest
from bao.models.settings import ModelSection
from bao.recipes.recipe import load_recipe
from bao.recipes.run import judge_model
from bao.reporting.terminal import TerminalProgress
from bao.rollout.batched import FolderRequests, run_batches
from bao.rollout.failures import FailurePolicy, Failures, FaultsError
from bao.rollout.request import OnEpisode, Request
from bao.rollout.runner import LOG
from bao.storage.episodes import read_episodes
from bao.storage.folder import LOG as LOG_FILE
from bao.storage.log import scan
from bao.train.tracking.metrics_log import read_metrics
from bao.trajectory import Fault, StopReason, TokenTrace, Trajectory
from tests.rollout.test_runner import ended, started, untimed
from tests.support.small_model import asking_local
from tests.support.stub_endpoint import Kind, Messages, StubEndpoint

TASKS = Travel.task_set("test", 5)
FILE = "episodes.parquet"
PYTHON = ("-c", "from bao.cli import main; main()")


def batch(weight: float | None = None, **settings: Any) -> FolderRequests:
    return FolderRequests([Request(task, seed, weight) for seed, task in enumerate(TASKS)], settings)


def episode(request: Request, fault: Fault | None = None) -> Trajectory:
    rng = np.random.default_rng(request.seed)
    logprob = rng.normal(size=6).astype(np.float32)
    trace = TokenTrace(np.arange(4, dtype=np.int32), np.arange(6, dtype=np.int32), np.zeros(6, np.int16), logprob)
    stop = StopReason.FINISH if fault is None else StopReason.FAULT
    return Trajectory(
        "travel",
        request.task.id,
        "fake",
        request.seed,
        "go",
        (),
        stop,
        False,
        4,
        effort_weight=request.effort_weight,
        fault=fault,
        fault_detail="why" if fault else "",
        trace=trace,
    )


class Playing:
    """Plays requests from the last to the first; may stop after some, and has some end in a fault."""

    def __init__(self, most: int = 1000, faulty: Callable[[Request], bool] = lambda request: False) -> None:
        self.most, self.faulty = most, faulty
        self.asked: list[Sequence[Request]] = []

    def __call__(self, requests: Sequence[Request], note: OnEpisode) -> None:
        self.asked.append(requests)
        for done, (place, request) in enumerate(reversed(list(enumerate(requests)))):
            if done == self.most:
                raise KeyboardInterrupt
            note(place, episode(request, Fault.USER_TIMEOUT if self.faulty(request) else None))


def run(batches: dict[Path, FolderRequests], play: Playing, failures: FailurePolicy | None = None) -> None:
    run_batches(batches, FILE, Travel(), play, failures or FailurePolicy(), lambda *_: None)


def test_what_was_stopped_goes_on_with_what_its_folders_lack_and_ends_with_the_same_rows(tmp_path: Path) -> None:
    of = {tmp_path / "a": batch(0.0), tmp_path / "b": batch(0.1)}
    stopped = Playing(most=7)
    with pytest.raises(KeyboardInterrupt):
        run(of, stopped)
    assert [len(list(scan(out / LOG))) for out in of] == [2, 5]
    rest = Playing()
    run(of, rest)
    assert [list(requests) for requests in rest.asked] == [list(of[tmp_path / "a"].requests[:3])]
    nothing = Playing()
    run(of, nothing)
    assert nothing.asked == []
    for out, each in of.items():
        found, expected = read_episodes(out / FILE), [episode(request) for request in each.requests]
        assert found == expected
        for one, other in zip(found, expected, strict=True):
            assert one.trace is not None
            assert other.trace is not None
            assert one.trace.logprob.tolist() == other.trace.logprob.tolist()
            assert one.trace.ids.tolist() == other.trace.ids.tolist()
            assert one.trace.prompt.tolist() == other.trace.prompt.tolist()


def test_what_ended_in_a_fault_is_played_again_when_the_run_goes_on(tmp_path: Path) -> None:
    of = {tmp_path: batch()}
    run(of, Playing(faulty=lambda request: request.seed == 3))
    assert [each.fault for each in read_episodes(tmp_path / FILE)] == [None] * 3 + [Fault.USER_TIMEOUT, None]
    healed = Playing()
    run(of, healed)
    assert [len(requests) for requests in healed.asked] == [1]
    assert {each.fault for each in read_episodes(tmp_path / FILE)} == {None}


def test_a_log_of_another_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run({tmp_path: batch(weights="one")}, Playing(most=1))
    with pytest.raises(ConfigError, match="of another configuration"):
        run({tmp_path: batch(weights="two")}, Playing())


def test_weights_that_changed_are_told_apart() -> None:
    model = asking_local().model
    before = weights_digest(model)
    assert weights_digest(model) == before
    with torch.no_grad():
        list(model.parameters())[-1].add_(1e-3)
    assert weights_digest(model) != before


def test_failure_policies_judge_as_elsewhere(tmp_path: Path) -> None:
    faulty = Playing(faulty=lambda request: request.seed != 4)
    with pytest.raises(FaultsError, match=r"under seed 3 ended in a fault \(user_timeout: why\)"):
        run({tmp_path: batch()}, faulty, FailurePolicy(Failures.FAIL_FAST))
    assert [record.fault for record in scan(tmp_path / LOG)] == [None, Fault.USER_TIMEOUT]
    with pytest.raises(FaultsError, match=r"4 of 5 episodes ended in a fault .*minimum_healthy=0.9"):
        run({tmp_path / "b": batch()}, faulty, FailurePolicy(Failures.MINIMUM_VIABLE))


# With a model of one's own, and one that plays the user.


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that asks for the area in every turn."""
    folder = tmp_path_factory.mktemp("asking") / "model"
    save_local(folder, asking_local())
    return folder


def nothing(messages: Messages) -> object:
    """A judge's reading: a question about something that the user has no wish for."""
    return {"about": "other"}


def gym(stub: StubEndpoint, **settings: Any) -> GymSection:
    llm = {"model": "stub", "base_url": stub.base_url, "backoff": 0.0, **settings}
    return GymSection(settings={"horizon": 3, "user": "llm", "llm": llm})


def judged(
    model: Path, stub: StubEndpoint, out: Path, llm: dict[str, Any] | None = None, tasks: int = 12, **settings: Any
) -> EvaluationResult:
    section = gym(stub, **(llm or {}))
    job = EvaluationJob(
        section,
        task_set(section, "test", tasks),
        EvaluationSection(**{"turn_tokens": 16, "trajectory_tokens": 200, "resamples": 100, **settings}),
        model=ModelSection(workers=1),
    )
    return evaluate(f"local:{model}", job, {0.1: out}, TerminalProgress())[0]


@pytest.mark.parametrize(("llm", "concurrency", "most"), [(64, None, 12), (5, None, 5), (64, 4, 4)])
def test_episodes_wait_for_the_users_model_together_up_to_the_ceiling(
    model: Path, tmp_path: Path, llm: int, concurrency: int | None, most: int
) -> None:
    with StubEndpoint(nothing, latency=0.1) as stub:
        found = judged(model, stub, tmp_path, {"concurrency": llm}, concurrency=concurrency)
        assert stub.most_at_once == most
        assert len(stub.requests) == 36
    assert found.summary["user_effort"]["mean"] == 3.0
    assert not (tmp_path / LOG).exists()


def test_an_episode_whose_user_breaks_is_tried_again_and_then_left_out(model: Path, tmp_path: Path) -> None:
    with StubEndpoint(nothing) as stub:
        expected = judged(model, stub, tmp_path / "clean").episodes()
    # A chance for every request and try: over 12 episodes with one try more, some break for good and others do not.
    with StubEndpoint(nothing, faults={Kind.ERROR: 0.5}, seed=1) as stub:
        judged(model, stub, tmp_path / "rough", {"attempts": 1}, retries=1)
        summary = EvaluationResult(tmp_path / "rough").summary
        lost = summary["faults"]["user_unavailable"]
        assert summary["episodes"] == 12 - lost
        assert 0 < lost < stub.drawn[Kind.ERROR]
        with pytest.raises(FaultsError, match="fail_fast stops at the first"):
            judged(model, stub, tmp_path / "fast", {"attempts": 1}, failures="fail_fast")
    rough = EvaluationResult(tmp_path / "rough").episodes()
    for one, other in zip(rough, expected, strict=True):
        assert one.fault is not None or replace(one, seconds=0.0) == replace(other, seconds=0.0)
    assert "user_unavailable" in (tmp_path / "rough" / LOG_FILE).read_text()


def test_a_users_model_that_hangs_costs_its_episode_and_no_more(model: Path, tmp_path: Path) -> None:
    with StubEndpoint(nothing, script=[Kind.HANG]) as stub:
        found = judged(model, stub, tmp_path, episode_timeout=2.0, retries=0)
    assert found.summary["faults"]["episode_timeout"] == 1
    assert found.summary["episodes"] == 11


@pytest.mark.parametrize(("settings", "named"), [({"workers": 2}, "--workers"), ({"ray": "auto"}, "--ray")])
def test_processes_for_who_is_asked_turn_by_turn_are_refused_with_what_to_do_instead(
    model: Path, tmp_path: Path, settings: dict[str, Any], named: str
) -> None:
    section = GymSection()
    job = EvaluationJob(section, task_set(section, "test", 2), EvaluationSection(**settings))
    with pytest.raises(ConfigError, match=rf"\({named}\).*leave it out.*model\.workers=N"):
        evaluate(f"local:{model}", job, {0.1: tmp_path / "out"}, TerminalProgress())
    assert not (tmp_path / "out").exists()


def test_a_recipe_whose_other_policies_are_shared_over_processes_judges_its_models_too(model: Path, tmp_path: Path) -> None:
    changes = ("evaluation.workers=2", "evaluation.tasks=2", "evaluation.effort_weights=[0.1]", "gym.settings.horizon=2")
    (found,) = judge_model(load_recipe("quickstart", changes), "sft", model, tmp_path, TerminalProgress())
    assert found.summary["episodes"] == 2


def command(model: Path, stub: StubEndpoint, out: Path, *more: str) -> list[str]:
    user = ("--user-model", f"stub@{stub.base_url}", "--horizon", "3", "--turn-tokens", "16", "--trajectory-tokens", "200")
    return [sys.executable, *PYTHON, "eval", f"local:{model}", "--effort-weight", "0.1", *user, "--out", str(out), *more]


@pytest.mark.slow
def test_killed_and_interrupted_a_local_evaluation_ends_as_one_that_was_not(model: Path, tmp_path: Path) -> None:
    sizes = ("--tasks", "30", "--rollouts", "2", "--concurrency", "6", "--temperature", "1")
    with StubEndpoint(nothing, latency=0.1) as stub:
        status, said, error = ended(started(*command(model, stub, tmp_path / "whole", *sizes)))
        assert status == 0, error
        whole = len(stub.requests)
        assert f"{whole} requests (0 retries" in said
        assert stub.most_at_once == 6
        counts = [0]
        for end in (signal.SIGKILL, signal.SIGINT, signal.SIGKILL):
            process = started(*command(model, stub, tmp_path / "killed", *sizes))
            deadline = time.monotonic() + 240
            while len(list(scan(tmp_path / "killed" / LOG))) <= counts[-1] + 4:
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.02)
            process.send_signal(end)
            process.communicate()
            assert process.returncode == (130 if end == signal.SIGINT else -signal.SIGKILL)
            counts.append(len({record.number for record in scan(tmp_path / "killed" / LOG)}))
        assert counts == sorted(set(counts))
        status, _, error = ended(started(*command(model, stub, tmp_path / "killed", *sizes)))
        assert status == 0, error
    found, expected = (
        [replace(each, seconds=0.0) for each in read_episodes(tmp_path / name / FILE)] for name in ("killed", "whole")
    )
    assert found == expected
    assert untimed(tmp_path / "killed" / "summary.json") == untimed(tmp_path / "whole" / "summary.json")


@pytest.mark.slow
def test_a_step_of_training_with_a_model_as_the_user_asks_it_for_many_episodes_at_once(model: Path, tmp_path: Path) -> None:
    sizes = (
        "gym.levels=[2]",
        "gym.settings.horizon=3",
        "gym.settings.user=llm",
        "grpo.steps=1",
        "grpo.groups=4",
        "grpo.group_size=4",
        "grpo.tasks=8",
        "grpo.turn_tokens=16",
        "grpo.trajectory_tokens=200",
        "model.workers=1",
        "grpo.effort_weights=[0.0]",
    )
    with StubEndpoint(nothing, latency=0.1) as stub:
        llm = f'gym.settings.llm={{model="stub", base_url="{stub.base_url}", concurrency=9}}'
        changes = [part for change in (*sizes, llm) for part in ("--set", change)]
        line = [sys.executable, *PYTHON, "train", "quickstart", "--start", str(model), "--out", str(tmp_path), *changes]
        status, _, error = ended(started(*line))
        assert status == 0, error
        assert stub.most_at_once == 9
    (row,) = read_metrics(tmp_path / "metrics.jsonl")
    assert row["faults"] == 0
    assert row["user_effort"] > 0
    assert weights_digest(load_local(tmp_path / "model").model) != weights_digest(load_local(model).model)
