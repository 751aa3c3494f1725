"""Every episode of a report in little room: a row of numbers each for the table, and words in gzipped blocks.

The page inflates the rows when it opens and a block when one of its episodes is read, so what a report costs to open hardly
depends on how much was said. Episodes are taken one by one and let go; their words wait in a temporary file until it is known
which of them the page has room for.
"""

import gzip
import json
import math
import random
import re
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple, Self

from bao.trajectory import StopReason, Trajectory, Turn, point_label

TEXT_LIMIT = 200_000
"""Longest text, in characters, that a transcript in the page holds; longer ones end with a note of what was left out."""
BLOCK_CHARACTERS, BLOCK_EPISODES = 400_000, 128
"""A block ends with the episode that reaches either: inflating one takes a browser some milliseconds."""
_IN_MEMORY = 32_000_000
"""Bytes of waiting transcripts, compressed, beyond which they go to disk."""

TURN_FIELDS = ("thinking", "kind", "content", "reply", "reward", "involves_user", "parse_fault", "tokens", "information")
STORY_FIELDS = ("opening", "system", "horizon", "fault_detail", "turns")

_NO_MEASURES = frozenset({"seed", "level", "horizon", "effort_weight", "budget", "seconds"})
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


ROW_FIELDS = EpisodeRow._fields[:-2]
"""The columns of the page's table."""


def row_of(episode: Trajectory, label: str | None = None) -> EpisodeRow:
    """The row of an episode; `label` names the policy, else its own name and what it was told do."""
    weight = episode.effort_weight
    label = label or point_label(episode.policy, weight, episode.budget)
    fault = str(episode.fault) if episode.fault is not None else "unnamed" if episode.stop == StopReason.FAULT else None
    unparsable = sum(turn.parse_fault is not None for turn in episode.turns)
    asked = tuple(index for index, turn in enumerate(episode.turns) if turn.involves_user)
    outcome = (str(episode.stop), bool(episode.success), episode.task_return, episode.user_effort)
    counts = (len(episode.turns), episode.tokens, unparsable)
    about = (label, episode.task_id, episode.level, episode.seed, weight)
    return EpisodeRow(*about, *outcome, *counts, fault, asked, _further(episode))


def _further(episode: Trajectory) -> dict[str, float]:
    """The other numbers of an episode, whatever they are called: a gym or a user of one's own may add some."""
    names = [each.name for each in fields(episode) if each.name not in _NO_MEASURES]
    names += [name for name in ("satisfaction", "money") if name not in names and hasattr(episode, name)]
    values = {name: getattr(episode, name) for name in names} | dict(episode.measured or {})
    return {
        name: float(value)
        for name, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }


