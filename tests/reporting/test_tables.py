"""Tables of summaries: at any usual width each number stands there whole."""

import io
import re

import pytest
from rich.console import Console

from bao.measures.catalogue import MEASURES
from bao.measures.summary import measured_in, summarize
from bao.reporting.tables import print_tables
from tests.measures.test_metrics import episode

NAMES = ("ask_all", "a policy with a rather long name of its own", "bao w=0.05")


def summaries():
    found = []
    for name in NAMES:
        played = [
            episode(f"t{i}", "u" * (1 + i % 4), 1.0 if i % 3 else 0.25, seed=seed, policy=name, effort_weight=0.05)
            for i in range(12)
            for seed in range(2)
        ]
        found.append(summarize(played, resamples=200))
    return found


def printed(width, wide=False):
    console = Console(file=io.StringIO(), width=width)
    print_tables(console, summaries(), wide=wide)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_every_number_is_whole_and_no_line_is_wider_than_the_terminal(width):
    text = printed(width)
    lines = [line for line in text.splitlines() if not line.startswith("note: ")]
    assert max(map(len, lines)) <= width
    assert "\u2026" not in text
    for summary in summaries():
        values = measured_in(summary)
        for name in ("score", "success", "user_effort", "turns", "tokens", "pass_hat_2"):
            for part in MEASURES[name].text(values[name], "\n").split("\n"):
                assert part in text
    for heading in ("Score", "Success", "pass^2", "Episodes", "Faults", "12 (?)"):
        assert heading.lower() in text.lower()


def test_wide_shows_every_measure_in_one_table():
    text = printed(80, wide=True)
    assert text.count("Policy") == 1
    assert "Pass@U-9" in text
    assert "Unparsable" in text


def test_pass_at_u_is_shown_at_the_smallest_k_that_is_reached():
    played = [episode(f"t{i}", "uuu") for i in range(6)]
    console = Console(file=io.StringIO(), width=200)
    print_tables(console, [summarize(played, resamples=200)])
    text = console.file.getvalue()
    assert "Pass@U-3" in text
    assert "Pass@U-1" not in text


@pytest.mark.parametrize(
    ("key", "heading", "values"),
    [
        ("level", "Level", (2, 3, 4)),
        ("under", "User", ("scripted", "llm, played by a model of a long name, judged by another, persona unreliable", "x")),
    ],
)
def test_the_level_or_user_of_a_row_stands_in_every_table(key, heading, values):
    """Else the rows of one policy could not be told apart where the columns go on below."""
    console = Console(file=io.StringIO(), width=80)
    print_tables(console, [{**each, key: value} for each, value in zip(summaries(), values, strict=True)])
    text = console.file.getvalue()
    assert text.count("Policy") == len(re.findall(rf"Policy[ ┃]+{heading}", text)) > 1
    assert max(len(line) for line in text.splitlines() if not line.startswith("note: ")) <= 80


def test_named_measures_are_the_columns():
    played = [episode(f"t{i}", "uuu", level=1 + i % 2) for i in range(6)]
    summary = summarize(played, resamples=200, named=["worth@0.1", "score@level=2"])
    console = Console(file=io.StringIO(), width=200)
    print_tables(console, [summary], measures=["worth@0.1", "score@level=2"])
    text = console.file.getvalue()
    assert "R - 0.1 U" in text
    assert "Score, level 2" in text
    assert "Success" not in text
