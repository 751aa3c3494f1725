"""A run into a folder: killed, stopped or spread over processes, it ends with the same rows; faults are named, never scored."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

from bao.action import Parsed
from bao.errors import ConfigError, RunError
from bao.gyms.travel import Travel
from bao.rollout.executors.base import ExecutionSettings
from bao.rollout.failures import FailurePolicy, Failures, FaultsError
from bao.rollout.gate import AdaptiveLimit, Gate
from bao.rollout.plan import Plan, tasks_digest
from bao.rollout.runner import LOG, discard_log, run
from bao.storage.episodes import read_episodes
from bao.storage.log import scan
from bao.trajectory import Fault, FaultError, StopReason, Trajectory
from tests.support.runner_gym import Broken, Deadly, Failing, Slow, Wanderer, plan
from tests.support.stub_agent import speaking
from tests.support.stub_endpoint import Kind, StubEndpoint

ROOT = Path(__file__).parents[2]


def played(
    out: Path, of: Plan, running: ExecutionSettings | None = None, update: Callable[..., None] = lambda *_: None
) -> list[Trajectory]:
    run(of, out, out / "episodes.parquet", running or ExecutionSettings(), update)
    return rows(out / "episodes.parquet")


def rows(path: Path) -> list[Trajectory]:
    """What must not differ: all but the measured times."""
    return [replace(episode, seconds=0) for episode in read_episodes(path)]


def untimed(summary: Path) -> dict[str, Any]:
    """Likewise of a summary."""
    values: dict[str, Any] = json.loads(summary.read_text())
    assert values.pop("seconds")["mean"] > 0
    assert values.pop("seconds_per_turn")["mean"] > 0
    return values


class EnoughError(Exception):
    pass


def after(count: int) -> Callable[..., None]:
    """Stops a run once so many episodes are there."""

    def update(done: int, whole: int, metrics: Any) -> None:
        if done >= count:
            raise EnoughError

    return update


# The log.


def test_keys_tell_apart_whatever_can_change_an_episode() -> None:
    base = plan(gym={"name": "travel", "horizon": 16}, version=1)
    first = Travel.task_set("test", 6).tasks
    changed = replace(first[0], data={**first[0].data, "more": 1})
    others = [
        plan(gym={"name": "travel", "horizon": 9}, version=1),
        plan(gym={"name": "travel", "horizon": 16}, version=2),
        replace(base, tasks=(changed, *first[1:])),
        replace(base, seeds=(7,)),
    ]
    keys = [base.key(number) for number in range(len(base))] + [other.key(0) for other in others]
    assert len(set(keys)) == len(keys) == 28
    assert base.key(5) == plan(gym={"name": "travel", "horizon": 16}, version=1).key(5)
    assert tasks_digest(first) != tasks_digest((changed, *first[1:])) != tasks_digest(first[1:])


# One process.


def test_a_run_gives_every_task_under_every_seed_in_order_however_many_play_at_once(tmp_path: Path) -> None:
    one = played(tmp_path / "one", plan())
    assert [(each.seed, each.task_id) for each in one] == [(s, t.id) for s in range(4) for t in plan().tasks]
    assert played(tmp_path / "eight", plan(), ExecutionSettings(8)) == one
    assert len({each.turns for each in one}) > 12


def test_a_run_that_was_stopped_goes_on_and_plays_nothing_twice(tmp_path: Path) -> None:
    expected = played(tmp_path / "whole", plan())
    with pytest.raises(EnoughError):
        played(tmp_path / "out", plan(), update=after(7))
    kept = len(list(scan(tmp_path / "out" / LOG)))
    assert 7 <= kept < 24
    counts: list[int] = []
    assert played(tmp_path / "out", plan(), update=lambda done, *_: counts.append(done)) == expected
    assert (counts[0], counts[-1]) == (kept, 24)
    assert len(list(scan(tmp_path / "out" / LOG))) == 24
    discard_log(tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["episodes.parquet"]


def test_nothing_of_another_plan_is_reused(tmp_path: Path) -> None:
    with pytest.raises(EnoughError):
        played(tmp_path, plan(), update=after(3))
    with pytest.raises(ConfigError, match="another configuration"):
        played(tmp_path, plan(version=2))


def test_two_processes_do_not_work_on_one_folder(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from tests.rollout.test_runner import *; played(Path(sys.argv[1]), plan())"

    def second(*_: Any) -> None:
        done = subprocess.run(
            [sys.executable, "-c", code, tmp_path], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
        )
        assert "another process is at work" in done.stderr
        raise EnoughError

    with pytest.raises(EnoughError):
        played(tmp_path, plan(), update=second)
    assert len(played(tmp_path, plan())) == 24


# Faults.


def test_faults_are_left_out_and_counted_under_retry(tmp_path: Path) -> None:
    counts = run(plan(Failing), tmp_path, tmp_path / "e.parquet", ExecutionSettings(4), lambda *_: None)
    episodes = rows(tmp_path / "e.parquet")
    faulty = [each for each in episodes if each.fault is not None]
    assert counts == {"policy_unavailable": len(faulty)}
    assert 0 < len(faulty) < len(episodes) == 24
    assert {(each.stop, each.success, each.fault_detail) for each in faulty} == {(StopReason.FAULT, False, "no agent today")}


def test_what_ended_in_a_fault_is_played_again_when_the_run_goes_on(tmp_path: Path) -> None:
    played(tmp_path, plan(Failing))
    healed = played(tmp_path, plan(Wanderer))
    assert all(each.fault is None for each in healed)
    assert healed == played(tmp_path / "fresh", plan(Wanderer))


def test_fail_fast_stops_at_the_first_fault_and_keeps_the_rest(tmp_path: Path) -> None:
    with pytest.raises(FaultsError, match=r"task '.+' under seed \d ended in a fault \(policy_unavailable: no agent today\)"):
        played(tmp_path, plan(Failing), ExecutionSettings(failures=FailurePolicy(Failures.FAIL_FAST)))
    kept = list(scan(tmp_path / LOG))
    assert sum(record.fault is not None for record in kept) >= 1
    assert len(kept) < 24
    assert issubclass(FaultsError, RunError)


@pytest.mark.parametrize(("least", "stops"), [(0.95, True), (0.05, False)])
def test_minimum_viable_goes_on_while_enough_is_healthy(least: float, stops: bool, tmp_path: Path) -> None:
    running = ExecutionSettings(2, failures=FailurePolicy(Failures.MINIMUM_VIABLE, 0, least))
    of = plan(Failing, tasks=10, seeds=10)
    if not stops:
        assert len(played(tmp_path, of, running)) == 100
        return
    with pytest.raises(FaultsError, match=r"\d+ of 2\d episodes ended in a fault .*minimum_healthy=0.95"):
        played(tmp_path, of, running)


class Flaky(Wanderer):
    """Breaks at the first two tries of everything."""

    tries = 0

    def begin(self, system: str, opening: str) -> None:
        Flaky.tries += 1

    def act(self, observation: str) -> Parsed:
        if Flaky.tries <= 2:
            raise FaultError(Fault.POLICY_TIMEOUT)
        return super().act(observation)


@pytest.mark.parametrize(("retries", "fault"), [(1, Fault.POLICY_TIMEOUT), (2, None)])
def test_an_episode_gets_so_many_further_tries(retries: int, fault: Fault | None, tmp_path: Path) -> None:
    Flaky.tries = 0
    (episode,) = played(tmp_path, plan(Flaky, 1, 1), ExecutionSettings(failures=FailurePolicy(retries=retries)))
    assert (episode.fault, Flaky.tries) == (fault, retries + 1)


class Hanging(Wanderer):
    """Never answers for a third of the seeds."""

    ends = Event()

    def __init__(self, gym: Any, seed: int) -> None:
        super().__init__(gym, seed)
        self._hangs = seed % 3 == 0

    def act(self, observation: str) -> Parsed:
        if self._hangs:
            Hanging.ends.wait(60)
        return super().act(observation)


def test_an_episode_that_never_answers_is_left_behind_and_the_others_go_on(tmp_path: Path) -> None:
    of = plan(Hanging)
    hanging = [number for number in range(24) if of[number].policy_seed % 3 == 0]
    running = ExecutionSettings(2, failures=FailurePolicy(retries=0), episode_timeout=1.0)
    try:
        episodes = played(tmp_path, of, running)
    finally:
        Hanging.ends.set()
    assert [number for number, each in enumerate(episodes) if each.fault == Fault.EPISODE_TIMEOUT] == hanging != []
    assert {each.fault for each in episodes} == {None, Fault.EPISODE_TIMEOUT}
    assert "episode_timeout=1" in episodes[hanging[0]].fault_detail


def test_an_episode_that_is_slow_ends_between_two_turns_with_its_turns_kept(tmp_path: Path) -> None:
    class Pausing(Wanderer):
        def act(self, observation: str) -> Parsed:
            time.sleep(0.15)
            return Parsed("", super().act("").action._replace(kind="search", content="history"), None)

    (episode,) = played(
        tmp_path, plan(Pausing, 1, 1), ExecutionSettings(failures=FailurePolicy(retries=0), episode_timeout=0.4)
    )
    assert episode.fault == Fault.EPISODE_TIMEOUT
    assert 1 <= len(episode.turns) <= 3


# How many at once.


def test_pushback_halves_the_limit_once_and_quiet_raises_it_step_by_step() -> None:
    limit = AdaptiveLimit(32)
    assert limit.update(0, 0.0) == 32
    assert limit.update(5, 0.1) == 16
    assert limit.update(9, 0.5) == 16  # still the answers to what was sent before
    assert limit.update(10, 1.2) == 8
    assert [limit.update(10, 2.3 + second) for second in range(14)] == [10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 32, 32]
    assert [limit.update(20 + second, 20.0 + 2 * second) for second in range(7)] == [16, 8, 4, 2, 1, 1, 1]


def test_what_an_endpoint_said_before_a_run_does_not_slow_it() -> None:
    limit = AdaptiveLimit(32, pushbacks=7)
    assert limit.update(7, 0.0) == 32
    assert limit.update(8, 0.1) == 16


def test_who_is_not_wanted_any_more_does_not_wait_for_room() -> None:
    gate = Gate(1)
    assert gate.enter(lambda: True)
    assert not gate.enter(lambda: False)
    gate.leave()
    assert gate.enter(lambda: False)


# Several processes.


def test_processes_give_what_one_gives(tmp_path: Path) -> None:
    expected = played(tmp_path / "one", plan(Slow))
    assert played(tmp_path / "two", plan(Slow), ExecutionSettings(6, workers=2)) == expected
    assert len(list((tmp_path / "two" / LOG).glob("*.log"))) == 2


def test_a_worker_that_dies_is_replaced_and_its_episodes_are_redone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAO_TEST_DEADLY", str(tmp_path))
    expected = played(tmp_path / "one", plan(Deadly))
    for name in ("first", "second"):
        (tmp_path / name).touch()
    assert played(tmp_path / "two", plan(Deadly), ExecutionSettings(4, workers=2)) == expected
    assert not (tmp_path / "first").exists()
    assert not (tmp_path / "second").exists()
    assert len(list((tmp_path / "two" / LOG).glob("*.log"))) >= 3  # both at once may kill the same process


def test_an_error_in_a_worker_is_raised_here(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="in the agent's code"):
        played(tmp_path, plan(Broken), ExecutionSettings(4, workers=2))


# The command, killed and stopped.


def command(stub: StubEndpoint, out: Path, *more: str) -> list[str]:
    code = "from bao.cli import main; main()"
    policy = ("eval", f"openai:stub@{stub.base_url}", "--gym", "travel", "--out", str(out), "--concurrency", "16")
    return [sys.executable, "-c", code, *policy, "--set", "agent.backoff=0.01", *more]


def started(*arguments: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "100"}
    return subprocess.Popen(arguments, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, error = process.communicate(timeout=240)
    return process.returncode, out, error


def wait_for_rows(out: Path, count: int, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 60
    while len(list(scan(out / LOG))) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_killed_five_times_a_run_ends_with_the_rows_of_one_that_was_not(workers: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(int(workers))
    sizes = ("--tasks", "100", "--rollouts", "3", "--workers", workers)
    with StubEndpoint(lambda messages: "", whole=speaking(), latency=0.02) as stub:
        assert ended(started(*command(stub, tmp_path / "whole", *sizes)))[0] == 0
        whole = len(stub.requests)
        counts = [0]
        for _ in range(5):
            process = started(*command(stub, tmp_path / "killed", *sizes))
            wait_for_rows(tmp_path / "killed", counts[-1] + 1, process)
            time.sleep(float(rng.uniform(0, 0.6)))
            process.send_signal(signal.SIGKILL)
            process.communicate()
            time.sleep(0.3)  # its workers notice
            counts.append(len({record.number for record in scan(tmp_path / "killed" / LOG)}))
        assert counts == sorted(set(counts))
        assert counts[-1] < 300
        assert ended(started(*command(stub, tmp_path / "killed", *sizes)))[0] == 0
        again = len(stub.requests) - whole
    assert rows(tmp_path / "killed" / "episodes.parquet") == rows(tmp_path / "whole" / "episodes.parquet")
    summaries = [untimed(tmp_path / name / "summary.json") for name in ("whole", "killed")]
    assert summaries[0] == summaries[1]
    assert not (tmp_path / "killed" / LOG).exists()
    assert again < 1.6 * whole  # what was in flight is lost each time, no more


def test_ctrl_c_keeps_what_finished_and_says_how_to_go_on(tmp_path: Path) -> None:
    with StubEndpoint(lambda messages: "", whole=speaking(), latency=0.05) as stub:
        for workers in ("1", "2"):
            out = tmp_path / workers
            process = started(*command(stub, out, "--tasks", "60", "--workers", workers))
            wait_for_rows(out, 5, process)
            start = time.monotonic()
            process.send_signal(signal.SIGINT)
            status, _, error = ended(process)
            assert time.monotonic() - start < 8
            assert (status, error) == (130, "stopped: what is done is kept, the same command goes on from there\n")
            assert 5 <= len({record.number for record in scan(out / LOG)}) < 60
            assert not (out / "episodes.parquet").exists()
        assert ended(started(*command(stub, tmp_path / "1", "--tasks", "60")))[0] == 0
    assert len(rows(tmp_path / "1" / "episodes.parquet")) == 60


def test_what_the_models_took_in_all_processes_is_told(tmp_path: Path) -> None:
    with StubEndpoint(lambda messages: "", whole=speaking()) as stub:
        status, said, error = ended(started(*command(stub, tmp_path, "--tasks", "12", "--workers", "2")))
        assert status == 0, error
        assert f"{stub.base_url}: {len(stub.requests)} requests (0 retries" in said


def test_other_settings_over_a_run_that_was_stopped_are_refused_by_name(tmp_path: Path) -> None:
    with StubEndpoint(lambda messages: "", whole=speaking(), latency=0.05) as stub:
        process = started(*command(stub, tmp_path, "--tasks", "60"))
        wait_for_rows(tmp_path, 5, process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        status, _, error = ended(started(*command(stub, tmp_path, "--tasks", "60", "--horizon", "9")))
    assert status == 2
    assert "gym.settings.horizon is not set there and 9 now" in error


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        (Kind.REFUSED, "policy_unavailable"),
        (Kind.RATE_LIMIT, "policy_unavailable"),
        (Kind.ERROR, "policy_unavailable"),
        (Kind.HANG, "policy_timeout"),
        (Kind.CUT_BODY, "policy_unavailable"),
        (Kind.HUGE, "policy_malformed"),
        (Kind.INVALID_UTF8, "policy_malformed"),
    ],
)
def test_faults_of_each_kind_are_counted_under_their_name_and_never_scored(
    kind: Kind, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAO_TEST_KEY", "sk-verysecretkey0123456789")
    settings = ("--set", "agent.timeout=0.5", "--set", "agent.attempts=1", "--retries", "0", "--api-key-env", "BAO_TEST_KEY")
    with StubEndpoint(lambda messages: "", whole=speaking()) as stub:
        assert ended(started(*command(stub, tmp_path / "clean", "--tasks", "40")))[0] == 0
    rate = 0.3 if kind == Kind.REFUSED else 0.05  # a kept connection that is dropped is tried anew at once, and is no fault
    with StubEndpoint(lambda messages: "", whole=speaking(), faults={kind: rate}, seed=3) as stub:
        status, _, error = ended(started(*command(stub, tmp_path / "rough", "--tasks", "40", *settings)))
        assert status == 0, error
        assert stub.drawn[kind] > 0
    clean, rough = (rows(tmp_path / name / "episodes.parquet") for name in ("clean", "rough"))
    faulty = [each for each in rough if each.fault is not None]
    assert {str(each.fault) for each in faulty} == {fault}
    assert len(rough) == 40
    for expected, episode in zip(clean, rough, strict=True):
        assert episode == expected or (episode.fault is not None and not episode.success)
    summary = json.loads((tmp_path / "rough" / "summary.json").read_text())
    assert {name: count for name, count in summary["faults"].items() if count} == {fault: len(faulty)}
    assert summary["episodes"] == 40 - len(faulty)
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"verysecret" not in path.read_bytes()
    assert "verysecret" not in error


@pytest.mark.slow
def test_an_endpoint_that_is_asked_too_much_is_asked_less(tmp_path: Path) -> None:
    refused: list[float] = []

    def busy(request: Any) -> tuple[int, str] | None:
        if stub._at_once <= 4:
            return None
        refused.append(time.monotonic())
        return 429, "slow down"

    with StubEndpoint(lambda messages: "", latency=0.05, whole=speaking(), refuses=busy) as stub:
        assert ended(started(*command(stub, tmp_path, "--tasks", "80", "--set", "agent.attempts=50")))[0] == 0
        sent = len(stub.requests)
    assert all(each.fault is None for each in rows(tmp_path / "episodes.parquet"))
    assert 0 < len(refused) < 0.25 * sent  # 16 at once all the time would have more than a third of them refused


@pytest.mark.slow
def test_a_dead_endpoint_ends_a_minimum_viable_run_with_a_clear_error(tmp_path: Path) -> None:
    with StubEndpoint(lambda messages: "", whole=speaking(), faults={Kind.ERROR: 1.0}) as stub:
        settings = ("--tasks", "60", "--failures", "minimum_viable", "--retries", "0", "--set", "agent.attempts=1")
        status, _, error = ended(started(*command(stub, tmp_path, *settings)))
    assert status == 1
    assert error.splitlines()[-1].startswith("error: 20 of 20 episodes ended in a fault (policy_unavailable 20;")
