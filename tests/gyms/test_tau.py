"""The customer-service gym: exact tools, a judged final database, a customer who answers, and tau-bench's tasks."""

import json
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from bao.action import Action, ActionKind, Parsed
from bao.errors import ConfigError
from bao.gyms.tau import Tau
from bao.gyms.tau.calls import UnreadableCallError, read_call
from bao.gyms.tau.retail.database import Table
from bao.gyms.tau.retail.generate import split_of
from bao.gyms.tau.retail.shop import databases
from bao.gyms.tau.retail.tools import REASONS, TOOLBOX
from bao.gyms.tau.retail.user import GOODBYE
from bao.gyms.tau.retail.wishes import SWAPS, Operation, wish_from_json, wish_to_json
from bao.gyms.tau.said import output
from bao.gyms.tau.tasks import load, outcome, own_database
from bao.gyms.tau.toolbox import arguments_text
from bao.rollout.episode import play
from bao.task import Split, Task
from bao.trajectory import StopReason
from tests.gyms.test_tau_retail import AWAY
from tests.support.gyms import effort as effort_of
from tests.support.gyms import episodes, every_task, score, started, whole

TOOLS = TOOLBOX.tools


ALL = every_task(Tau)


def tool(name: str, arguments: Mapping[str, Any]) -> Action:
    return Action(ActionKind.ANSWER, arguments_text(name, arguments))


def first(what: Any) -> Task:
    """The first test task whose wishes are such."""
    return next(task for task in whole(Tau) if what(load(task).wishes))


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
    reply, reward, done, _, _ = started(Tau, ALL[0]).step(Action("answer", content))
    assert (reward, done) == (0.0, False)
    assert '{"name": "get_order_details", "arguments": {"order_id": "#B1234567"}}' in reply


# The gym.


def test_the_agent_can_read_the_rules() -> None:
    """UserRL's gym never shows tau-bench's policy to the agent."""
    gym = started(Tau, ALL[0])
    assert "[search] policy" in gym.instructions()
    reply = gym.step(Action("search", "Policy"))[0]
    assert "get a clear yes" in reply
    for word in ("cancel", "exchange", "return", "gift card", "transfer"):
        assert word in reply.lower()


def test_the_tools_can_be_listed_again() -> None:
    """UserRL's gym lists them once and then only reminds."""
    gym = started(Tau, ALL[0])
    replies = [gym.step(Action("search", "tools"))[0] for _ in range(2)]
    assert replies[0] == replies[1]
    assert all(name in replies[0] for name in TOOLS)
    assert "[search] tools" in gym.step(Action("search", "orders"))[0]


def test_the_opening_is_the_customers_own() -> None:
    """UserRL's prompt shows a message made beforehand, which the live customer may contradict."""
    for index, task in enumerate(whole(Tau)):
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
    gym = started(Tau, task)
    for step in load(task).steps:
        assert gym.step(tool(step.name, step.arguments))[1] == 0.0
    _, reward, done, _, info = gym.step(Action("finish"))
    assert (reward, done, info["success"], info["stop"]) == (1.0, True, True, StopReason.SUCCESS)
    _, reward, _, _, info = started(Tau, task).step(Action("finish"))
    assert (reward, info["stop"]) == (0.0, StopReason.FINISH)


def test_the_horizon_is_thirty_turns_and_earns_nothing() -> None:
    task = first(lambda wishes: len(wishes) == 1)
    gym = started(Tau, task)
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
    gym = started(Tau, task)
    for step in case.steps:
        gym.step(tool(step.name, step.arguments))
    gym.step(tool("modify_user_address", {"user_id": case.user_id, **AWAY}))
    assert gym.step(Action("finish"))[1] == 0.0


def test_where_nothing_may_be_done_only_nothing_is_right() -> None:
    task = next(task for task in whole(Tau) if not load(task).steps and not load(task).outputs)
    case = load(task)
    assert started(Tau, task).step(Action("finish"))[1] == 0.0, "the customer was told nothing"
    gym = started(Tau, task)
    reply, reward, done, *_ = gym.step(Action("action", "I am sorry, that is not possible."))
    assert (reply, reward, done) == (GOODBYE, 1.0, True)
    gym = started(Tau, task)
    assert gym.step(tool("modify_user_address", {"user_id": case.user_id, **AWAY}))[1] == -gym.harm
    assert gym.step(Action("finish"))[1] == 0.0


def test_a_wrong_change_is_harm_and_putting_it_right_gives_it_back() -> None:
    task = first(lambda wishes: len(wishes) == 1 and wishes[0].operation is Operation.CANCEL)
    case = load(task)
    home = own_database(case.database).tables["users"][case.user_id]["address"]
    gym = started(Tau, task, harm=0.25)
    steps = [AWAY, AWAY, home]
    earned = [gym.step(tool("modify_user_address", {"user_id": case.user_id, **where}))[1] for where in steps]
    assert earned == [-0.25, 0.0, 0.25]
    gym = started(Tau, task)
    (step,) = case.steps
    gym.step(tool(step.name, {**step.arguments, "reason": next(r for r in REASONS if r != step.arguments["reason"])}))
    assert gym.step(Action("finish"))[1] == -gym.harm, "the right record, but wrong"
    assert gym.wrong_records == 1
    gym = started(Tau, task, harm=0)
    gym.step(tool("modify_user_address", {"user_id": case.user_id, **AWAY}))
    assert gym.step(Action("finish"))[1] == 0.0
    with pytest.raises(ConfigError, match=r"harm=-1 must be a finite number of at least 0"):
        Tau(harm=-1)


