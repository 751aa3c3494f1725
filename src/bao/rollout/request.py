"""What the rollout engine is asked to play, and within which limits."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from bao.task import Task
from bao.trajectory import Trajectory

OnEpisode = Callable[[int, Trajectory], None]
"""Called with the place of a request and what came of it, as episodes end."""


@dataclass(frozen=True)
class Limits:
    """Token limits of an episode."""

    turn_tokens: int = 64
    """The most tokens of one turn; a turn that is cut off is read as it stands."""
    trajectory_tokens: int = 1024
    """The most tokens after the prompt, observations included; beyond it the episode ends with ``token_budget``."""


@dataclass(frozen=True)
class GymLimits:
    """What the gyms of a run may take."""

    at_once: int = 0
    """Gyms that wait for somebody at once (a model that plays the user); 0: they wait for nobody, and answer one by one."""
    seconds: float = math.inf
    """That one try of an episode may wait for its gym, in all; beyond it the episode is a fault. (The model's own time is its
    batch's, not the episode's.)"""
    tries: int = 1
    """Of an episode that ends in a fault."""


@dataclass(frozen=True, slots=True)
class Request:
    """One episode to play."""

    task: Task
    seed: int
    effort_weight: float | None = None
    budget: int | None = None
    """The most user turns that the policy is told to take."""
