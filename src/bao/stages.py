"""The stages of a run: warm start, reinforcement, evaluation, frontier, report.

Each takes what it needs and a folder, leaves its result there, and does nothing where the result is there already; so a run
that was stopped goes on where it stopped. `bao.cli` wraps them as commands.
"""

import copy
import json
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from bao.behavior.synthesize import Demonstration, Rejection, counts, demonstrations
from bao.config import MODEL_TABLES, RUNNING, EvaluationSection, GymSection, ModelSection, Recipe
from bao.errors import ConfigError, DataError, suggest
from bao.folder import logger, open_folder
from bao.gym import Gym, gym_class, make
from bao.measures import summarize
from bao.progress import Progress
from bao.rollout.episodes import play_all
from bao.rollout.failures import FailurePolicy
from bao.rollout.plan import MakePolicy, Plan, tasks_digest
from bao.rollout.preflight import check_playable
from bao.rollout.runner import Running, discard_log, run
from bao.shaping import check_weights, largest_paying_weight
from bao.store import iterate_episodes, read_episodes, write_episodes
from bao.task import Split, TaskSet
from bao.trajectory import Trajectory
from bao.users.settings import llm_settings

if TYPE_CHECKING:
    from bao.pareto import Frontier
    from bao.policies import Policy
    from bao.policies.agents import Agent
    from bao.policies.local import LocalModel
    from bao.train.trackers import Trackers

EPISODES, SUMMARY, FRONTIER, REPORT = "episodes.parquet", "summary.json", "frontier.json", "report.html"
MODEL = "model"


def make_gym(section: GymSection) -> Gym:
    return make(section.name, **section.settings)


def task_set(section: GymSection, split: Split | str, size: int) -> TaskSet:
    """The first `size` tasks of a split. Raises `ConfigError` where there is none."""
    return _task_set(section.name, Split(split), size, section.levels)


@lru_cache(maxsize=8)
def _task_set(gym: str, split: Split, size: int, levels: tuple[int, ...] | None) -> TaskSet:
    tasks = gym_class(gym).task_set(split, size, levels)
    if not tasks:
        raise ConfigError(f"{gym} gives no {split} task for tasks={size}: ask for one at least")
    return tasks


def scripted(section: GymSection, names: Sequence[str]) -> None:
    """Raises `ConfigError` where the gym has no scripted policy of one of these names."""
    known = gym_class(section.name).scripted_policies()
    for name in names:
        if name not in known:
            raise ConfigError(f"policy scripted:{name} is unknown to {section.name}: {suggest(name, known)}")


def check_effort_weights(recipe: Recipe, progress: Progress) -> float:
    """The largest effort weight at which acting pays on this gym, from its oracle.

    Warns of weights that silence some tasks; raises `ConfigError` on one that silences the gym.
    """
    tasks = task_set(recipe.gym, Split.TRAIN, min(200, recipe.grpo.tasks))
    make_policy = partial(_scripted_policy, "oracle", "oracle")
    concurrency = min(_requests_at_once(recipe.gym), default=1)
    episodes = play_all(partial(make_gym, recipe.gym), make_policy, tasks.tasks, concurrency=concurrency)
    try:
        warnings = check_weights(recipe.grpo.effort_weights, episodes)
    except ConfigError as error:
        raise ConfigError(f"grpo.effort_weights={list(recipe.grpo.effort_weights)}: {error}") from error
    for warning in warnings:
        progress.warn(f"grpo.effort_weights: {warning}")
    return largest_paying_weight(episodes)


def demonstrate(recipe: Recipe) -> tuple[list[Demonstration], Counter[Rejection]]:
    """The demonstrations of a recipe, and why others were rejected. Raises `ConfigError` where hardly any is kept."""
    scripted(recipe.gym, [recipe.sft.teacher])
    gym = make_gym(recipe.gym)
    rejected: Counter[Rejection] = Counter()
    found = demonstrations(
        gym, gym.scripted_policies()[recipe.sft.teacher], task_set(recipe.gym, Split.TRAIN, recipe.sft.tasks),
        recipe.sft.demonstrations, np.random.default_rng([recipe.seed, 1]),
        effort_weights=recipe.grpo.effort_weights if recipe.grpo.conditioned else (), form=recipe.model.prompt,
        rejected=rejected,
    )  # fmt: skip
    try:
        return list(found), rejected
    except ValueError as error:
        raise ConfigError(
            f"sft.teacher={recipe.sft.teacher!r} shows hardly anything worth imitating (rejected: {counts(rejected)}): give "
            "it more turns (gym.settings.horizon) or easier tasks (gym.levels), or name another teacher"
        ) from error


