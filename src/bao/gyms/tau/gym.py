"""The customer-service gym itself: tools on the database of a shop or an airline, its rules, and a customer to talk to.

It keeps the action kinds, the tools' names and the reward of UserRL's tau gym (tau-bench behind three choices): ``answer`` is
a tool call, ``action`` a message to the customer, ``search`` a look at the tools or the rules. What differs: the agent can
read the rules, the opening is what the customer has said and no other, ``finish`` is judged where UserRL gives what the last
step gave, a number that has to be said must stand by itself, and the database of an episode is a view that is judged by its
changed records.

The reward is 1 at the end if the final database is the one after the task's own calls and everything that had to be said was
said, else 0. The end is the customer's goodbye, a transfer, ``finish`` or the horizon; the last is not judged and earns
nothing. Where nothing may be changed and nothing is asked, the customer has to have been told so: to end at once is no service.

A record that is left as it should not be is harm, and costs `Tau.harm`, whatever else was done: at once where the task leaves
that record alone (and is given back where it is put right), else at the end.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from bao.action import ActionKind, Outcome
from bao.errors import ConfigError
from bao.gym import Gym
from bao.gyms.tau import agents, records, tasks
from bao.gyms.tau.calls import UnreadableCallError, read_call
from bao.gyms.tau.common import TRANSFER
from bao.gyms.tau.customer import Customer
from bao.gyms.tau.database import Database, Session
from bao.gyms.tau.domains import AIRLINE, DOMAINS, read_databases
from bao.gyms.tau.llm import OWN_RECITED_MOST, LanguageCustomer, instruction_of
from bao.gyms.tau.retail import generate
from bao.gyms.tau.retail.user import ScriptedCustomer
from bao.gyms.tau.said import Output
from bao.measure import Direction, Measure
from bao.task import Task
from bao.task_source import TaskSource, by_index
from bao.user import ASKED_ONLY, Trait

_SEARCH_HELP = Outcome("There are three things to look up: [search] tools, [search] policy and [search] help.")
_SEARCHES: Mapping[str, Mapping[str, Outcome]] = {
    name: {
        "tools": Outcome(domain.toolbox.listing()),
        "help": Outcome(
            f"Find out who the customer is, look up {domain.look_up}, ask for what you cannot look up, get a yes, then call "
            "the tool. Look-ups take none of the customer's time. [search] tools lists the tools, [search] policy the rules."
        ),
    }
    for name, domain in DOMAINS.items()
}


class Tau(Gym):
    """Serve one customer of a shop."""

    name = "tau"
    version = 2
    about = "serve a shop's customer by its rules: ask what is wanted, look up the rest, call the right tools"
    kinds = frozenset({ActionKind.ACTION, ActionKind.SEARCH, ActionKind.ANSWER, ActionKind.FINISH})
    conventions: ClassVar[Mapping[str, frozenset[ActionKind]]] = {
        "everyday": frozenset({ActionKind.ACTION}),
        "paper": frozenset({ActionKind.ANSWER}),
    }
    submissions = frozenset()
    """Here a message is what takes the user's time and a tool call costs them nothing; ``paper`` is by the paper's letter."""
    horizon_default = 30

    user_backends = ("scripted", "llm")
    traits: ClassVar[Mapping[str, tuple[Trait, ...]]] = {"scripted": (*ASKED_ONLY, Trait.VOLUNTEERING)}
    source = TaskSource(
        own=by_index(generate.generate),
        sizes=generate.SIZES,
        levels=generate.LEVELS,
        data=tasks.ServiceTask,
        check=tasks.check,
        components=tasks.components,
        hidden=tasks.hidden,
        policies=agents.POLICIES,
        readers=records.READERS,
    )
    user: Customer

    def __init__(self, *, database: str | Path | None = None, harm: float = 0.5, **settings: Any) -> None:
        """`database`: for tau-bench's tasks, the folder that holds its ``retail`` and ``airline``, or one of these itself.
        `harm`: what it costs to leave a record as it should not be; 0 for tau-bench's own reward.

        Raises `ConfigError` where it is none of these, or `harm` is negative or not finite.
        """
        super().__init__(**settings)
        if not 0 <= harm < math.inf:
            raise ConfigError(f"harm={harm} must be a finite number of at least 0: what a wrong change costs")
        self.harm = harm
        self._databases = {} if database is None else read_databases(Path(database))

    @classmethod
    def measures(cls) -> tuple[Measure, ...]:
        return (Measure("wrong_records", Direction.MIN, "records left as they should not be: harm", unit="per episode"),)

    def instructions(self) -> str:
        shop = "an airline or a shop" if AIRLINE in self._databases else "a shop"
        its = "their" if AIRLINE in self._databases else "the shop's"
        return (
            f"You serve a customer of {shop}, whose messages you read. Do what they want as far as {its} rules allow: look "
            "up the rules and the tools before you act.\n"
            f"Every turn you take one action, and you have {self.horizon} turns:\n"
            f"[search] policy - {its} rules; [search] tools - the tools and their arguments; [search] help - how to go on\n"
            '[answer] {"name": "get_order_details", "arguments": {"order_id": "#B1234567"}} - call one tool; its result is the '
            "reply\n"
            "[action] May I have your name and zip code? - a message to the customer, who answers it\n"
            "[finish] - end here\n"
            "First find out who the customer is. Before a tool changes anything, tell the customer what it will do and get a "
            "yes. Tell the customer what they want to know, and what cannot be done.\n"
            "The episode ends when the customer says goodbye, on a transfer to a human agent, and when you finish. It is worth "
            f"1 if {its} database then is exactly as it should be and the customer was told all they asked for, and what "
            f"cannot be done, else nothing; a wrong change of the database costs {self.harm:g}. Messages take the customer's "
            "time; tool calls and searches do not."
        )

    def begin(self, task: Task) -> str:
        """Raises `ConfigError` on a task that this customer cannot play, or whose database was not given, and `FaultError`
        where a model that plays the customer says nothing.
        """
        case = tasks.load(task)
        user = self._customer(task, case)
        database = self._database(task, case)
        opening = user.opening()
        self._domain = case.domain
        self._policy = Outcome(database.policy)
        self._session = Session(database)
        self._goal = tasks.goal(case, database)
        self._charged = False
        self._unsaid: list[Output] = list(case.outputs)
        self.is_refusal = not self._goal and not case.outputs
        """Whether nothing may be changed and nothing is asked, so that the customer has to be told so."""
        self._may_transfer = any(step.name == TRANSFER for step in case.steps)
        self.user = user
        return opening

    def on_search(self, content: str) -> Outcome:
        wanted = content[:100].strip(" \t\n\"'.").lower()
        if wanted == "policy":
            return self._policy
        return _SEARCHES[self._domain.name].get(wanted, _SEARCH_HELP)

    def on_answer(self, content: str) -> Outcome:
        try:
            name, arguments = read_call(content)
        except UnreadableCallError as error:
            return Outcome(str(error))
        reply = self._domain.toolbox.call(self._session, name, arguments)
        if reply.ok:
            if name == TRANSFER:
                return self._end(reply.text, settled=self._may_transfer)
            if self._domain.toolbox.writes(name):
                self.user.note(name, arguments.get("order_id", ""))
                return Outcome(reply.text, self._charge(any(place not in self._goal for place in self._session.changes())))
        return Outcome(reply.text)

    def on_action(self, content: str) -> Outcome:
        said = [each for each in self._unsaid if each.occurs(content)]
        for wanted in said:
            self.user.hear(wanted.text)
        text, goodbye = self.user.reply(content)
        for wanted in said:  # only now: a fault leaves the episode as it was
            self._unsaid.remove(wanted)
        return self._end(text, settled=True) if goodbye else Outcome(text)

    def evadable(self, content: str) -> bool:
        """Only a message that asks for something, and tells nothing that the customer waits for."""
        return self.user.evadable(content) and not any(each.occurs(content) for each in self._unsaid)

    def on_finish(self, content: str) -> Outcome:
        return self._end("The episode is over.")

    def _end(self, text: str, *, settled: bool = False) -> Outcome:
        success = not self._unsaid and self._session.changes() == self._goal
        if self.is_refusal:
            success = success and (settled or self.user.settled())
        return Outcome(text, float(success) + self._charge(self.wrong_records > 0), done=True, success=success)

    @property
    def wrong_records(self) -> int:
        """Records that were changed and are not as they should be."""
        changes = self._session.changes()
        return sum(place not in self._goal or self._goal[place] != record for place, record in changes.items())

    def _charge(self, harmed: bool) -> float:
        """What the turn costs that leaves the database `harmed`, or gives back where it was and is no more."""
        before, self._charged = self._charged, harmed
        return self.harm * (before - harmed)

    def _database(self, task: Task, case: tasks.Case) -> Database:
        if case.database not in DOMAINS:
            return tasks.own_database(case.database)
        if case.database not in self._databases:
            raise ConfigError(
                f"task {task.id!r} needs tau-bench's {case.database} database: give the gym database=PATH, the folder that "
                f"holds tau-bench's {' and '.join(DOMAINS)}, each with data/ and wiki.md"
            )
        return self._databases[case.database]

    def _customer(self, task: Task, case: tasks.Case) -> Customer:
        if self.user_backend == "llm":
            assert self.llm is not None  # the base class sees to it
            if case.instruction:
                return LanguageCustomer(self.llm, case.instruction, case.opening)
            told = instruction_of(case.identity, case.wishes)
            return LanguageCustomer(self.llm, told, case.opening, recited_most=OWN_RECITED_MOST)
        if not case.wishes:
            raise ConfigError(
                f"task {task.id!r} is told in free text, which user={self.user_backend!r} cannot act: give user='llm' with a "
                "model, or play tau-bench's retail-train tasks, or the gym's own"
            )
        return ScriptedCustomer(case.identity, case.wishes, self.np_random)
