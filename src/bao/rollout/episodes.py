"""Play episodes one turn at a time, for policies that return whole turns (scripted ones, an API's, a user's own)."""

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from typing import cast

from bao.action import Parsed
from bao.gym import Gym
from bao.policies import CountedTurn, Policy
from bao.rollout.plan import MakeGym, MakePolicy, Plan
from bao.task import Task
from bao.trajectory import Fault, FaultError, OutOfTokensError, StopReason, Trajectory, Turn

NEVER_PASS = (Fault.GYM_ERROR, Fault.POLICY_ERROR)
"""Faults of code, which another try would meet again."""


def play(
    gym: Gym, policy: Policy, task: Task, seed: int, *, system: str | None = None, effort_weight: float | None = None
) -> Trajectory:
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
        gym=gym.name,
        task_id=task.id,
        policy=policy.name,
        seed=seed,
        opening=opening,
        turns=tuple(turns),
        stop=stop,
        success=success,
        horizon=gym.horizon,
        system=system,
        effort_weight=effort_weight,
        level=task.level,
        fault=fault,
        fault_detail=detail,
        seconds=time.perf_counter() - start,
        model=getattr(policy, "model", ""),
        satisfaction=gym.satisfaction if fault is None else None,
    )


def _turn(parsed: Parsed, reply: str, reward: float, involves_user: bool) -> Turn:
    read = wrote = None
    if isinstance(parsed, CountedTurn):
        read, wrote = parsed.prompt_tokens, parsed.completion_tokens
    thinking, action, parse_fault = parsed
    tokens = parsed.words if wrote is None else wrote
    return Turn(thinking, action, reply, reward, involves_user, parse_fault, tokens, read, wrote)


def play_all(
    gym: Gym | MakeGym,
    policy: Policy | MakePolicy,
    tasks: Sequence[Task],
    seeds: Iterable[int] = (0,),
    *,
    retries: int = 2,
    on_episode: Callable[[Trajectory], None] | None = None,
    concurrency: int = 1,
) -> list[Trajectory]:
    """Every task under every seed, in this order; an episode that ends in a fault is tried again up to `retries` times.

    `gym` and `policy` are what plays, episode after episode, or what makes it. Made ones play up to `concurrency` episodes at
    once, each thread in a gym of its own and each episode with a fresh policy, seeded by the episode's seed and task, so that
    nothing depends on how many play at once. `on_episode` is called in this thread, in the order of the result. All is held in
    memory; `bao.rollout.runner` plays thousands of episodes into a file.

    Ctrl-C, or an error in an episode or in `on_episode`, ends it: no further turn is begun, and whoever waits for a reply is
    left behind. Raises `ValueError` where one gym or policy is to play several episodes at once.
    """
    from bao.rollout.pool import Pool

    if concurrency < 1:
        raise ValueError(f"concurrency={concurrency} must be at least 1 episode at once")
    plan_seeds = tuple(seeds)
    trajectories: list[Trajectory] = []

    def note(trajectory: Trajectory) -> None:
        trajectories.append(trajectory)
        if on_episode is not None:
            on_episode(trajectory)

    made = not isinstance(policy, Policy) or isinstance(policy, type)  # a class has the methods too, and makes a policy
    if made == isinstance(gym, Gym):
        raise ValueError("give a gym and a policy, or what makes both")
    if isinstance(gym, Gym):
        if concurrency > 1:
            raise ValueError(f"concurrency={concurrency}: give what makes a gym and a policy, for each episode needs its own")
        for seed in plan_seeds:
            for task in tasks:
                note(_retried(gym, cast("Policy", policy), task, seed, retries))
        return trajectories
    plan = Plan(gym, cast("MakePolicy", policy), tasks, plan_seeds)
    with closing(Pool(plan, concurrency, tries=1 + retries)) as pool:
        early: dict[int, Trajectory] = {}
        for index, trajectory in pool.play(iter(range(len(plan)))):
            early[index] = trajectory
            while len(trajectories) in early:
                note(early.pop(len(trajectories)))
    return trajectories


def _retried(gym: Gym, policy: Policy, task: Task, seed: int, retries: int) -> Trajectory:
    for _ in range(retries + 1):
        trajectory = play(gym, policy, task, seed)
        if trajectory.fault is None or trajectory.fault in NEVER_PASS:
            break
    return trajectory
