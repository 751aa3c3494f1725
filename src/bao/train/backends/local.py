"""Training on this machine: weights shared with the worker processes, the optimiser in this one."""

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from bao.errors import DataError
from bao.models.work import Loss, Reading
from bao.models.workers import Workers
from bao.rollout.request import Request
from bao.train.checkpoint import damaged
from bao.train.examples import Example
from bao.train.muon import optimizers
from bao.train.settings import GRPOSection, SFTSection
from bao.trajectory import TokenTrace, Trajectory

WEIGHTS, OPTIMIZER = "weights.safetensors", "optimizer.pt"


class LocalBackend:
    """The `bao.train.backend.Backend` that trains the model of `workers` in place, with the optimiser that `settings` name."""

    def __init__(self, workers: Workers, settings: SFTSection | GRPOSection) -> None:
        self.workers, self.model, self.version = workers, workers.model, 0
        self.optimizers = optimizers(settings.optimizer, self.model, settings.learning_rate, settings.weight_decay)

    def sample(self, requests: Sequence[Request], *, unit: int = 1) -> list[Trajectory]:
        return self.workers.rollout(requests, unit=unit, weights_version=self.version)

    def forward_backward(self, loss: Loss, groups: Sequence[Sequence[Example]], count: float) -> dict[str, float]:
        return self.workers.accumulate(loss, groups, count)

    def read(self, reading: Reading, groups: Sequence[Sequence[TokenTrace]]) -> list[Any]:
        return self.workers.read(reading, groups)

    def step(self, learning_rate: float, max_grad_norm: float) -> float:
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), max_grad_norm)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.version += 1
        return float(norm)

    def save(self, folder: Path) -> None:
        # Tied weights share memory, which safetensors refuses; one name each is enough, since loading ties them again.
        weights = {tensor.data_ptr(): (name, tensor) for name, tensor in reversed(self.model.state_dict().items())}
        try:
            save_file({name: tensor.contiguous() for name, tensor in weights.values()}, folder / WEIGHTS)
            torch.save([optimizer.state_dict() for optimizer in self.optimizers], folder / OPTIMIZER)
        except (SafetensorError, RuntimeError) as error:
            raise OSError(str(error).splitlines()[0]) from error

    def load(self, folder: Path) -> None:
        load_weights(self.model, folder / WEIGHTS)
        try:
            for optimizer, kept in zip(self.optimizers, torch.load(folder / OPTIMIZER, weights_only=True), strict=True):
                optimizer.load_state_dict(kept)
        except (RuntimeError, ValueError, KeyError, OSError, EOFError, pickle.UnpicklingError) as error:
            # torch's own text on a file that it cannot unpickle advises to trust the file.
            foreign = isinstance(error, pickle.UnpicklingError) or not str(error)
            raise damaged(folder, f"{OPTIMIZER} holds no tensors" if foreign else error) from error


def load_weights(model: torch.nn.Module, path: Path) -> None:
    """Load a weights file into `model`. Raises `DataError` where it is damaged or belongs to another architecture."""
    try:
        weights = load_file(path)
    except (SafetensorError, OSError) as error:
        raise DataError(
            f"{path} is no readable weights file ({error}): remove its folder to go on from the one before"
        ) from error
    own = model.state_dict()
    advice = "set the recipe's [model] section as it was, or start in an empty --out folder"
    for name, tensor in weights.items():
        if name not in own or own[name].shape != tensor.shape:
            have = tuple(own[name].shape) if name in own else "nothing"
            raise DataError(
                f"{path} is of another architecture: {name} is {tuple(tensor.shape)} there and {have} in this model; {advice}"
            )
    covered = {own[name].data_ptr() for name in weights}
    missing = [name for name, tensor in own.items() if tensor.data_ptr() not in covered]
    if missing:
        raise DataError(f"{path} is of another architecture: it holds no {missing[0]}; {advice}")
    model.load_state_dict(weights, strict=False)
