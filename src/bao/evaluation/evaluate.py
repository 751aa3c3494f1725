"""Judge a policy: play tasks with it into a folder, summarize, and find such folders again.

What is there already is not played again, so an evaluation that was stopped goes on where it stopped.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from bao.errors import ConfigError, RunError
from bao.evaluation.results import EPISODES, SUMMARY, EvaluationResult, write_summary
from bao.evaluation.settings import RUNNING, EvaluationSection
from bao.gym import Gym
from bao.gyms.registry import gym_class
from bao.gyms.section import GymSection, check_scripted, make_gym, requests_at_once, scripted_policy
from bao.measures import summarize
from bao.models.settings import ModelSection
from bao.policies.prompt import rules_text, system_text
from bao.progress import Progress
from bao.rollout.batched import FolderRequests, run_batches
from bao.rollout.executors.base import ExecutionSettings
from bao.rollout.failures import FailurePolicy
from bao.rollout.plan import MakePolicy, Plan, tasks_digest
from bao.rollout.preflight import check_playable
from bao.rollout.request import GymLimits, Limits, OnEpisode, Request
from bao.rollout.runner import discard_log, run
from bao.storage.episodes import iterate_episodes
from bao.storage.folder import CONFIG, LOG, logger, open_folder, relative_to
from bao.task import TaskSet
from bao.trajectory import Fault

if TYPE_CHECKING:
    from bao.policies.agents import Agent
    from bao.policy import Policy


def evaluate(
    policy: str,
    gym: GymSection,
    tasks: TaskSet,
    settings: EvaluationSection,
    out: Path,
    progress: Progress,
    *,
    effort_weight: float | None = None,
    series: str | None = None,
    seed: int = 0,
    model: ModelSection | None = None,
    rows: int = 256,
    agent: Mapping[str, Any] | None = None,
) -> EvaluationResult:
    """Play `tasks` with a policy; leaves episodes and summary in `out`.

    `policy` is ``scripted:NAME``, ``local:PATH``, or an agent as `bao.policies.agents.open_agent` takes it with its settings,
    the table `agent`.
    """
    return evaluate_weights(
        policy,
        gym,
        tasks,
        settings,
        {effort_weight: out},
        progress,
        series=series,
        seed=seed,
        model=model,
        rows=rows,
        agent=agent,
    )[0]


def evaluate_weights(
    policy: str,
    gym: GymSection,
    tasks: TaskSet,
    settings: EvaluationSection,
    folders: Mapping[float | None, Path],
    progress: Progress,
    *,
    series: str | None = None,
    seed: int = 0,
    model: ModelSection | None = None,
    rows: int = 256,
    agent: Mapping[str, Any] | None = None,
) -> list[EvaluationResult]:
    """As `evaluate` at several effort weights, each with a folder of its own; what is missing is played in one go.

    Raises `ConfigError` on an unknown policy, on an effort weight that it cannot be told, and before any episode is played on
    tasks that the gym refuses.
    """
    opened = _check_policy(policy, gym, settings, list(folders), agent or {}, progress)
    check_playable(make_gym(gym), tasks)
    kind, _, name = policy.partition(":")
    series = series or (opened.name if opened else name if kind == "scripted" else Path(name).parent.name or name)
    settled = {"tasks", "effort_weights", "scripted", *RUNNING}
    if opened is not None:
        settled |= {"temperature", "turn_tokens", "trajectory_tokens"}  # its own settings say
    judged, missing = [], []
    for weight, out in folders.items():
        if (out / EPISODES).is_file() and not (out / CONFIG).is_file():
            raise ConfigError(f"--out {out} holds {EPISODES} without the {CONFIG} that tells how they came about: name another")
        open_folder(
            out,
            {
                **_played_by(policy, opened, out),
                "series": series,
                "effort_weight": weight,
                "seed": seed,
                "gym": gym.identity(),
                "gym_version": gym_class(gym.name).version,
                "tasks": len(tasks),
                "first_task": tasks[0].id,
                "last_task": tasks[-1].id,
                "tasks_digest": tasks_digest(tasks.tasks),
                "evaluation": settings.model_dump(mode="json", exclude=settled),
            },
        )
        judged.append(EvaluationResult(series if weight is None else f"{series} w={weight:g}", series, out))
        if not ((out / SUMMARY).is_file() and (out / EPISODES).is_file()):
            missing.append(weight)
        else:
            discard_log(out)  # of a run that was killed between its last two steps
    if not missing:
        return judged
    if opened is not None or kind == "scripted":
        made: MakePolicy = partial(scripted_policy, name, series)
        if opened is not None:
            made = _OpenedAgent(policy, agent or {}, series, opened)
        for weight in missing:
            _play_turns(made, policy, opened, weight, series, gym, tasks, settings, folders[weight], seed, progress)
    else:
        _play_local(
            Path(name),
            series,
            gym,
            tasks,
            settings,
            {weight: folders[weight] for weight in missing},
            seed,
            model or ModelSection(),
            rows,
            progress,
        )
    setting = setting_of(make_gym(gym), gym)
    for weight in missing:
        _summarize(folders[weight], series, settings, setting, seed, progress)
    return judged


def _played_by(policy: str, opened: "Agent | None", out: Path) -> dict[str, Any]:
    """What `out` says of the policy: a path as seen from there, so that the two may be moved together."""
    if policy.startswith("local:"):
        return {"policy": f"local:{relative_to(Path(policy.removeprefix('local:')), out)}"}
    if opened is None:
        return {"policy": policy}
    place, _, name = policy.rpartition(":")
    return {**opened.identity, **({"policy": f"{relative_to(Path(place), out)}:{name}"} if place.endswith(".py") else {})}


def setting_of(gym: Gym, section: GymSection) -> dict[str, Any]:
    """Under what a gym's episodes are played: what makes two evaluations comparable, beside their tasks."""
    user, settings = gym.user_backend, section.settings
    for name, role in (("llm", "played by"), ("judge", "judged by")):
        if isinstance(settings.get(name), Mapping):
            user += f", {role} {settings[name].get('model')}"
    if settings.get("persona") is not None:
        user += f", persona {settings['persona']}"
    return {"gym_version": gym.version, "horizon": gym.horizon, "convention": gym.convention, "user": user}


