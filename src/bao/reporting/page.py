"""The report of a run: one HTML file that needs no network and runs no text of a model.

The page's own script and style lie in `bao.web` and are written into the file, which names their hashes in its content security
policy: a browser runs nothing else in it. Numbers for the figures travel as JSON in a data block, ready to draw; the episodes,
by far the largest part, as gzipped rows and blocks of transcripts (`bao.reporting.archive`), inflated when they are needed.
"""

import base64
import hashlib
import html
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from bao.measure import Measure, merged
from bao.measures.catalogue import MEASURES
from bao.measures.clusters import Records
from bao.measures.named import find, needs_more
from bao.measures.summary import own_of
from bao.reporting.aggregates import differences, distributions, effort_by_turn
from bao.reporting.archive import STORY_FIELDS, TURN_FIELDS, Archive, pack
from bao.reporting.gallery import Pick, Room, gallery
from bao.storage.atomic import atomic_write
from bao.trajectory import Trajectory

CURVE_LIMIT = 600
"""Most rows of a learning curve in the page; longer ones are thinned evenly, first and last row kept."""

TRANSCRIPT_MB = 12.0
"""With 10,000 episodes the page then stays below 14 MB, which mail servers still take (they count a file by 4/3)."""

_SCRIPTS = "plot panel report answer frontier regret pairs curves spread measures archive transcript episodes gallery page"
SCRIPTS = tuple(f"{name}.js" for name in _SCRIPTS.split())
"""In the order in which they are joined: each uses what those before it define."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


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
    episodes: Mapping[str, Iterable[Trajectory]] = field(default_factory=dict)
    """All episodes by policy label, in any number: each iterable is gone through once, and no episode is kept."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """The resolved settings, nested, shown in TOML's form."""
    notes: Sequence[str] = ()
    worth: Sequence[Mapping[str, Any]] = ()
    """What policies are worth at each price, one entry of ``worth.json`` for each kind of user."""
    bounds: Sequence[str] = ()
    """Labels of the policies that know the task: never in the gallery, and not what others are compared with at first."""
    reference: str | None = None
    """The label of the policy that others are compared with at first; none: the one that is most surely non-dominated."""
    records: Mapping[str, Records] = field(default_factory=dict)
    """By policy label: what its tasks were and what they share."""
    folders: Mapping[str, str] = field(default_factory=dict)
    """By policy label: the folder of its episodes, as the page names it to `bao show transcript`."""
    transcript_mb: float = TRANSCRIPT_MB
    """Most megabytes of transcripts in the page; what is beyond is left out and the page says so."""


def write_report(path: Path, data: ReportData) -> None:
    """Write the report to `path` as one HTML file, making its folder; an existing file is replaced, whole or not at all."""
    with atomic_write(path) as file:
        for piece in _pieces(data, path.parent):
            file.write(piece.encode("utf-8", errors="replace"))  # a model's text may hold lone surrogates


def render_report(data: ReportData) -> str:
    """The HTML of the report."""
    return "".join(_pieces(data))


def _pieces(data: ReportData, folder: Path | None = None) -> Iterator[str]:
    """The page in order. Only its template is searched for marks, so a text that happens to read "{{script}}" stays text."""
    with Archive(folder) as archive:
        for label, episodes in data.episodes.items():
            archive.add(label, episodes)
        rooms = gallery(archive.rows, without=data.bounds)
        by_rank = chain.from_iterable(zip_longest(*rooms.values()))
        archive.keep((index for pick in by_rank if pick for index in pick.episodes), 1e6 * data.transcript_mb)
    style, script = _asset("page.css"), "\n".join(map(_asset, SCRIPTS))
    parts: dict[str, Iterable[str]] = {"title": [html.escape(data.title)], "style": [style], "script": [script]}
    parts |= {"style_hash": [_hash(style)], "script_hash": [_hash(script)], "table": [_base64(pack(archive.table()))]}
    # In JSON "<" occurs in strings only, so no text can end the block.
    parts["data"] = [_json(_numbers(data, archive, rooms)).replace("<", "\\u003c")]
    parts["blocks"] = (f"{_base64(block)}\n" for block in archive.blocks)
    for place, piece in enumerate(re.split(r"\{\{(\w+)\}\}", _asset("page.html"))):
        yield from parts[piece] if place % 2 else [piece]


def _numbers(data: ReportData, archive: Archive, rooms: Mapping[Room, Sequence[Pick]]) -> dict[str, Any]:
    return {
        "title": data.title,
        "frontier": data.frontier,
        "summaries": [{"label": label, "series": series, "summary": summary} for label, series, summary in data.summaries],
        "curves": {label: _columns(rows) for label, rows in data.curves.items()},
        "differences": differences(archive.rows, data.records),
        "effort_by_turn": effort_by_turn(archive.rows, data.records),
        "distributions": distributions(archive.rows),
        "gallery": {room: [{"episodes": pick.episodes, "why": pick.why} for pick in picks] for room, picks in rooms.items()},
        "episodes": len(archive.rows),
        "reference": data.reference,
        "worth": data.worth,
        "folders": data.folders,
        "measures": {
            name: {field: getattr(measure, field) for field in ("label", "symbol", "unit", "about", "direction")}
            for name, measure in _measures(data).items()
        },
        "story_fields": STORY_FIELDS,
        "turn_fields": TURN_FIELDS,
        "settings": toml_text(data.settings),
        "notes": list(data.notes),
    }


def _measures(data: ReportData) -> dict[str, Measure]:
    """Those of every gym, the gym's own, and what the frontier names beside them."""
    own = merged(own_of(summary) for _, _, summary in data.summaries)
    objectives = [each["name"] for each in data.frontier.get("objectives", ())]
    return {**MEASURES, **own, **{name: find(name, own) for name in objectives if needs_more(name)}}


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
            own = str(key) if _BARE_KEY.fullmatch(str(key)) else json.dumps(str(key), ensure_ascii=False)
            name = f"{table}.{own}" if table else own
            lines.append(f"\n[{name}]\n{toml_text(value, name)}".rstrip())
    return "\n".join(lines).strip("\n")


def _asset(name: str) -> str:
    return files("bao.web").joinpath(name).read_text(encoding="utf-8")


def _base64(packed: bytes) -> str:
    return base64.b64encode(packed).decode("ascii")


def _hash(text: str) -> str:
    return f"sha256-{_base64(hashlib.sha256(text.encode()).digest())}"


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
