"""The shop's records, and the view of them that one episode changes.

A `Database` is read once and never changed. A `Session` writes whole new records beside it, so an episode copies only what it
changes and two final states are compared by their changed records alone.
"""

import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from bao.errors import ConfigError, DataError
from bao.gyms.userrl import read_json

Record = Mapping[str, Any]


class Table(StrEnum):
    USERS = "users"
    ORDERS = "orders"
    PRODUCTS = "products"


FIELDS: Mapping[Table, tuple[str, ...]] = {
    Table.USERS: ("name", "address", "email", "payment_methods", "orders"),
    Table.ORDERS: ("order_id", "user_id", "address", "items", "status", "payment_history"),
    Table.PRODUCTS: ("name", "product_id", "variants"),
}
"""What every record has; tau-bench's retail data has the same form."""
_NESTED: Mapping[Table, Mapping[str, tuple[str, ...]]] = {
    Table.USERS: {"payment_methods": ("source",)},
    Table.ORDERS: {
        "items": ("name", "product_id", "item_id", "price", "options"),
        "payment_history": ("transaction_type", "amount", "payment_method_id"),
    },
    Table.PRODUCTS: {"variants": ("item_id", "options", "available", "price")},
}


class Database:
    """Users, orders and products by id, and the policy that goes with them."""

    def __init__(self, name: str, users: Mapping[str, Record], orders: Mapping[str, Record], products: Mapping[str, Record],
                 policy: str) -> None:  # fmt: skip
        self.name = name
        self.policy = policy
        self.tables: Mapping[Table, Mapping[str, Record]] = {
            Table.USERS: users, Table.ORDERS: orders, Table.PRODUCTS: products,
        }  # fmt: skip
        self.by_email: Mapping[str, str] = {user["email"].lower(): key for key, user in users.items()}
        self.by_name_zip: Mapping[tuple[str, str, str], str] = {name_zip(user): key for key, user in users.items()}
        self.product_types = json.dumps({product["name"]: key for key, product in products.items()}, sort_keys=True)
        self._texts: dict[tuple[Table, str], str] = {}

    def text(self, table: Table, key: str) -> str:
        """An unchanged record as JSON, written once."""
        place = (table, key)
        text = self._texts.get(place)
        if text is None:
            text = self._texts[place] = json.dumps(self.tables[table][key])
        return text


class Session:
    """What one episode sees and changes. Records are never changed in place: `put` replaces them whole."""

    __slots__ = ("_changed", "database")

    def __init__(self, database: Database) -> None:
        self.database = database
        self._changed: dict[tuple[Table, str], Record] = {}

    def find(self, table: Table, key: str) -> Record | None:
        changed = self._changed.get((table, key)) if self._changed else None
        return self.database.tables[table].get(key) if changed is None else changed

    def text(self, table: Table, key: str) -> str | None:
        """A record as JSON; None where there is none."""
        changed = self._changed.get((table, key)) if self._changed else None
        if changed is not None:
            return json.dumps(changed)
        return self.database.text(table, key) if key in self.database.tables[table] else None

    def put(self, table: Table, key: str, record: Record) -> None:
        self._changed[table, key] = record

    def changes(self) -> Mapping[tuple[Table, str], Record]:
        """The records that differ from the database's; equal changes mean equal databases."""
        tables = self.database.tables
        return {place: record for place, record in self._changed.items() if record != tables[place[0]][place[1]]}

    def user_by_email(self, email: str) -> str | None:
        return self.database.by_email.get(email.lower())

    def user_by_name_zip(self, first_name: str, last_name: str, zip_code: str) -> str | None:
        wanted = (first_name.lower(), last_name.lower(), zip_code)
        for (table, key), record in self._changed.items():  # few, and an address may have changed
            if table is Table.USERS and name_zip(record) == wanted:
                return key
        key_found = self.database.by_name_zip.get(wanted)
        if key_found is not None and (Table.USERS, key_found) in self._changed:
            return key_found if name_zip(self._changed[Table.USERS, key_found]) == wanted else None
        return key_found


def name_zip(user: Record) -> tuple[str, str, str]:
    return user["name"]["first_name"].lower(), user["name"]["last_name"].lower(), user["address"]["zip"]


@lru_cache(maxsize=4)
def read_database(folder: Path) -> Database:
    """tau-bench's retail database from its folder: ``wiki.md`` and ``data/{users,orders,products}.json``.

    Raises `ConfigError` where the folder holds no such files, `DataError` naming file, record and field where one is broken.
    """
    tables: dict[Table, Mapping[str, Record]] = {}
    for table in Table:
        path = folder / "data" / f"{table}.json"
        if not path.is_file():
            raise ConfigError(
                f"database={str(folder)!r} has no data/{table}.json: give the folder of tau-bench's retail domain"
            )
        tables[table] = read_json(path, dict[str, dict[str, Any]], f"the {table} of tau-bench's retail domain by id")
        for key, record in tables[table].items():
            _check(table, record, f"{path}, entry {key!r}")
    wiki = folder / "wiki.md"
    if not wiki.is_file():
        raise ConfigError(f"database={str(folder)!r} has no wiki.md, which is the policy: put tau-bench's there")
    policy = wiki.read_text(encoding="utf-8").strip()
    return Database("retail", tables[Table.USERS], tables[Table.ORDERS], tables[Table.PRODUCTS], policy)


def _check(table: Table, record: Record, where: str) -> None:
    _need(record, FIELDS[table], where)
    for field, needed in _NESTED[table].items():
        inner = record[field]
        rows: Iterable[Any] = inner.values() if isinstance(inner, dict) else inner if isinstance(inner, list) else (None,)
        for row in rows:
            _need(row, needed, f"{where}, {field}")
    if table is not Table.PRODUCTS:
        _need(record["address"], ("address1", "zip"), f"{where}, address")
    if table is Table.USERS:
        _need(record["name"], ("first_name", "last_name"), f"{where}, name")


def _need(record: Any, fields: tuple[str, ...], where: str) -> None:
    for field in fields:
        if not isinstance(record, dict) or field not in record:
            raise DataError(f"{where}: the field {field} is missing; use tau-bench's own file")
