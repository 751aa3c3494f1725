"""Play a plan into a folder: rows are kept as episodes finish, and what was killed at any moment goes on from there.

While it runs, finished episodes lie in ``episodes.log/`` (see `bao.rollout.log`); once all are there they become
``episodes.parquet``, in the plan's order. Nothing grows with the number of episodes but a few numbers for each.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Protocol

from bao.belief import informed
from bao.errors import ConfigError
from bao.folder import logger
from bao.gym import Gym
from bao.progress import Update
from bao.rollout.failures import FailurePolicy, Tally
from bao.rollout.log import Keys, Part, compact, finished
from bao.rollout.plan import Plan
from bao.rollout.pool import Pool
from bao.store import episode_row
from bao.task import Task
from bao.trajectory import Fault

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOG = "episodes.log"
_LOCK = "lock"

Warn = Callable[[str], None]
"""Tells whoever watches what a run waits for."""


@dataclass(frozen=True)
class Running:
    """How a plan is played. Changes no episode, so that a run may go on under others."""

    concurrency: int = 1
    """The most episodes at once, over all processes."""
    workers: int = 1
    """Processes on this machine that share the episodes."""
    ray: str | None = None
    """The address of a Ray cluster that plays instead of this machine."""
    failures: FailurePolicy = field(default_factory=FailurePolicy)
    episode_timeout: float = 3600.0
    """Seconds that one try of an episode may take."""


class Note(NamedTuple):
    """An episode that has finished, and whose row is in the log."""

    number: int
    fault: Fault | None
    detail: str


class Crew(Protocol):
    """Who plays."""

    @property
    def at_once(self) -> int:
        """Episodes that play at once at present."""

    def play(self, indices: Sequence[int]) -> Iterator[Sequence[Note]]:
        """Play the episodes of these numbers; yields what has finished, as it does, and nothing now and then."""

    def close(self) -> None:
        """Stop what is still going on."""


def run(plan: Plan, out: Path, path: Path, running: Running, update: Update, warn: Warn = logger.warning) -> Mapping[str, int]:
    """Play what `out` lacks of `plan`, then write all of it to `path`; the faults of this call, by name.

    An episode that had ended in a fault before is played again. `out` may hold a log of this plan only (`ConfigError`), and one
    process at a time may work there. Raises `bao.rollout.failures.FaultsError` where the failure policy stops it; what is done
    is kept then too. `discard_log` after `path` has been put to use.
    """
    folder = out / LOG
    with alone(folder):
        lacking, whole = missing(folder, plan), len(plan)
        done = whole - len(lacking)
        tally = Tally(running.failures, whole)
        meter = Meter(update, done, whole)
        if lacking:
            with closing(_crew(plan, folder, running, warn)) as crew:
                for notes in crew.play(lacking):
                    for note in notes:
                        episode = plan[note.number]
                        count(tally, episode.task, episode.seed, note.fault, note.detail)
                    if notes:
                        meter.show(done + tally.finished, tally.faults.total(), crew.at_once)
        write_finished(folder, plan, path)
    return dict(tally.faults)


def missing(folder: Path, keys: Keys) -> list[int]:
    """The episodes of which the log holds no healthy record. Raises `ConfigError` on a log of another configuration."""
    found = finished(folder, keys)
    return [index for index in range(len(keys)) if index not in found or found[index].fault is not None]


def write_finished(folder: Path, keys: Keys, path: Path, *, traced: bool = False) -> None:
    """Write a log that holds every episode to `path`, with token traces where `traced`."""
    records = finished(folder, keys)
    if len(records) != len(keys):
        raise RuntimeError(f"{folder} holds {len(records)} of {len(keys)} episodes after all were played")
    compact(records, path, traced=traced)


def count(tally: Tally, task: Task, seed: int, fault: Fault | None, detail: str) -> None:
    """Count an episode, and log its fault. Raises `bao.rollout.failures.FaultsError` where that is one too many."""
    name = f"task {task.id!r} under seed {seed}"
    if fault is not None:
        logger.warning("%s: %s: %s", name, fault, detail)
    tally.note(name, fault, detail)


def discard_log(out: Path) -> None:
    """Remove the log of a run whose episodes are in their file."""
    shutil.rmtree(out / LOG, ignore_errors=True)


def _crew(plan: Plan, folder: Path, running: Running, warn: Warn) -> Crew:
    if running.ray is not None:
        from bao.rollout.cluster import Cluster

        return Cluster(plan, folder, running, warn)
    if running.workers > 1:
        from bao.rollout.shards import Shards

        return Shards(plan, folder, running)
    return Threads(plan, folder, running)


class Threads:
    """Threads of this process, which log what they play."""

    def __init__(self, plan: Plan, folder: Path, running: Running) -> None:
        self._plan = plan
        self._part = Part(folder)
        self._pool = Pool(plan, running.concurrency, tries=running.failures.tries, timeout=running.episode_timeout)

    @property
    def at_once(self) -> int:
        return self._pool.at_once

    def play(self, indices: Sequence[int]) -> Iterator[Sequence[Note]]:
        source, ahead = iter(indices), 2 * self._pool.ceiling
        while True:
            while self.outstanding < ahead and (index := next(source, None)) is not None:
                self.submit(index)
            if not self.outstanding:
                return
            yield self.collect()

    @property
    def outstanding(self) -> int:
        """Episodes that were submitted and have not come back."""
        return self._pool.outstanding

    def submit(self, index: int) -> None:
        self._pool.submit(index)

    def collect(self) -> list[Note]:
        """What has finished, after waiting a moment for the first."""
        notes = []
        for index, trajectory in self._pool.collect():
            row = episode_row(informed(trajectory, self._listener, self._plan[index].task))
            self._part.append(index, self._plan.key(index), trajectory.fault, row)
            notes.append(Note(index, trajectory.fault, trajectory.fault_detail))
        return notes

    def close(self) -> None:
        self._pool.close()
        self._part.close()

    @cached_property
    def _listener(self) -> Gym:
        """A gym of this thread's own, for what its episodes told."""
        return self._plan.make_gym()


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody else works in `folder`, as long as this process lives. (Without a lock on systems that have no ``flock``.)"""
    folder.mkdir(parents=True, exist_ok=True)
    if fcntl is None:
        yield
        return
    with (folder / _LOCK).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"another process is at work on --out {folder.parent}: wait for it, or name another folder"
            ) from None
        yield


class Meter:
    """Turns counts into what a progress bar shows."""

    def __init__(self, update: Update, done: int, whole: int) -> None:
        self._update, self._whole, self._before = update, whole, done
        self._start = time.monotonic()
        if done:
            update(done, whole, {})

    def show(self, done: int, faults: int, at_once: int | None = None) -> None:
        rate = (done - self._before) / max(1e-9, time.monotonic() - self._start)
        shown: dict[str, float] = {"episodes_per_second": rate, "faults": faults}
        self._update(done, self._whole, shown if at_once is None else {**shown, "at_once": at_once})
