"""A measure has one name, one label and one format, which tables, figures and the report's page read from the catalogue."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bao.gyms.registry import make
from bao.measures import MEASURES, summarize
from bao.measures.catalogue import interval_text
from bao.measures.summary import measured_in
from bao.rollout.episodes import play_all

SOURCE = Path(__file__).parents[2] / "src" / "bao"


def intervals(value: Any) -> Iterator[dict[str, float]]:
    if isinstance(value, dict) and "mean" in value:
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from intervals(each)


def test_every_measure_of_a_summary_is_in_the_catalogue() -> None:
    gym = make("travel", persona="busy")
    tasks = type(gym).task_set("test", 3).tasks
    summary = summarize(play_all(gym, gym.scripted_policies()["ask_all"](gym, 0), tasks), resamples=50)
    found = measured_in(summary)
    assert found.keys() <= MEASURES.keys()
    assert {"score", "pass_at_u_9", "satisfaction", "behavior_memory_management"} <= found.keys()
    assert sorted(map(id, found.values())) == sorted(map(id, intervals(summary)))


def texts(path: Path) -> set[str]:
    """The literal texts of a source file."""
    code = path.read_text(encoding="utf-8")
    if path.suffix == ".js":
        return {text for found in re.findall(r'"([^"\n]*)"|`([^`\n]*)`', code) for text in found}
    return {node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_no_other_module_holds_a_label_a_symbol_or_a_description_of_a_measure() -> None:
    """A name of one word is its own label; keys of data may read the same."""
    said = {text for each in MEASURES.values() for text in (each.label, each.symbol, each.about) if text} - MEASURES.keys()
    said |= {text[0].upper() + text[1:] for each in MEASURES.values() for text in (each.label, each.about)}
    for folder, suffix in (
        ("web", ".js"),
        ("report", ".py"),
        ("cli", ".py"),
        ("recipes", ".py"),
        ("train", ".py"),
        ("measures", ".py"),
    ):
        for path in (SOURCE / folder).rglob(f"*{suffix}"):
            if path.name not in ("catalogue.py", "behaviors.py"):
                assert not texts(path) & said, path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("score", "0.79 [0.78, 0.81]"),
        ("turns", "0.8 [0.8, 0.8]"),
        ("tokens", "1 [1, 1]"),
        ("money", "0.794 [0.783, 0.807]"),
        ("embedding_diversity", "0.794 [0.783, 0.807]"),
    ],
)
def test_a_measure_prints_its_interval_with_its_own_digits(name: str, expected: str) -> None:
    assert MEASURES[name].text({"mean": 0.794, "low": 0.783, "high": 0.807}) == expected


def test_an_interval_is_printed_with_its_sign_or_without_an_end() -> None:
    value = {"mean": 0.5, "low": -0.25, "high": None}
    assert interval_text(value) == "0.500 [-0.250, -]"
    assert interval_text(value, "+.3g", "\n") == "+0.5\n[-0.25, -]"


def test_a_label_gives_way_to_its_symbol_where_room_is_scarce() -> None:
    found = [[MEASURES[name].short(words) for name in ("score", "user_effort", "user_involvement_rate")] for words in (1, 2, 3)]
    assert found == [["score", "U", "UR"], ["score", "user effort", "UR"], ["score", "user effort", "user involvement rate"]]
