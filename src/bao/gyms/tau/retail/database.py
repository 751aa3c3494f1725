"""A shop's users, orders and products."""

import json
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from bao.gyms.tau.database import Database, Record, Records, Session, read_policy, read_tables


class Table(StrEnum):
    USERS = "users"
    ORDERS = "orders"
    PRODUCTS = "products"


NEEDS: Mapping[str, str] = {
    Table.USERS: "name.first_name name.last_name address.address1 address.zip email payment_methods.*.source orders",
    Table.ORDERS: (
        "order_id user_id address.address1 address.zip items.*.name items.*.product_id items.*.item_id items.*.price "
        "items.*.options status payment_history.*.transaction_type payment_history.*.amount "
        "payment_history.*.payment_method_id"
    ),
    Table.PRODUCTS: "name product_id variants.*.item_id variants.*.options variants.*.available variants.*.price",
}
"""What every record has; tau-bench's retail data has the same form."""


class Shop(Database):
    """Users, orders and products by id, with what the look-up of users needs."""

    def __init__(self, name: str, users: Records, orders: Records, products: Records, policy: str) -> None:
        super().__init__(name, {Table.USERS: users, Table.ORDERS: orders, Table.PRODUCTS: products}, policy)
        self.by_email: Mapping[str, str] = {user["email"].lower(): key for key, user in users.items()}
        self.by_name_zip: Mapping[tuple[str, str, str], str] = {name_zip(user): key for key, user in users.items()}
        self.product_types = json.dumps({product["name"]: key for key, product in products.items()}, sort_keys=True)


def user_by_email(session: Session[Shop], email: str) -> str | None:
    return session.database.by_email.get(email.lower())


def user_by_name_zip(session: Session[Shop], first_name: str, last_name: str, zip_code: str) -> str | None:
    wanted = (first_name.lower(), last_name.lower(), zip_code)
    written = dict(session.written(Table.USERS))  # an address may have changed
    for key, record in written.items():
        if name_zip(record) == wanted:
            return key
    key_found = session.database.by_name_zip.get(wanted)
    return None if key_found in written else key_found


def name_zip(user: Record) -> tuple[str, str, str]:
    return user["name"]["first_name"].lower(), user["name"]["last_name"].lower(), user["address"]["zip"]


@lru_cache(maxsize=4)
def read_shop(folder: Path) -> Shop:
    """tau-bench's retail database from its folder: ``wiki.md`` and ``data/{users,orders,products}.json``.

    Raises `ConfigError` where the folder holds no such files, `DataError` naming file, record and field where one is broken.
    """
    tables = read_tables(folder, NEEDS, "retail")
    return Shop("retail", tables[Table.USERS], tables[Table.ORDERS], tables[Table.PRODUCTS], read_policy(folder))
