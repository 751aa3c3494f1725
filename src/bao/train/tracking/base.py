"""What an experiment tracker is to training: a run that is begun, gets metrics step by step, and is closed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol


class Start(NamedTuple):
    """What a tracker's run begins with."""

    project: str
    name: str
    group: str
    """What the runs of one recipe have in common."""
    folder: Path
    settings: Mapping[str, Any]
    online: bool
    run: str | None = None
    """The tracker's own id of the run to go on with; none: a new one."""


class Tracker(Protocol):
    """A run at a tracker. One that breaks raises; `bao.train.tracking.trackers.Trackers` goes on without it."""

    run: str
    """Its id there, by which a later process finds it again."""

    def log(self, step: int, metrics: Mapping[str, float]) -> None: ...

    def close(self, failed: bool) -> None: ...
