"""One recipe under several seeds, judged on fresh tasks: ``python -m benchmarks.study RECIPE --seeds 0 1 2 --out DIR``.

Every seed is a whole run (`bao.recipes.run`) in its own folder, with its test tasks and beside its scripted policies; the warm
start and the trained policy are also judged greedily, and at ``--also`` prices. It goes on where it was stopped.

``study.json`` and the table hold, at each price and in the mean over the prices, what each policy is worth (R - wU), and what
that is less the envelope of fixed scripts and silence and less ``rational``, where the gym has it. Intervals are 95 %, over
seeds and clusters of tasks (tasks joined by a component, `bao.gym.Gym.components`). The envelope's
script is chosen at each price on the same tasks, which favours it.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from bao.evaluation.evaluate import evaluate
from bao.evaluation.results import EvaluationResult
from bao.evaluation.settings import EvaluationJob
from bao.evaluation.tasks import records_of
from bao.gyms.registry import gym_class
from bao.gyms.section import task_set
from bao.measures.clusters import cluster_numbers
from bao.measures.intervals import Floats
from bao.pareto.objective import DEFAULT
from bao.pareto.prices import SILENCE
from bao.pareto.worth import ENVELOPE
from bao.policies.scripted import RATIONAL, fixed_behaviours
from bao.progress import Progress
from bao.recipes.recipe import Recipe, load_recipe
from bao.recipes.run import run_recipe
from bao.reporting.terminal import TerminalProgress
from bao.storage.atomic import atomic_text

TRAINED = ("sft", "bao")


@dataclass(frozen=True)
class Worth:
    """A policy's R and U by seed, task and price, [seeds, tasks, prices]."""

    task_return: Floats
    user_effort: Floats

    def at(self, prices: Floats) -> Floats:
        """R - wU."""
        return self.task_return - prices * self.user_effort


def run(source: str, overrides: Sequence[str], seeds: Sequence[int], also: Sequence[float], out: Path) -> dict[str, Any]:
    """Run and judge every seed; the content of ``study.json``."""
    progress = TerminalProgress()
    recipes = [load_recipe(source, [*overrides, f"seed={seed}"]) for seed in seeds]
    found: list[dict[str, dict[float | None, EvaluationResult]]] = []
    for recipe in recipes:
        folder = out / f"seed-{recipe.seed}"
        result = run_recipe(recipe, folder, progress)
        found.append(_by_series(result.evaluations))
        told = sorted(weight for weight in found[-1]["bao"] if weight is not None)
        for temperature in (recipe.evaluation.temperature, 0.0):
            kind = "" if temperature else " greedy"
            for series in TRAINED:
                judged = _judge(recipe, folder, series, [*told, *also], temperature, progress)
                found[-1].setdefault(series + kind, {}).update(judged)
        if RATIONAL in found[-1]:
            found[-1][RATIONAL].update(_judge_rational(recipe, folder, also, progress))
    return summarize(recipes[0], found, [each.seed for each in recipes], also)


def _by_series(results: Sequence[EvaluationResult]) -> dict[str, dict[float | None, EvaluationResult]]:
    found: dict[str, dict[float | None, EvaluationResult]] = {}
    for each in results:
        found.setdefault(each.series, {})[each.summary["effort_weight"]] = each
    return found


def _judge(
    recipe: Recipe, folder: Path, series: str, prices: Sequence[float], temperature: float, progress: Progress
) -> dict[float | None, EvaluationResult]:
    settings = recipe.evaluation.model_copy(update={"temperature": temperature, "workers": 1, "ray": None})
    tasks = task_set(recipe.gym, settings.split, settings.tasks)
    name = series if temperature else f"{series} greedy"
    job = EvaluationJob(recipe.gym, tasks, settings, recipe.seed, name, recipe.model, rows=recipe.grpo.rows)
    place = folder / ("eval" if temperature else "eval-greedy")
    folders: dict[float | None, Path] = {price: place / f"{series}-w{price:g}" for price in prices}
    return dict(zip(folders, evaluate(f"local:{folder / series / 'model'}", job, folders, progress), strict=True))


def _judge_rational(
    recipe: Recipe, folder: Path, prices: Sequence[float], progress: Progress
) -> dict[float | None, EvaluationResult]:
    tasks = task_set(recipe.gym, recipe.evaluation.split, recipe.evaluation.tasks)
    job = EvaluationJob(recipe.gym, tasks, recipe.evaluation, recipe.seed, None, recipe.model, rows=recipe.grpo.rows)
    folders: dict[float | None, Path] = {price: folder / "eval" / f"{RATIONAL}-w{price:g}" for price in prices}
    return dict(zip(folders, evaluate(f"scripted:{RATIONAL}", job, folders, progress), strict=True)) if prices else {}


