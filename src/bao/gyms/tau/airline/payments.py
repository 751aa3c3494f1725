"""How customers of the airline pay: gift cards and certificates hold an amount, credit cards have no limit."""

from collections.abc import Mapping, Sequence
from typing import Any

from bao.gyms.tau.airline.database import Airline, Table
from bao.gyms.tau.database import Record, Session
from bao.gyms.tau.parameters import shown
from bao.gyms.tau.toolbox import ToolError

CERTIFICATE, GIFT_CARD = "certificate", "gift_card"


def paid_for_booking(user: Record, payments: Sequence[Record], price: float) -> Record:
    """The user after paying `price` for a new reservation: gift cards hold less, and a certificate is used up whole.

    Raises `ToolError` where a method is not the user's, holds too little, or the payments are not the price.
    """
    names = [payment["payment_id"] for payment in payments]
    if len(set(names)) < len(names):
        raise ToolError(f"each payment method is named once, with its whole amount; given: {shown(', '.join(names))}")
    methods = dict(user["payment_methods"])
    for payment in payments:
        name, amount = payment["payment_id"], payment["amount"]
        method = _method(user, name)
        _afford(method, name, amount)
        if method["source"] == CERTIFICATE:
            del methods[name]
        elif method["source"] == GIFT_CARD:
            methods[name] = {**method, "amount": money(method["amount"] - amount)}
    paid = money(sum(payment["amount"] for payment in payments))
    if paid != money(price):
        raise ToolError(f"the price is {money(price)} in all, and the payments make {paid}")
    return {**user, "payment_methods": methods}


def pay_difference(session: Session[Airline], reservation: Record, payment_id: str, amount: float) -> Sequence[Record]:
    """Charge `amount` for a change of a reservation (negative: give it back); what comes to its payment history.

    Raises `ToolError` where the method is not the user's, is a certificate, or holds too little.
    """
    user = session.find(Table.USERS, reservation["user_id"])
    if user is None:
        raise ToolError(f"there is no user {shown(reservation['user_id'])}")
    method = _method(user, payment_id)
    if method["source"] == CERTIFICATE:
        raise ToolError(f"{payment_id} is a certificate, which pays for new reservations only; use a gift card or credit card")
    _afford(method, payment_id, amount)
    if not amount:
        return []
    if method["source"] == GIFT_CARD:
        methods = {**user["payment_methods"], payment_id: {**method, "amount": money(method["amount"] - amount)}}
        session.put(Table.USERS, reservation["user_id"], {**user, "payment_methods": methods})
    return [{"payment_id": payment_id, "amount": money(amount)}]


def _method(user: Record, name: str) -> Record:
    methods: Mapping[str, Record] = user["payment_methods"]
    if name not in methods:
        raise ToolError(f"the user has no payment method {shown(name)} in their profile")
    return methods[name]


def _afford(method: Record, name: str, amount: float) -> None:
    if method["source"] in (GIFT_CARD, CERTIFICATE) and method["amount"] < amount:
        raise ToolError(f"{name} holds {method['amount']}, which does not cover {money(amount)}")


def money(amount: Any) -> Any:
    """An amount in dollars and cents; whole dollars stay whole numbers."""
    rounded = round(amount, 2)
    return int(rounded) if rounded == int(rounded) else rounded
