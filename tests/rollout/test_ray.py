"""A run over a Ray cluster of real processes: the same rows, whatever is lost on the way; what is missing is named."""

import os
import signal
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from bao.errors import ConfigError, RunError
from bao.rollout.executors.base import ExecutionSettings
from bao.rollout.runner import LOG
from bao.storage.log import scan
from bao.trajectory import Trajectory
from tests.rollout.test_runner import played, rows
from tests.support.command_line import bao
from tests.support.ray_nodes import CannotStartError, Nodes, free_port
from tests.support.runner_gym import Broken, Fatal, Slow, Wanderer, plan

EPISODES = 240
SIZES = ("--tasks", "80", "--rollouts", "3")
AGENT = """
import os, time
from bao.gyms.travel import Travel
from bao.gyms.travel.agents import POLICIES

class Agent:
    def begin(self, system, opening):
        with open(os.path.join(os.path.dirname(__file__), "begun"), "ab") as begun:
            begun.write(b".")
        self._rule = POLICIES["ask_needed"](Travel(), 0)
        self._rule.begin(system, opening)

    def act(self, observation):
        time.sleep(0.1 if os.path.exists(os.path.join(os.path.dirname(__file__), "slow")) else 0.005)
        return self._rule.act(observation).action
"""
"""It leaves a byte for every episode that it begins, in any process, and is slow while a file ``slow`` lies beside it."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Nodes]:
    """A head, which each test gives the nodes that it wants; this process' variables are those that the cluster asks for."""
    if sys.platform == "win32":
        pytest.skip("a node is killed as a Unix session")
    nodes = Nodes()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in nodes.environment.items():
            patch.setenv(name, value)
        patch.delenv("RAY_ADDRESS", raising=False)
        try:
            pytest.importorskip("ray", reason="Ray is not installed: pip install 'bao-agents[ray]'")
            try:
                nodes.begin()
            except CannotStartError as error:
                pytest.skip(f"Ray does not start on this machine: {error}")
            yield nodes
        finally:
            nodes.close()
            assert not nodes.folder.exists()


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("agent") / "agent.py"
    path.write_text(AGENT)
    return path


@pytest.fixture(scope="module")
def expected(agent: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Trajectory]:
    """What the same command gives without Ray."""
    out = tmp_path_factory.mktemp("one")
    assert bao("eval", f"{agent}:Agent", "--out", out, *SIZES, "--concurrency", "16") == 0
    return rows(out / "episodes.parquet")


def slow(agent: Path, wanted: bool = True) -> None:
    """While it is, a run takes half a minute at least, so that it does not end before what a test does to it."""
    if wanted:
        (agent.parent / "slow").touch()
    else:
        (agent.parent / "slow").unlink(missing_ok=True)


class Command:
    """``bao eval --ray`` as a process; its patience is shortened."""

    def __init__(self, nodes: Nodes, policy: object, out: Path, environment: Mapping[str, str] | None) -> None:
        code = "import bao.rollout.executors.ray as it; it.HEAD_SECONDS, it.CPU_SECONDS = 2.0, 1.0; "
        code += "from bao.cli import main; main()"
        self.out, self._said = out, out.with_suffix(".txt")
        evaluate = ("eval", str(policy), "--out", str(out), "--ray", nodes.address, *SIZES, "--concurrency", "8")
        with self._said.open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code, *evaluate],
                env=environment or nodes.environment,
                cwd=out.parent,
                stdout=said,
                stderr=said,
            )

    @property
    def said(self) -> str:
        return self._said.read_text()

    def done(self) -> int:
        """Episodes in the log."""
        return len({record.number for record in scan(self.out / LOG)})

    def wait_until(self, true: Callable[[], Any]) -> None:
        deadline = time.monotonic() + 60
        while not true():
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.05)

    def end(self) -> int:
        return self.process.wait(timeout=120)


Start = Callable[..., Command]


