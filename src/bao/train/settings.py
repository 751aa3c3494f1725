"""How to warm-start, how to reinforce, and where training metrics go."""

from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from bao.errors import ConfigError, suggest
from bao.measures.behaviors import Behavior
from bao.settings import AUTO, FoundWeights, Section
from bao.train.credit import Baseline, Estimator, Mixing, Scale
from bao.train.infopo import GATE, PLACEHOLDER, InfoPO
from bao.train.penalties import IS_COEFFICIENT, OT_COEFFICIENT, PenaltyVariant
from bao.train.shaping import OVER_BUDGET, CostWeights, Shaping
from bao.train.shown import Shown, all_but, nothing
from bao.train.situations import Situations

TRACKERS = ("mlflow", "trackio", "wandb")
"""The experiment trackers that a recipe may ask for."""


class Selection(StrEnum):
    """Which plays of a teacher are imitated."""

    HINDSIGHT = "hindsight"
    SUCCESS = "success"


SINGLE_TURNS = 150


class SFTSection(Section):
    demonstrations: int = Field(default=8000, ge=1)
    teacher: str = "teacher"
    """The gym's scripted policy that demonstrates."""
    episodes: str | None = None
    """The folder of an evaluation on training tasks (`bao eval ... --split train --rollouts 12`), whose plays are imitated in
    place of a scripted teacher's (``hindsight``)."""
    selection: Selection = Selection.HINDSIGHT
    """Which of its plays are imitated. ``hindsight``: those of least regret at the told price, by measured values.
    ``success``: those that succeeded, whatever the price."""
    situations: Situations = Situations.THINKING
    """What tells the situations apart whose values are measured (``hindsight``)."""
    plays: int = Field(default=24, ge=2)
    """Plays of the teacher on each task, of which one is imitated at each price (``hindsight``)."""
    skill: float = Field(default=0.2, ge=0, lt=1)
    """Share of the demonstrations that come first, are told no price or the price 0, and act as if involving the user were free
    (``hindsight``)."""
    top_price: float | None = Field(default=None, gt=0)
    """The largest price that demonstrations are made for (``hindsight``); none: the largest at which acting pays."""
    unseen_prices: tuple[float, ...] = ()
    """Prices that no demonstration tells, to judge how the policy goes on between those that it was shown (``hindsight``)."""
    budgets: tuple[Annotated[int, Field(ge=0)], ...] = ()
    """Budgets of user turns that demonstrations are made for beside prices (``hindsight``), such as [0, 1, 2, 4]."""
    budget_share: float = Field(default=0.3, gt=0, lt=1)
    """Share of the demonstrations that tell a budget, where there are ``budgets``; every other one of them a price too."""
    single_turns: int | None = Field(default=None, ge=0)
    """Updates before all others in which each turn is learned after the reply before it alone: out of so few words a model from
    scratch learns to copy at once, out of whole episodes late or never. None: `SINGLE_TURNS` for such a model, otherwise 0."""
    observations: bool = False
    """Learn to predict what the agent is told, too: for a model that is trained from scratch, since replies repeat words, which
    teaches it to copy, where its own turns alone may not."""
    thinking: bool = True
    """Show what the teacher thinks; otherwise only what it does."""
    leave_out: tuple[Behavior, ...] = ()
    """Behaviours whose clauses of the thinking are not shown, such as ["memory_management"]."""
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

    @model_validator(mode="after")
    def _imitates_in_hindsight(self) -> Self:
        if self.episodes is not None and self.selection is not Selection.HINDSIGHT:
            raise ValueError(
                f"episodes={self.episodes!r} serves selection='hindsight' only, not {str(self.selection)!r}: leave it out"
            )
        return self

    @model_validator(mode="after")
    def _leaves_out(self) -> Self:
        if self.leave_out and not self.thinking:
            raise ValueError(
                "leave_out serves thinking=true only, since without it no behaviour is shown: leave one of them out"
            )
        return self

    def single_turn_updates(self, from_scratch: bool) -> int:
        """`single_turns` where it is set."""
        return self.single_turns if self.single_turns is not None else SINGLE_TURNS * from_scratch

    @property
    def shown(self) -> Shown:
        """What is shown of the thinking."""
        return all_but(self.leave_out) if self.thinking else nothing

    @model_validator(mode="after")
    def _tells_budgets(self) -> Self:
        if self.budgets and self.selection is not Selection.HINDSIGHT:
            raise ValueError(
                f"budgets={list(self.budgets)} serve selection='hindsight' only, not {str(self.selection)!r}: leave them out"
            )
        if self.budgets and self.skill + self.budget_share >= 1:
            raise ValueError(
                f"skill={self.skill:g} and budget_share={self.budget_share:g} leave no demonstration for prices: lower one so "
                "that their sum is below 1"
            )
        return self


