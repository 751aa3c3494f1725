"""Play many episodes, held in memory, with policies that return whole turns (scripted ones, an API's, a user's own)."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from typing import cast

from bao.gym import Gym
from bao.policy import Policy
from bao.rollout.episode import NEVER_PASS, play
from bao.rollout.executors.pool import EpisodePool
from bao.rollout.plan import MakeGym, MakePolicy, Plan
from bao.task import Task
from bao.trajectory import Trajectory


def play_all(
    gym: Gym | MakeGym,
    policy: Policy | MakePolicy,
    tasks: Sequence[Task],
    seeds: Iterable[int] = (0,),
    *,
    retries: int = 2,
    on_episode: Callable[[Trajectory], None] | None = None,
    concurrency: int = 1,
    system: Callable[[Gym], str] = Gym.instructions,
    effort_weight: float | None = None,
) -> list[Trajectory]:
    """Every task under every seed, in this order; an episode that ends in a fault is tried again up to `retries` times.

    `gym` and `policy` are what plays, episode after episode, or what makes it. Made ones play up to `concurrency` episodes at
    once, each thread in a gym of its own and each episode with a fresh policy, seeded by the episode's seed and task, so that
    nothing depends on how many play at once. `on_episode` is called in this thread, in the order of the result. All is held in
    memory; `bao.rollout.runner` plays thousands of episodes into a file. `system` is what made policies are told at the start,
    and `effort_weight` the price that it tells.

    Ctrl-C, or an error in an episode or in `on_episode`, ends it: no further turn is begun, and whoever waits for a reply is
    left behind. Raises `ValueError` where one gym or policy is to play several episodes at once.
    """
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
    plan = Plan(gym, cast("MakePolicy", policy), tasks, plan_seeds, system=system, effort_weight=effort_weight)
    with closing(EpisodePool(plan, concurrency, tries=1 + retries)) as pool:
        early: dict[int, Trajectory] = {}
        for played in pool.play(iter(range(len(plan)))):
            early.update(played)
            while len(trajectories) in early:
                note(early.pop(len(trajectories)))
    return trajectories


def _retried(gym: Gym, policy: Policy, task: Task, seed: int, retries: int) -> Trajectory:
    for _ in range(retries + 1):
        trajectory = play(gym, policy, task, seed)
        if trajectory.fault is None or trajectory.fault in NEVER_PASS:
            break
    return trajectory
