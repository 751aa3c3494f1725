"""Progress on long work, as whoever works tells it; `bao.reporting.terminal` shows it on a terminal."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Update = Callable[[int, int, Mapping[str, float]], None]
"""Called with (done, in all, metrics)."""


class Progress(Protocol):
    """Whoever watches long work."""

    def say(self, message: str) -> None:
        """A line for whoever watches."""

    def warn(self, message: str) -> None:
        """A warning, told once however often it is raised."""

    def task(self, name: str, total: int | None, *, quiet: bool = False) -> AbstractContextManager[Update]:
        """Work called `name`; yields the function that reports its progress. `quiet` says nothing of it while it is short."""


class Silent:
    """Nobody watches."""

    def say(self, message: str) -> None:
        pass

    def warn(self, message: str) -> None:
        pass

    @contextmanager
    def task(self, name: str, total: int | None, *, quiet: bool = False) -> Iterator[Update]:
        yield lambda done, whole, metrics: None
