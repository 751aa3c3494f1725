"""``bao init``: begin something of your own."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

init = App(name="init", help="Begin something of your own: a gym package.\n\nFor example:\n    bao init gym bookshop")


@init.command(name="gym")
def init_gym(
    name: Annotated[str, Parameter(help="The gym's name: a lower-case word, such as bookshop.")], /, *, out: Path | None = None
) -> None:
    """Write a small, tested gym package that `pip install -e` plugs in; docs/own_gym.md walks through it.

    For example:
        bao init gym bookshop
        bao init gym bookshop --out ~/code/bookshop-gym

    Parameters
    ----------
    out
        The new folder; default NAME-gym.
    """
    from bao.cli.scaffold import write_gym_package

    folder = write_gym_package(name, out)
    print(f"gym package: {folder}")
    print(f"next:        pip install -e {folder} && bao check gym {name}")
