"""What a recipe sets. Each section lies beside what it sets: which gym, which model, how to train, how to judge."""

import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from bao.errors import ConfigError, suggest
from bao.evaluation.settings import EvaluationSection
from bao.gyms.section import GymSection
from bao.models.settings import EMBEDDED_POSITIONS, ModelSection
from bao.settings import Section, check_settings, override_setting
from bao.train.settings import CreditSection, GRPOSection, LoggingSection, SFTSection, ShapingSection


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

    @model_validator(mode="after")
    def _budgets_are_told(self) -> Self:
        if self.sft.budgets and not self.grpo.conditioned:
            raise ValueError(
                f"sft.budgets={list(self.sft.budgets)} with grpo.conditioned=false: a policy that is told nothing knows no "
                "budget; leave them out"
            )
        return self

    @model_validator(mode="after")
    def _episodes_are_measured(self) -> Self:
        if self.sft.episodes is not None and not self.grpo.conditioned:
            raise ValueError(
                f"sft.episodes={self.sft.episodes!r} with grpo.conditioned=false: plays are measured for a policy that is told "
                "prices; leave it out, and name a scripted teacher"
            )
        return self


def load_recipe(source: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """A recipe from a TOML file or by the name of a bundled one, with ``section.key=value`` overrides (values in TOML).

    Raises `ConfigError` naming the key, the value and the fix.
    """
    values = read_values(source)
    if has_arms(values):
        raise ConfigError(f"{source} describes arms of a comparison, not a single run: use bao run {source}")
    for override in overrides:
        override_setting(values, override)
    return check_recipe(values, str(source))


def read_values(source: str | Path) -> dict[str, Any]:
    """What a TOML file, or the bundled recipe of this name, holds. Raises `ConfigError` where it cannot be read."""
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
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source} is no valid TOML: {error}") from error


def has_arms(values: Mapping[str, Any]) -> bool:
    """Whether a file's values describe arms of a comparison (`bao.recipes.ablation`)."""
    return "arms" in values or "factors" in values


def recipe_names() -> list[str]:
    return sorted(item.name.removesuffix(".toml") for item in files("bao.recipes").iterdir() if item.name.endswith(".toml"))


def check_recipe(values: Mapping[str, Any], source: str = "recipe") -> Recipe:
    """Validate parsed values. Raises `ConfigError` with one line for each setting that is wrong."""
    return check_settings(Recipe, values, source)
