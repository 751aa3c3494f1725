"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

Out = Annotated[Path, Parameter(help="Folder for the result; the same command over this folder continues where it stopped.")]
RecipeName = Annotated[str, Parameter(help="A bundled recipe's name, or a TOML file.")]
Set = Annotated[
    list[str] | None,
    Parameter(name=["--set", "-s"], help="A setting in place of the recipe's, such as grpo.steps=20; may be repeated."),
]
JSON = Annotated[bool, Parameter(name="--json", help="Print JSON.", show_default=False)]
Several = Parameter(consume_multiple=True)
