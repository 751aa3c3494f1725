"""Play evaluated policies again under another user or judge: whether they learned the task, or whom they were trained with.

An evaluation's folder says how it was played; all of that stays but the user or the judge. What such runs tell is reckoned by
`bao.measures.transfer`.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bao.errors import ConfigError, DataError, suggest
from bao.evaluation.evaluate import evaluate
from bao.evaluation.results import EvaluationResult
from bao.evaluation.settings import EvaluationSection
from bao.gyms.registry import gym_class
from bao.gyms.section import MODEL_TABLES, GymSection, make_gym, task_set
from bao.models.settings import ModelSection
from bao.progress import Progress
from bao.rollout.plan import tasks_digest
from bao.rollout.preflight import check_playable
from bao.storage.folder import CONFIG
from bao.task import TaskSet
from bao.users.persona import PRESETS
from bao.users.settings import model_at

_UNSAFE = re.compile(r"[^\w.+-]+")
_OF_A_USER = ("user", "persona", *MODEL_TABLES)


@dataclass(frozen=True)
class Counterpart:
    """Another user or judge, as settings of a gym."""

    label: str
    settings: Mapping[str, Any]

    @property
    def folder(self) -> str:
        """The label as the name of a folder."""
        return _UNSAFE.sub("-", self.label.replace("://", "-")).strip("-.")

    def of(self, section: GymSection) -> GymSection:
        """`section` with this user or judge. A model that judged goes on judging, unless this says otherwise."""
        settings = dict(section.settings)
        if "llm" in self.settings and settings.get("user") in gym_class(section.name).judged_users and "llm" in settings:
            settings.setdefault("judge", settings["llm"])
        return GymSection.model_validate({**section.model_dump(), "settings": {**settings, **self.settings}})


def other_user(text: str, api_key_env: str | None = None) -> Counterpart:
    """The user that `text` names: a persona, MODEL@BASE_URL, one of the gym's users, or a TOML file of settings of a gym.

    What it does not name stays as it was. Raises `ConfigError` on a file that is none.
    """
    if text == "llm":
        raise ConfigError("--users llm names no model: give MODEL@BASE_URL, such as --users qwen3@http://127.0.0.1:8000/v1")
    if text.endswith(".toml"):
        return Counterpart(f"user {Path(text).stem}", _read(Path(text)))
    if "@" in text:
        return Counterpart(f"user {text}", {"user": "llm", "llm": model_at(text, "--users", api_key_env)})
    return Counterpart(f"user {text}", {"persona" if text in PRESETS else "user": text})


def other_judge(text: str, api_key_env: str | None = None) -> Counterpart:
    """The judge MODEL@BASE_URL that `text` names."""
    return Counterpart(f"judge {text}", {"judge": model_at(text, "--judges", api_key_env)})


def _read(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"--users {path} is no readable TOML file ({error}): mend or create it") from error
    for key in values:
        if key not in _OF_A_USER:
            raise ConfigError(f"--users {path}: {key} says nothing of a user: {suggest(key, _OF_A_USER)}")
    return values


@dataclass(frozen=True)
class _Played:
    """How an evaluation was played."""

    judged: EvaluationResult
    policy: str
    agent: Mapping[str, Any]
    gym: GymSection
    tasks: TaskSet
    evaluation: EvaluationSection
    effort_weight: float | None
    seed: int


def play_again(
    judged: Sequence[EvaluationResult],
    others: Sequence[Counterpart],
    out: Path,
    progress: Progress,
    *,
    tasks: Path | None = None,
    api_key_env: str | None = None,
    concurrency: int | None = None,
    workers: int = 1,
    device: str = "cpu",
) -> dict[str, list[EvaluationResult]]:
    """Play each of `judged` under each of `others`: evaluations in ``out/OTHER/POLICY``, by the label of the other.

    An evaluation whose settings already are those is not played again. `tasks` is the file that the tasks were read from, where
    they are not the gym's own. What is there already is not played again either. Raises, before anything is played,
    `ConfigError` on a user or judge that a gym does not have and on tasks or an agent that are not those that were evaluated,
    and `DataError` on a folder that does not say how it was played.
    """
    if len({other.folder for other in others}) < len(others):
        raise ConfigError(f"{', '.join(other.label for other in others)}: two are named alike; leave one out")
    running = {"concurrency": concurrency, "workers": workers}
    played = [_played(each, tasks, api_key_env, running) for each in judged]
    for other in others:
        for each in played:
            _check(other, each)
    found: dict[str, list[EvaluationResult]] = {}
    for other in others:
        found[other.label] = []
        for each in played:
            gym = other.of(each.gym)
            if _settings(gym) == _settings(each.gym):
                found[other.label].append(each.judged)
                continue
            folder = out / other.folder / _UNSAFE.sub("-", each.judged.label)
            found[other.label].append(
                evaluate(
                    each.policy,
                    gym,
                    each.tasks,
                    each.evaluation,
                    folder,
                    progress,
                    effort_weight=each.effort_weight,
                    series=each.judged.series,
                    seed=each.seed,
                    model=ModelSection(device=device),
                    agent=each.agent,
                )
            )
    return found


def _settings(section: GymSection) -> dict[str, Any]:
    settings: dict[str, Any] = section.identity()["settings"]
    return {"user": gym_class(section.name).user_backends[0], **settings}


def _check(other: Counterpart, played: _Played) -> None:
    known = gym_class(played.gym.name).user_backends
    if other.settings.get("user", known[0]) not in known:
        raise ConfigError(
            f"{other.label} is unknown to {played.gym.name}: {suggest(str(other.settings['user']), [*known, *PRESETS])} A "
            "model is given as MODEL@BASE_URL, other settings as FILE.toml"
        )
    try:
        check_playable(make_gym(other.of(played.gym)), played.tasks)
    except ConfigError as error:
        raise ConfigError(f"{other.label}: {error}") from error


def _played(judged: EvaluationResult, file: Path | None, api_key_env: str | None, running: Mapping[str, Any]) -> _Played:
    values = judged.settings()
    try:
        told, count, digest = values["policy"], values["tasks"], values["tasks_digest"]
        gym = GymSection.model_validate(_with_key(values["gym"], api_key_env))
        evaluation = EvaluationSection.model_validate({**values["evaluation"], **running})
    except (KeyError, ValueError) as error:
        raise DataError(
            f"{judged.folder / CONFIG} does not say how it was played ({error}): run `bao eval` again, into another folder"
        ) from error
    tasks = task_set(gym, evaluation.split, count) if file is None else gym_class(gym.name).read_tasks(file, evaluation.split)
    if tasks_digest(tasks.tasks) != digest:
        what = f"the gym's first {count}" if file is None else f"those in {file}"
        raise ConfigError(f"the tasks of {judged.folder} are not {what}: name the file that they were read from by --tasks")
    policy, agent = _agent(judged, told, dict(values.get("agent", {})), api_key_env)
    return _Played(judged, policy, agent, gym, tasks, evaluation, values.get("effort_weight"), values["seed"])


def _with_key(gym: Mapping[str, Any], api_key_env: str | None) -> dict[str, Any]:
    """With the variable that holds the key of its models, which an evaluation's settings do not tell."""
    settings = dict(gym.get("settings", {}))
    for name in MODEL_TABLES:
        if name in settings and api_key_env is not None:
            settings[name] = {**settings[name], "api_key_env": api_key_env}
    return {**gym, "settings": settings}


def _agent(judged: EvaluationResult, told: str, agent: dict[str, Any], api_key_env: str | None) -> tuple[str, dict[str, Any]]:
    """The policy argument, and the agent's settings. A path was told as seen from the evaluation's folder."""
    kind, _, name = told.partition(":")
    if kind == "scripted":
        return told, {}
    if kind == "local":
        return f"local:{(judged.folder / name).resolve()}", {}
    if kind == "openai":
        return told, agent | ({} if api_key_env is None else {"api_key_env": api_key_env})
    place, _, name = told.rpartition(":")
    policy = f"{(judged.folder / place).resolve()}:{name}" if place.endswith(".py") else told
    from bao.policies.agents import open_agent

    if open_agent(policy, {}).identity["agent"] != agent:
        raise ConfigError(
            f"{told} is not what {judged.folder} was played with any more: run `bao eval` again, into another folder"
        )
    return policy, {}


__all__ = ["Counterpart", "other_judge", "other_user", "play_again"]
