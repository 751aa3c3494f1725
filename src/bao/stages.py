"""The stages of a run: warm start, reinforcement, evaluation, frontier, report.

Each takes what it needs and a folder, leaves its result there, and does nothing where the result is there already; so a run that
was stopped goes on where it stopped. `bao.cli` wraps them as commands.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bao.behavior.synthesize import Demonstration, Rejection, demonstrations
from bao.config import EvaluationSection, GymSection, Recipe
from bao.errors import ConfigError, DataError, suggest
from bao.folder import logger, open_folder
from bao.gym import Gym, gym_class, make
from bao.measures import summarize
from bao.pareto import Evaluation, frontier
from bao.progress import Progress
from bao.report import ReportData, write_frontier_figures, write_report
from bao.rollout.episodes import play_all
from bao.shaping import check_weights, largest_paying_weight
from bao.store import read_episodes, write_episodes
from bao.task import Split, TaskSet
from bao.trajectory import Trajectory

if TYPE_CHECKING:
    from bao.policies.local import LocalModel

EPISODES, SUMMARY, FRONTIER, REPORT = "episodes.parquet", "summary.json", "frontier.json", "report.html"
MODEL = "model"
TRANSCRIPTS = 60
"""Episodes of each policy that a report shows."""


def make_gym(section: GymSection) -> Gym:
    return make(section.name, **section.settings)


def task_set(section: GymSection, split: Split | str, size: int) -> TaskSet:
    return gym_class(section.name).task_set(split, size, section.levels)


def scripted(section: GymSection, names: Sequence[str]) -> None:
    """Raises `ConfigError` where the gym has no scripted policy of one of these names."""
    known = gym_class(section.name).scripted_policies()
    for name in names:
        if name not in known:
            raise ConfigError(f"policy scripted:{name} is unknown to {section.name}: {suggest(name, known)}")


def check_effort_weights(recipe: Recipe) -> float:
    """The largest effort weight at which acting pays on this gym, from its oracle; warns or refuses as `check_weights` does."""
    gym = make_gym(recipe.gym)
    oracle = gym.scripted_policies()["oracle"](gym, 0)
    episodes = play_all(gym, oracle, task_set(recipe.gym, Split.TRAIN, 200).tasks)
    for warning in check_weights(recipe.grpo.effort_weights, episodes):
        logger.warning(warning)
    return largest_paying_weight(episodes)


def demonstrate(recipe: Recipe) -> tuple[list[Demonstration], Counter[Rejection]]:
    """The demonstrations of a recipe, and why others were rejected."""
    scripted(recipe.gym, [recipe.sft.teacher])
    gym = make_gym(recipe.gym)
    rejected: Counter[Rejection] = Counter()
    kept = list(
        demonstrations(
            gym, gym.scripted_policies()[recipe.sft.teacher], task_set(recipe.gym, Split.TRAIN, recipe.sft.tasks),
            recipe.sft.demonstrations, np.random.default_rng([recipe.seed, 1]),
            effort_weights=recipe.grpo.effort_weights if recipe.grpo.conditioned else (), form=recipe.model.prompt,
            rejected=rejected,
        )
    )  # fmt: skip
    return kept, rejected


def warm_start(recipe: Recipe, out: Path, progress: Progress) -> Path:
    """Demonstrations, model and SFT; the folder of the warm-started model."""
    from bao.policies import local
    from bao.train.sft import encode, train_sft

    prompts = {"conditioned": recipe.grpo.conditioned, "effort_weights": list(recipe.grpo.effort_weights)}
    open_folder(out, {**recipe.model_dump(mode="json", include={"seed", "gym", "model", "sft"}), "prompts": prompts})
    target = out / MODEL
    if local.is_saved(target):
        return target
    local.set_threads(recipe.model)
    with progress.task("demonstrations", None):
        kept, rejected = demonstrate(recipe)
    logger.info("%d demonstrations kept, rejected: %s", len(kept), dict(rejected) or "none")
    start = _initial_model(recipe, kept)
    with progress.task("encoding", None):
        traces = [encode(demonstration, start.template) for demonstration in kept]
    with progress.task("warm start", None) as update:
        train_sft(start.model, start.template, traces, recipe.sft, recipe.seed, out, update)
    local.save_local(target, start)
    return target


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
    from bao.train.grpo import GRPOTrainer

    open_folder(out, {"start": start.name, **recipe.model_dump(mode="json", exclude={"evaluation"})})
    target = out / MODEL
    if local.is_saved(target):
        return target
    local.set_threads(recipe.model)
    largest = check_effort_weights(recipe)
    logger.info("acting pays up to an effort weight of %.3f", largest)
    loaded = local.load_local(start, recipe.model.device)
    trainer = GRPOTrainer(
        loaded.model, loaded.template, lambda: make_gym(recipe.gym), task_set(recipe.gym, Split.TRAIN, recipe.grpo.tasks),
        recipe.grpo, recipe.shaping.build(), recipe.credit, seed=recipe.seed, out=out, form=recipe.model.prompt,
        autocast=recipe.model.dtype == "bfloat16",
    )  # fmt: skip
    with progress.task("reinforcement", recipe.grpo.steps) as update:
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

    def summary(self) -> dict[str, Any]:
        path = self.folder / SUMMARY
        try:
            values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"{path} is no readable summary ({error}): run `bao eval` again into this folder") from error
        return values


def evaluate(
    policy: str, gym: GymSection, tasks: TaskSet, settings: EvaluationSection, out: Path, progress: Progress, *,
    effort_weight: float | None = None, series: str | None = None, seed: int = 0, device: str = "cpu", rows: int = 256,
) -> Judged:  # fmt: skip
    """Play `tasks` with ``scripted:NAME`` or ``local:PATH``; leaves episodes and summary in `out`."""
    kind, _, name = policy.partition(":")
    label = series or (name if kind == "scripted" else Path(name).parent.name or name)
    series = label
    if effort_weight is not None:
        label = f"{label} w={effort_weight:g}"
    open_folder(
        out, {
            "policy": f"{kind}:{name if kind == 'scripted' else Path(name).name}", "series": series,
            "effort_weight": effort_weight, "seed": seed, "tasks": len(tasks), "first_task": tasks[0].id,
            "last_task": tasks[-1].id, "gym": gym.model_dump(mode="json"), "evaluation": settings.model_dump(mode="json"),
        },
    )  # fmt: skip
    judged = Judged(label, series, out)
    if (out / SUMMARY).is_file() and (out / EPISODES).is_file():
        return judged
    if kind == "scripted":
        scripted(gym, [name])
        episodes = _play_scripted(name, gym, tasks, settings, seed)
    elif kind == "local":
        episodes = _play_local(Path(name), series, gym, tasks, settings, effort_weight, seed, device, rows, progress, label)
    else:
        raise ConfigError(f"policy={policy!r} is unknown: give scripted:NAME or local:PATH")
    write_episodes(out / EPISODES, episodes)
    summary = summarize(episodes, seed=seed, resamples=settings.resamples)
    partial = out / f".{SUMMARY}"
    partial.write_text(json.dumps(summary, indent=1), encoding="utf-8")
    partial.replace(out / SUMMARY)
    return judged


def _play_scripted(name: str, section: GymSection, tasks: TaskSet, settings: EvaluationSection, seed: int) -> list[Trajectory]:
    gym = make_gym(section)
    policy = gym.scripted_policies()[name](gym, seed)
    return play_all(gym, policy, tasks.tasks, range(seed, seed + settings.rollouts))


def _play_local(
    path: Path, series: str, section: GymSection, tasks: TaskSet, settings: EvaluationSection, effort_weight: float | None,
    seed: int, device: str, rows: int, progress: Progress, label: str,
) -> list[Trajectory]:  # fmt: skip
    from bao.policies.local import load_local
    from bao.rollout.engine import Engine, Limits, Request

    loaded = load_local(path, device)
    if effort_weight is not None and not loaded.profile.effort_weights:
        raise ConfigError(f"effort_weight={effort_weight}: the policy in {path} is not conditioned on one; leave it out")
    engine = Engine(
        loaded.model, loaded.template, lambda: make_gym(section), limits=Limits(settings.turn_tokens, settings.trajectory_tokens),
        rows=rows, temperature=settings.temperature, form=loaded.profile.prompt, policy=series,
    )  # fmt: skip
    rng = np.random.default_rng([seed, 2])
    requests = [Request(task, int(rng.integers(2**31)), effort_weight) for task in tasks for _ in range(settings.rollouts)]
    done: list[Trajectory] = []
    with progress.task(f"evaluating {label}", len(requests)) as update:

        def count(trajectory: Trajectory) -> None:
            done.append(trajectory)
            update(len(done), len(requests), {})

        return engine.run(requests, on_episode=count)


def find_judged(folders: Sequence[Path]) -> list[Judged]:
    """The evaluations in these folders and below them, in the order of their names."""
    found = []
    for folder in folders:
        summaries = sorted(folder.rglob(SUMMARY)) if folder.is_dir() else []
        if not summaries:
            raise DataError(f"{folder} holds no evaluation (no {SUMMARY}): run `bao eval --out {folder}` first")
        for path in summaries:
            values = json.loads(path.read_text(encoding="utf-8"))
            weight = values.get("effort_weight")
            label = values["policy"] if weight is None else f"{values['policy']} w={weight:g}"
            found.append(Judged(label, values["policy"], path.parent))
    return found


def draw_frontier(
    judged: Sequence[Judged], out: Path, objectives: Sequence[str] = ("score", "user_effort"), *, seed: int = 0,
    resamples: int = 1000,
) -> dict[str, Any]:  # fmt: skip
    """``frontier.json`` with its figures, from evaluated policies."""
    evaluations = [Evaluation.of(each.episodes(), label=each.label, series=each.series) for each in judged]
    result = frontier(evaluations, tuple(objectives), seed=seed, resamples=resamples).to_json()
    out.mkdir(parents=True, exist_ok=True)
    (out / FRONTIER).write_text(json.dumps(result, indent=1), encoding="utf-8")
    write_frontier_figures(out, result)
    return result


def make_report(
    title: str, judged: Sequence[Judged], frontier_result: dict[str, Any], out: Path, *,
    curves: dict[str, list[dict[str, Any]]] | None = None, settings: dict[str, Any] | None = None, notes: Sequence[str] = (),
) -> Path:  # fmt: skip
    """``report.html`` in `out`."""
    path = out / REPORT
    write_report(
        path,
        ReportData(
            title=title, frontier=frontier_result, summaries=[(j.label, j.series, j.summary()) for j in judged],
            curves=curves or {}, episodes={j.label: j.episodes()[:TRANSCRIPTS] for j in judged}, settings=settings or {},
            notes=notes,
        ),
    )  # fmt: skip
    return path
