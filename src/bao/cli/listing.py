"""What the listing commands print."""

from typing import Any

from rich.table import Table

from bao.action import CHOICES
from bao.gym import gym_class, gym_names
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
                "policies": sorted(cls.scripted_policies()),
                "horizon": cls.horizon_default,
            }
        )
    return rows


def frontier(result: dict[str, Any]) -> Table:
    """The points of a ``frontier.json`` as a table, its hypervolumes below."""
    names = [objective["name"] for objective in result["objectives"]]
    volumes = ", ".join(f"{series} {_interval(value)}" for series, value in result["hypervolume"].items())
    view = Table("Policy", *names, "Non-dominated", "Surely dominated by", caption=f"hypervolume: {volumes}")
    for point in result["points"]:
        values = [_interval(point["values"][name]) for name in names]
        share = f"{'yes' if point['non_dominated'] else 'no'} ({point['non_dominated_probability']:.2f})"
        view.add_row(point["label"], *values, share, ", ".join(point["dominated_by"]))
    return view


def _interval(value: dict[str, float]) -> str:
    return f"{value['mean']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"
