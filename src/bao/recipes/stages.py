"""The stages of a run before its evaluations (`bao.evaluation`): warm start and reinforcement.

Each takes what it needs and a folder, leaves its result there, and does nothing where the result is there already; so a run
that was stopped goes on where it stopped.
"""

import copy
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bao.gyms.section import make_gym, requests_at_once, task_set
from bao.progress import Progress
from bao.recipes.recipe import Recipe
from bao.recipes.teaching import teach
from bao.recipes.weights import check_effort_weights, reference_of, resolve
from bao.storage.folder import folder_lock, logger, open_folder, relative_to
from bao.task import Split
from bao.train.checkpoint import CHECKPOINTS
from bao.train.demonstrations import Demonstration

if TYPE_CHECKING:
    from bao.models.local import LocalModel, Profile
    from bao.train.tracking.trackers import Trackers

MODEL = "model"


def warm_start(recipe: Recipe, out: Path, progress: Progress) -> Path:
    """Demonstrations, model and SFT; the folder of the warm-started model."""
    from bao.models import local
    from bao.train.tracking.trackers import require

    recipe = resolve(recipe, progress, out)
    prompts = {"conditioned": recipe.grpo.conditioned, "effort_weights": list(recipe.grpo.weights)}
    open_folder(out, {**recipe.model_dump(mode="json", include={"seed", "gym", "model", "sft"}), "prompts": prompts})
    target = out / MODEL
    if local.is_saved(target):
        return target
    local.check_device(recipe.model.device)
    require(recipe.logging)
    with folder_lock(out / CHECKPOINTS):
        local.save_local(target, _warm_started(recipe, out, progress))
    return target


def _warm_started(recipe: Recipe, out: Path, progress: Progress) -> "LocalModel":
    from bao.models.workers import Workers, worker_count
    from bao.train.backends.local import LocalBackend
    from bao.train.examples import encode, single_turn_batches
    from bao.train.sft import train_sft

    with progress.task("demonstrations", None):
        lessons = teach(recipe, progress)
    kept = lessons.demonstrations
    logger.info("%d demonstrations; %s", len(kept), lessons.about)
    start = _initial_model(recipe, kept)
    with progress.task("encoding", None):
        traces = [encode(demonstration, start.template, observations=recipe.sft.observations) for demonstration in kept]
        single, updates = kept[: lessons.first or None], recipe.sft.single_turn_updates(recipe.model.path is None)
        alone = single_turn_batches(single, start.template, updates, recipe.sft.batch_size, recipe.seed)
    count = worker_count(recipe.model)
    with (
        progress.task("warm start", None) as update,
        Workers(start.model, start.template, None, count=count) as workers,
        _trackers(recipe, out, progress) as trackers,
    ):
        how: dict[str, Any] = {"first": lessons.first, "alone": alone, "trackers": trackers}
        train_sft(LocalBackend(workers, recipe.sft), traces, recipe.sft, recipe.seed, out, update, **how)
    return start


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
    recipe = resolve(recipe, progress, out, start.parent)
    open_folder(out, {"start": relative_to(start, out), **recipe.model_dump(mode="json", exclude={"evaluation", "logging"})})
    target = out / MODEL
    if local.is_saved(target):
        return target
    require(recipe.logging)
    found = check_effort_weights(recipe, progress)
    reachable = reference_of(recipe, found)
    logger.info("involving the user pays up to an effort weight of %.3f", found.largest)
    loaded = local.load_local(start, recipe.model.device)
    settings = recipe.grpo
    limits, gyms = Limits(settings.turn_tokens, settings.trajectory_tokens), min(requests_at_once(recipe.gym), default=0)
    how = (limits, settings.rows, settings.temperature, recipe.model.prompt, "training", recipe.model.dtype == "bfloat16")
    rollouts = Rollouts(partial(make_gym, recipe.gym), *how, GymLimits(at_once=gyms))
    reference = copy.deepcopy(loaded.model).eval().requires_grad_(False) if settings.kl else None
    count = worker_count(recipe.model)
    with (
        folder_lock(out / CHECKPOINTS),
        Workers(loaded.model, loaded.template, rollouts, count=count, reference=reference) as workers,
        _trackers(recipe, out, progress) as trackers,
    ):
        backend, tasks = LocalBackend(workers, settings), task_set(recipe.gym, Split.TRAIN, settings.tasks)
        paid = (recipe.shaping.build(), recipe.credit)
        beside: dict[str, Any] = {"infopo": recipe.shaping.intrinsic(), "listener": make_gym(recipe.gym), "trackers": trackers}
        trainer = GRPOTrainer(backend, tasks, settings, *paid, seed=recipe.seed, out=out, reference=reachable, **beside)
        with progress.task("reinforcement", settings.steps) as update:
            trainer.train(update, warn=progress.warn)
    local.save_local(target, loaded._replace(profile=_profile(recipe)))
    return target


def _profile(recipe: Recipe) -> "Profile":
    from bao.models.local import Profile

    if not recipe.grpo.conditioned:
        return Profile(recipe.model.prompt)
    return Profile(recipe.model.prompt, recipe.grpo.weights, tuple(sorted({*recipe.sft.budgets, *recipe.grpo.budgets})))
