"""Which models are fit to play users and to judge: ``python -m benchmarks.model_users MODEL@BASE_URL .. [--gyms G ..]``.

Every labelled question of every gym (`bao.gyms.probe`), in both roles where a gym has both, one request at a time, so that the
seconds of a reply are those of an idle endpoint. Then the scripted policy ``ask_all`` plays `TASKS` test tasks of each gym with
the model as user and judge: the share of episodes that end in a fault. Prints a table in Markdown, and leaves the checks and
evaluations below ``--out``, whose runs go on where they stopped.

Simplification: one endpoint, one temperature (0), one run.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import bao
from bao.checks.model import ModelCheck
from bao.errors import ConfigError, RunError
from bao.evaluation.results import EvaluationResult
from bao.gyms.probe import Role, probes
from bao.gyms.registry import gym_class, gym_names

TASKS = 20
EVERY = 10_000
"""More questions than any gym has."""
HEAD = (
    "| model | gym | role | fit | accuracy | own words | says yes (right) | leaks | malformed | repaired | faults "
    "| s a reply | episodes at fault |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|"
)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.model_users", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("models", nargs="+", help="MODEL@BASE_URL")
    parser.add_argument("--gyms", nargs="+", default=[name for name in gym_names() if "llm" in gym_class(name).user_backends])
    parser.add_argument("--questions", type=int, default=EVERY, help="about how many for each gym and role; default: all")
    parser.add_argument("--tasks", type=int, default=TASKS, help="episodes of each gym; 0: none")
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds that one reply may take")
    parser.add_argument("--out", type=Path, default=Path("runs/model-users"))
    given = parser.parse_args(arguments)
    print(HEAD, flush=True)
    for model in given.models:
        for gym in given.gyms:
            for line in lines(model, gym, given):
                print(line, flush=True)


def lines(model: str, gym: str, given: argparse.Namespace) -> list[str]:
    """The rows of one model in one gym."""
    folder = given.out / model.partition("@")[0].replace("/", "-") / gym
    found = []
    for role, verb, table in ((Role.USER, bao.check_user, "llm"), (Role.JUDGE, bao.check_judge, "judge")):
        try:
            probes(gym, role)
        except ConfigError:
            continue
        settings = {f"gym.settings.{table}.timeout": given.timeout}
        many = {"questions": given.questions, "concurrency": 1}
        found.append(verb(model, gym=gym, out=folder / role, settings=settings, **many))
    at_fault = share_at_fault(model, gym, given, folder / "episodes") if given.tasks else None
    return [row(check, at_fault) for check in found]


def share_at_fault(model: str, gym: str, given: argparse.Namespace, out: Path) -> float:
    settings = {"gym.settings.llm.timeout": given.timeout, "evaluation.retries": 0}
    how = {"tasks": given.tasks, "user_model": model, "concurrency": 1, "settings": settings}
    try:
        played: EvaluationResult = bao.evaluate("scripted:ask_all", gym=gym, out=out, **how)
    except RunError as error:  # all of them
        print(error, file=sys.stderr)
        return 1.0
    return 1 - played.summary["episodes"] / given.tasks


def row(check: ModelCheck, at_fault: float | None) -> str:
    """A row of the table."""
    found, of = check.verdict, check.of

    def share(value: float | None) -> str:
        return "-" if value is None else f"{value:.2f}"

    yes = "-" if found.yes is None else f"{found.yes['said']:.2f} ({found.yes['right']:.2f})"
    counts = (found.leaks, found.malformed, found.repaired, sum(found.faults.values()))
    cells = (
        of.model, of.gym, of.role, "fit" if check.fit else "unfit", share(found.accuracy), share(found.own_words), yes,
        *(f"{count} of {found.questions}" for count in counts), share(found.seconds.get("median")), share(at_fault),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main(sys.argv[1:])
