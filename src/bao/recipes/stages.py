"""The stages of a run before its evaluations (`bao.evaluation`): warm start and reinforcement.

Each takes what it needs and a folder, leaves its result there, and does nothing where the result is there already; so a run
that was stopped goes on where it stopped.
"""

import copy
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bao.errors import ConfigError
from bao.gyms.section import check_scripted, make_gym, requests_at_once, scripted_policy, task_set
from bao.progress import Progress
from bao.recipes.recipe import Recipe
from bao.rollout.episodes import play_all
from bao.storage.folder import logger, open_folder, relative_to
from bao.task import Split
from bao.train.demonstrations import Demonstration, Rejection, counts, demonstrations
from bao.train.shaping import check_weights, largest_paying_weight

if TYPE_CHECKING:
    from bao.models.local import LocalModel, Profile
    from bao.train.tracking.trackers import Trackers

MODEL = "model"


def check_effort_weights(recipe: Recipe, progress: Progress) -> float:
    """The largest effort weight at which acting pays on this gym, from its oracle.

    Warns of weights that silence some tasks; raises `ConfigError` on one that silences the gym.
    """
    tasks = task_set(recipe.gym, Split.TRAIN, min(200, recipe.grpo.tasks))
    make_policy = partial(scripted_policy, "oracle", "oracle")
    concurrency = min(requests_at_once(recipe.gym), default=1)
    episodes = play_all(partial(make_gym, recipe.gym), make_policy, tasks.tasks, concurrency=concurrency)
    try:
        warnings = check_weights(recipe.grpo.effort_weights, episodes)
    except ConfigError as error:
        raise ConfigError(f"grpo.effort_weights={list(recipe.grpo.effort_weights)}: {error}") from error
    for warning in warnings:
        progress.warn(f"grpo.effort_weights: {warning}")
    return largest_paying_weight(episodes)


def demonstrate(recipe: Recipe) -> tuple[list[Demonstration], Counter[Rejection]]:
    """The demonstrations of a recipe, and why others were rejected. Raises `ConfigError` where hardly any is kept."""
    check_scripted(recipe.gym, [recipe.sft.teacher])
    gym = make_gym(recipe.gym)
    rejected: Counter[Rejection] = Counter()
    teacher, tasks = gym.scripted_policies()[recipe.sft.teacher], task_set(recipe.gym, Split.TRAIN, recipe.sft.tasks)
    rng, told = np.random.default_rng([recipe.seed, 1]), recipe.grpo.effort_weights if recipe.grpo.conditioned else ()
    how: dict[str, Any] = {"effort_weights": told, "form": recipe.model.prompt, "rejected": rejected}
    found = demonstrations(gym, teacher, tasks, recipe.sft.demonstrations, rng, **how)
    try:
        return list(found), rejected
    except ValueError as error:
        raise ConfigError(
            f"sft.teacher={recipe.sft.teacher!r} shows hardly anything worth imitating (rejected: {counts(rejected)}): give "
            "it more turns (gym.settings.horizon) or easier tasks (gym.levels), or name another teacher"
        ) from error


def warm_start(recipe: Recipe, out: Path, progress: Progress) -> Path:
    """Demonstrations, model and SFT; the folder of the warm-started model."""
    from bao.models import local
    from bao.models.workers import Workers, worker_count
    from bao.train.backends.local import LocalBackend
    from bao.train.examples import encode
    from bao.train.sft import train_sft
    from bao.train.tracking.trackers import require

    prompts = {"conditioned": recipe.grpo.conditioned, "effort_weights": list(recipe.grpo.effort_weights)}
    open_folder(out, {**recipe.model_dump(mode="json", include={"seed", "gym", "model", "sft"}), "prompts": prompts})
    target = out / MODEL
    if local.is_saved(target):
        return target
    local.check_device(recipe.model.device)
    require(recipe.logging)
    with progress.task("demonstrations", None):
        kept, rejected = demonstrate(recipe)
    logger.info("%d demonstrations kept, rejected: %s", len(kept), counts(rejected))
    start = _initial_model(recipe, kept)
    with progress.task("encoding", None):
        traces = [encode(demonstration, start.template) for demonstration in kept]
    count = worker_count(recipe.model)
    with (
        progress.task("warm start", None) as update,
        Workers(start.model, start.template, None, count=count) as workers,
        _trackers(recipe, out, progress) as trackers,
    ):
        train_sft(LocalBackend(workers, recipe.sft), traces, recipe.sft, recipe.seed, out, update, trackers=trackers)
    local.save_local(target, start)
    return target


