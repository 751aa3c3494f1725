"""The report of a run: one HTML file that needs no network and runs no text of a model.

The page's own script and style lie beside this module (``page.html``, ``page.css``, ``plot.js``, ``figures.js``, ``page.js``)
and are written into the file, which names their hashes in its content security policy: a browser runs nothing else in it.
Numbers travel as JSON in a data block; transcripts, by far the largest part, as gzipped JSON that is unpacked when the page
has already been drawn.
"""

import base64
import gzip
import hashlib
import html
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from bao.trajectory import Trajectory, Turn

TEXT_LIMIT = 20_000
"""Longest text, in characters, that a transcript in the page holds; longer ones end with a note of what was left out."""
CURVE_LIMIT = 600
"""Most rows of a learning curve in the page; longer ones are thinned evenly, first and last row kept."""

SCRIPTS = ("plot.js", "figures.js", "page.js")
TURN_FIELDS = ("thinking", "kind", "content", "reply", "reward", "involves_user", "parse_fault", "tokens")
EPISODE_FIELDS = (
    "task_id", "seed", "level", "stop", "success", "effort_weight", "horizon", "fault", "fault_detail", "opening", "system",
    "satisfaction", "turns",
)  # fmt: skip


@dataclass(frozen=True)
class ReportData:
    """Everything that a report shows. What is empty becomes a sentence that says so."""

    title: str
    frontier: Mapping[str, Any]
    """The content of ``frontier.json``."""
    summaries: Sequence[tuple[str, str, Mapping[str, Any]]] = ()
    """(label, series, the content of ``summary.json``); labels join them to the frontier's points."""
    curves: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """Training metrics by run: one mapping of metric to number per row, ``step`` among them; what is no number is left out."""
    episodes: Mapping[str, Sequence[Trajectory]] = field(default_factory=dict)
    """Transcripts by policy label, a selection: some 60 a policy keep the file light."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """The resolved settings, nested, shown in TOML's form."""
    notes: Sequence[str] = ()


def write_report(path: Path, data: ReportData) -> None:
    """Write the report to `path` as one HTML file, making its folder; an existing file is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(render_report(data).encode("utf-8", errors="replace"))  # a model's text may hold lone surrogates


def render_report(data: ReportData) -> str:
    """The HTML of the report."""
    style, script = _asset("page.css"), "\n".join(map(_asset, SCRIPTS))
    numbers = {
        "title": data.title,
        "frontier": data.frontier,
        "summaries": [{"label": label, "series": series, "summary": summary} for label, series, summary in data.summaries],
        "curves": {label: _columns(rows) for label, rows in data.curves.items()},
        "settings": toml_text(data.settings),
        "notes": list(data.notes),
    }
    packed = gzip.compress(_json(_packed_episodes(data.episodes)).encode("utf-8", errors="replace"), mtime=0)
    parts = {
        "title": html.escape(data.title),
        "style": style,
        "style_hash": _hash(style),
        "script": script,
        "script_hash": _hash(script),
        "data": _json(numbers).replace("<", "\\u003c"),  # in JSON "<" occurs in strings only, so no text can end the block
        "episodes": base64.b64encode(packed).decode("ascii"),
    }
    # One pass, so that a text which happens to read "{{script}}" stays text.
    return re.sub(r"\{\{(\w+)\}\}", lambda mark: parts[mark.group(1)], _asset("page.html"))


def toml_text(settings: Mapping[str, Any], table: str = "") -> str:
    """`settings` in TOML's form, nested mappings as tables; None, which TOML lacks, as a comment."""
    lines = []
    for key, value in settings.items():
        if value is None:
            lines.append(f"# {key} is not set")
        elif not isinstance(value, Mapping):
            lines.append(f"{key} = {json.dumps(_plain(value), ensure_ascii=False)}")
    for key, value in settings.items():
        if isinstance(value, Mapping):
            name = f"{table}.{key}" if table else str(key)
            lines.append(f"\n[{name}]\n{toml_text(value, name)}".rstrip())
    return "\n".join(lines).strip("\n")


def _asset(name: str) -> str:
    return files("bao.report").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"


def _json(value: Any) -> str:
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _plain(value: Any) -> Any:
    """`value` as JSON can hold it: floats to 6 digits, what is not finite as null, what is unknown as its text."""
    if isinstance(value, str):
        return str(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Iterable):
        return [_plain(item) for item in value]
    if hasattr(value, "__index__"):  # numpy's integers
        return int(value)
    if hasattr(value, "__float__"):
        return float(f"{float(value):.6g}") if math.isfinite(value) else None
    return str(value)


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Metric rows as columns, null where a row lacks the metric."""
    stride = math.ceil(len(rows) / CURVE_LIMIT) or 1
    kept = [row for i, row in enumerate(rows) if i % stride == 0 or i == len(rows) - 1]
    names = dict.fromkeys(name for row in kept for name in row)
    columns = {name: [_number(row.get(name)) for row in kept] for name in names}
    return {name: column for name, column in columns.items() if any(value is not None for value in column)}


def _number(value: Any) -> float | int | None:
    if isinstance(value, bool | str) or not hasattr(value, "__float__") or not math.isfinite(value):
        return None
    return value if isinstance(value, int) else float(value)


def _packed_episodes(episodes: Mapping[str, Sequence[Trajectory]]) -> dict[str, Any]:
    """Episodes as rows of their fields, each distinct text held once and named by its place."""
    places: dict[str, int] = {}

    def place(text: str) -> int:
        left_out = len(text) - TEXT_LIMIT
        kept = text if left_out <= 0 else f"{text[:TEXT_LIMIT]} … ({left_out} more characters left out)"
        return places.setdefault(kept, len(places))

    def turn_row(turn: Turn) -> list[Any]:
        return [
            place(turn.thinking), turn.action.kind, place(turn.action.content), place(turn.reply), turn.reward,
            turn.involves_user, turn.parse_fault, turn.tokens,
        ]  # fmt: skip

    def row(one: Trajectory) -> list[Any]:
        return [
            one.task_id, one.seed, one.level, one.stop, one.success, one.effort_weight, one.horizon, one.fault,
            one.fault_detail, place(one.opening), place(one.system), one.satisfaction, [turn_row(turn) for turn in one.turns],
        ]  # fmt: skip

    rows = [[label, [row(one) for one in chosen]] for label, chosen in episodes.items()]
    return {"fields": EPISODE_FIELDS, "turn_fields": TURN_FIELDS, "episodes": rows, "strings": list(places)}
