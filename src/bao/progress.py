"""Progress on long work: a bar with what matters on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from bao.folder import logger

SHOWN = {
    "loss": "loss", "reward": "reward", "score": "score", "user_effort": "U", "entropy": "entropy", "kl_to_sampler": "KL",
    "zero_variance": "zero-var", "unparsable": "unparsable", "penalty/information_seeking": "IS", "penalty/over_thinking": "OT",
}  # fmt: skip
"""Metrics beside the bar, and their names there."""
_QUIET_SECONDS = 15.0

Update = Callable[[int, int, Mapping[str, float]], None]
"""Called with (done, in all, metrics)."""


class Progress:
    """Shows one task at a time on `console`."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)

    def warn(self, message: str) -> None:
        logger.warning(message)
        self.console.print(f"[yellow]warning:[/yellow] {message}", highlight=False)

    @contextmanager
    def task(self, name: str, total: int | None) -> Iterator[Update]:
        """Work called `name`; yields the function that reports its progress."""
        if self.console.is_terminal:
            with self._bar(name, total) as update:
                yield update
            return
        start = last = time.monotonic()
        self.console.print(f"{name} ..", highlight=False)

        def line(done: int, whole: int, metrics: Mapping[str, float]) -> None:
            nonlocal last
            if time.monotonic() - last >= _QUIET_SECONDS:
                last = time.monotonic()
                self.console.print(f"{name} {done}/{whole} after {last - start:.0f} s {_shown(metrics)}", highlight=False)

        yield line
        self.console.print(f"{name} done in {time.monotonic() - start:.0f} s", highlight=False)

    @contextmanager
    def _bar(self, name: str, total: int | None) -> Iterator[Update]:
        columns = (
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            TimeRemainingColumn(), TextColumn("{task.fields[metrics]}", style="dim"),
        )  # fmt: skip
        with RichProgress(*columns, console=self.console) as bar:
            task = bar.add_task(name, total=total, metrics="")

            def update(done: int, whole: int, metrics: Mapping[str, float]) -> None:
                bar.update(task, completed=done, total=whole, metrics=_shown(metrics))

            yield update


def _shown(metrics: Mapping[str, float]) -> str:
    return " ".join(f"{short} {metrics[name]:.3g}" for name, short in SHOWN.items() if name in metrics)
