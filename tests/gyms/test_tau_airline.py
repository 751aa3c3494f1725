"""The airline of the customer-service gym: worked numbers on a small one, and tau-bench's tasks on its own data."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bao.errors import DataError
from bao.gyms.tau.airline.database import NOW, Airline, Table, read_airline
from bao.gyms.tau.airline.tools import TOOLBOX
from bao.gyms.tau.database import Session
from bao.gyms.tau.toolbox import ToolReply

call = TOOLBOX.call

# An airline of four flights, for worked numbers.


def _flight(key: str, origin: str, destination: str, leaves: str, lands: str, prices: tuple[int, int, int]) -> dict[str, Any]:
    cabins = ("basic_economy", "economy", "business")
    day = {
        "status": "available",
        "available_seats": dict(zip(cabins, (9, 9, 2), strict=True)),
        "prices": dict(zip(cabins, prices, strict=True)),
    }
    dates = {"2024-05-16": {"status": "on time"}, "2024-05-20": day, "2024-05-21": day, "2024-05-22": {"status": "cancelled"}}
    return {
        "flight_number": key,
        "origin": origin,
        "destination": destination,
        "scheduled_departure_time_est": leaves,
        "scheduled_arrival_time_est": lands,
        "dates": dates,
    }


ANN, BOB = ({"first_name": name, "last_name": "Lee", "dob": "1990-01-02"} for name in ("Ann", "Bob"))
DIRECT, OTHER = {"flight_number": "F1", "date": "2024-05-20"}, {"flight_number": "F1", "date": "2024-05-21"}


def small() -> Airline:
    flights = [
        _flight("F1", "JFK", "SEA", "08:00:00", "11:00:00", (50, 100, 300)),
        _flight("F2", "JFK", "ORD", "06:00:00", "08:00:00", (20, 40, 200)),
        _flight("F3", "ORD", "SEA", "08:00:00", "10:30:00", (25, 50, 250)),
        _flight("F4", "JFK", "ORD", "22:00:00", "01:00:00+1", (10, 30, 150)),
    ]
    methods = {
        "gift_card_1": {"source": "gift_card", "id": "gift_card_1", "amount": 120},
        "gift_card_2": {"source": "gift_card", "id": "gift_card_2", "amount": 30},
        "certificate_1": {"source": "certificate", "id": "certificate_1", "amount": 250},
        "credit_card_1": {"source": "credit_card", "id": "credit_card_1"},
    }
    user = {
        "name": {"first_name": "Ann", "last_name": "Lee"},
        "dob": "1990-01-02",
        "membership": "gold",
        "payment_methods": methods,
        "reservations": ["R1"],
    }
    booked = {"origin": "JFK", "destination": "SEA", **DIRECT, "price": 80}  # cheaper than the flight is today
    reservation = {
        "reservation_id": "R1",
        "user_id": "ann",
        "origin": "JFK",
        "destination": "SEA",
        "flight_type": "one_way",
        "cabin": "economy",
        "flights": [booked],
        "passengers": [BOB, ANN],
        "payment_history": [{"payment_id": "gift_card_1", "amount": 160}],
        "created_at": "2024-05-02T03:10:19",
        "total_baggages": 1,
        "nonfree_baggages": 1,
        "insurance": "no",
    }
    return Airline("small", {"ann": user}, {"R1": reservation}, {each["flight_number"]: each for each in flights}, "rules")


BOOKING: dict[str, Any] = {
    "user_id": "ann",
    "origin": "JFK",
    "destination": "SEA",
    "flight_type": "one_way",
    "cabin": "economy",
    "flights": [DIRECT],
    "passengers": [ANN, BOB],
    "payment_methods": [{"payment_id": "credit_card_1", "amount": 310}],
    "total_baggages": 3,
    "nonfree_baggages": 1,
    "insurance": "yes",
}
"""Two seats at 100, two insurances at 30 and one bag at 50."""


def booked(session: Session[Airline], **change: Any) -> ToolReply:
    return call(session, "book_reservation", {**BOOKING, **change})


def held(session: Session[Airline]) -> Mapping[str, Any]:
    """What each payment method of the user holds."""
    user = session.find(Table.USERS, "ann")
    assert user is not None
    return {name: method.get("amount") for name, method in user["payment_methods"].items()}


def reservation(session: Session[Airline], key: str = "R1") -> Mapping[str, Any]:
    found = session.find(Table.RESERVATIONS, key)
    assert found is not None
    return found


def test_a_booking_is_priced_paid_and_put_into_the_profile() -> None:
    session = Session(small())
    methods = [{"payment_id": "certificate_1", "amount": 200}, {"payment_id": "gift_card_1", "amount": 110}]
    reply = booked(session, payment_methods=methods)
    assert reply.ok
    made = json.loads(reply.text)
    assert made["flights"] == [{"origin": "JFK", "destination": "SEA", **DIRECT, "price": 100}]
    assert (made["created_at"], made["insurance"], made["passengers"]) == (NOW, "yes", [ANN, BOB])
    assert held(session) == {"gift_card_1": 10, "gift_card_2": 30, "credit_card_1": None}, "the certificate is used up whole"
    user = session.find(Table.USERS, "ann")
    assert user is not None
    assert user["reservations"] == ["R1", made["reservation_id"]]
    shown = call(session, "get_reservation_details", {"reservation_id": made["reservation_id"]})
    assert json.loads(shown.text) == made


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"user_id": "bob"}, "there is no user 'bob'"),
        ({"origin": "XXX"}, "there is no airport 'XXX'"),
        ({"cabin": "first"}, "cabin must be 'basic_economy' or 'economy' or 'business', not 'first'"),
        ({"flight_type": "return"}, "flight_type must be 'one_way' or 'round_trip'"),
        ({"insurance": "maybe"}, "insurance must be 'yes' or 'no'"),
        ({"flights": [{"flight_number": "F9", "date": "2024-05-20"}]}, "there is no flight 'F9'"),
        ({"flights": [{"flight_number": "F1", "date": "2024-05-16"}]}, "flight F1 cannot be booked on 2024-05-16"),
        ({"flights": [{"flight_number": "F1", "date": "2024-05-22"}]}, "flight F1 cannot be booked on 2024-05-22"),
        ({"flights": [{"flight_number": "F1", "date": "20 May"}]}, "date must be a date such as '2024-05-20', not '20 May'"),
        ({"flights": [{"flight_number": "F1"}]}, "each entry of flights must be an object with exactly the fields"),
        ({"flights": []}, "flights must be a list of objects with the fields flight_number, date"),
        ({"passengers": [ANN, BOB, ANN], "cabin": "business"}, "flight F1 has 2 seats left in business on 2024-05-20, not 3"),
        ({"passengers": [{**ANN, "dob": "2 January 1990"}]}, "dob must be a date"),
        ({"payment_methods": [{"payment_id": "credit_card_1", "amount": 300}]}, "the price is 310 in all, and the payments"),
        ({"payment_methods": [{"payment_id": "credit_card_9", "amount": 310}]}, "has no payment method 'credit_card_9'"),
        (
            {"payment_methods": [{"payment_id": "gift_card_1", "amount": 310}]},
            "gift_card_1 holds 120, which does not cover 310",
        ),
        ({"payment_methods": [{"payment_id": "certificate_1", "amount": 310}]}, "certificate_1 holds 250, which does not"),
        ({"payment_methods": [{"payment_id": "credit_card_1", "amount": 155}] * 2}, "each payment method is named once"),
        ({"payment_methods": [{"payment_id": "credit_card_1", "amount": "310"}]}, "amount must be a number of at least 0"),
        ({"total_baggages": 0}, "nonfree_baggages=1 cannot be more than total_baggages=0"),
        ({"total_baggages": 2.5}, "total_baggages must be a whole number of at least 0 without quotes, not 2.5"),
        ({"nonfree_baggages": -1}, "nonfree_baggages must be a whole number"),
        ({"nonfree_baggages": True}, "nonfree_baggages must be a whole number"),
        ({"cabin": None}, "cabin must be a text in quotes"),
    ],
)
def test_a_booking_that_cannot_be_says_why_and_changes_nothing(change: dict[str, Any], why: str) -> None:
    session = Session(small())
    reply = booked(session, **change)
    assert not reply.ok
    assert reply.text.startswith("Error: ")
    assert why in reply.text
    assert session.changes() == {}


def test_the_same_bookings_in_another_order_leave_the_same_database() -> None:
    """The reference numbers new reservations as they come, so that two right bookings in the other order are wrong."""
    one = {"flights": [DIRECT], "passengers": [ANN], "insurance": "no", "nonfree_baggages": 0}
    first = {**one, "payment_methods": [{"payment_id": "credit_card_1", "amount": 100}]}
    split = [{"payment_id": "gift_card_1", "amount": 70}, {"payment_id": "gift_card_2", "amount": 30}]
    second = {**one, "flights": [OTHER], "payment_methods": split}
    turned = {**second, "payment_methods": split[::-1]}
    ends = []
    for bookings in ((first, second), (turned, first)):
        session = Session(small())
        assert all(booked(session, **each).ok for each in bookings)
        ends.append(session.changes())
    assert ends[0] == ends[1]
    assert len(ends[0]) == 3, "two reservations and the profile"


def test_the_same_booking_twice_makes_two_reservations() -> None:
    session = Session(small())
    keys = {json.loads(booked(session).text)["reservation_id"] for _ in range(2)}
    assert len(keys) == 2
    assert len(session.changes()) == 3


def test_passengers_may_be_named_in_any_order() -> None:
    ends = []
    for people in ([ANN, BOB], [BOB, ANN]):
        session = Session(small())
        assert booked(session, passengers=people).ok
        ends.append(session.changes())
        kept = Session(small())
        assert call(kept, "update_reservation_passengers", {"reservation_id": "R1", "passengers": people}).ok
        assert kept.changes() == {}, "the same people are no change"
    assert ends[0] == ends[1]


def test_passengers_change_and_their_number_does_not() -> None:
    session = Session(small())
    new = {**BOB, "last_name": "Ray"}
    assert call(session, "update_reservation_passengers", {"reservation_id": "R1", "passengers": [new, ANN]}).ok
    assert reservation(session)["passengers"] == [ANN, new]
    reply = call(session, "update_reservation_passengers", {"reservation_id": "R1", "passengers": [ANN]})
    assert "reservation R1 is for 2 passengers, and 1 are given; their number cannot change" in reply.text


def test_a_kept_flight_keeps_its_price_and_a_new_one_costs_todays() -> None:
    session = Session(small())
    stops = [{"flight_number": "F2", "date": "2024-05-20"}, {"flight_number": "F3", "date": "2024-05-20"}]
    arguments = {"reservation_id": "R1", "cabin": "economy", "flights": [DIRECT, *stops], "payment_id": "credit_card_1"}
    assert call(session, "update_reservation_flights", arguments).ok
    assert [flight["price"] for flight in reservation(session)["flights"]] == [80, 40, 50]
    assert reservation(session)["payment_history"][1:] == [{"payment_id": "credit_card_1", "amount": 180}]  # (40 + 50) * 2
    again = {**arguments, "flights": [DIRECT], "payment_id": "gift_card_1"}
    assert call(session, "update_reservation_flights", again).ok
    assert reservation(session)["payment_history"][2:] == [{"payment_id": "gift_card_1", "amount": -180}]
    assert held(session)["gift_card_1"] == 300


def test_another_cabin_costs_todays_price_for_every_flight() -> None:
    session = Session(small())
    arguments = {"reservation_id": "R1", "cabin": "business", "flights": [DIRECT], "payment_id": "credit_card_1"}
    assert call(session, "update_reservation_flights", arguments).ok
    assert (reservation(session)["cabin"], reservation(session)["flights"][0]["price"]) == ("business", 300)
    assert reservation(session)["payment_history"][-1]["amount"] == 440  # (300 - 80) * 2


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"payment_id": "gift_card_1"}, "gift_card_1 holds 120, which does not cover 440"),
        ({"payment_id": "certificate_1"}, "certificate_1 is a certificate, which pays for new reservations only"),
        ({"payment_id": "paypal_1"}, "has no payment method 'paypal_1'"),
        ({"reservation_id": "R9"}, "there is no reservation 'R9'"),
        ({"flights": [{"flight_number": "F1", "date": "2024-05-22"}]}, "flight F1 cannot be booked on 2024-05-22"),
    ],
)
def test_a_change_of_flights_that_cannot_be_changes_nothing(change: dict[str, Any], why: str) -> None:
    session = Session(small())
    arguments = {"reservation_id": "R1", "cabin": "business", "flights": [DIRECT], "payment_id": "credit_card_1", **change}
    reply = call(session, "update_reservation_flights", arguments)
    assert why in reply.text
    assert session.changes() == {}


def test_bags_that_are_not_free_are_paid_for_and_fewer_give_nothing_back() -> None:
    session = Session(small())
    arguments = {"reservation_id": "R1", "total_baggages": 4, "nonfree_baggages": 3, "payment_id": "gift_card_1"}
    assert call(session, "update_reservation_baggages", arguments).ok
    assert held(session)["gift_card_1"] == 20  # two more at 50
    assert reservation(session)["payment_history"][-1] == {"payment_id": "gift_card_1", "amount": 100}
    assert call(session, "update_reservation_baggages", {**arguments, "total_baggages": 1, "nonfree_baggages": 0}).ok
    assert held(session)["gift_card_1"] == 20
    assert len(reservation(session)["payment_history"]) == 2


def test_a_cancellation_is_recorded_and_pays_nothing_back_at_once() -> None:
    """tau-bench's tasks rely on it: one pays with the gift card's old balance after the cancellation, one asks why."""
    session = Session(small())
    assert call(session, "cancel_reservation", {"reservation_id": "R1"}).ok
    assert reservation(session)["status"] == "cancelled"
    assert [row["amount"] for row in reservation(session)["payment_history"]] == [160, -160]
    assert held(session)["gift_card_1"] == 120
    before = session.changes()
    for name, arguments in (
        ("cancel_reservation", {}),
        ("update_reservation_passengers", {"passengers": [ANN, BOB]}),
        ("update_reservation_baggages", {"total_baggages": 1, "nonfree_baggages": 1, "payment_id": "credit_card_1"}),
        ("update_reservation_flights", {"cabin": "economy", "flights": [DIRECT], "payment_id": "credit_card_1"}),
    ):
        reply = call(session, name, {"reservation_id": "R1", **arguments})
        assert reply.text == "Error: reservation R1 is cancelled; it cannot be changed any more"
    assert session.changes() == before


def test_a_certificate_comes_into_the_profile_each_time() -> None:
    session = Session(small())
    assert [call(session, "send_certificate", {"user_id": "ann", "amount": 50}).ok for _ in range(2)] == [True, True]
    amounts = [amount for name, amount in held(session).items() if name.startswith("certificate_")]
    assert sorted(amounts) == [50, 50, 250]
    assert not call(session, "send_certificate", {"user_id": "ann", "amount": 0}).ok
    assert not call(session, "send_certificate", {"user_id": "bob", "amount": 50}).ok


def test_direct_flights_are_those_on_sale_that_day() -> None:
    session = Session(small())

    def search(date: str, destination: str = "SEA") -> list[Any]:
        arguments = {"origin": "JFK", "destination": destination, "date": date}
        found: list[Any] = json.loads(call(session, "search_direct_flight", arguments).text)
        return found

    (flight,) = search("2024-05-20")
    assert (flight["flight_number"], flight["prices"]["economy"], flight["available_seats"]["business"]) == ("F1", 100, 2)
    assert "dates" not in flight
    assert [each["flight_number"] for each in search("2024-05-20", "ORD")] == ["F2", "F4"]
    for nothing in ("2024-05-16", "2024-05-22", "2025-01-01"):
        assert search(nothing) == []


def test_one_stop_flights_leave_after_landing_the_next_day_too() -> None:
    arguments = {"origin": "JFK", "destination": "SEA", "date": "2024-05-20"}
    pairs = json.loads(call(Session(small()), "search_onestop_flight", arguments).text)
    assert [[(leg["flight_number"], leg["date"]) for leg in pair] for pair in pairs] == [
        [("F4", "2024-05-20"), ("F3", "2024-05-21")]
    ], "F2 lands when F3 leaves, which is too late"


@pytest.mark.parametrize(
    ("name", "arguments", "why"),
    [
        ("search_direct_flight", {"origin": "JFK", "destination": "Seattle", "date": "2024-05-20"}, "no airport 'Seattle'"),
        ("search_onestop_flight", {"origin": "JFK", "destination": "SEA", "date": "tomorrow"}, "date must be a date"),
        ("get_user_details", {"user_id": "bob"}, "there is no user 'bob'"),
        ("get_reservation_details", {"reservation_id": "R7"}, "there is no reservation 'R7'"),
        ("get_order_details", {"order_id": "#A1"}, "there is no tool 'get_order_details'. The tools are: get_user_details"),
        ("calculate", {"expression": "__import__('os')"}, "must be numbers with"),
    ],
)
def test_a_look_up_that_finds_nothing_says_why(name: str, arguments: dict[str, Any], why: str) -> None:
    reply = call(Session(small()), name, arguments)
    assert not reply.ok
    assert why in reply.text


def test_thinking_and_listing_change_nothing() -> None:
    session = Session(small())
    assert call(session, "think", {"thought": "two bags are free"}).ok
    assert json.loads(call(session, "list_all_airports", {}).text) == {"JFK": "New York", "ORD": "Chicago", "SEA": "Seattle"}
    assert session.changes() == {}


_VALUES = st.one_of(
    st.sampled_from(["ann", "R1", "JFK", "SEA", "economy", "business", "one_way", "yes", "no", "2024-05-20", "credit_card_1"]),
    st.sampled_from(["gift_card_1", "certificate_1"]),
    st.integers(-1, 400),
    st.floats(),
    st.none(),
    st.text(max_size=4),
    st.lists(st.sampled_from([DIRECT, OTHER, ANN, BOB, {"flight_number": "F3", "date": "2024-05-21"}, {}]), max_size=3),
    st.lists(st.fixed_dictionaries({"payment_id": st.just("credit_card_1"), "amount": st.integers(0, 700)}), max_size=2),
)


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A call whose arguments are right but for a few."""
    name = draw(st.sampled_from(sorted(TOOLBOX.tools)))
    right: dict[str, Any] = {
        **BOOKING,
        "reservation_id": "R1",
        "payment_id": "credit_card_1",
        "amount": 50,
        "date": "2024-05-20",
        "expression": "1 + 1",
        "summary": "",
        "thought": "",
    }
    arguments = {each: right[each] for each in TOOLBOX.tools[name].parameters}
    for each in draw(st.lists(st.sampled_from([*arguments, "other"]), max_size=2)):
        arguments[each] = draw(_VALUES)
    return name, arguments


