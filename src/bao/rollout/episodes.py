"""Play episodes one turn at a time, for policies that return whole turns (scripted ones, an API's, a user's own)."""

import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import cast

import numpy as np

from bao.action import Parsed
from bao.gym import Gym
from bao.policies import CountedTurn, Policy
from bao.task import Task
from bao.trajectory import Fault, FaultError, OutOfTokensError, StopReason, Trajectory, Turn


def play(gym: Gym, policy: Policy, task: Task, seed: int, *, system: str | None = None) -> Trajectory:
    """One episode of `policy` on `task`.

    A `FaultError` ends the episode as a fault: it is returned with stop reason ``fault``, to be retried or excluded.
    """
    start = time.perf_counter()
    system = gym.instructions() if system is None else system
    turns: list[Turn] = []
    stop, success, fault, detail = StopReason.FAULT, False, None, ""
    opening = ""
    try:
        opening, _ = gym.reset(seed=seed, options={"task": task})
        policy.begin(system, opening)
        observation, ended = opening, False
        while not ended:
            parsed = policy.act(observation)
            observation, reward, terminated, truncated, info = gym.step(parsed.action)
            turns.append(_turn(parsed, observation, reward, info["involves_user"]))
            ended = terminated or truncated
            if ended:
                stop, success = info["stop"], info["success"]
    except OutOfTokensError as error:
        stop, success = StopReason.TOKEN_BUDGET, False
        if error.cut is not None:
            turns.append(_turn(error.cut, "", 0.0, False))
    except FaultError as error:
        stop, success, fault, detail = StopReason.FAULT, False, error.fault, error.detail
    return Trajectory(
        gym=gym.name, task_id=task.id, policy=policy.name, seed=seed, opening=opening, turns=tuple(turns), stop=stop,
        success=success, horizon=gym.horizon, system=system, level=task.level, fault=fault, fault_detail=detail,
        seconds=time.perf_counter() - start,
    )  # fmt: skip


def _turn(parsed: Parsed, reply: str, reward: float, involves_user: bool) -> Turn:
    read = wrote = None
    if isinstance(parsed, CountedTurn):
        read, wrote = parsed.prompt_tokens, parsed.completion_tokens
    thinking, action, parse_fault = parsed
    tokens = len(thinking.split()) + len(action.content.split()) if wrote is None else wrote
    return Turn(thinking, action, reply, reward, involves_user, parse_fault, tokens, read, wrote)


MakeGym = Callable[[], Gym]
MakePolicy = Callable[[Gym, int], Policy]
"""A fresh policy from the gym that it will play in and a seed, as `Gym.scripted_policies` offers."""


def play_all(
    gym: Gym | MakeGym, policy: Policy | MakePolicy, tasks: Sequence[Task], seeds: Iterable[int] = (0,), *,
    retries: int = 2, on_episode: Callable[[Trajectory], None] | None = None, concurrency: int = 1,
) -> list[Trajectory]:  # fmt: skip
    """Every task under every seed, in this order; an episode that ends in a fault is tried again up to `retries` times.

    `gym` and `policy` are what plays, episode after episode, or what makes it. Made ones play up to `concurrency` episodes at
    once, each thread in a gym of its own and each episode with a fresh policy, seeded by the episode's seed and task, so that
    nothing depends on how many play at once. `on_episode` is called in this thread, in the order of the result.

    Ctrl-C, or an error in an episode or in `on_episode`, ends it: no further turn is begun, and whoever waits for a reply is
    left behind. Raises `ValueError` where one gym or policy is to play several episodes at once.
    """
    if concurrency < 1:
        raise ValueError(f"concurrency={concurrency} must be at least 1 episode at once")
    episodes = [(task, seed, number) for seed in seeds for number, task in enumerate(tasks)]
    if isinstance(policy, Policy) and not isinstance(policy, type):  # a class has the methods too, and makes a policy
        if not isinstance(gym, Gym):
            raise ValueError("give a gym and a policy, or what makes both")
        if concurrency > 1:
            raise ValueError(f"concurrency={concurrency}: give what makes a gym and a policy, for each episode needs its own")
        ready_gym, ready_policy = gym, policy
        player = _Player(lambda: ready_gym, lambda gym, seed: ready_policy, retries, Event())
    elif isinstance(gym, Gym):
        raise ValueError("give a gym and a policy, or what makes both")
    else:
        player = _Player(gym, cast("MakePolicy", policy), retries, Event())
    played = player.serially(episodes) if concurrency == 1 else player.at_once(episodes, min(concurrency, len(episodes)))
    trajectories = []
    with closing(played):
        for trajectory in played:
            trajectories.append(trajectory)
            if on_episode is not None:
                on_episode(trajectory)
    return trajectories


_Episode = tuple[Task, int, int]
"""Task, seed, number of the task."""


_NEVER_PASS = (Fault.GYM_ERROR, Fault.POLICY_ERROR)
"""Faults of code, which another try would meet again."""


class _StoppedError(Exception):
    """Nobody wants the episode any more."""


@dataclass(frozen=True)
class _Player:
    make_gym: MakeGym
    make_policy: MakePolicy
    retries: int
    stop: Event

    def serially(self, episodes: Iterable[_Episode]) -> Generator[Trajectory, None, None]:
        gym = self.make_gym()
        for episode in episodes:
            yield self._play(gym, episode)

    def at_once(self, episodes: Sequence[_Episode], threads: int) -> Generator[Trajectory, None, None]:
        """Trajectories in the order of `episodes`, as soon as those before are there."""
        waiting: SimpleQueue[int] = SimpleQueue()
        for index in range(len(episodes)):
            waiting.put(index)
        done: SimpleQueue[tuple[int, Trajectory | BaseException]] = SimpleQueue()

        def work() -> None:
            index = -1
            try:
                gym = self.make_gym()
                while not self.stop.is_set():
                    index = waiting.get_nowait()
                    done.put((index, self._play(gym, episodes[index])))
            except (Empty, _StoppedError):
                pass
            except BaseException as error:
                done.put((index, error))

        for number in range(threads):
            # Daemons, since a thread that waits for a reply can be neither interrupted nor waited for.
            Thread(target=work, daemon=True, name=f"bao-episode-{number}").start()
        early: dict[int, Trajectory] = {}
        try:
            for wanted in range(len(episodes)):
                while wanted not in early:
                    index, result = done.get()
                    if isinstance(result, BaseException):
                        raise result
                    early[index] = result
                yield early.pop(wanted)
        finally:
            self.stop.set()

    def _play(self, gym: Gym, episode: _Episode) -> Trajectory:
        task, seed, number = episode
        for _ in range(self.retries + 1):
            policy = self.make_policy(gym, int(np.random.SeedSequence([seed, number]).generate_state(1)[0]))
            trajectory = play(gym, _Stoppable(policy, self.stop), task, seed)
            if trajectory.fault is None or trajectory.fault in _NEVER_PASS:
                break
        return trajectory


class _Stoppable:
    """A policy that takes no further turn once it is to stop."""

    def __init__(self, policy: Policy, stop: Event) -> None:
        self.name = policy.name
        self.begin = policy.begin
        self._policy = policy
        self._stop = stop

    def act(self, observation: str) -> Parsed:
        if self._stop.is_set():
            raise _StoppedError
        return self._policy.act(observation)
