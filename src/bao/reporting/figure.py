"""The frontier as a picture: policies as points with interval bars on both axes, drawn for the size of a README."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox

from bao.errors import DataError
from bao.measures.catalogue import MEASURES
from bao.storage.atomic import atomic_write

PALETTE = ("#0035ff", "#6a0000", "#235835", "#8458d3", "#8d6a00", "#a70972", "#007b9e", "#352c35")
"""One colour a series, as in the page on a light ground: any two differ by 20 or more (CIE 1976) under the common colour
blindnesses and by 40 for others, and each has a contrast of 4.5 or more to white."""
MARKERS = ("o", "s", "^", "D", "v", "P", "p", "h")
INK, MUTED, RULE = "#1a1d22", "#5a616c", "#e2dfd8"
STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Inter", "Helvetica Neue", "Arial", "DejaVu Sans"],
    "font.size": 10.5,
    "axes.edgecolor": "#b9b5ac",
    "axes.labelcolor": INK,
    "text.color": INK,
    **dict.fromkeys(("xtick.color", "ytick.color", "xtick.labelcolor", "ytick.labelcolor"), MUTED),
    "svg.hashsalt": "bao",
}
INCHES, DOTS_PER_INCH = (7.4, 4.9), 200
MANY = 24
"""Points beyond which only the best are named, and the others' bars are faint."""


def write_frontier_figures(directory: Path, frontier: Mapping[str, Any]) -> None:
    """Write `frontier_figure` as ``frontier.png`` (1480 x 980 pixels) and ``frontier.svg`` to `directory`; makes the folder.

    Raises `DataError` where there are fewer than two objectives or no point.
    """
    figure = frontier_figure(frontier)
    with (
        matplotlib.rc_context(STYLE),  # type: ignore[arg-type, unused-ignore]
        atomic_write(directory / "frontier.png") as png,
        atomic_write(directory / "frontier.svg") as svg,
    ):
        figure.savefig(png, format="png")
        figure.savefig(svg, format="svg", metadata={"Date": None})


