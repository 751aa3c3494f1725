"""The commands that evaluate, and that judge evaluations: what the verbs of `bao.verbs` give, printed.

Whatever takes long to import is imported when a command runs, so that ``bao --help`` need not wait for it.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter, validators

from bao import verbs
from bao.cli.options import JSON, ByWhat, Named, Out, RecipeName, Set, Several, Wide, command_of

if TYPE_CHECKING:
    from bao.evaluation.comparison import ComparisonResult
    from bao.evaluation.prices import GymPrices
    from bao.evaluation.results import EvaluationResult
    from bao.measures.transfer import Transfer
    from bao.pareto import Frontier
    from bao.recipes.run import RecipeResult
    from bao.recipes.sweep.run import SweepResult

_EvalSet = Annotated[
    list[str] | None,
    Parameter(
        name=["--set", "-s"],
        help="A setting of the gym, the evaluation, the agent or how a local model runs; overrides the options. For example "
        "gym.settings.llm.timeout=20, agent.body.top_k=20 or model.dtype=bfloat16. May be repeated.",
    ),
]
_GymSet = Annotated[
    list[str] | None,
    Parameter(
        name=["--set", "-s"], help="A setting of the gym or the recipe, such as gym.settings.persona=busy. May be repeated."
    ),
]
_Failures = Annotated[
    Literal["fail_fast", "retry", "minimum_viable"] | None,
    Parameter(converter=lambda _, tokens: tokens[0].value.replace("-", "_")),
]
"""With either dash, as options are written; the settings say which are known."""


def add_to(app: App) -> None:
    """Make these commands commands of `app`."""

    def add(
        name: str, verb: Callable[..., Any], show: Callable[..., None], examples: Sequence[str], **annotations: Any
    ) -> None:
        app.command(command_of(verb, show, examples, **annotations), name=name)

    add(
        "eval",
        verbs.evaluate,
        _show_evaluation,
        (
            "bao eval scripted:ask_all --out runs/ask_all",
            "bao eval local:runs/bao/model --effort-weight 0.1 --levels 2 3 --out runs/w",
            "bao eval scripted:ask_needed --persona busy --out runs/busy",
            "bao eval scripted:solver --gym function --tasks test.parquet --out runs/f",
            "bao eval openai:qwen3@http://127.0.0.1:8000/v1 --out runs/qwen3",
            "bao eval my_agent.py:Agent --gym travel --out runs/mine",
            "bao eval scripted:ask_all --user-model qwen3@http://127.0.0.1:8000/v1 --out runs/llm",
            "bao eval scripted:ask_all --out runs/ask_all --by level --measure worth@0.1",
        ),
        policy=str,
        out=Out,
        tasks=str,
        split=Literal["train", "valid", "test"],
        levels=Annotated[tuple[int, ...] | None, Several],
        agent_mode=Literal["auto", "tools", "text"] | None,
        failures=_Failures,
        settings=_EvalSet,
    )
    add(
        "compare",
        verbs.compare,
        _show_comparison,
        (
            "bao compare runs/before runs/after",
            "bao compare runs/a runs/b runs/c --measure score --measure user_effort --json",
            "bao compare runs/a runs/b --measure worth@0.1 --measure score@level=2",
            "bao compare runs/a runs/b --users busy qwen3@http://gpu:8000/v1 --out runs/guard",
            "bao compare runs/a runs/b --judges qwen3@http://gpu:8000/v1 --out runs/guard",
        ),
        evaluations=Annotated[Path, Parameter(required=True)],
        measures=Annotated[list[str] | None, Parameter(name="--measure")],
        users=Annotated[list[str] | None, Several],
        judges=Annotated[list[str] | None, Several],
    )
    add(
        "frontier",
        verbs.frontier,
        _show_frontier,
        (
            "bao frontier runs/ask_all runs/bao --out runs/frontier",
            "bao frontier runs/quickstart/eval --out runs/turns --objectives score --objectives turns",
            "bao frontier runs/ask_all runs/bao --out runs/at --objectives worth@0 --objectives worth@0.2",
        ),
        evaluations=list[Path],
        out=Out,
        objectives=tuple[str, ...],
        bounds=Annotated[tuple[str, ...] | None, Several],
    )
    add(
        "prices",
        verbs.prices,
        _show_prices,
        (
            "bao prices --gym travel --levels 2 3 4",
            "bao prices runs/quickstart/eval --count 8 --json",
            "bao prices --recipe quickstart",
        ),
        evaluations=Path,
        levels=Annotated[tuple[int, ...] | None, Several],
        split=Literal["train", "valid", "test"] | None,
        settings=_GymSet,
    )
    add(
        "report",
        verbs.report,
        lambda path: print(f"report: {path}"),
        ("bao report runs/quickstart/eval --curves runs/quickstart/bao/metrics.jsonl --out runs/report",),
        evaluations=list[Path],
        out=Out,
        curves=list[Path] | None,
        bounds=Annotated[tuple[str, ...] | None, Several],
        transcript_mb=Annotated[float | None, Parameter(validator=validators.Number(gte=0))],
    )
    add(
        "run",
        verbs.run,
        _show_run,
        ("bao run quickstart", "bao run my.toml --out runs/mine --set grpo.steps=20"),
        recipe=RecipeName,
        settings=Set,
    )
    add(
        "sweep",
        verbs.sweep,
        _show_sweep,
        (
            "bao sweep quickstart --seeds 0 1 2 --out runs/sweep",
            "bao sweep my.toml --strategy adaptive soup --budget 12800 --jobs 2 --out runs/search",
        ),
        recipe=RecipeName,
        strategies=Annotated[
            tuple[Literal["conditioned", "per-price", "adaptive", "soup"], ...],
            Parameter(name="--strategy", consume_multiple=True),
        ],
        seeds=Annotated[tuple[int, ...] | None, Several],
        settings=Set,
    )
    app.command(measure)
    app.command(transfer)


def measure(
    evaluations: list[Path],
    /,
    *,
    prices: Path | None = None,
    embedding: str | None = None,
    by: ByWhat = None,
    measures: Named = None,
    wide: Wide = False,
    as_json: JSON = False,
) -> None:
    """Measure stored evaluations again: with money or embeddings (rewrites their summary.json), by level, by user, at a price.

    For example:
        bao measure runs/gpt --prices prices.toml
        bao measure runs/ask_all runs/bao --by level
        bao measure runs/ask_all runs/bao --measure worth@0.1 --measure regret@0.1
        bao measure runs/quickstart/eval --embedding sentence-transformers/all-MiniLM-L6-v2

    Args:
        evaluations: Folders of `bao eval`, or folders of such folders.
        prices: A TOML file of prices per million tokens: [prices."MODEL"] with input and output.
        embedding: A sentence-transformers model, by name or folder, for embedding_diversity.
    """
    from bao.evaluation.results import find_results, remeasure
    from bao.measures.cost import read_prices
    from bao.measures.diversity import sentence_encoder
    from bao.reporting.terminal import TerminalProgress

    priced = None if prices is None else read_prices(prices)
    encode = None if embedding is None else sentence_encoder(embedding)
    found = [remeasure(each, prices=priced, encode=encode) for each in find_results(evaluations)]
    _print_summaries(found, by=by, measures=measures, wide=wide, as_json=as_json)
    without = [each for each in found if each.summary["money"] is None]
    if priced is not None and without:
        TerminalProgress().warn(
            f"no money for {', '.join(each.label for each in without)}: it takes token counts and a price for "
            f"{', '.join(dict.fromkeys(each.model for each in without))} (the table names {', '.join(priced)})"
        )


def transfer(trained: Path, /, *others: Path, seed: int = 0, wide: Wide = False, as_json: JSON = False) -> None:
    """Show how much of the score survives another user or judge, and whether the ranking does.

    Each folder holds evaluations of the same policies under one user.

    For example:
        bao transfer runs/scripted runs/llm
        bao transfer runs/judge-trained-with runs/judge-a runs/judge-b --json

    Args:
        trained: The evaluations under the user that the policies were trained with.
        others: The evaluations under other users, a folder each.
        seed: Seed of the bootstrap.
    """
    from bao.errors import ConfigError
    from bao.evaluation.comparison import transferred
    from bao.evaluation.results import find_results

    if not others:
        raise ConfigError(f"bao transfer needs the evaluations under another user too: name their folder after {trained}")
    base = find_results([trained])
    found = [transferred(base, find_results([other]), (str(trained), str(other)), seed=seed) for other in others]
    if as_json:
        print(json.dumps({"transfers": [each.to_json() for each in found]}, indent=1))
    else:
        _print_transfers(found, wide)


def _show_evaluation(
    result: "EvaluationResult", *, by: ByWhat = None, measures: Named = None, wide: Wide = False, as_json: JSON = False
) -> None:
    from bao.cli.listing import model_usage

    _print_summaries([result], by=by, measures=measures, wide=wide, as_json=as_json)
    if as_json:
        return
    for line in model_usage():
        print(line)
    print(f"results: {result.folder}")


def _show_comparison(result: "ComparisonResult", *, out: Path | None = None, wide: Wide = False, as_json: JSON = False) -> None:
    if as_json:
        print(json.dumps(result.to_json(), indent=1))
        return
    from bao.cli.judging import comparison_sheet
    from bao.reporting.sheet import print_results
    from bao.reporting.terminal import TerminalProgress

    progress = TerminalProgress()
    for pair in result.comparisons:
        for warning in pair.warnings:
            progress.warn(warning)
        print_results(comparison_sheet(pair, several=len(result.comparisons) > 1), wide=wide)
    if result.transfers:
        _print_transfers(result.transfers, wide)
        print(f"results: {out}")


def _print_transfers(found: "Sequence[Transfer]", wide: bool) -> None:
    from bao.cli.judging import agreement_lines, transfers_sheet
    from bao.reporting.sheet import print_results

    print_results(transfers_sheet(found), agreement_lines(found), wide=wide)


def _show_frontier(found: "Frontier", *, out: Path, wide: Wide = False, as_json: JSON = False) -> None:
    from bao.cli.listing import answer_lines, frontier_sheet, volume_lines
    from bao.evaluation.overview import WORTH
    from bao.reporting.sheet import print_results
    from bao.reporting.terminal import TerminalProgress

    users = json.loads((out / WORTH).read_text(encoding="utf-8"))["users"]
    if as_json:
        print(json.dumps({**found.to_json(), "worth": users}, indent=1))
        return
    for warning in found.warnings:
        TerminalProgress().warn(warning)
    content = found.to_json()
    print_results(frontier_sheet(content), [*volume_lines(content), *answer_lines(users)], wide=wide)
    print(f"results: {out}")


def _show_prices(found: "GymPrices", *, wide: Wide = False, as_json: JSON = False) -> None:
    if as_json:
        print(json.dumps(found.to_json(), indent=1))
        return
    from bao.cli.listing import prices_lines, prices_sheet
    from bao.reporting.sheet import print_results

    print_results(prices_sheet(found.to_json()), prices_lines(found.to_json()), wide=wide)


def _show_run(result: "RecipeResult | dict[str, Any]", *, wide: Wide = False, as_json: JSON = False) -> None:
    if as_json:
        print(json.dumps(result if isinstance(result, dict) else _run_json(result), indent=1))
        return
    from bao.cli.judging import ablation_lines, ablation_sheet, regret_sheet
    from bao.cli.listing import answer_lines, volume_lines
    from bao.reporting.sheet import print_lines, print_results
    from bao.reporting.terminal import results_console

    if isinstance(result, dict):
        print_results(ablation_sheet(result, wide=wide), ablation_lines(result), wide=wide)
        return
    _print_summaries(result.evaluations, wide=wide)
    worth = result.worth.to_json()
    print_lines(results_console(), [*volume_lines(result.frontier.to_json()), *answer_lines([worth])])
    print_results(regret_sheet(worth), wide=wide)
    print(f"report: {result.report}")


def _run_json(result: "RecipeResult") -> dict[str, Any]:
    return {
        "evaluations": [{"label": each.label, "folder": str(each.folder), **each.summary} for each in result.evaluations],
        "frontier": result.frontier.to_json(),
        "worth": [result.worth.to_json()],
        "verdicts": [str(each) for each in result.verdicts],
        "report": str(result.report),
    }


def _show_sweep(result: "SweepResult", *, wide: Wide = False, as_json: JSON = False) -> None:
    if as_json:
        print(json.dumps(result.to_json(), indent=1))
        return
    from bao.cli.judging import sweep_sheet
    from bao.reporting.sheet import print_results

    print_results(sweep_sheet(result.to_json()), wide=wide)
    print(f"results: {result.folder}")


def _print_summaries(
    results: "Sequence[EvaluationResult]",
    *,
    by: str | None = None,
    measures: Sequence[str] | None = None,
    wide: bool = False,
    as_json: bool = False,
) -> None:
    from bao.evaluation.breakdown import By, broken_down
    from bao.reporting.tables import print_tables
    from bao.reporting.terminal import results_console

    if by is None and not measures:
        rows = [{"label": each.label, "folder": str(each.folder), **each.summary} for each in results]
    else:
        rows = broken_down(results, None if by is None else By(by), measures or ())
    if as_json:
        print(json.dumps(rows, indent=1))
    else:
        print_tables(results_console(), rows, wide=wide, measures=measures or ())
