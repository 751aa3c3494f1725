"""bao: train, judge and deploy proactive LLM agents on the frontier of task reward and user effort.

Nouns are imported when they are first asked for, so that ``import bao`` is quick. The core imports no torch; `bao.train`,
`bao.models.engine` and `bao.models.local` need the extra ``[train]``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bao.verbs import check_judge, check_user, compare, evaluate, frontier, load, prices, report, run, sweep

if TYPE_CHECKING:
    from bao.action import Action, ActionKind, Outcome, Parsed, ParseFault, parse, render, tool_schema
    from bao.errors import BaoError, ConfigError, DataError, RunError
    from bao.evaluation.results import EvaluationResult
    from bao.gym import Belief, Gym
    from bao.gyms.registry import gym_class, gym_names, make
    from bao.measure import Direction, Measure
    from bao.policy import Policy
    from bao.task import Hidden, Split, Task, TaskSet, Until
    from bao.task_source import TaskData, TaskSource, Text, by_index
    from bao.trajectory import Fault, FaultError, StopReason, TokenTrace, Trajectory, Turn
    from bao.user import ASKED_ONLY, Trait, User

__version__ = "0.1.0"

_NOUNS = {
    "bao.action": ("Action", "ActionKind", "Outcome", "Parsed", "ParseFault", "parse", "render", "tool_schema"),
    "bao.errors": ("BaoError", "ConfigError", "DataError", "RunError"),
    "bao.evaluation.results": ("EvaluationResult",),
    "bao.gym": ("Belief", "Gym"),
    "bao.gyms.registry": ("gym_class", "gym_names", "make"),
    "bao.measure": ("Direction", "Measure"),
    "bao.policy": ("Policy",),
    "bao.task": ("Hidden", "Split", "Task", "TaskSet", "Until"),
    "bao.task_source": ("TaskData", "TaskSource", "Text", "by_index"),
    "bao.trajectory": ("Fault", "FaultError", "StopReason", "TokenTrace", "Trajectory", "Turn"),
    "bao.user": ("ASKED_ONLY", "Trait", "User"),
}
_HOMES = {name: module for module, names in _NOUNS.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'bao' has no attribute {name!r}")
    globals()[name] = found = getattr(import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "ASKED_ONLY", "Action", "ActionKind", "BaoError", "Belief", "ConfigError", "DataError", "Direction", "EvaluationResult",
    "Fault", "FaultError", "Gym", "Hidden", "Measure", "Outcome", "ParseFault", "Parsed", "Policy", "RunError", "Split",
    "StopReason", "Task", "TaskData", "TaskSet", "TaskSource", "Text", "TokenTrace", "Trait", "Trajectory", "Turn", "Until",
    "User", "by_index", "check_judge", "check_user", "compare", "evaluate", "frontier", "gym_class", "gym_names", "load",
    "make", "parse", "prices", "render", "report", "run", "sweep", "tool_schema",
]  # fmt: skip