def test_who_lists_every_number_has_told_none() -> None:
    """Every number from 0 to 600 in one message solved 15 of 240 tasks."""
    gym = Tau()
    for task in whole(Tau):
        if load(task).outputs and not load(task).steps:
            gym.reset(seed=0, options={"task": task})
            gym.step(Action("action", " ".join(map(str, range(601)))))
            assert not gym.step(Action("finish"))[4]["success"]


def test_who_ends_at_once_solves_nothing() -> None:
    """It solved 7 of 240 tasks, in which nothing could be done and nothing had to be said."""
    gym = Tau()
    for seed, task in enumerate(whole(Tau)):
        gym.reset(seed=seed, options={"task": task})
        _, reward, _, _, info = gym.step(Action("finish"))
        assert (reward, info["success"]) == (0.0, False)


class AsksAllAtOnce:
    """Seven questions in one message, then the end."""

    name = "packer"

    def begin(self, system: str, opening: str) -> None:
        self._left = [
            Action(ActionKind.FINISH),
            Action(
                ActionKind.ACTION,
                "Who are you? What is your e-mail address? Which order is it about? What do you want changed? What is the "
                "reason? How would you like to pay? Where should it be sent?",
            ),
        ]

    def act(self, observation: str) -> Parsed:
        return Parsed("", self._left.pop(), None)


def test_seven_questions_in_one_message_are_one_turn_and_count_seven() -> None:
    """Three facts were told for one turn of effort, and nothing told of the packing."""
    for task in whole(Tau)[:6]:
        played = play(Tau(), AsksAllAtOnce(), task, 0)
        assert (played.user_effort, played.questions) == (1, 7)


def test_what_was_asked_must_be_said() -> None:
    task = first(lambda wishes: len(wishes) == 1 and wishes[0].operation is Operation.INFORM)
    (wanted,) = load(task).outputs
    assert started(Tau, task).step(Action("finish"))[1] == 0.0
    gym = started(Tau, task)
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
    task = next(task for task in whole(Tau) if load(task).steps)
    _, reward, done, _, info = started(Tau, task).step(tool("transfer_to_human_agents", {"summary": "a wish"}))
    assert (reward, done, info["stop"]) == (0.0, True, StopReason.FAILURE)


def test_playing_never_changes_a_database() -> None:
    before = {split: json.dumps([dict(table) for table in base.tables.values()]) for split, base in databases().items()}
    for policy in ("oracle", "clerk", "random"):
        episodes(Tau, policy)
    after = {split: json.dumps([dict(table) for table in base.tables.values()]) for split, base in databases().items()}
    assert before == after


# The tasks.


def test_there_are_enough_tasks_of_every_level() -> None:
    assert all(len(load(task).wishes) == task.level for task in ALL)
    operations = {wish.operation for task in whole(Tau) for wish in load(task).wishes}
    assert operations == set(Operation)


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
    for task, episode in zip(whole(Tau), episodes(Tau, "ask_all"), strict=True):
        case = load(task)
        items = {item for step in case.steps for name in ("item_ids", "new_item_ids") for item in step.arguments.get(name, ())}
        unknown = {wish.order for wish in case.wishes if wish.order and not wish.order_known}
        for turn in episode.turns:
            if turn.action.kind == ActionKind.ACTION:
                assert not any(value in turn.reply for value in items | unknown | {case.user_id})


def test_wishes_can_be_written_and_read_back() -> None:
    for task in whole(Tau, Split.VALID):
        for wish in load(task).wishes:
            assert wish_from_json(wish_to_json(wish)) == wish


# The customer.


def test_a_refusal_of_what_could_be_done_costs_the_reward() -> None:
    task = first(lambda wishes: len(wishes) == 1 and wishes[0].operation is Operation.CANCEL and not wishes[0].otherwise)
    assert load(task).steps
    _, reward, done, _, info = started(Tau, task).step(Action("action", "I am sorry, that is not possible."))
    assert (reward, done, info["stop"]) == (0.0, True, StopReason.FAILURE)


def test_every_message_of_the_clerks_is_understood() -> None:
    for policy in ("clerk", "ask_all", "brisk"):
        for episode in episodes(Tau, policy):
            assert not any("I am not sure" in turn.reply for turn in episode.turns)


# Scripted policies.


def test_policies_bound_the_trade_off() -> None:
    effort = {name: effort_of(Tau, name) for name in Tau.scripted_policies()}
    assert score(Tau, "clerk") >= 0.98
    assert score(Tau, "brisk") >= 0.98
    assert score(Tau, "ask_all") >= 0.9
    assert score(Tau, "never_ask") <= 0.05
    assert effort["never_ask"] == 0
    assert effort["brisk"] < effort["clerk"] < effort["ask_all"]
