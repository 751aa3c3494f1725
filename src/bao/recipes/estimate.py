"""How long a recipe will take on this machine: a short probe of its speed times what the recipe has to do."""

import time

import torch

from bao.models.workers import worker_count
from bao.recipes.recipe import Recipe

PROBE_SECONDS = 1.0
_TOKENS_PER_EPISODE = 320
"""Prompt and completion of a travel episode in the small model's tokens, measured over the teacher's."""
_OVER_PROBE = 1.5
"""Cost of a token in training over that of the probe: padding, the LM head, the optimiser. Sampling one costs as much, all
measured on two cores over a whole run of the quickstart."""
_MASKED_FEEDBACK = 2 / 3
"""Cost of InfoPO's counterfactual for a token over that of training it: two forward passes, without the backward one."""
_FIXED_SECONDS = 20.0
"""Demonstrations, processes, frontier and report."""


def minutes(recipe: Recipe) -> float:
    """Estimated minutes of a whole recipe with the embedded model (a model of one's own is only known by running it)."""
    rate = training_tokens_per_second(recipe)
    single = recipe.sft.single_turn_updates(from_scratch=True) * recipe.sft.batch_size
    supervised = (single + recipe.sft.demonstrations * recipe.sft.epochs) * _TOKENS_PER_EPISODE
    sampled = recipe.grpo.steps * recipe.grpo.groups * recipe.grpo.group_size * _TOKENS_PER_EPISODE
    weights = len(recipe.evaluation.effort_weights or recipe.grpo.weights) if recipe.grpo.conditioned else 1
    judged = 2 * weights * recipe.evaluation.tasks * recipe.evaluation.rollouts * _TOKENS_PER_EPISODE
    work = supervised + (2 + _MASKED_FEEDBACK * (recipe.shaping.infopo > 0)) * sampled + judged
    return float((_OVER_PROBE * work / rate + _FIXED_SECONDS) / 60.0)


def training_tokens_per_second(recipe: Recipe) -> float:
    """Tokens per second of training the recipe's small model with all its workers, from one thread timed for about a second."""
    from transformers import Qwen3Model

    from bao.models.tiny import config_of

    model = Qwen3Model(config_of(recipe.model, recipe.model.vocabulary))
    ids = torch.zeros((8, _TOKENS_PER_EPISODE), dtype=torch.long)
    model(input_ids=ids).last_hidden_state.sum().backward()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    start, passes = time.perf_counter(), 0
    while time.perf_counter() - start < PROBE_SECONDS:
        model(input_ids=ids).last_hidden_state.sum().backward()
        passes += 1
    rate = passes * ids.numel() / (time.perf_counter() - start)
    torch.set_num_threads(threads)
    return rate * worker_count(recipe.model)