def warm_start(recipe: Recipe, out: Path, progress: Progress) -> Path:
    """Demonstrations, model and SFT; the folder of the warm-started model."""
    from bao.policies import local
    from bao.train.sft import encode, train_sft
    from bao.train.trackers import require
    from bao.train.workers import Workers, worker_count

    prompts = {"conditioned": recipe.grpo.conditioned, "effort_weights": list(recipe.grpo.effort_weights)}
    open_folder(out, {**recipe.model_dump(mode="json", include={"seed", "gym", "model", "sft"}), "prompts": prompts})
    target = out / MODEL
    if local.is_saved(target):
        return target
    local.check_device(recipe.model.device)
    require(recipe.logging)
    with progress.task("demonstrations", None):
        kept, rejected = demonstrate(recipe)
    logger.info("%d demonstrations kept, rejected: %s", len(kept), counts(rejected))
    start = _initial_model(recipe, kept)
    with progress.task("encoding", None):
        traces = [encode(demonstration, start.template) for demonstration in kept]
    count = worker_count(recipe.model)
    with (
        progress.task("warm start", None) as update,
        Workers(start.model, start.template, None, count=count) as workers,
        _trackers(recipe, out, progress) as trackers,
    ):
        train_sft(workers, traces, recipe.sft, recipe.seed, out, update, trackers=trackers)
    local.save_local(target, start)
    return target


def _trackers(recipe: Recipe, out: Path, progress: Progress) -> "Trackers":
    from bao.train.trackers import Trackers

    settings = recipe.model_dump(mode="json", exclude={"logging"}, exclude_none=True)
    return Trackers(recipe.logging, out, f"{recipe.name}-{out.name}", recipe.name, settings, progress.warn)


def _initial_model(recipe: Recipe, kept: Sequence[Demonstration]) -> "LocalModel":
    from bao.policies import local, tiny
    from bao.policies.template import Template

    profile = local.Profile(recipe.model.prompt, recipe.grpo.effort_weights if recipe.grpo.conditioned else ())
    if recipe.model.path is not None:
        loaded = local.load_local(Path(recipe.model.path), recipe.model.device)
        return loaded._replace(profile=profile)
    section = recipe.model
    size = tiny.TinySize(
        section.hidden, section.layers, section.heads, section.kv_heads, section.feedforward, section.vocabulary
    )
    texts = ("\n".join([d.system, d.opening, *(part for turn in d.turns for part in turn[:2])]) for d in kept[:3000])
    tokenizer = tiny.train_tokenizer(texts, section.vocabulary)
    model: Any = tiny.make_model(tokenizer, size, recipe.seed)
    return local.LocalModel(model.to(local.check_device(section.device)), Template(tokenizer), profile)


def reinforce(recipe: Recipe, start: Path, out: Path, progress: Progress) -> Path:
    """GRPO from the model in `start`; the folder of the trained model."""
    from bao.policies import local
    from bao.rollout.engine import Limits
    from bao.train.grpo import GRPOTrainer
    from bao.train.trackers import require
    from bao.train.workers import Rollouts, Workers, worker_count

    local.check_folder(start)
    open_folder(out, {"start": _beside(start, out), **recipe.model_dump(mode="json", exclude={"evaluation", "logging"})})
    target = out / MODEL
    if local.is_saved(target):
        return target
    require(recipe.logging)
    largest = check_effort_weights(recipe, progress)
    logger.info("acting pays up to an effort weight of %.3f", largest)
    loaded = local.load_local(start, recipe.model.device)
    settings, autocast = recipe.grpo, recipe.model.dtype == "bfloat16"
    rollouts = Rollouts(
        partial(make_gym, recipe.gym), Limits(settings.turn_tokens, settings.trajectory_tokens), settings.rows,
        settings.temperature, recipe.model.prompt, "training", autocast,
    )  # fmt: skip
    reference = copy.deepcopy(loaded.model).eval().requires_grad_(False) if settings.kl else None
    count = worker_count(recipe.model)
    with (
        Workers(loaded.model, loaded.template, rollouts, count=count, reference=reference) as workers,
        _trackers(recipe, out, progress) as trackers,
    ):
        trainer = GRPOTrainer(
            workers, task_set(recipe.gym, Split.TRAIN, settings.tasks), settings, recipe.shaping.build(), recipe.credit,
            seed=recipe.seed, out=out, autocast=autocast, trackers=trackers,
        )  # fmt: skip
        with progress.task("reinforcement", settings.steps) as update:
            trainer.train(update, warn=progress.warn)
    profile = local.Profile(recipe.model.prompt, recipe.grpo.effort_weights if recipe.grpo.conditioned else ())
    local.save_local(target, loaded._replace(profile=profile))
    return target


