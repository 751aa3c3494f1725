"""The episodes of a plan in threads, as many at once as their endpoint takes, none for longer than it may."""

import math
from collections.abc import Generator, Iterator
from functools import partial
from threading import local
from typing import NamedTuple

from bao.action import Parsed
from bao.policy import Policy
from bao.rollout.episode import NEVER_PASS, play, recorded
from bao.rollout.plan import Plan
from bao.rollout.waiting import LateError, WaitingPool
from bao.trajectory import Fault, FaultError, StopReason, Trajectory

_GRACE_SECONDS = 1.0
"""An episode that is late is given this long to notice it between two turns; then it is left behind."""


class Played(NamedTuple):
    number: int
    trajectory: Trajectory


class _Try(NamedTuple):
    """One try of an episode."""

    number: int
    left: int
    """Tries, this one included."""


class EpisodePool:
    """Plays episodes in up to `concurrency` threads; use from one thread, and close it.

    An episode that ends in a fault is tried again, up to `tries` times in all. One that takes longer than `timeout` seconds is
    a fault too: its thread may wait for something that never comes, so it is left behind and another one takes its place.
    """

    def __init__(self, plan: Plan, concurrency: int, *, tries: int = 3, timeout: float = math.inf) -> None:
        self._plan = plan
        self._tries = tries
        self._timeout = timeout
        self._threads: WaitingPool[_Try] = WaitingPool(concurrency, "bao-episode")
        self._own = local()
        """Each thread's gym."""

    @property
    def at_once(self) -> int:
        """How many episodes are let into a turn at present."""
        return self._threads.at_once

    @property
    def outstanding(self) -> int:
        """Episodes that were submitted and have not come back."""
        return self._threads.outstanding

    def play(self, numbers: Iterator[int]) -> Generator[list[Played], None, None]:
        """The episodes of these numbers, as they finish; nothing now and then."""
        while True:
            while self.outstanding < 2 * self._threads.ceiling and (number := next(numbers, None)) is not None:
                self.submit(number)
            if not self.outstanding:
                return
            yield self.collect()

    def submit(self, number: int) -> None:
        self._submit(_Try(number, self._tries))

    def collect(self) -> list[Played]:
        """What has finished, after waiting a moment for the first. Raises what an episode raised."""
        found = []
        for attempt, trajectory, error, _ in self._threads.collect(wait=True):
            if isinstance(error, LateError):
                trajectory = self._late(attempt.number)
            elif error is not None:
                raise error
            if trajectory.fault is None or trajectory.fault in NEVER_PASS or attempt.left == 1:
                found.append(Played(attempt.number, trajectory))
            else:
                self._submit(_Try(attempt.number, attempt.left - 1))
        return found

    def close(self) -> None:
        """No further turn is begun; whoever waits for a reply is left behind."""
        self._threads.close()

    def _submit(self, attempt: _Try) -> None:
        self._threads.submit(attempt, partial(self._play, attempt.number), self._timeout, grace=_GRACE_SECONDS)

    def _late(self, number: int) -> Trajectory:
        """What is recorded of an episode that no longer answers."""
        episode, gym = self._plan[number], self._plan.make_gym()
        policy = self._plan.make_policy(gym, episode.policy_seed)
        happened = {"opening": "", "turns": (), "stop": StopReason.FAULT, "success": False, "system": gym.instructions()}
        late = {"fault": Fault.EPISODE_TIMEOUT, "fault_detail": self._too_long(), "seconds": self._timeout}
        late |= {"effort_weight": self._plan.effort_weight, "budget": self._plan.budget}
        return recorded(gym, policy, episode.task, episode.seed, **happened, **late)

    def _too_long(self) -> str:
        return f"longer than episode_timeout={self._timeout:g} s"

    # In the threads.

    def _play(self, number: int) -> Trajectory:
        if not hasattr(self._own, "gym"):
            self._own.gym = self._plan.make_gym()
        gym, plan = self._own.gym, self._plan
        task, seed, policy_seed = plan[number]
        policy = _Watched(plan.make_policy(gym, policy_seed), self)
        told = plan.system(gym)
        return play(gym, policy, task, seed, system=told, effort_weight=plan.effort_weight, budget=plan.budget)

    def between_turns(self) -> None:
        """Make room where it is crowded. Raises where the episode is not wanted any more, or late."""
        try:
            self._threads.between_turns()
        except LateError:
            raise FaultError(Fault.EPISODE_TIMEOUT, self._too_long()) from None


class _Watched:
    """A policy that looks up before each turn."""

    def __init__(self, policy: Policy, pool: EpisodePool) -> None:
        self.name = policy.name
        self.model = getattr(policy, "model", "")
        self.begin = policy.begin
        self._policy = policy
        self._pool = pool

    def act(self, observation: str) -> Parsed:
        self._pool.between_turns()
        return self._policy.act(observation)
