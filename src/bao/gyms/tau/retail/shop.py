"""The shop that comes with the package: its catalogue and its customers, the same ones every time.

All splits share the catalogue; each has customers, orders and payment methods of its own.
"""

from collections.abc import Mapping
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from bao.gyms.data import table, text
from bao.gyms.tau.database import Record
from bao.gyms.tau.retail.database import Shop
from bao.task import Split

CUSTOMERS: Mapping[Split, int] = {Split.TRAIN: 400, Split.VALID: 60, Split.TEST: 120}
STATUSES = ("pending", "pending", "delivered", "delivered", "processed")
"""Of each customer's orders."""
VARIANTS = 14
"""Of each product, out of the 27 combinations of its options."""
_METHODS_LISTED = (
    "credit_card gift_card, credit_card paypal, credit_card credit_card gift_card, gift_card paypal, "
    "credit_card paypal gift_card"
)
_METHODS = tuple(kinds.split() for kinds in _METHODS_LISTED.split(", "))
"""The kinds of payment methods that a customer may have."""
AVAILABLE = 0.75
"""Share of the variants that can be had."""


@lru_cache(maxsize=1)
def policy() -> str:
    return text(__package__, "policy.md").strip()


@lru_cache(maxsize=1)
def parts() -> Mapping[str, Any]:
    """What ``shop.toml`` holds."""
    return table(__package__, "shop.toml")


@lru_cache(maxsize=1)
def databases() -> Mapping[Split, Shop]:
    """The shop as the customers of each split see it."""
    rng = np.random.default_rng(20_240)
    numbers = _Numbers(rng)
    products = _catalogue(rng, numbers)
    names = [(first, last) for first in parts()["first_names"].split() for last in parts()["last_names"].split()]
    order = rng.permutation(len(names)).tolist()
    stock = _Stock(list(products.values()), _addresses(rng), numbers, rng)
    found = {}
    for split, count in CUSTOMERS.items():
        users: dict[str, Record] = {}
        orders: dict[str, Record] = {}
        for _ in range(count):
            _customer(names[order.pop()], users, orders, stock)
        found[split] = Shop(f"shop-{split}", users, orders, products, policy())
    return found


class _Stock(NamedTuple):
    """What customers and their orders are made from."""

    products: list[Record]
    places: list[Record]
    numbers: "_Numbers"
    rng: np.random.Generator


class _Numbers:
    """Numbers of seven digits, none twice."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._free = (rng.choice(9_000_000, size=20_000, replace=False) + 1_000_000).tolist()

    def draw(self, digits: int = 7) -> str:
        number: int = self._free.pop()
        more = digits - 7
        return f"{number}{number * 7919 % 10**more:0{more}d}" if more else str(number)


def _catalogue(rng: np.random.Generator, numbers: _Numbers) -> Mapping[str, Record]:
    products = {}
    for name, row in parts()["products"].items():
        options = row["options"]
        combinations = [dict(zip(options, values, strict=True)) for values in product(*options.values())]
        variants = {}
        for index in rng.permutation(len(combinations))[:VARIANTS].tolist():
            item = numbers.draw(10)
            price = round(row["price"] * (0.8 + 0.2 * float(rng.random())), 2)
            available = bool(rng.random() < AVAILABLE)
            variants[item] = {"item_id": item, "options": combinations[index], "available": available, "price": price}
        key = numbers.draw(10)
        products[key] = {"name": name, "product_id": key, "variants": variants}
    return products


def _addresses(rng: np.random.Generator) -> list[Record]:
    """Addresses in random order, none twice; more than the shop and its tasks need."""
    made = []
    streets = [f"{street} {way}" for street in parts()["streets"].split() for way in parts()["ways"]]
    for index, (street, town) in enumerate(product(streets, parts()["cities"])):
        for number in range(3, 21):
            zip_code = f"{town['zip']}{int(rng.integers(100)):02d}"
            line = f"{number * 7 + index % 7} {street}"
            place = {"city": town["city"], "state": town["state"], "country": "USA", "zip": zip_code}
            made.append({"address1": line, "address2": f"Flat {index % 40 + 1}", **place})
    return [made[i] for i in rng.permutation(len(made)).tolist()]


def _customer(name: tuple[str, str], users: dict[str, Record], orders: dict[str, Record], stock: _Stock) -> None:
    products, places, numbers, rng = stock
    first, last = name
    mark = int(rng.integers(1000, 10_000))
    key = f"{first}_{last}_{mark}".lower()
    address = places.pop()
    methods = _methods(numbers, rng)
    wares = rng.permutation(len(products)).tolist()  # no product twice among a customer's orders: its name tells the order
    mine = []
    for status in STATUSES:
        items = []
        for _ in range(int(rng.integers(1, 4))):
            ware = products[wares.pop()]
            variant = list(ware["variants"].values())[int(rng.integers(VARIANTS))]
            item = {"name": ware["name"], "product_id": ware["product_id"]}
            items.append(item | {key: variant[key] for key in ("item_id", "price", "options")})
        total = round(sum(item["price"] for item in items), 2)
        usable = [name for name, method in methods.items() if method.get("balance", total) >= total]
        order = f"#B{numbers.draw()}"
        tracking = (
            [{"tracking_id": [numbers.draw(12)], "item_ids": [i["item_id"] for i in items]}] if status != "pending" else []
        )
        home = places.pop() if rng.random() < 0.3 else address
        method = usable[int(rng.integers(len(usable)))]
        orders[order] = {
            "order_id": order,
            "user_id": key,
            "address": home,
            "items": items,
            "fulfillments": tracking,
            "status": status,
            "payment_history": [{"transaction_type": "payment", "amount": total, "payment_method_id": method}],
        }
        mine.append(order)
    users[key] = {
        "name": {"first_name": first, "last_name": last},
        "address": address,
        "email": f"{first}.{last}{mark}@mail.example".lower(),
        "payment_methods": methods,
        "orders": [mine[i] for i in rng.permutation(len(mine)).tolist()],
    }


def _methods(numbers: _Numbers, rng: np.random.Generator) -> Mapping[str, Record]:
    """Two or three payment methods, of which one has no limit."""
    methods: dict[str, Record] = {}
    for kind in _METHODS[int(rng.integers(len(_METHODS)))]:
        key = f"{kind}_{numbers.draw()}"
        method: dict[str, Any] = {"source": kind, "id": key}
        if kind == "credit_card":
            method |= {"brand": ("visa", "mastercard")[int(rng.integers(2))], "last_four": str(int(rng.integers(1000, 10_000)))}
        if kind == "gift_card":
            method["balance"] = int(rng.integers(20, 400))
        methods[key] = method
    return methods
