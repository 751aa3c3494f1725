"""The options of `bao.evaluate` and ``bao eval``, as the tables of settings that they stand for."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bao.errors import ConfigError, suggest
from bao.gyms.registry import gym_class
from bao.gyms.section import GymSection, make_gym, task_set
from bao.models.settings import ModelSection
from bao.policy import CHAT_KINDS, PolicyKind, PolicyRef
from bao.settings import override_setting
from bao.task import Split, TaskSet
from bao.users.settings import model_at

TABLES = ("gym", "evaluation", "agent", "model", "seed")
_OF_A_RECIPE = {"tasks": "--tasks", "effort_weights": "--effort-weight", "scripted": "scripted:NAME"}
_SHARED = {"temperature": "temperature", "max_tokens": "turn_tokens", "episode_tokens": "trajectory_tokens"}
"""Settings of a chat model, and the options that it shares with local models."""


def gym_table(
    policy: PolicyRef,
    name: str,
    levels: Sequence[int] | None,
    settings: Mapping[str, Any],
    user_model: str | None,
    judge_model: str | None,
    api_key_env: str | None,
) -> dict[str, Any]:
    """The table ``gym``. Raises `ConfigError` on options that contradict each other."""
    if user_model is not None and settings["user"] not in (None, "llm"):
        raise ConfigError(f"--user {settings['user']} and --user-model contradict each other: leave one out")
    if levels is not None and not levels:
        raise ConfigError("--levels names no level: give one or more, such as --levels 2 3, or leave it out")
    if api_key_env is not None and policy.kind not in CHAT_KINDS and user_model is None and judge_model is None:
        raise ConfigError(f"--api-key-env {api_key_env} is the key of an endpoint, and none is named: leave it out")
    models = {
        "llm": None if user_model is None else model_at(user_model, "--user-model", api_key_env),
        "judge": None if judge_model is None else model_at(judge_model, "--judge-model", api_key_env),
    }
    user = {"user": "llm"} if user_model is not None else {}
    found = {"name": name, "settings": given({**settings, **user, **models})}
    return found if levels is None else {**found, "levels": levels}


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those that were given."""
    return {name: value for name, value in options.items() if value is not None}


def override(values: dict[str, Any], overrides: Sequence[str]) -> None:
    """Put each ``section.key=value`` in place. Raises `ConfigError` on what an evaluation does not read."""
    for each in overrides:
        override_setting(values, each)
    for name in values:
        if name not in TABLES:
            raise ConfigError(f"--set {name}.. is no setting of an evaluation: {suggest(name, TABLES)}")
    for name, instead in _OF_A_RECIPE.items():
        if isinstance(values["evaluation"], dict) and name in values["evaluation"]:
            raise ConfigError(f"--set evaluation.{name} works in recipes only: give {instead}")


def refuse_idle(ref: PolicyRef, options: Mapping[str, Any]) -> None:
    """Raises `ConfigError` on an option that would change nothing of this policy."""
    chat = {*options} - {"device"}
    takes = {PolicyKind.LOCAL: {*options}, **dict.fromkeys(CHAT_KINDS, chat)}.get(ref.kind, set())
    for name in given(options).keys() - takes:
        of = "a local model" if name == "device" else "a local or an openai: model"
        raise ConfigError(f"--{name.replace('_', '-')} {options[name]} is a setting of {of}, and {ref} is none: leave it out")


def agent_table(ref: PolicyRef, values: dict[str, Any], api_key_env: str | None) -> dict[str, Any]:
    """The table ``agent`` of `values`, taken out; of a chat model with the options that it shares with local models."""
    agent = values.pop("agent")
    if not isinstance(agent, dict):
        raise ConfigError("--set agent=.. is no setting: name one of its table, such as agent.timeout=60")
    if ref.kind not in CHAT_KINDS:
        return agent
    evaluation = values["evaluation"]
    shared = {ours: evaluation.pop(theirs) for ours, theirs in _SHARED.items() if theirs in evaluation}
    return {**shared, **given({"api_key_env": api_key_env}), **agent}


def check_model(section: ModelSection) -> None:
    """Raises `ConfigError` where the table ``model`` says which model plays, and not only how it runs."""
    for name in sorted(section.model_fields_set - {"device", "dtype", "workers"}):
        raise ConfigError(f"--set model.{name}: the model is the one in local:PATH; only device, dtype and workers can be set")


def tasks_of(gym: GymSection, tasks: str, split: Split | str) -> TaskSet:
    """As many of the gym's own tasks, or those in a file. Raises `ConfigError` where `tasks` is neither."""
    make_gym(gym)
    if tasks.isdigit():
        return task_set(gym, split, int(tasks))
    if not Path(tasks).exists():
        raise ConfigError(
            f"--tasks {tasks} is neither a number nor a file: say how many of the gym's own tasks, or give a file of tasks"
        )
    return gym_class(gym.name).read_tasks(Path(tasks), split)
