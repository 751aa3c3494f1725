"""bao: train, judge and deploy proactive LLM agents on the frontier of task reward and user effort.

The core imports no torch; `bao.train`, `bao.models.engine` and `bao.models.local` need the extra ``[train]``.
"""

from bao.action import Action, ActionKind, Outcome, Parsed, ParseFault, parse, render, tool_schema
from bao.errors import BaoError, ConfigError, DataError
from bao.gym import Gym
from bao.gyms.registry import gym_class, gym_names, make
from bao.policy import Policy
from bao.task import Hidden, Split, Task, TaskSet, Until
from bao.task_source import TaskData, TaskSource, Text, by_index
from bao.trajectory import Fault, FaultError, StopReason, TokenTrace, Trajectory, Turn
from bao.user import ASKED_ONLY, Trait, User

__version__ = "0.1.0"

__all__ = [
    "ASKED_ONLY",
    "Action",
    "ActionKind",
    "BaoError",
    "ConfigError",
    "DataError",
    "Fault",
    "FaultError",
    "Gym",
    "Hidden",
    "Outcome",
    "ParseFault",
    "Parsed",
    "Policy",
    "Split",
    "StopReason",
    "Task",
    "TaskData",
    "TaskSet",
    "TaskSource",
    "Text",
    "TokenTrace",
    "Trait",
    "Trajectory",
    "Turn",
    "Until",
    "User",
    "by_index",
    "gym_class",
    "gym_names",
    "make",
    "parse",
    "render",
    "tool_schema",
]
