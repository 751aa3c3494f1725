"""The customer-service gym: exact tools, a judged final database, a customer who answers, and tau-bench's tasks."""

import json
import random
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given
from hypothesis import strategies as st

from bao.action import Action, ActionKind
from bao.errors import ConfigError, DataError
from bao.gyms.tau import Tau
from bao.gyms.tau.calls import UnreadableCallError, read_call
from bao.gyms.tau.database import Session
from bao.gyms.tau.domains import read_databases
from bao.gyms.tau.retail.database import Shop, Table, read_shop
from bao.gyms.tau.retail.generate import split_of
from bao.gyms.tau.retail.instruction import read_instruction
from bao.gyms.tau.retail.messages import classify
from bao.gyms.tau.retail.shop import databases
from bao.gyms.tau.retail.tools import TOOLBOX
from bao.gyms.tau.retail.user import GOODBYE, ScriptedCustomer
from bao.gyms.tau.retail.wishes import SWAPS, Item, Operation, Topic, Wish, wish_from_json, wish_to_json
from bao.gyms.tau.said import output
from bao.gyms.tau.tasks import load, outcome
from bao.gyms.tau.toolbox import arguments_text
from bao.rollout.episode import play
from bao.task import Split, Task, TaskSet
from bao.trajectory import StopReason, Trajectory
from tests.support.tau_messages import CHOSEN_WITH, SET_ASIDE

TOOLS, call = TOOLBOX.tools, TOOLBOX.call


@cache
def whole(split: Split) -> TaskSet:
    return Tau.task_set(split)


ALL = [task for split in Split for task in whole(split)]


@cache
def episodes(policy: str, split: Split = Split.TEST) -> tuple[Trajectory, ...]:
    gym = Tau()
    make = Tau.scripted_policies()[policy]
    return tuple(play(gym, make(gym, seed), task, seed) for seed, task in enumerate(whole(split)))


def score(policy: str, split: Split = Split.TEST) -> float:
    played = episodes(policy, split)
    return sum(each.task_return for each in played) / len(played)


def started(task: Task, **settings: Any) -> Tau:
    gym = Tau(**settings)
    gym.reset(seed=0, options={"task": task})
    return gym


def tool(name: str, arguments: Mapping[str, Any]) -> Action:
    return Action(ActionKind.ANSWER, arguments_text(name, arguments))


def first(what: Any) -> Task:
    """The first test task whose wishes are such."""
    return next(task for task in whole(Split.TEST) if what(load(task).wishes))


# A shop of two orders, for worked numbers.

_VARIANTS = {
    "10": {"item_id": "10", "options": {"color": "red", "size": "S"}, "available": True, "price": 20.0},
    "11": {"item_id": "11", "options": {"color": "blue", "size": "S"}, "available": True, "price": 25.5},
    "12": {"item_id": "12", "options": {"color": "blue", "size": "L"}, "available": False, "price": 30.0},
    "13": {"item_id": "13", "options": {"color": "red", "size": "L"}, "available": True, "price": 12.25},
}
_HOME = {"address1": "1 Elm Road", "address2": "Flat 2", "city": "Boise", "state": "ID", "country": "USA", "zip": "83701"}
_AWAY = {**_HOME, "address1": "9 Oak Lane", "zip": "83799"}


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
    assert call(session, "modify_user_address", {"user_id": "ann", **_AWAY}).ok
    assert not call(session, "find_user_id_by_name_zip", who).ok
    assert call(session, "find_user_id_by_name_zip", {**who, "zip": "83799"}).text == "ann"


def test_what_was_changed_back_is_no_change() -> None:
    session = Session(small())
    call(session, "modify_pending_order_address", {"order_id": "#A1", **_AWAY})
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


# Tool calls as agents write them.