@given(st.lists(calls(), max_size=5))
def test_refused_calls_change_nothing_and_no_call_touches_the_base(several: list[tuple[str, dict[str, Any]]]) -> None:
    base = small()
    session = Session(base)
    for name, arguments in several:
        before = session.changes()
        reply = call(session, name, arguments)
        assert reply.text
        reply.text.encode("ascii")
        assert reply.ok or reply.text.startswith("Error: ")
        if not reply.ok or not TOOLBOX.writes(name):
            assert session.changes() == before
    assert base.tables == small().tables


# tau-bench's data.


def test_a_broken_airline_is_named_with_file_and_field(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "wiki.md").write_text("rules")
    for table, records in small().tables.items():
        (tmp_path / "data" / f"{table}.json").write_text(json.dumps(dict(records)))
    assert read_airline(tmp_path).tables == small().tables
    for name, table, damage, message in (
        ("a", Table.FLIGHTS, lambda each: each.pop("origin"), r"flights\.json, entry 'F1': the field origin is missing"),
        (
            "b",
            Table.FLIGHTS,
            lambda each: each["dates"]["2024-05-20"].pop("prices"),
            r"entry 'F1', 2024-05-20: the field prices must have basic_economy",
        ),
        (
            "c",
            Table.RESERVATIONS,
            lambda each: each["flights"][0].pop("price"),
            r"reservations\.json, entry 'R1', flights: the field price is missing",
        ),
    ):
        folder = tmp_path / name
        (folder / "data").mkdir(parents=True)
        (folder / "wiki.md").write_text("rules")
        for each, records in small().tables.items():
            (folder / "data" / f"{each}.json").write_text(json.dumps(dict(records)))
        broken = json.loads((folder / "data" / f"{table}.json").read_text())
        damage(next(iter(broken.values())))
        (folder / "data" / f"{table}.json").write_text(json.dumps(broken))
        with pytest.raises(DataError, match=message):
            read_airline(folder)