def _check_policy(
    policy: str,
    gym: GymSection,
    settings: EvaluationSection,
    weights: Sequence[float | None],
    agent: Mapping[str, Any],
    progress: Progress,
) -> "Agent | None":
    """The agent that `policy` names where it is neither scripted nor local."""
    kind, _, name = policy.partition(":")
    told = [weight for weight in weights if weight is not None]
    for weight in told:
        if not (math.isfinite(weight) and weight >= 0):
            raise ConfigError(f"effort_weight={weight} must be a finite number of at least 0")
    if kind in ("scripted", "local") and name and agent:
        raise ConfigError(f"agent.{next(iter(agent))} is no setting of a {kind} policy: leave it out")
    if kind == "scripted" and name:
        check_scripted(gym, [name])
        if told:
            raise ConfigError(f"effort_weight={told[0]:g}: the scripted policies are told none; leave it out")
    elif kind == "local" and name:
        from bao.models import local

        for setting, value, usual in (("workers", settings.workers, 1), ("ray", settings.ray, None)):
            if value != usual:
                raise ConfigError(
                    f"evaluation.{setting}={value!r} (--{setting}) is for policies that are asked turn by turn: leave it out "
                    "for a local one, whose episodes share a batch; on a CPU --set model.workers=N has N processes play them"
                )
        local.check_folder(Path(name))
        trained = local.read_profile(Path(name)).effort_weights
        if told and not trained:
            raise ConfigError(f"effort_weight={told[0]:g}: the policy in {name} is not conditioned on one; leave it out")
        if trained and len(told) < len(weights):
            raise ConfigError(
                f"the policy in {name} goes by the effort weight that it is told, and none is given: set one of "
                f"{_weights(trained)} (--effort-weight)"
            )
        for weight in told:
            if weight not in trained:
                progress.warn(
                    f"effort_weight={weight:g} is none of those that the policy in {name} was trained with "
                    f"({_weights(trained)}): what it makes of it is anybody's guess"
                )
    else:
        from bao.policies.agents import open_agent  # HTTP and TLS take long to import

        return open_agent(policy, agent)
    return None


def _weights(trained: Sequence[float]) -> str:
    return ", ".join(f"{weight:g}" for weight in trained)


def _summarize(
    out: Path, series: str, settings: EvaluationSection, setting: Mapping[str, Any], seed: int, progress: Progress
) -> None:
    """``summary.json`` from ``episodes.parquet``; the log of the run has served then."""
    _check_healthy(out)
    # With the token traces: a local model's counts are theirs.
    summary = summarize(iterate_episodes(out / EPISODES), seed=seed, resamples=settings.resamples, setting=setting)
    write_summary(out, summary)
    discard_log(out)
    logger.info("%s: %d episodes, score %.3f", out, summary["episodes"], summary["score"]["mean"])
    if found := ", ".join(f"{fault} {count}" for fault, count in summary["faults"].items() if count):
        progress.warn(f"{series}: {sum(summary['faults'].values())} episodes are left out for their faults ({found})")


def _check_healthy(out: Path) -> None:
    """Raises `RunError` with the cause where every episode in `out` ended in a fault."""
    faults: Counter[str] = Counter()
    why = ""
    for episode in iterate_episodes(out / EPISODES, traces=False):
        if episode.fault is None:
            return
        faults[str(episode.fault)] += 1
        why = why or episode.fault_detail
    if faults:
        found = ", ".join(f"{fault} {count}" for fault, count in faults.items())
        # Results of two versions of an agent's file never share a folder.
        again = "evaluate it into another --out" if Fault.POLICY_ERROR in faults else "run the same command again"
        raise RunError(
            f"all {faults.total()} episodes ended in a fault ({found}; the first: {why or 'no more is known'}): mend it and "
            f"{again}, which plays them anew ({out / LOG} tells of each)"
        )


