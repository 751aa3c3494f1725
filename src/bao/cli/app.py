"""The commands. Each is a thin wrapper over `bao.stages`, `bao.evaluation` and `bao.pipeline`."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter, validators
from rich.console import Console

from bao import __version__, evaluation, stages
from bao.cli import exchange, judging, listing
from bao.cli.init import init
from bao.config import ModelSection, check_recipe, load_recipe, override_setting
from bao.errors import ConfigError
from bao.folder import open_folder
from bao.gym import gym_class
from bao.measures.table import table
from bao.progress import Progress, results_console
from bao.rollout.failures import Failures
from bao.task import Split
from bao.users.settings import model_at

app = App(
    name="bao", version=__version__, help_format="plaintext", default_parameter=Parameter(negative=()),
    suppress_keyboard_interrupt=False,
    help="Train, judge and deploy proactive agents on the frontier of task reward and user effort.\n\n"
    "Begin with `bao run quickstart`: the whole method in minutes, with a report at its end.\n"
    "Each command's --help shows an example.",
)  # fmt: skip
show = App(
    name="show", help="Read what happened: a transcript, or a trajectory's tokens coloured by loss and advantage.\n\n"
    "For example:\n    bao show transcript runs/quickstart/eval/bao-w0.1",
)  # fmt: skip
check = App(
    name="check", help="Prove what can be proved without a model: a gym's soundness, a recipe's settings.\n\n"
    "For example:\n    bao check gym travel",
)  # fmt: skip
app.command(show)
app.command(check)
judging.add_to(app)
app.command(init)
app.command(exchange.export)
app.command(exchange.import_, name="import")

Out = Annotated[Path, Parameter(help="Folder for the result; the same command over the same folder goes on where it stopped.")]
RecipeName = Annotated[str, Parameter(help="A bundled recipe's name, or a TOML file.")]
Set = Annotated[
    list[str] | None,
    Parameter(name=["--set", "-s"], help="A setting in place of the recipe's, such as grpo.steps=20; may be repeated."),
]
EvalSet = Annotated[
    list[str] | None,
    Parameter(
        name=["--set", "-s"],
        help="A setting of the gym, the evaluation, the agent or how a local model runs, in place of what the options say, "
        "such as gym.settings.llm.timeout=20, agent.body.top_k=20 or model.dtype=bfloat16; may be repeated.",
    ),
]
JSON = Annotated[bool, Parameter(name="--json", help="Print JSON.", show_default=False)]
Several = Parameter(consume_multiple=True)


@app.command
def gyms(*, as_json: JSON = False) -> None:
    """List the gyms: tasks, actions, which of them involve the user, users, scripted policies.

    For example:
        bao gyms --json
    """
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
    model = stages.warm_start(load_recipe(recipe, set_ or ()), out, Progress())
    print(f"model: {model}")


@app.command
def train(recipe: RecipeName = "quickstart", /, *, start: Path, out: Out, set_: Set = None) -> None:
    """Reinforce a warm-started model with turn-level GRPO.

    Leaves the model folder OUT/model, and metrics.jsonl with its learning curve.

    For example:
        bao train quickstart --start runs/sft/model --out runs/bao --set grpo.steps=40

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
    /,
    *,
    out: Out,
    name: str | None = None,
    gym: str = "travel",
    tasks: str = "200",
    split: Split = Split.TEST,
    levels: Annotated[tuple[int, ...] | None, Several] = None,
    horizon: int | None = None,
    convention: str | None = None,
    user: str | None = None,
    user_model: str | None = None,
    judge_model: str | None = None,
    api_key_env: str | None = None,
    agent_mode: Literal["auto", "tools", "text"] | None = None,
    turn_timeout: float | None = None,
    top_p: float | None = None,
    concurrency: int | None = None,
    persona: str | None = None,
    workers: int | None = None,
    ray: str | None = None,
    failures: Failures | None = None,
    retries: int | None = None,
    minimum_healthy: float | None = None,
    episode_timeout: float | None = None,
    effort_weight: float | None = None,
    rollouts: int = 1,
    temperature: float = 0.0,
    turn_tokens: int | None = None,
    trajectory_tokens: int | None = None,
    seed: int = 0,
    device: str = "cpu",
    set_: EvalSet = None,
) -> None:
    """Evaluate an agent; leaves episodes.parquet and summary.json.

    For example:
        bao eval scripted:ask_all --out runs/ask_all
        bao eval local:runs/bao/model --effort-weight 0.1 --levels 2 3 --out runs/w
        bao eval scripted:ask_needed --persona busy --out runs/busy
        bao eval scripted:solver --gym function --tasks test.parquet --out runs/f
        bao eval openai:qwen3@http://127.0.0.1:8000/v1 --out runs/qwen3
        bao eval my_agent.py:Agent --gym travel --out runs/mine
        bao eval scripted:ask_all --user-model qwen3@http://127.0.0.1:8000/v1 --out runs/llm

    Parameters
    ----------
    policy
        scripted:NAME (`bao gyms` lists them), local:PATH of a model folder, openai:MODEL@BASE_URL of an OpenAI-compatible
        endpoint, or your own agent in Python as MODULE:OBJECT or FILE.py:OBJECT (docs/agents.md).
    name
        What tables and plots call it; the policy's own name where not given.
    gym
        The gym to play.
    tasks
        How many of the gym's own tasks, or a file of tasks.
    split
        The split that the tasks are from.
    levels
        Difficulty levels, such as --levels 2 3; all where not given.
    horizon
        The most turns of an episode; the gym's own where not given.
    convention
        What counts as user effort (`bao gyms` lists the conventions); the gym's default where not given.
    user
        Who plays the user: scripted, or llm for a model (`bao gyms` lists which gyms have which).
    user_model
        The model that plays the user, as MODEL@BASE_URL of an OpenAI-compatible endpoint; implies --user llm.
    judge_model
        The model that judges what rules cannot, as MODEL@BASE_URL; the user's model where not given.
    api_key_env
        The environment variable that holds the key of the endpoints named here; no key is sent where not given.
    agent_mode
        How an openai: model takes an action: by calling the tool, in text, or (auto) by the tool where its endpoint takes one.
    turn_timeout
        Seconds that an openai: model or your own agent may take for one turn; 600 where not given.
    top_p
        Nucleus sampling of an openai: model.
    concurrency
        The most episodes at once, of an agent that is asked turn by turn; of a local model, those that wait for the user's
        model. Fewer while an endpoint is overtaxed. Where not given: 1 of your own agent, else as many as the models that
        take part may get requests.
    persona
        How the user takes being asked: patient, busy, vague, chatty or unreliable (docs/personas.md).
    workers
        Processes that share these episodes; one that dies is replaced.
    ray
        Address of a Ray cluster that plays them instead, such as --ray auto; needs the extra ray.
    failures
        What is made of an episode that ends in a fault: fail_fast stops, retry tries again and leaves it out, minimum_viable
        does so too and stops where too small a share is healthy.
    retries
        Further tries of an episode that ended in a fault.
    minimum_healthy
        The share of episodes that has to be healthy under minimum_viable.
    episode_timeout
        Seconds that one try of an episode may take (of a local model: that its gym may); later it is a fault.
    effort_weight
        The price of a user-involving turn that a conditioned policy is told.
    rollouts
        Episodes per task.
    temperature
        Sampling temperature of a local or openai: model; 0 is greedy.
    turn_tokens
        The most tokens of one turn of a local or openai: model (4096 of the latter where not given).
    trajectory_tokens
        The most tokens of one episode: of a local model its prompt left out, of an openai: model those that it writes.
    seed
        Seed of the episodes and of the bootstrap.
    device
        Where a local model runs.
    """
    if user_model is not None and user not in (None, "llm"):
        raise ConfigError(f"--user {user} and --user-model contradict each other: leave one out")
    settings = {
        "horizon": horizon,
        "convention": convention,
        "user": "llm" if user_model is not None else user,
        "llm": None if user_model is None else model_at(user_model, "--user-model", api_key_env),
        "judge": None if judge_model is None else model_at(judge_model, "--judge-model", api_key_env),
        "persona": persona,
    }
    chosen_gym: dict[str, Any] = {"name": gym, "settings": {key: value for key, value in settings.items() if value is not None}}
    if levels is not None:
        chosen_gym["levels"] = levels
    played_how: dict[str, Any] = {"split": split.value, "rollouts": rollouts, "temperature": temperature}
    limits = {
        "turn_tokens": turn_tokens, "trajectory_tokens": trajectory_tokens, "concurrency": concurrency, "workers": workers,
        "ray": ray, "failures": failures, "retries": retries, "minimum_healthy": minimum_healthy,
        "episode_timeout": episode_timeout,
    }  # fmt: skip
    played_how |= {key: value for key, value in limits.items() if value is not None}
    asked = {"mode": agent_mode, "turn_timeout": turn_timeout, "top_p": top_p}
    values = {"gym": chosen_gym, "model": {"device": device}, "evaluation": played_how, "seed": seed}
    values["agent"] = {key: value for key, value in asked.items() if value is not None}
    for override in set_ or ():
        override_setting(values, override)
    agent = _agent_settings(policy, values, api_key_env)
    checked = check_recipe(values, "bao eval")
    stages.make_gym(checked.gym)
    if tasks.isdigit():
        played = stages.task_set(checked.gym, checked.evaluation.split, int(tasks))
    else:
        played = gym_class(checked.gym.name).read_tasks(Path(tasks), checked.evaluation.split)
    judged = evaluation.evaluate(
        policy, checked.gym, played, checked.evaluation, out, Progress(), effort_weight=effort_weight, series=name,
        seed=checked.seed, model=_how_run(checked.model), agent=agent,
    )  # fmt: skip
    results_console().print(table([judged.summary()]))
    for line in listing.model_usage():
        print(line)
    print(f"results: {out}")


