"""A run over a Ray cluster: the same rows, whatever is lost on the way. Skipped where Ray is not installed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bao.errors import ConfigError
from bao.rollout.runner import Running
from tests.runner_gym import Broken, Slow, Wanderer, plan
from tests.test_runner import played

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster of two CPUs on this machine, and Ray."""
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'bao-agents[ray]'")
    os.environ["PYTHONPATH"] = os.pathsep.join((str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")))
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR", object_store_memory=100 * 2**20)
    yield ray
    ray.shutdown()


def test_without_ray_the_option_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"--ray needs Ray, .* pip install 'bao-agents\[ray\]'"):
        played(tmp_path, plan(), Running(ray="auto"))


@pytest.mark.slow
def test_a_cluster_gives_what_one_process_gives(cluster: Any, tmp_path: Path) -> None:
    expected = played(tmp_path / "one", plan(Wanderer))
    assert played(tmp_path / "ray", plan(Wanderer), Running(6, ray="auto")) == expected


@pytest.mark.slow
def test_an_error_on_the_cluster_is_raised_here(cluster: Any, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="in the agent's code"):
        played(tmp_path, plan(Broken), Running(4, ray="auto"))


@pytest.mark.slow
def test_one_of_two_workers_killed_changes_no_row(cluster: Any, tmp_path: Path) -> None:
    of = plan(Slow, seeds=40)
    expected = played(tmp_path / "one", of, Running(8))
    killed: list[int] = []

    def kill(done: int, whole: int, metrics: Any) -> None:
        if not killed and done < whole:
            listed = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
            ours = {int(line.split()[0]) for line in listed.splitlines()[1:] if "ray::_play_some" in line}
            victim = next((pid for pid in ours if pid in descendants(listed)), None)
            if victim is not None:
                os.kill(victim, signal.SIGKILL)
                killed.append(victim)

    assert played(tmp_path / "ray", of, Running(4, ray="auto"), kill) == expected
    assert killed


def descendants(listed: str) -> set[int]:
    """The processes of `listed` (``ps`` with pid and ppid) that this one has started, at any remove."""
    parents = {int(pid): int(parent) for pid, parent, *_ in (line.split() for line in listed.splitlines()[1:])}
    found = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


@pytest.mark.slow
def test_a_run_over_a_cluster_goes_on_where_it_was_stopped(cluster: Any, tmp_path: Path) -> None:
    of = plan(Slow, seeds=20)

    class EnoughError(Exception):
        pass

    def stop(done: int, whole: int, metrics: Any) -> None:
        if done > 20:
            raise EnoughError

    with pytest.raises(EnoughError):
        played(tmp_path / "ray", of, Running(4, ray="auto"), stop)
    start = time.monotonic()
    assert played(tmp_path / "ray", of, Running(4, ray="auto")) == played(tmp_path / "one", of, Running(8))
    assert time.monotonic() - start < 60
