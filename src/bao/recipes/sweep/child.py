"""One piece of a sweep, done in a process of its own: a warm start, a policy, a mixture of two, the scripted policies.

Each leaves its results below the folder of its seed, and does nothing where they are there already:

* ``NAME/`` a model and how it was trained;
* ``eval/NAME-wPRICE/`` its evaluations on the recipe's tasks;
* ``deciding/eval/NAME-wPRICE/`` those on the tasks that decisions are taken by, which no result is read from.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bao.evaluation.results import SUMMARY, EvaluationResult
from bao.gyms.registry import gym_class
from bao.policies.scripted import RATIONAL
from bao.progress import Progress
from bao.recipes import stages
from bao.recipes.recipe import Recipe
from bao.recipes.run import judge_model, judge_rational, judge_scripted, point_folders, scripts_of, told_prices

START, SCRIPTS = "start", "scripts"
DECIDING = "deciding"


class Work(StrEnum):
    START = "warm start"
    TRAIN = "training"
    SOUP = "interpolation"
    SCRIPTS = "scripted policies"


@dataclass(frozen=True)
class Child:
    """A piece of work; `run` may be called again wherever it stopped."""

    work: Work
    name: str
    """The name of its folder, and of its evaluations."""
    out: Path
    """The folder of its seed."""
    recipe: Recipe
    """As it is evaluated."""
    training: Recipe | None = None
    """As it is trained; None: as it is evaluated."""
    parents: tuple[str, ...] = ()
    """The names of what it starts from."""
    share: float = 0.0
    """Of the second parent (`Work.SOUP`)."""

    @property
    def label(self) -> str:
        return f"{self.out.name}/{self.name}"

    @property
    def folder(self) -> Path:
        return self.out / self.name

    @property
    def trajectories(self) -> int:
        """Played in its own training."""
        grpo = (self.training or self.recipe).grpo
        return grpo.steps * grpo.groups * grpo.group_size if self.work == Work.TRAIN else 0

    def points(self, *, deciding: bool = False) -> dict[float, EvaluationResult]:
        """Its evaluations by the price that it was told, on the recipe's tasks or on the `deciding` ones."""
        folders = point_folders(self.recipe, self.name, self.out / DECIDING if deciding else self.out)
        return {price: EvaluationResult(folder) for price, folder in folders.items() if price is not None}

    def scripts(self) -> tuple[list[EvaluationResult], dict[float, EvaluationResult]]:
        """Of `Work.SCRIPTS`: the evaluations of the policies that go by no price, and of ``rational`` at each."""
        names = scripts_of(self.recipe)
        fixed = [EvaluationResult(self.out / "eval" / name) for name in names if name != RATIONAL]
        prices = told_prices(self.recipe) if RATIONAL in names else []
        return fixed, {price: EvaluationResult(self.out / "eval" / f"{RATIONAL}-w{price:g}") for price in prices}

    def is_done(self) -> bool:
        if self.work == Work.SCRIPTS:
            fixed, rational = self.scripts()
            found = [*fixed, *rational.values()]
        else:
            found = [*self.points().values(), *self.points(deciding=True).values()]
        return all((each.folder / SUMMARY).is_file() for each in found)

    def run(self, progress: Progress) -> None:
        if self.work == Work.SCRIPTS:
            names = scripts_of(self.recipe)
            judge_scripted(self.recipe, [name for name in names if name != RATIONAL], self.out, progress)
            if RATIONAL in names:
                judge_rational(self.recipe, self.out, progress)
            return
        model = self._make(progress)
        judge_model(deciding_recipe(self.recipe), self.name, model, self.out / DECIDING, progress)
        judge_model(self.recipe, self.name, model, self.out, progress)

    def _make(self, progress: Progress) -> Path:
        training = self.training or self.recipe
        if self.work == Work.START:
            return stages.warm_start(training, self.folder, progress)
        parents = [self.out / name / stages.MODEL for name in self.parents]
        if self.work == Work.TRAIN:
            return stages.reinforce(training, parents[0], self.folder, progress)
        from bao.models.local import is_saved
        from bao.models.soup import interpolate

        target, (price,) = self.folder / stages.MODEL, self.recipe.grpo.weights
        return target if is_saved(target) else interpolate(parents[0], parents[1], self.share, target, price)


def deciding_recipe(recipe: Recipe) -> Recipe:
    """With the tasks that decisions are taken by: of the split ``valid``, or ``train`` where the recipe evaluates on that."""
    settings, gym = recipe.evaluation, gym_class(recipe.gym.name)
    split = "valid" if settings.split != "valid" else "train"
    there = len(gym.task_set(split, levels=recipe.gym.levels))
    changed = settings.model_copy(update={"split": split, "tasks": min(settings.tasks, there)})
    return recipe.model_copy(update={"evaluation": changed})
