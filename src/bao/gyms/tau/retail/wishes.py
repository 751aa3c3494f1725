"""What a customer wants: one operation, its details as the customer would say them, and what to do if it cannot be had.

A wish is data; `Wish.said` gives the customer's sentence about one detail, or None where the operation has no such detail.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bao.errors import suggest


class Operation(StrEnum):
    """What can be wanted; the values are the names of the tools that do it."""

    CANCEL = "cancel_pending_order"
    ITEMS = "modify_pending_order_items"
    ADDRESS = "modify_pending_order_address"
    PAYMENT = "modify_pending_order_payment"
    RETURN = "return_delivered_order_items"
    EXCHANGE = "exchange_delivered_order_items"
    HOME = "modify_user_address"
    INFORM = "inform"
    """To be told something; no tool writes for it."""


class Topic(StrEnum):
    """What a message to the customer can be about."""

    IDENTITY = "identity"
    WISH = "wish"
    ORDER = "order"
    ITEMS = "items"
    VARIANT = "variant"
    PAYMENT = "payment"
    ADDRESS = "address"
    REASON = "reason"
    CONFIRM = "confirm"
    """May I do this?"""
    ELSE = "else"
    """Is there anything more?"""
    UNAVAILABLE = "unavailable"
    """A variant cannot be had."""
    REFUSAL = "refusal"
    """What is wanted cannot be done."""


_STATEMENTS: Mapping[Operation, str] = {
    Operation.CANCEL: "I would like to cancel an order.",
    Operation.ITEMS: "I would like to change the {products} in an order that was not sent yet.",
    Operation.ADDRESS: "I would like to have an order sent to another address.",
    Operation.PAYMENT: "I would like to pay for an order in another way.",
    Operation.RETURN: "I would like to return the {products}.",
    Operation.EXCHANGE: "I would like to exchange the {products} that I got.",
    Operation.HOME: "I would like to change the address in my profile.",
}
SWAPS = frozenset({Operation.ITEMS, Operation.EXCHANGE})


@dataclass(frozen=True, slots=True)
class Item:
    """A product in an order and, for a swap, how the new one differs."""

    product: str
    options: Mapping[str, str]
    """Of the present one; empty where the customer names the product only."""
    change: Mapping[str, str]
    """Options that shall be others; empty means the same variant once more."""

    def __str__(self) -> str:
        return f"{self.product} ({options_text(self.options)})" if self.options else self.product

    @property
    def wanted(self) -> str:
        if self.change:
            return f"the {self} should become {options_text(self.change)}"
        return f"the {self} should be the same one again"


@dataclass(frozen=True, slots=True)
class Wish:
    operation: Operation
    order: str = ""
    """Id of the order; empty for `Operation.HOME`, and where a question needs none."""
    order_known: bool = True
    """Whether the customer has the order's number at hand."""
    about: str = ""
    """A product of the order, by which the customer describes it otherwise."""
    items: tuple[Item, ...] = ()
    payment: str = ""
    """As the customer says it: an id, ``my gift card``, ``what I paid with``."""
    address: str = ""
    reason: str = ""
    question: str = ""
    """What to tell, for `Operation.INFORM`."""
    output: str = ""
    """What the answer to the question contains."""
    otherwise: "Wish | None" = None
    """What the customer wants where this cannot be had."""

    @property
    def statement(self) -> str:
        """The wish in general: the operation, and the products where there are any."""
        products = " and the ".join(item.product for item in self.items)
        return self.question if self.operation is Operation.INFORM else _STATEMENTS[self.operation].format(products=products)

    def said(self, topic: Topic) -> str | None:
        match topic:
            case Topic.ORDER if self.order:
                if self.order_known:
                    return f"The order is {self.order}."
                return f"I do not have the order number at hand. It is the order with the {self.about}."
            case Topic.ITEMS if self.items:
                return f"It is about the {' and the '.join(map(str, self.items))}."
            case Topic.VARIANT if self.operation in SWAPS:
                text = "; ".join(item.wanted for item in self.items)
                return f"{text[0].upper()}{text[1:]}."
            case Topic.PAYMENT if self.payment:
                return f"Please use {self.payment}."
            case Topic.ADDRESS if self.address:
                lead = "It should go to" if self.operation is Operation.ADDRESS else "The new address is"
                return f"{lead} {self.address}."
            case Topic.REASON if self.reason:
                return "I ordered it by mistake." if self.reason == "ordered by mistake" else "I no longer need it."
            case Topic.WISH:
                return self.statement
        return None

    def details(self) -> Iterator[str]:
        """Everything about the wish, a sentence each."""
        yield self.statement
        if self.order and not self.order_known:
            yield f"The order is the one with the {self.about} (its number is not at hand)."
        elif self.order:
            yield f"The order is {self.order}."
        for topic in (Topic.ITEMS, Topic.VARIANT, Topic.PAYMENT, Topic.ADDRESS, Topic.REASON):
            said = self.said(topic)
            if said is not None and not (topic is Topic.ITEMS and self.operation in SWAPS):  # the variant names the items
                yield said

    @property
    def instead(self) -> str:
        """What the customer says on hearing that the wish before this one cannot be had."""
        if self.operation in SWAPS:
            return f"In that case {'; '.join(item.wanted for item in self.items)}."
        return f"In that case {self.statement}"

    def chain(self) -> Iterator["Wish"]:
        """The wish and what takes its place, in order."""
        wish: Wish | None = self
        while wish is not None:
            yield wish
            wish = wish.otherwise


ADDRESS_FIELDS = ("address1", "address2", "city", "state", "country", "zip")


def address_text(address: Mapping[str, str]) -> str:
    """An address in one line, in the order of the tools' arguments."""
    return ", ".join(address[name] for name in ADDRESS_FIELDS)


def options_text(options: Mapping[str, str]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in options.items())


def wish_from_json(row: Mapping[str, Any]) -> Wish:
    """Raises `ValueError` or `KeyError` naming the field."""
    operation = row["operation"]
    if operation not in list(Operation):
        raise ValueError(f"operation={operation!r} of a wish is unknown: {suggest(str(operation), map(str, Operation))}")
    for name, value in row.items():
        if name not in Wish.__slots__:
            raise ValueError(f"a wish has no field {name!r}: {suggest(name, Wish.__slots__)}")
        if name not in ("items", "otherwise", "order_known") and not isinstance(value, str):
            raise ValueError(f"{name}={value!r} of a wish must be a text")
    otherwise = row.get("otherwise")
    items = tuple(Item(i["product"], i.get("options") or {}, i.get("change") or {}) for i in row.get("items", ()))
    texts = {name: row[name] for name in row if name not in ("operation", "items", "otherwise")}
    return Wish(
        operation=Operation(operation), items=items, otherwise=None if otherwise is None else wish_from_json(otherwise), **texts
    )


def wish_to_json(wish: Wish) -> dict[str, Any]:
    """The inverse of `wish_from_json`; fields at their default are left out."""
    row: dict[str, Any] = {"operation": str(wish.operation)}
    for name in ("order", "about", "payment", "address", "reason", "question", "output"):
        if getattr(wish, name):
            row[name] = getattr(wish, name)
    if not wish.order_known:
        row["order_known"] = False
    if wish.items:
        row["items"] = [{"product": i.product, "options": dict(i.options), "change": dict(i.change)} for i in wish.items]
    if wish.otherwise is not None:
        row["otherwise"] = wish_to_json(wish.otherwise)
    return row
