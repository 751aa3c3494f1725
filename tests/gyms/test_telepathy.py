"""The telepathy gym: a table that tells its entities apart, questions read rightly or not at all, guesses judged by name."""

import json
import re
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bao.action import Action, parse
from bao.errors import ConfigError
from bao.gyms.telepathy import Telepathy
from bao.gyms.telepathy.table import DEPENDS, NO, YES, compare_size, make_entity, table
from bao.gyms.telepathy.tasks import LEVELS, distinct, load, split_entities, split_of
from bao.gyms.telepathy.user import (
    DEPENDS_TEXT,
    GUESS_TEXT,
    NO_QUESTION_TEXT,
    NO_TEXT,
    SEVERAL_TEXT,
    UNKNOWN_TEXT,
    YES_TEXT,
    Judge,
    Verdict,
)
from bao.gyms.telepathy.words import name_key
from bao.rollout.episode import play
from bao.task import Split, Task
from bao.trajectory import StopReason, Trajectory
from tests.gyms.test_telepathy_reading import entity
from tests.support.gyms import started, whole
from tests.support.made_up_tasks import OWN_OKAPI


def task_of(name: str, level: int = 1) -> Task:
    both = (t for split in Split for t in Telepathy.task_set(split, 2 * len(Telepathy.task_set(split))))
    return next(t for t in both if t.data["title"] == entity(name).title and t.level == level)


def begun(name: str = "tiger", **settings: Any) -> Telepathy:
    gym: Telepathy = started(Telepathy, task_of(name), **settings)
    return gym


@cache
def of_level(policy: str, level: int) -> tuple[Trajectory, ...]:
    gym = Telepathy()
    make = Telepathy.scripted_policies()[policy]
    return tuple(
        play(gym, make(gym, seed), task, seed) for seed, task in enumerate(Telepathy.task_set(Split.TEST, 160, (level,)))
    )


# The table.


def test_the_table_is_large_enough() -> None:
    assert len(table().entities) >= 300
    assert sum(not feature.is_class for feature in table().features) >= 60
    values = {value for entity in table().entities for value in entity.values}
    assert values == {YES, NO, DEPENDS}


def test_any_two_entities_that_share_an_opening_differ_in_a_plain_yes_and_no() -> None:
    entities = [entity for split in Split for entity in split_entities()[split]]
    asks = [place for place, feature in enumerate(table().features) if feature.ask]
    for one, other in combinations(entities, 2):
        if one.realm == other.realm:  # level 2; whoever shares a kind (level 1) shares the realm
            assert any(one.values[place] + other.values[place] == YES and one.values[place] != DEPENDS for place in asks)
    assert all(len({e.realm for e in entities if e.kind == kind}) == 1 for kind in {e.kind for e in entities})


def test_entities_without_such_a_difference_are_left_out() -> None:
    twin = make_entity("twin", (), entity("tiger").class_name, entity("tiger").facts)
    other = make_entity("half twin", (), entity("tiger").class_name, entity("tiger").facts + " ?striped")
    kept = distinct((entity("tiger"), twin, entity("lion"), entity("violin"), other))
    assert [one.title for one in kept] == ["lion", "violin"]
    assert len(distinct(table().entities)) == len(table().entities)


def test_no_name_belongs_to_two_entities() -> None:
    names = [name for entity in table().entities for name in entity.names]
    assert len(names) == len(set(names)) == len(table().by_name)


def test_an_entity_takes_over_what_holds_for_its_classes_and_differs_where_it_says_so() -> None:
    place = table().index
    penguin, tiger = entity("penguin"), entity("tiger")
    assert [penguin.values[place[name]] for name in ("bird", "animal", "feathers", "flies", "plant")] == [2, 2, 2, 0, 0]
    assert [tiger.values[place[name]] for name in ("feline", "mammal", "striped", "manmade")] == [2, 2, 2, 0]
    made = make_entity("x", (), "feline", "s3 -mammal ?alive")
    assert [made.values[place[name]] for name in ("feline", "mammal", "alive", "small")] == [2, 0, 1, 2]


