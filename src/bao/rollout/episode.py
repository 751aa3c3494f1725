"""Play one episode, turn by turn, with a policy that returns whole turns (a scripted one, an API's, a user's own)."""

import time
from typing import Any

from bao.action import Parsed
from bao.gym import Gym
from bao.policy import CountedTurn, Policy
from bao.task import Task
from bao.trajectory import Fault, FaultError, OutOfTokensError, PolicyError, StopReason, Trajectory, Turn

NEVER_PASS = (Fault.GYM_ERROR,)
"""Faults of code, which another try would meet again."""


def play(
    gym: Gym,
    policy: Policy,
    task: Task,
    seed: int,
    *,
    system: str | None = None,
    effort_weight: float | None = None,
    budget: int | None = None,
) -> Trajectory:
    """One episode of `policy` on `task`; `effort_weight` and `budget` are what `system` tells.

    A `FaultError` ends the episode as a fault: it is returned with stop reason ``fault``, to be retried or excluded. A
    `PolicyError` ends it as the agent's failure, with ``policy_error``.
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
    except PolicyError as error:
        stop, success, detail = StopReason.POLICY_ERROR, False, str(error)
    except FaultError as error:
        stop, success, fault, detail = StopReason.FAULT, False, error.fault, error.detail
    happened = {"opening": opening, "turns": tuple(turns), "stop": stop, "success": success, "fault": fault}
    told = {"fault_detail": detail, "effort_weight": effort_weight, "budget": budget, "model": getattr(policy, "model", "")}
    told |= {"system": system, "satisfaction": gym.satisfaction if fault is None else None}
    return recorded(gym, policy, task, seed, seconds=time.perf_counter() - start, **happened, **told)


def recorded(gym: Gym, policy: Policy, task: Task, seed: int, **what: Any) -> Trajectory:
    """The record of an episode; `what` happened, by the fields of `Trajectory`."""
    place: dict[str, Any] = {"gym": gym.name, "task_id": task.id, "horizon": gym.horizon, "level": task.level}
    place |= {"repaired": None, "measured": None} if what["fault"] else {"repaired": gym.repaired, "measured": gym.measured}
    return Trajectory(policy=policy.name, seed=seed, **place, **what)


def _turn(parsed: Parsed, reply: str, reward: float, involves_user: bool) -> Turn:
    read = wrote = None
    if isinstance(parsed, CountedTurn):
        read, wrote = parsed.prompt_tokens, parsed.completion_tokens
    thinking, action, parse_fault = parsed
    tokens = parsed.words if wrote is None else wrote
    return Turn(thinking, action, reply, reward, involves_user, parse_fault, tokens, read, wrote)
