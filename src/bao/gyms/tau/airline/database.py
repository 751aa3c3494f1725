"""An airline's users, reservations and flights."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from bao.errors import DataError
from bao.gyms.tau.database import Database, Record, Records, read_policy, read_tables


class Table(StrEnum):
    USERS = "users"
    RESERVATIONS = "reservations"
    FLIGHTS = "flights"


CABINS = ("basic_economy", "economy", "business")
NOW = "2024-05-15T15:00:00"
"""The present, by the airline's policy."""

NEEDS: Mapping[str, str] = {
    Table.USERS: "name.first_name name.last_name dob payment_methods.*.source membership reservations",
    Table.RESERVATIONS: (
        "reservation_id user_id origin destination flight_type cabin flights.*.flight_number flights.*.date "
        "flights.*.price passengers.*.first_name passengers.*.last_name passengers.*.dob payment_history.*.payment_id "
        "payment_history.*.amount total_baggages nonfree_baggages"
    ),
    Table.FLIGHTS: ("flight_number origin destination scheduled_departure_time_est scheduled_arrival_time_est dates.*.status"),
}


class Airline(Database):
    """Users, reservations and flights by id, and the flights of each route."""

    def __init__(self, name: str, users: Records, reservations: Records, flights: Records, policy: str) -> None:
        super().__init__(name, {Table.USERS: users, Table.RESERVATIONS: reservations, Table.FLIGHTS: flights}, policy)
        routes: dict[str, dict[str, list[Record]]] = {}
        for flight in flights.values():
            routes.setdefault(flight["origin"], {}).setdefault(flight["destination"], []).append(flight)
        self.routes: Mapping[str, Mapping[str, Sequence[Record]]] = routes
        """Flights by origin and destination."""
        self.airports = sorted({place for flight in flights.values() for place in (flight["origin"], flight["destination"])})


def on_sale(flight: Record, date: str) -> Mapping[str, Any] | None:
    """What a flight has on `date` (``available_seats`` and ``prices`` by cabin); None where it cannot be booked then."""
    day: Mapping[str, Any] | None = flight["dates"].get(date)
    return day if day is not None and day["status"] == "available" else None


@lru_cache(maxsize=4)
def read_airline(folder: Path) -> Airline:
    """tau-bench's airline database from its folder: ``wiki.md`` and ``data/{users,reservations,flights}.json``.

    Raises `ConfigError` where the folder holds no such files, `DataError` naming file, record and field where one is broken.
    """
    tables = read_tables(folder, NEEDS, "airline")
    for key, flight in tables[Table.FLIGHTS].items():
        for date in flight["dates"]:
            day = on_sale(flight, date)
            for field in ("available_seats", "prices") if day is not None else ():
                if day is not None and not all(cabin in day.get(field, ()) for cabin in CABINS):
                    raise DataError(
                        f"{folder / 'data' / 'flights.json'}, entry {key!r}, {date}: the field {field} must have "
                        f"{', '.join(CABINS)}; use tau-bench's own file"
                    )
    return Airline("airline", tables[Table.USERS], tables[Table.RESERVATIONS], tables[Table.FLIGHTS], read_policy(folder))
