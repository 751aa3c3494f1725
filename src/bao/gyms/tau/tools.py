"""The tools of the shop: what an agent can look up and change.

The names and meanings are those of tau-bench's retail tools; the code is written from the shop's rules. A tool that cannot do
what it is asked changes nothing and says why.
"""

import ast
import json
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from bao.gyms.tau.database import Record, Session, Table

REASONS = ("no longer needed", "ordered by mistake")
PENDING, DELIVERED = "pending", "delivered"
TRANSFER = "transfer_to_human_agents"
EXPRESSION_MOST = 200
"""Characters of an expression that `calculate` takes."""


class ToolReply(NamedTuple):
    text: str
    ok: bool


class ToolError(Exception):
    """Why a tool did nothing, in words for the agent."""


@dataclass(frozen=True)
class Tool:
    name: str
    about: str
    parameters: Mapping[str, str]
    """What each parameter holds; those in `LISTS` are lists of texts, all others texts."""
    run: Callable[..., str]
    writes: bool = False


LISTS = frozenset({"item_ids", "new_item_ids"})


def call(session: Session, name: str, arguments: Mapping[str, Any]) -> ToolReply:
    """Call a tool by name; never raises on what an agent wrote."""
    tool = TOOLS.get(name)
    if tool is None:
        return ToolReply(f"Error: there is no tool {shown(name)}. The tools are: {', '.join(TOOLS)}.", False)
    try:
        _check(tool, arguments)
        return ToolReply(tool.run(session, **arguments), True)
    except ToolError as error:
        return ToolReply(f"Error: {error}", False)


def shown(value: object) -> str:
    """An agent's text for a reply: short, and in ASCII, so that it can be written anywhere."""
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _check(tool: Tool, arguments: Mapping[str, Any]) -> None:
    if len(arguments) != len(tool.parameters) or any(name not in tool.parameters for name in arguments):
        wanted = ", ".join(tool.parameters) or "no arguments"
        raise ToolError(f"{tool.name} takes exactly {wanted}; given: {shown(', '.join(arguments)) if arguments else 'none'}")
    for name, value in arguments.items():
        if name in LISTS:
            if not isinstance(value, list) or not value or not all(isinstance(entry, str) for entry in value):
                raise ToolError(f'{name} must be a list of texts such as ["1234567890"], not {shown(value)}')
        elif not isinstance(value, str):
            raise ToolError(f'{name} must be a text in quotes, not {shown(value)}; write "{name}": "..."')


# Looking up.


def _find_by_email(session: Session, email: str) -> str:
    return _found(session.user_by_email(email.strip()), f"no user has the e-mail {shown(email)}")


def _find_by_name_zip(session: Session, first_name: str, last_name: str, zip: str) -> str:
    user = session.user_by_name_zip(first_name.strip(), last_name.strip(), zip.strip())
    return _found(user, f"no user has the name {shown(f'{first_name} {last_name}')} and the zip code {shown(zip)}")


def _user_details(session: Session, user_id: str) -> str:
    return _found(session.text(Table.USERS, user_id), f"there is no user {shown(user_id)}")


def _order_details(session: Session, order_id: str) -> str:
    return _found(session.text(Table.ORDERS, order_id), f"there is no order {shown(order_id)}; order ids begin with #")


def _product_details(session: Session, product_id: str) -> str:
    missing = f"there is no product {shown(product_id)}; a product id is not an item id"
    return _found(session.text(Table.PRODUCTS, product_id), missing)


def _product_types(session: Session) -> str:
    return session.database.product_types


def _found(text: str | None, message: str) -> str:
    if text is None:
        raise ToolError(message)
    return text


# Changing.