@pytest.mark.parametrize(
    "content",
    [
        '{"name": "get_order_details", "arguments": {"order_id": "#A1"}}',
        'get_order_details: {"order_id": "#A1"}',
        ' get_order_details {"order_id": "#A1"} ',
        '```json\n{"name": "get_order_details", "arguments": {"order_id": "#A1"}}\n```',
    ],
)
def test_a_call_is_read_in_both_forms(content: str) -> None:
    assert read_call(content) == ("get_order_details", {"order_id": "#A1"})


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "no JSON"),
        ("get_order_details", "no JSON"),
        ("{'name': 'x'}", "no JSON"),
        ('{"name": "a"} {"name": "b"}', "no JSON"),
        ("[" * 10_000, "no JSON"),
        ("[1]", "name is missing"),
        ('{"arguments": {}}', "name is missing"),
        ('{"name": "calculate", "arguments": "2"}', "must be an object"),
        ("x" * 30_000, "30000 characters is not read"),
    ],
)
def test_malformed_calls_are_told_what_is_expected(content: str, why: str) -> None:
    with pytest.raises(UnreadableCallError, match=why):
        read_call(content)
    reply, reward, done, _, _ = started(ALL[0]).step(Action("answer", content))
    assert (reward, done) == (0.0, False)
    assert '{"name": "get_order_details", "arguments": {"order_id": "#B1234567"}}' in reply


@given(st.sampled_from(["search", "action", "answer"]), st.text() | st.from_regex(r"\{\"name\": \"calculate\".*\}"))
def test_no_text_makes_the_gym_raise(kind: str, content: str) -> None:
    gym = started(ALL[3])
    reply, reward, done, _, _ = gym.step(Action(kind, content))
    assert reply
    assert (reward, done) == (0.0, False)


@pytest.mark.parametrize("content", ["", " ", "x " * 50_000, "какой заказ?", '{"a": 1}', "#B1 #B2 #B3", "\ud800", "¿Cuál?"])
def test_odd_messages_get_an_answer_and_no_reward(content: str) -> None:
    for kind in ("search", "action", "answer"):
        reply, reward, done, _, _ = started(ALL[0]).step(Action(kind, content))
        assert reply
        assert (reward, done) == (0.0, False)
        reply.encode()


# The gym.


def test_gymnasium_accepts_the_gym() -> None:
    check_env(Tau(), skip_render_check=True)


def test_the_agent_can_read_the_rules() -> None:
    """UserRL's gym never shows tau-bench's policy to the agent."""
    gym = started(ALL[0])
    assert "[search] policy" in gym.instructions()
    reply = gym.step(Action("search", "Policy"))[0]
    assert "get a clear yes" in reply
    for word in ("cancel", "exchange", "return", "gift card", "transfer"):
        assert word in reply.lower()


def test_the_tools_can_be_listed_again() -> None:
    """UserRL's gym lists them once and then only reminds."""
    gym = started(ALL[0])
    replies = [gym.step(Action("search", "tools"))[0] for _ in range(2)]
    assert replies[0] == replies[1]
    assert all(name in replies[0] for name in TOOLS)
    assert "[search] tools" in gym.step(Action("search", "orders"))[0]


def test_the_opening_is_the_customers_own() -> None:
    """UserRL's prompt shows a message made beforehand, which the live customer may contradict."""
    for index, task in enumerate(whole(Split.TEST)):
        opening, _ = Tau().reset(seed=index, options={"task": task})
        assert opening.endswith(load(task).wishes[0].statement)


def test_making_a_gym_draws_nothing_and_makes_no_customer() -> None:
    """UserRL's constructor already plays a first message, and reset another one."""
    before = random.getstate(), np.random.get_state()[1].tolist()
    gym = Tau()
    assert gym.task is None
    texts = {gym.reset(seed=5, options={"task": ALL[0]})[0] for _ in range(3)} | {
        Tau().reset(seed=5, options={"task": ALL[0]})[0]
    }
    assert len(texts) == 1
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


