"""Local models: load a Hugging Face model folder with its chat template, and save one."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from bao.config import ModelSection
from bao.errors import ConfigError, DataError
from bao.policies.template import Template
from bao.prompt import PromptForm

PROFILE = "bao.json"
"""Beside a model's own files: how it is prompted, and the effort weights it was trained with."""


class Profile(NamedTuple):
    """How a trained model wants to be used."""

    prompt: PromptForm = PromptForm.FULL
    effort_weights: tuple[float, ...] = ()
    """Empty for a policy that is not conditioned."""


class LocalModel(NamedTuple):
    """A model, its template and its profile."""

    model: Any
    template: Template
    profile: Profile


def load_local(path: Path, device: str = "cpu") -> LocalModel:
    """The model in a folder. Raises `DataError` where it is no model folder or a damaged one."""
    if not (path / "config.json").is_file():
        raise DataError(f"{path} is no model folder (it has no config.json): give a folder that `bao sft` or `bao train` wrote")
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(path), padding_side="left")
        model: Any = AutoModelForCausalLM.from_pretrained(str(path), dtype=torch.float32)
        profile = read_profile(path)
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(f"the model in {path} cannot be loaded: {error}") from error
    return LocalModel(model.to(check_device(device)), Template(tokenizer), profile)


def save_local(path: Path, local: LocalModel) -> None:
    """Write a model folder that transformers and `load_local` read; the profile comes last, as the mark of a whole one."""
    path.mkdir(parents=True, exist_ok=True)
    (path / PROFILE).unlink(missing_ok=True)
    local.model.save_pretrained(str(path))
    local.template.tokenizer.save_pretrained(str(path))
    text = json.dumps({"prompt": str(local.profile.prompt), "effort_weights": list(local.profile.effort_weights)})
    partial = path / f".{PROFILE}"
    partial.write_text(text, encoding="utf-8")
    partial.replace(path / PROFILE)


def read_profile(path: Path) -> Profile:
    """The profile beside a model; the default for a folder that has none (a model from elsewhere)."""
    file = path / PROFILE
    if not file.is_file():
        return Profile()
    values = json.loads(file.read_text(encoding="utf-8"))
    return Profile(PromptForm(values["prompt"]), tuple(float(weight) for weight in values["effort_weights"]))


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


def set_threads(settings: ModelSection) -> None:
    """Use the configured number of CPU threads; 0 leaves torch's choice, one per core."""
    if settings.threads:
        torch.set_num_threads(settings.threads)
