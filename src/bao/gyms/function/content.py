"""What an agent writes into a probe or an answer, read as exact numbers or refused with the reason.

A number is read whole or not at all: ``.5`` is one half, ``1e2`` is 100, and what is left over after a number makes the text
unreadable. Digits are ASCII digits.
"""

import re
from fractions import Fraction

from bao.gyms.function.rules import INPUT_LIMIT

Inputs = tuple[int, int, int, int]

PLAIN_INTEGERS = {str(number): number for number in range(-INPUT_LIMIT, INPUT_LIMIT + 1)}
"""Every integer that may be probed by its common spelling. `read_probe` reads the other spellings."""

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?", re.ASCII)
_RATIO = re.compile(r"([+-]?\d+)\s*/\s*([+-]?\d+)", re.ASCII)
_BRACKETED = re.compile(r"\((.*)\)|\[(.*)\]", re.DOTALL)
_LENGTH_LIMIT = 100


class UnreadableError(ValueError):
    """The text is not what its place asks for. The message is written for the agent."""


def read_number(text: str) -> Fraction | None:
    """The number that `text` says: a decimal such as ``-3``, ``.5`` or ``1e2``, or a fraction such as ``7/3``; else None."""
    text = text.strip()
    if len(text) > _LENGTH_LIMIT:
        return None
    if _NUMBER.fullmatch(text):
        return Fraction(text)
    ratio = _RATIO.fullmatch(text)
    if ratio and int(ratio[2]):
        return Fraction(int(ratio[1]), int(ratio[2]))
    return None


def read_probe(text: str) -> Inputs:
    """Four integers, between spaces or between commas; brackets around them are allowed.

    Integers may be written as any number equal to one (``3.0``, ``1e2``). Raises `UnreadableError`.
    """
    text = text.strip()
    bracketed = _BRACKETED.fullmatch(text)
    if bracketed:
        text = bracketed[1] or bracketed[2] or ""
    parts = text.split(",") if "," in text else text.split()
    if len(parts) != 4:
        raise UnreadableError(f"A probe is four integers, such as 3 1 4 2; {_quote(text)} holds {len(parts)} parts.")
    a, b, c, d = (_read_input(part) for part in parts)
    return a, b, c, d


def read_answer(text: str) -> Fraction:
    """One number. Raises `UnreadableError`."""
    number = read_number(text)
    if number is None:
        raise UnreadableError(f"An answer is one number, such as 12, -3, 2.5 or 7/3; {_quote(text)} is not.")
    return number


def _read_input(text: str) -> int:
    number = read_number(text)
    if number is None:
        raise UnreadableError(f"A probe is four integers, such as 3 1 4 2; {_quote(text.strip())} is not a number.")
    if number.denominator != 1:
        raise UnreadableError(f"Only integers can be probed; {_quote(text.strip())} is not one.")
    if abs(number) > INPUT_LIMIT:
        raise UnreadableError(
            f"Only integers from -{INPUT_LIMIT} to {INPUT_LIMIT} can be probed; {_quote(text.strip())} is not."
        )
    return int(number)


def _quote(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
