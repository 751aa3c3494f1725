"""The behaviour tagger is as good as its docstring says, and no better."""

import re
import tomllib
from pathlib import Path

import pytest

from bao.action import Action
from bao.gyms.travel import Travel
from bao.measures import behaviors as module
from bao.measures.behaviors import Behavior, behavior_rates, tag
from bao.rollout.episodes import play_all
from bao.task import Split
from bao.trajectory import StopReason, Trajectory, Turn

EXAMPLES = tomllib.loads((Path(__file__).parent / "behavior_examples.toml").read_text(encoding="utf-8"))
LETTERS = dict(zip("mhsq", Behavior, strict=True))


def labelled(name):
    return [(frozenset(LETTERS[letter] for letter in labels), text) for labels, text in EXAMPLES[name]]


def of_teachers(text):
    return " | " in text or re.fullmatch(r"\d+ (entities|rules) .*", text) is not None


def test_the_known_examples_are_tagged_as_the_docstring_says():
    examples = labelled("known")
    assert len(examples) == 149
    assert sum(tag(text) == labels for labels, text in examples) == 146
    assert "of the 149 with which the rules were chosen it tags\n146 in full" in module.__doc__


def test_the_unseen_examples_are_tagged_as_the_docstring_says():
    examples = labelled("unseen")
    teachers = [(labels, tag(text)) for labels, text in examples if of_teachers(text)]
    prose = [(labels, tag(text)) for labels, text in examples if not of_teachers(text)]
    assert (len(examples), sum(tag(text) == labels for labels, text in examples)) == (45, 20)
    assert sum(len(labels) for labels, _ in teachers) == sum(len(labels & found) for labels, found in teachers) == 10
    assert (sum(len(labels) for labels, _ in prose), sum(len(labels & found) for labels, found in prose)) == (29, 4)
    found = [(labels, tags) for labels, tags in teachers + prose]
    assert (sum(len(tags) for _, tags in found), sum(len(tags - labels) for labels, tags in found)) == (17, 3)
    for part in ("Of 45", "20: it sees all 10", "of 29 in free prose only the 4", "3 of its 17 tags are wrong"):
        assert part in module.__doc__


def test_no_text_is_in_both_lists():
    texts = [text for name in ("known", "unseen") for _, text in EXAMPLES[name]]
    assert len(texts) == len(set(texts))


def test_the_teacher_shows_all_four_and_a_script_that_does_not_think_none():
    gym = Travel()
    tasks = Travel.task_set(Split.TRAIN, 20).tasks
    for name, least in (("teacher", 0.4), ("ask_needed", 0.0)):
        episodes = play_all(gym, gym.scripted_policies()[name](gym, 0), tasks)
        for behavior in Behavior:
            rates = [behavior_rates(episode)[behavior] for episode in episodes]
            assert sum(rates) / len(rates) >= least
            assert least or not any(rates)


def test_rates_are_shares_of_the_turns():
    thoughts = ("so far it is alive", "", "So far: alive. Three turns left.", "hm")
    turns = tuple(Turn(thought, Action("action", "q"), "r", 0.0, True) for thought in thoughts)
    rates = behavior_rates(Trajectory("g", "t", "p", 0, "", turns, StopReason.FINISH, False, 9))
    assert rates[Behavior.MEMORY_MANAGEMENT] == 0.5
    assert rates[Behavior.DYNAMIC_SCHEDULING] == 0.25
    assert rates[Behavior.STRATEGIC_QUERYING] == 0
    assert set(behavior_rates(Trajectory("g", "t", "p", 0, "", (), StopReason.FAULT, False, 9)).values()) == {0.0}


@pytest.mark.parametrize("text", ["", " ", "\n", "a" * 100_000, "could be " * 5_000, "candidates " * 5_000, "( | " * 9_000])
def test_a_strange_text_is_tagged_in_no_time(text):
    assert tag(text) <= frozenset(Behavior)


def test_line_breaks_and_curly_quotes_make_no_difference():
    assert tag("I won\u2019t\nrepeat that") == tag("I won't repeat that") == {Behavior.STRATEGIC_QUERYING}
