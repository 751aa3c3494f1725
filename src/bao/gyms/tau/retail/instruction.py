"""Puts the instructions of tau-bench's training users into wishes.

Each of the 500 follows one template: who the user is (name, and zip code or e-mail), traits of character, then clauses of six
forms. The traits are not acted. Instructions of the test tasks are free text and give None.
"""

import ast
import re
from collections.abc import Mapping
from typing import Any

from bao.gyms.tau.retail.tools import REASONS
from bao.gyms.tau.retail.wishes import ADDRESS_FIELDS, Item, Operation, Wish, address_text

_WHO = re.compile(
    r"Your name is (?P<first_name>\w+) (?P<last_name>\w+) and your (?:zip code is (?P<zip>\d+)|email is (?P<email>\S+@\S+))\. "
    r"You are [^.]*\.\s*"
)
_ORDER, _METHOD = r"(?P<order>#W\d+)", r"(?P<payment>(?:credit_card|gift_card|paypal)_\d+)"
_SWAP = r"(?!via )[^;{}#]+ \{[^{}]*\} to \{[^{}]*\}; "
_CLAUSES: Mapping[Operation, re.Pattern[str]] = {
    Operation.CANCEL: re.compile(rf"Cancel order {_ORDER} because (?P<reason>{'|'.join(REASONS)})\.\s*"),
    Operation.RETURN: re.compile(
        rf"Return {_ORDER} via {_METHOD}: (?P<items>(?:(?!For #)[^;{{}}#]+(?: \{{[^{{}}]*\}})?; ?)+)\s*"
    ),
    Operation.EXCHANGE: re.compile(rf"For {_ORDER}, exchange (?P<items>(?:{_SWAP})+)via {_METHOD}\.\s*"),
    Operation.ITEMS: re.compile(rf"For {_ORDER}, modify (?P<items>(?:{_SWAP})+)via {_METHOD}\.\s*"),
    Operation.ADDRESS: re.compile(rf"For {_ORDER}, change address to (?P<address>\{{[^{{}}]*\}}) \(same as #W\d+\)\.\s*"),
    Operation.PAYMENT: re.compile(rf"For {_ORDER}, change payment to {_METHOD}\.\s*"),
}
_NAMED = re.compile(r"([^;{} ][^;{}]*?)(?: (\{[^{}]*\}))?; ?")
_SWAPPED = re.compile(r"([^;{}]+) (\{[^{}]*\}) to (\{[^{}]*\}); ")


def read_instruction(text: str) -> tuple[Mapping[str, str], tuple[Wish, ...]] | None:
    """Who the user is and what they want; None where any part of the text is not of the training users' template."""
    who = _WHO.match(text)
    if who is None:
        return None
    wishes = []
    place = who.end()
    while place < len(text):
        for operation, pattern in _CLAUSES.items():
            found = pattern.match(text, place)
            if found:
                wish = _wish(operation, found.groupdict())
                break
        else:
            return None
        if wish is None:
            return None
        wishes.append(wish)
        place = found.end()
    identity = {name: value for name, value in who.groupdict().items() if value is not None}
    return (identity, tuple(wishes)) if wishes else None


def _wish(operation: Operation, parts: Mapping[str, str]) -> Wish | None:
    order, payment = parts["order"], parts.get("payment", "")
    match operation:
        case Operation.RETURN:
            named = [(name, _literal(options or "{}")) for name, options in _NAMED.findall(parts["items"])]
            known = tuple(Item(name, options, {}) for name, options in named if options is not None)
            return Wish(operation, order=order, payment=payment, items=known) if len(known) == len(named) else None
        case Operation.EXCHANGE | Operation.ITEMS:
            items = [(name, _literal(old), _literal(change)) for name, old, change in _SWAPPED.findall(parts["items"])]
            read = tuple(Item(name, old, change) for name, old, change in items if old is not None and change is not None)
            return Wish(operation, order=order, payment=payment, items=read) if len(read) == len(items) else None
        case Operation.ADDRESS:
            address = _literal(parts["address"])
            if address is None or any(name not in address for name in ADDRESS_FIELDS):
                return None
            return Wish(operation, order=order, address=address_text(address))
        case _:
            return Wish(operation, order=order, payment=payment, reason=parts.get("reason", ""))


def _literal(text: str) -> Mapping[str, str] | None:
    try:
        value: Any = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    if not isinstance(value, dict) or not all(isinstance(k, str) and isinstance(v, str) for k, v in value.items()):
        return None
    return value
