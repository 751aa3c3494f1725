"""Threads of this process that play a plan."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from bao.gym import Gym
from bao.rollout.executors.base import ExecutionSettings, Note
from bao.rollout.executors.pool import EpisodePool, Played
from bao.rollout.information import with_information_gain
from bao.rollout.plan import Plan
from bao.storage.episodes import episode_row
from bao.storage.log import LogFile


class ThreadExecutor:
    """Threads of this process, which log what they play."""

    def __init__(self, plan: Plan, folder: Path, running: ExecutionSettings) -> None:
        self._plan = plan
        self._part = LogFile(folder)
        self._pool = EpisodePool(plan, running.concurrency, tries=running.failures.tries, timeout=running.episode_timeout)

    @property
    def at_once(self) -> int:
        return self._pool.at_once

    def play(self, indices: Sequence[int]) -> Iterator[Sequence[Note]]:
        for played in self._pool.play(iter(indices)):
            yield self._log(played)

    @property
    def outstanding(self) -> int:
        """Episodes that were submitted and have not come back."""
        return self._pool.outstanding

    def submit(self, index: int) -> None:
        self._pool.submit(index)

    def collect(self) -> list[Note]:
        """What has finished, after waiting a moment for the first."""
        return self._log(self._pool.collect())

    def close(self) -> None:
        self._pool.close()
        self._part.close()

    def _log(self, played: Sequence[Played]) -> list[Note]:
        notes = []
        for index, trajectory in played:
            row = episode_row(with_information_gain(trajectory, self._listener, self._plan[index].task))
            self._part.append(index, self._plan.key(index), trajectory.fault, row)
            notes.append(Note(index, trajectory.fault, trajectory.fault_detail))
        return notes

    @cached_property
    def _listener(self) -> Gym:
        """A gym of this thread's own, for what its episodes told."""
        return self._plan.make_gym()
