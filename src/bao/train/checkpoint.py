"""Checkpoints of a training run: weights, optimiser and step, whole or not at all.

Everything random in training is drawn from generators seeded by (seed, step), so the step is the generators' state and the
data position. A checkpoint is written to a temporary folder, flushed to disk and renamed; a kill at any moment leaves the one
before.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from bao.errors import DataError
from bao.storage.atomic import atomic_folder
from bao.train.backend import Backend

CHECKPOINTS, STATE = "checkpoints", "state.json"


class Checkpoints:
    """The checkpoints ``step-NNNNNN`` in a folder, of which the last `keep` are kept."""

    def __init__(self, directory: Path, keep: int = 2) -> None:
        self.directory = directory
        self._keep = keep

    def save(self, step: int, backend: Backend, state: dict[str, Any]) -> Path:
        """Write the checkpoint of `step`; `state` is JSON. Raises `OSError` on a full disk, leaving older ones whole."""
        target = self.directory / f"step-{step:06d}"
        try:
            with atomic_folder(target, replace=True) as folder:
                backend.save(folder)
                content = json.dumps({"step": step, "version": backend.version, **state})
                (folder / STATE).write_text(content, encoding="utf-8")
        except OSError as error:
            raise OSError(f"the checkpoint {target} cannot be written ({error}); is the disk full?") from error
        for old in self.steps()[: -self._keep]:
            shutil.rmtree(self.directory / f"step-{old:06d}")
        return target

    def steps(self) -> list[int]:
        """Steps of the whole checkpoints, oldest first."""
        return sorted(int(path.name[5:]) for path in self.directory.glob("step-*") if (path / STATE).is_file())

    def restore(self, backend: Backend) -> dict[str, Any] | None:
        """Load the newest checkpoint; its state, or None where there is none.

        Raises `DataError` on a damaged checkpoint and on one of another model.
        """
        steps = self.steps()
        if not steps:
            return None
        path = self.directory / f"step-{steps[-1]:06d}"
        backend.load(path)
        try:
            state: dict[str, Any] = json.loads((path / STATE).read_text(encoding="utf-8"))
            backend.version = state.get("version", state["step"])  # which older checkpoints do not have
        except (ValueError, KeyError, OSError) as error:
            raise damaged(path, error) from error
        return state


def damaged(path: Path, reason: object) -> DataError:
    """The error for a checkpoint that cannot be read, with the first line of the reason."""
    return DataError(
        f"the checkpoint {path} is damaged ({str(reason).splitlines()[0]}): remove this folder to go on from the one before"
    )
