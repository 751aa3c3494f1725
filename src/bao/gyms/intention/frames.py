"""The authored frames: a vague task and everything that one could ask about it.

They lie in ``frames/``, one TOML file a category. A detail is one row: importance, description, a question that asks for it,
what the user may have in mind, and further words by which a question may name it. A frame belongs to one split.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from bao.gyms.intention.detail import Detail
from bao.task import Split


@dataclass(frozen=True, slots=True)
class Frame:
    """One vague task with 5 to 9 details, of which a generated task hides some."""

    name: str
    category: str
    task: str
    details: tuple[Detail, ...]
    split: Split


@lru_cache(maxsize=1)
def all_frames() -> tuple[Frame, ...]:
    """Every authored frame, by category and then in the order of its file."""
    frames = []
    for file in sorted(files(__package__).joinpath("frames").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".toml"):
            table = tomllib.loads(file.read_text(encoding="utf-8"))
            category = table.pop("category")
            frames += [_frame(name, category, row) for name, row in table.items()]
    return tuple(frames)


def frames_of(split: Split) -> tuple[Frame, ...]:
    return tuple(frame for frame in all_frames() if frame.split is split)


def _frame(name: str, category: str, row: Mapping[str, Any]) -> Frame:
    details = tuple(
        Detail(description, importance, inquiry, tuple(options), words)
        for importance, description, inquiry, options, words in row["details"]
    )
    return Frame(name, category, row["task"], details, Split(row["split"]))
