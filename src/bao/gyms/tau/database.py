"""Records by table and id, and the view of them that one episode changes.

A `Database` is read once and never changed. A `Session` writes whole new records beside it, so an episode copies only what it
changes and two final states are compared by their changed records alone.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from bao.errors import ConfigError, DataError
from bao.gyms.userrl import read_json

Record = Mapping[str, Any]
Place = tuple[str, str]
"""A table's name and an id in it."""
Records = Mapping[str, Record]
"""The records of a table by id."""
Changes = Mapping[Place, Record]
"""Changed records by their place."""


class Database:
    """The tables of one company, and the policy that its agents go by."""

    def __init__(self, name: str, tables: Mapping[str, Mapping[str, Record]], policy: str) -> None:
        self.name = name
        self.policy = policy
        self.tables = tables
        self._texts: dict[Place, str] = {}

    def text(self, table: str, key: str) -> str:
        """An unchanged record as JSON, written once."""
        place = (table, key)
        text = self._texts.get(place)
        if text is None:
            text = self._texts[place] = json.dumps(self.tables[table][key])
        return text


D = TypeVar("D", bound=Database)


class Session(Generic[D]):
    """What one episode sees and changes. Records are never changed in place: `put` replaces them whole."""

    __slots__ = ("_changed", "database")

    def __init__(self, database: D) -> None:
        self.database = database
        self._changed: dict[Place, Record] = {}

    def find(self, table: str, key: str) -> Record | None:
        changed = self._changed.get((table, key)) if self._changed else None
        return self.database.tables[table].get(key) if changed is None else changed

    def text(self, table: str, key: str) -> str | None:
        """A record as JSON; None where there is none."""
        changed = self._changed.get((table, key)) if self._changed else None
        if changed is not None:
            return json.dumps(changed)
        return self.database.text(table, key) if key in self.database.tables[table] else None

    def put(self, table: str, key: str, record: Record) -> None:
        self._changed[table, key] = record

    def written(self, table: str) -> Iterable[tuple[str, Record]]:
        """The records of a table that were put in this episode; few."""
        return ((key, record) for (name, key), record in self._changed.items() if name == table)

    def changes(self) -> Changes:
        """The records that are new or differ from the database's; equal changes mean equal databases."""
        tables = self.database.tables
        return {place: record for place, record in self._changed.items() if record != tables[place[0]].get(place[1])}


def read_tables(folder: Path, needs: Mapping[str, str], domain: str) -> Mapping[str, Mapping[str, Record]]:
    """The tables ``data/TABLE.json`` of a domain of tau-bench, by the names in `needs`.

    `needs` says what each record of a table has, as paths between blanks (``items.*.price``: the price of each entry of items).
    Raises `ConfigError` where a file is missing and `DataError` naming file, record and field where one is broken.
    """
    tables: dict[str, Mapping[str, Record]] = {}
    for table, listed in needs.items():
        path = folder / "data" / f"{table}.json"
        if not path.is_file():
            raise ConfigError(
                f"database={str(folder)!r} has no data/{table}.json: give the folder of tau-bench's {domain} domain, "
                "or the one that holds its retail/ and airline/"
            )
        tables[str(table)] = read_json(path, dict[str, dict[str, Any]], f"the {table} of tau-bench's {domain} domain by id")
        for key, record in tables[table].items():
            for needed in listed.split():
                _need(record, needed.split("."), f"{path}, entry {key!r}")
    return tables


def read_policy(folder: Path) -> str:
    """tau-bench's ``wiki.md``, which is the policy. Raises `ConfigError` where there is none."""
    wiki = folder / "wiki.md"
    if not wiki.is_file():
        raise ConfigError(f"database={str(folder)!r} has no wiki.md, which is the policy: put tau-bench's there")
    return wiki.read_text(encoding="utf-8").strip()


def _need(value: Any, path: list[str], where: str) -> None:
    field, *rest = path
    if field == "*":
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ({},)
        for each in inner:
            _need(each, rest, where)
        return
    if not isinstance(value, dict) or field not in value:
        raise DataError(f"{where}: the field {field} is missing; use tau-bench's own file")
    if rest:
        _need(value[field], rest, f"{where}, {field}")
