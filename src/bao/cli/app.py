"""The commands. Each is a thin wrapper over `bao.stages` and `bao.quickstart`."""

import json
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from bao import __version__, stages
from bao.cli import listing
from bao.config import EvaluationSection, GymSection, load_recipe
from bao.errors import ConfigError
from bao.folder import open_folder
from bao.gym import gym_class
from bao.measures.table import table
from bao.progress import Progress
from bao.task import Split

app = App(
    name="bao", version=__version__,
    help="Train, judge and deploy proactive agents on the frontier of task reward and user effort.",
)  # fmt: skip
show = App(name="show", help="Read what happened: a transcript, or a trajectory's tokens coloured by loss and advantage.")
check = App(name="check", help="Prove what can be proved without a model.")
app.command(show)
app.command(check)

Out = Annotated[Path, Parameter(help="Folder for the result; the same command over the same folder goes on where it stopped.")]
Set = Annotated[
    list[str] | None,
    Parameter(name=["--set", "-s"], help="A setting in place of the recipe's, such as grpo.steps=20; may be repeated."),
]
JSON = Annotated[bool, Parameter(name="--json", help="Print JSON.", negative=())]


@app.command
def gyms(*, as_json: JSON = False) -> None:
    """List the gyms: splits, action kinds, which of them involve the user, user backends.

    Example: bao gyms --json
    """
    rows = listing.gyms()
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    view = Table("Gym", "Tasks (train/valid/test)", "Kinds", "Involve the user", "Users", "About")
    for row in rows:
        conventions = "; ".join(f"{name}: {', '.join(kinds)}" for name, kinds in row["conventions"].items())
        view.add_row(
            row["name"], "/".join(map(str, row["tasks"].values())), ", ".join(row["kinds"]), conventions,
            ", ".join(row["users"]), row["about"],
        )  # fmt: skip
    Console().print(view)


@app.command
def sft(recipe: str = "quickstart", *, out: Out, set_: Set = None) -> None:
    """Warm start: demonstrations by the gym's teacher, then supervised fine-tuning.

    Example: bao sft quickstart --out runs/sft
    """
    model = stages.warm_start(load_recipe(recipe, set_ or ()), out, Progress())
    print(f"model: {model}")


@app.command
def train(recipe: str = "quickstart", *, start: Path, out: Out, set_: Set = None) -> None:
    """Reinforce a warm-started model with turn-level GRPO.

    Example: bao train quickstart --start runs/sft/model --out runs/bao --set grpo.steps=40

    Parameters
    ----------
    start
        The model folder to start from.
    """
    model = stages.reinforce(load_recipe(recipe, set_ or ()), start, out, Progress())
    print(f"model: {model}")


@app.command(name="eval")
def evaluate(
    policy: str,
    *,
    out: Out,
    gym: str = "travel",
    tasks: str = "200",
    split: Split = Split.TEST,
    levels: tuple[int, ...] | None = None,
    effort_weight: float | None = None,
    rollouts: int = 1,
    temperature: float = 0.0,
    seed: int = 0,
    device: str = "cpu",
) -> None:
    """Evaluate a policy; leaves episodes.parquet and summary.json.

    Examples:
    bao eval scripted:ask_all --out runs/ask_all
    bao eval local:runs/bao/model --effort-weight 0.1 --out runs/bao_eval
    bao eval scripted:solver --gym function --tasks FOLDER/test.parquet --out runs/solver

    Parameters
    ----------
    policy
        scripted:NAME, or local:PATH of a model folder.
    gym
        The gym to play.
    tasks
        How many of the gym's own tasks, or a file of tasks.
    split
        The split that the tasks are from.
    levels
        Difficulty levels.
    effort_weight
        The weight told to a conditioned policy.
    rollouts
        Episodes per task.
    temperature
        Sampling temperature; 0 is greedy.
    seed
        Seed of the episodes and of the bootstrap.
    device
        Where a local model runs.
    """
    section = GymSection(name=gym, levels=levels)
    settings = EvaluationSection(split=split.value, rollouts=rollouts, temperature=temperature)
    if tasks.isdigit():
        chosen = stages.task_set(section, split, int(tasks))
    else:
        chosen = gym_class(gym).read_tasks(Path(tasks), split)
    judged = stages.evaluate(
        policy, section, chosen, settings, out, Progress(), effort_weight=effort_weight, seed=seed, device=device
    )
    Console().print(table([judged.summary()]))


