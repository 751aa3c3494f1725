"""A seeded generator of tasks for the package's own shop.

Tasks want one to three things, which is their level. Customers, orders and payment methods are those of one split each, and so
is every wished change of an item (the product, its present options and the wished ones).
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from bao.gyms.tau.database import Record, Session
from bao.gyms.tau.retail.database import Shop, Table
from bao.gyms.tau.retail.shop import CUSTOMERS, databases
from bao.gyms.tau.retail.tools import REASONS, TOOLBOX
from bao.gyms.tau.retail.wishes import Item, Operation, Wish, address_text, options_text, wish_to_json
from bao.gyms.tau.tasks import NAME, Step
from bao.task import Split, Task

LEVELS = (1, 2, 3)
"""Number of wishes."""
SIZES = {Split.TRAIN: 600, Split.VALID: 100, Split.TEST: 240}
ORDER_KNOWN, CONDITION, FORBIDDEN = 0.6, 0.3, 0.12
"""Chances that the customer has an order's number at hand, that a swap has a second choice, and that a wish is forbidden."""


def split_of(product: str, options: Mapping[str, str], wished: Mapping[str, str]) -> Split:
    """The one split in which this change of an item may be wished: about 70 % train, 10 % valid, 20 % test."""
    key = f"{product}|{options_text(options)}|{options_text(wished)}"
    share = zlib.crc32(key.encode()) % 100
    return Split.TRAIN if share < 70 else Split.VALID if share < 80 else Split.TEST


