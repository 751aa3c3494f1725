"""What changes reservations and profiles of the airline.

A tool checks what a booking system can know: that records exist, that flights can be booked and have seats, and that the
payment is right. What the policy leaves to the agent is not checked: who may change or cancel what, how many bags are free, how
many certificates pay together, whether the flights lead where the reservation says. Seats are not counted down, and a
cancellation pays nothing back at once: tau-bench's tasks rely on both. Reservations that are cancelled stay as they are.

What is new gets an id that is made of its content, and lists whose order means nothing have one order, so that the same
bookings in another order leave the same database.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import count

from bao.gyms.tau.airline.database import CABINS, NOW, Airline, Table, on_sale
from bao.gyms.tau.airline.payments import CERTIFICATE, money, paid_for_booking, pay_difference
from bao.gyms.tau.airline.schedule import check_airports, check_date
from bao.gyms.tau.database import Record, Session
from bao.gyms.tau.parameters import shown
from bao.gyms.tau.toolbox import ToolError

TRIPS = ("one_way", "round_trip")
CANCELLED = "cancelled"
INSURANCE_PRICE, BAG_PRICE = 30, 50
"""Dollars per passenger and per bag that is not free."""


def book(
    session: Session[Airline],
    user_id: str,
    origin: str,
    destination: str,
    flight_type: str,
    cabin: str,
    flights: Sequence[Record],
    passengers: Sequence[Record],
    payment_methods: Sequence[Record],
    total_baggages: int,
    nonfree_baggages: int,
    insurance: str,
) -> str:
    user = _user(session, user_id)
    check_airports(session, origin, destination)
    _one_of("flight_type", flight_type, TRIPS)
    _one_of("cabin", cabin, CABINS)
    _one_of("insurance", insurance, ("yes", "no"))
    _check_bags(total_baggages, nonfree_baggages)
    _check_births(passengers)
    booked = [_booked(session, flight, cabin, len(passengers)) for flight in flights]
    each = sum(flight["price"] for flight in booked) + INSURANCE_PRICE * (insurance == "yes")
    payer = paid_for_booking(user, payment_methods, each * len(passengers) + BAG_PRICE * nonfree_baggages)
    paid = [{"payment_id": payment["payment_id"], "amount": money(payment["amount"])} for payment in payment_methods]
    reservation = {
        "user_id": user_id,
        "origin": origin,
        "destination": destination,
        "flight_type": flight_type,
        "cabin": cabin,
        "flights": booked,
        "passengers": _in_order(passengers, ()),
        "payment_history": sorted(paid, key=lambda payment: str(payment["payment_id"])),
        "created_at": NOW,
        "total_baggages": total_baggages,
        "nonfree_baggages": nonfree_baggages,
        "insurance": insurance,
    }
    ids = (_code(number) for number in _numbers(reservation))
    key = next(key for key in ids if session.find(Table.RESERVATIONS, key) is None)
    known = session.database.tables[Table.USERS][user_id]["reservations"]
    added = sorted([*user["reservations"][len(known) :], key])
    session.put(Table.USERS, user_id, {**payer, "reservations": [*known, *added]})
    return _put(session, {"reservation_id": key, **reservation})


def cancel(session: Session[Airline], reservation_id: str) -> str:
    """Every payment is taken back in the reservation's history; the money itself goes back days later."""
    reservation = _reservation(session, reservation_id)
    history = reservation["payment_history"]
    refunds = [{"payment_id": row["payment_id"], "amount": -row["amount"]} for row in history]
    return _put(session, {**reservation, "payment_history": [*history, *refunds], "status": CANCELLED})


def update_flights(
    session: Session[Airline], reservation_id: str, cabin: str, flights: Sequence[Record], payment_id: str
) -> str:
    """A flight that the reservation has already, in the same cabin, keeps its price."""
    reservation = _reservation(session, reservation_id)
    _one_of("cabin", cabin, CABINS)
    kept = {}
    if cabin == reservation["cabin"]:
        kept = {(flight["flight_number"], flight["date"]): flight for flight in reservation["flights"]}
    people = len(reservation["passengers"])
    booked = [
        kept.get((flight["flight_number"], flight["date"])) or _booked(session, flight, cabin, people) for flight in flights
    ]
    before = sum(flight["price"] for flight in reservation["flights"])
    difference = (sum(flight["price"] for flight in booked) - before) * people
    history = [*reservation["payment_history"], *pay_difference(session, reservation, payment_id, difference)]
    return _put(session, {**reservation, "cabin": cabin, "flights": booked, "payment_history": history})