def test_finishing_is_judged() -> None:
    """UserRL's gym gives at finish what the step before it gave, which is nothing."""
    task = first(lambda wishes: len(wishes) == 1 and wishes[0].operation is Operation.CANCEL and not wishes[0].otherwise)
    gym = started(task)
    for step in load(task).steps:
        assert gym.step(tool(step.name, step.arguments))[1] == 0.0
    _, reward, done, _, info = gym.step(Action("finish"))
    assert (reward, done, info["success"], info["stop"]) == (1.0, True, True, StopReason.SUCCESS)
    _, reward, _, _, info = started(task).step(Action("finish"))
    assert (reward, info["stop"]) == (0.0, StopReason.FINISH)


def test_the_horizon_is_thirty_turns_and_earns_nothing() -> None:
    task = first(lambda wishes: len(wishes) == 1)
    gym = started(task)
    assert gym.horizon == 30
    for step in load(task).steps:
        gym.step(tool(step.name, step.arguments))
    while True:
        _, reward, done, truncated, info = gym.step(Action("search", "help"))
        assert (reward, done) == (0.0, False)
        if truncated:
            assert (info["turn"], info["stop"]) == (30, StopReason.MAX_TURNS)
            break


def test_one_change_too_many_earns_nothing() -> None:
    task = first(lambda wishes: len(wishes) == 1 and wishes[0].operation is Operation.RETURN)
    case = load(task)
    gym = started(task)
    for step in case.steps:
        gym.step(tool(step.name, step.arguments))
    gym.step(tool("modify_user_address", {"user_id": case.user_id, **_AWAY}))
    assert gym.step(Action("finish"))[1] == 0.0


def test_where_nothing_may_be_done_only_nothing_is_right() -> None:
    task = next(task for task in whole(Split.TEST) if not load(task).steps and not load(task).outputs)
    case = load(task)
    assert started(task).step(Action("finish"))[1] == 1.0
    gym = started(task)
    gym.step(tool("modify_user_address", {"user_id": case.user_id, **_AWAY}))
    assert gym.step(Action("finish"))[1] == 0.0


def test_what_was_asked_must_be_said() -> None:
    task = first(lambda wishes: len(wishes) == 1 and wishes[0].operation is Operation.INFORM)
    (wanted,) = load(task).outputs
    assert started(task).step(Action("finish"))[1] == 0.0
    gym = started(task)
    reply, reward, done, _, info = gym.step(Action("action", f"It is {wanted.text}."))
    assert (reply, reward, done, info["success"]) == (GOODBYE, 1.0, True, True)


@pytest.mark.parametrize(
    ("text", "message", "there"),
    [
        ("10", "There are 10 of them.", True),
        ("10", "In 2010, order #W10, 10.5 or 3.10?", False),
        ("10", "It is 10.", True),
        ("10", "That is $10.00", True),
        ("54.1", "In all $54.10", True),
        ("54.10", "54.1", False),
        ("8276.23", "8,276.23 dollars", True),
        ("mastercard", "Your MasterCard.", True),
        ("64GB", "the 64gb one", True),
    ],
)
def test_a_number_to_say_must_stand_by_itself(text: str, message: str, there: bool) -> None:
    assert output(text).occurs(message) is there


def test_a_transfer_ends_the_episode_and_is_judged() -> None:
    task = next(task for task in whole(Split.TEST) if load(task).steps)
    _, reward, done, _, info = started(task).step(tool("transfer_to_human_agents", {"summary": "a wish"}))
    assert (reward, done, info["stop"]) == (0.0, True, StopReason.FAILURE)


def test_messages_take_the_users_time_and_tool_calls_do_not() -> None:
    everyday, paper = started(ALL[0]), started(ALL[0], convention="paper")
    actions = (Action("action", "Who are you?"), tool("list_all_product_types", {}), Action("search", "tools"))
    assert [everyday.step(action)[-1]["involves_user"] for action in actions] == [True, False, False]
    assert [paper.step(action)[-1]["involves_user"] for action in actions] == [False, True, False]
    assert everyday.convention == "everyday"


