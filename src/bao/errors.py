"""Errors that a user can act on: each names the setting, the value and the fix."""

from collections.abc import Iterable
from difflib import get_close_matches


class BaoError(Exception):
    """Base of every error that the command line prints as one line instead of a traceback."""


class ConfigError(BaoError):
    """A setting that is unknown, of the wrong type or out of its range."""


class DataError(BaoError):
    """A file that cannot be read as what it should be: tasks, trajectories, a checkpoint."""


class RunError(BaoError):
    """A run that was stopped by what it depends on: an endpoint that keeps failing, workers that keep dying."""


def suggest(value: str, known: Iterable[str]) -> str:
    """``did you mean 'x'?`` for the nearest of `known`, else the list of them."""
    names = sorted(known)
    near = get_close_matches(value, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
