"""Stored evaluations level by level, or user by user, and with measures that are named beside the usual ones."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

from bao.errors import DataError
from bao.evaluation.results import EvaluationResult, summarized_again
from bao.evaluation.rules import best_rules
from bao.measures.named import find
from bao.trajectory import Trajectory


class By(StrEnum):
    """What results are broken down by."""

    LEVEL = "level"
    """The tasks of each difficulty level by themselves."""
    USER = "user"
    """Under which user a policy was evaluated, where it was under several."""


def broken_down(
    results: Sequence[EvaluationResult], by: By | None = None, measures: Sequence[str] = ()
) -> list[dict[str, object]]:
    """Summaries of `results` (`bao.measures.summarize`) from their episodes, each with ``label``, ``folder``, and `measures`
    under ``named``.

    By level there is one for each level of each result, with its ``level``; by user those of a policy follow each other, and
    ``under`` says which user. Regrets are reckoned from the best scripted rule among `results`. Raises `ConfigError` on an
    unknown measure, and `DataError` where a level has no healthy episode.
    """
    for each in results:
        for name in measures:
            find(name, each.own, f"--measure {name}")
    rules = best_rules(results, measures)

    def summary(each: EvaluationResult, episodes: Iterable[Trajectory]) -> dict[str, Any]:
        again = summarized_again(each, episodes, named=measures, rules=rules.get(each.label))
        return {"label": each.label, "folder": str(each.folder), **again}

    if by is By.USER:
        policies = list(dict.fromkeys(map(_told, results)))
        ordered = sorted(results, key=lambda each: policies.index(_told(each)))
        return [{**summary(each, each.episodes()), "under": each.setting.get("user", "not recorded")} for each in ordered]
    if by is None:
        return [summary(each, each.episodes()) for each in results]
    found = []
    for each in results:
        for level in sorted({episode.level for episode in each.episodes(traces=False)}):
            own = (episode for episode in each.episodes() if episode.level == level)
            try:
                found.append({**summary(each, own), "level": level})
            except DataError as error:
                raise DataError(f"{each.folder}, level {level}: {error}") from error
    return found


def _told(each: EvaluationResult) -> tuple[object, ...]:
    """The policy, and what it was told."""
    return each.summary["policy"], each.summary["effort_weight"], each.summary.get("budget")