def test_playing_never_changes_a_database() -> None:
    before = {split: json.dumps([dict(table) for table in base.tables.values()]) for split, base in databases().items()}
    for policy in ("oracle", "clerk", "random"):
        episodes(policy)
    after = {split: json.dumps([dict(table) for table in base.tables.values()]) for split, base in databases().items()}
    assert before == after


# The tasks.


def test_there_are_enough_tasks_of_every_level() -> None:
    assert [len(whole(split)) for split in (Split.TRAIN, Split.VALID, Split.TEST)] == [600, 100, 240]
    assert {task.level for task in whole(Split.TEST)} == {1, 2, 3}
    assert all(len(load(task).wishes) == task.level for task in ALL)
    operations = {wish.operation for task in whole(Split.TEST) for wish in load(task).wishes}
    assert operations == set(Operation)


def test_tasks_are_the_same_every_time() -> None:
    assert Tau.task_set("test", 20).tasks == whole(Split.TEST)[:20].tasks
    assert [task.level for task in Tau.task_set("train", 6, (2, 3))] == [2, 3, 2, 3, 2, 3]
    with pytest.raises(ConfigError, match="levels=\\(4,\\) must be some of \\(1, 2, 3\\)"):
        Tau.task_set("test", 1, (4,))


def test_splits_share_no_customer_order_payment_method_or_address() -> None:
    kinds: dict[str, list[set[str]]] = {}
    for base in databases().values():
        users = base.tables[Table.USERS].values()
        orders = base.tables[Table.ORDERS].values()
        found = {
            "users": set(base.tables[Table.USERS]),
            "names": {" ".join(user["name"].values()) for user in users},
            "mails": {user["email"] for user in users},
            "orders": set(base.tables[Table.ORDERS]),
            "methods": {method for user in users for method in user["payment_methods"]},
            "addresses": {json.dumps(record["address"]) for record in (*users, *orders)},
            "tracking": {number for order in orders for row in order["fulfillments"] for number in row["tracking_id"]},
        }
        for kind, values in found.items():
            kinds.setdefault(kind, []).append(values)
    for kind, sets in kinds.items():
        assert len(set().union(*sets)) == sum(map(len, sets)), kind


def test_splits_share_no_wished_change_of_an_item() -> None:
    homes: dict[tuple[str, str, str], set[Split]] = {}
    for task in ALL:
        for wish in load(task).wishes:
            for each in wish.chain():
                for item in each.items if each.operation in SWAPS else ():
                    wished = {**item.options, **item.change}
                    assert split_of(item.product, item.options, wished) is task.split
                    key = (item.product, json.dumps(dict(item.options)), json.dumps(wished))
                    homes.setdefault(key, set()).add(task.split)
    assert len(homes) > 300
    assert all(len(splits) == 1 for splits in homes.values())


def test_a_product_occurs_once_among_a_customers_orders() -> None:
    for base in databases().values():
        for user in base.tables[Table.USERS].values():
            names = [item["name"] for key in user["orders"] for item in base.tables[Table.ORDERS][key]["items"]]
            assert len(names) == len(set(names))


def test_every_own_task_is_sound() -> None:
    for task in ALL:
        Tau.check_task(task)
        case = load(task)
        changes, failed = outcome(case, databases()[task.split])
        assert failed == 0
        assert bool(changes) == bool(case.steps)


def test_second_choices_are_needed_in_some_tasks_and_not_in_others() -> None:
    needed = []
    for task in ALL:
        case = load(task)
        for wish in case.wishes:
            if wish.otherwise is not None and wish.operation in SWAPS:
                base = databases()[task.split]
                product = next(p for p in base.tables[Table.PRODUCTS].values() if p["name"] == wish.items[0].product)
                wished = {**wish.items[0].options, **wish.items[0].change}
                had = any(v["options"] == wished and v["available"] for v in product["variants"].values())
                needed.append(not had)
    assert 0.5 < np.mean(needed) < 0.95


