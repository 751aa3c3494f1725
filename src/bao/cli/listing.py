"""What the listing commands print."""

import sys
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bao.action import CHOICES
from bao.checks.adversaries import Exploit
from bao.gyms.registry import gym_class, gym_names
from bao.measures.catalogue import MEASURES, interval_text
from bao.measures.clusters import count_text
from bao.pareto.prices import SILENCE
from bao.reporting.sheet import Column, Sheet
from bao.task import Split


def gyms() -> list[dict[str, Any]]:
    """One row for each gym that is installed."""
    rows = []
    for name in gym_names():
        cls = gym_class(name)
        rows.append(
            {
                "name": name,
                "about": cls.about,
                "tasks": {str(split): len(cls.task_set(split)) for split in Split},
                "kinds": [str(kind) for kind in CHOICES if kind in cls.kinds],
                "conventions": {
                    convention: [str(kind) for kind in CHOICES if kind in kinds]
                    for convention, kinds in cls.conventions.items()
                },
                "users": list(cls.user_backends),
                "judged_users": list(cls.judged_users),
                "no_llm": cls.no_llm,
                "policies": sorted(cls.scripted_policies()),
                "horizon": cls.horizon_default,
            }
        )
    return rows


def print_gyms(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """The rows of `gyms` for reading, one block a gym."""
    for row in rows:
        console.print(Text(row["name"], style="bold"), Text(row["about"]))
        involve = "; ".join(
            f"{', '.join(kinds)} (convention {convention}{', the default' if i == 0 else ''})"
            for i, (convention, kinds) in enumerate(row["conventions"].items())
        )
        view = Table.grid(padding=(0, 2))
        view.add_column(style="dim", no_wrap=True)
        view.add_column(overflow="fold")
        for name, text in (
            ("  tasks", ", ".join(f"{count} {split}" for split, count in row["tasks"].items())),
            ("  turns", f"{row['horizon']} at most"),
            ("  actions", ", ".join(row["kinds"])),
            ("  of these involve the user", involve),
            ("  users", ", ".join(row["users"]) + (f" (not llm: {row['no_llm']})" if row["no_llm"] else "")),
            *([("  a model may judge", f"with user {' or '.join(row['judged_users'])}")] if row["judged_users"] else []),
            ("  policies", ", ".join(f"scripted:{policy}" for policy in row["policies"])),
        ):
            view.add_row(name, Text(text))
        console.print(view)
        console.print()


def frontier_sheet(result: Mapping[str, Any]) -> Sheet:
    """The points and bounds of a ``frontier.json``."""
    points, bounds = result["points"], result["bounds"]
    names = [objective["name"] for objective in result["objectives"]]
    shares = [f"{'yes' if each['non_dominated'] else 'no'} ({each['non_dominated_probability']:.2f})" for each in points]
    dominated = [", ".join(each["dominated_by"]) for each in points]

    def column(heading: str, own: Sequence[str], of_bounds: Sequence[str], words: bool = False) -> Column:
        return Column(heading, [*own, *(Text(each, style="dim") for each in of_bounds)], words)

    def values(rows: Sequence[Mapping[str, Any]], name: str) -> list[str]:
        return [interval_text(each["values"][name]) for each in rows]

    return Sheet(
        [column("Policy", [each["label"] for each in points], [each["label"] for each in bounds], words=True)],
        [
            *(column(name, values(points, name), values(bounds, name)) for name in names),
            column("Non-dominated\n(how surely)", shares, [""] * len(bounds)),
            column("Surely dominated by", dominated, ["a bound: knows the task"] * len(bounds), words=True),
        ],
        f"means with 95 % intervals, {count_text(result['tasks'], result['clusters'])}",
    )


def answer_lines(users: Sequence[Mapping[str, Any]]) -> list[str]:
    """Which policy to take at each price, and by how much, from entries of ``worth.json``, for each kind of user."""
    lines = []
    for kind in users:
        about = f" with the user {kind['user']}" if len(users) > 1 else ""
        lines.append(f"by the price w of a user turn{about} (R - wU, {count_text(kind['tasks'], kind['clusters'])}):")
        for each in kind["answers"]:
            tied = [_taken(label) for label in each["not_told_apart"]]
            more = f" and {len(tied) - 3} more" if len(tied) > 3 else ""
            apart = f"; not told apart from {', '.join(tied[:3])}{more}" if tied else ""
            best = f"{_taken(each['best'])} {interval_text(each['worth'])}, none worth more in {each['sure']:.0%} of resamples"
            lead = f"{interval_text(each['lead'], '+.3f')} over {_taken(each['runner_up'])}{apart}"
            lines += [f"  w = {each['price']:g}: {best}", f"      {lead}"]
    return lines


def _taken(label: str) -> str:
    return "finishing at once" if label == SILENCE else label


def volume_lines(result: Mapping[str, Any]) -> list[str]:
    """A line for each series of a ``frontier.json``: its hypervolume, that of its convex hull, and how many points it has."""
    lines, hulls = [], result["hull_hypervolume"]
    for series, volume in result["hypervolume"].items():
        points = sum(point["series"] in series.split(" + ") for point in result["points"])
        hull = f", of its convex hull {interval_text(hulls[series])}" if series in hulls else ""
        lines.append(f"hypervolume of {series}: {interval_text(volume)}{hull} ({points} point{'s' if points > 1 else ''})")
    return lines


def prices_sheet(found: Mapping[str, Any]) -> Sheet:
    """The reigns of what `bao.evaluation.prices.GymPrices.to_json` says."""
    parts = {"all": found["overall"], **{f"level {level}": each for level, each in found["levels"].items()}}
    reigns = [reign for each in parts.values() for reign in each["reigns"]]
    sizes = [len(each["reigns"]) for each in parts.values()]
    tasks = [name if not place else "" for name, size in zip(parts, sizes, strict=True) for place in range(size)]
    return Sheet(
        [Column("Tasks", tasks, words=True), Column("Best", [reign["name"] for reign in reigns], words=True)],
        [
            Column("From w", [f"{reign['low']:.3f}" for reign in reigns]),
            Column("Up to w", ["" if reign["high"] is None else f"{reign['high']:.3f}" for reign in reigns]),
            *(
                Column(MEASURES[measure].symbol, [f"{reign[name]:.2f}" for reign in reigns])
                for measure, name in (("score", "task_return"), ("user_effort", "user_effort"))
            ),
        ],
        f"{found['gym']}: the best of the {found['of']} and silence by the price w of a user turn, {found['tasks']} tasks",
        [*accumulate(sizes)],
    )


def prices_lines(found: Mapping[str, Any]) -> list[str]:
    """What follows from `prices_sheet`."""
    largest, suggested = found["largest"], ", ".join(f"{weight:g}" for weight in found["suggested"])
    pays = f"Involving the user pays below w = {largest:.3f}" if largest else "Involving the user pays at no price"
    return [f"{pays}.", f"grpo.effort_weights = [{suggested}]"]


def adversaries_sheet(found: Mapping[str, Sequence[Exploit]]) -> Sheet:
    """Adversary by gym: the mean return, and the share solved where there is any."""

    def cell(each: Exploit) -> Text:
        solved = f" ({each.solved:.1%})" if each.solved else ""
        return Text(f"{each.earned:.3f}{solved}", style="bold red" if each.is_too_much else "")

    names = [each.adversary for each in next(iter(found.values()))]
    columns = [Column(gym, [cell(each) for each in row]) for gym, row in found.items()]
    return Sheet(
        [Column("Adversary", names, words=True)], columns, "What adversaries earn on test tasks (and the share that they solve)"
    )


def model_usage() -> list[str]:
    """What talking to models took in this process, a line for each endpoint that was used."""
    if "bao.endpoint.shared" not in sys.modules:
        return []
    from bao.endpoint.shared import endpoints

    lines = []
    for endpoint in endpoints():
        usage = endpoint.counters.usage()
        faults = "".join(f", {name} {count}" for name, count in usage.faults)
        lines.append(
            f"{endpoint.base_url}: {usage.requests} requests ({usage.retries} retries, {usage.re_asks} re-asks{faults}), "
            f"{usage.tokens_in} tokens in, {usage.tokens_out} out, {usage.cache_hits} replies from the cache"
        )
        if usage.repairs:
            repairs = ", ".join(f"{name} {count}" for name, count in usage.repairs)
            lines.append(f"{endpoint.base_url}: calls read with a repair: {repairs}")
    return lines
