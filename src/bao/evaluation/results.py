"""What an evaluation leaves in its folder, and finding such folders again."""

import json
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bao.errors import DataError
from bao.evaluation.settings import EvaluationSection
from bao.measures import summarize
from bao.measures.comparison import Run
from bao.measures.cost import Prices
from bao.measures.diversity import Encode
from bao.rollout.runner import LOG as UNFINISHED
from bao.storage.atomic import atomic_text
from bao.storage.episodes import iterate_episodes, read_episodes
from bao.storage.folder import CONFIG
from bao.trajectory import Trajectory

EPISODES, SUMMARY = "episodes.parquet", "summary.json"


@dataclass(frozen=True)
class EvaluationResult:
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

    def settings(self) -> dict[str, Any]:
        """What its ``config.toml`` holds; empty where there is none."""
        try:
            return tomllib.loads((self.folder / CONFIG).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
            return {}

    def model(self) -> str:
        """The name by which it has a price: its model's, or its policy's."""
        return str(self.settings().get("agent", {}).get("model") or self.series)

    def run(self) -> Run:
        """As a side of a comparison; an older summary's setting is taken from its folder's settings as far as they tell."""
        told = self.settings().get("gym", {}).get("settings", {})
        episodes = self.episodes()
        setting = {key: told[key] for key in ("convention", "user") if key in told}
        if episodes:
            setting["horizon"] = max(episode.horizon for episode in episodes)
        return Run(self.label, episodes, {**setting, **self.summary().get("setting", {})})


def write_summary(folder: Path, summary: Mapping[str, Any]) -> None:
    """Leave `summary` in `folder`, whole or not at all."""
    atomic_text(folder / SUMMARY, json.dumps(summary, indent=1))


def remeasure(judged: EvaluationResult, *, prices: Prices | None = None, encode: Encode | None = None) -> dict[str, Any]:
    """Summarize an evaluation's stored episodes again, with a price table or an embedding; rewrites and gives its summary.

    What the one that is not given was given for before, stays.
    """
    before, settings = judged.summary(), judged.settings()
    summary = summarize(
        iterate_episodes(judged.folder / EPISODES),
        prices=prices,
        encode=encode,
        setting=before.get("setting", {}),
        resamples=settings.get("evaluation", {}).get("resamples", EvaluationSection().resamples),
        seed=int(settings.get("seed", 0)),
    )
    if prices is None:
        summary |= {name: before[name] for name in ("money", "prices") if name in before}
    if encode is None:
        summary["embedding_diversity"] = before.get("embedding_diversity")
    write_summary(judged.folder, summary)
    return summary


def find_results(folders: Sequence[Path]) -> list[EvaluationResult]:
    """The evaluations in these folders and below them, in the order of their names. Raises `DataError` on two of one label."""
    found: dict[str, EvaluationResult] = {}
    for folder in folders:
        summaries = sorted(folder.rglob(SUMMARY)) if folder.is_dir() else []
        if not summaries:
            if folder.is_dir() and any(folder.rglob(UNFINISHED)):
                raise DataError(
                    f"{folder} holds no finished evaluation: run the same `bao eval` again, which goes on from there"
                )
            raise DataError(f"{folder} holds no evaluation (no {SUMMARY}): run `bao eval --out {folder}` first")
        for path in summaries:
            each = EvaluationResult("", "", path.parent)
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


def find_runs(folders: Sequence[Path]) -> list[Run]:
    """The evaluations in each of `folders`, as sides of a comparison: unlike `find_results`, one label may occur again.

    Where it does, the folder is put to it; a folder named twice counts once. Raises `DataError` on a folder without an
    evaluation.
    """
    found = list({each.folder.resolve(): each for folder in folders for each in find_results([folder])}.values())
    labels = Counter(each.label for each in found)
    return [
        replace(each, label=f"{each.label} ({each.folder})" if labels[each.label] > 1 else each.label).run() for each in found
    ]