class Archive:
    """Rows of the episodes that were added, in their order, and blocks of the transcripts that were kept.

    A context manager, for the temporary file (in `folder`, else where the system puts them) in which transcripts wait.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.rows: list[EpisodeRow] = []
        self.blocks: list[bytes] = []
        """Gzipped JSON: ``strings``, each text once, and ``episodes``, rows of `STORY_FIELDS` that name texts by place."""
        self.held: list[int] = []
        """The episodes whose transcripts lie in the blocks, block after block."""
        self.starts: list[int] = []
        """Place among `held` of the first episode of each block."""
        where = None if folder is None else str(folder)
        self._waiting = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY, dir=where)  # noqa: SIM115 - closed by __exit__
        self._ends = [0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.close()

    def add(self, label: str, episodes: Iterable[Trajectory]) -> None:
        for episode in episodes:
            self.rows.append(row_of(episode, label))
            text = json.dumps(_story(episode), ensure_ascii=False, separators=(",", ":"))
            self._ends.append(self._ends[-1] + self._waiting.write(zlib.compress(text.encode("utf-8", "surrogatepass"), 1)))

    def keep(self, first: Iterable[int] = (), limit: float = math.inf, seed: int = 0) -> None:
        """Pack transcripts into blocks that take up at most `limit` bytes of a page.

        Those of the episodes `first` that fit, then others until one does not fit, in an order drawn by `seed` in which all
        episodes of a task and seed follow each other: policies can be compared on what is kept.
        """
        chosen = list(dict.fromkeys(first))
        block, room = _Block(), limit
        for place, index in enumerate([*chosen, *self._shuffled(set(chosen), seed)]):
            waiting = _written(self._ends[index + 1] - self._ends[index])  # level 1 and alone: an upper estimate
            if block.waiting + waiting > room:
                if place < len(chosen):
                    continue
                break
            block.add(index, self._read(index), waiting)
            if block.is_full:
                room -= self._close(block)
                block = _Block()
        self._close(block)

    def _shuffled(self, without: set[int], seed: int) -> Iterator[int]:
        together: dict[tuple[str, int], list[int]] = {}
        for index, row in enumerate(self.rows):
            if index not in without:
                together.setdefault((row.task, row.seed), []).append(index)
        groups = list(together.values())
        random.Random(seed).shuffle(groups)
        for group in groups:
            yield from group

    def _read(self, index: int) -> list[Any]:
        self._waiting.seek(self._ends[index])
        packed = self._waiting.read(self._ends[index + 1] - self._ends[index])
        story: list[Any] = json.loads(zlib.decompress(packed).decode("utf-8", "surrogatepass"))
        return story

    def _close(self, block: "_Block") -> int:
        if not block.indices:
            return 0
        self.starts.append(len(self.held))
        self.held += block.indices
        self.blocks.append(block.packed())
        return _written(len(self.blocks[-1]))

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
        found = {"count": len(self.rows), "names": names, "columns": columns, "more": more}
        return {**found, "held": self.held, "starts": self.starts}


class _Block:
    """Transcripts that are packed together."""

    def __init__(self) -> None:
        self.indices: list[int] = []
        self.waiting = 0
        """Upper estimate of the bytes that it takes up in a page."""
        self._stories: list[list[Any]] = []
        self._places: dict[str, int] = {}
        self._characters = 0

    @property
    def is_full(self) -> bool:
        return self._characters >= BLOCK_CHARACTERS or len(self.indices) >= BLOCK_EPISODES

    def add(self, index: int, story: Sequence[Any], waiting: int) -> None:
        """Put the texts of `story` (see `_story`) once each to the block's, and its row to the rows."""
        opening, system, horizon, fault_detail, turns = story
        rows = [[self._place(turn[0]), turn[1], *map(self._place, turn[2:4]), *turn[4:]] for turn in turns]
        self._stories.append([self._place(opening), self._place(system), horizon, fault_detail, rows])
        self.indices.append(index)
        self.waiting += waiting

    def packed(self) -> bytes:
        return pack({"strings": list(self._places), "episodes": self._stories})

    def _place(self, text: str) -> int:
        if text not in self._places:
            self._places[text] = len(self._places)
            self._characters += len(text)
        return self._places[text]


def _story(one: Trajectory) -> list[Any]:
    """`STORY_FIELDS` of an episode, its turns as `TURN_FIELDS`."""
    return [_cut(one.opening), _cut(one.system), one.horizon, one.fault_detail, [_turn(turn) for turn in one.turns]]


def _turn(turn: Turn) -> list[Any]:
    return [
        _cut(turn.thinking),
        str(turn.action.kind),
        _cut(turn.action.content),
        _cut(turn.reply),
        finite(turn.reward),
        int(turn.involves_user),
        None if turn.parse_fault is None else str(turn.parse_fault),
        turn.tokens,
        finite(getattr(turn, "information", None)),
    ]


def _cut(text: str) -> str:
    left_out = len(text) - TEXT_LIMIT
    return text if left_out <= 0 else f"{text[:TEXT_LIMIT]} … ({left_out} more characters left out)"


def _written(size: int) -> int:
    """Bytes in the page of `size` packed ones: base64 and a line's end."""
    return 4 * math.ceil(size / 3) + 1


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