@pytest.fixture
def start(cluster: Nodes, agent: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts a command into ``out``; none outlives its test."""
    started = []

    def start(policy: object = f"{agent}:Agent", environment: Mapping[str, str] | None = None) -> Command:
        started.append(Command(cluster, policy, tmp_path / "out", environment))
        return started[-1]

    yield start
    slow(agent, False)
    for command in started:
        command.process.kill()
        command.process.wait()


def test_without_ray_the_option_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"--ray needs Ray, .* pip install 'bao-agents\[ray\]'"):
        played(tmp_path, plan(), ExecutionSettings(ray="auto"))


# This process over the cluster.


@pytest.mark.slow
def test_a_cluster_gives_what_one_process_gives(cluster: Nodes, tmp_path: Path) -> None:
    cluster.having(2)
    expected = played(tmp_path / "one", plan(Wanderer))
    assert played(tmp_path / "ray", plan(Wanderer), ExecutionSettings(6, ray=cluster.address)) == expected


@pytest.mark.slow
def test_an_error_on_the_cluster_is_raised_here(cluster: Nodes, tmp_path: Path) -> None:
    cluster.having(2)
    with pytest.raises(Exception, match="in the agent's code"):
        played(tmp_path, plan(Broken), ExecutionSettings(4, ray=cluster.address))


@pytest.mark.slow
def test_one_of_two_workers_killed_changes_no_row(cluster: Nodes, tmp_path: Path) -> None:
    nodes, of = cluster.having(2), plan(Slow, seeds=30)
    expected = played(tmp_path / "one", of, ExecutionSettings(8))
    killed: list[int] = []

    def kill(done: int, whole: int, metrics: Any) -> None:
        if not killed and done < whole and (victims := [pid for node in nodes for pid in node.plays()]):
            os.kill(victims[0], signal.SIGKILL)
            killed.append(victims[0])

    assert played(tmp_path / "ray", of, ExecutionSettings(4, ray=cluster.address), kill) == expected
    assert killed


@pytest.mark.slow
def test_a_task_that_kills_each_of_its_workers_ends_the_run(
    cluster: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.having(1)
    monkeypatch.setattr("bao.rollout.executors.ray.MOST_LOSSES", 1)
    with pytest.raises(RunError, match=r"Ray lost a task 2 times \(WorkerCrashedError\): .* goes on from here"):
        played(tmp_path, plan(Fatal, 1, 1), ExecutionSettings(ray=cluster.address))


# The command, and whole nodes.


@pytest.mark.slow
def test_a_run_waits_for_a_node_takes_up_another_and_outlives_the_loss_of_one(
    cluster: Nodes, start: Start, expected: list[Trajectory], tmp_path: Path
) -> None:
    cluster.having(0)
    (tmp_path / "agent.py").write_text(AGENT)
    slow(tmp_path / "agent.py")
    command = start("agent.py:Agent")  # as seen from here: a node's working folder is another
    command.wait_until(lambda: f"--ray {cluster.address}: still waiting for a CPU of the cluster" in command.said)
    assert "add a node (`ray start --address=..`)" in command.said
    first = cluster.add()
    command.wait_until(first.plays)
    second = cluster.add()
    command.wait_until(lambda: first.plays() and second.plays())
    first.kill()
    assert command.done() < EPISODES
    slow(tmp_path / "agent.py", False)
    assert command.end() == 0, command.said
    assert rows(tmp_path / "out" / "episodes.parquet") == expected


@pytest.mark.slow
def test_a_head_that_is_lost_is_named_and_the_same_command_goes_on_over_another(
    cluster: Nodes, agent: Path, start: Start, expected: list[Trajectory], tmp_path: Path
) -> None:
    cluster.having(1)
    command = start()
    command.wait_until(lambda: command.done() >= 20)
    slow(agent)
    assert cluster.head is not None
    cluster.head.kill()
    assert command.end() == 1
    assert "error: the head of the Ray cluster" in command.said.splitlines()[-1]
    assert "start the cluster again, then the same command" in command.said.splitlines()[-1]
    kept = command.done()
    assert 20 <= kept < EPISODES
    cluster.begin()
    slow(agent, False)
    cluster.having(1)
    before = (agent.parent / "begun").stat().st_size
    command = start()
    assert command.end() == 0, command.said
    assert rows(tmp_path / "out" / "episodes.parquet") == expected
    assert (agent.parent / "begun").stat().st_size - before == EPISODES - kept


@pytest.mark.slow
@pytest.mark.parametrize(
    ("policy", "missing"),
    # The first is on this process' path alone; the second is another file in each process, by its working folder.
    [("ours:Agent", "there is no module 'ours'"), ("/proc/self/cwd/ours.py:Agent", "there is no file /proc/self/cwd/ours.py")],
)
def test_a_node_without_the_agent_is_named(policy: str, missing: str, cluster: Nodes, start: Start, tmp_path: Path) -> None:
    if policy.startswith("/proc") and sys.platform != "linux":
        pytest.skip("only Linux has /proc/self/cwd")
    cluster.having(1)
    only_here = tmp_path if policy.startswith("/proc") else tmp_path / "only_here"
    only_here.mkdir(exist_ok=True)
    (only_here / "ours.py").write_text(AGENT)
    here = {**cluster.environment, "PYTHONPATH": os.pathsep.join((cluster.environment["PYTHONPATH"], str(only_here)))}
    command = start(policy, here)
    assert command.end() == 2
    last = command.said.splitlines()[-1]
    assert "error: on a node of the Ray cluster (" in last
    assert missing in last
    assert "each node needs this package, the agent's file at the same path" in last


@pytest.mark.slow
def test_a_node_without_the_package_is_named(cluster: Nodes, start: Start, tmp_path: Path) -> None:
    cluster.having(0)
    venv.create(tmp_path / "bare", with_pip=False)
    (bare,) = (tmp_path / "bare").glob("lib/*/site-packages")
    packages = [str(Path(import_module(name).__file__ or "").parents[1]) for name in ("ray", "psutil")]
    (bare / "only.pth").write_text("\n".join(packages))  # of a folder named so, no further .pth is read
    python = str(tmp_path / "bare" / "bin" / "python")
    environment = {**cluster.environment, "PYTHONPATH": ""}
    if subprocess.run([python, "-c", "import bao"], env=environment, capture_output=True, cwd="/", check=False).returncode == 0:
        pytest.skip("bao lies in the same folder as Ray, so that no node can have one without the other")
    cluster.add(python, environment).wait()
    command = start()
    assert command.end() == 2
    last = command.said.splitlines()[-1]
    assert "there is no module 'bao': install it there" in last


@pytest.mark.slow
def test_an_address_without_a_cluster_is_refused_at_once(cluster: Nodes, tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(ConfigError, match=rf"--ray {address}: cannot connect \(.*refused\): give the address that `ray start"):
        played(tmp_path, plan(), ExecutionSettings(ray=address))


@pytest.mark.slow
def test_a_cluster_that_wants_a_token_says_so(cluster: Nodes, start: Start) -> None:
    if not hasattr(sys.modules["ray"].exceptions, "AuthenticationError"):
        pytest.skip("this Ray knows no tokens")
    environment = {**cluster.environment, "RAY_AUTH_TOKEN": "0" * 64}
    command = start(environment=environment)
    assert command.end() == 2
    assert "set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN" in command.said.splitlines()[-1]