class GRPOSection(Section):
    steps: int = Field(default=60, ge=1)
    groups: int = Field(default=24, ge=1)
    """Tasks per step."""
    group_size: int = Field(default=8, ge=2)
    """Trajectories per task."""
    tasks: int = Field(default=4000, ge=1)
    """Training tasks to draw from."""
    effort_weights: FoundWeights = (0.0, 0.05, 0.1, 0.15, 0.2)
    """Each group draws one and is told it. With a single weight the policy is trained for that trade-off alone. ``"auto"``:
    found from the gym's scripted policies before anything is trained (`bao prices` shows them)."""
    budgets: tuple[Annotated[int, Field(ge=0)], ...] = ()
    """Each group draws one of these or an effort weight, and is told it. A user turn beyond the budget costs
    ``shaping.over_budget``, those within it nothing."""
    conditioned: bool = True
    """Tell the policy the effort weight in its prompt."""
    optimizer: Literal["muon", "adamw"] = "adamw"
    learning_rate: float = Field(default=3e-4, gt=0)
    """A warm start that plays well already is unlearned at three times as much."""
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

    @model_validator(mode="after")
    def _tells_budgets(self) -> Self:
        if self.budgets and not self.conditioned:
            raise ValueError(
                f"budgets={list(self.budgets)} with conditioned=false: a policy that is told nothing knows no budget; leave "
                "them out"
            )
        return self

    @model_validator(mode="after")
    def _tells_weights(self) -> Self:
        # As "auto" they are still to be found, and `bao.recipes.weights` refuses them.
        if not self.conditioned and self.effort_weights != AUTO and len(set(self.effort_weights)) > 1:
            raise ValueError(
                f"effort_weights={list(self.effort_weights)} with conditioned=false: a policy that is told none needs a single "
                "one; their mean is the same to it as each in turn"
            )
        return self

    @property
    def weights(self) -> tuple[float, ...]:
        """The effort weights as numbers. Raises `ConfigError` where they are still to be found."""
        if self.effort_weights == AUTO:
            raise ConfigError(
                "grpo.effort_weights='auto' has not been resolved: let `bao.recipes.weights` find them, or give some"
            )
        return self.effort_weights


class ShapingSection(Section):
    information_seeking: float = Field(default=IS_COEFFICIENT, ge=0)
    """lambda_IS."""
    over_thinking: float = Field(default=OT_COEFFICIENT, ge=0)
    """lambda_OT."""
    variant: PenaltyVariant = PenaltyVariant.PAPER
    turns: float = Field(default=0.0, ge=0)
    questions: float = Field(default=0.0, ge=0)
    """Price of a question to the user, beside that of the turn."""
    verbosity: float = Field(default=0.0, ge=0)
    """Price of a word that the user has to read."""
    premature: float = Field(default=0.0, ge=0)
    unparsable: float | None = None
    over_budget: float = Field(default=OVER_BUDGET, ge=0)
    """What a user turn beyond a told budget costs."""
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
        costs = CostWeights(
            turns=self.turns,
            verbosity=self.verbosity,
            questions=self.questions,
            premature=self.premature,
            unparsable=self.unparsable,
            over_budget=self.over_budget,
        )
        penalties = (self.information_seeking, self.over_thinking, self.variant, self.information_gain, self.information_bits)
        return Shaping(costs, *penalties)

    def intrinsic(self) -> InfoPO | None:
        """What InfoPO adds to the advantages; None where it is off."""
        return InfoPO(self.infopo, self.infopo_gate, self.infopo_placeholder) if self.infopo else None


class CreditSection(Section):
    estimator: Estimator = Estimator.GROUP_REWARD_TO_GO
    gamma: float = Field(default=1.0, ge=0, le=1)
    baseline: Baseline = Baseline.TURN
    scale: Scale | None = None
    """Left out, ``group_reward_to_go`` takes ``batch``. The published estimators have scales of their own and take none."""
    mixing: Mixing | None = None
    """Left out, ``group_reward_to_go`` takes ``first``. ``late`` needs the scale ``batch``. The published ones take none."""

    @model_validator(mode="before")
    @classmethod
    def _own(cls, values: Any) -> Any:
        # Filled in or emptied here, so that a run's folder says what it was trained with, and an arm of a comparison may choose
        # a published estimator over a base that holds the defaults.
        if not isinstance(values, dict):
            return values
        ours = values.get("estimator", Estimator.GROUP_REWARD_TO_GO) == Estimator.GROUP_REWARD_TO_GO
        defaults = {"scale": Scale.BATCH, "mixing": Mixing.FIRST}
        if ours:
            return {**defaults, **{name: value for name, value in values.items() if value is not None}}
        return {name: value for name, value in values.items() if value != defaults.get(name)}

    @model_validator(mode="after")
    def _serves(self) -> Self:
        if self.estimator != Estimator.GROUP_REWARD_TO_GO:
            for name, value in (("scale", self.scale), ("mixing", self.mixing)):
                if value is not None:
                    raise ValueError(
                        f"{name}={str(value)!r} serves estimator='group_reward_to_go' only, not {str(self.estimator)!r}: "
                        f"leave {name} out"
                    )
        elif self.mixing == Mixing.LATE and self.scale != Scale.BATCH:
            raise ValueError(
                f"mixing='late' divides each objective by a scale of the batch, and scale={str(self.scale)!r} was chosen: "
                "leave scale out or choose mixing='first'"
            )
        return self


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
