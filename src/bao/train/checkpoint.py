"""Checkpoints of a training run: weights, optimiser and step, whole or not at all.

Everything random in training is drawn from generators seeded by (seed, step), so the step is the generators' state and the
data position. A checkpoint is written to a temporary folder, flushed to disk and renamed; a kill at any moment leaves the one
before.
"""

import json
import pickle
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from bao.errors import DataError
from bao.storage.atomic import atomic_folder

WEIGHTS, OPTIMIZER, STATE = "weights.safetensors", "optimizer.pt", "state.json"


class Checkpoints:
    """The checkpoints ``step-NNNNNN`` in a folder, of which the last `keep` are kept."""

    def __init__(self, directory: Path, keep: int = 2) -> None:
        self.directory = directory
        self._keep = keep

    def save(
        self, step: int, model: torch.nn.Module, optimizers: Sequence[torch.optim.Optimizer], state: dict[str, Any]
    ) -> Path:
        """Write the checkpoint of `step`; `state` is JSON. Raises `OSError` on a full disk, leaving older ones whole."""
        target = self.directory / f"step-{step:06d}"
        # Tied weights share memory, which safetensors refuses; one name each is enough, since loading ties them again.
        seen: set[int] = set()
        weights = {}
        for name, tensor in model.state_dict().items():
            if tensor.data_ptr() not in seen:
                seen.add(tensor.data_ptr())
                weights[name] = tensor.contiguous()
        try:
            with atomic_folder(target, replace=True) as folder:
                save_file(weights, folder / WEIGHTS)
                torch.save([optimizer.state_dict() for optimizer in optimizers], folder / OPTIMIZER)
                (folder / STATE).write_text(json.dumps({"step": step, **state}), encoding="utf-8")
        except (SafetensorError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise OSError(f"the checkpoint {target} cannot be written ({reason}); is the disk full?") from error
        for old in self.steps()[: -self._keep]:
            shutil.rmtree(self.directory / f"step-{old:06d}")
        return target

    def steps(self) -> list[int]:
        """Steps of the whole checkpoints, oldest first."""
        return sorted(int(path.name[5:]) for path in self.directory.glob("step-*") if (path / STATE).is_file())

    def restore(self, model: torch.nn.Module, optimizers: Sequence[torch.optim.Optimizer]) -> dict[str, Any] | None:
        """Load the newest checkpoint; its state, or None where there is none.

        Raises `DataError` on a damaged checkpoint and on one of another architecture, naming the first tensor that differs.
        """
        steps = self.steps()
        if not steps:
            return None
        path = self.directory / f"step-{steps[-1]:06d}"
        load_weights(model, path / WEIGHTS)
        try:
            for optimizer, kept in zip(optimizers, torch.load(path / OPTIMIZER, weights_only=True), strict=True):
                optimizer.load_state_dict(kept)
            state: dict[str, Any] = json.loads((path / STATE).read_text(encoding="utf-8"))
        except (RuntimeError, ValueError, KeyError, OSError, EOFError, pickle.UnpicklingError) as error:
            # torch's own text on a file that it cannot unpickle advises to trust the file.
            foreign = isinstance(error, pickle.UnpicklingError) or not str(error)
            reason = f"{OPTIMIZER} holds no tensors" if foreign else str(error).splitlines()[0]
            raise DataError(
                f"the checkpoint {path} is damaged ({reason}): remove this folder to go on from the one before"
            ) from error
        return state


def load_weights(model: torch.nn.Module, path: Path) -> None:
    """Load a weights file into `model`. Raises `DataError` where it is damaged or belongs to another architecture."""
    try:
        weights = load_file(path)
    except (SafetensorError, OSError) as error:
        raise DataError(
            f"{path} is no readable weights file ({error}): remove its folder to go on from the one before"
        ) from error
    own = model.state_dict()
    for name, tensor in weights.items():
        if name not in own or own[name].shape != tensor.shape:
            have = tuple(own[name].shape) if name in own else "nothing"
            raise DataError(
                f"{path} is of another architecture: {name} is {tuple(tensor.shape)} there and {have} in this model; set the "
                "recipe's [model] section as it was, or start in an empty --out folder"
            )
    covered = {own[name].data_ptr() for name in weights}
    missing = [name for name, tensor in own.items() if tensor.data_ptr() not in covered]
    if missing:
        raise DataError(
            f"{path} is of another architecture: it holds no {missing[0]}; set the recipe's [model] section as it was, or "
            "start in an empty --out folder"
        )
    model.load_state_dict(weights, strict=False)