def _trackers(recipe: Recipe, out: Path, progress: Progress) -> "Trackers":
    from bao.train.tracking.base import Start
    from bao.train.tracking.trackers import Trackers

    section, settings = recipe.logging, recipe.model_dump(mode="json", exclude={"logging"}, exclude_none=True)
    start = Start(section.project, f"{recipe.name}-{out.name}", recipe.name, out, settings, section.online)
    return Trackers(section.trackers, start, progress.warn)


def _initial_model(recipe: Recipe, kept: Sequence[Demonstration]) -> "LocalModel":
    from bao.models import local, tiny
    from bao.models.template import Template

    profile = _profile(recipe)
    if recipe.model.path is not None:
        loaded = local.load_local(Path(recipe.model.path), recipe.model.device)
        return loaded._replace(profile=profile)
    section = recipe.model
    size = tiny.TinySize(**section.model_dump(include={"hidden", "layers", "heads", "kv_heads", "feedforward", "vocabulary"}))
    texts = ("\n".join([d.system, d.opening, *(part for turn in d.turns for part in turn[:2])]) for d in kept[:3000])
    tokenizer = tiny.train_tokenizer(texts, section.vocabulary)
    model: Any = tiny.make_model(tokenizer, size, recipe.seed)
    return local.LocalModel(model.to(local.check_device(section.device)), Template(tokenizer), profile)


def reinforce(recipe: Recipe, start: Path, out: Path, progress: Progress) -> Path:
    """GRPO from the model in `start`; the folder of the trained model."""
    from bao.models import local
    from bao.models.workers import Rollouts, Workers, worker_count
    from bao.rollout.request import GymLimits, Limits
    from bao.train.backends.local import LocalBackend
    from bao.train.grpo import GRPOTrainer
    from bao.train.tracking.trackers import require

    local.check_folder(start)
    open_folder(out, {"start": relative_to(start, out), **recipe.model_dump(mode="json", exclude={"evaluation", "logging"})})
    target = out / MODEL
    if local.is_saved(target):
        return target
    require(recipe.logging)
    largest = check_effort_weights(recipe, progress)
    logger.info("acting pays up to an effort weight of %.3f", largest)
    loaded = local.load_local(start, recipe.model.device)
    settings = recipe.grpo
    limits, gyms = Limits(settings.turn_tokens, settings.trajectory_tokens), min(requests_at_once(recipe.gym), default=0)
    how = (limits, settings.rows, settings.temperature, recipe.model.prompt, "training", recipe.model.dtype == "bfloat16")
    rollouts = Rollouts(partial(make_gym, recipe.gym), *how, GymLimits(at_once=gyms))
    reference = copy.deepcopy(loaded.model).eval().requires_grad_(False) if settings.kl else None
    count = worker_count(recipe.model)
    with (
        Workers(loaded.model, loaded.template, rollouts, count=count, reference=reference) as workers,
        _trackers(recipe, out, progress) as trackers,
    ):
        backend, tasks = LocalBackend(workers, settings), task_set(recipe.gym, Split.TRAIN, settings.tasks)
        paid = (recipe.shaping.build(), recipe.credit)
        beside: dict[str, Any] = {"infopo": recipe.shaping.intrinsic(), "listener": make_gym(recipe.gym), "trackers": trackers}
        trainer = GRPOTrainer(backend, tasks, settings, *paid, seed=recipe.seed, out=out, **beside)
        with progress.task("reinforcement", settings.steps) as update:
            trainer.train(update, warn=progress.warn)
    local.save_local(target, loaded._replace(profile=_profile(recipe)))
    return target


def _profile(recipe: Recipe) -> "Profile":
    from bao.models.local import Profile

    return Profile(recipe.model.prompt, recipe.grpo.effort_weights if recipe.grpo.conditioned else ())
