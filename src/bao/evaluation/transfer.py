"""Play evaluated policies again under another user or judge: whether they learned the task, or whom they were trained with.

An evaluation's folder says how it was played; all of that stays but the user or the judge. What such runs tell is reckoned by
`bao.measures.transfer`.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bao.errors import ConfigError, DataError, suggest
from bao.evaluation.evaluate import evaluate
from bao.evaluation.results import EvaluationResult
from bao.evaluation.settings import EvaluationJob, EvaluationSection
from bao.gyms.registry import gym_class
from bao.gyms.section import MODEL_TABLES, GymSection, make_gym, task_set
from bao.models.settings import ModelSection
from bao.policy import CHAT_KINDS, PolicyKind, PolicyRef
from bao.progress import Progress
from bao.rollout.plan import tasks_digest
from bao.rollout.preflight import check_playable
from bao.storage.folder import CONFIG
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
class Execution:
    """How policies are played again: what their evaluations do not say, and what may differ."""

    tasks: Path | None = None
    """The file that the tasks were read from, where they are not the gym's own."""
    api_key_env: str | None = None
    """The environment variable that holds the key of all endpoints that take part."""
    concurrency: int | None = None
    workers: int = 1
    device: str = "cpu"


@dataclass(frozen=True)
class _Played:
    """How an evaluation was played."""

    result: EvaluationResult
    policy: PolicyRef
    job: EvaluationJob
    effort_weight: float | None


def play_again(
    results: Sequence[EvaluationResult], others: Sequence[Counterpart], out: Path, execution: Execution, progress: Progress
) -> dict[str, list[EvaluationResult]]:
    """Play each of `results` under each of `others`: evaluations in ``out/OTHER/POLICY``, by the label of the other.

    An evaluation whose settings already are those is not played again, and neither is what is there already. Raises, before
    anything is played, `ConfigError` on a user or judge that a gym does not have and on tasks or an agent that are not those
    that were evaluated, and `DataError` on a folder that does not say how it was played.
    """
    if len({other.folder for other in others}) < len(others):
        raise ConfigError(f"{', '.join(other.label for other in others)}: two are named alike; leave one out")
    played = [_played(each, execution) for each in results]
    for other in others:
        for each in played:
            _check(other, each.job)
    found: dict[str, list[EvaluationResult]] = {}
    for other in others:
        found[other.label] = []
        for each in played:
            job = replace(each.job, gym=other.of(each.job.gym))
            if _settings(job.gym) == _settings(each.job.gym):
                found[other.label].append(each.result)
                continue
            folder = out / other.folder / _UNSAFE.sub("-", each.result.label)
            found[other.label] += evaluate(each.policy, job, {each.effort_weight: folder}, progress)
    return found


def _settings(section: GymSection) -> dict[str, Any]:
    settings: dict[str, Any] = section.identity()["settings"]
    return {"user": gym_class(section.name).user_backends[0], **settings}


def _check(other: Counterpart, job: EvaluationJob) -> None:
    known = gym_class(job.gym.name).user_backends
    if other.settings.get("user", known[0]) not in known:
        raise ConfigError(
            f"{other.label} is unknown to {job.gym.name}: {suggest(str(other.settings['user']), [*known, *PRESETS])} A "
            "model is given as MODEL@BASE_URL, other settings as FILE.toml"
        )
    try:
        check_playable(make_gym(other.of(job.gym)), job.tasks)
    except ConfigError as error:
        raise ConfigError(f"{other.label}: {error}") from error


def _played(result: EvaluationResult, execution: Execution) -> _Played:
    values, file = result.settings, execution.tasks
    try:
        policy, count, digest = values["policy"], values["tasks"], values["tasks_digest"]
        gym = GymSection.model_validate(_with_key(values["gym"], execution.api_key_env))
        how = {"concurrency": execution.concurrency, "workers": execution.workers}
        evaluation = EvaluationSection.model_validate({**values["evaluation"], **how})
    except (KeyError, ValueError) as error:
        raise DataError(
            f"{result.folder / CONFIG} does not say how it was played ({error}): run `bao eval` again, into another folder"
        ) from error
    tasks = task_set(gym, evaluation.split, count) if file is None else gym_class(gym.name).read_tasks(file, evaluation.split)
    if tasks_digest(tasks.tasks) != digest:
        what = f"the gym's first {count}" if file is None else f"those in {file}"
        raise ConfigError(f"the tasks of {result.folder} are not {what}: name the file that they were read from by --tasks")
    ref, agent = _policy(result, PolicyRef.parse(policy), dict(values.get("agent", {})), execution.api_key_env)
    model = ModelSection(device=execution.device)
    told = values.get("budget")
    job = EvaluationJob(gym, tasks, evaluation, values["seed"], result.series, model, agent, budget=told)
    return _Played(result, ref, job, values.get("effort_weight"))


def _with_key(gym: Mapping[str, Any], api_key_env: str | None) -> dict[str, Any]:
    """With the variable that holds the key of its models, which an evaluation's settings do not tell."""
    settings = dict(gym.get("settings", {}))
    for name in MODEL_TABLES:
        if name in settings and api_key_env is not None:
            settings[name] = {**settings[name], "api_key_env": api_key_env}
    return {**gym, "settings": settings}


def _policy(
    result: EvaluationResult, ref: PolicyRef, agent: dict[str, Any], api_key_env: str | None
) -> tuple[PolicyRef, dict[str, Any]]:
    """The policy, and the agent's settings. A path was written as seen from the evaluation's folder."""
    if ref.kind in CHAT_KINDS:
        return ref, agent | ({} if api_key_env is None else {"api_key_env": api_key_env})
    here = ref if ref.path is None else ref.at((result.folder / ref.path).resolve())
    if ref.kind == PolicyKind.OBJECT:
        from bao.policies.agents import open_agent

        if open_agent(here, {}).identity["agent"] != agent:
            raise ConfigError(
                f"{ref} is not what {result.folder} was played with any more: run `bao eval` again, into another folder"
            )
    return here, {}
