"""Every episode of a report in little room: a row of numbers each for the table, and its words in gzipped blocks.

The page inflates the rows when it opens and a block when one of its episodes is read, so what a report costs to open hardly
depends on how much was said. Episodes are taken one by one and let go.
"""

import gzip
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any, NamedTuple

from bao.trajectory import StopReason, Trajectory, Turn

TEXT_LIMIT = 200_000
"""Longest text, in characters, that a transcript in the page holds; longer ones end with a note of what was left out."""
BLOCK_CHARACTERS, BLOCK_EPISODES = 400_000, 128
"""A block ends with the episode that reaches either: inflating one takes a browser some milliseconds."""

TURN_FIELDS = ("thinking", "kind", "content", "reply", "reward", "involves_user", "parse_fault", "tokens", "information")
STORY_FIELDS = ("opening", "system", "horizon", "fault_detail", "turns")
ROW_FIELDS = (
    "policy", "task", "level", "seed", "effort_weight", "stop", "success", "score", "effort", "turns", "tokens", "unparsable",
    "fault",
)  # fmt: skip

_NO_MEASURES = frozenset({"seed", "level", "horizon", "effort_weight", "seconds"})
"""Numbers of an episode that are columns already, or that no one compares."""
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class EpisodeRow(NamedTuple):
    """One episode as the table, the aggregates and the gallery see it."""

    policy: str
    task: str
    level: int
    seed: int
    effort_weight: float | None
    stop: str
    success: bool
    score: float
    effort: int
    turns: int
    tokens: int
    unparsable: int
    fault: str | None
    asked: tuple[int, ...]
    """The turns that involved the user, from 0."""
    more: Mapping[str, float]
    """Further numbers that the episode carries, such as its user's satisfaction."""

    @property
    def healthy(self) -> bool:
        """Whether it counts: nothing but the agent decided it."""
        return self.fault is None


def row_of(episode: Trajectory, label: str | None = None) -> EpisodeRow:
    """The row of an episode; `label` names the policy, else its own name and effort weight do."""
    weight = episode.effort_weight
    label = label or (episode.policy if weight is None else f"{episode.policy} w={weight:g}")
    fault = str(episode.fault) if episode.fault is not None else "unnamed" if episode.stop == StopReason.FAULT else None
    return EpisodeRow(
        policy=label, task=episode.task_id, level=episode.level, seed=episode.seed, effort_weight=weight,
        stop=str(episode.stop), success=bool(episode.success), score=episode.task_return, effort=episode.user_effort,
        turns=len(episode.turns), tokens=episode.tokens,
        unparsable=sum(turn.parse_fault is not None for turn in episode.turns), fault=fault,
        asked=tuple(index for index, turn in enumerate(episode.turns) if turn.involves_user), more=_further(episode),
    )  # fmt: skip


def _further(episode: Trajectory) -> dict[str, float]:
    """The other numbers of an episode, whatever they are called: a gym or a user of one's own may add some."""
    names = [each.name for each in fields(episode) if each.name not in _NO_MEASURES]
    names += [name for name in ("satisfaction", "money") if name not in names and hasattr(episode, name)]
    values = {name: getattr(episode, name) for name in names}
    return {
        name: float(value)
        for name, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }


class Archive:
    """Rows and blocks of the episodes that were added, in their order."""

    def __init__(self) -> None:
        self.rows: list[EpisodeRow] = []
        self.blocks: list[bytes] = []
        """Gzipped JSON: ``strings``, each text once, and ``episodes``, rows of `STORY_FIELDS` that name texts by place."""
        self.starts: list[int] = []
        """Index of the first episode of each block."""
        self._places: dict[str, int] = {}
        self._stories: list[list[Any]] = []
        self._characters = 0

    def add(self, label: str, episodes: Iterable[Trajectory]) -> None:
        for episode in episodes:
            if not self._stories:
                self.starts.append(len(self.rows))
            self.rows.append(row_of(episode, label))
            self._stories.append(self._story(episode))
            if self._characters >= BLOCK_CHARACTERS or len(self._stories) >= BLOCK_EPISODES:
                self.close()

    def close(self) -> None:
        """Pack what is still open."""
        if self._stories:
            self.blocks.append(pack({"strings": list(self._places), "episodes": self._stories}))
            self._places, self._stories, self._characters = {}, [], 0

    def table(self) -> dict[str, Any]:
        """`ROW_FIELDS` as columns of equal length, names by their place in a list; further numbers, null where missing."""
        columns: dict[str, list[Any]] = {name: [getattr(row, name) for row in self.rows] for name in ROW_FIELDS}
        names = {}
        for field in ("policy", "task", "stop", "fault"):
            listed = {value: place for place, value in enumerate(dict.fromkeys(v for v in columns[field] if v is not None))}
            names[field] = list(listed)
            columns[field] = [None if value is None else listed[value] for value in columns[field]]
        columns["success"] = [int(value) for value in columns["success"]]
        for field in ("score", "effort_weight"):
            columns[field] = [finite(value) for value in columns[field]]
        further = list(dict.fromkeys(name for row in self.rows for name in row.more))
        more = {name: [finite(row.more.get(name)) for row in self.rows] for name in further}
        return {"count": len(self.rows), "names": names, "columns": columns, "more": more, "starts": self.starts}

    def _place(self, text: str) -> int:
        left_out = len(text) - TEXT_LIMIT
        kept = text if left_out <= 0 else f"{text[:TEXT_LIMIT]} … ({left_out} more characters left out)"
        if kept not in self._places:
            self._places[kept] = len(self._places)
            self._characters += len(kept)
        return self._places[kept]

    def _story(self, one: Trajectory) -> list[Any]:
        turns = [self._turn(turn) for turn in one.turns]
        return [self._place(one.opening), self._place(one.system), one.horizon, one.fault_detail, turns]

    def _turn(self, turn: Turn) -> list[Any]:
        place = self._place
        return [
            place(turn.thinking), str(turn.action.kind), place(turn.action.content), place(turn.reply), finite(turn.reward),
            int(turn.involves_user), None if turn.parse_fault is None else str(turn.parse_fault), turn.tokens,
            finite(getattr(turn, "information", None)),
        ]  # fmt: skip


def by_policy(rows: Iterable[EpisodeRow]) -> Iterator[tuple[str, list[int]]]:
    """Each policy with the indices of its healthy rows; policies without one are left out."""
    found: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        if row.healthy:
            found.setdefault(row.policy, []).append(index)
    yield from found.items()


def finite(value: float | None) -> float | None:
    """`value` to 6 digits, None where JSON has no number for it."""
    return None if value is None or not math.isfinite(value) else float(f"{float(value):.6g}")


def pack(value: Any) -> bytes:
    """`value` as gzipped JSON; a lone surrogate, which UTF-8 cannot hold, becomes U+FFFD."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        raw = text.encode("utf-8")
    except UnicodeEncodeError:
        raw = _LONE_SURROGATE.sub("\ufffd", text).encode("utf-8")
    return gzip.compress(raw, compresslevel=6, mtime=0)
