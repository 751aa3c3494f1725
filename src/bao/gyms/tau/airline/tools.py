"""The tools of the airline: what an agent can look up and change.

The names and meanings are those of tau-bench's airline tools, as its tasks, data and policy show them.
"""

from bao.gyms.tau.airline import bookings, schedule
from bao.gyms.tau.airline.database import CABINS, Airline, Table
from bao.gyms.tau.common import CALCULATE, HAND_OVER
from bao.gyms.tau.database import Session
from bao.gyms.tau.parameters import Number, Rows, Text, shown
from bao.gyms.tau.toolbox import Tool, Toolbox, found


def _user_details(session: Session[Airline], user_id: str) -> str:
    return found(session.text(Table.USERS, user_id), f"there is no user {shown(user_id)}")


def _reservation_details(session: Session[Airline], reservation_id: str) -> str:
    missing = f"there is no reservation {shown(reservation_id)}; reservation ids are such as '4WQ150'"
    return found(session.text(Table.RESERVATIONS, reservation_id), missing)


def _think(session: Session[Airline], thought: str) -> str:
    return "Noted."


_USER = {"user_id": Text("such as 'sara_doe_496'")}
_RESERVATION = {"reservation_id": Text("such as '4WQ150'")}
_ROUTE = {"origin": Text("airport such as 'JFK'"), "destination": Text("airport such as 'SEA'")}
_CABIN = {"cabin": Text(f"'{CABINS[0]}', '{CABINS[1]}' or '{CABINS[2]}'")}
_FLIGHTS = {
    "flights": Rows(
        {"flight_number": Text(), "date": Text()},
        'list of every flight, kept or new: {"flight_number": "HAT001", "date": "2024-05-20"}',
    )
}
_PASSENGERS = {
    "passengers": Rows(
        {"first_name": Text(), "last_name": Text(), "dob": Text()},
        'list of every passenger: {"first_name": .., "last_name": .., "dob": "1990-04-05"}',
    )
}
_PAYMENTS = {
    "payment_methods": Rows(
        {"payment_id": Text(), "amount": Number()},
        'list: {"payment_id": "gift_card_1234567", "amount": 120}; the amounts make the whole price',
    )
}
_BAGS = {
    "total_baggages": Number("how many checked bags in all", whole=True),
    "nonfree_baggages": Number("how many of them are paid for", whole=True),
}
_PAY = {"payment_id": Text("gift card or credit card such as 'gift_card_1234567'")}

TOOLBOX = Toolbox(
    (
        Tool(
            "get_user_details", "a user's profile: name, birth, payment methods, membership, reservations", _USER, _user_details
        ),
        Tool(
            "get_reservation_details",
            "a reservation: flights, passengers, payments, bags, insurance",
            _RESERVATION,
            _reservation_details,
        ),
        Tool("list_all_airports", "the code and city of every airport", {}, schedule.list_airports),
        Tool(
            "search_direct_flight",
            "direct flights that can be booked on a day, with seats and prices",
            {**_ROUTE, "date": Text("such as '2024-05-20'")},
            schedule.search_direct,
        ),
        Tool(
            "search_onestop_flight",
            "pairs of flights with one stop that can be booked on a day, with seats and prices",
            {**_ROUTE, "date": Text("such as '2024-05-20'")},
            schedule.search_one_stop,
        ),
        Tool(
            "book_reservation",
            "book flights for a user",
            {
                **_USER,
                **_ROUTE,
                "flight_type": Text("'one_way' or 'round_trip'"),
                **_CABIN,
                **_FLIGHTS,
                **_PASSENGERS,
                **_PAYMENTS,
                **_BAGS,
                "insurance": Text("'yes' or 'no'"),
            },
            bookings.book,
            writes=True,
        ),
        Tool("cancel_reservation", "cancel a whole reservation", _RESERVATION, bookings.cancel, writes=True),
        Tool(
            "update_reservation_flights",
            "change the flights or the cabin of a reservation",
            {**_RESERVATION, **_CABIN, **_FLIGHTS, **_PAY},
            bookings.update_flights,
            writes=True,
        ),
        Tool(
            "update_reservation_baggages",
            "change the checked bags of a reservation",
            {**_RESERVATION, **_BAGS, **_PAY},
            bookings.update_baggages,
            writes=True,
        ),
        Tool(
            "update_reservation_passengers",
            "change who flies on a reservation; as many people as before",
            {**_RESERVATION, **_PASSENGERS},
            bookings.update_passengers,
            writes=True,
        ),
        Tool(
            "send_certificate",
            "give a user a travel certificate",
            {**_USER, "amount": Number("in whole dollars", whole=True)},
            bookings.send_certificate,
            writes=True,
        ),
        Tool("think", "write down a thought, which changes nothing", {"thought": Text()}, _think),
        CALCULATE,
        HAND_OVER,
    )
)