@pytest.mark.parametrize(
    ("one", "other", "value"),
    [((6, 6), (5, 5), YES), ((5, 5), (6, 6), NO), ((5, 5), (5, 5), DEPENDS), ((3, 5), (4, 4), DEPENDS), ((3, 5), (2, 2), YES)],
)
def test_sizes_are_compared_as_ranges(one: tuple[float, float], other: tuple[float, float], value: int) -> None:
    assert compare_size(*one, *other) == value
    assert compare_size(*other, *one) == YES - value


@pytest.mark.parametrize(
    ("class_name", "facts", "message"),
    [
        ("felin", "s3", "class='felin' of 'x' is unknown"),
        ("feline", "s3 stripy", "the facts of 'x': 'stripy' is no feature"),
        ("feline", "striped", "need a size"),
        ("living", "s3", "a class with a kind"),
    ],
)
def test_wrong_facts_are_named(class_name: str, facts: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_entity("x", (), class_name, facts)


# The tasks.


def test_the_splits_share_no_entity_and_are_large_enough() -> None:
    titles = {
        split: {task.data["title"] for task in Telepathy.task_set(split, 2 * len(whole(Telepathy, split)))} for split in Split
    }
    names = {split: {name for title in titles[split] for name in entity(title).names} for split in Split}
    for one, other in combinations(Split, 2):
        assert not names[one] & names[other]
    assert {split: len(whole(Telepathy, split)) == len(titles[split]) for split in Split} == dict.fromkeys(Split, True)
    assert len(titles[Split.TRAIN]) >= 300
    assert len(titles[Split.VALID]) >= 100
    assert len(titles[Split.TEST]) >= 150
    assert all(split_of(title) is split for split in Split for title in titles[split])


def test_the_kinds_occur_in_every_split() -> None:
    for split in Split:
        assert len({load(task).opening for task in Telepathy.task_set(split, None, (1,))}) == 16
        assert len({load(task).opening for task in Telepathy.task_set(split, None, (2,))}) == 5


def test_the_opening_names_the_kind_or_the_realm() -> None:
    assert load(task_of("tiger", 1)).opening == "I am thinking of an animal. Find out what it is."
    assert load(task_of("tiger", 2)).opening == "I am thinking of a living thing. Find out what it is."


# Answers and rewards.


@pytest.mark.parametrize(
    "answer",
    [
        "giant panda",
        "A Giant Panda.",
        "pandas",
        "the PANDA bear",
        " panda ",
        "Is it a panda?",
        "My guess is: giant panda!",
        "panda-bear",
        "It's a giant panda",
        '"panda"',
    ],
)
def test_a_guess_is_right_by_name_or_alias_whatever_the_article_case_plural_and_punctuation(answer: str) -> None:
    gym = begun("giant panda")
    reply, reward, terminated, _, info = gym.step(Action("answer", answer))
    assert (reply, reward, terminated, info["success"]) == ("Right, that is it.", 1.0, True, True)
    assert info["stop"] is StopReason.SUCCESS


@pytest.mark.parametrize("answer", ["bear", "pan", "red panda", "giant", "panda tiger", "not a panda", "animal", "pandaa"])
def test_a_part_of_the_name_or_another_name_is_wrong(answer: str) -> None:
    reply, reward, terminated, _, info = begun("giant panda").step(Action("answer", answer))
    assert (reply, reward, terminated, info["success"]) == ("No, that is not it.", 0.0, False, False)


def test_several_names_are_refused_whether_or_not_one_is_right() -> None:
    for answer in ("panda, tiger, lion", "panda or tiger", "panda/tiger", "a tiger or a lion", "panda\ntiger"):
        reply, reward, terminated, _, _ = begun("giant panda").step(Action("answer", answer))
        assert (reply, reward, terminated) == ("Submit one name at a time.", 0.0, False)


def test_what_is_no_name_is_refused() -> None:
    for answer in ("", "?!", "\u732b", "panda " * 100, "the"):
        reply, reward, terminated, _, _ = begun("giant panda").step(Action("answer", answer))
        assert (reply, reward, terminated) == ("Submit the name of one thing, in a few words.", 0.0, False)


def test_wrong_guesses_are_unlimited_within_the_horizon() -> None:
    gym = begun("giant panda")
    for _ in range(15):
        assert gym.step(Action("answer", "tiger"))[1:4] == (0.0, False, False)
    assert gym.step(Action("answer", "panda"))[1:4] == (1.0, True, False)
    gym = begun("giant panda", horizon=3)
    ends = [gym.step(Action("answer", "tiger"))[2:4] for _ in range(3)]
    assert ends == [(False, False), (False, False), (False, True)]


# What the reference gets wrong.


def test_an_unknown_prefix_is_a_named_error_and_no_character_is_deleted() -> None:
    """UserRL's gym cuts the first 8 characters off whatever has no known prefix: "Is it an animal?" becomes "animal?"."""
    gym = begun()
    for text, fault in (("Is it an animal?", "no_action"), ("[question] Is it an animal?", "unknown_choice")):
        reply, reward, _, _, info = gym.step(parse(text, gym.kinds).action)
        assert reply == f"No action could be read ({fault}). Begin with one of [action], [answer], [finish]."
        assert (reward, info["involves_user"]) == (0.0, False)
    assert gym.step(parse("[action] Is it an animal?", gym.kinds).action)[0] == YES_TEXT
    assert gym.step(Action("action", "animal?"))[0] == gym.step(Action("action", "Is it an animal?"))[0]


def test_a_new_episode_begins_without_history() -> None:
    gym = begun()
    gym.step(Action("action", "Does it have fur?"))
    gym.reset(seed=0, options={"task": task_of("tiger")})
    assert gym.step(Action("action", "Whiskers?"))[0] == UNKNOWN_TEXT


def test_the_opening_shows_no_more_than_the_kind() -> None:
    openings: dict[str, set[str]] = {}
    for task in Telepathy.task_set("train", 2 * len(whole(Telepathy, Split.TRAIN))):
        openings.setdefault(load(task).opening, set()).add(task.data["title"])
    assert len(openings) == 21
    assert min(map(len, openings.values())) >= 8


def test_no_reply_shows_the_title_and_info_holds_nothing_of_the_task() -> None:
    gym = Telepathy(horizon=1000)
    questions = [feature.ask for feature in table().features if feature.ask]
    for task in whole(Telepathy)[:12]:
        gym.reset(seed=0, options={"task": task})
        actions = [*(Action("action", question) for question in questions), Action("answer", "abacus"), Action("none", "empty")]
        for action in (*actions, Action("action", f"Is it a {task.data['title']}?"), Action("finish")):
            reply, _, _, _, info = gym.step(action)
            assert task.data["title"] not in reply.lower().split()
            assert set(info) == {"turn", "involves_user", "success", "stop"}


@pytest.mark.parametrize(
    "content", ['{"response": true}', '{"judgment": null}', "```json\n{}\n```", "Here is my question:\n{'a", "[1, 2", "true"]
)
def test_replies_never_pass_through_json(content: str) -> None:
    """UserRL's gym parses a judge's text as a Python literal: true, null, a raw newline or prose before it lose the turn."""
    texts = {YES_TEXT, NO_TEXT, DEPENDS_TEXT, UNKNOWN_TEXT, GUESS_TEXT, NO_QUESTION_TEXT, SEVERAL_TEXT}
    gym = begun()
    assert gym.step(Action("action", content))[0] in texts
    assert gym.step(Action("answer", content))[0] in {
        "No, that is not it.",
        "Submit one name at a time.",
        "Submit the name of one thing, in a few words.",
    }
    assert gym.step(Action("answer", "tiger"))[1] == 1.0


# What the agent is told, and who is involved.


def test_the_instructions_tell_what_the_gym_does() -> None:
    text = Telepathy().instructions()
    assert begun().step(Action("action", re.findall(r"\[action\] (.+?\?)", text)[0]))[0] == YES_TEXT
    assert "abacus" not in {name for one in table().entities for name in one.names}


# Scripted policies.


def test_scripted_policies_bound_the_trade_off() -> None:
    scores = {
        (name, level): np.mean([e.task_return for e in of_level(name, level)])
        for name in Telepathy.scripted_policies()
        for level in LEVELS
    }
    efforts = {name: np.mean([e.user_effort for e in of_level(name, 1)]) for name in Telepathy.scripted_policies()}
    for level in LEVELS:
        assert scores["oracle", level] == 1.0
        assert scores["random", level] <= 0.05
        assert scores["never_ask", level] <= 0.35
        assert scores["ask_all", level] == scores["questioner", level] == 1.0
    assert efforts["oracle"] == 1.0
    assert efforts["questioner"] < efforts["ask_all"] < efforts["never_ask"]


# Task files.


def test_an_entity_of_ones_own_can_be_played() -> None:
    gym = started(Telepathy, Task("x", "telepathy", OWN_OKAPI))
    assert gym.step(Action("action", "Does it have stripes?"))[0] == YES_TEXT
    assert gym.step(Action("action", "Does it live in herds?"))[0] == NO_TEXT
    assert gym.step(Action("answer", "the okapi"))[1] == 1.0


RECORD = {"id": "e1", "title": "Mt. Okapi (the 'hill')", "description": "I am thinking of a hill.", "target_entity": "a hill"}


def judging(task: Task) -> Telepathy:
    gym: Telepathy = started(Telepathy, task, user="judge")
    return gym


def test_a_task_without_a_table_says_what_to_do_instead_of_pretending(tmp_path: Path) -> None:
    (tmp_path / "entities.json").write_text(json.dumps([RECORD]))
    (task,) = Telepathy.read_tasks(tmp_path / "entities.json")
    with pytest.raises(ConfigError, match=r"user='scripted' cannot answer questions about task 'e1'.*user='judge'"):
        Telepathy().reset(seed=0, options={"task": task})
    gym = judging(task)
    assert gym.step(Action("action", "Is it alive?"))[0] == "Nobody answers questions here. Submit an answer."
    assert "nobody replies" in gym.instructions()
    for answer in ("Mount Okapi (the hill)", "Mt Okapi", "mt. okapi (the 'hill')"):
        assert judging(task).step(Action("answer", answer))[1] == 1.0
    assert judging(task).step(Action("answer", "okapi"))[1] == 0.0


def test_userrls_files_are_read_judged_and_not_pretended_to_be_answerable(userrl_data: Path) -> None:
    folder = userrl_data / "telepathy"
    everything, train, test = (
        Telepathy.read_tasks(folder / name) for name in ("entities.json", "train.parquet", "test.parquet")
    )
    assert (len(everything), len(train), len(test)) == (401, 360, 41)
    assert {task.split for task in train} == {Split.TRAIN}
    assert {task.split for task in test} == {Split.TEST}
    assert {task.id for task in train} | {task.id for task in test} == {task.id for task in everything}
    for task in (*train, *test):
        gym = judging(task)
        assert gym.step(Action("answer", task.data["title"]))[1] == 1.0
        assert judging(task).step(Action("answer", "abacus"))[1] == 0.0
        with pytest.raises(ConfigError, match="cannot answer questions"):
            Telepathy().reset(seed=0, options={"task": task})


def test_userrls_openings_and_ids_do_not_hold_the_title(userrl_data: Path) -> None:
    for task in Telepathy.read_tasks(userrl_data / "telepathy" / "entities.json"):
        opening, info = Telepathy(user="judge").reset(seed=0, options={"task": task})
        assert f" {name_key(task.data['title'])} " not in f" {name_key(opening)} {name_key(info['task_id'])} "


# Words.


@given(st.text(max_size=250))
def test_any_text_is_judged_without_an_error(text: str) -> None:
    assert Judge(frozenset({"tiger"})).judge(text) in Verdict
