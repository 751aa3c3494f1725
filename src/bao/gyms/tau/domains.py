"""The two domains, tau-bench's: what an agent of each can do, and where its database is read from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bao.errors import ConfigError
from bao.gyms.tau.airline.database import read_airline
from bao.gyms.tau.airline.tools import TOOLBOX as AIRLINE_TOOLS
from bao.gyms.tau.database import Database
from bao.gyms.tau.retail.database import read_shop
from bao.gyms.tau.retail.tools import TOOLBOX as RETAIL_TOOLS
from bao.gyms.tau.toolbox import Toolbox

RETAIL, AIRLINE = "retail", "airline"


@dataclass(frozen=True)
class Domain:
    name: str
    toolbox: Toolbox
    read: Callable[[Path], Database]
    """Reads tau-bench's database of the domain from its folder, which holds ``data/`` and ``wiki.md``."""
    mark: str
    """A table that no other domain has; by it a folder is known."""
    look_up: str
    """What there is to look up, in words that go on from "look up"."""


DOMAINS: Mapping[str, Domain] = {
    RETAIL: Domain(RETAIL, RETAIL_TOOLS, read_shop, "orders", "what they have ordered"),
    AIRLINE: Domain(AIRLINE, AIRLINE_TOOLS, read_airline, "reservations", "their reservations and the flights"),
}


def read_databases(folder: Path) -> Mapping[str, Database]:
    """tau-bench's databases by domain, from the folder that holds ``retail/`` and ``airline/`` (one is enough) or from one of
    the two itself.

    Raises `ConfigError` where the folder is none of these or lacks a file, and `DataError` where a file is broken.
    """
    inside = {name: each.read(folder / name) for name, each in DOMAINS.items() if (folder / name).is_dir()}
    if inside:
        return inside
    for name, each in DOMAINS.items():
        if (folder / "data" / f"{each.mark}.json").is_file():
            return {name: each.read(folder)}
    raise ConfigError(
        f"database={str(folder)!r} is no database of tau-bench's: give the folder that holds its {' and '.join(DOMAINS)}, "
        "each with data/ and wiki.md, or one of these"
    )