def _how_run(section: ModelSection) -> ModelSection:
    """The table ``model``, which may say how a local model runs and not which one it is. Raises `ConfigError`."""
    for name in sorted(section.model_fields_set - {"device", "dtype", "workers"}):
        raise ConfigError(f"--set model.{name}: the model is the one in local:PATH; only device, dtype and workers can be set")
    return section


def _agent_settings(policy: str, values: dict[str, Any], api_key_env: str | None) -> dict[str, Any]:
    """The table ``agent`` of `values`, taken out; of a chat model with the options that it shares with local models."""
    agent = values.pop("agent")
    if not isinstance(agent, dict):
        raise ConfigError("--set agent=.. is no setting: name one of its table, such as agent.timeout=60")
    if not policy.startswith("openai:"):
        return agent
    played_how = values["evaluation"]
    names = {"temperature": "temperature", "max_tokens": "turn_tokens", "episode_tokens": "trajectory_tokens"}
    shared = {ours: played_how.pop(theirs) for ours, theirs in names.items() if theirs in played_how}
    return {**shared, **({} if api_key_env is None else {"api_key_env": api_key_env}), **agent}


@app.command
def frontier(
    evaluations: list[Path], /, *, out: Out, objectives: tuple[str, ...] = ("score", "user_effort"), seed: int = 0
) -> None:
    """Draw the Pareto frontier over evaluated policies: frontier.json, frontier.png, frontier.svg.

    For example:
        bao frontier runs/ask_all runs/bao --out runs/frontier
        bao frontier runs/quickstart/eval --out runs/turns --objectives score --objectives turns

    Parameters
    ----------
    evaluations
        Folders of `bao eval`, or folders of such folders.
    objectives
        A measure; repeat it for two or more. Each has its own direction.
    seed
        Seed of the bootstrap.
    """
    judged = evaluation.find_judged(evaluations)
    open_folder(out, {"evaluations": [path.name for path in evaluations], "objectives": list(objectives), "seed": seed})
    result = stages.draw_frontier(judged, out, objectives, seed=seed)
    results_console().print(listing.frontier(result))
    print(f"results: {out}")


