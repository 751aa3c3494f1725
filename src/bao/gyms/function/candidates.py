"""Every small rule, as a library of candidates that probes narrow down.

A candidate uses each variable once, with ``+ - * / **`` between subexpressions and at most two squarings of a variable or of
a subexpression; it holds no other number. Values are floats here, which is enough to discard a rule: who needs the exact
value of one that remains compiles its text with `bao.gyms.function.rules.parse_rule`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from bao.gyms.function.content import Inputs
from bao.gyms.function.rules import VARIABLES

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int32]

_OPERATIONS: tuple[tuple[str, Callable[[Any, Any], Any], int], ...] = (
    ("({0} + {1})", lambda x, y: x + y, 0),
    ("({0} - {1})", lambda x, y: x - y, 0),
    ("({1} - {0})", lambda x, y: y - x, 0),
    ("({0} * {1})", lambda x, y: x * y, 0),
    ("({0} / {1})", lambda x, y: x / y, 1),
    ("({1} / {0})", lambda x, y: y / x, 1),
    ("({0} ** {1})", lambda x, y: x**y, 2),
    ("({1} ** {0})", lambda x, y: y**x, 2),
)
"""How two subexpressions are joined: as a text, as values, and what that costs."""
_TEMPLATES = tuple(template for template, _, _ in _OPERATIONS)
_JOINS = tuple(join for _, join, _ in _OPERATIONS)
_JOIN_COSTS = tuple(cost for _, _, cost in _OPERATIONS)
_SQUARES = 2
_POINT = dict(zip(VARIABLES, map(np.float64, (1.2718, 1.6180, 1.4142, 1.8393)), strict=True))
"""Where two subexpressions of the same value count as the same."""


@dataclass(frozen=True)
class _Part:
    """The distinct subexpressions over one set of variables."""

    texts: tuple[str, ...]
    squares: npt.NDArray[np.int8]
    """How many squarings each holds."""
    at: Callable[..., list[float]]
    """Their values, called with a, b, c and d as numpy floats."""


@dataclass(frozen=True)
class _Block:
    """All pairs of a left and a right part that stay within the number of squarings."""

    left: _Part
    right: _Part
    left_index: Integers
    right_index: Integers


class Library:
    """All candidates, numbered from 0; the arrays below are indexed by that number."""

    def __init__(self) -> None:
        parts = _grow_parts()
        everything = frozenset(VARIABLES)
        self._blocks = [_block(parts[left], parts[everything - left]) for left in _halves(everything)]
        self.cost: npt.NDArray[np.int8] = np.concatenate(
            [
                block.left.squares[block.left_index] + block.right.squares[block.right_index] + np.int8(cost)
                for block in self._blocks
                for cost in _JOIN_COSTS
            ]
        )
        """How far a candidate is from the simplest ones."""

    def __len__(self) -> int:
        return len(self.cost)

    def values(self, inputs: Inputs) -> Floats:
        """The value of every candidate, of shape [candidates]; not finite where it has none."""
        numbers = [np.float64(entry) for entry in inputs]
        found: list[Floats] = []
        with np.errstate(all="ignore"):
            for block in self._blocks:
                left = np.array(block.left.at(*numbers))[block.left_index]
                right = np.array(block.right.at(*numbers))[block.right_index]
                found += [join(left, right) for join in _JOINS]
        return np.concatenate(found)

    def text(self, index: int) -> str:
        """The expression of a candidate."""
        for block in self._blocks:
            pairs = len(block.left_index)
            if index < pairs * len(_TEMPLATES):
                join, pair = divmod(index, pairs)
                left, right = block.left.texts[block.left_index[pair]], block.right.texts[block.right_index[pair]]
                return _TEMPLATES[join].format(left, right)
            index -= pairs * len(_TEMPLATES)
        raise IndexError(f"the library has no candidate number {index}")


@lru_cache(maxsize=1)
def library() -> Library:
    """The one library of a process, made on first use."""
    return Library()


@lru_cache(maxsize=32)
def probe_values(inputs: Inputs) -> Floats:
    """`Library.values` on inputs that are probed again and again."""
    return library().values(inputs)


def _halves(names: frozenset[str]) -> Sequence[frozenset[str]]:
    """The ways to cut a set in two, each cut once: the parts that hold the first name."""
    first, *others = sorted(names)
    return [frozenset((first, *rest)) for size in range(len(others)) for rest in combinations(others, size)]


def _grow_parts() -> dict[frozenset[str], _Part]:
    """The parts over every set of one, two and three variables."""
    parts: dict[frozenset[str], _Part] = {}
    for size in (1, 2, 3):
        for names in map(frozenset, combinations(VARIABLES, size)):
            joined = [(name, 0) for name in names] if size == 1 else _joined(parts, names)
            squared = [(f"({text} ** 2)", squares + 1) for text, squares in joined if squares < _SQUARES]
            parts[names] = _distinct_part(joined + squared)
    return parts


def _joined(parts: dict[frozenset[str], _Part], names: frozenset[str]) -> list[tuple[str, int]]:
    blocks = [_block(parts[left], parts[names - left]) for left in _halves(names)]
    return [
        (template.format(block.left.texts[i], block.right.texts[j]), int(block.left.squares[i] + block.right.squares[j]))
        for block in blocks
        for i, j in zip(block.left_index, block.right_index, strict=True)
        for template in _TEMPLATES
    ]


def _block(left: _Part, right: _Part) -> _Block:
    i, j = np.nonzero(left.squares[:, None] + right.squares[None, :] <= _SQUARES)
    return _Block(left, right, i.astype(np.int32), j.astype(np.int32))


def _distinct_part(found: list[tuple[str, int]]) -> _Part:
    """Keeps the simplest of subexpressions that are equal."""
    found = sorted(found, key=lambda entry: entry[1])
    with np.errstate(all="ignore"):
        values = _function([text for text, _ in found])(**_POINT)
    kept: dict[str, tuple[str, int]] = {}
    for value, entry in zip(values, found, strict=True):
        kept.setdefault(f"{value:.10g}", entry)
    texts = tuple(text for text, _ in kept.values())
    return _Part(texts, np.array([squares for _, squares in kept.values()], dtype=np.int8), _function(texts))


def _function(texts: Sequence[str]) -> Callable[..., list[float]]:
    """One function for many expressions. The texts are made from the templates above, never read."""
    made: Callable[..., list[float]] = eval(f"lambda {', '.join(VARIABLES)}: [{', '.join(texts)}]", {"__builtins__": {}})
    return made