def summarize(
    recipe: Recipe,
    found: Sequence[Mapping[str, Mapping[float | None, EvaluationResult]]],
    seeds: Sequence[int],
    also: Sequence[float],
) -> dict[str, Any]:
    """Worth, effort and differences of all policies over seeds and tasks."""
    tasks = task_set(recipe.gym, recipe.evaluation.split, recipe.evaluation.tasks).tasks
    ids = [task.id for task in tasks]
    prices = np.array(sorted(price for price in found[0]["bao"] if price is not None))
    trained = np.array([price not in also for price in prices])
    told = [name for name in ("sft", "bao", "sft greedy", "bao greedy", RATIONAL) if name in found[0]]
    worth = {name: _worth([[each[name][price] for price in prices] for each in found], ids) for name in told}
    scripts = {name: _worth([[each[name][None]] * len(prices) for each in found], ids) for name in fixed_behaviours(found[0])
               if None in found[0][name]}  # fmt: skip
    nothing = np.zeros_like(worth["bao"].task_return)
    scripts[SILENCE] = Worth(nothing, nothing)
    means = {name: each.at(prices).mean(axis=(0, 1)) for name, each in scripts.items()}
    best = [max(means, key=lambda name: means[name][place]) for place in range(len(prices))]
    worth[ENVELOPE] = Worth(
        *(np.stack([getattr(scripts[name], part)[:, :, place] for place, name in enumerate(best)], axis=-1)
          for part in ("task_return", "user_effort"))
    )  # fmt: skip
    clusters = cluster_numbers(ids, records_of(gym_class(recipe.gym.name), tasks))
    rows: dict[str, Any] = {}
    for name, each in worth.items():
        rows[name] = {
            "R": figures(each.task_return, clusters, trained), "U": figures(each.user_effort, clusters, trained),
            "J": figures(each.at(prices), clusters, trained),
        }  # fmt: skip
        for other in (ENVELOPE, RATIONAL, "sft", "sft greedy"):
            if other in worth and other != name:
                rows[name][f"J less {other}"] = figures(each.at(prices) - worth[other].at(prices), clusters, trained)
    return {
        "gym": recipe.gym.name, "seeds": list(seeds), "prices": prices.tolist(), "trained": trained.tolist(), "tasks": len(ids),
        "clusters": int(clusters.max()) + 1, "best": best, "policies": rows,
        "scripts": {name: {"R": float(each.task_return.mean()), "U": float(each.user_effort.mean()),
                           "J": means[name].tolist()} for name, each in scripts.items()},
    }  # fmt: skip


def _worth(results: Sequence[Sequence[EvaluationResult]], ids: Sequence[str]) -> Worth:
    """From the evaluations of each seed at each price."""
    played = [[each.candidate(DEFAULT) for each in row] for row in results]

    def table(measure: str) -> Floats:
        by_task = [[dict(zip(each.task_ids, each.values[measure], strict=True)) for each in row] for row in played]
        return np.array([[[found.get(task, np.nan) for found in row] for task in ids] for row in by_task])

    return Worth(*map(table, DEFAULT))


def figures(table: Floats, clusters: Floats, trained: Floats) -> dict[str, Any]:
    """Mean and interval at each price and over those that were trained on; `table` is [seeds, tasks, prices].

    Tasks that not every seed and policy played are left out. The half-width is the root of the squared half-widths over seeds
    (Student's, left out where there is one) and over clusters of tasks: a little wide, where a bootstrap of so few seeds is
    too narrow. Where all tasks are one cluster, their spread tells nothing of another: then tasks count one by one.
    """
    known = ~np.isnan(table).any(axis=(0, 2))
    values = table[:, known]
    full = np.concatenate([values, values[:, :, trained].mean(axis=2, keepdims=True)], axis=2)
    means, by_seed = full.mean(axis=(0, 1)), full.mean(axis=1)
    _, place = np.unique(clusters[known], return_inverse=True)
    if not place.any():
        place = np.arange(len(place))
    off = np.zeros((place.max() + 1, len(means)))
    np.add.at(off, place, full.mean(axis=0) - means)
    square = _student(len(off)) ** 2 * len(off) / max(1, len(off) - 1) * np.square(off).sum(axis=0) / len(place) ** 2
    if len(by_seed) > 1:
        square = square + _student(len(by_seed)) ** 2 * by_seed.var(axis=0, ddof=1) / len(by_seed)
    half = np.sqrt(square)
    found = [{"mean": float(m), "low": float(m - h), "high": float(m + h)} for m, h in zip(means, half, strict=True)]
    return {"at": found[:-1], "mean": found[-1], "by_seed": by_seed[:, -1].tolist()}


def _student(count: int) -> float:
    return float(stats.t.ppf(0.975, max(1, count - 1)))


def table(content: Mapping[str, Any]) -> str:
    """The study in lines of text."""
    prices = [
        f"{price:g}{'' if seen else ' (unseen)'}" for price, seen in zip(content["prices"], content["trained"], strict=True)
    ]
    seeds, tasks, clusters = len(content["seeds"]), content["tasks"], content["clusters"]
    lines = [f"{content['gym']}: {seeds} seeds, {tasks} tasks in {clusters} clusters", "prices: " + ", ".join(prices)]
    if clusters == 1:
        lines.append("note: all tasks are one cluster, so the intervals are over tasks, and too narrow for others than these")
    lines.append("best fixed: " + ", ".join(content["best"]))
    for name, rows in content["policies"].items():
        for what, each in rows.items():
            figures = [*each["at"], each["mean"]]
            texts = [f"{f['mean']:.3f} [{f['low']:.3f}, {f['high']:.3f}]" for f in figures]
            lines.append(f"{name:12} {what:18} " + "  ".join(texts[:-1]) + f"  mean {texts[-1]}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--also", type=float, nargs="*", default=[], help="prices that are judged beside those trained on")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--set", dest="overrides", action="append", default=[], help="section.key=value of the recipe")
    given = parser.parse_args()
    content = run(given.recipe, given.overrides, given.seeds, given.also, given.out)
    atomic_text(given.out / "study.json", json.dumps(content, indent=1))
    print(table(content))


if __name__ == "__main__":
    main()
