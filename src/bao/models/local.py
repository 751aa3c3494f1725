"""Local models: load a Hugging Face model folder with its chat template, and save one."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from hashlib import blake2b
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from bao.errors import ConfigError, DataError
from bao.models.template import Template
from bao.policies.prompt import PromptForm
from bao.storage.atomic import atomic_text

PROFILE = "bao.json"
"""Beside a model's own files: how it is prompted, and the effort weights and budgets it was trained with."""


class Profile(NamedTuple):
    """How a trained model wants to be used."""

    prompt: PromptForm = PromptForm.FULL
    effort_weights: tuple[float, ...] = ()
    """Empty for a policy that is not conditioned."""
    budgets: tuple[int, ...] = ()
    """The budgets of user turns that it was trained with."""


class LocalModel(NamedTuple):
    """A model, its template and its profile."""

    model: Any
    template: Template
    profile: Profile


def load_local(path: Path, device: str = "cpu") -> LocalModel:
    """The model in a folder. Raises `DataError` where it is no model folder or a damaged one."""
    check_folder(path)
    profile = read_profile(path)
    try:
        with _no_progress_bars():
            tokenizer = AutoTokenizer.from_pretrained(str(path), padding_side="left")
            model: Any = AutoModelForCausalLM.from_pretrained(str(path), dtype=torch.float32)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"the model in {path} cannot be loaded ({reason}): it is damaged, name another") from error
    return LocalModel(model.to(check_device(device)), Template(tokenizer), profile)


def check_folder(path: Path) -> None:
    """Raises `DataError` where `path` is no model folder."""
    if not (path / "config.json").is_file():
        found = "it has no config.json" if path.is_dir() else "it is a file" if path.is_file() else "it does not exist"
        raise DataError(f"{path} is no model folder ({found}): give the folder `model` that `bao sft`, `train` or `run` wrote")


def weights_digest(model: Any) -> str:
    """A digest of a few values of every weight, by which a model and what it was trained on to are told apart."""
    digest = blake2b(digest_size=10)
    for name, weight in model.named_parameters():
        values = weight.detach().flatten()
        digest.update(name.encode())
        digest.update(values[:: max(1, len(values) // 64)].float().cpu().numpy().tobytes())
    return digest.hexdigest()


def save_local(path: Path, local: LocalModel) -> None:
    """Write a model folder that transformers and `load_local` read; the profile comes last, as the mark of a whole one.

    Raises `OSError` on a full disk.
    """
    path.mkdir(parents=True, exist_ok=True)
    (path / PROFILE).unlink(missing_ok=True)
    try:
        with _no_progress_bars():
            local.model.save_pretrained(str(path))
            local.template.tokenizer.chat_template = local.template.jinja
            local.template.tokenizer.save_pretrained(str(path))
    except SafetensorError as error:
        raise OSError(f"the model cannot be written to {path} ({error}); is the disk full?") from error
    profile: dict[str, Any] = {"prompt": str(local.profile.prompt), "effort_weights": list(local.profile.effort_weights)}
    if local.profile.budgets:
        profile["budgets"] = list(local.profile.budgets)
    atomic_text(path / PROFILE, json.dumps(profile))


def read_profile(path: Path) -> Profile:
    """The profile beside a model; the default for a folder that has none (a model from elsewhere).

    Raises `DataError` where it is damaged.
    """
    file = path / PROFILE
    if not file.is_file():
        return Profile()
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        weights, budgets = map(float, values["effort_weights"]), map(int, values.get("budgets", ()))
        return Profile(PromptForm(values["prompt"]), tuple(weights), tuple(budgets))
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{file} is damaged ({error}): it needs `prompt` (full or brief) and `effort_weights` (a list of numbers)"
        ) from error


def with_cache(model: Any, ids: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, cache: Any) -> torch.Tensor:
    """The last hidden states of `ids` after what `cache` holds, which takes up theirs."""
    kind: Any = type(model)
    told = {"input_ids": ids, "attention_mask": mask, "position_ids": positions, _cache_name(kind): cache}
    states: torch.Tensor = model(**told, use_cache=True).last_hidden_state
    return states


@lru_cache
def _cache_name(kind: Any) -> str:
    """What this transformers model's forward pass calls its cache, which newer versions have changed."""
    return "cache" if "cache" in signature(kind.forward).parameters else "past_key_values"


def is_saved(path: Path) -> bool:
    """Whether `save_local` finished writing this folder."""
    return (path / PROFILE).is_file()


def check_device(device: str) -> torch.device:
    """Raises `ConfigError` where torch has no such device here."""
    try:
        chosen = torch.device(device)
        torch.empty(1, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f"model.device={device!r} cannot be used on this machine: set it to 'cpu'") from error
    return chosen


@contextmanager
def _no_progress_bars() -> Iterator[None]:
    """Without the bars of transformers, which would tear up this package's own; the user's setting comes back after."""
    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
