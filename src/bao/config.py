"""What a recipe sets: every setting, its default and its meaning. TOML in, TOML out; an unknown key is an error.

The sections follow the data: which gym, which model, which demonstrations, how to warm-start, how to reinforce, how to judge.
"""

import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from bao.credit import Baseline, Estimator
from bao.errors import ConfigError, suggest
from bao.prompt import PromptForm
from bao.rollout.failures import Failures
from bao.shaping import IS_COEFFICIENT, OT_COEFFICIENT, CostWeights, PenaltyVariant, Shaping
from bao.users.settings import llm_settings

EffortWeights = Annotated[tuple[Annotated[float, Field(ge=0)], ...], Field(min_length=1)]
"""At least one price of a user-involving turn, in units of R."""


MODEL_TABLES = ("llm", "judge")
"""The gym's settings that describe a model: who plays the user, who judges."""

TRACKERS = ("mlflow", "trackio", "wandb")
"""The experiment trackers that a recipe may ask for."""
EMBEDDED_POSITIONS = 2048
"""Tokens that the embedded model can look back on: prompt and trajectory together."""


class Section(BaseModel):
    """A table of the recipe. Frozen; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class GymSection(Section):
    name: str = "travel"
    levels: tuple[int, ...] | None = None
    """Difficulty levels to draw tasks from; none: all that the gym has."""
    settings: dict[str, Any] = {}
    """Passed to the gym: ``horizon``, ``convention``, ``user``, ``persona``, the tables ``llm`` and ``judge`` (see
    `bao.users.settings.LLMSettings`) and what is the gym's own."""

    @field_validator("settings")
    @classmethod
    def _models_are_well_set(cls, values: dict[str, Any]) -> dict[str, Any]:
        # Before anything is written: a key in the wrong place must not reach a file.
        for name in MODEL_TABLES:
            if name in values:
                llm_settings(values[name], f"gym.settings.{name}")
        return values

    def identity(self) -> dict[str, Any]:
        """What can change an episode: all but how the models of its users are reached and their replies kept."""
        values = self.model_dump(mode="json")
        tables = {
            name: llm_settings(values["settings"][name]).identity() for name in MODEL_TABLES if name in values["settings"]
        }
        return {**values, "settings": {**values["settings"], **tables}}