def frontier_figure(frontier: Mapping[str, Any]) -> Figure:
    """The figure of a frontier (the content of ``frontier.json``).

    Drawn are ``user_effort`` (x) and ``score`` (y) where both are objectives, else the first two objectives. Filled marks are
    those that `frontier` calls non-dominated, grey ones bounds; a line joins each series' policies that are non-dominated
    within it on the two drawn means. Raises `DataError` where there are fewer than two objectives or no point.
    """
    rivals: Sequence[Mapping[str, Any]] = frontier.get("points", ())
    bounds = [{**each, "non_dominated": False, "bound": True} for each in frontier.get("bounds", ())]
    points = [*rivals, *bounds]
    higher = {each["name"]: str(each["direction"]).startswith("max") for each in frontier.get("objectives", ())}
    if len(higher) < 2 or not rivals:
        raise DataError(f"the frontier has {len(higher)} objectives and {len(rivals)} points: a figure needs two and one")
    labels = {each["name"]: each["label"] for each in frontier["objectives"] if "label" in each}
    x, y = ("user_effort", "score") if {"user_effort", "score"} <= higher.keys() else list(higher)[:2]
    all_series = list(dict.fromkeys(point["series"] for point in points))
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type, unused-ignore]
        figure = Figure(figsize=INCHES, dpi=DOTS_PER_INCH, layout="constrained", facecolor="white")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        _dress(axes, x, y, higher, labels)
        for index, series in enumerate(all_series):
            _draw_series(axes, [p for p in points if p["series"] == series], x, y, higher, index, many=len(points) > MANY)
        longest = max(len(shortened(series, 60)) for series in all_series)
        columns = max(1, min(4, len(all_series), 80 // (longest + 6)))  # some 80 characters are as wide as the figure
        figure.legend(loc="outside upper left", ncols=columns, frameon=False, handletextpad=0.4, columnspacing=1.6)
        figure.draw_without_rendering()  # settles the layout, which the names are placed in
        _name_points(axes, points, x, y)
    return figure


def _dress(axes: Axes, x: str, y: str, higher: Mapping[str, bool], labels: Mapping[str, str]) -> None:
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0, pad=6)
    axes.margins(0.06, 0.07)
    better = {
        name: f"{labels.get(name) or _axis(name)} ({'higher' if up else 'lower'} is better)" for name, up in higher.items()
    }
    axes.set_xlabel(f"{better[x]} →" if higher[x] else f"← {better[x]}", loc="right", fontweight="bold")
    legend = "filled: non-dominated   bars: 95 % intervals   w: effort weight"
    below: dict[str, Any] = {"xycoords": "axes fraction", "xytext": (0, -32), "textcoords": "offset points", "va": "center"}
    axes.annotate(legend, (0, 0), fontsize=8.5, color=MUTED, **below)
    axes.set_title(f"{'↑' if higher[y] else '↓'} {better[y]}", loc="left", fontsize=10.5, fontweight="bold", pad=10)


def _axis(name: str) -> str:
    measure = MEASURES.get(name)
    return name.replace("_", " ") if measure is None else ", ".join(filter(None, (measure.label, measure.unit)))


def _draw_series(
    axes: Axes, points: Sequence[Mapping[str, Any]], x: str, y: str, higher: Mapping[str, bool], index: int, *, many: bool
) -> None:
    # Colours and shapes repeat after eight, but no pair of the two before sixty-four.
    colour, marker = PALETTE[index % len(PALETTE)], MARKERS[(index + index // len(PALETTE)) % len(MARKERS)]
    rivals = [(p["values"][x]["mean"], p["values"][y]["mean"]) for p in points if not p.get("bound")]
    if not rivals:
        colour, marker = MUTED, "x"
    joined = sorted(undominated(rivals, (higher[x], higher[y])))
    if joined:
        axes.plot(*zip(*joined, strict=True), color=colour, linewidth=1.5, alpha=0.7, zorder=2)
    mark: dict[str, Any] = {"fmt": marker, "color": colour, "markersize": 7, "markeredgewidth": 1.5, "zorder": 3}
    mark |= {"elinewidth": 1.1, "capsize": 2.5, "capthick": 1.1}
    for point in points:
        at, up, best = point["values"][x], point["values"][y], point["non_dominated"]
        across, along = ([[arm] for arm in _arms(value)] for value in (at, up))
        look = {**mark, "markerfacecolor": colour if best else "white", "ecolor": (colour, 0.15 if many and not best else 0.5)}
        axes.errorbar(at["mean"], up["mean"], xerr=across, yerr=along, **look)
    name = shortened(points[0]["series"], 60)
    axes.plot([], [], marker, color=colour, markersize=7, label=name if rivals else f"{name} (a bound)")


def shortened(text: str, most: int) -> str:
    """`text` in at most `most` characters: its middle goes, as the ends are what tells long names apart."""
    head = math.ceil(most * 0.4)
    return text if len(text) <= most else f"{text[:head]}…{text[head + 1 - most :]}"


def undominated(values: Sequence[tuple[float, float]], higher: tuple[bool, bool]) -> list[tuple[float, float]]:
    """The pairs that no other pair equals or betters on both axes and betters on one; `higher` says which way is better."""
    signed = [tuple(v if up else -v for v, up in zip(pair, higher, strict=True)) for pair in values]
    beaten = [any(v != u and v[0] >= u[0] and v[1] >= u[1] for v in signed) for u in signed]
    return [pair for pair, lost in zip(values, beaten, strict=True) if not lost]


def _arms(value: Mapping[str, Any]) -> tuple[float, float]:
    """Lengths of the interval's lower and upper arm; 0 where an end is missing."""
    low, high, mean = value.get("low"), value.get("high"), value["mean"]
    return (0.0 if low is None else max(mean - low, 0.0), 0.0 if high is None else max(high - mean, 0.0))


def _pieces(corners: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Points along a line through `corners` [corners, 2], some 4 pixels apart."""
    if len(corners) < 2:
        return corners
    run = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(corners, axis=0).T))])
    at = np.linspace(0, run[-1], int(run[-1] / 4) + 2)
    return np.column_stack([np.interp(at, run, corners[:, axis]) for axis in (0, 1)])


OFFSETS = ((7, 6), (7, -14), (-7, 6), (-7, -14), (12, -4), (-12, -4), (7, 18), (-7, 18), (7, -26), (-7, -26))
"""Where a name may stand from its mark, in points; a negative x sets it to the left."""


def _name_points(axes: Axes, points: Sequence[Mapping[str, Any]], x: str, y: str) -> None:
    """Write each point's weight (its label where it has none) at the freest place beside it, the best ones first."""
    renderer = axes.figure.canvas.get_renderer()  # type: ignore[union-attr, attr-defined, unused-ignore]
    unit = DOTS_PER_INCH / 72
    marks, bars = [], []
    for point in points:
        at, up = point["values"][x], point["values"][y]
        (left, right), (down, top) = _arms(at), _arms(up)
        corners = [(at["mean"] - left, up["mean"] - down), (at["mean"], up["mean"]), (at["mean"] + right, up["mean"] + top)]
        (x1, y1), (px, py), (x2, y2) = axes.transData.transform(corners)
        marks.append(Bbox([[px - 5 * unit, py - 5 * unit], [px + 5 * unit, py + 5 * unit]]))
        bars += [Bbox([[x1, py - unit], [x2, py + unit]]), Bbox([[px - unit, y1], [px + unit, y2]])]
    lines = [_pieces(axes.transData.transform(line.get_xydata())) for line in axes.lines if line.get_linestyle() == "-"]
    series = list(dict.fromkeys(point["series"] for point in points))
    taken: list[Bbox] = []
    halo = [withStroke(linewidth=2.5, foreground="white")]
    look: dict[str, Any] = {"fontsize": 9, "fontweight": "bold", "zorder": 4, "path_effects": halo}
    best_first = sorted(points, key=lambda point: not point["non_dominated"])
    for point in best_first if len(points) <= MANY else [point for point in points if point["non_dominated"]]:
        weight, budget = point.get("effort_weight"), point.get("budget")
        told = ["" if weight is None else f"w {weight:g}", "" if budget is None else f"b {budget}"]
        name = " ".join(filter(None, told)) or shortened(point["label"], 22)
        at = (point["values"][x]["mean"], point["values"][y]["mean"])
        colour = PALETTE[series.index(point["series"]) % len(PALETTE)]
        text = axes.annotate(name, at, xytext=OFFSETS[0], textcoords="offset points", color=colour, **look)
        options = []
        for order, (dx, dy) in enumerate(OFFSETS):
            text.set_position((dx, dy))
            text.set_horizontalalignment("left" if dx > 0 else "right")
            box = text.get_window_extent(renderer)
            inside = axes.bbox.x0 <= box.x0 and box.x1 <= axes.figure.bbox.x1 and axes.bbox.y0 <= box.y0
            clashes = 20 * box.count_overlaps(taken) + 6 * box.count_overlaps(marks) + box.count_overlaps(bars)
            clashes += sum(box.x0 < px < box.x1 and box.y0 < py < box.y1 for line in lines for px, py in line) / 8
            options.append((clashes + order / 20 + (0 if inside else 50), order, box))
        cost, order, box = min(options, key=lambda option: option[:2])
        if cost >= 20:  # a name on top of another one tells less than none
            text.remove()
            continue
        dx, dy = OFFSETS[order]
        text.set_position((dx, dy))
        text.set_horizontalalignment("left" if dx > 0 else "right")
        taken.append(box)
