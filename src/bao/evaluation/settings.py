"""How a policy is judged."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field

from bao.gyms.section import GymSection
from bao.models.settings import ModelSection
from bao.rollout.failures import FailurePolicy, Failures
from bao.settings import EffortWeights, Section
from bao.task import TaskSet

RUNNING = frozenset(
    {"concurrency", "workers", "ray", "failures", "retries", "retry_faults", "minimum_healthy", "episode_timeout"}
)
"""Settings of an evaluation that say how episodes are played, and change none."""


class EvaluationSection(Section):
    split: Literal["train", "valid", "test"] = "test"
    tasks: int = Field(default=200, ge=1)
    rollouts: int = Field(default=1, ge=1)
    """Episodes per task."""
    effort_weights: EffortWeights | None = None
    """Weights told to a conditioned policy, one operating point each; none: those it was trained with."""
    temperature: float = Field(default=0.0, ge=0)
    """0 is greedy."""
    turn_tokens: int = Field(default=64, ge=4)
    trajectory_tokens: int = Field(default=800, ge=16)
    concurrency: int | None = Field(default=None, ge=1)
    """The most episodes at once, over all workers, of a policy that takes whole turns; of a local model those that wait for the
    models of the gym. Fewer while an endpoint is overtaxed. None: as many as the models that take part may get requests at
    once, one for each worker where there is none."""
    workers: int = Field(default=1, ge=1)
    """Processes that share these episodes."""
    ray: str | None = None
    """The address of a Ray cluster that plays them instead of this machine."""
    failures: Failures = Failures.RETRY
    """What is made of an episode that ends in a fault."""
    retries: int = Field(default=2, ge=0)
    """Further tries of such an episode, but under ``fail_fast``."""
    retry_faults: bool = False
    """Play those of a finished folder that ended in a fault again; one that has not finished does so in any case."""
    minimum_healthy: float = Field(default=0.9, ge=0, le=1)
    """The share of episodes that has to be healthy under ``minimum_viable``."""
    episode_timeout: float = Field(default=3600.0, gt=0)
    """Seconds that one try of an episode may take; of a local model, whose episodes share its time: that the gym may take."""
    scripted: tuple[str, ...] | None = None
    """Scripted policies to evaluate beside it; none: all that the gym has but teachers. ``rational``, which reads the price, is
    evaluated at each effort weight."""
    resamples: int = Field(default=1000, ge=100)

    @property
    def failure_policy(self) -> FailurePolicy:
        return FailurePolicy(self.failures, self.retries, self.minimum_healthy)


@dataclass(frozen=True)
class EvaluationJob:
    """All that an evaluation is but who plays and where the results go."""

    gym: GymSection
    tasks: TaskSet
    settings: EvaluationSection = field(default_factory=EvaluationSection)
    seed: int = 0
    """Of the episodes, of a policy's sampling and of the bootstrap."""
    series: str | None = None
    """What tables call the policy; None: its own name."""
    model: ModelSection = field(default_factory=ModelSection)
    """How a local model runs."""
    agent: Mapping[str, Any] = field(default_factory=dict)
    """The settings of a policy that is neither scripted nor local (`bao.policies.settings`)."""
    rows: int = 256
    """The most episodes in a local model's batch."""
    budget: int | None = None
    """The most user turns that the policy is told to take, beside an effort weight or in place of one."""
