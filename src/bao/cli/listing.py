"""What the listing commands print."""

import sys
from collections.abc import Mapping, Sequence
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


def frontier_table(result: Mapping[str, Any]) -> Table:
    """The points of a ``frontier.json`` as a table, its hypervolumes below (`volume_lines`)."""
    names = [objective["name"] for objective in result["objectives"]]
    view = Table(
        title=f"means with 95 % intervals, {count_text(result['tasks'], result['clusters'])}",
        title_justify="left",
        caption_justify="left",
    )
    view.caption = Text("\n".join(volume_lines(result)))
    view.add_column("Policy", overflow="fold")
    for name in names:
        view.add_column(name, justify="right")
    view.add_column("Non-dominated\n(how surely)", justify="right")
    view.add_column("Surely dominated by", overflow="fold")
    for point in result["points"]:
        values = [interval_text(point["values"][name]) for name in names]
        share = f"{'yes' if point['non_dominated'] else 'no'} ({point['non_dominated_probability']:.2f})"
        view.add_row(Text(point["label"]), *values, share, Text(", ".join(point["dominated_by"])))
    for bound in result["bounds"]:
        values = [interval_text(bound["values"][name]) for name in names]
        view.add_row(Text(bound["label"], style="dim"), *values, Text("a bound: knows the task", style="dim"), "")
    return view


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


def prices_tables(found: Mapping[str, Any]) -> list[Table | Text]:
    """What `bao.evaluation.prices.GymPrices.to_json` says, for reading."""
    about = (
        f"{found['gym']}: the best of the scripted policies and silence by the price w of a user turn, {found['tasks']} tasks"
    )
    view = Table(title=about, title_justify="left")
    for name in ("Tasks", "Best", "From w", "Up to w", *(MEASURES[name].symbol for name in ("score", "user_effort"))):
        view.add_column(name, justify="left" if name in ("Tasks", "Best") else "right")
    rows = {"all": found["overall"], **{f"level {level}": each for level, each in found["levels"].items()}}
    for tasks, each in rows.items():
        for place, reign in enumerate(each["reigns"]):
            ends = (f"{reign['low']:.3f}", "" if reign["high"] is None else f"{reign['high']:.3f}")
            view.add_row(
                "" if place else tasks, reign["name"], *ends, f"{reign['task_return']:.2f}", f"{reign['user_effort']:.2f}"
            )
        view.add_section()
    largest, suggested = found["largest"], ", ".join(f"{weight:g}" for weight in found["suggested"])
    pays = f"Involving the user pays below w = {largest:.3f}" if largest else "Involving the user pays at no price"
    return [view, Text(f"{pays}.\ngrpo.effort_weights = [{suggested}]")]


def adversaries_table(found: Mapping[str, Sequence[Exploit]]) -> Table:
    """Adversary by gym: the mean return, and the share solved where there is any."""
    view = Table(title="What adversaries earn on test tasks (and the share that they solve)", title_justify="left")
    view.add_column("Adversary")
    for name in found:
        view.add_column(name, justify="right")
    for row in zip(*found.values(), strict=True):
        cells = [f"{each.earned:.3f}" + (f" ({each.solved:.1%})" if each.solved else "") for each in row]
        styled = [Text(cell, style="bold red" if each.is_too_much else "") for cell, each in zip(cells, row, strict=True)]
        view.add_row(row[0].adversary, *styled)
    return view


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
