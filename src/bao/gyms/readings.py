"""The gyms' labelled texts: questions, answers and arguments written by hand, each with its right reading.

They lie beside each gym's modules, as ``readings.toml``. Scripted users are scored on them, and so is a model that plays a user
or judges (`bao.gyms.probe`).
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from bao.gyms import data

FILE = "readings.toml"


@cache
def readings(name: str) -> Mapping[str, Any]:
    """What the file of a gym of ours holds, by the names of its lists. Not to be changed."""
    return data.table(f"bao.gyms.{name}", FILE)


def every(name: str, *lists: str) -> list[list[Any]]:
    """The rows of these lists, one after the other."""
    found = readings(name)
    return [row for each in lists for row in found[each]]