class ModelSection(Section):
    path: str | None = None
    """A Hugging Face model folder to start from; none: the embedded small model, freshly initialised."""
    hidden: int = Field(default=128, ge=16)
    layers: int = Field(default=3, ge=1)
    heads: int = Field(default=4, ge=1)
    kv_heads: int = Field(default=2, ge=1)
    feedforward: int = Field(default=384, ge=16)
    vocabulary: int = Field(default=1024, ge=300)
    prompt: PromptForm = PromptForm.BRIEF
    device: str = "cpu"
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Precision of the forward and backward passes (weights stay in float32: autocast)."""
    workers: int = Field(default=0, ge=0)
    """Processes that share the work on a CPU; 0: one for each core (1 on another device, and for a model from `path`)."""

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.heads % self.kv_heads:
            raise ValueError(f"heads={self.heads} must be a multiple of kv_heads={self.kv_heads}")
        if self.hidden % (2 * self.heads):
            raise ValueError(f"hidden={self.hidden} must be a multiple of twice heads={self.heads}")
        return self


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

    def build(self) -> Shaping:
        costs = CostWeights(turns=self.turns, verbosity=self.verbosity, premature=self.premature, unparsable=self.unparsable)
        return Shaping(costs, self.information_seeking, self.over_thinking, self.variant)


class CreditSection(Section):
    estimator: Estimator = Estimator.GROUP_REWARD_TO_GO
    gamma: float = Field(default=1.0, ge=0, le=1)
    baseline: Baseline = Baseline.TURN


RUNNING = frozenset({"concurrency", "workers", "ray", "failures", "retries", "minimum_healthy", "episode_timeout"})
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
    minimum_healthy: float = Field(default=0.9, ge=0, le=1)
    """The share of episodes that has to be healthy under ``minimum_viable``."""
    episode_timeout: float = Field(default=3600.0, gt=0)
    """Seconds that one try of an episode may take; of a local model, whose episodes share its time: that the gym may take."""
    scripted: tuple[str, ...] = ("oracle", "ask_all", "never_ask", "random")
    """Scripted policies to evaluate beside it."""
    resamples: int = Field(default=1000, ge=100)


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


class Recipe(Section):
    """A whole run: demonstrations, warm start, reinforcement, evaluation, frontier, report."""

    name: str = "run"
    seed: int = Field(default=0, ge=0, lt=2**53)
    gym: GymSection = GymSection()
    model: ModelSection = ModelSection()
    sft: SFTSection = SFTSection()
    grpo: GRPOSection = GRPOSection()
    shaping: ShapingSection = ShapingSection()
    credit: CreditSection = CreditSection()
    evaluation: EvaluationSection = EvaluationSection()
    logging: LoggingSection = LoggingSection()

    @model_validator(mode="after")
    def _trajectories_fit(self) -> Self:
        if self.model.path is None:
            for name, tokens in (("grpo", self.grpo.trajectory_tokens), ("evaluation", self.evaluation.trajectory_tokens)):
                if tokens >= EMBEDDED_POSITIONS:
                    raise ValueError(
                        f"{name}.trajectory_tokens={tokens} leaves no room for a prompt in the {EMBEDDED_POSITIONS} positions "
                        "of the embedded model: lower it"
                    )
        return self


def load_recipe(source: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """A recipe from a TOML file or by the name of a bundled one, with ``section.key=value`` overrides (values in TOML).

    Raises `ConfigError` naming the key, the value and the fix.
    """
    path = Path(source)
    if path.suffix == ".toml":
        if not path.is_file():
            raise ConfigError(f"no recipe at {path}: give a TOML file or one of {', '.join(recipe_names())}")
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path} is no UTF-8 text ({error.reason} at byte {error.start}): save it as UTF-8") from error
    else:
        bundled = files("bao.recipes").joinpath(f"{source}.toml")
        if not bundled.is_file():
            raise ConfigError(f"recipe {str(source)!r} is unknown: {suggest(str(source), recipe_names())}")
        text = bundled.read_text(encoding="utf-8")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source} is no valid TOML: {error}") from error
    if "arms" in values:
        raise ConfigError(f"{source} describes arms of a comparison, not a single run: use bao run {source}")
    for override in overrides:
        override_setting(values, override)
    return check_recipe(values, str(source))


def recipe_names() -> list[str]:
    return sorted(item.name.removesuffix(".toml") for item in files("bao.recipes").iterdir() if item.name.endswith(".toml"))


def check_recipe(values: Mapping[str, Any], source: str = "recipe") -> Recipe:
    """Validate parsed values. Raises `ConfigError` with one line for each setting that is wrong."""
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        lines = []
        for issue in error.errors():
            key = ".".join(map(str, issue["loc"]))
            if issue["type"] == "extra_forbidden":
                lines.append(f"{source}: {key} is no setting: {suggest(str(issue['loc'][-1]), _fields_at(issue['loc'][:-1]))}")
            elif issue["type"] == "value_error":
                lines.append(": ".join(filter(None, (source, key, str(issue["ctx"]["error"])))))
            else:
                lines.append(f"{source}: {key}={issue['input']!r}: {issue['msg']}")
        raise ConfigError("\n".join(lines)) from error


def _fields_at(location: tuple[int | str, ...]) -> list[str]:
    section: Any = Recipe
    for name in location:
        annotation = section.model_fields[name].annotation if isinstance(name, str) else None
        candidates = [annotation, *get_args(annotation)]
        section = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), section)
    return list(section.model_fields)


def override_setting(values: dict[str, Any], override: str) -> None:
    """Set one ``section.key=value`` (the value in TOML, else as text). Raises `ConfigError` where it is none."""
    key, sign, text = override.partition("=")
    if not sign:
        raise ConfigError(f"override {override!r} is no KEY=VALUE, such as grpo.steps=20")
    try:
        value = tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        value = text
    *sections, name = key.strip().split(".")
    table = values
    for section in sections:
        table = table.setdefault(section, {})
        if not isinstance(table, dict):
            raise ConfigError(f"override {override!r}: {section} is a value, not a section")
    table[name] = value
