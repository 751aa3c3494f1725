"""MLflow."""

import logging
import os
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from bao.train.tracking.base import Start


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


def _plain(name: str) -> str:
    """A metric's name as MLflow takes it: ``score/w=0.1`` becomes ``score/w_0.1``."""
    return re.sub(r"[^\w\-. /]", "_", name)


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield _plain(f"{above}{name}"), value