def test_nothing_hidden_is_in_what_the_agent_sees_first() -> None:
    system = Tau().instructions()
    for index, task in enumerate(ALL):
        case = load(task)
        opening, info = Tau().reset(seed=index, options={"task": task})
        hidden = {case.user_id, case.identity, *(each.text for each in case.outputs)}
        for step in case.steps:
            for value in step.arguments.values():
                hidden |= set(value) if isinstance(value, list) else {value}
        hidden -= {"USA", "no longer needed", "ordered by mistake"}
        for value in hidden:
            assert value not in opening, value
            assert len(value) < 3 or value not in system, value
        assert info == {"task_id": task.id, "turn": 0}


def test_the_customer_never_names_an_item_id_or_an_order_that_they_do_not_know() -> None:
    for task, episode in zip(whole(Split.TEST), episodes("ask_all"), strict=True):
        case = load(task)
        items = {item for step in case.steps for name in ("item_ids", "new_item_ids") for item in step.arguments.get(name, ())}
        unknown = {wish.order for wish in case.wishes if wish.order and not wish.order_known}
        for turn in episode.turns:
            if turn.action.kind == ActionKind.ACTION:
                assert not any(value in turn.reply for value in items | unknown | {case.user_id})


def test_tasks_can_be_written_and_read_back(tmp_path: Path) -> None:
    tasks = Tau.task_set("valid", 12)
    tasks.write(tmp_path / "tasks.jsonl")
    assert Tau.read_tasks(tmp_path / "tasks.jsonl").tasks == tasks.tasks
    for task in tasks:
        for wish in load(task).wishes:
            assert wish_from_json(wish_to_json(wish)) == wish


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"database": "shop"}, "database='shop' is unknown; known: shop-train"),
        ({"wishes": []}, "field 'wishes' is empty"),
        ({"wishes": [{"operation": "steal"}]}, "operation='steal' of a wish is unknown"),
        ({"wishes": [{"operation": "inform", "colour": "red"}]}, "a wish has no field 'colour'"),
        ({"actions": [{"name": "fly", "arguments": {}}]}, "the action 'fly' is no tool"),
        ({"actions": [{"name": "calculate", "arguments": {"expression": "x"}}]}, "the action 'calculate' fails: Error"),
        ({"outputs": [3]}, r"outputs\[0\]=3 must be a text"),
        ({"user_id": "nobody"}, "user_id='nobody' is not in the database"),
        ({"actions": None}, "line 1"),
    ],
)
def test_a_task_that_cannot_be_played_is_refused_with_its_line(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    task = whole(Split.TEST)[0]
    TaskSet.of([replace(task, data={**task.data, **change})]).write(tmp_path / "bad.jsonl")
    with pytest.raises(DataError, match=message):
        Tau.read_tasks(tmp_path / "bad.jsonl")


# The customer.

CARD = Item("Cap", {"color": "red", "size": "S"}, {"color": "blue"})
EXCHANGE = Wish(
    Operation.EXCHANGE,
    order="#B1111111",
    about="Cap",
    items=(CARD,),
    payment="gift_card_7",
    otherwise=Wish(
        Operation.EXCHANGE, order="#B1111111", about="Cap", items=(replace(CARD, change={"size": "L"}),), payment="gift_card_7"
    ),
)
CANCEL = Wish(Operation.CANCEL, order="#B2222222", about="Mug", order_known=False, reason="ordered by mistake")
ASK = Wish(Operation.INFORM, question="I would like to know what it cost.", output="12.50")


def customer(*wishes: Wish) -> ScriptedCustomer:
    user = ScriptedCustomer("I am Ann Lee, and my zip code is 83701.", wishes or (EXCHANGE, CANCEL), np.random.default_rng(0))
    user.opening()
    return user


@pytest.mark.parametrize(
    ("message", "reply"),
    [
        ("What is your name?", "I am Ann Lee, and my zip code is 83701."),
        ("Which order is it?", "The order is #B1111111."),
        ("Which items?", "It is about the Cap (color: red, size: S)."),
        ("What should the new one be like?", "The Cap (color: red, size: S) should become color: blue."),
        ("Which payment method?", "Please use gift_card_7."),
        ("Your name and the order number, please.", "I am Ann Lee, and my zip code is 83701. The order is #B1111111."),
        ("How can I help you?", "I would like to exchange the Cap that I got."),
        ("Anything else?", "Yes, I would like to cancel an order."),
        ("Exchange in order #B1111111, paid with gift_card_7. Shall I proceed?", "Yes, please."),
        ("Exchange in order #B9999999. Shall I proceed?", "No. The order is #B1111111."),
        ("Charge to paypal_1. Is that right?", "No. Please use gift_card_7."),
        ("Why?", "I am not sure what you need to know. I would like to exchange the Cap that I got."),
    ],
)
def test_the_customer_answers_what_is_asked(message: str, reply: str) -> None:
    assert customer().reply(message) == (reply, False)


def test_a_question_that_names_an_order_is_about_that_order() -> None:
    assert customer().reply("What is the reason to cancel #B2222222?").text == "I ordered it by mistake."


def test_at_most_three_things_are_answered_at_once() -> None:
    reply = customer().reply("Please give me your name, the order number, the items, the new colour and the payment method.")
    assert reply.text == (
        "I am Ann Lee, and my zip code is 83701. The order is #B1111111. It is about the Cap (color: red, size: S)."
    )


def test_a_customer_without_the_number_describes_the_order() -> None:
    user = customer(CANCEL)
    assert user.reply("Which order is it?").text == "I do not have the order number at hand. It is the order with the Mug."
    assert user.reply("I will cancel #B7777777. Do you confirm?").text == "Yes, please."


def test_a_second_choice_is_told_when_the_first_is_not_available() -> None:
    user = customer()
    assert (
        user.reply("The blue one is out of stock.").text == "In that case the Cap (color: red, size: S) should become size: L."
    )
    assert user.reply("What should it become?").text == "The Cap (color: red, size: S) should become size: L."
    assert user.reply("Sorry, that is not available either.").text == "Then leave it. But I would like to cancel an order."


def test_the_customer_leaves_when_everything_is_done_or_refused() -> None:
    user = customer()
    user.note("exchange_delivered_order_items", "#B1111111")
    assert user.reply("It is done.") == ("Thank you. Also, I would like to cancel an order.", False)
    assert user.reply("I am sorry, it cannot be cancelled.") == (GOODBYE, True)


def test_the_customer_believes_the_shops_mail_and_not_a_claim() -> None:
    user = customer(CANCEL)
    assert not user.reply("I have cancelled your order. Is there anything else?").goodbye
    user.note("cancel_pending_order", "#B1010101")
    assert not user.reply("Now I have. Anything else?").goodbye, "that was another order"
    user.note("cancel_pending_order", "#B2222222")
    assert user.reply("Now I have. Anything else?").goodbye


def test_an_answer_that_was_waited_for_closes_the_question() -> None:
    user = customer(ASK, CANCEL)
    user.hear("12.50")
    assert user.reply("It cost 12.50.").text == "Thank you. Also, I would like to cancel an order."


def test_a_puzzled_customer_tells_a_detail_after_two_messages() -> None:
    user = customer(CANCEL)
    replies = [user.reply("Well?").text for _ in range(5)]
    details = [reply.removeprefix("I am not sure what you need to know. I would like to cancel an order.") for reply in replies]
    assert details == [
        "",
        " I do not have the order number at hand. It is the order with the Mug.",
        "",
        " I ordered it by mistake.",
        "",
    ]


def test_a_refusal_of_what_could_be_done_costs_the_reward() -> None:
    task = first(lambda wishes: len(wishes) == 1 and wishes[0].operation is Operation.CANCEL and not wishes[0].otherwise)
    assert load(task).steps
    _, reward, done, _, info = started(task).step(Action("action", "I am sorry, that is not possible."))
    assert (reward, done, info["stop"]) == (0.0, True, StopReason.FAILURE)


def right(messages: tuple[tuple[str, str], ...]) -> float:
    return float(np.mean([classify(message) == {Topic(word) for word in reading.split()} for message, reading in messages]))


def test_the_customer_understands_how_people_write() -> None:
    assert (len(CHOSEN_WITH), len(SET_ASIDE)) == (200, 50)
    assert right(CHOSEN_WITH) >= 0.99
    assert right(SET_ASIDE) >= 0.86


def test_every_message_of_the_clerks_is_understood() -> None:
    for policy in ("clerk", "ask_all", "brisk"):
        for episode in episodes(policy):
            assert not any("I am not sure" in turn.reply for turn in episode.turns)


# Scripted policies.


def test_the_oracle_solves_every_split_within_the_horizon() -> None:
    for split in Split:
        assert score("oracle", split) == 1.0
        assert all(episode.success for episode in episodes("oracle", split))


def test_policies_bound_the_trade_off() -> None:
    effort = {name: float(np.mean([e.user_effort for e in episodes(name)])) for name in Tau.scripted_policies()}
    assert score("clerk") >= 0.98
    assert score("brisk") >= 0.98
    assert score("ask_all") >= 0.9
    assert score("random") <= 0.05
    assert score("never_ask") <= 0.05
    assert effort["never_ask"] == 0
    assert effort["brisk"] < effort["clerk"] < effort["ask_all"]


def test_the_clerk_goes_by_observations_alone() -> None:
    gym, other = Tau(), Tau()
    assert play(gym, Tau.scripted_policies()["clerk"](other, 0), ALL[5], 0).success
    assert other.task is None


def test_an_episode_earns_one_at_most() -> None:
    for policy in Tau.scripted_policies():
        for episode in episodes(policy):
            assert episode.task_return in (0.0, 1.0)
            assert episode.success == (episode.task_return == 1.0)


# tau-bench's data.


@pytest.fixture(scope="session")
def retail(userrl_data: Path) -> Path:
    folder = userrl_data.parent / "tau-bench" / "retail"
    if not folder.is_dir():
        pytest.skip(f"tau-bench's data is not at {folder}")
    return folder


def test_all_of_userrls_tasks_are_read(userrl_data: Path) -> None:
    folder = userrl_data / "tau"
    train, test = Tau.read_tasks(folder / "train.parquet"), Tau.read_tasks(folder / "test.parquet")
    assert (len(train), len(test)) == (500, 165)
    assert {task.split for task in train} == {Split.TRAIN}
    assert {task.split for task in test} == {Split.TEST}
    names = [task.data["database"] for task in test]
    assert (names.count("retail"), names.count("airline")) == (115, 50)
    assert sum(bool(task.data["outputs"]) for task in test) == 41
    lists = [Tau.read_tasks(folder / f"tau_{name}.json", name) for name in ("train", "test")]
    assert [tasks.tasks for tasks in lists] == [train.tasks, test.tasks]


def test_every_training_instruction_is_put_into_wishes_that_match_its_calls(userrl_data: Path) -> None:
    for task in Tau.read_tasks(userrl_data / "tau" / "tau_train.json", "train"):
        case = load(task)
        wished = [(wish.operation, wish.order, wish.payment, wish.reason, len(wish.items)) for wish in case.wishes]
        called = [
            (
                step.name,
                step.arguments["order_id"],
                step.arguments.get("payment_method_id", ""),
                step.arguments.get("reason", ""),
                len(step.arguments.get("item_ids", ())),
            )
            for step in case.steps
        ]
        assert wished == called, task.id


@pytest.mark.parametrize(
    "text",
    [
        "",
        "You are Ann Lee and want your money back.",
        "Your name is Ann Lee and your zip code is 83701. You are shy. ",
        "Your name is Ann Lee and your zip code is 83701. You are shy. Cancel order #W1 because too dear. ",
        "Your name is Ann Lee and your zip code is 83701. You are shy. For #W1, modify Cap {'a': 1} to {}; via paypal_1. ",
        "Your name is Ann Lee and your zip code is 83701. You are shy. For #W1, modify Cap {'a'} to {}; via paypal_1. ",
    ],
)
def test_an_instruction_outside_the_template_is_not_guessed(text: str) -> None:
    assert read_instruction(text) is None


def test_the_oracle_solves_and_the_clerk_serves_tau_benchs_training_users(userrl_data: Path, retail: Path) -> None:
    tasks = Tau.read_tasks(userrl_data / "tau" / "train.parquet")
    gym = Tau(database=retail)
    solved = {
        name: sum(play(gym, Tau.scripted_policies()[name](gym, 0), task, 0).success for task in tasks)
        for name in ("oracle", "clerk")
    }
    assert solved["oracle"] == 500
    assert solved["clerk"] >= 490
    failing = [outcome(load(task), read_shop(retail))[1] for task in tasks]
    assert sum(map(bool, failing)) == 19, "tasks whose own calls overdraw a gift card, so that nothing may be changed by them"


def test_tau_benchs_rules_come_with_its_database(userrl_data: Path, retail: Path) -> None:
    task = Tau.read_tasks(userrl_data / "tau" / "train.parquet")[0]
    reply = started(task, database=retail).step(Action("search", "policy"))[0]
    assert reply == (retail / "wiki.md").read_text().strip()


def test_what_the_scripted_customer_cannot_play_is_said_at_reset(userrl_data: Path, retail: Path) -> None:
    for gym in (Tau(), Tau(database=retail), Tau(database=retail.parent)):
        for task in Tau.read_tasks(userrl_data / "tau" / "test.parquet"):
            with pytest.raises(ConfigError, match="free text, which user='scripted' cannot act: give user='llm' with a model"):
                gym.reset(seed=0, options={"task": task})
            with pytest.raises(RuntimeError, match="has not begun"):
                gym.step(Action("finish"))


def test_retail_tasks_ask_for_their_database(userrl_data: Path) -> None:
    task = Tau.read_tasks(userrl_data / "tau" / "train.parquet")[0]
    with pytest.raises(ConfigError, match="'retail-train-000' needs tau-bench's retail database: give the gym database=PATH"):
        Tau().reset(seed=0, options={"task": task})


def test_the_database_setting_takes_tau_benchs_folder_or_that_of_a_domain(userrl_data: Path, retail: Path) -> None:
    found = {name: set(read_databases(folder)) for name, folder in (("both", retail.parent), ("old form", retail))}
    assert found == {"both": {"retail", "airline"}, "old form": {"retail"}}
    assert set(read_databases(retail.parent / "airline")) == {"airline"}
    task = Tau.read_tasks(userrl_data / "tau" / "train.parquet")[0]
    assert started(task, database=retail.parent).step(Action("search", "policy")) == (
        started(task, database=retail).step(Action("search", "policy"))
    )


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


def test_broken_task_files_are_data_errors(tmp_path: Path) -> None:
    (tmp_path / "tau_test.json").write_text('[{"id": "retail-0", "info": {"task": {"user_id": "a", "instruction": ""}}}]')
    with pytest.raises(DataError, match=r"entry 0\.info\.task\.actions"):
        Tau.read_tasks(tmp_path / "tau_test.json")
    (tmp_path / "tau_test.json").write_text(
        '[{"id": "hotel-0", "info": {"task": {"user_id": "a", "actions": [], "instruction": ""}}}]'
    )
    with pytest.raises(DataError, match="'hotel-0': the id must begin with retail- or airline-"):
        Tau.read_tasks(tmp_path / "tau_test.json")
    (tmp_path / "tasks.csv").write_text("a")
    for name in ("tasks.csv", "none.json"):
        with pytest.raises(DataError, match=name):
            Tau.read_tasks(tmp_path / name)
