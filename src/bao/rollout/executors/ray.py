"""A Ray cluster that plays a plan: a task for every few episodes, done again elsewhere where its worker or node is lost.

The rows come back to this process, which alone logs them, so that the nodes need no folder in common. They need this package,
the agent's file where it is here, and the environment variables that hold keys.
"""

import math
import re
import socket
import time
import traceback
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from bao.errors import BaoError, ConfigError, RunError
from bao.rollout.executors.base import ExecutionSettings, Note, Warn
from bao.rollout.executors.pool import EpisodePool
from bao.rollout.information import with_information_gain
from bao.rollout.plan import Plan
from bao.rollout.usage import UsageMeter, Usages, include
from bao.storage.episodes import episode_row
from bao.storage.log import LogFile
from bao.trajectory import Fault

MOST_LOSSES = 10
"""Times that the worker or the node of one task may be lost."""
HEAD_SECONDS = 40.0
"""How long the head may be silent. Below the minute after which Ray ends this process without a chance to say why."""
CPU_SECONDS = 10.0
"""How long there may be no CPU before the user is told."""
_TICK_SECONDS = 0.5
_LOOK_SECONDS = 2.0
_CONNECT_SECONDS = 5.0
_CLIENT = "ray://"
_ADD_A_NODE = "add a node (`ray start --address=..`)"
_NEEDS = "each node needs this package, the agent's file at the same path, and the environment variables of keys"
_NODE = re.compile(r"\bip=([^\s,)]+)")
_NO_MODULE = re.compile(r"No module named '?([\w.]+)")


class _Row(NamedTuple):
    number: int
    fault: Fault | None
    detail: str
    row: dict[str, Any]


class _Task(NamedTuple):
    episodes: int
    share: int
    """How many of them at once."""