@app.command
def report(
    evaluations: list[Path], /, *, out: Out, title: str = "Evaluation", curves: list[Path] | None = None,
    transcript_mb: Annotated[float | None, Parameter(validator=validators.Number(gte=0))] = None,
) -> None:  # fmt: skip
    """Write one self-contained HTML page: frontier, curves, measures, and every episode to filter, sort and read.

    For example:
        bao report runs/quickstart/eval --curves runs/quickstart/bao/metrics.jsonl --out runs/report

    Parameters
    ----------
    evaluations
        Folders of `bao eval`, or folders of such folders.
    title
        The page's title.
    curves
        A metrics.jsonl to draw as learning curves; may be repeated.
    transcript_mb
        Most megabytes of transcripts in the page, 12 where not given: the gallery's, then a seeded sample of tasks. The page
        names the command that prints any other.
    """
    from bao.train.metrics_log import read_metrics

    for file in curves or ():
        if not file.is_file():
            raise ConfigError(f"--curves {file} does not exist: give a metrics.jsonl that `bao sft`, `train` or `run` wrote")
    judged = evaluation.find_judged(evaluations)
    open_folder(out, {"evaluations": [path.name for path in evaluations], "title": title})
    path = stages.make_report(
        title, judged, stages.draw_frontier(judged, out), out,
        curves={file.parent.name: read_metrics(file) for file in curves or ()}, transcript_mb=transcript_mb,
    )  # fmt: skip
    print(f"report: {path}")


