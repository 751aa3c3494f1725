"""A table for the terminal in which every number is whole.

A number never goes on in the next line. Where the width does not take all columns, intervals stand below their means, and
columns that still find no room go on in a further table with the same rows.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bao.reporting.terminal import results_console

_WORDS_MOST = 28
"""Characters of a column of words, before they go on in the next line where there is no room."""
_BORDER = 3
"""Characters of a column's border and padding."""
_INTERVAL = re.compile(r" (?=[\[±])")


class Column(NamedTuple):
    """A heading, and a cell for every row."""

    heading: str
    cells: Sequence[str | Text]
    words: bool = False
    """Words, which stand on the left and may go on in the next line."""
    most: int = _WORDS_MOST
    """Characters of words, before they do."""

    @property
    def width(self) -> int:
        """What it takes of the screen."""
        lines = [line for each in (self.heading, *self.cells) for line in str(each).split("\n")]
        widest = max(map(len, lines))
        return _BORDER + (min(widest, self.most) if self.words else widest)

    def stacked(self) -> "Column":
        """With every interval below its mean."""
        if self.words:
            return self
        texts = [each if isinstance(each, Text) else Text(each) for each in self.cells]
        return self._replace(cells=[Text(_INTERVAL.sub("\n", each.plain), style=each.style) for each in texts])


@dataclass(frozen=True)
class Sheet:
    """Rows and columns. All columns have a cell for every row."""

    keys: Sequence[Column]
    """What names the rows, in every table."""
    columns: Sequence[Column]
    title: str = ""
    lines: Collection[int] = ()
    """Rows with a line above them."""

    def tables(self, width: int, *, wide: bool = False) -> list[Table]:
        """As tables that a terminal of this width takes; with `wide` a single one, as wide as it needs to be."""
        own = 1 + sum(each.width for each in self.keys)
        if wide or own + sum(each.width for each in self.columns) <= width:
            return [self._table(self.columns, first=True)]
        groups: list[list[Column]] = [[]]
        room = width - own
        for column in (each.stacked() for each in self.columns):
            if column.width > room and groups[-1]:
                groups.append([])
                room = width - own
            groups[-1].append(column)
            room -= column.width
        return [self._table(group, first=place == 0) for place, group in enumerate(groups)]

    def _table(self, columns: Sequence[Column], *, first: bool) -> Table:
        view = Table(title=Text(self.title) if first and self.title else None, title_justify="left")
        shown = [*self.keys, *columns]
        for each in shown:
            view.add_column(
                Text(each.heading), justify="left" if each.words else "right", no_wrap=not each.words, overflow="fold"
            )
        for place, row in enumerate(zip(*(each.cells for each in shown), strict=True)):
            if place in self.lines:
                view.add_section()
            view.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
        return view


def print_sheet(console: Console, sheet: Sheet, *, wide: bool = False) -> None:
    """Its tables on `console`; where they are `wide`, as wide as they need to be."""
    width = console.width
    for view in sheet.tables(width, wide=wide):
        if wide:
            console.width = 10_000
        console.print(view, crop=not wide)
        console.width = width


def print_lines(console: Console, lines: Iterable[str]) -> None:
    """Lines of text. A terminal, which would break them anywhere, gets them broken between words."""
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=not console.is_terminal)


def print_results(sheet: Sheet, lines: Iterable[str] = (), *, wide: bool = False) -> None:
    """A sheet and the lines that belong below it, on standard output."""
    console = results_console()
    print_sheet(console, sheet, wide=wide)
    print_lines(console, lines)
