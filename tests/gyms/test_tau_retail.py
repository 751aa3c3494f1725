"""The shop of the customer-service gym, in worked numbers on a small one."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bao.errors import ConfigError, DataError
from bao.gyms.tau import Tau
from bao.gyms.tau.database import Session
from bao.gyms.tau.retail.database import Shop, Table, read_shop
from bao.gyms.tau.retail.tools import TOOLBOX

TOOLS, call = TOOLBOX.tools, TOOLBOX.call

_VARIANTS = {
    "10": {"item_id": "10", "options": {"color": "red", "size": "S"}, "available": True, "price": 20.0},
    "11": {"item_id": "11", "options": {"color": "blue", "size": "S"}, "available": True, "price": 25.5},
    "12": {"item_id": "12", "options": {"color": "blue", "size": "L"}, "available": False, "price": 30.0},
    "13": {"item_id": "13", "options": {"color": "red", "size": "L"}, "available": True, "price": 12.25},
}


_HOME = {"address1": "1 Elm Road", "address2": "Flat 2", "city": "Boise", "state": "ID", "country": "USA", "zip": "83701"}


AWAY = {**_HOME, "address1": "9 Oak Lane", "zip": "83799"}


def _order(key: str, status: str, method: str, items: tuple[str, ...] = ("10", "10")) -> dict[str, Any]:
    rows = [{"name": "Cap", "product_id": "1", **{n: _VARIANTS[i][n] for n in ("item_id", "price", "options")}} for i in items]
    paid = {"transaction_type": "payment", "amount": sum(row["price"] for row in rows), "payment_method_id": method}
    return {"order_id": key, "user_id": "ann", "address": _HOME, "items": rows, "status": status, "payment_history": [paid]}


def small() -> Shop:
    methods = {
        "gift_card_1": {"source": "gift_card", "id": "gift_card_1", "balance": 30},
        "credit_card_1": {"source": "credit_card", "id": "credit_card_1"},
        "paypal_1": {"source": "paypal", "id": "paypal_1"},
    }
    name = {"first_name": "Ann", "last_name": "Lee"}
    user = {"name": name, "address": _HOME, "email": "ann@mail.example", "payment_methods": methods, "orders": ["#A1", "#A2"]}
    orders = {
        "#A1": _order("#A1", "pending", "gift_card_1"),
        "#A2": _order("#A2", "delivered", "credit_card_1"),
        "#A3": _order("#A3", "processed", "credit_card_1"),
        "#A4": _order("#A4", "pending", "credit_card_1", ("13",)),
    }
    products = {"1": {"name": "Cap", "product_id": "1", "variants": _VARIANTS}}
    return Shop("small", {"ann": user}, orders, products, "rules")


def test_cancelling_refunds_the_way_it_was_paid() -> None:
    session = Session(small())
    assert call(session, "cancel_pending_order", {"order_id": "#A1", "reason": "no longer needed"}).ok
    order = session.find(Table.ORDERS, "#A1")
    assert order is not None
    assert (order["status"], order["cancel_reason"]) == ("cancelled", "no longer needed")
    assert order["payment_history"][1] == {"transaction_type": "refund", "amount": 40.0, "payment_method_id": "gift_card_1"}
    assert balance(session) == 70.0


def balance(session: Session) -> float:
    user = session.find(Table.USERS, "ann")
    assert user is not None
    return float(user["payment_methods"]["gift_card_1"]["balance"])


def test_modified_items_are_charged_or_refunded_and_can_be_modified_once() -> None:
    session = Session(small())
    arguments = {"order_id": "#A1", "item_ids": ["10", "10"], "new_item_ids": ["11", "13"], "payment_method_id": "gift_card_1"}
    assert call(session, "modify_pending_order_items", arguments).ok
    order = session.find(Table.ORDERS, "#A1")
    assert order is not None
    assert [(item["item_id"], item["price"]) for item in order["items"]] == [("11", 25.5), ("13", 12.25)]
    assert order["payment_history"][1]["amount"] == 2.25  # 25.50 + 12.25 - 40, given back
    assert balance(session) == 32.25
    again = call(session, "modify_pending_order_items", {**arguments, "item_ids": ["11"], "new_item_ids": ["10"]})
    assert (again.ok, again.text) == (
        False,
        "Error: order #A1 is pending (items modified); only what is pending can be modified",
    )
    assert not call(session, "cancel_pending_order", {"order_id": "#A1", "reason": "no longer needed"}).ok


def test_another_payment_method_pays_and_the_first_is_refunded() -> None:
    session = Session(small())
    assert call(session, "modify_pending_order_payment", {"order_id": "#A1", "payment_method_id": "paypal_1"}).ok
    assert balance(session) == 70.0
    order = session.find(Table.ORDERS, "#A1")
    assert order is not None
    rows = [(row["transaction_type"], row["amount"], row["payment_method_id"]) for row in order["payment_history"]]
    assert rows == [("payment", 40.0, "gift_card_1"), ("payment", 40.0, "paypal_1"), ("refund", 40.0, "gift_card_1")]
    assert call(session, "cancel_pending_order", {"order_id": "#A1", "reason": "ordered by mistake"}).ok
    assert balance(session) == 70.0, "the gift card had its money back already"


def test_returns_go_to_the_original_payment_or_a_gift_card() -> None:
    for method, ok in (("credit_card_1", True), ("gift_card_1", True), ("paypal_1", False)):
        session = Session(small())
        arguments = {"order_id": "#A2", "item_ids": ["10"], "payment_method_id": method}
        assert call(session, "return_delivered_order_items", arguments).ok is ok
        assert bool(session.changes()) is ok


def test_an_exchange_does_not_depend_on_the_order_of_its_items() -> None:
    order = _order("#A5", "delivered", "credit_card_1", ("10", "13"))
    changes = []
    for ids, new in ((["10", "13"], ["11", "10"]), (["13", "10"], ["10", "11"])):
        base = small()
        database = Shop("x", base.tables[Table.USERS], {"#A5": order}, base.tables[Table.PRODUCTS], "")
        session = Session(database)
        arguments = {"order_id": "#A5", "item_ids": ids, "new_item_ids": new, "payment_method_id": "credit_card_1"}
        assert call(session, "exchange_delivered_order_items", arguments).ok
        changes.append(session.changes())
    assert changes[0] == changes[1]
    assert changes[0][Table.ORDERS, "#A5"]["exchange_price_difference"] == 13.25


@pytest.mark.parametrize(
    ("name", "arguments", "why"),
    [
        ("cancel_pending_order", {"order_id": "#A2", "reason": "no longer needed"}, "is delivered; only what is pending"),
        ("cancel_pending_order", {"order_id": "#A1", "reason": "too dear"}, "reason must be 'no longer needed' or"),
        ("cancel_pending_order", {"order_id": "A1", "reason": "no longer needed"}, "order ids begin with #"),
        ("cancel_pending_order", {"order_id": "#A1"}, "takes exactly order_id, reason; given: 'order_id'"),
        ("cancel_pending_order", {"order_id": 1, "reason": "no longer needed"}, "order_id must be a text in quotes"),
        (
            "modify_pending_order_payment",
            {"order_id": "#A1", "payment_method_id": "gift_card_1"},
            "paid with gift_card_1 already",
        ),
        ("modify_pending_order_payment", {"order_id": "#A4", "payment_method_id": "paypal_9"}, "has no payment method"),
        ("get_order_details", {"order_id": "#Z9"}, "there is no order '#Z9'"),
        ("get_product_details", {"product_id": "10"}, "a product id is not an item id"),
        ("find_user_id_by_email", {"email": "x@y"}, "no user has the e-mail"),
        ("calculate", {"expression": "2 ** 99"}, "must be numbers with + - * /"),
        ("calculate", {"expression": "1 / (2 - 2)"}, "division by zero"),
        ("calculate", {"expression": "9" * 400}, "at most 200"),
        ("refund_everything", {}, "there is no tool 'refund_everything'"),
    ],
)
def test_a_tool_that_cannot_says_why_and_changes_nothing(name: str, arguments: dict[str, Any], why: str) -> None:
    session = Session(small())
    reply = call(session, name, arguments)
    assert not reply.ok
    assert why in reply.text
    assert session.changes() == {}


@pytest.mark.parametrize(
    ("ids", "new", "method", "why"),
    [
        (["10"], ["12"], "credit_card_1", "item 12 is not available"),
        (["10"], ["99"], "credit_card_1", "has no item '99'"),
        (["10", "10", "10"], ["11", "11", "11"], "credit_card_1", "has no item '10', or not so often"),
        (["10"], ["11", "13"], "credit_card_1", "item_ids has 1 and new_item_ids 2 entries"),
        ([], [], "credit_card_1", "must be a list of texts"),
        ("10", "11", "credit_card_1", "must be a list of texts"),
    ],
)
def test_an_impossible_swap_is_refused(ids: Any, new: Any, method: str, why: str) -> None:
    for name, order in (("modify_pending_order_items", "#A1"), ("exchange_delivered_order_items", "#A2")):
        session = Session(small())
        arguments = {"order_id": order, "item_ids": ids, "new_item_ids": new, "payment_method_id": method}
        reply = call(session, name, arguments)
        assert why in reply.text
        assert session.changes() == {}


def test_a_gift_card_must_hold_what_is_due() -> None:
    session = Session(small())
    one = {"order_id": "#A2", "item_ids": ["10"], "new_item_ids": ["11"], "payment_method_id": "gift_card_1"}
    assert call(session, "exchange_delivered_order_items", one).ok
    dear = Session(small())
    call(dear, "modify_pending_order_payment", {"order_id": "#A4", "payment_method_id": "gift_card_1"})
    assert balance(dear) == 17.75
    two = {**one, "item_ids": ["10", "10"], "new_item_ids": ["11", "11"]}
    assert call(dear, "exchange_delivered_order_items", two).ok
    poor = {"order_id": "#A1", "payment_method_id": "paypal_1"}
    assert call(dear, "modify_pending_order_payment", poor).ok
    assert balance(dear) == 57.75


def test_arithmetic() -> None:
    session = Session(small())
    for expression, value in (("2 * (3.5 + 1)", "9.00"), ("12 - 5", "7"), ("-3 + 1", "-2"), ("10 / 4", "2.50")):
        assert call(session, "calculate", {"expression": expression}).text == value


def test_users_are_found_by_mail_and_by_name_and_zip_after_they_moved_too() -> None:
    session = Session(small())
    assert call(session, "find_user_id_by_email", {"email": " ANN@mail.example"}).text == "ann"
    who = {"first_name": "ann", "last_name": "LEE", "zip": "83701"}
    assert call(session, "find_user_id_by_name_zip", who).text == "ann"
    assert call(session, "modify_user_address", {"user_id": "ann", **AWAY}).ok
    assert not call(session, "find_user_id_by_name_zip", who).ok
    assert call(session, "find_user_id_by_name_zip", {**who, "zip": "83799"}).text == "ann"


def test_what_was_changed_back_is_no_change() -> None:
    session = Session(small())
    call(session, "modify_pending_order_address", {"order_id": "#A1", **AWAY})
    assert list(session.changes()) == [(Table.ORDERS, "#A1")]
    call(session, "modify_pending_order_address", {"order_id": "#A1", **_HOME})
    assert session.changes() == {}


@given(
    st.sampled_from(sorted(TOOLS)),
    st.dictionaries(
        st.sampled_from(["order_id", "item_ids", "new_item_ids", "payment_method_id", "reason", "zip", "expression", "email"]),
        st.one_of(st.text(max_size=8), st.sampled_from(["#A1", "#A2", "10"]), st.lists(st.text(max_size=3)), st.integers()),
    ),
)
def test_no_arguments_make_a_tool_raise(name: str, arguments: dict[str, Any]) -> None:
    assert call(Session(small()), name, arguments).text


def test_a_folder_that_is_no_database_is_refused_with_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no database of tau-bench's: give the folder that holds its retail and airline"):
        Tau(database=tmp_path)
    (tmp_path / "airline").mkdir()
    with pytest.raises(ConfigError, match=r"airline' has no data/users\.json: give the folder of tau-bench's airline domain"):
        Tau(database=tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "orders.json").write_text("{}")
    (tmp_path / "airline").rmdir()
    with pytest.raises(ConfigError, match=r"has no data/users\.json: give the folder of tau-bench's retail domain"):
        Tau(database=tmp_path)


def test_a_broken_database_is_named_with_file_and_field(tmp_path: Path) -> None:
    base = small()
    (tmp_path / "data").mkdir()
    (tmp_path / "wiki.md").write_text("rules")
    for table, records in base.tables.items():
        (tmp_path / "data" / f"{table}.json").write_text(json.dumps(dict(records)))
    assert read_shop(tmp_path).tables == base.tables
    other = tmp_path / "other"
    (tmp_path / "data").rename(tmp_path / "kept")
    other.mkdir()
    (tmp_path / "kept").rename(other / "data")
    (other / "data" / "orders.json").write_text('{"#A1": {"order_id": "#A1"}}')
    with pytest.raises(DataError, match=r"orders\.json, entry '#A1': the field user_id is missing"):
        read_shop(other)
