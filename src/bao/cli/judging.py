"""Judgements as tables for the terminal: comparisons, transfers, regrets, arms of an ablation, strategies of a sweep."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from bao.measures.catalogue import MEASURES, interval_text
from bao.measures.clusters import count_text
from bao.measures.comparison import Comparison
from bao.measures.transfer import Transfer
from bao.pareto.worth import ENVELOPE
from bao.reporting.sheet import Column, Sheet

SHOWN = ("worth", "score", "user_effort")
"""The measures of arms that fit a narrow terminal."""


def ablation_sheet(result: Mapping[str, Any], *, wide: bool = False) -> Sheet:
    """The arms of an ``ablation.json`` side by side: means, differences from the first, effects of factors."""
    first, known = next(iter(result["means"])), list(next(iter(result["means"].values())))
    parts = [("", "means"), (f"{first} less", "differences"), ("effect of", "effects")]
    labels: list[str | Text] = []
    rows: list[Mapping[str, Any]] = []
    digits: list[str] = []
    lines = []
    for title, part in parts:
        lines.append(len(rows))
        if title and result[part]:
            labels.append(Text(title, style="italic"))
            rows.append({})
        labels += result[part]
        rows += result[part].values()
        digits += ["+.3f" if title else ".3f"] * (len(rows) - len(digits))
    return Sheet(
        [Column("Arm", labels, words=True)],
        [
            Column(
                MEASURES[name].symbol or name if name in MEASURES else name,
                [_half_width_text(row[name], form) if row else "" for row, form in zip(rows, digits, strict=True)],
            )
            for name in known
            if wide or name in SHOWN
        ],
        f"{len(result['seeds'])} seeds",
        lines,
    )


def ablation_lines(result: Mapping[str, Any]) -> list[str]:
    """What is to be known of `ablation_sheet`."""
    about = "With the half-width of the 95 % interval over seeds. worth is R - wU in the mean over the prices."
    if len(result["seeds"]) > 1:
        about += " *: differs (p < .05, Holm over the rows). =: any difference is within the margin (two one-sided tests)."
    return [f"{about} ablation.json and --wide have the other measures."]


def _half_width_text(found: Mapping[str, float], digits: str) -> str:
    marks = "*" * (found.get("p_holm", 1.0) < 0.05) + "=" * (found.get("equivalent", 0.0) > 0)
    return f"{found['mean']:{digits}} ±{found['high'] - found['mean']:.3f} {marks}".rstrip()


def sweep_sheet(result: Mapping[str, Any]) -> Sheet:
    """The strategies of a ``sweep.json`` side by side."""
    means, others, spent = result["means"], result["differences"], result["spent"]
    titles = {"hypervolume": "Hypervolume", "hull_hypervolume": "Of its\nconvex hull", "regret": "Regret"}
    return Sheet(
        [Column("Strategy", [*means, *(f"{result['first']} less {name}" for name in others)], words=True)],
        [
            *(
                Column(each.capitalize(), [*(f"{spent[name][each]:,}" for name in means), *("" for _ in others)])
                for each in ("policies", "trajectories", "points")
            ),
            *(
                Column(
                    title,
                    [
                        *(interval_text(figures[each]) for figures in means.values()),
                        *(interval_text(figures[each], "+.3f") for figures in others.values()),
                    ],
                )
                for each, title in titles.items()
            ),
        ],
        f"{result['name']}: strategies at equal numbers of trajectories, 95 % intervals {result['intervals']}; "
        "regret to the best script or silence, in the mean over prices",
        [len(means)],
    )


def comparison_sheet(pair: Comparison, several: bool) -> Sheet:
    rows = pair.differences
    return Sheet(
        [Column("Measure", [row.measure for row in rows], words=True)],
        [
            Column("A", [_number(row.a) for row in rows]),
            Column("B", [_number(row.b) for row in rows]),
            Column("B - A, 95 %", [interval_text(row.difference.to_json(), "+.3g") for row in rows]),
            Column("p (Holm)" if several else "p", [f"{row.adjusted_p:.4f}" for row in rows]),
            Column("Tasks", [str(row.tasks) for row in rows]),
            Column("Better", [row.better or "not told apart" for row in rows], words=True),
            Column(
                "More tasks\nto settle it",
                [
                    "-" if row.more_tasks is None else "settled" if row.adjusted_p < 0.05 else f"{row.more_tasks:,}"
                    for row in rows
                ],
            ),
        ],
        f"B = {pair.b}\nA = {pair.a}\n{pair.tasks} tasks in {pair.clusters} clusters, {pair.by_seed} tasks paired by seed",
    )


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}" if 0 < abs(value) < 0.01 else f"{value:.3f}"


def transfers_sheet(found: Sequence[Transfer]) -> Sheet:
    """All from the same user."""
    rows = [(each, policy, rate) for each in found for policy, rate in each.rates.items()]
    starts = [place for place, (each, _, _) in enumerate(rows) if not place or rows[place - 1][0] is not each]
    return Sheet(
        [
            Column("Under", [each.other if place in starts else "" for place, (each, _, _) in enumerate(rows)], words=True),
            Column("Policy", [policy for _, policy, _ in rows], words=True),
        ],
        [
            Column("Score\nbefore", [f"{each.scores[policy][0]:.3f}" for each, policy, _ in rows]),
            Column("Score\nthere", [f"{each.scores[policy][1]:.3f}" for each, policy, _ in rows]),
            Column(
                "Reward translation\nrate, 95 %",
                [interval_text({"mean": rate.value, "low": rate.low, "high": rate.high}, ".2f") for _, _, rate in rows],
            ),
            Column("Tasks", [str(each.tasks) for each, _, _ in rows]),
        ],
        f"Scores of {found[0].trained}, and under others",
        starts,
    )


def agreement_lines(found: Sequence[Transfer]) -> list[str]:
    """Whether policies rank alike under each other user."""
    lines = []
    for each in found:
        shown, agreed = "needs two policies that do not tie", each.agreement
        if agreed is not None:
            shown = f"{agreed.mean:.2f} ({agreed.low:.2f} to {agreed.high:.2f} on resampled tasks)"
        lines.append(f"rank agreement (Kendall's tau-b) under {each.other}: {shown}")
    return lines


def regret_sheet(found: Mapping[str, Any], policy: str = "bao") -> Sheet:
    """What those that are told prices are worth at each, by an entry of ``worth.json``, and the regrets of `policy`."""
    told = found["told"]

    def named(name: str) -> str:
        return "best script" if name == ENVELOPE else name

    def figures(values: Mapping[str, Any]) -> list[Mapping[str, float]]:
        return [*values["at"], values["mean"]]

    return Sheet(
        [Column("Price w", [*(f"{price:g}" for price in told["prices"]), "mean"])],
        [
            Column("Best script is", [*told["rules"], ""], words=True),
            *(
                Column(f"R - wU of\n{named(name)}", [f"{value['mean']:.3f}" for value in figures(each)])
                for name, each in told["worth"].items()
            ),
            *(
                Column(f"{named(name)}\nless {policy}", [interval_text(value, "+.3f") for value in figures(each)])
                for name, each in told["regret"][policy].items()
            ),
        ],
        f"Worth and regret by price, {count_text(found['tasks'], found['clusters'])}, 95 % intervals paired by task",
    )
