"""``bao eval``: what its options say, as settings."""

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from bao.cli import listing
from bao.cli.options import Out, Several
from bao.errors import ConfigError, suggest
from bao.evaluation.evaluate import evaluate as evaluate_policy
from bao.gyms.registry import gym_class
from bao.gyms.section import make_gym, task_set
from bao.models.settings import ModelSection
from bao.recipes.recipe import check_recipe
from bao.report.tables import table
from bao.report.terminal import TerminalProgress, results_console
from bao.rollout.failures import Failures
from bao.settings import override_setting
from bao.task import Split
from bao.users.settings import model_at

EvalSet = Annotated[
    list[str] | None,
    Parameter(
        name=["--set", "-s"],
        help="A setting of the gym, the evaluation, the agent or how a local model runs; overrides the options. For example "
        "gym.settings.llm.timeout=20, agent.body.top_k=20 or model.dtype=bfloat16. May be repeated.",
    ),
]


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
    temperature: float | None = None,
    turn_tokens: int | None = None,
    trajectory_tokens: int | None = None,
    seed: int = 0,
    device: str | None = None,
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
        The agent's name in tables and plots; default: the policy's own name.
    gym
        The gym to play.
    tasks
        How many of the gym's own tasks, or a file of tasks.
    split
        The split of the gym's own tasks.
    levels
        Difficulty levels, such as --levels 2 3; default: all.
    horizon
        The most turns of an episode; default: the gym's own.
    convention
        Which actions count as user effort (`bao gyms` lists the conventions); default: the gym's first.
    user
        Who plays the user: scripted (rules) or llm (a language model); `bao gyms` lists those of each gym.
    user_model
        The model that plays the user, as MODEL@BASE_URL of an OpenAI-compatible endpoint; implies --user llm.
    judge_model
        The model that judges what rules cannot, as MODEL@BASE_URL; default: the user's model.
    api_key_env
        The environment variable that holds the key of the endpoints named here; default: no key is sent.
    agent_mode
        How an openai: model takes an action: tools, text, or auto (tools if its endpoint supports them, else text).
    turn_timeout
        Seconds that an openai: model or your own agent may take for one turn; default 600.
    top_p
        Nucleus sampling of an openai: model.
    concurrency
        The most episodes at once; with a local model, the most that wait for the user's model at once. Fewer while an
        endpoint is overloaded. Default: 1 with your own agent, else as many as the models may get requests.
    persona
        How the user reacts to questions: patient, busy, vague, chatty or unreliable (docs/personas.md).
    workers
        Processes that share these episodes; one that dies is replaced.
    ray
        Address of a Ray cluster that plays them instead, such as --ray auto; needs the extra ray.
    failures
        What happens if an episode ends in a fault. fail_fast: the run stops. retry: it is tried again, then left out.
        minimum_viable: as retry, but the run stops if too few episodes are healthy.
    retries
        Further tries of an episode that ended in a fault.
    minimum_healthy
        The share of episodes that must be healthy under minimum_viable.
    episode_timeout
        Seconds that one try of an episode may take (with a local model: that its gym may take); then it is a fault.
    effort_weight
        The price of a user turn, stated in the prompt of a conditioned policy, an openai: model or your own agent.
    rollouts
        Episodes per task.
    temperature
        Sampling temperature of a local or openai: model; default 0 (greedy).
    turn_tokens
        The most tokens of one turn of a local or openai: model; default of the latter 4096.
    trajectory_tokens
        The most tokens of one episode: with a local model, without its prompt; with an openai: model, those that it writes.
    seed
        Seed of the episodes and of the bootstrap.
    device
        Where a local model runs; default cpu.
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
        if not levels:
            raise ConfigError("--levels names no level: give one or more, such as --levels 2 3, or leave it out")
        chosen_gym["levels"] = levels
    played_how: dict[str, Any] = {"split": split.value, "rollouts": rollouts}
    of_models = {"temperature": temperature, "turn_tokens": turn_tokens, "trajectory_tokens": trajectory_tokens}
    _refuse_idle(policy, {**of_models, "device": device})
    if api_key_env is not None and not policy.startswith("openai:") and user_model is None and judge_model is None:
        raise ConfigError(f"--api-key-env {api_key_env} is the key of an endpoint, and none is named: leave it out")
    limits = {
        **of_models,
        "concurrency": concurrency,
        "workers": workers,
        "ray": ray,
        "failures": failures,
        "retries": retries,
        "minimum_healthy": minimum_healthy,
        "episode_timeout": episode_timeout,
    }
    played_how |= {key: value for key, value in limits.items() if value is not None}
    asked = {"mode": agent_mode, "turn_timeout": turn_timeout, "top_p": top_p}
    values = {"gym": chosen_gym, "model": {} if device is None else {"device": device}, "evaluation": played_how, "seed": seed}
    values["agent"] = {key: value for key, value in asked.items() if value is not None}
    for override in set_ or ():
        override_setting(values, override)
    _refuse_others(values)
    agent = _agent_settings(policy, values, api_key_env)
    checked = check_recipe(values, "bao eval")
    make_gym(checked.gym)
    if tasks.isdigit():
        played = task_set(checked.gym, checked.evaluation.split, int(tasks))
    elif not Path(tasks).exists():
        raise ConfigError(
            f"--tasks {tasks} is neither a number nor a file: say how many of the gym's own tasks, or give a file of tasks"
        )
    else:
        played = gym_class(checked.gym.name).read_tasks(Path(tasks), checked.evaluation.split)
    judged = evaluate_policy(
        policy,
        checked.gym,
        played,
        checked.evaluation,
        out,
        TerminalProgress(),
        effort_weight=effort_weight,
        series=name,
        seed=checked.seed,
        model=_how_run(checked.model),
        agent=agent,
    )
    results_console().print(table([judged.summary()]))
    for line in listing.model_usage():
        print(line)
    print(f"results: {out}")


def _how_run(section: ModelSection) -> ModelSection:
    """The table ``model``, which may say how a local model runs and not which one it is. Raises `ConfigError`."""
    for name in sorted(section.model_fields_set - {"device", "dtype", "workers"}):
        raise ConfigError(f"--set model.{name}: the model is the one in local:PATH; only device, dtype and workers can be set")
    return section


def _refuse_idle(policy: str, given: dict[str, Any]) -> None:
    """Raises `ConfigError` on an option that would change nothing of this policy."""
    kind = policy.partition(":")[0]
    takes = {"local": {*given}, "openai": {*given} - {"device"}}.get(kind, set())
    for name, value in given.items():
        if value is not None and name not in takes:
            of = "a local model" if name == "device" else "a local or an openai: model"
            raise ConfigError(f"--{name.replace('_', '-')} {value} is a setting of {of}, and {policy} is none: leave it out")


def _refuse_others(values: dict[str, Any]) -> None:
    """Raises `ConfigError` on settings that `bao eval` would read and never use."""
    for name in values:
        if name not in (known := ("gym", "evaluation", "agent", "model", "seed")):
            raise ConfigError(f"--set {name}.. is no setting of an evaluation: {suggest(name, known)}")
    played_how = values["evaluation"]
    for name, instead in {"tasks": "--tasks", "effort_weights": "--effort-weight", "scripted": "scripted:NAME"}.items():
        if isinstance(played_how, dict) and name in played_how:
            raise ConfigError(f"--set evaluation.{name} works in recipes only: give {instead}")


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


__all__ = ["evaluate"]
