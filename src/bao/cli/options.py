"""Options that several commands share, and commands that are verbs of `bao.verbs`."""

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from bao.verbs.watching import AnyPath

Out = Annotated[Path, Parameter(help="Folder for the result; the same command over this folder continues where it stopped.")]
RecipeName = Annotated[str, Parameter(help="A bundled recipe's name, or a TOML file.")]
Set = Annotated[
    list[str] | None,
    Parameter(name=["--set", "-s"], help="A setting in place of the recipe's, such as grpo.steps=20; may be repeated."),
]
JSON = Annotated[bool, Parameter(name="--json", help="Print JSON.", show_default=False)]
Wide = Annotated[bool, Parameter(help="Everything in one table, however wide.")]
ByWhat = Annotated[
    Literal["level", "user"] | None,
    Parameter(
        name="--by", help="A row for each difficulty level of the tasks, or for each user that a policy was evaluated under."
    ),
]
Named = Annotated[
    list[str] | None,
    Parameter(
        name="--measure",
        help="A measure by name (docs/measures.md) in place of the usual columns, such as questions, worth@0.1 (R - wU at the "
        "price 0.1), regret@0.1 (what that lacks of the best scripted rule's) or score@level=2; may be repeated.",
    ),
]
Several = Parameter(consume_multiple=True)

_ON_THE_LINE = {AnyPath | None: Path | None, Sequence[str] | None: list[str] | None}
"""Types of a verb's parameters, as a command line gives them."""


def _doc(verb: Callable[..., Any]) -> tuple[str, str]:
    """What it says of itself, and of its parameters."""
    about, _, explained = inspect.cleandoc(verb.__doc__ or "").partition("\n\nArgs:\n")
    return about, explained


def command_of(
    verb: Callable[..., Any],
    show: Callable[..., None],
    examples: Sequence[str],
    explained_by: Callable[..., Any] | None = None,
    **annotations: Any,
) -> Callable[..., None]:
    """A verb as a command: with its parameters, defaults and explanations, or those that another verb gives of the same ones.

    `show` is given the result, and what it names of the options; those that the verb lacks become options too. `annotations`
    replace those of the verb's parameters; one of `Out` makes ``--out`` an option that has to be given.
    """
    of_verb = {name: each for name, each in inspect.signature(verb).parameters.items() if name != "progress"}
    of_show = list(inspect.signature(show).parameters.values())[1:]
    parameters = []
    for name, each in of_verb.items():
        hint = annotations.get(name, each.annotation)
        default = (
            each.empty if hint == Out else str(each.default) if hint is str and each.default is not each.empty else each.default
        )
        parameters.append(each.replace(annotation=_ON_THE_LINE.get(hint, hint), default=default))
    own = [each for each in of_show if each.name not in of_verb]

    def command(*arguments: Any, **options: Any) -> None:
        shown = {each.name: options[each.name] for each in of_show if each.name in options}
        for each in own:
            options.pop(each.name, None)
        show(verb(*arguments, **options), **shown)

    signature = inspect.Signature([*parameters, *own])
    about, explained = _doc(verb)[0], _doc(explained_by or verb)[1]
    explained = explained.replace("\n" + 8 * " ", " ")  # a line's end in the source is none on the screen
    lines = "\n".join(f"    {example}" for example in examples)
    command.__doc__ = f"{about}\n\nFor example:\n{lines}\n\nArgs:\n{explained}"
    command.__name__ = verb.__name__
    command.__signature__ = signature  # type: ignore[attr-defined]
    command.__annotations__ = {name: each.annotation for name, each in signature.parameters.items()}
    return command
