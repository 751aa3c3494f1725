"""``make bench``: our training loop next to TRL's, the gyms' speed, what a model as the user costs, `bao eval`'s rate.

Both sides train the same model from the same weights on the same tasks of the travel gym, with the same group size, number of
trajectories, limits of turn and trajectory tokens, temperature 1 and float32, on the same cores in the same run: a step of
ours, a step of TRL's, and so on. A ratio is TRL's median wall time divided by ours, so above 1 ours is faster: per sampled
token for generation (``rollout_ratio_*``), per trained token for the update (``update_ratio_*``), per trajectory for a whole
step (``step_ratio_*``).

Ours runs as it does by default: with the tiny model in one process per core (in one process too, as ``*_one_process``), with
SmolLM2-135M in this process with one thread per core. How TRL is driven is said in `benchmarks.trl_side`.

Simplifications: the advantages are random on both sides, so that no group is left out of an update; the learning rate is so
small that the policies stay the same; the two sides sample different tokens, hence the division by their number.
"""

import json
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from cyclopts import App, Parameter
from rich.table import Table

from bao.errors import BaoError
from bao.reporting.terminal import TerminalProgress, results_console
from benchmarks import eval_throughput, gym_steps, llm_user
from benchmarks.cost import UNITS, Phase

Part = Literal["tiny", "135m", "gym", "llm_user", "eval"]

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
app = App(name="python -m benchmarks.main", help_format="plaintext", default_parameter=Parameter(negative=()))


@app.default
def bench(
    *,
    only: Annotated[Part | None, Parameter(help="Measure this part alone.")] = None,
    repetitions: Annotated[int, Parameter(help="Measured steps of each side.")] = 3,
    quick: Annotated[bool, Parameter(help="The least work that goes through everything; its ratios mean little.")] = False,
    out: Annotated[Path, Parameter(help="Folder for the models and the result.")] = Path("runs/bench"),
) -> None:
    """Measure generation, update and whole steps next to TRL, each gym's steps per CPU second.

    And what a user that is a model costs beside the model's own latency, and how near `bao eval` comes to what latency alone
    would take (`benchmarks.llm_user` and `benchmarks.eval_throughput` say what is counted).

    The result is OUT/bench.json, or OUT/bench-tiny.json and so on where only a part was measured.
    """
    if repetitions < 1:
        raise SystemExit(f"--repetitions {repetitions} must be at least 1")
    out.mkdir(parents=True, exist_ok=True)
    progress = TerminalProgress()
    start = time.monotonic()
    result = machine() | {"repetitions": repetitions, "quick": quick}
    if only in (None, "gym"):
        with progress.task("gyms", None):
            result |= gym_steps.measure(**({"steps": 500, "runs": 1, "tasks": 4} if quick else {}))
    if only in (None, "llm_user"):
        with progress.task("a model as the user", None):
            result |= llm_user.measure()
    if only in (None, "eval"):
        with progress.task("2,000 episodes of bao eval", None):
            result |= eval_throughput.measure()
    if only in (None, "tiny", "135m"):
        from benchmarks import work
        from benchmarks.compare import compare  # TRL takes long to import, and the gym does without

        threads = torch.get_num_threads()
        makers = {"tiny": work.tiny, "135m": work.smollm2}
        for make in [makers[size] for size in makers if only in (None, size)]:
            result |= compare(make(out, progress, quick=quick), repetitions, threads, out, progress)
    result["seconds"] = round(time.monotonic() - start)
    path = out / f"{'-'.join(['bench', *filter(None, (only, 'quick' if quick else None))])}.json"
    path.write_text(json.dumps(result, indent=1), encoding="utf-8")
    show(result)
    progress.say(f"result: {path}")


def machine() -> dict[str, Any]:
    """Where and with what this was measured; the load average tells whether the machine was idle."""
    return {
        "version_python": platform.python_version(),
        "version_torch": version("torch"),
        "version_transformers": version("transformers"),
        "version_trl": version("trl"),
        "version_bao": version("bao-agents"),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count() or 1,
        "load_average_before": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


def show(result: dict[str, Any]) -> None:
    """The result as a table on standard output."""
    table = Table("model", "phase", "bao", "TRL", "unit (wall)", "TRL / bao", "least to greatest")
    for size in ("tiny", "tiny_one_process", "135m"):
        if f"step_ratio_{size}" not in result:
            continue
        model = size.removesuffix("_one_process")
        side = "bao_one_process" if size != model else "bao"
        for phase in Phase:
            unit = UNITS[phase]
            ours, theirs = (result[f"{each}_{phase}_wall_seconds_per_{unit}_{model}"] for each in (side, "trl"))
            ratio, low, high = (result[f"{phase}_ratio_{size}{end}"] for end in ("", "_low", "_high"))
            unit_name = f"ms per {unit.replace('_', ' ')}"
            table.add_row(
                size.replace("_one_process", ", one process"),
                phase,
                f"{1000 * ours:.3f}",
                f"{1000 * theirs:.3f}",
                unit_name,
                f"{ratio:.2f}",
                f"{low:.2f} to {high:.2f}",
            )
    console = results_console()
    if table.row_count:
        console.print(table)
    steps = gym_steps.table(result)
    if steps is not None:
        console.print(steps)
    for name, figure in result.items():
        if name.startswith("eval_"):
            console.print(f"{name}: {figure:.4g}", highlight=False)
        elif name.startswith("llm_user"):
            console.print(f"{name}: {figure:.2%}" if name.endswith("_share") else f"{name}: {figure:.4g}", highlight=False)


if __name__ == "__main__":
    try:
        app()
    except BaoError as error:
        raise SystemExit(f"error: {error}") from error
