"""Looking for flights: direct ones, and those with one stop."""

import json
from collections.abc import Iterator, Mapping
from datetime import date as Date
from datetime import timedelta
from typing import Any

from bao.gyms.tau.airline.database import Airline, on_sale
from bao.gyms.tau.database import Record, Session
from bao.gyms.tau.parameters import shown
from bao.gyms.tau.toolbox import ToolError

_CITIES = (
    "ATL Atlanta; BOS Boston; CLT Charlotte; DEN Denver; DFW Dallas; DTW Detroit; EWR Newark; IAH Houston; JFK New York; "
    "LAS Las Vegas; LAX Los Angeles; LGA New York; MCO Orlando; MIA Miami; MSP Minneapolis; ORD Chicago; PHL "
    "Philadelphia; PHX Phoenix; SEA Seattle; SFO San Francisco"
)
CITIES: Mapping[str, str] = dict(city.split(" ", 1) for city in _CITIES.split("; "))
"""What an airport's code stands for; tau-bench's data has the codes only."""
NEXT_DAY = "+1"
"""Ends the time of an arrival on the day after the departure."""


def list_airports(session: Session[Airline]) -> str:
    return json.dumps({code: CITIES.get(code, code) for code in session.database.airports})


def search_direct(session: Session[Airline], origin: str, destination: str, date: str) -> str:
    check_airports(session, origin, destination)
    check_date("date", date)
    return json.dumps(list(_direct(session, origin, destination, date)))


def search_one_stop(session: Session[Airline], origin: str, destination: str, date: str) -> str:
    """Pairs of flights, the second leaving after the first has landed and on the day on which it has.

    A first flight that leaves on `date` and lands past midnight goes with second ones of the next day.
    """
    check_airports(session, origin, destination)
    check_date("date", date)
    pairs = []
    for stop in session.database.routes.get(origin, {}):
        for first in _direct(session, origin, stop, date):
            arrival: str = first["scheduled_arrival_time_est"]
            day = following(date) if arrival.endswith(NEXT_DAY) else date
            pairs += [
                [{**first, "date": date}, {**second, "date": day}]
                for second in _direct(session, stop, destination, day)
                if second["scheduled_departure_time_est"] > arrival.removesuffix(NEXT_DAY)
            ]
    return json.dumps(pairs)


def following(date: str) -> str:
    return (Date.fromisoformat(date) + timedelta(days=1)).isoformat()


def _direct(session: Session[Airline], origin: str, destination: str, date: str) -> Iterator[dict[str, Any]]:
    """The flights of a route that can be booked on `date`, with that day's seats and prices in place of all days."""
    for flight in session.database.routes.get(origin, {}).get(destination, ()):
        day = on_sale(flight, date)
        if day is not None:
            yield {**_plan(flight), **day}


def _plan(flight: Record) -> dict[str, Any]:
    return {name: value for name, value in flight.items() if name != "dates"}


def check_airports(session: Session[Airline], *codes: str) -> None:
    """Raise `ToolError` on a code that no flight goes to or from."""
    for code in codes:
        if code not in session.database.airports:
            raise ToolError(f"there is no airport {shown(code)}; airports have codes such as 'JFK', see list_all_airports")


def check_date(name: str, date: str) -> None:
    """Raise `ToolError` on what is no date of the form 2024-05-20."""
    try:
        same = Date.fromisoformat(date).isoformat() == date
    except ValueError:
        same = False
    if not same:
        raise ToolError(f"{name} must be a date such as '2024-05-20', not {shown(date)}")
