"""The shop's clerk: a scripted policy that needs no model and goes by what it is told.

It reads the rules, asks who the customer is, asks in one message for what it cannot look up, looks up the rest, has the plan
confirmed and calls the tool; its habits say which of these it leaves out.
"""

import json
import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bao.action import Action, ActionKind, Parsed
from bao.gyms.tau.retail.tools import REASONS
from bao.gyms.tau.retail.wishes import ADDRESS_FIELDS, SWAPS, Operation
from bao.gyms.tau.toolbox import arguments_text

T = TypeVar("T")

_WHO = re.compile(r"I am (\w+) (\w+), and my (?:zip code is (\d+)|e-mail is (\S+@\S+))\.(?:\s|$)")
_ORDER = re.compile(r"The order is (#\w+)\.")
_WITH = re.compile(r"the order with the ([^.]+)\.")
_ITEM = r"[Tt]he ((?:(?!\.\s)[^;(])+?)(?: \(([^()]*)\))?"
_BECOME = re.compile(rf"{_ITEM} should (?:become ([^;]+?)|be the same one again)(?=;|\.(?:\s|$))")
_ABOUT = re.compile(r"It is about (.+?)\.(?:\s|$)")
_NAMED = re.compile(rf"{_ITEM}(?: and (?=the )|$)")
_PAYMENT = re.compile(r"Please use (.+?)\.(?:\s|$)")
_ADDRESS = re.compile(r"(?:It should go to|The new address is) (.+?)\.(?:\s|$)")
_MANY = re.compile(r"how many variants of the (.+?) can be had")
_TOLD = re.compile(r"know (the tracking number|what I paid in all)")
_OPERATIONS: tuple[tuple[Operation, re.Pattern[str]], ...] = (
    (Operation.CANCEL, re.compile(r"I would like to cancel an order\.")),
    (Operation.ITEMS, re.compile(r"I would like to change the (.+?) in an order that was not sent yet\.")),
    (Operation.ADDRESS, re.compile(r"I would like to have an order sent to another address\.")),
    (Operation.PAYMENT, re.compile(r"I would like to pay for an order in another way\.")),
    (Operation.RETURN, re.compile(r"I would like to return the (.+?)\.")),
    (Operation.EXCHANGE, re.compile(r"I would like to exchange the (.+?) that I got\.")),
    (Operation.HOME, re.compile(r"I would like to change the address in my profile\.")),
    (Operation.INFORM, re.compile(r"I would like to know (.+?)\.")),
)
QUESTIONS: Mapping[str, str] = {
    "order": "What is the order number?",
    "items": "Which items is it about?",
    "variant": "What should the new one be like?",
    "payment": "Which payment method shall I use?",
    "address": "What is the new address?",
    "reason": "What is the reason: no longer needed, or ordered by mistake?",
}
NEEDS: Mapping[Operation, tuple[str, ...]] = {
    Operation.CANCEL: ("order", "reason"),
    Operation.ITEMS: ("order", "variant", "payment"),
    Operation.EXCHANGE: ("order", "variant", "payment"),
    Operation.RETURN: ("order", "items", "payment"),
    Operation.ADDRESS: ("order", "address"),
    Operation.PAYMENT: ("order", "payment"),
    Operation.HOME: ("address",),
    Operation.INFORM: (),
}
_DONE = {Operation.CANCEL: "cancelled", Operation.RETURN: "returned", Operation.EXCHANGE: "exchanged"}
"""What an order is after an operation that does not merely change it."""


@dataclass(frozen=True)
class Habits:
    """How a clerk works."""

    together: bool = True
    """Ask for several things in one message, rather than for one."""
    confirm: bool = True
    """Have every change confirmed first, as the rules demand."""
    look_up: bool = True
    """Read the rules and the tools first, and do not ask what an order shows; otherwise act by heart and ask that too."""


class _StuckError(Exception):
    """What the customer wants cannot be done, in words for them."""


@dataclass
class _Job:
    """One wish as the clerk has understood it."""

    operation: Operation
    products: list[str]
    told: dict[str, str] = field(default_factory=dict)
    """The customer's sentence about each thing asked."""


Turns = Generator[Action, str, T]
"""Part of a dialogue: gives actions, takes replies, and returns what it was for."""


