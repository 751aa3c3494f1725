"""The tools of the shop: what an agent can look up and change.

The names and meanings are those of tau-bench's retail tools; the code is written from the shop's rules.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bao.gyms.tau.common import read_toolbox
from bao.gyms.tau.database import Record, Session
from bao.gyms.tau.parameters import shown
from bao.gyms.tau.retail.database import Shop, Table, user_by_email, user_by_name_zip
from bao.gyms.tau.toolbox import ToolError, found

REASONS = ("no longer needed", "ordered by mistake")
PENDING, DELIVERED = "pending", "delivered"


# Looking up.


def _find_by_email(session: Session[Shop], email: str) -> str:
    return found(user_by_email(session, email.strip()), f"no user has the e-mail {shown(email)}")


def _find_by_name_zip(session: Session[Shop], first_name: str, last_name: str, zip: str) -> str:
    user = user_by_name_zip(session, first_name.strip(), last_name.strip(), zip.strip())
    return found(user, f"no user has the name {shown(f'{first_name} {last_name}')} and the zip code {shown(zip)}")


def _user_details(session: Session[Shop], user_id: str) -> str:
    return found(session.text(Table.USERS, user_id), f"there is no user {shown(user_id)}")


def _order_details(session: Session[Shop], order_id: str) -> str:
    return found(session.text(Table.ORDERS, order_id), f"there is no order {shown(order_id)}; order ids begin with #")


def _product_details(session: Session[Shop], product_id: str) -> str:
    missing = f"there is no product {shown(product_id)}; a product id is not an item id"
    return found(session.text(Table.PRODUCTS, product_id), missing)


def _product_types(session: Session[Shop]) -> str:
    return session.database.product_types


# Changing.


def _cancel(session: Session[Shop], order_id: str, reason: str) -> str:
    order = _order(session, order_id, PENDING, "cancelled")
    if reason not in REASONS:
        raise ToolError(f"reason must be {REASONS[0]!r} or {REASONS[1]!r}, not {shown(reason)}")
    refunds = [_transaction("refund", amount, method) for method, amount in _paid(order).items() if amount > 0]
    for refund in refunds:
        _move(session, order["user_id"], refund["payment_method_id"], refund["amount"])
    history = [*order["payment_history"], *refunds]
    return _put(session, order, status="cancelled", cancel_reason=reason, payment_history=history)


def _modify_items(
    session: Session[Shop], order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str
) -> str:
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


def _modify_address(session: Session[Shop], order_id: str, **address: str) -> str:
    order = _order(session, order_id, PENDING, "modified")
    return _put(session, order, address=address)


def _modify_payment(session: Session[Shop], order_id: str, payment_method_id: str) -> str:
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


def _return(session: Session[Shop], order_id: str, item_ids: list[str], payment_method_id: str) -> str:
    order = _order(session, order_id, DELIVERED, "returned")
    _positions(order, item_ids)
    method = _method(session, order, payment_method_id)
    if method["source"] != "gift_card" and payment_method_id not in _paid(order):
        raise ToolError(f"the refund must go to a gift card or to how order {order_id} was paid ({', '.join(_paid(order))})")
    items = sorted(item_ids)
    return _put(session, order, status="return requested", return_items=items, return_payment_method_id=payment_method_id)


def _exchange(
    session: Session[Shop], order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str
) -> str:
    order = _order(session, order_id, DELIVERED, "exchanged")
    pairs = _pairs(session, order, item_ids, new_item_ids)
    difference = _difference(session, order, pairs, payment_method_id)
    swapped = sorted([old["item_id"], new] for _, old, new in pairs)
    chosen = {"exchange_payment_method_id": payment_method_id, "exchange_price_difference": difference}
    return _put(session, order, status="exchange requested", exchange_items=swapped, **chosen)


def _modify_user_address(session: Session[Shop], user_id: str, **address: str) -> str:
    user = session.find(Table.USERS, user_id)
    if user is None:
        raise ToolError(f"there is no user {shown(user_id)}")
    session.put(Table.USERS, user_id, {**user, "address": address})
    return session.text(Table.USERS, user_id) or ""


def _order(session: Session[Shop], order_id: str, status: str, done: str) -> Record:
    order = session.find(Table.ORDERS, order_id)
    if order is None:
        raise ToolError(f"there is no order {shown(order_id)}; order ids begin with #")
    if order["status"] != status:
        raise ToolError(f"order {order_id} is {order['status']}; only what is {status} can be {done}")
    return order


def _put(session: Session[Shop], order: Record, **fields: Any) -> str:
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


def _pairs(
    session: Session[Shop], order: Record, item_ids: list[str], new_item_ids: list[str]
) -> list[tuple[int, Record, str]]:
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


def _variant(session: Session[Shop], old: Record, new: str) -> Record:
    product = session.find(Table.PRODUCTS, old["product_id"])
    variant: Record | None = product["variants"].get(new) if product else None
    if variant is None:
        raise ToolError(f"product {old['product_id']} ({old['name']}) has no item {shown(new)}")
    return variant


def _difference(
    session: Session[Shop], order: Record, pairs: Sequence[tuple[int, Record, str]], payment_method_id: str
) -> float:
    """What the customer has still to pay for the new items (negative: gets back)."""
    method = _method(session, order, payment_method_id)
    difference: float = round(sum(_variant(session, old, new)["price"] - old["price"] for _, old, new in pairs), 2)
    _afford(method, payment_method_id, difference)
    return difference


def _method(session: Session[Shop], order: Record, payment_method_id: str) -> Record:
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


def _move(session: Session[Shop], user_id: str, payment_method_id: str, amount: float) -> None:
    """Put `amount` on a gift card (negative: take it off); other methods have no balance here."""
    user = session.find(Table.USERS, user_id)
    method = user["payment_methods"].get(payment_method_id) if user else None
    if user is None or method is None or method["source"] != "gift_card":
        return
    methods = {**user["payment_methods"], payment_method_id: {**method, "balance": round(method["balance"] + amount, 2)}}
    session.put(Table.USERS, user_id, {**user, "payment_methods": methods})


TOOLBOX = read_toolbox(
    __package__,
    {
        "find_user_id_by_email": _find_by_email,
        "find_user_id_by_name_zip": _find_by_name_zip,
        "get_user_details": _user_details,
        "get_order_details": _order_details,
        "get_product_details": _product_details,
        "list_all_product_types": _product_types,
        "cancel_pending_order": _cancel,
        "modify_pending_order_items": _modify_items,
        "modify_pending_order_address": _modify_address,
        "modify_pending_order_payment": _modify_payment,
        "return_delivered_order_items": _return,
        "exchange_delivered_order_items": _exchange,
        "modify_user_address": _modify_user_address,
    },
)
