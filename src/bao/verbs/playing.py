"""The verbs that play: evaluate a policy, run a recipe."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from bao.verbs.watching import AnyPath, watching

if TYPE_CHECKING:
    from bao.evaluation.results import EvaluationResult
    from bao.progress import Progress
    from bao.recipes.run import RecipeResult

Settings = Mapping[str, Any] | Sequence[str] | None


def evaluate(
    policy: Any,
    /,
    *,
    out: AnyPath | None = None,
    name: str | None = None,
    gym: str = "travel",
    tasks: int | AnyPath = 200,
    split: str = "test",
    levels: Sequence[int] | None = None,
    horizon: int | None = None,
    convention: str | None = None,
    user: str | None = None,
    user_model: str | None = None,
    judge_model: str | None = None,
    api_key_env: str | None = None,
    agent_mode: str | None = None,
    turn_timeout: float | None = None,
    top_p: float | None = None,
    concurrency: int | None = None,
    persona: str | None = None,
    workers: int | None = None,
    ray: str | None = None,
    failures: str | None = None,
    retries: int | None = None,
    retry_faults: bool = False,
    minimum_healthy: float | None = None,
    episode_timeout: float | None = None,
    effort_weight: float | None = None,
    budget: int | None = None,
    rollouts: int = 1,
    temperature: float | None = None,
    turn_tokens: int | None = None,
    trajectory_tokens: int | None = None,
    seed: int = 0,
    device: str | None = None,
    settings: Settings = None,
    progress: "bool | Progress" = True,
) -> "EvaluationResult":
    """Evaluate an agent; leaves episodes.parquet and summary.json.

    Args:
        policy: scripted:NAME (`bao gyms` lists them), local:PATH of a model folder, openai:MODEL@BASE_URL (or
            openai-responses:..) of an OpenAI-compatible endpoint, or your own agent in Python as MODULE:OBJECT or
            FILE.py:OBJECT (docs/agents.md).
        out: Folder for the result; default: a temporary one.
        name: The agent's name in tables and plots; default: the policy's own name.
        gym: The gym to play.
        tasks: How many of the gym's own tasks, or a file of tasks.
        split: The split of the gym's own tasks.
        levels: Difficulty levels, such as --levels 2 3; default: all.
        horizon: The most turns of an episode; default: the gym's own.
        convention: Which actions count as user effort (`bao gyms` lists the conventions); default: the gym's first.
        user: Who plays the user: scripted (rules) or llm (a language model); `bao gyms` lists those of each gym.
        user_model: The model that plays the user, as MODEL@BASE_URL of an OpenAI-compatible endpoint; implies --user llm.
        judge_model: The model that judges what rules cannot, as MODEL@BASE_URL; default: the user's model.
        api_key_env: The environment variable that holds the key of the endpoints named here; default: no key is sent.
        agent_mode: How an openai: model takes an action: tools, text, or auto (tools if its endpoint supports them, else text).
        turn_timeout: Seconds that an openai: model or your own agent may take for one turn; default 600.
        top_p: Nucleus sampling of an openai: model.
        concurrency: The most episodes at once; with a local model, the most that wait for the user's model at once. Fewer while
            an endpoint is overloaded. Default: 1 with your own agent, else as many as the models may get requests.
        persona: How the user reacts to questions: patient, busy, vague, chatty or unreliable (docs/personas.md).
        workers: Processes that share these episodes; one that dies is replaced.
        ray: Address of a Ray cluster that plays them instead, such as --ray auto; needs the extra ray.
        failures: What happens if an episode ends in a fault. fail_fast: the run stops. retry: it is tried again, then left out.
            minimum_viable: as retry, but the run stops if too few episodes are healthy.
        retries: Further tries of an episode that ended in a fault.
        retry_faults: Play the episodes of a finished folder that ended in a fault again.
        minimum_healthy: The share of episodes that must be healthy under minimum_viable.
        episode_timeout: Seconds that one try of an episode may take (with a local model: that its gym may take); then it is a
            fault.
        effort_weight: The price of a user turn, stated in the prompt of a conditioned policy, an openai: model, your own agent
            or scripted:rational.
        budget: The most user turns of an episode, stated in the prompt beside a price or in place of one; not for scripted
            policies.
        rollouts: Episodes per task.
        temperature: Sampling temperature of a local or openai: model; default 0 (greedy).
        turn_tokens: The most tokens of one turn of a local or openai: model; default of the latter 4096.
        trajectory_tokens: The most tokens of one episode: with a local model, without its prompt; with an openai: model, those
            that it writes.
        seed: Seed of the episodes and of the bootstrap.
        device: Where a local model runs; default cpu.
        settings: Settings of the gym, the evaluation, the agent or how a local model runs, in place of what the options say,
            such as {"gym.settings.llm.timeout": 20}.
        progress: Whether to show the progress; or who watches it.
    """
    from bao.evaluation import options
    from bao.evaluation.evaluate import evaluate as play
    from bao.evaluation.settings import EvaluationJob
    from bao.policy import PolicyRef
    from bao.recipes.recipe import check_recipe
    from bao.settings import as_overrides

    ref = PolicyRef.parse(policy)
    gym_settings = {"horizon": horizon, "convention": convention, "user": user, "persona": persona}
    sampling = {"temperature": temperature, "turn_tokens": turn_tokens, "trajectory_tokens": trajectory_tokens}
    running = {"concurrency": concurrency, "workers": workers, "ray": ray, "episode_timeout": episode_timeout}
    running |= {"failures": failures, "retries": retries, "minimum_healthy": minimum_healthy}
    running["retry_faults"] = retry_faults or None
    values: dict[str, Any] = {
        "gym": options.gym_table(ref, gym, levels, gym_settings, user_model, judge_model, api_key_env),
        "model": options.given({"device": device}),
        "evaluation": options.given({"split": str(split), "rollouts": rollouts, **sampling, **running}),
        "agent": options.given({"mode": agent_mode, "turn_timeout": turn_timeout, "top_p": top_p}),
        "seed": seed,
    }
    options.refuse_idle(ref, {**sampling, "device": device})
    options.override(values, as_overrides(settings))
    agent = options.agent_table(ref, values, api_key_env)
    checked = check_recipe(values, "bao eval")
    played = options.tasks_of(checked.gym, str(tasks), checked.evaluation.split)
    options.check_model(checked.model)
    job = EvaluationJob(checked.gym, played, checked.evaluation, checked.seed, name, checked.model, agent, budget=budget)
    return play(ref, job, {effort_weight: Path(out or mkdtemp(prefix="bao-"))}, watching(progress))[0]


def run(
    recipe: AnyPath = "quickstart",
    /,
    *,
    out: AnyPath | None = None,
    settings: Settings = None,
    progress: "bool | Progress" = True,
) -> "RecipeResult | dict[str, Any]":
    """Run a recipe from demonstrations to report.

    The same command over the same folder continues where it stopped.

    Args:
        recipe: A bundled recipe's name, or a TOML file.
        out: Folder for the results; default runs/NAME.
        settings: Settings in place of the recipe's, such as {"grpo.steps": 20}.
        progress: Whether to show the progress; or who watches it.
    """
    from bao.recipes.ablation import is_ablation, load_ablation, run_ablation
    from bao.recipes.recipe import load_recipe
    from bao.recipes.run import run_recipe
    from bao.settings import as_overrides

    source, overrides = str(recipe), as_overrides(settings)
    if is_ablation(source):
        ablation = load_ablation(source)
        return run_ablation(ablation, Path(out or f"runs/{ablation.name}"), watching(progress), overrides)
    loaded = load_recipe(source, overrides)
    return run_recipe(loaded, Path(out or f"runs/{loaded.name}"), watching(progress))
