"""How to warm-start, how to reinforce, and where training metrics go."""

from typing import Literal

from pydantic import Field, field_validator

from bao.errors import suggest
from bao.settings import EffortWeights, Section
from bao.train.credit import Baseline, Estimator
from bao.train.infopo import GATE, PLACEHOLDER, InfoPO
from bao.train.penalties import IS_COEFFICIENT, OT_COEFFICIENT, PenaltyVariant
from bao.train.shaping import CostWeights, Shaping

TRACKERS = ("mlflow", "trackio", "wandb")
"""The experiment trackers that a recipe may ask for."""


class SFTSection(Section):
    demonstrations: int = Field(default=8000, ge=1)
    teacher: str = "teacher"
    """The gym's scripted policy that demonstrates."""
    tasks: int = Field(default=4000, ge=1)
    """Training tasks that the demonstrations are played on."""
    epochs: int = Field(default=1, ge=1)
    optimizer: Literal["muon", "adamw"] = "muon"
    """Muon learns from scratch faster; AdamW is the usual choice for a pretrained model."""
    learning_rate: float = Field(default=1e-2, gt=0)
    batch_size: int = Field(default=8, ge=1)
    """Demonstrations per update."""
    warmup: int = Field(default=50, ge=0)
    """Updates over which the learning rate rises; after them it falls along a cosine."""
    weight_decay: float = Field(default=0.01, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)


class GRPOSection(Section):
    steps: int = Field(default=60, ge=1)
    groups: int = Field(default=24, ge=1)
    """Tasks per step."""
    group_size: int = Field(default=8, ge=2)
    """Trajectories per task."""
    tasks: int = Field(default=4000, ge=1)
    """Training tasks to draw from."""
    effort_weights: EffortWeights = (0.0, 0.05, 0.1, 0.15, 0.2)
    """Each group draws one and is told it. With a single weight the policy is trained for that trade-off alone."""
    conditioned: bool = True
    """Tell the policy the effort weight in its prompt."""
    optimizer: Literal["muon", "adamw"] = "adamw"
    learning_rate: float = Field(default=7e-4, gt=0)
    warmup: int = Field(default=5, ge=0)
    final_learning_rate: float = Field(default=0.1, ge=0, le=1)
    """Share of the learning rate left at the last step, reached along a line."""
    minibatches: int = Field(default=2, ge=1)
    """Optimiser updates per step, each on its share of the groups."""
    clip: float = Field(default=0.2, gt=0)
    kl: float = Field(default=0.0, ge=0)
    """Weight of the KL divergence from the starting policy (k3 estimate)."""
    entropy: float = Field(default=0.0, ge=0)
    """Weight of the entropy bonus."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    weight_decay: float = Field(default=0.0, ge=0)
    temperature: float = Field(default=1.0, gt=0)
    turn_tokens: int = Field(default=64, ge=4)
    trajectory_tokens: int = Field(default=800, ge=16)
    micro_batch_tokens: int = Field(default=4096, ge=64)
    """Padded tokens per forward pass; whole groups, so a large group may exceed it."""
    share_prompt: bool = True
    rows: int = Field(default=256, ge=1)
    """Episodes that run at once."""
    checkpoint_every: int = Field(default=10, ge=1)
    keep_checkpoints: int = Field(default=2, ge=1)


class ShapingSection(Section):
    information_seeking: float = Field(default=IS_COEFFICIENT, ge=0)
    """lambda_IS."""
    over_thinking: float = Field(default=OT_COEFFICIENT, ge=0)
    """lambda_OT."""
    variant: PenaltyVariant = PenaltyVariant.PAPER
    turns: float = Field(default=0.0, ge=0)
    verbosity: float = Field(default=0.0, ge=0)
    premature: float = Field(default=0.0, ge=0)
    unparsable: float | None = None
    information_gain: float = Field(default=0.0, ge=0)
    """lambda_IG: most that a query costs for what it failed to tell, in gyms that know."""
    information_bits: float = Field(default=1.0, gt=0)
    """Bits from which on a query has told enough."""
    infopo: float = Field(default=0.0, ge=0)
    """Weight of InfoPO's intrinsic reward (published: 0.5). It costs about two forward passes more a step."""
    infopo_gate: float = Field(default=GATE, gt=0)
    """Std of a group's returns that closes the gate on it by half again."""
    infopo_placeholder: str = Field(default=PLACEHOLDER, min_length=1)

    def build(self) -> Shaping:
        costs = CostWeights(turns=self.turns, verbosity=self.verbosity, premature=self.premature, unparsable=self.unparsable)
        penalties = (self.information_seeking, self.over_thinking, self.variant, self.information_gain, self.information_bits)
        return Shaping(costs, *penalties)

    def intrinsic(self) -> InfoPO | None:
        """What InfoPO adds to the advantages; None where it is off."""
        return InfoPO(self.infopo, self.infopo_gate, self.infopo_placeholder) if self.infopo else None


class CreditSection(Section):
    estimator: Estimator = Estimator.GROUP_REWARD_TO_GO
    gamma: float = Field(default=1.0, ge=0, le=1)
    baseline: Baseline = Baseline.TURN


class LoggingSection(Section):
    """Where training metrics go beside ``metrics.jsonl`` and TensorBoard. Changes no result, so a begun run may change it."""

    trackers: tuple[str, ...] = ()
    """Experiment trackers: ``mlflow``, ``trackio``, ``wandb``."""
    project: str = Field(default="bao", min_length=1)
    """What the runs are filed under there."""
    online: bool = False
    """Let trackers send to where their own environment variables say; otherwise they keep to files on this machine."""

    @field_validator("trackers")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in TRACKERS:
                raise ValueError(f"{name!r} is no tracker: {suggest(name, TRACKERS)}")
        return names
