"""Progress on long work: a bar with what matters on a terminal, one line in a notebook, a line now and then elsewhere."""

import logging
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.table import Column

from bao.measures.catalogue import MEASURES
from bao.progress import Update
from bao.storage.folder import logger

SHOWN = {
    "loss": "loss", "reward": "reward", "score": MEASURES["score"].short(1), "user_effort": MEASURES["user_effort"].short(1),
    "entropy": "entropy", "kl_to_sampler": "KL", "zero_variance": "zero-var", "unparsable": MEASURES["unparsable"].short(1),
    "penalty/information_seeking": "IS", "penalty/over_thinking": "OT", "episodes_per_second": "episodes/s",
    "faults": "faults", "at_once": "at once",
}  # fmt: skip
"""Metrics next to the bar, and their names there."""
_QUIET_SECONDS, _NOTEBOOK_SECONDS = 15.0, 0.5
"""Between two lines of progress, and between two versions of the one line of a notebook."""


def results_console() -> Console:
    """Standard output for results: where it is no terminal, which alone has a width to keep to, as wide as tables need."""
    console = Console()
    return console if console.is_terminal else Console(width=200)


class _Notices(logging.Handler):
    """What endpoints tell from any thread (a pause they ask for, a field they do not take), on the console as well."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.console: Console | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if self.console is not None:
            self.console.print(f"[yellow]warning:[/yellow] {escape(record.getMessage())}", highlight=False, soft_wrap=True)


_notices = _Notices()


class TerminalProgress:
    """Shows one task at a time on `console` (standard error); what it says is in the log too."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self._warned: set[str] = set()
        _notices.console = self.console
        logging.getLogger("bao.endpoint").addHandler(_notices)  # the same one: it is added once

    def say(self, message: str) -> None:
        """A line for whoever watches."""
        logger.info(message)
        self.console.print(escape(message), highlight=False, soft_wrap=True)

    def warn(self, message: str) -> None:
        """A warning, told once however often it is raised."""
        if message not in self._warned:
            self._warned.add(message)
            logger.warning(message)
            self.console.print(f"[yellow]warning:[/yellow] {escape(message)}", highlight=False, soft_wrap=True)

    @contextmanager
    def task(self, name: str, total: int | None, *, quiet: bool = False) -> Iterator[Update]:
        """Work called `name`; yields the function that reports its progress. `quiet` says nothing of it while it is short."""
        start = time.monotonic()
        if self.console.is_terminal:
            shown = self._bar(name, total)
        else:
            shown = self._line_anew(name, start) if self.console.is_jupyter else self._lines(name, start, quiet)
        with shown as update:
            yield update
        logger.info("%s: done in %.0f s", name, time.monotonic() - start)

    @contextmanager
    def _lines(self, name: str, start: float, quiet: bool) -> Iterator[Update]:
        last = start
        if not quiet:
            self._line(f"{name} ..")

        def update(done: int, whole: int, metrics: Mapping[str, float]) -> None:
            nonlocal last
            if time.monotonic() - last >= _QUIET_SECONDS:
                last = time.monotonic()
                self._line(_status(name, done, whole, last - start, metrics))

        yield update
        if not quiet or last > start:
            self._line(f"{name}: done in {time.monotonic() - start:.0f} s")

    @contextmanager
    def _line_anew(self, name: str, start: float) -> Iterator[Update]:
        """One line that is written over: a notebook keeps all others."""
        last = -math.inf

        def show(text: str, end: str = "") -> None:
            self.console.file.write(f"\r{text:<100}{end}")
            self.console.file.flush()

        def update(done: int, whole: int, metrics: Mapping[str, float]) -> None:
            nonlocal last
            if time.monotonic() - last >= _NOTEBOOK_SECONDS:
                last = time.monotonic()
                show(_status(name, done, whole, last - start, metrics))

        show(f"{name} ..")
        yield update
        show(f"{name}: done in {time.monotonic() - start:.0f} s", "\n")

    def _line(self, text: str) -> None:
        self.console.print(escape(text), highlight=False, soft_wrap=True)

    @contextmanager
    def _bar(self, name: str, total: int | None) -> Iterator[Update]:
        # On a narrow terminal the metrics are cut, not the times.
        metrics_column = Column(ratio=1, no_wrap=True, overflow="ellipsis")
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", table_column=Column(no_wrap=True)),
            BarColumn(bar_width=20),
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            TimeElapsedColumn(table_column=Column(no_wrap=True, min_width=7)),
            TimeRemainingColumn(table_column=Column(no_wrap=True, min_width=7)),
            TextColumn("{task.fields[metrics]}", style="dim", table_column=metrics_column),
        )
        with RichProgress(*columns, console=self.console, expand=True) as bar:
            task = bar.add_task(escape(name), total=total, metrics="")

            def update(done: int, whole: int, metrics: Mapping[str, float]) -> None:
                bar.update(task, completed=done, total=whole, metrics=_shown(metrics))

            yield update


def _status(name: str, done: int, whole: int, seconds: float, metrics: Mapping[str, float]) -> str:
    rate = metrics.get("episodes_per_second")
    left = f", {(whole - done) / rate:.0f} s left" if rate else ""
    return f"{name}: {done}/{whole} after {seconds:.0f} s{left} {_shown(metrics)}"


def _shown(metrics: Mapping[str, float]) -> str:
    return " ".join(f"{short} {metrics[name]:.3g}" for name, short in SHOWN.items() if name in metrics)