def _cancel(session: Session, order_id: str, reason: str) -> str:
    order = _order(session, order_id, PENDING, "cancelled")
    if reason not in REASONS:
        raise ToolError(f"reason must be {REASONS[0]!r} or {REASONS[1]!r}, not {shown(reason)}")
    refunds = [_transaction("refund", amount, method) for method, amount in _paid(order).items() if amount > 0]
    for refund in refunds:
        _move(session, order["user_id"], refund["payment_method_id"], refund["amount"])
    history = [*order["payment_history"], *refunds]
    return _put(session, order, status="cancelled", cancel_reason=reason, payment_history=history)


def _modify_items(session: Session, order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str) -> str:
    order = _order(session, order_id, PENDING, "modified")
    pairs = _pairs(session, order, item_ids, new_item_ids)
    difference = _difference(session, order, pairs, payment_method_id)
    items = list(order["items"])
    for position, old, new in pairs:
        variant = _variant(session, old, new)
        items[position] = {**old, "item_id": new, "price": variant["price"], "options": variant["options"]}
    history = list(order["payment_history"])
    if difference:
        kind = "payment" if difference > 0 else "refund"
        history.append(_transaction(kind, abs(difference), payment_method_id))
        _move(session, order["user_id"], payment_method_id, -difference)
    return _put(session, order, status="pending (items modified)", items=items, payment_history=history)


def _modify_address(session: Session, order_id: str, **address: str) -> str:
    order = _order(session, order_id, PENDING, "modified")
    return _put(session, order, address=address)


def _modify_payment(session: Session, order_id: str, payment_method_id: str) -> str:
    order = _order(session, order_id, PENDING, "modified")
    method = _method(session, order, payment_method_id)
    paid = {name: amount for name, amount in _paid(order).items() if amount > 0}
    if payment_method_id in paid:
        raise ToolError(f"order {order_id} is paid with {payment_method_id} already; give another payment method")
    total = round(sum(paid.values()), 2)
    _afford(method, payment_method_id, total)
    _move(session, order["user_id"], payment_method_id, -total)
    history = [*order["payment_history"], _transaction("payment", total, payment_method_id)]
    for name, amount in paid.items():
        _move(session, order["user_id"], name, amount)
        history.append(_transaction("refund", amount, name))
    return _put(session, order, payment_history=history)


def _return(session: Session, order_id: str, item_ids: list[str], payment_method_id: str) -> str:
    order = _order(session, order_id, DELIVERED, "returned")
    _positions(order, item_ids)
    method = _method(session, order, payment_method_id)
    if method["source"] != "gift_card" and payment_method_id not in _paid(order):
        raise ToolError(f"the refund must go to a gift card or to how order {order_id} was paid ({', '.join(_paid(order))})")
    items = sorted(item_ids)
    return _put(session, order, status="return requested", return_items=items, return_payment_method_id=payment_method_id)


def _exchange(session: Session, order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str) -> str:
    order = _order(session, order_id, DELIVERED, "exchanged")
    pairs = _pairs(session, order, item_ids, new_item_ids)
    difference = _difference(session, order, pairs, payment_method_id)
    swapped = sorted([old["item_id"], new] for _, old, new in pairs)
    return _put(
        session, order, status="exchange requested", exchange_items=swapped, exchange_payment_method_id=payment_method_id,
        exchange_price_difference=difference,
    )  # fmt: skip


def _modify_user_address(session: Session, user_id: str, **address: str) -> str:
    user = session.find(Table.USERS, user_id)
    if user is None:
        raise ToolError(f"there is no user {shown(user_id)}")
    session.put(Table.USERS, user_id, {**user, "address": address})
    return session.text(Table.USERS, user_id) or ""


def _transfer(session: Session, summary: str) -> str:
    return "The customer is transferred to a human agent."


def _order(session: Session, order_id: str, status: str, done: str) -> Record:
    order = session.find(Table.ORDERS, order_id)
    if order is None:
        raise ToolError(f"there is no order {shown(order_id)}; order ids begin with #")
    if order["status"] != status:
        raise ToolError(f"order {order_id} is {order['status']}; only what is {status} can be {done}")
    return order


