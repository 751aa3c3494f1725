"""Threads that play the episodes of a plan, as many at once as their endpoint bears, none for longer than it may."""

import math
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from typing import NamedTuple

from bao.action import Parsed
from bao.gym import Gym
from bao.policy import Policy
from bao.rollout.episode import NEVER_PASS, play
from bao.rollout.gate import AdaptiveLimit, Gate, pushbacks
from bao.rollout.plan import Episode, Plan
from bao.trajectory import Fault, FaultError, StopReason, Trajectory

_TICK_SECONDS = 0.2
"""How often whoever waits looks up."""
_GRACE_SECONDS = 1.0
"""An episode that is late is given this long to notice it between two turns; then it is left behind."""


class Played(NamedTuple):
    number: int
    trajectory: Trajectory


class _StoppedError(Exception):
    """Nobody wants the episode any more."""


@dataclass(eq=False)
class _Ticket:
    """One episode on its way through a thread."""

    index: int
    tries: int
    """That are left, this one included."""
    deadline: float = math.inf
    abandoned: bool = False
    inside: bool = False
    """The gate."""


class Pool:
    """Plays episodes in up to `concurrency` threads; use from one thread, and close it.

    An episode that ends in a fault is tried again, up to `tries` times in all. One that takes longer than `timeout` seconds is
    a fault too: its thread may wait for something that never comes, so it is left behind and another one takes its place.
    """

    def __init__(self, plan: Plan, concurrency: int, *, tries: int = 3, timeout: float = math.inf) -> None:
        self._plan = plan
        self._tries = tries
        self._timeout = timeout
        self._limit = AdaptiveLimit(concurrency, pushbacks())
        self._gate = Gate(concurrency)
        self._stop = Event()
        self._waiting: SimpleQueue[_Ticket | None] = SimpleQueue()
        self._done: SimpleQueue[tuple[_Ticket, Trajectory | BaseException]] = SimpleQueue()
        self._lock = Lock()
        self._playing: set[_Ticket] = set()
        self._threads = 0
        self.outstanding = 0
        """Episodes that were submitted and have not come back."""

    @property
    def ceiling(self) -> int:
        return self._limit.ceiling

    @property
    def at_once(self) -> int:
        """How many episodes are let into a turn at present."""
        return self._limit.limit

    def play(self, indices: Iterator[int]) -> Generator[Played, None, None]:
        """The episodes of these numbers, as they finish."""
        ahead = 2 * self.ceiling
        while True:
            while self.outstanding < ahead and (index := next(indices, None)) is not None:
                self.submit(index)
            if not self.outstanding:
                return
            yield from self.collect()

    def submit(self, index: int) -> None:
        self.outstanding += 1
        self._enqueue(_Ticket(index, self._tries))

    def collect(self, seconds: float = _TICK_SECONDS) -> list[Played]:
        """What has finished, after waiting up to so many seconds for the first. Raises what an episode raised."""
        found: list[Played] = []
        try:
            ticket, result = self._done.get(timeout=seconds)
            while True:
                if isinstance(result, BaseException):
                    raise result
                found.append(Played(ticket.index, result))
                ticket, result = self._done.get_nowait()
        except Empty:
            pass
        self._leave_behind(found)
        self._gate.set_limit(self._limit.update(pushbacks(), time.monotonic()))
        self.outstanding -= len(found)
        return found

    def close(self) -> None:
        """No further turn is begun; whoever waits for a reply is left behind."""
        self._stop.set()
        for _ in range(self._threads):
            self._waiting.put(None)

    def _enqueue(self, ticket: _Ticket) -> None:
        self._waiting.put(ticket)
        self._staff()

    def _staff(self) -> None:
        while self._threads < min(self._limit.ceiling, self.outstanding):
            self._threads += 1
            # Daemons, since a thread that waits for a reply can be neither interrupted nor waited for.
            Thread(target=self._work, daemon=True, name=f"bao-episode-{self._threads}").start()

    def _leave_behind(self, found: list[Played]) -> None:
        late: list[_Ticket] = []
        now = time.monotonic()
        with self._lock:
            for ticket in [each for each in self._playing if now > each.deadline + _GRACE_SECONDS]:
                self._playing.discard(ticket)
                ticket.abandoned = True
                late.append(ticket)
        for ticket in late:
            self._leave(ticket)
            self._threads -= 1
            if ticket.tries > 1:
                self._enqueue(_Ticket(ticket.index, ticket.tries - 1))
            else:
                found.append(Played(ticket.index, self._late(self._plan[ticket.index])))
        if late:
            self._staff()

    def _late(self, episode: Episode) -> Trajectory:
        """What is recorded of an episode that no longer answers."""
        gym = self._plan.make_gym()
        policy = self._plan.make_policy(gym, episode.policy_seed)
        return Trajectory(
            gym=gym.name,
            task_id=episode.task.id,
            policy=policy.name,
            seed=episode.seed,
            opening="",
            turns=(),
            stop=StopReason.FAULT,
            success=False,
            horizon=gym.horizon,
            system=gym.instructions(),
            level=episode.task.level,
            fault=Fault.EPISODE_TIMEOUT,
            fault_detail=self._too_long(),
            seconds=self._timeout,
        )

    def _too_long(self) -> str:
        return f"longer than episode_timeout={self._timeout:g} s"

    # In the threads.

    def _work(self) -> None:
        gym: Gym | None = None
        while (ticket := self._waiting.get()) is not None and not self._stop.is_set():
            try:
                gym = gym or self._plan.make_gym()
                trajectory = self._play(gym, ticket)
            except _StoppedError:
                return
            except BaseException as error:
                self._done.put((ticket, error))
                return
            self._done.put((ticket, trajectory))

    def _play(self, gym: Gym, ticket: _Ticket) -> Trajectory:
        task, seed, policy_seed = self._plan[ticket.index]
        while True:
            with self._lock:
                ticket.deadline = time.monotonic() + self._timeout
                self._playing.add(ticket)
            try:
                self._enter(ticket)
                policy = self._plan.make_policy(gym, policy_seed)
                plan = self._plan
                trajectory = play(
                    gym, _Watched(policy, self, ticket), task, seed, system=plan.system(gym), effort_weight=plan.effort_weight
                )
            finally:
                self._leave(ticket)
                with self._lock:
                    self._playing.discard(ticket)
            if ticket.abandoned:
                raise _StoppedError
            if trajectory.fault is None or trajectory.fault in NEVER_PASS or ticket.tries == 1:
                return trajectory
            ticket.tries -= 1

    def _enter(self, ticket: _Ticket) -> None:
        left, ticket.deadline = ticket.deadline - time.monotonic(), math.inf  # waiting for a place is not the episode's time
        if not self._gate.enter(lambda: not self._stop.is_set() and not ticket.abandoned):
            raise _StoppedError
        ticket.deadline = time.monotonic() + left
        with self._lock:
            ticket.inside = True

    def _leave(self, ticket: _Ticket) -> None:
        with self._lock:
            inside, ticket.inside = ticket.inside, False
        if inside:
            self._gate.leave()

    def between_turns(self, ticket: _Ticket) -> None:
        """Make room where it is crowded. Raises where the episode is not wanted any more, or late."""
        if self._gate.crowded:
            self._leave(ticket)
            self._enter(ticket)
        if self._stop.is_set() or ticket.abandoned:
            raise _StoppedError
        if time.monotonic() > ticket.deadline:
            raise FaultError(Fault.EPISODE_TIMEOUT, self._too_long())


class _Watched:
    """A policy that looks up before each turn."""

    def __init__(self, policy: Policy, pool: Pool, ticket: _Ticket) -> None:
        self.name = policy.name
        self.model = getattr(policy, "model", "")
        self.begin = policy.begin
        self._policy = policy
        self._pool = pool
        self._ticket = ticket

    def act(self, observation: str) -> Parsed:
        self._pool.between_turns(self._ticket)
        return self._policy.act(observation)
