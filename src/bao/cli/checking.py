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
    from bao.reporting.sheet import Sheet


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
    options = {"model": str, "settings": Annotated[list[str] | None, setting]}
    command = command_of(verb, _show, examples, explained_by=verbs.check_user, **options)
    check.command(command, name=name)


def _show(result: "ModelCheck", *, out: Path | None = None, as_json: JSON = False) -> None:
    """Exit status 1 where the model is unfit."""
    if as_json:
        print(json.dumps(result.to_json(), indent=1))
    else:
        from bao.reporting.sheet import print_results

        print_results(_sheet(result), _lines(result))
    if not result.fit:
        raise SystemExit(1)


def _sheet(result: "ModelCheck") -> "Sheet":
    from bao.measures.catalogue import interval_text
    from bao.reporting.sheet import Column, Sheet

    of, rows = result.of, list(result.verdict.classes.values())
    return Sheet(
        [Column("Class", list(result.verdict.classes), words=True)],
        [
            Column("Asked", [f"{row['questions']:.0f}" for row in rows]),
            Column("Right", [f"{row['right']:.0f}" for row in rows]),
            Column("Share", [interval_text(row, ".2f") for row in rows]),
        ],
        f"{of.model} as {of.role} of {of.gym}: right by class, 95 % intervals",
    )


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
