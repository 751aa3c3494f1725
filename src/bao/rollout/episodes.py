"""Play episodes one turn at a time, for policies that return whole turns (scripted ones, an API's, a user's own)."""

import time
from collections.abc import Callable, Iterable, Sequence

from bao.gym import Gym
from bao.policies import Policy
from bao.task import Task
from bao.trajectory import Fault, FaultError, StopReason, Trajectory, Turn


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
            thinking, action, parse_fault = policy.act(observation)
            observation, reward, terminated, truncated, info = gym.step(action)
            words = len(thinking.split()) + len(action.content.split())
            turns.append(Turn(thinking, action, observation, reward, info["involves_user"], parse_fault, words))
            ended = terminated or truncated
            if ended:
                stop, success = info["stop"], info["success"]
    except FaultError as error:
        stop, success, fault, detail = StopReason.FAULT, False, error.fault, error.detail
    return Trajectory(
        gym=gym.name, task_id=task.id, policy=policy.name, seed=seed, opening=opening, turns=tuple(turns), stop=stop,
        success=success, horizon=gym.horizon, system=system, level=task.level, fault=fault, fault_detail=detail,
        seconds=time.perf_counter() - start, satisfaction=gym.satisfaction if fault is None else None,
    )  # fmt: skip


def play_all(
    gym: Gym,
    policy: Policy,
    tasks: Sequence[Task],
    seeds: Iterable[int] = (0,),
    *,
    retries: int = 2,
    on_episode: Callable[[Trajectory], None] | None = None,
) -> list[Trajectory]:
    """Every task under every seed; an episode that ends in a fault is tried again up to `retries` times."""
    trajectories = []
    for seed in seeds:
        for task in tasks:
            for _ in range(retries + 1):
                trajectory = play(gym, policy, task, seed)
                if trajectory.fault is None or trajectory.fault == Fault.GYM_ERROR:
                    break
            trajectories.append(trajectory)
            if on_episode is not None:
                on_episode(trajectory)
    return trajectories