def update_baggages(
    session: Session[Airline], reservation_id: str, total_baggages: int, nonfree_baggages: int, payment_id: str
) -> str:
    """Bags that are not free are paid for; nothing is given back for fewer."""
    reservation = _reservation(session, reservation_id)
    _check_bags(total_baggages, nonfree_baggages)
    price = BAG_PRICE * max(0, nonfree_baggages - reservation["nonfree_baggages"])
    history = [*reservation["payment_history"], *pay_difference(session, reservation, payment_id, price)]
    bags = {"total_baggages": total_baggages, "nonfree_baggages": nonfree_baggages}
    return _put(session, {**reservation, **bags, "payment_history": history})


def update_passengers(session: Session[Airline], reservation_id: str, passengers: Sequence[Record]) -> str:
    reservation = _reservation(session, reservation_id)
    present = reservation["passengers"]
    if len(passengers) != len(present):
        raise ToolError(
            f"reservation {reservation_id} is for {len(present)} passengers, and {len(passengers)} are given; "
            "their number cannot change"
        )
    _check_births(passengers)
    return _put(session, {**reservation, "passengers": _in_order(passengers, present)})


def send_certificate(session: Session[Airline], user_id: str, amount: int) -> str:
    user = _user(session, user_id)
    if amount == 0:
        raise ToolError("amount must be at least 1 dollar")
    methods: Mapping[str, Record] = user["payment_methods"]
    ids = (f"{CERTIFICATE}_{number % 9_000_000 + 1_000_000}" for number in _numbers([user_id, amount]))
    key = next(key for key in ids if key not in methods)
    certificate = {"source": CERTIFICATE, "amount": amount, "id": key}
    session.put(Table.USERS, user_id, {**user, "payment_methods": {**methods, key: certificate}})
    return f"Certificate {key} of {amount} dollars is in the profile of {user_id}."


def _user(session: Session[Airline], user_id: str) -> Record:
    user = session.find(Table.USERS, user_id)
    if user is None:
        raise ToolError(f"there is no user {shown(user_id)}")
    return user


def _reservation(session: Session[Airline], reservation_id: str) -> Record:
    """A reservation that can still be changed."""
    reservation = session.find(Table.RESERVATIONS, reservation_id)
    if reservation is None:
        raise ToolError(f"there is no reservation {shown(reservation_id)}")
    if reservation.get("status") == CANCELLED:
        raise ToolError(f"reservation {reservation_id} is cancelled; it cannot be changed any more")
    return reservation


def _put(session: Session[Airline], reservation: Record) -> str:
    key = reservation["reservation_id"]
    session.put(Table.RESERVATIONS, key, reservation)
    return session.text(Table.RESERVATIONS, key) or ""


def _booked(session: Session[Airline], wanted: Record, cabin: str, seats: int) -> Record:
    """A flight as a reservation holds it, at the price of its day."""
    name, date = wanted["flight_number"], wanted["date"]
    flight = session.find(Table.FLIGHTS, name)
    if flight is None:
        raise ToolError(f"there is no flight {shown(name)}; flight numbers are such as 'HAT001'")
    check_date("date", date)
    day = on_sale(flight, date)
    if day is None:
        raise ToolError(f"flight {name} cannot be booked on {date}")
    if day["available_seats"][cabin] < seats:
        raise ToolError(f"flight {name} has {day['available_seats'][cabin]} seats left in {cabin} on {date}, not {seats}")
    place = {"origin": flight["origin"], "destination": flight["destination"]}
    return {**place, "flight_number": name, "date": date, "price": day["prices"][cabin]}


def _in_order(passengers: Sequence[Record], present: Sequence[Record]) -> Sequence[Record]:
    """Those who are there already in their order, then the others by name."""
    stay = [each for each in present if each in passengers]
    rest = [each for each in passengers if each not in stay]
    return [*stay, *sorted(rest, key=lambda each: (each["last_name"], each["first_name"], each["dob"]))]


def _check_births(passengers: Sequence[Record]) -> None:
    for passenger in passengers:
        check_date("dob", passenger["dob"])


def _check_bags(total: int, nonfree: int) -> None:
    if nonfree > total:
        raise ToolError(f"nonfree_baggages={nonfree} cannot be more than total_baggages={total}, of which they are part")


def _one_of(name: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise ToolError(f"{name} must be {' or '.join(map(repr, known))}, not {shown(value)}")


def _numbers(content: object) -> Iterator[int]:
    """Numbers that follow from `content`: the first one, then more for where it is taken."""
    text = json.dumps(content, sort_keys=True)
    return (int.from_bytes(blake2b(f"{again} {text}".encode(), digest_size=8).digest(), "big") for again in count())


def _code(number: int) -> str:
    """Six letters or digits, as reservations are called."""
    return "".join(_LETTERS[number // len(_LETTERS) ** place % len(_LETTERS)] for place in range(6))


_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
