"""bao: train, judge and deploy proactive LLM agents on the frontier of task reward and user effort.

Nouns are imported when they are first asked for, so that ``import bao`` is quick. The core imports no torch; `bao.train`,
`bao.models.engine` and `bao.models.local` need the extra ``[train]``.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from bao import verbs
from bao.verbs import compare, evaluate, frontier, load, run

if TYPE_CHECKING:
    from bao.action import Action, ActionKind, Outcome, Parsed, ParseFault, parse, render, tool_schema
    from bao.errors import BaoError, ConfigError, DataError, RunError
    from bao.evaluation.results import EvaluationResult
    from bao.gym import Gym
    from bao.gyms.registry import gym_class, gym_names, make
    from bao.task import Split, Task, TaskSet
    from bao.trajectory import Fault, FaultError, StopReason, TokenTrace, Trajectory, Turn
    from bao.verbs import report

__version__ = "0.1.0"

_NOUNS = {
    "bao.action": ("Action", "ActionKind", "Outcome", "Parsed", "ParseFault", "parse", "render", "tool_schema"),
    "bao.errors": ("BaoError", "ConfigError", "DataError", "RunError"),
    "bao.evaluation.results": ("EvaluationResult",),
    "bao.gym": ("Gym",),
    "bao.gyms.registry": ("gym_class", "gym_names", "make"),
    "bao.task": ("Split", "Task", "TaskSet"),
    "bao.trajectory": ("Fault", "FaultError", "StopReason", "TokenTrace", "Trajectory", "Turn"),
}
_HOMES = {name: module for module, names in _NOUNS.items() for name in names}


class _Report(ModuleType):
    """The package `bao.report`, called: the verb."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return verbs.report(*arguments, **options)


class _Bao(ModuleType):
    """This package. One of its packages has a verb's name: `bao.report` is both."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "report":
            value.__class__ = _Report
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Bao


def __getattr__(name: str) -> Any:
    if name == "report":
        return import_module("bao.report")
    if name not in _HOMES:
        raise AttributeError(f"module 'bao' has no attribute {name!r}")
    globals()[name] = found = getattr(import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "Action",
    "ActionKind",
    "BaoError",
    "ConfigError",
    "DataError",
    "EvaluationResult",
    "Fault",
    "FaultError",
    "Gym",
    "Outcome",
    "ParseFault",
    "Parsed",
    "RunError",
    "Split",
    "StopReason",
    "Task",
    "TaskSet",
    "TokenTrace",
    "Trajectory",
    "Turn",
    "compare",
    "evaluate",
    "frontier",
    "gym_class",
    "gym_names",
    "load",
    "make",
    "parse",
    "render",
    "report",
    "run",
    "tool_schema",
]
