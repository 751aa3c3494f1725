"""Metrics to experiment trackers: Weights & Biases, MLflow, trackio. A recipe asks for them:

    [logging]
    trackers = ["wandb"]

A tracker gets the metrics of each step and the recipe's settings without secrets, and is told to look at nothing else of the
machine. It never stops a run:
one that fails is warned of once and left out from there on. A resumed run goes on in the tracker's same run and sends no step
twice; what was sent is remembered in ``trackers.json`` in the run's folder.
"""

import json
import logging
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from bao.errors import ConfigError
from bao.storage.atomic import atomic_text
from bao.train.redact import redact
from bao.train.settings import LoggingSection

STATE = "trackers.json"


class Start(NamedTuple):
    """What a tracker's run begins with."""

    project: str
    name: str
    group: str
    """What the runs of one recipe have in common."""
    folder: Path
    settings: Mapping[str, Any]
    online: bool
    run: str | None
    """The tracker's own id of the run to go on with; none: a new one."""


class Tracker(Protocol):
    """A run at a tracker."""

    run: str
    """Its id there, by which a later process finds it again."""

    def log(self, step: int, metrics: Mapping[str, float]) -> None: ...

    def close(self, failed: bool) -> None: ...


class Wandb:
    """W&B. Offline its files lie in the run's ``wandb`` folder, for ``wandb sync``; online its own environment rules."""

    def __init__(self, start: Start) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        import wandb

        self.run = start.run or secrets.token_hex(4)
        quiet = wandb.Settings(
            console="off",
            silent=True,
            disable_git=True,
            save_code=False,
            x_disable_meta=True,
            x_disable_stats=True,
            x_disable_machine_info=True,
            x_save_requirements=False,
        )
        self._run = wandb.init(
            project=start.project,
            name=start.name,
            group=start.group,
            id=self.run,
            dir=str(start.folder),
            config=dict(start.settings),
            mode=None if start.online else "offline",
            settings=quiet,
            resume="allow" if start.online else None,
        )

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        self._run.log(dict(metrics), step=step)

    def close(self, failed: bool) -> None:
        self._run.finish(exit_code=int(failed))


class MLflow:
    """MLflow. Offline a SQLite store ``mlflow.db`` in the run's folder; online the store of MLFLOW_TRACKING_URI."""

    def __init__(self, start: Start) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        import mlflow

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self._client = mlflow.MlflowClient(None if start.online else f"sqlite:///{start.folder.absolute() / 'mlflow.db'}")
        if start.run is not None:
            self.run = start.run
            self._client.update_run(self.run, status="RUNNING")
            return
        experiment = self._client.get_experiment_by_name(start.project)
        artifacts = None if start.online else (start.folder.absolute() / "mlflow").as_uri()
        number = experiment.experiment_id if experiment else self._client.create_experiment(start.project, artifacts)
        self.run = self._client.create_run(number, tags={"group": start.group}, run_name=start.name).info.run_id
        parameters = [mlflow.entities.Param(key, str(value)[:6000]) for key, value in _flat(start.settings)]
        for begin in range(0, len(parameters), 100):
            self._client.log_batch(self.run, params=parameters[begin : begin + 100])

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        self._client.log_batch(self.run, [Metric(_plain(name), float(value), now, step) for name, value in metrics.items()])

    def close(self, failed: bool) -> None:
        self._client.set_terminated(self.run, "FAILED" if failed else "FINISHED")


class Trackio:
    """trackio. Offline its own local store (TRACKIO_DIR); online also where TRACKIO_SPACE_ID or TRACKIO_SERVER_URL say."""

    _REMOTE = ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL", "TRACKIO_BUCKET_ID", "TRACKIO_DATASET_ID", "TRACKIO_WEBHOOK_URL")

    def __init__(self, start: Start) -> None:
        with redirect_stdout(StringIO()), _without(() if start.online else self._REMOTE):  # it prints what results go after
            import trackio

            self.run = start.run or f"{start.name}-{secrets.token_hex(3)}"
            self._run = trackio.init(
                project=start.project,
                name=self.run,
                group=start.group,
                config=dict(start.settings),
                resume="allow",
                auto_log_gpu=False,
                auto_log_cpu=False,
                embed=False,
            )

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        self._run.log(dict(metrics), step=step)

    def close(self, failed: bool) -> None:
        import trackio

        with redirect_stdout(StringIO()):
            trackio.finish()  # the run's own `finish` would be repeated at exit, aloud


Opener = Callable[[Start], Tracker]
OPENERS: dict[str, Opener] = {"mlflow": MLflow, "trackio": Trackio, "wandb": Wandb}


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
        section: LoggingSection,
        folder: Path,
        name: str,
        group: str,
        settings: Mapping[str, Any],
        warn: Callable[[str], None],
        openers: Mapping[str, Opener] | None = None,
    ) -> None:
        """Begin, or go on with, a run called `name` at each of ``section.trackers``; `settings` are sent without secrets."""
        self._path, self._warn = folder / STATE, warn
        self._sent = _read_state(self._path)
        self._open: dict[str, Tracker] = {}
        for each in dict.fromkeys(section.trackers):
            known = self._sent.get(each, {})
            start = Start(section.project, name, group, folder, redact(settings), section.online, known.get("run"))
            with self._guarded(each):
                tracker = (openers or OPENERS)[each](start)
                self._open[each] = tracker
                self._sent[each] = {"run": tracker.run, "step": known.get("step", 0) if tracker.run == start.run else 0}
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
        atomic_text(self._path, json.dumps(self._sent))


def _read_state(path: Path) -> dict[str, dict[str, Any]]:
    """For each tracker the id of its run and the last step that it was sent."""
    if not path.is_file():
        return {}
    try:
        state: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return {}  # new runs there, rather than no training here
    return state


def _plain(name: str) -> str:
    """A metric's name as MLflow takes it: ``score/w=0.1`` becomes ``score/w_0.1``."""
    return re.sub(r"[^\w\-. /]", "_", name)


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield _plain(f"{above}{name}"), value


@contextmanager
def _without(names: tuple[str, ...]) -> Iterator[None]:
    """The environment without these variables."""
    held = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(held)
