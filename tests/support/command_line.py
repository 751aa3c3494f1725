"""The command line in this process, which saves the start of an interpreter."""

import sys

from bao.cli import main


def bao(*arguments: object) -> int:
    """Its exit status; what it says goes where this process' does."""
    old, sys.argv = sys.argv, ["bao", *map(str, arguments)]
    try:
        main()
    except SystemExit as stopped:
        return int(stopped.code or 0)
    finally:
        sys.argv = old
    return 0
