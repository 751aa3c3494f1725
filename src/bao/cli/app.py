"""The commands of ``bao``. Whatever takes long to import is imported when a command runs."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from bao import __version__
from bao.cli import checking, commands, exchange
from bao.cli.init import init
from bao.cli.options import JSON, Out, RecipeName, Set, Wide

app = App(
    name="bao",
    version=__version__,
    help_format="plaintext",
    default_parameter=Parameter(negative=()),
    suppress_keyboard_interrupt=False,
    help="Train, judge and deploy proactive agents on the frontier of task reward and user effort.\n\n"
    "Begin with `bao run quickstart`: the whole method in minutes, with a report at its end.\n"
    "Each command's --help shows an example.",
)
show = App(
    name="show",
    help="Read what happened: a transcript, or a trajectory's tokens coloured by loss and advantage.\n\n"
    "For example:\n    bao show transcript runs/quickstart/eval/bao-w0.1",
)
check = App(
    name="check",
    help="Prove a gym sound, validate a recipe's settings, measure a model that is to play a user or to judge.\n\n"
    "For example:\n    bao check gym travel\n    bao check user qwen3@http://127.0.0.1:8000/v1 --gym travel",
)
app.command(show)
app.command(check)
commands.add_to(app)
checking.add_to(check)
app.command(init)
app.command(exchange.export)
app.command(exchange.import_, name="import")


@app.command
def gyms(*, as_json: JSON = False) -> None:
    """List the gyms: tasks, actions, which of them involve the user, users, scripted policies.

    For example:
        bao gyms --json
    """
    from bao.cli import listing
    from bao.reporting.terminal import results_console

    rows = listing.gyms()
    if as_json:
        print(json.dumps(rows, indent=1))
    else:
        listing.print_gyms(results_console(), rows)


@app.command
def sft(recipe: RecipeName = "quickstart", /, *, out: Out, set_: Set = None) -> None:
    """Warm start: demonstrations by the gym's teacher, then supervised fine-tuning.

    Leaves the model folder OUT/model, and metrics.jsonl with its learning curve.

    For example:
        bao sft quickstart --out runs/sft
    """
    from bao.recipes import stages
    from bao.recipes.recipe import load_recipe
    from bao.reporting.terminal import TerminalProgress

    model = stages.warm_start(load_recipe(recipe, set_ or ()), out, TerminalProgress())
    print(f"model: {model}")


@app.command
def train(recipe: RecipeName = "quickstart", /, *, start: Path, out: Out, set_: Set = None) -> None:
    """Reinforce a warm-started model with turn-level GRPO.

    Leaves the model folder OUT/model, and metrics.jsonl with its learning curve.

    For example:
        bao train quickstart --start runs/sft/model --out runs/bao --set grpo.steps=40

    Args:
        start: The model folder to start from.
    """
    from bao.recipes import stages
    from bao.recipes.recipe import load_recipe
    from bao.reporting.terminal import TerminalProgress

    model = stages.reinforce(load_recipe(recipe, set_ or ()), start, out, TerminalProgress())
    print(f"model: {model}")


@show.command
def transcript(
    episodes: Path, /, *, index: int = 0, task: str | None = None, pick: Literal["worst", "expensive", "disputed"] | None = None
) -> None:
    """Print an episode; turns that involve the user are marked.

    For example:
        bao show transcript runs/ask_all --index 3
        bao show transcript runs/quickstart/eval --pick disputed

    Args:
        episodes: A folder of `bao eval`, a folder of such folders, or an episodes.parquet.
        index: Which of the episodes (with --pick, which of the picks), from 0.
        task: Count only the episodes of this task (its id).
        pick: worst: the lowest return of each policy. expensive: the most user turns of each. disputed: both episodes of a task
            that one policy or seed solves and another does not. The reason is printed too.
    """
    from rich.console import Console

    from bao.errors import ConfigError, suggest
    from bao.evaluation.results import EPISODES
    from bao.reporting.archive import row_of
    from bao.reporting.gallery import Pick, Room, picks
    from bao.reporting.transcript import print_transcript
    from bao.storage.episodes import read_episodes

    files = sorted(episodes.rglob(EPISODES)) if episodes.is_dir() else []
    read = [row for file in files or [episodes] for row in read_episodes(file)]
    rows = [row for row in read if task is None or row.task_id == task]
    chosen = (
        [Pick((place,), "", 0.0) for place in range(len(rows))] if pick is None else picks(list(map(row_of, rows)), Room(pick))
    )
    if not 0 <= index < len(chosen):
        of_task = f" of task {task!r}" if task else ""
        what = "episodes" if pick is None else f"{pick} picks"
        if task is not None and not rows:
            raise ConfigError(
                f"--task {task}: {episodes} holds no episode of it: {suggest(task, {row.task_id for row in read})}"
            )
        if pick == "disputed" and not chosen:
            raise ConfigError(
                f"--pick {pick}: {episodes} holds no task that one episode solves and another does not: name a folder of "
                "several policies, or evaluate with --rollouts 2"
            )
        raise ConfigError(f"--index {index}: {episodes} holds {len(chosen)} {what}{of_task}, counted from 0")
    console = Console()
    for place in chosen[index].episodes:
        print_transcript(console, rows[place], chosen[index].why)


@show.command
def mask(recipe: RecipeName = "quickstart", /, *, model: Path, index: int = 0, seed: int = 0, set_: Set = None) -> None:
    """Sample one group and print a trajectory's tokens coloured by loss and advantage.

    Tokens without loss are dim. A positive advantage is green, a negative one red; the shade shows its size.

    For example:
        bao show mask quickstart --model runs/quickstart/bao/model

    Args:
        model: The model folder that samples.
        index: Which trajectory of the group, from 0.
        seed: Seed of the group.
    """
    from rich.console import Console

    from bao.cli.mask import print_mask
    from bao.recipes.recipe import load_recipe

    print_mask(Console(), load_recipe(recipe, set_ or ()), model, index, seed)


@check.command(name="gym")
def check_gym(name: Annotated[str, Parameter(help="The gym's name.")], /, *, as_json: JSON = False) -> None:
    """Prove a gym sound: gold answers score, splits are disjoint, nothing hidden shows, one seed is one episode.

    Exit status 1 if a promise is broken. A test split of few clusters is a warning.

    For example:
        bao check gym travel
    """
    from bao.checks import cautions, prove
    from bao.gyms.registry import gym_class

    gym = gym_class(name)
    findings = [*prove(gym), *cautions(gym)]
    if as_json:
        print(json.dumps([finding._asdict() for finding in findings], indent=1))
    else:
        for finding in findings:
            print(f"{'ok  ' if finding.ok else 'warn' if finding.warning else 'FAIL'} {finding.promise}: {finding.detail}")
    if not all(finding.ok or finding.warning for finding in findings):
        raise SystemExit(1)


@check.command(name="adversaries")
def check_adversaries(
    *names: Annotated[str, Parameter(help="Gyms; all that are installed where none is named.")],
    wide: Wide = False,
    as_json: JSON = False,
) -> None:
    """What agents get that are after the reward and not after the task: finish at once, spam, echo, enumerate, pack and others.

    Exit status 1 if one earns more than .1 or solves more than 5 % in some gym.

    For example:
        bao check adversaries travel tau
    """
    from bao.checks import exploits
    from bao.cli.listing import adversaries_sheet
    from bao.gyms.registry import gym_class, gym_names
    from bao.reporting.sheet import print_results
    from bao.task import Split

    gyms = {name: gym_class(name) for name in names or gym_names()}
    found = {name: exploits(gym(), gym.task_set(Split.TEST).tasks) for name, gym in gyms.items()}
    if as_json:
        print(json.dumps({name: [each._asdict() for each in row] for name, row in found.items()}, indent=1))
    else:
        print_results(adversaries_sheet(found), wide=wide)
    if any(each.is_too_much for row in found.values() for each in row):
        raise SystemExit(1)


@check.command(name="recipe")
def check_settings(recipe: RecipeName, /, *, set_: Set = None) -> None:
    """Validate a recipe and print it fully resolved, as TOML.

    For example:
        bao check recipe my.toml
    """
    import tomli_w

    from bao.recipes.recipe import load_recipe

    loaded: dict[str, Any] = load_recipe(recipe, set_ or ()).model_dump(mode="json", exclude_none=True)
    print(tomli_w.dumps(loaded))