class RayExecutor:
    """As many tasks at once as `running.workers` says, or as the cluster has CPUs where that is 1, none above the concurrency.

    Each plays its share of `running.concurrency` episodes at once. CPUs are counted all the time, as nodes come and go.
    """

    def __init__(self, plan: Plan, folder: Path, running: ExecutionSettings, warn: Warn) -> None:
        assert running.ray is not None
        try:
            import ray
        except ModuleNotFoundError as error:
            raise ConfigError("--ray needs Ray, which is not installed: pip install 'bao-agents[ray]'") from error
        self._ray: Any = ray
        self._ours = not ray.is_initialized()
        if self._ours:
            _connect(ray, running.ray)
        self._plan, self._running, self._warn = plan, running, warn
        self._remote: Any = ray.remote(num_cpus=1, max_retries=MOST_LOSSES)
        self._shared: Any = ray.put(plan)
        self._part = LogFile(folder)
        self._playing: dict[Any, _Task] = {}
        # Of a cluster behind a client's server, no other port may be within reach.
        by_client = running.ray.startswith(_CLIENT)
        self._head = _Head(running.ray.removeprefix(_CLIENT) if by_client else ray.get_runtime_context().gcs_address)
        self._cpus, self._most = 0, 1
        self._looked = -math.inf

    @property
    def at_once(self) -> int:
        return sum(min(task.share, task.episodes) for task in self._playing.values())

    def play(self, indices: Sequence[int]) -> Iterator[Sequence[Note]]:
        yield from self._wait_for_a_cpu()
        play_some = self._remote(_play_some)
        waiting, whole = deque(indices), len(indices)
        while waiting or self._playing:
            self._look()
            while waiting and (share := self._free_share()):
                size = max(1, min(2 * share, whole // self._most))
                some = [waiting.popleft() for _ in range(min(size, len(waiting)))]
                reference = play_some.remote(self._shared, self._running, share, some)
                self._playing[reference] = _Task(len(some), share)
            ready, _ = self._ray.wait(list(self._playing), timeout=_TICK_SECONDS)
            notes = []
            for reference in ready:
                del self._playing[reference]
                rows, taken = self._result(reference)
                include(taken)
                for index, fault, detail, row in rows:
                    self._part.append(index, self._plan.key(index), fault, row)
                    notes.append(Note(index, fault, detail))
            yield notes

    def close(self) -> None:
        for reference in self._playing:
            self._ray.cancel(reference, force=True)
        self._part.close()
        if self._ours:
            self._ray.shutdown()

    def _wait_for_a_cpu(self) -> Iterator[Sequence[Note]]:
        """Until any task has run: a cluster whose CPUs are all taken takes tasks too, and says nothing."""
        first, since, told = self._remote(_nothing).remote(), time.monotonic(), False
        while not self._ray.wait([first], timeout=_TICK_SECONDS)[0]:
            self._look()
            if not told and time.monotonic() - since > CPU_SECONDS:
                told = True
                free = int(self._ray.available_resources().get("CPU", 0))
                self._warn(
                    f"--ray {self._running.ray}: still waiting for a CPU of the cluster ({self._cpus} in all, {free} free): "
                    f"{_ADD_A_NODE}, or end other jobs there"
                )
            yield []
        self._result(first)

    def _look(self) -> None:
        """Now and then: whether the head is there, and how many CPUs are."""
        if time.monotonic() - self._looked < _LOOK_SECONDS or not self._head.answers():
            return
        before, self._cpus = self._cpus, int(self._ray.cluster_resources().get("CPU", 0))
        if before and not self._cpus:
            self._warn(f"--ray {self._running.ray}: the cluster has lost its last CPU: {_ADD_A_NODE}, which the run waits for")
        wanted = self._running.workers if self._running.workers > 1 else self._cpus
        self._most = max(1, min(self._running.concurrency, wanted))
        self._looked = time.monotonic()

    def _free_share(self) -> int:
        """How many episodes at once a further task may play; 0: none may begin."""
        if len(self._playing) >= self._most:
            return 0
        concurrency = self._running.concurrency
        return min(concurrency // self._most, concurrency - sum(task.share for task in self._playing.values()))

    def _result(self, reference: Any) -> Any:
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            found = _NODE.search(str(error))
            where = f"on a node of the Ray cluster ({found[1] if found else 'unknown'}): "
            if isinstance(error.cause, BaoError):
                raise type(error.cause)(f"{where}{error.cause} ({_NEEDS})") from None
            if found := _NO_MODULE.search(str(error)):
                raise ConfigError(f"{where}there is no module {found[1]!r}: install it there; {_NEEDS}") from error
            raise
        except self._ray.exceptions.LocalRayletDiedError as error:
            raise RunError(
                f"this machine's own node of the Ray cluster is lost: {_ADD_A_NODE} and run the same command again, which goes "
                "on from here"
            ) from error
        except self._ray.exceptions.RayError as error:
            raise RunError(
                f"Ray lost a task {MOST_LOSSES + 1} times ({type(error).__name__}): look at the cluster's workers and run the "
                "same command again, which goes on from here"
            ) from error


class _Head:
    """Whether the cluster's head is there: the one node that Ray does not replace."""

    def __init__(self, address: str) -> None:
        self._place = _place(address)
        self._answered = time.monotonic()

    def answers(self) -> bool:
        """Raises `RunError` where it has been silent for too long."""
        try:
            socket.create_connection(self._place, timeout=1.0).close()
        except OSError as error:
            if time.monotonic() - self._answered < HEAD_SECONDS:
                return False
            raise RunError(
                f"the head of the Ray cluster ({':'.join(map(str, self._place))}) has not answered for {HEAD_SECONDS:.0f} s "
                f"({error.strerror or error}): start the cluster again, then the same command with its --ray address; what is "
                "done is kept"
            ) from None
        self._answered = time.monotonic()
        return True


def _place(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _connect(ray: Any, address: str) -> None:
    """Raises `ConfigError`, and soon: Ray itself would try an address without a cluster for minutes."""
    try:
        if re.fullmatch(rf"({_CLIENT})?[^/]+:\d+", address):
            socket.create_connection(_place(address.removeprefix(_CLIENT)), timeout=_CONNECT_SECONDS).close()
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (OSError, ImportError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        fix = "give the address that `ray start --head` names, and run this on a machine of that cluster"
        if "AuthenticationError" in "".join(traceback.format_exception(error)):
            fix = "set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN (or ~/.ray/auth_token) as they are on the cluster"
        elif "ersion mismatch" in str(error):
            fix = "install the cluster's versions of Ray and Python here"
        raise ConfigError(f"--ray {address}: cannot connect ({' '.join(str(error).split())}): {fix}") from error


def _nothing() -> None:
    """On a worker of the cluster: that there is one, and that it has this package."""


def _play_some(plan: Plan, running: ExecutionSettings, concurrency: int, indices: Sequence[int]) -> tuple[list[_Row], Usages]:
    """On a worker of the cluster: these episodes, in the order in which they finish, and what models took for them."""
    usage, listener = UsageMeter(), plan.make_gym()
    with closing(EpisodePool(plan, concurrency, tries=running.failures.tries, timeout=running.episode_timeout)) as pool:
        rows = []
        for index, trajectory in chain.from_iterable(pool.play(iter(indices))):
            row = episode_row(with_information_gain(trajectory, listener, plan[index].task))
            rows.append(_Row(index, trajectory.fault, trajectory.fault_detail, row))
    return rows, usage.taken()
