"""The tools of the airline: what an agent can look up and change.

The names and meanings are those of tau-bench's airline tools, as its tasks, data and policy show them.
"""

from bao.gyms.tau.airline import bookings, schedule
from bao.gyms.tau.airline.database import Airline, Table
from bao.gyms.tau.common import read_toolbox
from bao.gyms.tau.database import Session
from bao.gyms.tau.parameters import shown
from bao.gyms.tau.toolbox import found


def _user_details(session: Session[Airline], user_id: str) -> str:
    return found(session.text(Table.USERS, user_id), f"there is no user {shown(user_id)}")


def _reservation_details(session: Session[Airline], reservation_id: str) -> str:
    missing = f"there is no reservation {shown(reservation_id)}; reservation ids are such as '4WQ150'"
    return found(session.text(Table.RESERVATIONS, reservation_id), missing)


def _think(session: Session[Airline], thought: str) -> str:
    return "Noted."


TOOLBOX = read_toolbox(
    __package__,
    {
        "get_user_details": _user_details,
        "get_reservation_details": _reservation_details,
        "list_all_airports": schedule.list_airports,
        "search_direct_flight": schedule.search_direct,
        "search_onestop_flight": schedule.search_one_stop,
        "book_reservation": bookings.book,
        "cancel_reservation": bookings.cancel,
        "update_reservation_flights": bookings.update_flights,
        "update_reservation_baggages": bookings.update_baggages,
        "update_reservation_passengers": bookings.update_passengers,
        "send_certificate": bookings.send_certificate,
        "think": _think,
    },
)
