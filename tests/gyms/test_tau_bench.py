"""tau-bench's tasks on its own databases; the tests skip where its files are absent."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bao.action import Action
from bao.errors import ConfigError
from bao.gyms.tau import Tau
from bao.gyms.tau.airline.database import Table
from bao.gyms.tau.airline.schedule import CITIES
from bao.gyms.tau.airline.tools import TOOLBOX
from bao.gyms.tau.database import Database, Session
from bao.gyms.tau.domains import read_databases
from bao.gyms.tau.retail.database import read_shop
from bao.gyms.tau.retail.instruction import read_instruction
from bao.gyms.tau.tasks import Case, load, outcome
from bao.rollout.episode import play
from bao.task import Split, Task
from tests.support.gyms import started, userrl

call = TOOLBOX.call


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
    tasks = userrl(Tau, userrl_data / "tau" / "train.parquet")
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
    task = userrl(Tau, userrl_data / "tau" / "train.parquet")[0]
    reply = started(Tau, task, database=retail).step(Action("search", "policy"))[0]
    assert reply == (retail / "wiki.md").read_text().strip()


def test_what_the_scripted_customer_cannot_play_is_said_at_reset(userrl_data: Path, retail: Path) -> None:
    for gym in (Tau(), Tau(database=retail), Tau(database=retail.parent)):
        for task in userrl(Tau, userrl_data / "tau" / "test.parquet"):
            with pytest.raises(ConfigError, match="free text, which user='scripted' cannot act: give user='llm' with a model"):
                gym.reset(seed=0, options={"task": task})
            with pytest.raises(RuntimeError, match="has not begun"):
                gym.step(Action("finish"))


def test_retail_tasks_ask_for_their_database(userrl_data: Path) -> None:
    task = userrl(Tau, userrl_data / "tau" / "train.parquet")[0]
    with pytest.raises(ConfigError, match="'retail-train-000' needs tau-bench's retail database: give the gym database=PATH"):
        Tau().reset(seed=0, options={"task": task})


def test_the_database_setting_takes_tau_benchs_folder_or_that_of_a_domain(userrl_data: Path, retail: Path) -> None:
    found = {name: set(read_databases(folder)) for name, folder in (("both", retail.parent), ("old form", retail))}
    assert found == {"both": {"retail", "airline"}, "old form": {"retail"}}
    assert set(read_databases(retail.parent / "airline")) == {"airline"}
    task = userrl(Tau, userrl_data / "tau" / "train.parquet")[0]
    assert started(Tau, task, database=retail.parent).step(Action("search", "policy")) == (
        started(Tau, task, database=retail).step(Action("search", "policy"))
    )


# The airline.


@pytest.fixture(scope="module")
def bases(userrl_data: Path) -> Mapping[str, Database]:
    folder = userrl_data.parent / "tau-bench"
    if not (folder / "airline").is_dir():
        pytest.skip(f"tau-bench's data is not at {folder}")
    return read_databases(folder)


@pytest.fixture(scope="module")
def tasks(userrl_data: Path) -> tuple[Task, ...]:
    return userrl(Tau, userrl_data / "tau" / "test.parquet").tasks


LOOKED_UP_IN_VAIN = {
    "retail-002",
    "retail-003",
    "retail-004",
    "retail-021",  # an item's id given for a product's
    "retail-035",
    "retail-036",
    "retail-037",
    "retail-038",
    "retail-054",
    "retail-055",  # an e-mail that is not in the data
    "retail-039",
    "retail-067",
    "retail-068",  # a wrong zip code, which the customer puts right later
    "retail-046",
    "retail-047",  # an order's number without its W, which the customer puts right later
}


REFUSED = {
    "retail-012": "the refund must go to a gift card or to how order #W5490111 was paid (credit_card_3124723)",
    "retail-013": "the refund must go to a gift card or to how order #W5490111 was paid (credit_card_3124723)",
    "retail-064": "order #W7464385 is pending; only what is delivered can be exchanged",
    "retail-106": "gift_card_7245904 holds 17, which does not cover 21.1",
}
"""Writing calls in tau-bench's own solutions that break tau-bench's own policy, so that they change nothing; by task."""


def played(case: Case, base: Database) -> tuple[Session[Any], list[tuple[str, str]]]:
    """The session after a task's own calls, and those that failed: name and error."""
    session = Session(base)
    replies = [(step.name, case.domain.toolbox.call(session, step.name, step.arguments)) for step in case.steps]
    return session, [(name, reply.text) for name, reply in replies if not reply.ok]


