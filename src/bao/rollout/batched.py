"""Play with a batched engine into folders: rows are kept as episodes end, and what was killed at any moment goes on from there.

As `bao.rollout.runner` does for who is asked turn by turn, with the same logs and the same faults. Unlike there, the episodes
of several folders are played in one go, since an engine is faster the more it has to play.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bao.gym import Gym
from bao.progress import Update
from bao.rollout.failures import FailurePolicy, FaultCounter
from bao.rollout.information import with_information_gain
from bao.rollout.plan import digest_of
from bao.rollout.request import OnEpisode, Request
from bao.rollout.runner import LOG, Meter, count, missing, recall, write_finished
from bao.storage.episodes import episode_row
from bao.storage.folder import folder_lock
from bao.storage.log import LogFile
from bao.trajectory import Trajectory

Play = Callable[[Sequence[Request], OnEpisode], object]
"""Plays requests, and tells each episode as it ends; an episode that breaks has had all its tries by then."""


@dataclass(frozen=True)
class FolderRequests:
    """The episodes of one folder."""

    requests: Sequence[Request]
    settings: Mapping[str, Any]
    """What else can change an episode, as plain values: the gym and its version, the model, its limits. Part of every key."""

    def __len__(self) -> int:
        return len(self.requests)

    def key(self, index: int) -> str:
        """A digest of all that the episode depends on."""
        request = self.requests[index]
        told = [request.effort_weight, *([] if request.budget is None else [{"budget": request.budget}])]
        return digest_of(self.identity, request.task.to_json(), index, request.seed, *told)

    def name(self, index: int) -> tuple[str, int]:
        """The episode's task and seed."""
        return self.requests[index].task.id, self.requests[index].seed

    @cached_property
    def identity(self) -> str:
        """A digest of `settings`."""
        return digest_of(self.settings)


def run_batches(
    batches: Mapping[Path, FolderRequests], file: str, listener: Gym, play: Play, failures: FailurePolicy, update: Update
) -> None:
    """Have played what the folders lack of their batches, then write the `file` of each.

    An episode that had ended in a fault before is played again; the healthy ones of a `file` that is there count as played.
    `listener`: a gym for what the episodes told. Raises
    `ConfigError` and `bao.rollout.failures.FaultsError` as `bao.rollout.runner.run` does. `discard_log` after the files have
    been put to use.
    """
    with ExitStack() as stack:
        for out in batches:
            stack.enter_context(folder_lock(out / LOG))
            recall(out / LOG, batches[out], out / file, traced=True)
        lacking = [(out, index) for out, batch in batches.items() for index in missing(out / LOG, batch)]
        parts = {out: stack.enter_context(closing(LogFile(out / LOG))) for out in dict.fromkeys(out for out, _ in lacking)}
        whole = sum(map(len, batches.values()))
        counter, meter = FaultCounter(failures, whole), Meter(update, whole - len(lacking), whole)

        def note(place: int, trajectory: Trajectory) -> None:
            out, index = lacking[place]
            task = batches[out].requests[index].task
            row = episode_row(with_information_gain(trajectory, listener, task), traced=True)
            parts[out].append(index, batches[out].key(index), trajectory.fault, row)
            count(counter, task, trajectory.seed, trajectory.fault, trajectory.fault_detail)
            meter.show(whole - len(lacking) + counter.finished, counter.faults.total())

        if lacking:
            play([batches[out].requests[index] for out, index in lacking], note)
        for out, batch in batches.items():
            write_finished(out / LOG, batch, out / file, traced=True)
