"""A Ray cluster of real processes on this machine, apart from any other Ray: a token, ports and a folder of its own.

A node is all that one ``ray start --block`` has started, in a session (in the sense of ``setsid``) of its own.
"""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Thread

import psutil

ROOT = Path(__file__).parents[2]
_START_SECONDS = 60.0
_MEMORY = 80 * 2**20
# A node that is gone is noticed in two seconds instead of fifteen; one that is slow is given as long as ever.
_HEALTH = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_failure_threshold": 3}


class CannotStartError(Exception):
    """This machine does not let Ray run; says why."""


class Node:
    def __init__(self, arguments: list[str], environment: Mapping[str, str], said: Path, python: str) -> None:
        self._said = said
        start = (python, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats", *arguments)
        with said.open("wb") as file:
            self._process = subprocess.Popen(
                [sys.executable, __file__, *start],
                env=environment,
                cwd="/",
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    def wait(self, marker: str = "Ray runtime started") -> None:
        deadline = time.monotonic() + _START_SECONDS
        while marker not in (said := self._said.read_text(errors="replace")):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise CannotStartError(f"ray start: {said.strip()[-1500:] or 'no word'}")
            time.sleep(0.1)

    def processes(self) -> list[int]:
        return living(self._process.pid)

    def plays(self) -> list[int]:
        """Its processes that play episodes at this moment."""
        found = []
        for pid in self.processes():
            with suppress(psutil.Error):
                if "ray::_play_some" in psutil.Process(pid).cmdline()[:1]:
                    found.append(pid)
        return found

    def kill(self) -> None:
        """SIGKILL for all of it, as where a machine loses its power."""
        while found := self.processes():
            for pid in found:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        self._process.communicate()


class Nodes:
    """A head without CPUs, and the nodes of one CPU that `having` starts."""

    def __init__(self) -> None:
        # No worker is killed where other processes fill the memory, and a wrong token is not tried for 20 seconds.
        # Paths of Unix sockets hold 107 bytes, which pytest's own folders use up.
        self.folder = Path(tempfile.mkdtemp(prefix="bao-ray-"))
        self.environment = {
            **os.environ,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "src"))),
            "RAY_memory_monitor_refresh_ms": "0",
            "RAY_NUM_REDIS_GET_RETRIES": "2",
            "OMP_NUM_THREADS": "1",
            "COLUMNS": "100",
        }
        self.environment.pop("RAY_ADDRESS", None)
        self._begun = 0
        self.head: Node | None = None
        self.others: list[Node] = []

    def begin(self) -> None:
        """A new head, at another address; nodes of one before are ended."""
        self.having(0)
        if self.head is not None:
            self.head.kill()
        port, client = free_port(), free_port()
        self.address = f"127.0.0.1:{port}"
        self.head = self._start(
            "--head",
            f"--port={port}",
            f"--ray-client-server-port={client}",
            "--num-cpus=0",
            "--include-dashboard=false",
            f"--system-config={json.dumps(_HEALTH)}",
        )
        self.head.wait()

    def having(self, count: int) -> list[Node]:
        """Start or kill nodes until so many are there."""
        self.others = [node for node in self.others if node.processes()]
        while len(self.others) > count:
            self.others.pop().kill()
        while len(self.others) < count:  # one by one, since older Rays give two at once the same sockets
            self.add().wait()
        return self.others

    def add(self, python: str = sys.executable, environment: Mapping[str, str] | None = None) -> Node:
        where = [f"--address={self.address}", "--num-cpus=1"]
        if sys.platform == "linux":  # all of 127/8 is this machine; by its address a node is told from the head
            where.append(f"--node-ip-address=127.0.0.{self._begun + 2}")
        self.others.append(self._start(*where, python=python, environment=environment))
        return self.others[-1]

    def close(self) -> None:
        for node in (*self.others, self.head):
            if node is not None:
                node.kill()
        shutil.rmtree(self.folder)

    def _start(self, *arguments: str, python: str = sys.executable, environment: Mapping[str, str] | None = None) -> Node:
        self._begun += 1
        folder = self.folder / str(self._begun)
        more = [f"--object-store-memory={_MEMORY}", f"--temp-dir={folder}"]
        return Node([*arguments, *more], environment or self.environment, folder.with_suffix(".txt"), python)


def living(session: int) -> list[int]:
    """The processes of a session, whoever is their parent now."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def end_with_parent(command: list[str]) -> None:
    """Run a node for as long as standard input is open: it ends however the tests' process does."""
    node = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    Thread(target=lambda: os._exit(node.wait()), daemon=True).start()
    sys.stdin.read()
    for pid in living(os.getsid(0)):
        if pid != os.getpid():
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    end_with_parent(sys.argv[1:])