def _play_turns(
    make_policy: MakePolicy,
    policy: str,
    opened: "Agent | None",
    effort_weight: float | None,
    series: str,
    section: GymSection,
    tasks: TaskSet,
    settings: EvaluationSection,
    out: Path,
    seed: int,
    progress: Progress,
) -> None:
    """Play a policy that takes whole turns into `out`. `make_policy` can be pickled, for other processes call it too."""
    identity = {
        "gym": section.identity(),
        "version": gym_class(section.name).version,
        "series": series,
        **({"policy": policy} if opened is None else opened.identity),
        **({} if effort_weight is None else {"effort_weight": effort_weight}),
    }
    told = partial(rules_text, effort_weight=effort_weight)
    if opened is not None and opened.prompt is not None:
        told = partial(system_text, form=opened.prompt, effort_weight=effort_weight)
    seeds = range(seed, seed + settings.rollouts)
    plan = Plan(partial(make_gym, section), make_policy, tasks.tasks, seeds, identity, told, effort_weight)
    failures = _failures(settings)
    limits = [*requests_at_once(section), *([] if opened is None else [opened.at_once])]
    running = ExecutionSettings(
        settings.concurrency or min(limits, default=settings.workers),
        settings.workers,
        settings.ray,
        failures,
        settings.episode_timeout,
    )
    with progress.task(f"playing {series}", len(plan), quiet=True) as update:
        run(plan, out, out / EPISODES, running, update, progress.warn)


def _failures(settings: EvaluationSection) -> FailurePolicy:
    return FailurePolicy(settings.failures, settings.retries, settings.minimum_healthy)


class _OpenedAgent:
    """Makes an agent's policies, in any process: each opens the agent for itself, from what it was opened by."""

    def __init__(self, policy: str, settings: Mapping[str, Any], series: str, agent: "Agent | None") -> None:
        self._by = (policy, settings, series)
        self._agent = agent
        self._opening = Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        from bao.policies.loading import from_anywhere

        policy, settings, series = self._by
        return _OpenedAgent, (from_anywhere(policy), settings, series, None)

    def __call__(self, gym: Gym, seed: int) -> "Policy":
        policy, settings, series = self._by
        with self._opening:
            if self._agent is None:
                from bao.policies.agents import open_agent

                self._agent = open_agent(policy, settings)
        return self._agent.make(gym, seed, series)


def _play_local(
    path: Path,
    series: str,
    gym: GymSection,
    tasks: TaskSet,
    settings: EvaluationSection,
    folders: Mapping[float | None, Path],
    seed: int,
    model: ModelSection,
    rows: int,
    progress: Progress,
) -> None:
    """Play a local model into the folders of its effort weights. Where models take part in the gym, at most
    ``settings.concurrency`` episodes wait for them at once, and no more than they may get requests."""
    from bao.models.local import load_local, weights_digest
    from bao.models.workers import Rollouts, Workers, worker_count

    loaded, failures = load_local(path, model.device), _failures(settings)
    limits = requests_at_once(gym)
    at_once = min([*limits, settings.concurrency or limits[0]]) if limits else 0
    rollouts = Rollouts(
        partial(make_gym, gym),
        Limits(settings.turn_tokens, settings.trajectory_tokens),
        rows,
        settings.temperature,
        loaded.profile.prompt,
        series,
        model.dtype == "bfloat16",
        GymLimits(at_once, settings.episode_timeout, failures.tries),
    )
    identity = {
        "gym": gym.identity(),
        "version": gym_class(gym.name).version,
        "series": series,
        "prompt": loaded.profile.prompt,
        "weights": weights_digest(loaded.model),
        "limits": [settings.turn_tokens, settings.trajectory_tokens],
        "temperature": settings.temperature,
        "dtype": model.dtype,
    }
    batches = {}
    for weight, out in folders.items():
        rng = np.random.default_rng([seed, 2])  # the same seeds at every weight, so that points can be compared in pairs
        requests = [Request(task, int(rng.integers(2**31)), weight) for task in tasks for _ in range(settings.rollouts)]
        batches[out] = FolderRequests(requests, identity)

    def play(requests: Sequence[Request], note: OnEpisode) -> None:
        # Starting processes costs seconds, which a few episodes do not repay.
        count = worker_count(model) if len(requests) > 200 else 1
        with Workers(loaded.model, loaded.template, rollouts, count=count) as workers:
            workers.rollout(requests, on_episode=note)

    with progress.task(f"evaluating {series}", sum(map(len, batches.values()))) as update:
        run_batches(batches, EPISODES, make_gym(gym), play, failures, update)
