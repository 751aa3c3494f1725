"""Scripted policies of the customer-service gym: the bounds of every plot, and the shop's honest clerks."""

from collections.abc import Callable, Mapping
from typing import Any

from bao.action import Action, ActionKind, Parsed
from bao.gym import Gym
from bao.gyms.tau.common import TRANSFER
from bao.gyms.tau.retail.clerk import QUESTIONS, Clerk, Habits, say, use
from bao.gyms.tau.retail.database import Table
from bao.gyms.tau.retail.shop import databases
from bao.gyms.tau.retail.teacher import Teacher
from bao.gyms.tau.retail.tools import REASONS
from bao.gyms.tau.tasks import load
from bao.gyms.tau.toolbox import arguments_text
from bao.policies.scripted import Oracle, RandomPolicy
from bao.policy import Policy
from bao.task import Split, Task


def _plan(task: Task, *, refuse: bool) -> list[Action]:
    """The task's calls, what has to be said or refused, and the end."""
    case = load(task)
    calls = [use(step.name, **step.arguments) for step in case.steps if step.name != TRANSFER]
    answers = [say(f"To answer you: {', '.join(output.text for output in case.outputs)}.")] if case.outputs else []
    if refuse:  # each wish and what is wanted in its place; to a model once
        answers += [say("I am sorry, that is not possible.")] * max(1, sum(len(list(wish.chain())) for wish in case.wishes))
    last = [use(step.name, **step.arguments) for step in case.steps if step.name == TRANSFER][:1]  # it ends the episode
    answers = [] if last and refuse else answers
    return [*calls, *answers, *(last or [Action(ActionKind.FINISH)])]


class NeverAsk:
    """Reads the rules and the tools and ends without a word to the customer."""

    name = "never_ask"

    def begin(self, system: str, opening: str) -> None:
        self._plan = [Action(ActionKind.SEARCH, "policy"), Action(ActionKind.SEARCH, "tools"), Action(ActionKind.FINISH)]

    def act(self, observation: str) -> Parsed:
        return Parsed("", self._plan.pop(0), None)


def _random(gym: Gym, seed: int) -> Policy:
    """Any messages, look-ups and calls, these on customers and orders that exist."""
    tables = databases()[Split.TEST].tables
    calls = [arguments_text("get_user_details", {"user_id": key}) for key in list(tables[Table.USERS])[:40]]
    for key, order in list(tables[Table.ORDERS].items())[:80]:
        calls.append(arguments_text("get_order_details", {"order_id": key}))
        if order["status"] == "pending":
            calls.append(arguments_text("cancel_pending_order", {"order_id": key, "reason": REASONS[0]}))
    contents = {
        ActionKind.SEARCH: ["tools", "policy", "help"],
        ActionKind.ACTION: [*QUESTIONS.values(), "How can I help you?", "Is there anything else?", "Shall I go ahead?"],
        ActionKind.ANSWER: calls,
        ActionKind.FINISH: [""],
    }
    return RandomPolicy(contents, seed)


def _clerk(name: str, habits: Habits) -> Callable[[Gym, int], Policy]:
    return lambda gym, seed: Clerk(name, habits)


POLICIES: Mapping[str, Callable[[Any, int], Policy]] = {
    "oracle": lambda gym, seed: Oracle(gym, lambda task: _plan(task, refuse=gym.is_refusal)),
    "ask_all": _clerk("ask_all", Habits(together=False, look_up=False)),
    "clerk": _clerk("clerk", Habits()),
    "brisk": _clerk("brisk", Habits(confirm=False)),
    "never_ask": lambda gym, seed: NeverAsk(),
    "random": _random,
    "teacher": lambda gym, seed: Teacher(seed),
}
