"""Tables for the terminal: numbers are whole at any width; words give way first."""

import pytest
from rich.text import Text

from bao.reporting.sheet import Column, Sheet
from tests.support.narrow import assert_whole, printed

ROWS = ("ask_all", "a policy with a rather long name of its own", "[bold]")
SHEET = Sheet(
    [Column("Policy", ROWS, words=True)],
    [
        Column("Score", ["0.714 [0.701, 0.733]", Text("0.512 [0.499, 0.527]", style="dim"), "-"]),
        Column("Effort\nof the user", ["123,456", "+7.250 ±0.125 *", ""]),
        Column("Why", ["", "because it asked for what it could have looked up by itself", ""], words=True),
        Column("Episodes", ["1234567890"] * 3),
    ],
    "Three policies on 40 tasks",
    [1],
)


@pytest.mark.parametrize("width", [45, 60, 80, 120, 200])
def test_every_number_is_whole_and_every_line_fits(width: int) -> None:
    text = printed(SHEET, width)
    assert_whole(text, printed(SHEET, 45, wide=True), width)
    assert text.count("Three policies") == 1
    assert "[bold]" in text, "a name in brackets is no style"


def test_what_fits_is_one_table_with_its_intervals_in_line() -> None:
    assert "0.714 [0.701, 0.733]" in printed(SHEET, 200)
    assert printed(SHEET, 200).count("Policy") == 1


def test_what_does_not_fit_goes_on_below_with_the_same_rows() -> None:
    text = printed(SHEET, 60)
    assert text.count("Policy") > 1
    assert text.count("ask_all") == text.count("Policy")


def test_wide_is_one_table_whatever_the_terminal() -> None:
    text = printed(SHEET, 45, wide=True)
    assert text.count("Policy") == 1
    assert "0.714 [0.701, 0.733]" in text
    assert "because it asked for what it could have looked up by itself" in text
