"""The command line: ``bao COMMAND``. Every command that produces something takes ``--out DIR``."""

import sys

from rich.console import Console

from bao.cli.app import app
from bao.errors import BaoError


def main() -> None:
    """Entry point. A `BaoError` is one line on standard error and exit status 2; Ctrl-C leaves what is done and says so."""
    console = Console(stderr=True)
    try:
        app()
    except BaoError as error:
        console.print(f"[red]error:[/red] {error}", highlight=False, soft_wrap=True)
        sys.exit(2)
    except OSError as error:
        console.print(
            f"[red]error:[/red] {error}: what is done is kept; mend this and run it again", highlight=False, soft_wrap=True
        )
        sys.exit(1)
    except KeyboardInterrupt:
        console.print("stopped: what is done is kept, the same command goes on from there")
        sys.exit(130)


__all__ = ["app", "main"]