@dataclass(frozen=True)
class Judged:
    """One evaluated policy at one effort weight, as it lies in a folder."""

    label: str
    series: str
    folder: Path

    def episodes(self) -> list[Trajectory]:
        return read_episodes(self.folder / EPISODES)

    def stream(self) -> Iterator[Trajectory]:
        """Its episodes one by one, without their token traces."""
        return iterate_episodes(self.folder / EPISODES, traces=False)

    def summary(self) -> dict[str, Any]:
        path = self.folder / SUMMARY
        try:
            values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(
                f"{path} is no readable summary ({error}): remove {self.folder} and run `bao eval` again into it"
            ) from error
        if not isinstance(values, dict) or not {"policy", "effort_weight", "score"} <= set(values):
            raise DataError(f"{path} is no summary of an evaluation: name folders that `bao eval` wrote")
        return values


def evaluate(
    policy: str, gym: GymSection, tasks: TaskSet, settings: EvaluationSection, out: Path, progress: Progress, *,
    effort_weight: float | None = None, series: str | None = None, seed: int = 0, model: ModelSection | None = None,
    rows: int = 256, agent: Mapping[str, Any] | None = None,
) -> Judged:  # fmt: skip
    """Play `tasks` with a policy; leaves episodes and summary in `out`.

    `policy` is ``scripted:NAME``, ``local:PATH``, or an agent as `bao.policies.agents.open_agent` takes it with its settings,
    the table `agent`.
    """
    return evaluate_weights(
        policy, gym, tasks, settings, {effort_weight: out}, progress, series=series, seed=seed, model=model, rows=rows,
        agent=agent,
    )[0]  # fmt: skip


def evaluate_weights(
    policy: str, gym: GymSection, tasks: TaskSet, settings: EvaluationSection, folders: Mapping[float | None, Path],
    progress: Progress, *, series: str | None = None, seed: int = 0, model: ModelSection | None = None, rows: int = 256,
    agent: Mapping[str, Any] | None = None,
) -> list[Judged]:  # fmt: skip
    """As `evaluate` at several effort weights, each with a folder of its own; what is missing is played in one go.

    Raises `ConfigError` on an unknown policy, on an effort weight that it cannot be told, and before any episode is played on
    tasks that the gym refuses.
    """
    opened = _check_policy(policy, gym, list(folders), agent or {}, progress)
    check_playable(make_gym(gym), tasks)
    kind, _, name = policy.partition(":")
    series = series or (opened.name if opened else name if kind == "scripted" else Path(name).parent.name or name)
    settled = {"tasks", "effort_weights", "scripted", *RUNNING}
    if opened is not None:
        settled |= {"temperature", "turn_tokens", "trajectory_tokens"}  # its own settings say
    judged, missing = [], []
    for weight, out in folders.items():
        played_by = (
            opened.identity if opened else {"policy": policy if kind == "scripted" else f"local:{_beside(Path(name), out)}"}
        )
        open_folder(
            out, {
                **played_by, "series": series, "effort_weight": weight, "seed": seed, "tasks": len(tasks),
                "first_task": tasks[0].id, "last_task": tasks[-1].id, "tasks_digest": tasks_digest(tasks.tasks),
                "gym_version": gym_class(gym.name).version, "gym": gym.identity(),
                "evaluation": settings.model_dump(mode="json", exclude=settled),
            },
        )  # fmt: skip
        judged.append(Judged(series if weight is None else f"{series} w={weight:g}", series, out))
        if not ((out / SUMMARY).is_file() and (out / EPISODES).is_file()):
            missing.append(weight)
        else:
            discard_log(out)  # of a run that was killed between its last two steps
    if not missing:
        return judged
    if opened is not None or kind == "scripted":
        made: MakePolicy = partial(_scripted_policy, name, series)
        if opened is not None:
            made = _OpenedAgent(policy, agent or {}, series, opened)
        identity = {"policy": policy} if opened is None else opened.identity
        for weight in missing:
            _play_turns(
                made, {**identity, "series": series}, gym, tasks, settings, folders[weight], seed, progress,
                at_once=None if opened is None else opened.at_once,
            )  # fmt: skip
    else:
        if settings.workers > 1 or settings.ray is not None:
            raise ConfigError(
                "workers and ray are for policies that are asked turn by turn: leave them out for local:PATH (model.workers)"
            )
        section = model or ModelSection()
        played = _play_local(Path(name), series, gym, tasks, settings, missing, seed, section, rows, progress)
        for weight, episodes in played.items():
            write_episodes(folders[weight] / EPISODES, episodes)
    for weight in missing:
        _summarize(folders[weight], series, settings, seed, progress)
    return judged


