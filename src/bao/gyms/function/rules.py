"""A rule of four numbers: an arithmetic expression over a, b, c and d, read safely and computed exactly.

`compile_rule` accepts numbers, the four variables, ``+ - * /``, ``**`` and signs, and nothing else. It turns the checked
expression into one Python function on integers that carries a numerator and, where there is a division, a denominator: no
float takes part, so ``a / 3 * 3`` is a again. Where a rule has no value (a division by zero, a value too large to be worth
showing, a power by a fraction) it gives the reason instead, an `Undefinedness`, which the gym shows as an observation.
"""

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from math import gcd
from typing import Any, NamedTuple

VARIABLES = ("a", "b", "c", "d")
Value = int | Fraction

INPUT_LIMIT = 999
"""Largest magnitude of an input."""
VALUE_LIMIT = 10**30
"""Values at or above this magnitude are not shown."""
_VALUE_BITS = VALUE_LIMIT.bit_length() - 1
_POWER_BITS = 1024
"""Largest size of an intermediate power, so that no rule can exhaust memory or time."""
_TEXT_LIMIT = 200
_CONSTANT_LIMIT = 10**6


class Operator(StrEnum):
    """What a rule uses."""

    ADD = "add"
    SUBTRACT = "subtract"
    MULTIPLY = "multiply"
    DIVIDE = "divide"
    NEGATE = "negate"
    CONSTANT_POWER = "constant_power"
    """The exponent is a number, as in ``a ** 2``."""
    VARIABLE_POWER = "variable_power"
    """The exponent holds a variable, as in ``a ** b``."""


class Undefinedness(StrEnum):
    """Why a rule has no value on some inputs. The text is what the agent reads."""

    DIVISION_BY_ZERO = "undefined (division by zero)"
    OUT_OF_RANGE = "out of range (too large or too small to show)"
    IRRATIONAL = "undefined (a power by a fraction)"


_OUT_OF_RANGE = Undefinedness.OUT_OF_RANGE
Parts = int | tuple[int, int] | Undefinedness
"""A value as the compiled code gives it: whole, a numerator over a non-zero denominator (not reduced), or none."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A checked and compiled rule."""

    text: str
    operators: tuple[Operator, ...]
    """Those it uses, in the order of `Operator`."""
    extras: int
    """How many divisions, constant powers and numbers (other than exponents) it holds."""
    variables: frozenset[str]
    parts: Callable[[int, int, int, int], Parts] = field(repr=False, compare=False)
    """The compiled code, for integers a, b, c, d of magnitude up to `INPUT_LIMIT`."""

    def value(self, a: int, b: int, c: int, d: int) -> Value | Undefinedness:
        """The exact value: an int where it is whole, else a reduced fraction; or the reason why there is none."""
        parts = self.parts(a, b, c, d)
        if not isinstance(parts, tuple):
            return parts
        numerator, denominator = parts
        whole, rest = divmod(numerator, denominator)
        return Fraction(numerator, denominator) if rest and abs(whole) < VALUE_LIMIT else _bounded(whole)

    @property
    def level(self) -> int:
        """1: only + - *; 2: one division, constant power or number more; 3: several of these; 4: a variable exponent."""
        return 4 if Operator.VARIABLE_POWER in self.operators else min(1 + self.extras, 3)


def parse_rule(text: str) -> Rule:
    """Check and compile a rule. Raises `ValueError` naming what in it is not allowed."""
    if len(text) > _TEXT_LIMIT:
        raise ValueError(f"the rule has {len(text)} characters; at most {_TEXT_LIMIT} are read")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"the rule {text!r} is no arithmetic expression: {error}") from error
    compiler = _Compiler(text)
    return compiler.finish(compiler.visit(tree.body))


compile_rule = lru_cache(maxsize=8192)(parse_rule)
"""`parse_rule`, remembering the rules it has read."""


