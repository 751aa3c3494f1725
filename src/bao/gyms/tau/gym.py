"""The customer-service gym itself: tools on a shop's database, the shop's rules, and a customer to talk to.

It keeps the action kinds, the tools' names and the reward of UserRL's tau gym (tau-bench behind three choices): ``answer`` is
a tool call, ``action`` a message to the customer, ``search`` a look at the tools or the rules. What differs: the agent can read
the rules, the opening is the customer's own, ``finish`` is judged where UserRL gives what the last step gave, a number that has
to be said must stand by itself, and the database of an episode is a view that is judged by its changed records.

The reward is 1 at the end if the final database is the one after the task's own calls and everything that had to be said was
said, else 0. The end is the customer's goodbye, a transfer, ``finish`` or the horizon; the last is not judged and earns
nothing.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from bao.action import ActionKind
from bao.errors import ConfigError
from bao.gym import Gym, Outcome
from bao.gyms.tau import agents, files, tasks
from bao.gyms.tau.calls import UnreadableCallError, read_call
from bao.gyms.tau.database import Database, Session, read_database
from bao.gyms.tau.said import Output
from bao.gyms.tau.tools import TOOLS, TRANSFER, call, listing
from bao.gyms.tau.user import ScriptedCustomer
from bao.policies import Policy
from bao.task import Split, Task, TaskSet

SIZES: Mapping[Split, int] = {Split.TRAIN: 600, Split.VALID: 100, Split.TEST: 240}
_HELP = (
    "Find out who the customer is, look up what they have ordered, ask for what you cannot look up, get a yes, then call the "
    "tool. Look-ups take none of the customer's time. [search] tools lists the tools, [search] policy the rules."
)
_SEARCH_HELP = Outcome("There are three things to look up: [search] tools, [search] policy and [search] help.")
_SEARCHES = {"tools": Outcome(listing()), "help": Outcome(_HELP)}


class Tau(Gym):
    """Serve one customer of a shop."""

    name = "tau"
    about = "serve a shop's customer by its rules: ask what is wanted, look up the rest, call the right tools"
    kinds = frozenset({ActionKind.ACTION, ActionKind.SEARCH, ActionKind.ANSWER, ActionKind.FINISH})
    conventions: ClassVar[Mapping[str, frozenset[ActionKind]]] = {
        "everyday": frozenset({ActionKind.ACTION}),
        "paper": frozenset({ActionKind.ANSWER}),
    }
    submissions = frozenset()
    """Here a message is what takes the user's time and a tool call costs them nothing; ``paper`` is by the paper's letter."""
    horizon_default = 30

    def __init__(self, *, database: str | Path | None = None, **settings: Any) -> None:
        """`database`: the folder of tau-bench's retail domain, for its tasks. Raises `ConfigError` where it is not one."""
        super().__init__(**settings)
        self._retail = None if database is None else read_database(Path(database))

    def instructions(self) -> str:
        return (
            "You serve a customer of a shop, whose messages you read. Do what they want as far as the shop's rules allow: look "
            "up the rules and the tools before you act.\n"
            f"Every turn you take one action, and you have {self.horizon} turns:\n"
            "[search] policy - the shop's rules; [search] tools - the tools and their arguments; [search] help - how to go on\n"
            '[answer] {"name": "get_order_details", "arguments": {"order_id": "#B1234567"}} - call one tool; its result is the '
            "reply\n"
            "[action] May I have your name and zip code? - a message to the customer, who answers it\n"
            "[finish] - end here\n"
            "First find out who the customer is. Before a tool changes anything, tell the customer what it will do and get a "
            "yes. Tell the customer what they want to know, and what cannot be done.\n"
            "The episode ends when the customer says goodbye, on a transfer to a human agent, and when you finish. It is worth "
            "1 if the shop's database then is exactly as it should be and the customer was told all they asked for, else "
            "nothing. Messages take the customer's time; tool calls and searches do not."
        )

    def begin(self, task: Task) -> str:
        """Raises `ConfigError` on a task that the scripted customer cannot play, or whose database was not given."""
        case = tasks.load(task)
        database = self._database(task, case)
        self._policy = Outcome(database.policy)
        self._session = Session(database)
        self._goal = tasks.goal(case, database)
        self._unsaid: list[Output] = list(case.outputs)
        self._user = ScriptedCustomer(case.identity, case.wishes, self.np_random)
        return self._user.opening()

    def on_search(self, content: str) -> Outcome:
        wanted = content[:100].strip(" \t\n\"'.").lower()
        if wanted == "policy":
            return self._policy
        return _SEARCHES.get(wanted, _SEARCH_HELP)

    def on_answer(self, content: str) -> Outcome:
        try:
            name, arguments = read_call(content)
        except UnreadableCallError as error:
            return Outcome(str(error))
        reply = call(self._session, name, arguments)
        if reply.ok:
            if name == TRANSFER:
                return self._end(reply.text)
            if TOOLS[name].writes:
                self._user.note(name, arguments.get("order_id", ""))
        return Outcome(reply.text)

    def on_action(self, content: str) -> Outcome:
        for wanted in [each for each in self._unsaid if each.occurs(content)]:
            self._unsaid.remove(wanted)
            self._user.hear(wanted.text)
        text, goodbye = self._user.reply(content)
        return self._end(text) if goodbye else Outcome(text)

    def volunteer(self, rng: np.random.Generator) -> Outcome | None:
        """A detail of what the customer wants that was not told yet."""
        told = self._user.volunteer(rng)
        return None if told is None else Outcome(told)

    def evadable(self, content: str) -> bool:
        """Only a message that asks for something, and tells nothing that the customer waits for."""
        return self._user.asked_for_detail(content) and not any(each.occurs(content) for each in self._unsaid)

    def on_finish(self, content: str) -> Outcome:
        return self._end("The episode is over.")

    def _end(self, text: str) -> Outcome:
        success = not self._unsaid and self._session.changes() == self._goal
        return Outcome(text, float(success), done=True, success=success)

    def _database(self, task: Task, case: tasks.Case) -> Database:
        if case.database == tasks.AIRLINE:
            raise ConfigError(
                f"task {task.id!r} is of tau-bench's airline, whose tools this gym does not have: play retail tasks"
            )
        if not case.wishes:
            raise ConfigError(
                f"task {task.id!r} is told in free text, which user={self.user_backend!r} cannot act: play tau-bench's "
                "retail-train tasks, or the gym's own"
            )
        if case.database != tasks.RETAIL:
            return tasks.own_database(case.database)
        if self._retail is None:
            raise ConfigError(
                f"task {task.id!r} needs tau-bench's retail database: give the gym database=PATH, "
                "its folder that holds data/ and wiki.md"
            )
        return self._retail

    @classmethod
    def task_set(cls, split: Split | str, size: int | None = None, levels: tuple[int, ...] | None = None) -> TaskSet:
        """The first `size` tasks of the package's own shop (see `SIZES`), of the given `levels` (1, 2, 3: things wanted)."""
        split = Split(split)
        size = SIZES[split] if size is None else size
        return TaskSet.of(tasks.generate(split, index, tuple(levels or tasks.LEVELS)) for index in range(size))

    @classmethod
    def read_tasks(cls, path: Path, split: Split | str = Split.TEST) -> TaskSet:
        """Tasks from our JSON lines, or from UserRL's ``tau_*.json`` and its parquet files. See `files.read`."""
        return files.read(Path(path), Split(split))

    @classmethod
    def check_task(cls, task: Task) -> None:
        tasks.check(task)

    @classmethod
    def scripted_policies(cls) -> Mapping[str, Callable[[Gym, int], Policy]]:
        return agents.POLICIES
