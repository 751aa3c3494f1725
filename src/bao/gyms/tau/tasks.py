"""Customer-service tasks: their form and their rules.

A task names a database, a customer, what the customer wants (as wishes, `bao.gyms.tau.retail.wishes`, or as an instruction in
free text), the tool calls that do it and the texts that the agent has to say. The right final database is the one after those
calls. What the rules of the company forbid has no calls: then nothing may be changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, InstanceOf, model_validator

from bao.gyms.tau.database import Changes, Database, Session
from bao.gyms.tau.domains import DOMAINS, RETAIL, Domain
from bao.gyms.tau.retail.database import Shop, Table
from bao.gyms.tau.retail.shop import databases
from bao.gyms.tau.retail.wishes import Topic, Wish, options_text, wish_from_json
from bao.gyms.tau.said import Output, output
from bao.task import Hidden, Split, Task, Until
from bao.task_source import TaskData, Text, cache_by_identity

NAME = "tau"
DATABASES = (*(f"shop-{split}" for split in Split), *DOMAINS)
"""The package's own, each a shop's, and tau-bench's, which have the names of their domains."""


@dataclass(frozen=True, slots=True)
class Step:
    """One tool call that a task needs."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """A task as it is played."""

    database: str
    user_id: str
    identity: str
    """How the customer says who they are; empty where it is not known."""
    wishes: tuple[Wish, ...]
    """Empty where nobody has put the instruction into wishes: the scripted customer cannot play it."""
    instruction: str
    """What the customer wants in free text, as tau-bench has it; empty in own tasks."""
    opening: str
    """The customer's first message where the task's file has one; else empty."""
    steps: tuple[Step, ...]
    outputs: tuple[Output, ...]

    @property
    def domain(self) -> Domain:
        return domain(self.database)


class Action(TaskData):
    name: str
    arguments: dict[str, Any]


def _wish(row: Any) -> Wish:
    if not isinstance(row, Mapping):
        raise ValueError("must be an object")
    return wish_from_json(row)


class ServiceTask(TaskData):
    database: str
    user_id: str
    identity: dict[str, str] = Field(default_factory=dict)
    wishes: list[Annotated[InstanceOf[Wish], BeforeValidator(_wish)]]
    actions: list[Action]
    outputs: list[Text]
    instruction: str = ""
    opening: str = ""

    @model_validator(mode="after")
    def _is_of_a_domain(self) -> Self:
        if self.database not in DATABASES:
            raise ValueError(f"database={self.database!r} is unknown; known: {', '.join(DATABASES)}")
        tools = domain(self.database).toolbox.tools
        for action in self.actions:
            if action.name not in tools:
                raise ValueError(f"the action {action.name!r} is no tool; the tools are {', '.join(tools)}")
        _ = self.case
        return self

    @cached_property
    def case(self) -> Case:
        identity = _identity(self.identity) if self.wishes else ""
        steps = tuple(Step(action.name, action.arguments) for action in self.actions)
        outputs = tuple(map(output, self.outputs))
        wishes = tuple(self.wishes)
        return Case(self.database, self.user_id, identity, wishes, self.instruction, self.opening, steps, outputs)


def _identity(row: Mapping[str, str]) -> str:
    name = f"{row['first_name']} {row['last_name']}"
    if "zip" in row:
        return f"I am {name}, and my zip code is {row['zip']}."
    return f"I am {name}, and my e-mail is {row['email']}."


def load(task: Task) -> Case:
    """The case of a task. Raises `KeyError` on a missing field and `ValueError` on a wrong one."""
    return ServiceTask.of(task).case


def check(task: Task) -> None:
    """Raise `ValueError` or `KeyError` naming the field where a task cannot be played; own tasks are played through."""
    case = load(task)
    if not case.wishes and not case.instruction.strip():
        raise ValueError("field 'wishes' is empty, and so is 'instruction': one of them must say what the customer wants")
    if case.database in DOMAINS:
        return
    session = Session(own_database(case.database))
    if session.find(Table.USERS, case.user_id) is None:
        raise ValueError(f"user_id={case.user_id!r} is not in the database {case.database!r}")
    for step in case.steps:
        reply = case.domain.toolbox.call(session, step.name, step.arguments)
        if not reply.ok:
            raise ValueError(f"the action {step.name!r} fails: {reply.text}")


def own_database(name: str) -> Shop:
    """The package's own database of a name such as ``shop-test``."""
    return databases()[Split(name.removeprefix("shop-"))]


@cache_by_identity(most=20_000)
def goal(case: Case, database: Database) -> Changes:
    """The changed records after the case's calls, worked out once."""
    return outcome(case, database)[0]


def outcome(case: Case, database: Database) -> tuple[Changes, int]:
    """The changed records after the case's calls, and how many of the calls failed."""
    session = Session(database)
    failed = sum(not case.domain.toolbox.call(session, step.name, step.arguments).ok for step in case.steps)
    return session.changes(), failed


def domain(database: str) -> Domain:
    """The domain of a database by its name."""
    return DOMAINS.get(database, DOMAINS[RETAIL])


def components(task: Task) -> frozenset[str]:
    """The customer, the orders, the payment methods, and each wished change of an item."""
    found = {f"user {task.data['user_id']}"}
    for wish in (each for top in load(task).wishes for each in top.chain()):
        found |= {f"order {wish.order}"} if wish.order else set()
        for item in wish.items:
            if item.options and item.change:
                wished = {**item.options, **item.change}
                found.add(f"change {item.product}|{options_text(item.options)}|{options_text(wished)}")
    for step in load(task).steps:
        if "payment_method_id" in step.arguments:
            found.add(f"payment {step.arguments['payment_method_id']}")
    return frozenset(found)


def hidden(task: Task) -> tuple[Hidden, ...]:
    """Who the customer is and what they want beyond what the opening says, which only they can tell; and the ids, addresses and
    answers, which the tools show."""
    case = load(task)
    wishes = [wish for top in case.wishes for wish in top.chain()]
    said = {case.identity, *(text for wish in wishes for topic in Topic if (text := wish.said(topic)))}
    said -= {wish.statement for wish in case.wishes[:1]}
    sought = {task.data["user_id"], *task.data["outputs"]}
    sought |= {text for wish in wishes for text in (wish.order, wish.address)}
    return (
        *(Hidden(text, Until.ASKED) for text in sorted(said) if text),
        *(Hidden(text, Until.SOUGHT) for text in sorted(sought) if text),
    )
