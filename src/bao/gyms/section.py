"""The part of a run's settings that says what is played, and what it stands for: a gym, its tasks, its scripted policies."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from pydantic import field_validator

from bao.errors import ConfigError, suggest
from bao.gym import Gym
from bao.gyms.registry import gym_class, make
from bao.policy import Policy
from bao.settings import Section
from bao.task import Split, TaskSet
from bao.users.settings import llm_settings

MODEL_TABLES = ("llm", "judge")
"""The gym's settings that describe a model: who plays the user, who judges."""
MOST_TASKS = 1_000_000


class GymSection(Section):
    name: str = "travel"
    levels: tuple[int, ...] | None = None
    """Difficulty levels to draw tasks from; none: all that the gym has."""
    settings: dict[str, Any] = {}  # noqa: RUF012
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


def make_gym(section: GymSection) -> Gym:
    return make(section.name, **section.settings)


def task_set(section: GymSection, split: Split | str, size: int) -> TaskSet:
    """The first `size` tasks of a split. Raises `ConfigError` where there is none, or they are more than fit into memory."""
    if size > MOST_TASKS:
        raise ConfigError(f"tasks={size} must be at most {MOST_TASKS:,}")
    return _task_set(section.name, Split(split), size, section.levels)


@lru_cache(maxsize=8)
def _task_set(gym: str, split: Split, size: int, levels: tuple[int, ...] | None) -> TaskSet:
    tasks = gym_class(gym).task_set(split, size, levels)
    if not tasks:
        raise ConfigError(f"{gym} gives no {split} task for tasks={size}: ask for one at least")
    return tasks


def check_scripted(section: GymSection, names: Sequence[str]) -> None:
    """Raises `ConfigError` where the gym has no scripted policy of one of these names."""
    known = gym_class(section.name).scripted_policies()
    for name in names:
        if name not in known:
            raise ConfigError(f"policy scripted:{name} is unknown to {section.name}: {suggest(name, known)}")


def scripted_policy(name: str, series: str, gym: Gym, seed: int) -> Policy:
    policy = gym.scripted_policies()[name](gym, seed)
    policy.name = series
    return policy


def requests_at_once(section: GymSection) -> list[int]:
    """How many requests each of the models of a gym may get at once."""
    return [llm_settings(section.settings[name]).concurrency for name in MODEL_TABLES if name in section.settings]