@app.command
def frontier(
    evaluations: list[Path], *, out: Out, objectives: tuple[str, ...] = ("score", "user_effort"), seed: int = 0
) -> None:
    """The Pareto frontier over evaluated policies: frontier.json, frontier.png, frontier.svg.

    Example: bao frontier runs/ask_all runs/bao_eval --out runs/frontier --objectives score --objectives turns

    Parameters
    ----------
    evaluations
        Folders of `bao eval`, or folders of such folders.
    objectives
        Two or more measures; each has its own direction.
    seed
        Seed of the bootstrap.
    """
    open_folder(out, {"evaluations": [path.name for path in evaluations], "objectives": list(objectives), "seed": seed})
    result = stages.draw_frontier(stages.find_judged(evaluations), out, objectives, seed=seed)
    Console().print(listing.frontier(result))


@app.command
def report(evaluations: list[Path], *, out: Out, title: str = "Evaluation", curves: list[Path] | None = None) -> None:
    """One self-contained HTML page: frontier, learning curves, measures, transcripts.

    Example: bao report runs/quickstart --curves runs/quickstart/bao/metrics.jsonl --out runs/report

    Parameters
    ----------
    evaluations
        Folders of `bao eval`, or folders of such folders.
    title
        The page's title.
    curves
        metrics.jsonl files to draw as learning curves.
    """
    from bao.train.metrics_log import read_metrics

    open_folder(out, {"evaluations": [path.name for path in evaluations], "title": title})
    judged = stages.find_judged(evaluations)
    path = stages.make_report(
        title, judged, stages.draw_frontier(judged, out), out,
        curves={file.parent.name: read_metrics(file) for file in curves or ()},
    )  # fmt: skip
    print(f"report: {path}")


@app.command
def run(recipe: str = "quickstart", *, out: Path | None = None, set_: Set = None) -> None:
    """Run a recipe from demonstrations to report.

    Examples:
    bao run quickstart
    bao run my.toml --out runs/mine --set grpo.steps=20

    Parameters
    ----------
    recipe
        A bundled recipe's name, or a TOML file.
    out
        Folder for the results; runs/NAME where not given.
    """
    from bao.pipeline import run_recipe

    loaded = load_recipe(recipe, set_ or ())
    run_recipe(loaded, out or Path("runs") / loaded.name, Progress())


@show.command
def transcript(episodes: Path, *, index: int = 0, task: str | None = None) -> None:
    """Print an episode, user-involving turns marked.

    Example: bao show transcript runs/ask_all/episodes.parquet --index 3

    Parameters
    ----------
    episodes
        An episodes.parquet.
    index
        Which of its episodes.
    task
        The episode of this task instead.
    """
    from bao.report import print_transcript
    from bao.store import read_episodes

    rows = [row for row in read_episodes(episodes) if task is None or row.task_id == task]
    if not 0 <= index < len(rows):
        raise ConfigError(f"--index {index}: {episodes} holds {len(rows)} episodes" + (f" of task {task}" if task else ""))
    print_transcript(Console(), rows[index])


@show.command
def mask(recipe: str = "quickstart", *, model: Path, index: int = 0, seed: int = 0, set_: Set = None) -> None:
    """Sample one group and print a trajectory's tokens coloured by loss and advantage.

    Tokens without loss are dim; those with a positive advantage are green, with a negative one red, and the shade is its size.

    Example: bao show mask quickstart --model runs/quickstart/bao/model

    Parameters
    ----------
    model
        The model folder that samples.
    index
        Which trajectory of the group.
    seed
        Seed of the group.
    """
    from bao.cli.mask import print_mask

    print_mask(Console(), load_recipe(recipe, set_ or ()), model, index, seed)


@check.command
def gym(name: str, *, as_json: JSON = False) -> None:
    """Prove a gym sound: the oracle solves every task, splits are disjoint, gymnasium's checker passes.

    Example: bao check gym travel
    """
    from bao.cli.soundness import check_gym

    findings = check_gym(name)
    if as_json:
        print(json.dumps([finding._asdict() for finding in findings], indent=1))
    else:
        for finding in findings:
            Console().print(f"{'[green]ok[/green]  ' if finding.ok else '[red]FAIL[/red]'} {finding.promise}: {finding.detail}")
    if not all(finding.ok for finding in findings):
        raise SystemExit(1)


@check.command(name="recipe")
def check_recipe(recipe: str, *, set_: Set = None) -> None:
    """Validate a recipe and print it fully resolved.

    Example: bao check recipe my.toml
    """
    import tomli_w

    loaded: dict[str, Any] = load_recipe(recipe, set_ or ()).model_dump(mode="json", exclude_none=True)
    print(tomli_w.dumps(loaded))
