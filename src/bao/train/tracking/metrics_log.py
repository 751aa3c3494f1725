"""Metrics of a training run: one JSON line per step, mirrored to TensorBoard and to the trackers that a recipe asks for."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bao.storage.atomic import atomic_text
from bao.train.tracking.trackers import Trackers

SECONDS = "seconds/"
"""Prefix of the metrics that measure the machine, not the run: all others repeat exactly under one config."""


class MetricsLog:
    """Appends rows to ``metrics.jsonl``. Rows after `resume_step` are dropped first, so that a resumed run repeats none.

    `trackers` get each row too, and are closed by their owner.
    """

    def __init__(self, directory: Path, resume_step: int = 0, trackers: Trackers | None = None) -> None:
        from torch.utils.tensorboard import SummaryWriter  # heavy, and reading metrics does without

        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / "metrics.jsonl"
        kept = [row for row in read_metrics(self.path) if row["step"] <= resume_step] if resume_step else []
        atomic_text(self.path, "".join(json.dumps(row) + "\n" for row in kept))
        self._file = self.path.open("a", encoding="utf-8")
        self._trackers = trackers
        # Ctrl-C inside its queue can lose the word that wakes its thread, which then sleeps for `flush_secs` more.
        self._board = SummaryWriter(str(directory / "tensorboard"), purge_step=resume_step + 1, flush_secs=5)

    def write(self, step: int, metrics: Mapping[str, float]) -> None:
        self._file.write(json.dumps({"step": step, **metrics}) + "\n")
        self._file.flush()
        for name, value in metrics.items():
            self._board.add_scalar(name, value, step)
        if self._trackers is not None:
            self._trackers.log(step, metrics)

    def close(self) -> None:
        self._file.close()
        self._board.close()

    def __enter__(self) -> "MetricsLog":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The rows of a metrics file; a last line cut off by a kill is left out."""
    if not path.is_file():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows
