"""The tree of questions: which entities fit an opening and the replies so far, and which question tells most about them."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from bao.gyms.telepathy.table import DEPENDS, NO, YES, table


@cache
def values() -> npt.NDArray[np.int8]:
    """The table as an array, entities by features."""
    return np.array([entity.values for entity in table().entities], dtype=np.int8)


@cache
def askable() -> npt.NDArray[np.bool_]:
    """Which features can be asked for, shape ``(features,)``."""
    return np.array([bool(feature.ask) for feature in table().features])


def entropy(found: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
    """Entropy in bits of each column's values, shape ``(features,)``."""
    shares = np.array([(found == value).mean(axis=0) for value in (NO, DEPENDS, YES)])
    logs = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    bits: npt.NDArray[np.float64] = -(shares * logs).sum(axis=0)
    return bits


@dataclass(frozen=True)
class Node:
    """What is known after an opening and some replies, each to the best question of the node before."""

    left: tuple[int, ...]
    """The entities that fit, by place in the table."""
    question: int | None
    """The feature whose reply has the greatest entropy if they are equally likely; None where no reply could tell more."""


@cache
def node(what: str, replies: tuple[int, ...]) -> Node:
    """The node after an opening that names `what` (a kind or a realm) and `replies`: `NO`, `DEPENDS` or `YES` each."""
    if replies:
        above = node(what, replies[:-1])
        assert above.question is not None, "there was nothing to reply to"
        left = tuple(place for place in above.left if values()[place, above.question] == replies[-1])
    else:
        left = tuple(place for place, entity in enumerate(table().entities) if what in (entity.kind, entity.realm))
    if len(left) < 2:
        return Node(left, None)
    bits = np.where(askable(), entropy(values()[list(left)]), -1.0)
    best = int(bits.argmax())
    return Node(left, best if bits[best] > 0 else None)
