"""The commands ``bao check user`` and ``bao check judge``."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from bao import verbs
from bao.cli.options import JSON, command_of

if TYPE_CHECKING:
    from bao.checks.model import ModelCheck


def add_to(check: App) -> None:
    """Make these commands commands of ``bao check``."""
    add(check, "user", verbs.check_user, ("travel", "telepathy"), "llm")
    add(check, "judge", verbs.check_judge, ("telepathy", "search"), "judge")


def add(check: App, name: str, verb: Callable[..., Any], gyms: tuple[str, str], table: str) -> None:
    examples = (
        f"bao check {name} qwen3@http://127.0.0.1:8000/v1 --gym {gyms[0]}",
        f"bao check {name} gpt-4o@https://api.openai.com/v1 --gym {gyms[1]} --api-key-env OPENAI_API_KEY --json",
    )
    setting = Parameter(
        name=["--set", "-s"], help=f"A setting of the model, such as gym.settings.{table}.temperature=0.7. May be repeated."
    )
    command = command_of(verb, _show, examples, model=str, settings=Annotated[list[str] | None, setting])
    check.command(command, name=name)


def _show(result: "ModelCheck", *, out: Path | None = None, as_json: JSON = False) -> None:
    """Exit status 1 where the model is unfit."""
    if as_json:
        print(json.dumps(result.to_json(), indent=1))
    else:
        from bao.reporting.terminal import results_console

        console = results_console()
        console.print(_table(result))
        for line in _lines(result):
            console.print(line, highlight=False, markup=False, soft_wrap=True)
    if not result.fit:
        raise SystemExit(1)


def _table(result: "ModelCheck") -> Any:
    from rich.table import Table
    from rich.text import Text

    found, of = result.verdict, result.of
    view = Table(title=Text(f"{of.model} as {of.role} of {of.gym}: right by class, 95 % intervals"), title_justify="left")
    for name in ("Class", "Asked", "Right", "Share"):
        view.add_column(name, justify="left" if name == "Class" else "right", overflow="fold")
    for label, row in found.classes.items():
        share = f"{row['mean']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
        view.add_row(Text(label), f"{row['questions']:.0f}", f"{row['right']:.0f}", share)
    return view


def _lines(result: "ModelCheck") -> list[str]:
    found = result.verdict
    lines = []
    if found.accuracy is not None:
        lines.append(f"accuracy, the mean over classes: {found.accuracy:.2f}")
    if found.own_words is not None:
        lines.append(f"replies in its own words: {found.own_words:.0%} (the others were said by rule)")
    if found.yes is not None:
        said = f"says yes in {found.yes['said']:.0%}, right is {found.yes['right']:.0%} (bias {found.yes['bias']:+.0%})"
        lines.append(f"{said}; of its wrong answers {found.yes['of_wrong']:.0%} are yes")
    lines.append(
        f"{found.questions} questions, {found.replies} replies: {found.leaks} leaks, {found.malformed} malformed, "
        f"{found.repaired} repaired, {sum(found.faults.values())} faults"
    )
    if found.seconds:
        lines.append(f"seconds a reply: {found.seconds['median']:.2f} (median), {found.seconds['most']:.2f} at most")
    lines += [f"wrong: {each['question']} -> {each['said']} (it is: {each['wanted']})" for each in found.mistakes[:3]]
    lines.append(f"results: {result.folder}")
    return [*lines, "fit" if result.fit else f"unfit: {'; '.join(found.reasons)}"]