def _check_policy(
    policy: str, gym: GymSection, weights: Sequence[float | None], agent: Mapping[str, Any], progress: Progress
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
        scripted(gym, [name])
        if told:
            raise ConfigError(f"effort_weight={told[0]:g}: the scripted policies are told none; leave it out")
    elif kind == "local" and name:
        from bao.policies import local

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

        opened = open_agent(policy, agent)
        if told:
            raise ConfigError(f"effort_weight={told[0]:g}: {opened.name} is told none; leave it out")
        return opened
    return None


def _weights(trained: Sequence[float]) -> str:
    return ", ".join(f"{weight:g}" for weight in trained)


def _beside(path: Path, out: Path) -> str:
    """`path` as seen from `out`, so that the two may be moved together without becoming another setting."""
    return Path(os.path.relpath(path, out)).as_posix()


def _summarize(out: Path, series: str, settings: EvaluationSection, seed: int, progress: Progress) -> None:
    """``summary.json`` from ``episodes.parquet``; the log of the run has served then."""
    summary = summarize(iterate_episodes(out / EPISODES), seed=seed, resamples=settings.resamples)
    part = out / f".{SUMMARY}"
    part.write_text(json.dumps(summary, indent=1), encoding="utf-8")
    part.replace(out / SUMMARY)
    discard_log(out)
    logger.info("%s: %d episodes, score %.3f", out, summary["episodes"], summary["score"]["mean"])
    if found := ", ".join(f"{fault} {count}" for fault, count in summary["faults"].items() if count):
        progress.warn(f"{series}: {sum(summary['faults'].values())} episodes are left out for their faults ({found})")


def _play_turns(
    make_policy: MakePolicy, identity: Mapping[str, Any], section: GymSection, tasks: TaskSet, settings: EvaluationSection,
    out: Path, seed: int, progress: Progress, *, at_once: int | None = None,
) -> None:  # fmt: skip
    """Play a policy that takes whole turns into `out`, where nothing else is said up to `at_once` episodes together.

    `identity` is what tells the policy from others. `make_policy` can be pickled, for other processes call it too.
    """
    identity = {"gym": section.identity(), "version": gym_class(section.name).version, **identity}
    plan = Plan(partial(make_gym, section), make_policy, tasks.tasks, range(seed, seed + settings.rollouts), identity)
    failures = FailurePolicy(settings.failures, settings.retries, settings.minimum_healthy)
    limits = [*_requests_at_once(section), *([] if at_once is None else [at_once])]
    running = Running(
        settings.concurrency or min(limits, default=settings.workers),
        settings.workers,
        settings.ray,
        failures,
        settings.episode_timeout,
    )
    with progress.task(f"playing {identity['series']}", len(plan), quiet=True) as update:
        run(plan, out, out / EPISODES, running, update)


def _scripted_policy(name: str, series: str, gym: Gym, seed: int) -> "Policy":
    policy = gym.scripted_policies()[name](gym, seed)
    policy.name = series
    return policy


class _OpenedAgent:
    """Makes an agent's policies, in any process: each opens the agent for itself, from what it was opened by."""

    def __init__(self, policy: str, settings: Mapping[str, Any], series: str, agent: "Agent | None") -> None:
        self._by = (policy, settings, series)
        self._agent = agent
        self._opening = Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return _OpenedAgent, (*self._by, None)

    def __call__(self, gym: Gym, seed: int) -> "Policy":
        policy, settings, series = self._by
        with self._opening:
            if self._agent is None:
                from bao.policies.agents import open_agent

                self._agent = open_agent(policy, settings)
        return self._agent.make(gym, seed, series)


def _requests_at_once(section: GymSection) -> list[int]:
    """How many requests each of the models of a gym may get at once."""
    return [llm_settings(section.settings[name]).concurrency for name in MODEL_TABLES if name in section.settings]


def _play_local(
    path: Path, series: str, gym: GymSection, tasks: TaskSet, settings: EvaluationSection, weights: Sequence[float | None],
    seed: int, model: ModelSection, rows: int, progress: Progress,
) -> dict[float | None, list[Trajectory]]:  # fmt: skip
    from bao.policies.local import load_local
    from bao.rollout.engine import Limits, Request
    from bao.train.workers import Rollouts, Workers, worker_count

    loaded = load_local(path, model.device)
    rollouts = Rollouts(
        partial(make_gym, gym), Limits(settings.turn_tokens, settings.trajectory_tokens), rows, settings.temperature,
        loaded.profile.prompt, series, model.dtype == "bfloat16",
    )  # fmt: skip
    requests = []
    for weight in weights:
        rng = np.random.default_rng([seed, 2])  # the same seeds at every weight, so that points can be compared in pairs
        requests += [Request(task, int(rng.integers(2**31)), weight) for task in tasks for _ in range(settings.rollouts)]
    each = len(requests) // len(weights)
    # Starting processes costs seconds, which a few episodes do not repay.
    count = worker_count(model) if len(requests) > 200 else 1
    with (
        progress.task(f"evaluating {series}", len(requests)) as update,
        Workers(loaded.model, loaded.template, rollouts, count=count) as workers,
    ):
        episodes = workers.rollout(requests, done=lambda done: update(done, len(requests), {}))
    return {weight: episodes[i * each : (i + 1) * each] for i, weight in enumerate(weights)}


def find_judged(folders: Sequence[Path]) -> list[Judged]:
    """The evaluations in these folders and below them, in the order of their names. Raises `DataError` on two of one label."""
    found: dict[str, Judged] = {}
    for folder in folders:
        summaries = sorted(folder.rglob(SUMMARY)) if folder.is_dir() else []
        if not summaries:
            raise DataError(f"{folder} holds no evaluation (no {SUMMARY}): run `bao eval --out {folder}` first")
        for path in summaries:
            each = Judged("", "", path.parent)
            values = each.summary()
            weight = values["effort_weight"]
            label = values["policy"] if weight is None else f"{values['policy']} w={weight:g}"
            if label in found:
                raise DataError(
                    f"{found[label].folder} and {path.parent} both hold {label!r}: leave one out, or evaluate with another "
                    "--name"
                )
            found[label] = replace(each, label=label, series=values["policy"])
    return list(found.values())


def draw_frontier(
    judged: Sequence[Judged], out: Path, objectives: Sequence[str] = ("score", "user_effort"), *,
    unions: Sequence[tuple[str, ...]] = (), seed: int = 0, resamples: int = 1000,
) -> dict[str, Any]:  # fmt: skip
    """``frontier.json`` with its figures, from evaluated policies; `unions` as for `bao.pareto.frontier`."""
    from bao.pareto import Evaluation, frontier

    evaluations = [Evaluation.of(each.stream(), label=each.label, series=each.series) for each in judged]
    return write_frontier(frontier(evaluations, tuple(objectives), unions=unions, seed=seed, resamples=resamples), out)


def write_frontier(found: "Frontier", out: Path) -> dict[str, Any]:
    """Leave a frontier in `out` as ``frontier.json``, ``frontier.png`` and ``frontier.svg``; its content."""
    from bao.report import write_frontier_figures

    result = found.to_json()
    out.mkdir(parents=True, exist_ok=True)
    (out / FRONTIER).write_text(json.dumps(result, indent=1), encoding="utf-8")
    write_frontier_figures(out, result)
    return result


def make_report(
    title: str, judged: Sequence[Judged], frontier_result: dict[str, Any], out: Path, *,
    curves: dict[str, list[dict[str, Any]]] | None = None, settings: dict[str, Any] | None = None, notes: Sequence[str] = (),
) -> Path:  # fmt: skip
    """``report.html`` in `out`."""
    from bao.report import ReportData, write_report

    path = out / REPORT
    write_report(
        path,
        ReportData(
            title=title, frontier=frontier_result, summaries=[(j.label, j.series, j.summary()) for j in judged],
            curves=curves or {}, episodes={j.label: j.stream() for j in judged}, settings=settings or {}, notes=notes,
        ),
    )  # fmt: skip
    return path
