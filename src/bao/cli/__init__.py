"""The command line: ``bao COMMAND``. Every command that produces something takes ``--out DIR``."""

import io
import logging
import os
import sys
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.markup import escape

from bao.cli.app import app
from bao.errors import BaoError, RunError

TRAINING = ("torch", "transformers", "tokenizers", "safetensors", "tensorboard")
"""Modules that only the extra ``train`` brings."""


def main() -> None:
    """Entry point. What the user can mend is one line on standard error.

    Exit status: 2 for a wrong setting, file or option, 1 where something else failed (a full disk, an endpoint, workers),
    130 after Ctrl-C.
    """
    logging.raiseExceptions = False  # a log that cannot be written must not bury the error that says so
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # what the console cannot show must not end the work
    try:
        app(list(arguments(sys.argv[1:])))
    except RunError as error:
        _fail(str(error), 1)
    except BaoError as error:
        _fail(str(error), 2)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in TRAINING:
            raise
        _fail(f"this needs {error.name}, which is not installed: pip install 'bao-agents[train]'", 2)
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        _fail(f"{error.strerror or error}{where}: what is done is kept; mend this and run the same command again", 1)
    except KeyboardInterrupt:
        Console(stderr=True).print("stopped: what is done is kept, the same command goes on from there")
        sys.exit(130)


def arguments(given: Sequence[str]) -> Iterator[str]:
    """`given` as text: under a locale that is not UTF-8, Python hands its bytes on as they came. Paths are left as they are,
    for files are found by them."""
    before = ""
    for each in given:
        is_text = before not in ("--out", "-o") and not each.isascii() and not os.path.exists(each)
        yield os.fsencode(each).decode("utf-8", "replace") if is_text else each
        before = each


def _fail(message: str, status: int) -> None:
    Console(stderr=True).print(f"[red]error:[/red] {escape(message)}", highlight=False, soft_wrap=True)
    sys.exit(status)


__all__ = ["app", "main"]
