"""What a command prints on a terminal of some width, and the numbers in it."""

import io
import re
from collections import Counter

import pytest
from rich.console import Console

from bao.reporting.sheet import Sheet, print_sheet

_NUMBER = re.compile(r"[-+±]?\d[\d.,]*%?")
_STYLE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def on_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """Let commands believe that they write to a terminal of this width."""
    for name, value in {"TTY_COMPATIBLE": "1", "TERM": "xterm", "NO_COLOR": "1", "COLUMNS": str(width)}.items():
        monkeypatch.setenv(name, value)


def plain(text: str) -> str:
    return _STYLE.sub("", text)


def numbers(text: str) -> Counter[str]:
    return Counter(each.rstrip(".,") for each in _NUMBER.findall(plain(text)))


def printed(sheet: Sheet, width: int, *, wide: bool = False) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_sheet(console, sheet, wide=wide)
    return console.file.getvalue()  # type: ignore[attr-defined]


def assert_whole(narrow: str, wide: str, width: int) -> None:
    """Every number of `wide` stands in `narrow` too, in lines that fit."""
    lines = [line.rstrip() for line in plain(narrow).splitlines() if not line.startswith("results: ")]
    assert max(map(len, lines)) <= width
    assert "\u2026" not in narrow
    assert not numbers(wide) - numbers(narrow)
