"""bao: train, judge and deploy proactive LLM agents on the frontier of task reward and user effort.

The core imports no torch; `bao.train`, `bao.models.engine` and `bao.models.local` need the extra ``[train]``.
"""

from bao.action import Action, ActionKind, Outcome, Parsed, ParseFault, parse, render, tool_schema
from bao.errors import BaoError, ConfigError, DataError
from bao.gym import Gym
from bao.gyms.registry import gym_class, gym_names, make
from bao.task import Split, Task, TaskSet
from bao.trajectory import Fault, FaultError, StopReason, TokenTrace, Trajectory, Turn

__version__ = "0.1.0"

__all__ = [
    "Action",
    "ActionKind",
    "BaoError",
    "ConfigError",
    "DataError",
    "Fault",
    "FaultError",
    "Gym",
    "Outcome",
    "ParseFault",
    "Parsed",
    "Split",
    "StopReason",
    "Task",
    "TaskSet",
    "TokenTrace",
    "Trajectory",
    "Turn",
    "gym_class",
    "gym_names",
    "make",
    "parse",
    "render",
    "tool_schema",
]
