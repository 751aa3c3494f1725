"""Metrics to experiment trackers: Weights & Biases, MLflow, trackio. A recipe asks for them:

    [logging]
    trackers = ["wandb"]

A tracker gets the metrics of each step and the recipe's settings without secrets; all else that it could send of the machine
is switched off. It never stops a run: one that fails is warned of once and left out from there on. A resumed run goes on in the
tracker's same run and sends no step twice; what was sent is remembered in ``trackers.json`` in the run's folder.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bao.errors import ConfigError
from bao.storage.atomic import atomic_write
from bao.train.settings import LoggingSection
from bao.train.tracking.base import Start, Tracker
from bao.train.tracking.mlflow import MLflow
from bao.train.tracking.redact import redact
from bao.train.tracking.trackio import Trackio
from bao.train.tracking.wandb import Wandb

STATE = "trackers.json"
OPENERS: dict[str, Callable[[Start], Tracker]] = {"mlflow": MLflow, "trackio": Trackio, "wandb": Wandb}


def require(section: LoggingSection) -> None:
    """Raise `ConfigError` naming the install where a tracker that is asked for is not installed."""
    for name in section.trackers:
        found = find_spec(name)
        if found is None or found.origin is None:  # without an origin it is a folder that happens to be called so
            raise ConfigError(f"logging.trackers names {name!r}, which is not installed: pip install {name}")


class Trackers:
    """The trackers of one training run; used as a context, which closes them."""

    def __init__(
        self,
        names: Sequence[str],
        start: Start,
        warn: Callable[[str], None],
        openers: Mapping[str, Callable[[Start], Tracker]] = OPENERS,
    ) -> None:
        """Begin, or go on with, the run `start` at each tracker of `names`; its settings are sent without secrets."""
        self._path, self._warn = start.folder / STATE, warn
        self._sent = _read_state(self._path)
        self._open: dict[str, Tracker] = {}
        start = start._replace(settings=redact(start.settings))
        for each in dict.fromkeys(names):
            known = self._sent.get(each, {})
            run = known.get("run")
            with self._guarded(each):
                tracker = openers[each](start._replace(run=run))
                self._open[each] = tracker
                self._sent[each] = {"run": tracker.run, "step": known.get("step", 0) if tracker.run == run else 0}
        if self._open:
            self._save()

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Send the metrics of `step` to each tracker that has not had them."""
        behind = [name for name in self._open if step > self._sent[name]["step"]]
        if not behind:
            return
        for name in behind:
            self._sent[name]["step"] = step
        self._save()  # before they are sent: what a kill cuts off here is missing there, never double
        for name in behind:
            with self._guarded(name):
                self._open[name].log(step, metrics)

    def close(self, failed: bool = False) -> None:
        for name, tracker in list(self._open.items()):
            with self._guarded(name):
                tracker.close(failed)
        self._open.clear()

    def __enter__(self) -> "Trackers":
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self.close(failed=kind is not None)

    @contextmanager
    def _guarded(self, name: str) -> Iterator[None]:
        """Whatever a tracker raises ends that tracker, not the training."""
        try:
            yield
        except Exception as error:
            self._open.pop(name, None)
            lines = str(redact(str(error))).splitlines() or [""]
            self._warn(
                f"{name} failed and gets no more metrics (metrics.jsonl has them all): {type(error).__name__}: {lines[0]}"
            )

    def _save(self) -> None:
        with atomic_write(self._path) as file:
            file.write(json.dumps(self._sent).encode())


def _read_state(path: Path) -> dict[str, dict[str, Any]]:
    """For each tracker the id of its run and the last step that it was sent."""
    if not path.is_file():
        return {}
    try:
        state: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return {}  # new runs there, rather than no training here
    return state
