"""A Ray cluster that plays a plan: a task for every few episodes, done again elsewhere where its worker or node is lost.

The rows come back to this process, which alone logs them, so that the nodes need no folder in common. They need this package
and the environment variables that hold keys.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from bao.belief import informed
from bao.errors import BaoError, ConfigError, RunError
from bao.rollout.log import Part
from bao.rollout.plan import Plan
from bao.rollout.pool import Pool
from bao.rollout.runner import Note, Running
from bao.rollout.usage import UsageMeter, Usages, include
from bao.store import episode_row
from bao.trajectory import Fault

MOST_LOSSES = 10
"""Times that the worker or the node of one task may be lost."""
_TICK_SECONDS = 0.5


class _Row(NamedTuple):
    number: int
    fault: Fault | None
    detail: str
    row: dict[str, Any]


class Cluster:
    """As many tasks at once as `running.workers` says, or as the cluster has CPUs where that is 1, none above the concurrency.

    Each plays its share of `running.concurrency` episodes at once.
    """

    def __init__(self, plan: Plan, folder: Path, running: Running) -> None:
        try:
            import ray
        except ModuleNotFoundError as error:
            raise ConfigError("--ray needs Ray, which is not installed: pip install 'bao-agents[ray]'") from error
        self._ray: Any = ray
        self._ours = not ray.is_initialized()
        if self._ours:
            try:
                ray.init(address=running.ray, log_to_driver=False, logging_level="ERROR")
            except (ConnectionError, ValueError, RuntimeError) as error:
                raise ConfigError(f"--ray {running.ray}: no cluster answers there ({error}): give its address") from error
        cpus = int(ray.cluster_resources().get("CPU", 1))
        self._at_once = max(1, min(running.concurrency, running.workers if running.workers > 1 else cpus))
        self._share = max(1, running.concurrency // self._at_once)
        self._task: Any = ray.remote(num_cpus=1, max_retries=MOST_LOSSES)(_play_some)
        self._plan, self._running = plan, running
        self._shared: Any = ray.put(plan)
        self._part = Part(folder)
        self._playing: dict[Any, int] = {}

    @property
    def at_once(self) -> int:
        return sum(min(self._share, count) for count in self._playing.values())

    def play(self, indices: Sequence[int]) -> Iterator[Sequence[Note]]:
        size = max(1, min(2 * self._share, len(indices) // self._at_once))
        waiting = deque(indices[start : start + size] for start in range(0, len(indices), size))
        while waiting or self._playing:
            while waiting and len(self._playing) < self._at_once:
                some = waiting.popleft()
                self._playing[self._task.remote(self._shared, self._running, self._share, some)] = len(some)
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

    def _result(self, reference: Any) -> tuple[list[_Row], Usages]:
        try:
            result: tuple[list[_Row], Usages] = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause if isinstance(error.cause, BaoError) else error from None
        except self._ray.exceptions.RayError as error:
            raise RunError(
                f"Ray lost a task {MOST_LOSSES + 1} times ({type(error).__name__}): look at the cluster's workers and run the "
                "same command again, which goes on from here"
            ) from error
        return result


def _play_some(plan: Plan, running: Running, concurrency: int, indices: Sequence[int]) -> tuple[list[_Row], Usages]:
    """On a worker of the cluster: these episodes, in the order in which they finish, and what models took for them."""
    usage, listener = UsageMeter(), plan.make_gym()
    with closing(Pool(plan, concurrency, tries=running.failures.tries, timeout=running.episode_timeout)) as pool:
        rows = [
            _Row(
                index, trajectory.fault, trajectory.fault_detail,
                episode_row(informed(trajectory, listener, plan[index].task)),
            )
            for index, trajectory in pool.play(iter(indices))
        ]  # fmt: skip
    return rows, usage.taken()