def parts_text(parts: Parts) -> str:
    """What an agent reads: ``12``, ``-0.6``, ``2.3333 (rounded)`` to four decimals (as in UserRL), or why there is none."""
    if not isinstance(parts, tuple):
        return str(parts)
    numerator, denominator = parts
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    scaled, rest = divmod(abs(numerator) * 10_000, denominator)
    if rest + rest >= denominator:
        scaled += 1
    units, places = divmod(scaled, 10_000)
    if units >= VALUE_LIMIT:
        return _OUT_OF_RANGE
    sign = "-" if numerator < 0 and scaled else ""
    if rest:
        return f"{sign}{units}.{places:04} (rounded)"
    return f"{sign}{units}.{places:04}".rstrip("0") if places else f"{sign}{units}"


class _Term(NamedTuple):
    """A subexpression as code: the names or literals of its numerator and denominator."""

    numerator: str
    denominator: str | None
    """None where it is 1 by construction."""
    bits: int
    """Upper bound of the size of both on inputs up to `INPUT_LIMIT`."""


class _Compiler:
    """Walks a checked expression once, writing Python statements on integers."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines: list[str] = []
        self.used: set[Operator] = set()
        self.variables: set[str] = set()
        self.extras = 0

    def visit(self, node: ast.expr) -> _Term:
        match node:
            case ast.Name(id=name) if name in VARIABLES:
                self.variables.add(name)
                return _Term(name, None, INPUT_LIMIT.bit_length())
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                self.extras += 1
                return self.constant(number)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.visit(operand)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                self.used.add(Operator.NEGATE)
                term = self.visit(operand)
                return term._replace(numerator=f"(-{term.numerator})")
            case ast.BinOp(op=ast.Pow(), left=left, right=right):
                return self.power(self.visit(left), right)
            case ast.BinOp(op=ast.Add() | ast.Sub() as op, left=left, right=right):
                return self.sum(self.visit(left), self.visit(right), isinstance(op, ast.Add))
            case ast.BinOp(op=ast.Mult(), left=left, right=right):
                self.used.add(Operator.MULTIPLY)
                return self.product(self.visit(left), self.visit(right))
            case ast.BinOp(op=ast.Div(), left=left, right=right):
                self.used.add(Operator.DIVIDE)
                self.extras += 1
                return self.product(self.visit(left), self.inverse(self.visit(right)))
        raise ValueError(
            f"the rule {self.text!r} holds {ast.unparse(node)!r}; only a, b, c, d, numbers and + - * / ** are allowed"
        )

    def constant(self, number: float) -> _Term:
        if abs(number) >= _CONSTANT_LIMIT:
            raise ValueError(f"the rule {self.text!r} holds the number {number}; keep numbers below {_CONSTANT_LIMIT}")
        exact = Fraction(repr(number))  # the decimal as written, not the nearest binary fraction
        bits = max(exact.numerator.bit_length(), exact.denominator.bit_length())
        return _Term(str(exact.numerator), None if exact.denominator == 1 else str(exact.denominator), bits)

    def sum(self, left: _Term, right: _Term, plus: bool) -> _Term:
        self.used.add(Operator.ADD if plus else Operator.SUBTRACT)
        sign = "+" if plus else "-"
        if left.denominator is None and right.denominator is None:
            return _Term(f"({left.numerator} {sign} {right.numerator})", None, max(left.bits, right.bits) + 1)
        numerator = f"{_times(left.numerator, right.denominator)} {sign} {_times(right.numerator, left.denominator)}"
        denominator = _times(left.denominator or "1", right.denominator)
        return self.store(numerator, denominator, left.bits + right.bits + 1)

    def product(self, left: _Term, right: _Term) -> _Term:
        numerator, bits = f"({left.numerator} * {right.numerator})", left.bits + right.bits
        if left.denominator is None and right.denominator is None:
            return _Term(numerator, None, bits)
        return self.store(numerator, _times(left.denominator or "1", right.denominator), bits)

    def inverse(self, term: _Term) -> _Term:
        name = self.name(term.numerator)
        self.lines.append(f"if not {name}: return zero_division")
        return _Term(term.denominator or "1", name, term.bits)

    def power(self, base: _Term, exponent: ast.expr) -> _Term:
        known = _whole_number(exponent)
        if known is None:
            inside = {node.id for node in ast.walk(exponent) if isinstance(node, ast.Name)}
            if not inside:
                raise ValueError(f"the rule {self.text!r} has the exponent {ast.unparse(exponent)!r}; give a whole number")
            self.used.add(Operator.VARIABLE_POWER)
            return self.guarded_power(base, self.visit(exponent))
        self.used.add(Operator.CONSTANT_POWER)
        self.extras += 1
        if known < 0:
            base = self.inverse(base)
        size = abs(known)
        if base.bits * size > _POWER_BITS:
            return self.guarded_power(base, _Term(str(size), None, size.bit_length()))
        if base.denominator is None:
            return _Term(f"({base.numerator} ** {size})", None, base.bits * size)
        return self.store(f"{base.numerator} ** {size}", f"{base.denominator} ** {size}", base.bits * size)

    def guarded_power(self, base: _Term, exponent: _Term) -> _Term:
        parts = (base.numerator, base.denominator or "1", exponent.numerator, exponent.denominator or "1")
        numerator, denominator = f"p{len(self.lines)}", f"q{len(self.lines)}"
        self.lines.append(f"{numerator}, {denominator} = power({', '.join(parts)})")
        self.lines.append(f"if not {denominator}: return {numerator}")
        return _Term(numerator, denominator, _POWER_BITS)

    def name(self, code: str) -> str:
        name = f"t{len(self.lines)}"
        self.lines.append(f"{name} = {code}")
        return name

    def store(self, numerator: str, denominator: str, bits: int) -> _Term:
        return _Term(self.name(numerator), self.name(denominator), bits)

    def finish(self, term: _Term) -> Rule:
        if term.denominator is not None:
            result = f"{term.numerator}, {term.denominator}"
        elif term.bits > _VALUE_BITS:
            result = f"bounded({term.numerator})"
        else:
            result = term.numerator
        source = "\n ".join(["def parts(a, b, c, d):", *self.lines, f"return {result}"])
        # Nothing of the rule's text reaches this code: names and integers only, written above from the checked tree.
        scope: dict[str, Any] = {
            "__builtins__": {},
            "power": _power,
            "bounded": _bounded,
            "zero_division": Undefinedness.DIVISION_BY_ZERO,
        }
        exec(source, scope)
        operators = tuple(operator for operator in Operator if operator in self.used)
        return Rule(self.text, operators, self.extras, frozenset(self.variables), scope["parts"])


def _times(code: str, factor: str | None) -> str:
    return code if factor is None else f"{code} * {factor}"


def _whole_number(node: ast.expr) -> int | None:
    """The exponent that `node` spells out, if it is a whole number below the limit on powers."""
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _whole_number(operand)
            return None if inner is None else -inner
        case ast.Constant(value=int() as number) if not isinstance(number, bool) and number <= _POWER_BITS:
            return number
    return None


def _bounded(value: int) -> int | Undefinedness:
    return value if -VALUE_LIMIT < value < VALUE_LIMIT else _OUT_OF_RANGE


def _power(numerator: int, denominator: int, upper: int, lower: int) -> tuple[int | Undefinedness, int]:
    """(numerator / denominator) ** (upper / lower) as a numerator and a denominator, or a reason and 0."""
    exponent, rest = divmod(upper, lower)
    if rest:
        return Undefinedness.IRRATIONAL, 0
    if exponent < 0:
        if not numerator:
            return Undefinedness.DIVISION_BY_ZERO, 0
        numerator, denominator, exponent = denominator, numerator, -exponent
    if numerator != 1 and denominator != 1:
        common = gcd(numerator, denominator)
        numerator, denominator = numerator // common, denominator // common
    if -1 <= numerator <= 1 and -1 <= denominator <= 1:  # any exponent is cheap here, however large
        exponent = min(exponent, 2 - exponent % 2)
    elif (numerator.bit_length() + denominator.bit_length()) * exponent > _POWER_BITS:
        return _OUT_OF_RANGE, 0
    return numerator**exponent, denominator**exponent