class Clerk:
    """Plays one episode as a dialogue that is written from top to bottom: each ``yield`` is a turn and gives its reply."""

    def __init__(self, name: str, habits: Habits) -> None:
        self.name = name
        self.habits = habits

    def begin(self, system: str, opening: str) -> None:
        self._turns = self._serve(opening)
        self._started = False
        self._user: dict[str, Any] = {}
        self._job: _Job | None = None

    def act(self, observation: str) -> Parsed:
        try:
            action = self._turns.send(observation) if self._started else next(self._turns)
        except StopIteration:
            action = Action(ActionKind.FINISH)
        self._started = True
        return Parsed("", action, None)

    def _does(self, habit: str) -> bool:
        """Whether it follows a habit, asked wherever there is a choice."""
        return bool(getattr(self.habits, habit))

    def _serve(self, opening: str) -> Turns[None]:
        if self._does("look_up"):
            yield Action(ActionKind.SEARCH, "policy")
            yield Action(ActionKind.SEARCH, "tools")
        said = yield say("May I have your name and zip code, or the e-mail of your account?")
        self._seen: dict[str, dict[str, Any]] = {}
        self._user = yield from self._identify(said)
        if not self._user:
            return
        heard = opening
        while True:
            job = _job(heard)
            if job is None:
                heard = yield say("What can I do for you?")
                job = _job(heard)
                if job is None:
                    return
            open_job: _Job | None = job
            while open_job is not None:
                try:
                    heard = yield from self._do(open_job)
                    break
                except _StuckError as stuck:
                    heard = yield say(str(stuck))
                    open_job = self._instead(open_job, heard)

    def _identify(self, said: str) -> Turns[dict[str, Any]]:
        who = _WHO.search(said)
        if who is None:
            return {}
        first, last, zip_code, email = who.groups()
        if email:
            user = yield use("find_user_id_by_email", email=email)
        else:
            user = yield use("find_user_id_by_name_zip", first_name=first, last_name=last, zip=zip_code)
        return {**_json((yield use("get_user_details", user_id=user))), "user_id": user}

    def _instead(self, job: _Job, heard: str) -> _Job | None:
        """The wish that takes the place of one that cannot be had; it keeps what was said where it does not differ."""
        if not heard.startswith("In that case "):
            return None
        new = _job(heard)
        if new is None:
            return _Job(job.operation, job.products, {**job.told, "variant": heard})
        return _Job(new.operation, new.products, {name: text for name, text in job.told.items() if name == "order"})

    def _do(self, job: _Job) -> Turns[str]:
        """Everything about one wish; gives what the customer says after it."""
        self._job = job
        if job.operation is Operation.INFORM:
            answer = yield from self._find_out(job)
            return (yield say(f"The answer is {answer}. Is there anything else?"))
        missing = [name for name in NEEDS[job.operation] if name not in job.told]
        if not self._does("look_up") and job.operation in SWAPS:
            missing.insert(1, "items")
        for names in [missing] if self._does("together") else [[name] for name in missing]:
            if names:
                heard = yield say(" ".join(QUESTIONS[name] for name in names))
                job.told |= dict.fromkeys(names, heard)
        arguments: dict[str, Any] = {}
        order: dict[str, Any] = {}
        if "order" in NEEDS[job.operation]:
            order = yield from self._order(job)
            arguments["order_id"] = order["order_id"]
            wanted = "delivered" if job.operation in (Operation.RETURN, Operation.EXCHANGE) else "pending"
            if order["status"] != wanted:
                done = _DONE.get(job.operation, "changed")
                raise _StuckError(f"I am sorry, order {order['order_id']} is {order['status']} and cannot be {done}.")
        if job.operation is Operation.CANCEL:
            arguments["reason"] = REASONS["mistake" in job.told["reason"]]
        elif job.operation is Operation.HOME:
            arguments["user_id"] = self._user["user_id"]
        if "address" in job.told:
            arguments |= self._address(job.told["address"])
        if job.operation in SWAPS:
            arguments |= yield from self._swap(job, order)
        elif job.operation is Operation.RETURN:
            arguments["item_ids"] = self._items(job, order)
        if "payment" in job.told:
            arguments["payment_method_id"] = self._payment(job.told["payment"], order)
        if self._does("confirm"):
            plan = "; ".join(f"{name} {value}" for name, value in arguments.items() if name != "user_id")
            yield say(f"This is the plan: {plan}. Shall I go ahead (yes/no)?")
        reply = yield use(job.operation, **arguments)
        self._seen.pop(arguments.get("order_id", ""), None)
        if reply.startswith("Error"):
            raise _StuckError("I am sorry, that cannot be done.")
        return (yield say("It is done. Is there anything else?"))

    def _order(self, job: _Job) -> Turns[dict[str, Any]]:
        """The order that the customer named, or the one of theirs with the product that they named."""
        found = _ORDER.search(job.told["order"])
        if found:
            return (yield from self._read("get_order_details", order_id=found[1]))
        product = _WITH.search(job.told["order"])
        for order_id in self._user.get("orders", ()):
            order = yield from self._read("get_order_details", order_id=order_id)
            if product and any(item["name"] == product[1] for item in order.get("items", ())):
                job.told["order"] = f"The order is {order_id}."
                return order
        raise _StuckError("I am sorry, it is not possible to find that order.")

    def _read(self, tool: str, **key: str) -> Turns[dict[str, Any]]:
        """A record, looked up unless it was seen before."""
        (name,) = key.values()
        if name not in self._seen:
            self._seen[name] = _json((yield use(tool, **key)))
        return self._seen[name]

    def _items(self, job: _Job, order: Mapping[str, Any]) -> list[str]:
        about = _ABOUT.search(job.told["items"])
        named = _NAMED.findall(about[1]) if about else [(product, "") for product in job.products]
        ids: list[str] = []
        for product, options in named:
            ids.append(_item(product, _options(options), order, ids)["item_id"])
        return ids

    def _swap(self, job: _Job, order: Mapping[str, Any]) -> Turns[dict[str, list[str]]]:
        ids: list[str] = []
        new_ids: list[str] = []
        for product, present, change in _BECOME.findall(job.told["variant"]):
            item = _item(product, _options(present), order, ids)
            details = yield from self._read("get_product_details", product_id=item["product_id"])
            options = {**item["options"], **_options(change)}
            new = next((v for v in details["variants"].values() if v["options"] == options and v["available"]), None)
            if new is None:
                raise _StuckError(f"I am sorry, the {product} with {', '.join(options.values())} is not available.")
            ids.append(item["item_id"])
            new_ids.append(new["item_id"])
        if not ids:
            raise _StuckError("I am sorry, that is not possible.")
        return {"item_ids": ids, "new_item_ids": new_ids}

    def _payment(self, said: str, order: Mapping[str, Any]) -> str:
        named = _PAYMENT.search(said)
        text = named[1] if named else ""
        methods: Mapping[str, Mapping[str, Any]] = self._user["payment_methods"]
        if text == "what I paid with":
            return str(order["payment_history"][0]["payment_method_id"])
        source = text.removeprefix("my ").removesuffix(" account").lower().replace(" ", "_")
        return next((name for name, method in methods.items() if method["source"] == source), text)

    def _address(self, said: str) -> Mapping[str, str]:
        named = _ADDRESS.search(said)
        text = named[1] if named else ""
        if text == "the address in my profile":
            return {name: self._user["address"][name] for name in ADDRESS_FIELDS}
        return dict(zip(ADDRESS_FIELDS, text.split(", "), strict=False))

    def _find_out(self, job: _Job) -> Turns[str]:
        question = job.products[0]
        many = _MANY.search(question)
        if many:
            products = _json((yield use("list_all_product_types")))
            details = yield from self._read("get_product_details", product_id=products.get(many[1], ""))
            return str(sum(variant["available"] for variant in details["variants"].values()))
        job.told["order"] = f"{question}."
        order = yield from self._order(job)
        told = _TOLD.search(f"know {question}")
        if told and told[1] == "the tracking number":
            return str(order["fulfillments"][0]["tracking_id"][0])
        return (yield use("calculate", expression=" + ".join(f"{item['price']}" for item in order["items"])))


def _job(heard: str) -> _Job | None:
    """The first wish that the customer states in what they say."""
    for operation, pattern in _OPERATIONS:
        found = pattern.search(heard)
        if found:
            named = found[1] if pattern.groups else ""
            return _Job(operation, [named] if operation is Operation.INFORM else named.split(" and the ") if named else [])
    return None


def _options(text: str) -> dict[str, str]:
    """The options in ``color: red, size: L``."""
    return dict(pair.split(": ", 1) for pair in text.split(", ")) if text else {}


def _item(product: str, options: Mapping[str, str], order: Mapping[str, Any], taken: list[str]) -> dict[str, Any]:
    """The item of an order that a customer means."""
    for item in order["items"]:
        if item["name"] == product and item["item_id"] not in taken and options.items() <= item["options"].items():
            found: dict[str, Any] = item
            return found
    raise _StuckError(f"I am sorry, it is not possible: the order has no {product}.")


def say(text: str) -> Action:
    return Action(ActionKind.ACTION, text)


def use(name: str, **arguments: Any) -> Action:
    return Action(ActionKind.ANSWER, arguments_text(name, arguments))


def _json(reply: str) -> dict[str, Any]:
    """A tool's reply; empty where it is an error."""
    try:
        value = json.loads(reply)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