def test_the_calls_of_every_test_task_work_but_for_those_that_are_wrong_themselves(
    tasks: tuple[Task, ...], bases: Mapping[str, Database]
) -> None:
    cases = {task.id: load(task) for task in tasks}
    failed = {key: played(case, bases[case.database])[1] for key, case in cases.items()}
    assert not any(errors for key, errors in failed.items() if key.startswith("airline"))
    writing = {
        key: error.removeprefix("Error: ")
        for key, errors in failed.items()
        for name, error in errors
        if cases[key].domain.toolbox.writes(name)
    }
    assert writing == REFUSED
    assert {key for key, errors in failed.items() if errors} == LOOKED_UP_IN_VAIN | set(REFUSED)


def test_a_task_whose_calls_write_has_another_database_as_its_goal(
    tasks: tuple[Task, ...], bases: Mapping[str, Database]
) -> None:
    nothing = set()
    for task in tasks:
        case = load(task)
        session, _ = played(case, bases[case.database])
        wrote = any(case.domain.toolbox.writes(step.name) for step in case.steps)
        if wrote and not session.changes():
            nothing.add(task.id)
        assert wrote or not session.changes()
    assert nothing == {"retail-012", "retail-106"}, "whose one writing call is refused"


def test_bookings_of_tau_benchs_solutions_are_paid_to_the_dollar(
    tasks: tuple[Task, ...], bases: Mapping[str, Database]
) -> None:
    """The prices are worked out from the flights, and the payments stand in the tasks: nine bookings agree."""
    made = 0
    for task in tasks:
        for step in load(task).steps:
            if step.name == "book_reservation":
                less = {
                    **step.arguments,
                    "payment_methods": [
                        {**payment, "amount": payment["amount"] - (index == 0)}
                        for index, payment in enumerate(step.arguments["payment_methods"])
                    ],
                }
                session = Session(bases["airline"])
                assert "in all, and the payments make" in call(session, step.name, less).text
                assert call(session, step.name, step.arguments).ok
                made += 1
    assert made == 9


def test_every_reservation_of_the_data_cost_what_the_rules_say(bases: Mapping[str, Database]) -> None:
    for record in bases["airline"].tables[Table.RESERVATIONS].values():
        each = sum(flight["price"] for flight in record["flights"]) + 30 * (record["insurance"] == "yes")
        price = each * len(record["passengers"]) + 50 * record["nonfree_baggages"]
        assert price == sum(payment["amount"] for payment in record["payment_history"])


def test_flights_that_solutions_book_are_found_by_searching(bases: Mapping[str, Database]) -> None:
    """airline-000 books the cheapest one-stop flights after 11 o'clock: 136 and 039, at 255 with a certificate of 250."""
    arguments = {"origin": "JFK", "destination": "SEA", "date": "2024-05-20"}
    pairs = json.loads(call(Session(bases["airline"]), "search_onestop_flight", arguments).text)
    late = [pair for pair in pairs if pair[0]["scheduled_departure_time_est"] >= "11:00:00"]
    price, numbers = min((sum(leg["prices"]["economy"] for leg in p), [leg["flight_number"] for leg in p]) for p in late)
    assert (price, numbers) == (255, ["HAT136", "HAT039"])


def test_every_airport_of_the_data_has_a_city(bases: Mapping[str, Database]) -> None:
    assert set(json.loads(call(Session(bases["airline"]), "list_all_airports", {}).text)) == set(CITIES)