def _put(session: Session, order: Record, **fields: Any) -> str:
    session.put(Table.ORDERS, order["order_id"], {**order, **fields})
    return session.text(Table.ORDERS, order["order_id"]) or ""


def _positions(order: Record, item_ids: Sequence[str]) -> list[int]:
    """The place in the order of each item; an item that was bought twice can be named twice."""
    places: list[int] = []
    for item in item_ids:
        place = next((i for i, row in enumerate(order["items"]) if row["item_id"] == item and i not in places), None)
        if place is None:
            raise ToolError(f"order {order['order_id']} has no item {shown(item)}, or not so often")
        places.append(place)
    return places


def _pairs(session: Session, order: Record, item_ids: list[str], new_item_ids: list[str]) -> list[tuple[int, Record, str]]:
    """Place, present item and new item id of each change."""
    if len(item_ids) != len(new_item_ids):
        raise ToolError(
            f"item_ids has {len(item_ids)} and new_item_ids {len(new_item_ids)} entries; give one new item for each"
        )
    pairs = []
    for place, new in zip(_positions(order, item_ids), new_item_ids, strict=True):
        old = order["items"][place]
        if not _variant(session, old, new)["available"]:
            raise ToolError(f"item {new} is not available at present")
        pairs.append((place, old, new))
    return pairs


def _variant(session: Session, old: Record, new: str) -> Record:
    product = session.find(Table.PRODUCTS, old["product_id"])
    variant: Record | None = product["variants"].get(new) if product else None
    if variant is None:
        raise ToolError(f"product {old['product_id']} ({old['name']}) has no item {shown(new)}")
    return variant


def _difference(session: Session, order: Record, pairs: Sequence[tuple[int, Record, str]], payment_method_id: str) -> float:
    """What the customer has still to pay for the new items (negative: gets back)."""
    method = _method(session, order, payment_method_id)
    difference: float = round(sum(_variant(session, old, new)["price"] - old["price"] for _, old, new in pairs), 2)
    _afford(method, payment_method_id, difference)
    return difference


def _method(session: Session, order: Record, payment_method_id: str) -> Record:
    user = session.find(Table.USERS, order["user_id"])
    methods: Mapping[str, Record] = user["payment_methods"] if user else {}
    if payment_method_id not in methods:
        raise ToolError(f"the customer of order {order['order_id']} has no payment method {shown(payment_method_id)}")
    return methods[payment_method_id]


def _afford(method: Record, name: str, amount: float) -> None:
    if method["source"] == "gift_card" and method.get("balance", 0) < amount:
        raise ToolError(f"{name} holds {method.get('balance', 0)}, which does not cover {amount}")


def _paid(order: Record) -> Mapping[str, float]:
    """What each payment method has paid for the order, refunds taken off."""
    paid: dict[str, float] = {}
    for row in order["payment_history"]:
        sign = 1 if row["transaction_type"] == "payment" else -1
        paid[row["payment_method_id"]] = round(paid.get(row["payment_method_id"], 0.0) + sign * row["amount"], 2)
    return paid


def _transaction(kind: str, amount: float, payment_method_id: str) -> Mapping[str, Any]:
    return {"transaction_type": kind, "amount": amount, "payment_method_id": payment_method_id}


def _move(session: Session, user_id: str, payment_method_id: str, amount: float) -> None:
    """Put `amount` on a gift card (negative: take it off); other methods have no balance here."""
    user = session.find(Table.USERS, user_id)
    method = user["payment_methods"].get(payment_method_id) if user else None
    if user is None or method is None or method["source"] != "gift_card":
        return
    methods = {**user["payment_methods"], payment_method_id: {**method, "balance": round(method["balance"] + amount, 2)}}
    session.put(Table.USERS, user_id, {**user, "payment_methods": methods})


# Arithmetic.

_OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip


