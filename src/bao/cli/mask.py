"""A trajectory's tokens coloured by loss and advantage: the mask as training sees it."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.text import Text

from bao.errors import ConfigError
from bao.gyms.section import make_gym, task_set
from bao.models.engine import Engine, Limits, Request
from bao.progress import Silent
from bao.recipes.recipe import Recipe
from bao.recipes.weights import resolve
from bao.rollout.information import with_information
from bao.task import Split


def print_mask(console: Console, recipe: Recipe, model: Path, index: int, seed: int) -> None:
    """Sample one group with the model and print trajectory `index` of it, turn by turn."""
    from torch import no_grad

    from bao.models.local import load_local
    from bao.train.counterfactual import MaskedFeedback
    from bao.train.groups import make_group, with_intrinsic

    recipe = resolve(recipe, Silent(), model.parent)
    settings = recipe.grpo
    if not 0 <= index < settings.group_size:
        raise ConfigError(f"--index {index}: a group has the trajectories 0 to {settings.group_size - 1} (grpo.group_size)")
    loaded = load_local(model, recipe.model.device)
    rng = np.random.default_rng(seed)
    tasks = task_set(recipe.gym, Split.TRAIN, min(100, settings.tasks))
    task = tasks[int(rng.integers(len(tasks)))]
    weight = float(rng.choice(settings.weights))
    engine = Engine(
        loaded.model,
        loaded.template,
        lambda: make_gym(recipe.gym),
        limits=Limits(settings.turn_tokens, settings.trajectory_tokens),
        temperature=settings.temperature,
        form=loaded.profile.prompt,
    )
    told = weight if loaded.profile.effort_weights else None
    trajectories = engine.run([Request(task, int(rng.integers(2**31)), told) for _ in range(settings.group_size)])
    if recipe.shaping.information_gain:
        trajectories = with_information(trajectories, make_gym(recipe.gym), [task])
    group = make_group(task, weight, trajectories, recipe.shaping.build(), recipe.credit)
    if group is None or index >= len(group.trajectories):
        raise ConfigError("the group holds too few healthy episodes to be credited: try another --seed")
    infopo = recipe.shaping.intrinsic()
    if infopo is not None:
        reading = MaskedFeedback(infopo.placeholder, settings.temperature, settings.micro_batch_tokens)
        with no_grad():
            (shifts,) = reading(loaded.model, loaded.template, [group.traces], False)
        group = with_intrinsic(group, shifts, infopo)
    trajectory, trace = group.trajectories[index], group.traces[index]
    # The scale of a run is known to that run alone.
    unit = ", in units of reward" if group.terms else ""
    console.print(
        f"task {task.id}, effort weight {weight:g}, R {trajectory.task_return:.2f}, U {trajectory.user_effort}, "
        f"{'no variance in this group' if group.zero_variance else f'advantages by turn below{unit}'}",
        highlight=False,
        soft_wrap=True,
    )
    tokenizer = loaded.template.tokenizer
    console.print(Text("[prompt, no loss]", style="bold"))
    console.print(Text(_printable(tokenizer.decode(trace.prompt.tolist())), style="dim"))
    largest = max(1e-9, float(np.abs(group.advantages[index]).max()))
    body = Text()
    previous: int | None = None
    for token, turn in zip(trace.ids.tolist(), trace.turn.tolist(), strict=True):
        if turn != previous:
            mark = f"turn {turn}, A = {group.advantages[index][turn]:+.2f}" if turn >= 0 else "observation, no loss"
            body.append(f"\n[{mark}] ", style="bold")
            previous = turn
        body.append(_printable(tokenizer.decode([token])), style=_style(turn, group.advantages[index], largest))
    console.print(body)


def _printable(text: str) -> str:
    """Without control characters, which a model can write and a terminal would obey."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _style(turn: int, advantages: npt.NDArray[np.float64], largest: float) -> str:
    if turn < 0:
        return "dim"
    value = float(advantages[turn]) / largest
    shade = int(90 + 165 * min(1.0, abs(value)))
    if abs(value) < 1e-9:
        return "underline"
    return f"rgb(0,{shade},0)" if value > 0 else f"rgb({shade},0,0)"