@app.command
def run(recipe: RecipeName = "quickstart", /, *, out: Path | None = None, set_: Set = None) -> None:
    """Run a recipe from demonstrations to report.

    The same command over the same folder goes on where it stopped.

    For example:
        bao run quickstart
        bao run my.toml --out runs/mine --set grpo.steps=20

    Parameters
    ----------
    out
        Folder for the results; runs/NAME where not given.
    """
    from bao.ablation import is_ablation, load_ablation, run_ablation
    from bao.pipeline import run_recipe

    if is_ablation(recipe):
        ablation = load_ablation(recipe)
        run_ablation(ablation, out or Path("runs") / ablation.name, Progress(), tuple(set_ or ()))
        return
    loaded = load_recipe(recipe, set_ or ())
    run_recipe(loaded, out or Path("runs") / loaded.name, Progress())


@show.command
def transcript(
    episodes: Path,
    /,
    *,
    index: int = 0,
    task: str | None = None,
    pick: Literal["worst", "expensive", "disputed"] | None = None,
) -> None:
    """Print an episode, user-involving turns marked.

    For example:
        bao show transcript runs/ask_all --index 3
        bao show transcript runs/quickstart/eval --pick disputed

    Parameters
    ----------
    episodes
        A folder of `bao eval`, a folder of such folders, or an episodes.parquet.
    index
        Which of the episodes (with --pick, which of the picks), from 0.
    task
        Count only the episodes of this task (its id).
    pick
        Begin with the lowest return, with the most user turns, or with the tasks that are solved by one policy or seed and
        not by another, of which both episodes are printed. Says why.
    """
    from bao.report.archive import row_of
    from bao.report.gallery import Pick, Room, picks
    from bao.report.transcript import print_transcript
    from bao.store import read_episodes

    files = sorted(episodes.rglob(evaluation.EPISODES)) if episodes.is_dir() else []
    read = [row for file in files or [episodes] for row in read_episodes(file)]
    rows = [row for row in read if task is None or row.task_id == task]
    chosen = (
        [Pick((place,), "", 0.0) for place in range(len(rows))] if pick is None else picks(list(map(row_of, rows)), Room(pick))
    )
    if not 0 <= index < len(chosen):
        of_task = f" of task {task!r}" if task else ""
        what = "episodes" if pick is None else f"{pick} picks"
        raise ConfigError(f"--index {index}: {episodes} holds {len(chosen)} {what}{of_task}, counted from 0")
    console = Console()
    for place in chosen[index].episodes:
        print_transcript(console, rows[place], chosen[index].why)


@show.command
def mask(recipe: RecipeName = "quickstart", /, *, model: Path, index: int = 0, seed: int = 0, set_: Set = None) -> None:
    """Sample one group and print a trajectory's tokens coloured by loss and advantage.

    Tokens without loss are dim; those with a positive advantage are green, with a negative one red, and the shade is its size.

    For example:
        bao show mask quickstart --model runs/quickstart/bao/model

    Parameters
    ----------
    model
        The model folder that samples.
    index
        Which trajectory of the group, from 0.
    seed
        Seed of the group.
    """
    from bao.cli.mask import print_mask

    print_mask(Console(), load_recipe(recipe, set_ or ()), model, index, seed)


@check.command(name="gym")
def check_gym(name: Annotated[str, Parameter(help="The gym's name.")], /, *, as_json: JSON = False) -> None:
    """Prove a gym sound: gold answers score, splits are disjoint, nothing hidden shows, one seed is one episode.

    Exit status 1 where a promise is broken.

    For example:
        bao check gym travel
    """
    from bao.proofs import prove

    findings = prove(gym_class(name))
    if as_json:
        print(json.dumps([finding._asdict() for finding in findings], indent=1))
    else:
        for finding in findings:
            print(f"{'ok  ' if finding.ok else 'FAIL'} {finding.promise}: {finding.detail}")
    if not all(finding.ok for finding in findings):
        raise SystemExit(1)


@check.command(name="recipe")
def check_settings(recipe: RecipeName, /, *, set_: Set = None) -> None:
    """Validate a recipe and print it fully resolved, as TOML.

    For example:
        bao check recipe my.toml
    """
    import tomli_w

    loaded: dict[str, Any] = load_recipe(recipe, set_ or ()).model_dump(mode="json", exclude_none=True)
    print(tomli_w.dumps(loaded))