def _calculate(session: Session, expression: str) -> str:
    if len(expression) > EXPRESSION_MOST:
        raise ToolError(f"expression has {len(expression)} characters; at most {EXPRESSION_MOST} are read")
    try:
        value = _value(ast.parse(expression.strip(), mode="eval").body)
        return f"{value:.2f}" if isinstance(value, float) else str(value)
    except ZeroDivisionError:
        raise ToolError("division by zero") from None
    except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError):
        raise ToolError(f"expression must be numbers with + - * / and brackets, not {shown(expression)}") from None


def _value(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return node.value
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_value(node.left), _value(node.right))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand)
    raise ValueError("not arithmetic")


_ORDER = {"order_id": "such as '#B1234567'"}
_ITEMS = {"item_ids": "list of the items' ids, each as often as it is meant"}
_SWAP = {**_ITEMS, "new_item_ids": "list of the new items' ids, in the same order"}
_PAY = {"payment_method_id": "such as 'gift_card_1234567' or 'credit_card_1234567'"}
_ADDRESS = {
    "address1": "street and number", "address2": "flat or suite", "city": "", "state": "such as 'CA'", "country": "",
    "zip": "such as '12345'",
}  # fmt: skip
_USER = {"user_id": "such as 'sara_doe_496'"}

TOOLS: Mapping[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool("find_user_id_by_email", "the user id that goes with an e-mail", {"email": ""}, _find_by_email),
        Tool(
            "find_user_id_by_name_zip", "the user id that goes with a name and a zip code",
            {"first_name": "", "last_name": "", "zip": ""}, _find_by_name_zip,
        ),
        Tool("get_user_details", "a user's profile: name, address, payment methods, orders", _USER, _user_details),
        Tool("get_order_details", "an order: status, items, address, payments, tracking", _ORDER, _order_details),
        Tool(
            "get_product_details", "a product's variants: item id, options, price, availability",
            {"product_id": "not an item id"}, _product_details,
        ),
        Tool("list_all_product_types", "the name and product id of every product", {}, _product_types),
        Tool(
            "cancel_pending_order", "cancel a pending order", {**_ORDER, "reason": f"'{REASONS[0]}' or '{REASONS[1]}'"},
            _cancel, writes=True,
        ),
        Tool(
            "modify_pending_order_items", "change items of a pending order into other variants; once per order",
            {**_ORDER, **_SWAP, **_PAY}, _modify_items, writes=True,
        ),
        Tool(
            "modify_pending_order_address", "change where a pending order is sent", {**_ORDER, **_ADDRESS}, _modify_address,
            writes=True,
        ),
        Tool(
            "modify_pending_order_payment", "change how a pending order is paid", {**_ORDER, **_PAY}, _modify_payment,
            writes=True,
        ),
        Tool(
            "return_delivered_order_items", "return items of a delivered order", {**_ORDER, **_ITEMS, **_PAY}, _return,
            writes=True,
        ),
        Tool(
            "exchange_delivered_order_items", "exchange items of a delivered order for other variants; once per order",
            {**_ORDER, **_SWAP, **_PAY}, _exchange, writes=True,
        ),
        Tool(
            "modify_user_address", "change the address in a user's profile", {**_USER, **_ADDRESS}, _modify_user_address,
            writes=True,
        ),
        Tool("calculate", "the value of an expression", {"expression": "such as '2 * (3.5 + 1)'"}, _calculate),
        Tool(
            TRANSFER, "hand the customer over to a human agent, which ends the conversation",
            {"summary": "what the customer wants"}, _transfer,
        ),
    )
}  # fmt: skip


def listing() -> str:
    """Every tool with its parameters, for the agent."""
    lines = []
    for tool in TOOLS.values():
        named = "; ".join(f"{name} ({about})" if about else name for name, about in tool.parameters.items())
        lines.append(f"- {tool.name}: {tool.about}. Arguments: {named or 'none'}.")
    return "Tools:\n" + "\n".join(lines)


def arguments_text(name: str, arguments: Mapping[str, Any]) -> str:
    """A tool call as an agent writes it."""
    return json.dumps({"name": name, "arguments": dict(arguments)})