def generate(split: Split, index: int, levels: tuple[int, ...] = LEVELS) -> Task:
    """The `index`-th task of a split: the same one each time."""
    rng = np.random.default_rng([list(Split).index(split), index, *levels])
    level = levels[index % len(levels)]
    database = databases()[split]
    key = list(database.tables[Table.USERS])[(index // len(levels)) % CUSTOMERS[split]]
    writer = _Writer(database, key, split, rng)
    while len(writer.wishes) < level:
        writer.add()
    user = database.tables[Table.USERS][key]
    identity = dict(user["name"])
    identity |= {"zip": user["address"]["zip"]} if rng.random() < 0.5 else {"email": user["email"]}
    data = {
        "database": database.name,
        "user_id": key,
        "identity": identity,
        "wishes": [wish_to_json(w) for w in writer.wishes],
        "actions": [{"name": str(step.name), "arguments": dict(step.arguments)} for step in writer.steps],
        "outputs": [wish.output for wish in writer.wishes if wish.output],
    }
    mark = "".join(map(str, levels))
    return Task(f"tau-{mark}-{split}-{index}", NAME, data, split, level)


class _Writer:
    """Writes the wishes of one customer, each on an order of its own, and plays the calls as it goes."""

    def __init__(self, database: Shop, key: str, split: Split, rng: np.random.Generator) -> None:
        self.wishes: list[Wish] = []
        self.steps: list[Step] = []
        self._session = Session(database)
        self._key = key
        self._split = split
        self._rng = rng
        orders = database.tables[Table.ORDERS]
        self._user = database.tables[Table.USERS][key]
        self._free = {name: orders[name] for name in self._user["orders"]}
        self._moved = False

    def add(self) -> None:
        """One more wish, with the calls that do it; nothing where the draw does not work out."""
        kinds: Sequence[tuple[float, Callable[[], None]]] = (
            (0.14, self._cancel),
            (0.2, partial(self._swap, Operation.ITEMS, "pending")),
            (0.1, self._address),
            (0.1, self._payment),
            (0.13, self._return),
            (0.2, partial(self._swap, Operation.EXCHANGE, "delivered")),
            (0.05, self._home),
            (FORBIDDEN, self._forbidden),
            (0.12, self._inform),
        )
        weights = np.array([weight for weight, _ in kinds])
        kinds[int(self._rng.choice(len(kinds), p=weights / weights.sum()))][1]()

    def _keep(self, wish: Wish, *steps: Step) -> None:
        trial = Session(self._session.database)
        if all(TOOLBOX.call(trial, step.name, step.arguments).ok for step in (*self.steps, *steps)):
            self.steps += steps
            self.wishes.append(wish)
            self._free.pop(wish.order, None)

    def _take(self, status: str) -> Record | None:
        found = [order for order in self._free.values() if order["status"] == status]
        return self._pick(found) if found else None

    def _pick(self, several: Sequence[Any]) -> Any:
        return several[int(self._rng.integers(len(several)))]

    def _wish(self, operation: Operation, order: Record, **fields: Any) -> Wish:
        known = bool(self._rng.random() < ORDER_KNOWN)
        about = self._pick(order["items"])["name"]
        return Wish(operation, order=order["order_id"], order_known=known, about=about, **fields)

    def _said_payment(self, order: Record, method: str) -> str:
        """A payment method as a customer calls it: by what it is where that is clear, or by its id."""
        methods = self._user["payment_methods"]
        source = methods[method]["source"]
        ways = [method]
        if sum(other["source"] == source for other in methods.values()) == 1:
            ways.append({"gift_card": "my gift card", "credit_card": "my credit card", "paypal": "my PayPal account"}[source])
        if order["payment_history"][0]["payment_method_id"] == method:
            ways.append("what I paid with")
        return str(self._pick(ways))

    def _cancel(self) -> None:
        order = self._take("pending")
        if order is not None:
            reason = self._pick(REASONS)
            wish = self._wish(Operation.CANCEL, order, reason=reason)
            self._keep(wish, Step(Operation.CANCEL, {"order_id": order["order_id"], "reason": reason}))

    def _return(self) -> None:
        order = self._take("delivered")
        if order is not None:
            self._keep(*self._returning(order))

    def _returning(self, order: Record) -> tuple[Wish, Step]:
        several = [order["items"][i] for i in self._some(len(order["items"]))]
        paid = order["payment_history"][0]["payment_method_id"]
        cards = [name for name, method in self._user["payment_methods"].items() if method["source"] == "gift_card"]
        method = str(self._pick(sorted({paid, *cards})))
        items = tuple(Item(row["name"], {}, {}) for row in several)
        wish = self._wish(Operation.RETURN, order, items=items, payment=self._said_payment(order, method))
        ids = [row["item_id"] for row in several]
        return wish, Step(Operation.RETURN, {"order_id": order["order_id"], "item_ids": ids, "payment_method_id": method})

    def _some(self, count: int) -> list[int]:
        """One of `count` places, or two."""
        size = min(count, 1 + int(self._rng.random() < 0.35))
        return sorted(self._rng.permutation(count)[:size].tolist())

    def _swap(self, operation: Operation, status: str) -> None:
        """A swap of one or two items; with a second choice for one item where the first may not be to be had."""
        order = self._take(status)
        if order is None:
            return
        places = self._some(len(order["items"]))
        method = str(self._pick(list(self._user["payment_methods"])))
        said = self._said_payment(order, method)
        if self._rng.random() >= CONDITION:
            found = [self._target(order["items"][place], True) for place in places]
            if any(variant is None for variant in found):
                return
            items = [self._item(order["items"][p], v["options"]) for p, v in zip(places, found, strict=True) if v is not None]
            wish = self._wish(operation, order, items=tuple(items), payment=said)
            steps = [self._swap_step(operation, order, places, [v["item_id"] for v in found if v is not None], method)]
            if len(places) == 1 and self._rng.random() < 0.3:  # a second choice that is not needed
                spare = self._target(order["items"][places[0]], True)
                if spare is not None and spare is not found[0]:
                    wish = replace(
                        wish, otherwise=replace(wish, items=(self._item(order["items"][places[0]], spare["options"]),))
                    )
            self._keep(wish, *steps)
            return
        row = order["items"][places[0]]
        wanted, second = self._missing(row), self._target(row, True)
        if wanted is None:
            return
        wish = self._wish(operation, order, items=(self._item(row, wanted),), payment=said)
        if second is None or self._rng.random() < 0.3:
            self._keep(wish)
            return
        otherwise = replace(wish, items=(self._item(row, second["options"]),))
        self._keep(
            replace(wish, otherwise=otherwise), self._swap_step(operation, order, places[:1], [second["item_id"]], method)
        )

    def _swap_step(self, operation: Operation, order: Record, places: list[int], new: list[str], method: str) -> Step:
        ids = [order["items"][place]["item_id"] for place in places]
        arguments = {"order_id": order["order_id"], "item_ids": ids, "new_item_ids": new, "payment_method_id": method}
        return Step(operation, arguments)

    def _item(self, row: Record, options: Mapping[str, str]) -> Item:
        change = {name: value for name, value in options.items() if row["options"][name] != value}
        return Item(row["name"], row["options"], change)

    def _variants(self, row: Record) -> list[Record]:
        product = self._session.database.tables[Table.PRODUCTS][row["product_id"]]
        return list(product["variants"].values())

    def _target(self, row: Record, available: bool) -> Record | None:
        """A variant into which this item may be changed in this split."""
        found = [
            variant
            for variant in self._variants(row)
            if variant["item_id"] != row["item_id"]
            and variant["available"] == available
            and split_of(row["name"], row["options"], variant["options"]) == self._split
        ]
        return self._pick(found) if found else None

    def _missing(self, row: Record) -> Mapping[str, str] | None:
        """Options that cannot be had: those of a variant that is out of stock, or of none at all."""
        gone = self._target(row, False)
        if gone is not None and self._rng.random() < 0.6:
            return dict(gone["options"])
        variants = self._variants(row)
        there = [variant["options"] for variant in variants]
        for _ in range(20):
            options = {name: str(self._pick(sorted({v["options"][name] for v in variants}))) for name in row["options"]}
            if options not in there and split_of(row["name"], row["options"], options) == self._split:
                return options
        return None

    def _address(self) -> None:
        order = self._take("pending")
        if order is None:
            return
        home = self._session.find(Table.USERS, self._key)
        assert home is not None
        if order["address"] != home["address"] and not self._moved and self._rng.random() < 0.7:
            address, said = home["address"], "the address in my profile"
        else:
            address = self._new_address()
            said = address_text(address)
        wish = self._wish(Operation.ADDRESS, order, address=said)
        self._keep(wish, Step(Operation.ADDRESS, {"order_id": order["order_id"], **address}))

    def _home(self) -> None:
        """A new address in the profile; not where an order goes to the address of the profile, which would become another."""
        if self._moved or any(wish.address for wish in self.wishes):
            return
        address = self._new_address()
        self._moved = True
        self._keep(Wish(Operation.HOME, address=address_text(address)), Step(Operation.HOME, {"user_id": self._key, **address}))

    def _new_address(self) -> Record:
        """A near neighbour of where the customer lives: nobody else's address."""
        home = self._user["address"]
        number, street = home["address1"].split(" ", 1)
        return {
            **home,
            "address1": f"{number}{int(self._rng.integers(2, 9))} {street}",
            "address2": f"Flat {int(self._rng.integers(50, 90))}",
        }

    def _payment(self) -> None:
        order = self._take("pending")
        if order is None:
            return
        paid = order["payment_history"][0]["payment_method_id"]
        others = [name for name in self._user["payment_methods"] if name != paid]
        method = str(self._pick(others))
        wish = self._wish(Operation.PAYMENT, order, payment=self._said_payment(order, method))
        self._keep(wish, Step(Operation.PAYMENT, {"order_id": order["order_id"], "payment_method_id": method}))

    def _forbidden(self) -> None:
        """A wish that the rules forbid: given up, or (a return where a cancellation comes too late) put otherwise."""
        order = self._take(str(self._pick(("processed", "delivered"))))
        if order is None:
            return
        if order["status"] == "delivered":
            wish, step = self._returning(order)
            cancel = self._wished_cancel(order, None)
            same = replace(wish, order_known=cancel.order_known, about=cancel.about)
            self._keep(replace(cancel, otherwise=same), step)
        elif self._rng.random() < 0.5:
            self._keep(self._wished_cancel(order, None))
        else:
            wish = self._wish(Operation.ADDRESS, order, address=address_text(self._new_address()))
            self._keep(wish)

    def _wished_cancel(self, order: Record, otherwise: Wish | None) -> Wish:
        return self._wish(Operation.CANCEL, order, reason=self._pick(REASONS), otherwise=otherwise)

    def _inform(self) -> None:
        """A question whose answer has to be looked up, and in some cases worked out."""
        kind = int(self._rng.integers(3))
        if kind == 0:
            products = list(self._session.database.tables[Table.PRODUCTS].values())
            product = self._pick(products)
            count = sum(variant["available"] for variant in product["variants"].values())
            question = f"I would like to know how many variants of the {product['name']} can be had at present."
            self._keep_question(Wish(Operation.INFORM, question=question, output=str(count)))
            return
        order = self._take(str(self._pick(("delivered", "processed"))))
        if order is None:
            return
        product = self._pick(order["items"])["name"]
        if kind == 1:
            question = f"I would like to know the tracking number of the order with the {product}."
            answer = order["fulfillments"][0]["tracking_id"][0]
        else:
            question = f"I would like to know what I paid in all for the order with the {product}."
            answer = f"{order['payment_history'][0]['amount']:.2f}"
        self._keep_question(Wish(Operation.INFORM, order=order["order_id"], about=product, question=question, output=answer))

    def _keep_question(self, wish: Wish) -> None:
        if all(wish.output != other.output for other in self.wishes):
            self._keep(replace(wish, order_known=not wish.order))
