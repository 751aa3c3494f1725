"""Play a plan into a folder: rows are kept as episodes finish, and what was killed at any moment goes on from there.

While it runs, finished episodes lie in ``episodes.log/`` (see `bao.storage.log`); once all are there they become
``episodes.parquet``, in the plan's order. Nothing grows with the number of episodes but a few numbers for each.
"""

import shutil
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from bao.errors import ConfigError
from bao.progress import Update
from bao.rollout.executors.base import ExecutionSettings, Executor, Warn
from bao.rollout.executors.threads import ThreadExecutor
from bao.rollout.failures import FaultCounter
from bao.rollout.plan import Plan
from bao.storage.episodes import episode_row, identity_of, iterate_episodes
from bao.storage.folder import folder_lock, logger
from bao.storage.log import Keys, LogFile, compact, finished
from bao.task import Task
from bao.trajectory import Fault

LOG = "episodes.log"


def run(
    plan: Plan, out: Path, path: Path, running: ExecutionSettings, update: Update, warn: Warn = logger.warning
) -> Mapping[str, int]:
    """Play what `out` lacks of `plan`, then write all of it to `path`; the faults of this call, by name.

    An episode that had ended in a fault before is played again; the healthy ones of a file at `path` count as played. `out`
    may hold a log of this plan only (`ConfigError`), and one process at a time may work there. Raises
    `bao.rollout.failures.FaultsError` where the failure policy stops it; what is done is kept then too. `discard_log` after
    `path` has been put to use.
    """
    folder = out / LOG
    with folder_lock(folder):
        recall(folder, plan, path)
        lacking, whole = missing(folder, plan), len(plan)
        done = whole - len(lacking)
        counter = FaultCounter(running.failures, whole)
        meter = Meter(update, done, whole)
        if lacking:
            with closing(_executor(plan, folder, running, warn)) as executor:
                for notes in executor.play(lacking):
                    for note in notes:
                        episode = plan[note.number]
                        count(counter, episode.task, episode.seed, note.fault, note.detail)
                    if notes:
                        meter.show(done + counter.finished, counter.faults.total(), executor.at_once)
        write_finished(folder, plan, path)
    return dict(counter.faults)


def missing(folder: Path, keys: Keys) -> list[int]:
    """The episodes of which the log holds no healthy record. Raises `ConfigError` on a log of another configuration."""
    found = finished(folder, keys)
    return [index for index in range(len(keys)) if index not in found or found[index].fault is not None]


def recall(folder: Path, keys: Keys, path: Path, *, traced: bool = False) -> None:
    """Put the healthy episodes of a finished file back into the log, as far as it lacks them, so that the others can be played.

    Raises `ConfigError` where they were played by another policy or under other settings than `keys` tell.
    """
    if not path.is_file():
        return
    there = {number for number, record in finished(folder, keys).items() if record.fault is None}
    lacking = {keys.name(number): number for number in range(len(keys)) if number not in there}
    kept = (
        (lacking[name], episode)
        for episode in iterate_episodes(path, traces=traced)
        if episode.fault is None and (name := (episode.task_id, episode.seed)) in lacking
    )
    if identity_of(path) != keys.identity and next(kept, None) is not None:
        raise ConfigError(
            f"{path} holds episodes of another configuration (the policy, its weights or the gym changed since, or an earlier "
            "version wrote it): name another --out"
        )
    if lacking:
        with closing(LogFile(folder)) as log:
            for number, episode in kept:
                log.append(number, keys.key(number), None, episode_row(episode, traced=traced))


def write_finished(folder: Path, keys: Keys, path: Path, *, traced: bool = False) -> None:
    """Write a log that holds every episode to `path`, with token traces where `traced`."""
    records = finished(folder, keys)
    if len(records) != len(keys):
        raise RuntimeError(f"{folder} holds {len(records)} of {len(keys)} episodes after all were played")
    compact(records, path, traced=traced, identity=keys.identity)


def count(counter: FaultCounter, task: Task, seed: int, fault: Fault | None, detail: str) -> None:
    """Count an episode, and log its fault. Raises `bao.rollout.failures.FaultsError` where that is one too many."""
    name = f"task {task.id!r} under seed {seed}"
    if fault is not None:
        logger.warning("%s: %s: %s", name, fault, detail)
    counter.note(name, fault, detail)


def discard_log(out: Path) -> None:
    """Remove the log of a run whose episodes are in their file."""
    shutil.rmtree(out / LOG, ignore_errors=True)


def _executor(plan: Plan, folder: Path, running: ExecutionSettings, warn: Warn) -> Executor:
    if running.ray is not None:
        from bao.rollout.executors.ray import RayExecutor

        return RayExecutor(plan, folder, running, warn)
    if running.workers > 1:
        from bao.rollout.executors.processes import ProcessExecutor

        return ProcessExecutor(plan, folder, running)
    return ThreadExecutor(plan, folder, running)


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
