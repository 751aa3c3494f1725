"""The telepathy gym: a table that tells its entities apart, questions read rightly or not at all, guesses judged by name."""

import json
import random
import re
import shutil
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st

from bao.action import Action, ActionKind, parse
from bao.errors import ConfigError, DataError
from bao.gyms.telepathy import Telepathy
from bao.gyms.telepathy.reading import Reading, Sort, read, reader
from bao.gyms.telepathy.table import DEPENDS, NO, YES, Entity, compare_size, make_entity, table
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
    ScriptedUser,
    Verdict,
)
from bao.gyms.telepathy.words import name_key, stem
from bao.rollout.episode import play
from bao.task import Split, Task, TaskSet
from bao.trajectory import StopReason, Trajectory

WORDS = ["is", "it", "not", "a", "does", "the", "and", "or", ",", "?", "big", "animal", "you", "that", "in", "have", "no"]
BARE = {YES: YES_TEXT, NO: NO_TEXT, DEPENDS: DEPENDS_TEXT}


def entity(name: str) -> Entity:
    return table().by_name[name_key(name)]


def task_of(name: str, level: int = 1) -> Task:
    both = (t for split in Split for t in Telepathy.task_set(split, 2 * len(Telepathy.task_set(split))))
    return next(t for t in both if t.data["title"] == entity(name).title and t.level == level)


def started(name: str = "tiger", **settings_: Any) -> Telepathy:
    gym = Telepathy(**settings_)
    gym.reset(seed=0, options={"task": task_of(name)})
    return gym


def asked(name: str, *questions: str) -> str:
    """The reply to the last of the questions."""
    user = ScriptedUser(entity(name))
    return [user.answer(question) for question in questions][-1]


@cache
def whole(split: Split, levels: tuple[int, ...] | None = None) -> TaskSet:
    return Telepathy.task_set(split, None, levels)


@cache
def episodes(policy: str, level: int) -> tuple[Trajectory, ...]:
    gym = Telepathy()
    make = Telepathy.scripted_policies()[policy]
    return tuple(play(gym, make(gym, seed), task, seed) for seed, task in enumerate(whole(Split.TEST, (level,))[:160]))


# gymnasium's contract.


def test_gymnasium_accepts_the_gym() -> None:
    check_env(Telepathy(), skip_render_check=True)


def test_two_gyms_with_the_same_seed_give_the_same_texts() -> None:
    def texts(gym: Telepathy) -> list[tuple[str, ...]]:
        found: list[tuple[str, ...]] = []
        for seed in range(10):
            opening, info = gym.reset(seed=seed)
            found.append((opening, info["task_id"]))
            found += [(gym.step(Action("action", question))[0],) for question in ("Is it alive?", "Hm", "Is it big?")]
        return found

    used = Telepathy()
    used.reset(seed=99)
    used.step(Action("action", "Is it big?"))
    assert texts(Telepathy()) == texts(Telepathy()) == texts(used)
    assert len({info for _, info in (entry for entry in texts(used) if len(entry) == 2)}) > 5


def test_playing_leaves_the_global_generators_alone() -> None:
    before = random.getstate(), np.random.get_state()[1].tolist()
    gym = Telepathy()
    for policy in Telepathy.scripted_policies().values():
        play(gym, policy(gym, 0), whole(Split.VALID)[2], 0)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


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


# Questions.


def label(reading: Reading) -> str:
    """A reading in words: features, ``!`` for not, ``>5`` for bigger than size 5."""
    if reading.sort is not Sort.FEATURES:
        return reading.sort.replace("_", " ")

    def one(literal: Any) -> str:
        if literal.feature < 0:
            return f"{'<' if literal.denied else '>'}{literal.than[0]:g}"
        return ("!" if literal.denied else "") + table().features[literal.feature].name

    said = (" and " if reading.every else " or ").join("|".join(map(one, clause)) for clause in reading.clauses)
    return f"!{said}" if reading.denied else said


def test_the_plain_question_of_every_feature_is_answered_from_its_column() -> None:
    users = [(one, ScriptedUser(one)) for one in table().entities[::7]]
    for place, feature in enumerate(table().features):
        if feature.ask:
            for one, user in users:
                assert user.answer(feature.ask) == BARE[one.values[place]], (feature.ask, one.title)


@pytest.mark.parametrize(
    ("question", "reading"),
    [
        ("Is it alive?", "alive"),
        ("can it fly", "flies"),
        ("would I find it in a kitchen", "kitchen"),
        ("is it bigger than a breadbox", ">3.5"),
        ("IS IT   ALIVE ?!", "alive"),
        ("Okay, so would you say that it's usually found in the ocean?", "sea"),
        ("Is the animal you're thinking of a mammal?", "mammal"),
        ("It has fur?", "fur"),
        ("A mammal?", "mammal"),
        ("I think it is an animal. Does it have legs?", "legs"),
        ("Is it a big mammal?", "big and mammal"),
        ("Is it an animal that can fly?", "animal and flies"),
        ("Is it something with wheels?", "wheels"),
        ("Is it used for cooking or cleaning?", "cooks or cleans"),
        ("Is it a mammal, a bird or a fish?", "mammal or bird or fish"),
        ("Is it warm-blooded and does it live in the sea?", "warmblood and sea"),
        ("Is it smaller than a horse?", "<6"),
        ("Does it fit inside a suitcase?", "<4.5"),
        ("Does it consist of wood?", "wood"),
        ("Does it live in the forest or the desert?", "forest or desert"),
        ("Is it a flightless bird?", "!flies and bird"),
        ("Do people live there?", "lived"),
    ],
)
def test_a_question_is_read_as_what_it_asks(question: str, reading: str) -> None:
    assert label(read(question)) == reading


@pytest.mark.parametrize(
    ("question", "reading"),
    [
        ("Is it not alive?", "!alive"),
        ("Is it inanimate?", "!alive"),
        ("Is it without wheels?", "!wheels"),
        ("Does it have no legs?", "!legs"),
        ("Does it never fly?", "!flies"),
        ("Can it not fly?", "!flies"),
        ("Is it never not alive?", "alive"),
        ("Isn't it alive?", "alive"),
    ],
)
def test_a_negated_question_is_read_rightly(question: str, reading: str) -> None:
    assert label(read(question)) == reading


def test_a_negated_question_is_answered_with_what_is_so() -> None:
    assert asked("tiger", "Is it not alive?") == "No, it is alive."
    assert asked("violin", "Is it not alive?") == "Yes, it is not alive."
    assert asked("violin", "Isn't it alive?") == "No, it is not alive."
    assert asked("tiger", "Can't it fly?") == "No, it cannot fly."
    assert asked("tiger", "Is it not bigger than a car?") == "Yes, it is not bigger than that."
    assert asked("tiger", "Is it not a big mammal?") == "No, that is not so."
    assert asked("carrot", "Is it not eaten cooked?") == DEPENDS_TEXT
    assert asked("tiger", "Is it not red or green?") == SEVERAL_TEXT, "it could be meant either way"


def test_the_opposite_of_a_predicate_holds_only_where_the_predicate_makes_sense() -> None:
    assert asked("doughnut", "Is it unhealthy?") == YES_TEXT
    assert asked("hammer", "Is it unhealthy?") == NO_TEXT
    assert asked("frog", "Is it cold-blooded?") == YES_TEXT
    assert asked("rain", "Is it cold-blooded?") == NO_TEXT


def test_parts_are_joined_by_three_valued_logic() -> None:
    assert asked("carrot", "Is it eaten cooked?") == DEPENDS_TEXT
    assert asked("carrot", "Is it eaten cooked or is it a vegetable?") == YES_TEXT
    assert asked("carrot", "Is it eaten cooked and is it blue?") == NO_TEXT
    assert asked("carrot", "Is it eaten cooked and is it a vegetable?") == DEPENDS_TEXT


@pytest.mark.parametrize("question", ["Is it a tiger?", "Is it the lion?", "Is it an orange?", "Is it a dog?", "A violin?"])
def test_a_question_that_names_an_entity_is_sent_back_to_be_submitted(question: str) -> None:
    assert asked("tiger", question) == asked("lion", question) == asked("orange", question) == GUESS_TEXT
    assert started().step(Action("action", question))[1] == 0.0


def test_nearly_every_name_is_known_for_a_guess_and_the_rest_are_words_for_classes() -> None:
    others = {one.title for one in table().entities if label(read(f"Is it a {one.title}?")) != "guess"}
    assert others == {"cake", "candy", "car", "bread", "bone", "organ", "ship", "train"}


def test_class_membership_is_answered_by_the_table() -> None:
    assert asked("tiger", "Is it a mammal?") == asked("tiger", "Is it a member of the cat family?") == YES_TEXT
    assert asked("tiger", "Is it a kind of bird?") == NO_TEXT


@pytest.mark.parametrize(
    "question",
    [
        "Is it popular in Norway?",
        "Is it used to hunt animals at dawn?",
        "Was it invented in 1900?",
        "Is it always alive?",
        "Does it only live in Africa?",
        "Is it alive because of magic?",
        "Is it good at chess?",
        "Is it taller than a mammal?",
    ],
)
def test_a_question_out_of_the_table_gets_an_honest_i_cannot_say(question: str) -> None:
    """Known words in it (animal, alive, Africa) are no ground for an answer: the whole question must be understood."""
    assert asked("tiger", question) == UNKNOWN_TEXT


@pytest.mark.parametrize(
    "question", ["", " ", "?!", "What is it?", "How big is it?", "Tell me what it is", "\u732b\u5417?", "is it"]
)
def test_what_cannot_be_answered_with_yes_or_no_is_sent_back(question: str) -> None:
    assert asked("tiger", question) == NO_QUESTION_TEXT


def test_one_thing_is_answered_at_a_time() -> None:
    assert asked("tiger", "Is it big? Is it an animal?") == SEVERAL_TEXT
    assert asked("tiger", "Is it red, green, blue, white or black?") == SEVERAL_TEXT
    assert asked("tiger", "Is it big? " * 2000) == SEVERAL_TEXT
    assert asked("tiger", "Is it big " + "very " * 2000) == NO_QUESTION_TEXT


@pytest.mark.parametrize(
    "tag",
    [
        "right",
        "or not",
        "correct",
        "is that right",
        "by any chance",
        "at all",
        "in general",
        "in real life",
        "please",
        "by chance",
        "then",
        "too",
        "on the outside",
        "on average",
        "isn't it",
        "doesn't it",
        "in any way",
        "as well",
        "yes or no",
    ],
)
def test_a_tag_at_the_end_of_a_question_says_nothing(tag: str) -> None:
    assert read(f"Is it big, {tag}?").clauses == read(f"Is it big {tag}?").clauses == read("Is it big?").clauses != ()


@given(st.text(max_size=300) | st.lists(st.sampled_from(WORDS)).map(" ".join))
def test_any_text_is_read_without_an_error(text: str) -> None:
    assert ScriptedUser(entity("tiger")).answer(text)
    assert reader().read(text, "has").sort in Sort


@given(st.sampled_from(table().entities), st.sampled_from([feature for feature in table().features if feature.ask]))
def test_a_question_and_its_negation_are_never_answered_alike(one: Entity, feature: Any) -> None:
    verb, subject, rest = feature.ask.rstrip("?").split(" ", 2)
    user = ScriptedUser(one)
    plain, denied = user.answer(feature.ask), user.answer(f"{verb} {subject} not {rest}?")
    assert {plain[:2], denied[:2]} in ({"Ye", "No"}, {"It"})


# How well free questions are understood. The words of the table were chosen with the first list in view; the second was set
# aside until they were, and scored once: 72 of 78. Five of the six faults have been mended since.

SEEN: list[tuple[str, str]] = [
    ("Does it have four legs?", "legs4"),
    ("Can it fly?", "flies"),
    ("Is it commonly kept as a pet?", "pet"),
    ("Does it run on electricity?", "electric"),
    ("Do you wear it?", "worn"),
    ("Is it native to Africa?", "africa"),
    ("Can you hold it in one hand?", "handheld"),
    ("Is it a type of fruit?", "fruit"),
    ("Does it grow on trees?", "trees"),
    ("Is it typically eaten cooked?", "cooked"),
    ("Does it have strings?", "strings"),
    ("Does it travel on the road?", "road"),
    ("Does it have stripes?", "striped"),
    ("Is it dangerous to humans?", "dangerous"),
    ("Is it a domesticated animal?", "domestic"),
    ("Is it active at night?", "night"),
    ("Is it an insect?", "insect"),
    ("Is it worn on the feet?", "feet"),
    ("Does it have a screen?", "screen"),
    ("Does this job require a college degree?", "degree"),
    ("Does this person work outdoors?", "outdoors"),
    ("Is it located inside the body?", "inside"),
    ("Do humans have two of them?", "pair"),
    ("Is it a weather phenomenon?", "weather"),
    ("Can you see it in the sky?", "sky"),
    ("Is it not an animal?", "!animal"),
    ("Isn't it a bird?", "bird"),
    ("Is it a member of the cat family?", "feline"),
    ("Does it live in groups?", "herd"),
    ("Is it extinct?", "extinct"),
    ("Does it have feathers?", "feathers"),
    ("Does it hop?", "jumps"),
    ("Is it venomous?", "venom"),
    ("Is it a percussion instrument?", "percussion"),
    ("Does it need batteries?", "battery"),
    ("Is it used in sports?", "sports"),
    ("Is it round?", "round"),
    ("Is it soft?", "soft"),
    ("Would I find it in the bedroom?", "bedroom"),
    ("Does it have an engine?", "engine"),
    ("What color is it?", "no question"),
    ("Is it popular in Norway?", "unknown"),
    ("Was it invented by Thomas Edison?", "unknown"),
    ("Is it eaten for breakfast?", "breakfast"),
    ("Is it a tree?", "tree"),
    ("Is the thing you're thinking of alive?", "alive"),
    ("Can I eat it?", "eaten"),
    ("Is it an animal that lives in Australia?", "animal and australia"),
    ("Is it warm-blooded?", "warmblood"),
    ("Is it bigger than a car?", ">6.5"),
    ("Do people use it every day?", "unknown"),
    ("Is it something you would wear in winter?", "warms"),
    ("Can it be found in a garage?", "workshop"),
    ("Is it electronic?", "device|electric"),
    ("Is it an organ?", "organ"),
    ("Can you touch it?", "tangible"),
    ("Is it made of stone?", "stone"),
    ("Is it a farm animal?", "farm"),
    ("Does it have a long neck?", "longneck"),
    ("Is it found in the ocean?", "sea"),
    ("Is it black and white?", "black and white"),
    ("Does it have horns or antlers?", "horns"),
    ("Is it crunchy?", "crunchy"),
    ("Does it contain meat?", "meat"),
    ("Is it a hot drink?", "servedhot"),
    ("Does it have a handle?", "handle"),
    ("Can it break easily?", "breakable"),
    ("Does it tell time?", "time"),
    ("Is it a piece of furniture?", "furniture"),
    ("Does it have more than two wheels?", "unknown"),
    ("Is it used by the police?", "unknown"),
    ("Could it fit in my pocket?", "<2.3"),
]
SET_ASIDE: list[tuple[str, str]] = [
    ("Is it a living thing?", "alive"),
    ("Is it something you can eat?", "eaten"),
    ("Is it usually found indoors?", "indoors"),
    ("Does it live in the water?", "water"),
    ("Is it a mammal?", "mammal"),
    ("Is it made of metal?", "metal"),
    ("Is it used in the kitchen?", "kitchen"),
    ("Is it man-made?", "manmade"),
    ("Does it have fur?", "fur"),
    ("Is it a carnivore?", "meateater"),
    ("Is it sweet?", "sweet"),
    ("Do you play it by blowing into it?", "blown"),
    ("Does it have wheels?", "wheels"),
    ("Is it used for transportation?", "transports"),
    ("Can it carry more than one person?", "several"),
    ("Is it larger than a human?", ">5"),
    ("Does the animal lay eggs?", "eggs"),
    ("Is it a predator?", "meateater"),
    ("Does it have a tail?", "tail"),
    ("Is it found in most homes?", "house"),
    ("Would you find it in a bathroom?", "bathroom"),
    ("Is it used to cut things?", "cuts"),
    ("Does it keep you warm?", "warms"),
    ("Is it a tool?", "tool"),
    ("Is it used for communication?", "talk"),
    ("Do they wear a uniform?", "uniform"),
    ("Is it a place where people live?", "place and lived"),
    ("Do you have to pay to get in?", "pay"),
    ("Is it red?", "red"),
    ("Is it mostly green in color?", "green"),
    ("Is it spicy?", "spicy"),
    ("Is it a vegetable?", "vegetable"),
    ("Does it contain alcohol?", "alcohol"),
    ("Is it a drink?", "drunk"),
    ("Does it lack legs?", "!legs"),
    ("Is it smaller than a breadbox?", "<3.5"),
    ("Is it a reptile or an amphibian?", "reptile or amphibian"),
    ("Is it a wild animal?", "wild and animal"),
    ("Is it a herbivore?", "planteater"),
    ("Is it used in orchestras?", "orchestra"),
    ("Is it meant for children?", "children"),
    ("Is it made out of wood?", "wood"),
    ("Do you sit on it?", "sit"),
    ("Does it make a loud noise?", "noise"),
    ("Is it a giraffe?", "guess"),
    ("How big is it?", "no question"),
    ("Is it an Italian dish?", "italian"),
    ("Is it served hot?", "servedhot"),
    ("Is it a dessert?", "dessert"),
    ("Does it have thorns?", "thorns"),
    ("Does it begin with the letter P?", "unknown"),
    ("Does it swim?", "swims"),
    ("Does it have wings?", "wings"),
    ("Is it a household item?", "house"),
    ("Does it have leaves?", "leafy"),
    ("Is it heavier than a person?", "heavy"),
    ("Does this person work in a hospital?", "hospital"),
    ("Is this person responsible for teaching others?", "teaches"),
    ("Is it part of the face?", "onhead"),
    ("Is it a natural phenomenon?", "!manmade"),
    ("Is it a building?", "building"),
    ("Can it be dangerous?", "dangerous"),
    ("Does it have scales?", "scales"),
    ("Does it eat meat?", "meateater"),
    ("Is it brass?", "brass"),
    ("Does it have keys?", "keys"),
    ("Is it a citrus fruit?", "citrus"),
    ("Do you peel it before eating?", "peeled"),
    ("Is it made with cheese?", "dairy"),
    ("Does it have caffeine?", "caffeine"),
    ("Is it used for cleaning?", "cleans"),
    ("Is it sharp?", "blade"),
    ("Is it an article of clothing?", "clothing"),
    ("Is it a type of footwear?", "feet"),
    ("Does it float on water?", "floats"),
    ("Is it expensive?", "expensive"),
    ("Do I use it to write?", "writes"),
    ("Is it alive or was it ever alive?", "unknown"),
]


def share_read(questions: list[tuple[str, str]]) -> float:
    return float(np.mean([label(read(question)) == expected for question, expected in questions]))


def test_free_questions_are_mostly_understood() -> None:
    assert len(SEEN) + len(SET_ASIDE) >= 60
    assert share_read(SEEN) == 1.0
    assert share_read(SET_ASIDE) >= 0.92


# The tasks.


def test_the_splits_share_no_entity_and_are_large_enough() -> None:
    titles = {split: {task.data["title"] for task in Telepathy.task_set(split, 2 * len(whole(split)))} for split in Split}
    names = {split: {name for title in titles[split] for name in entity(title).names} for split in Split}
    for one, other in combinations(Split, 2):
        assert not names[one] & names[other]
    assert {split: len(whole(split)) == len(titles[split]) for split in Split} == dict.fromkeys(Split, True)
    assert len(titles[Split.TRAIN]) >= 300
    assert len(titles[Split.VALID]) >= 100
    assert len(titles[Split.TEST]) >= 150
    assert all(split_of(title) is split for split in Split for title in titles[split])


def test_the_kinds_occur_in_every_split() -> None:
    for split in Split:
        assert len({load(task).opening for task in whole(split, (1,))}) == 16
        assert len({load(task).opening for task in whole(split, (2,))}) == 5


def test_the_same_tasks_come_every_time() -> None:
    assert Telepathy.task_set("test", 20).tasks == whole(Split.TEST)[:20].tasks
    assert [task.level for task in whole(Split.TEST)[:4]] == [1, 2, 1, 2]
    both = Telepathy.task_set("test", 2 * len(whole(Split.TEST)))
    assert len({(task.data["title"], task.level) for task in both}) == len(both)


def test_levels_and_sizes_are_checked() -> None:
    assert {task.level for task in Telepathy.task_set("valid", 10, (2,))} == {2}
    with pytest.raises(ConfigError, match=r"levels=\(3,\) must be some of \(1, 2\)"):
        Telepathy.task_set("valid", 10, (3,))
    with pytest.raises(ConfigError, match="size=100000 is more than the"):
        Telepathy.task_set("valid", 100_000)
    with pytest.raises(ConfigError, match="size=-1 must not be negative"):
        Telepathy.task_set("valid", -1)


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
    gym = started("giant panda")
    reply, reward, terminated, _, info = gym.step(Action("answer", answer))
    assert (reply, reward, terminated, info["success"]) == ("Right, that is it.", 1.0, True, True)
    assert info["stop"] is StopReason.SUCCESS


@pytest.mark.parametrize("answer", ["bear", "pan", "red panda", "giant", "panda tiger", "not a panda", "animal", "pandaa"])
def test_a_part_of_the_name_or_another_name_is_wrong(answer: str) -> None:
    reply, reward, terminated, _, info = started("giant panda").step(Action("answer", answer))
    assert (reply, reward, terminated, info["success"]) == ("No, that is not it.", 0.0, False, False)


def test_several_names_are_refused_whether_or_not_one_is_right() -> None:
    for answer in ("panda, tiger, lion", "panda or tiger", "panda/tiger", "a tiger or a lion", "panda\ntiger"):
        reply, reward, terminated, _, _ = started("giant panda").step(Action("answer", answer))
        assert (reply, reward, terminated) == ("Submit one name at a time.", 0.0, False)


def test_what_is_no_name_is_refused() -> None:
    for answer in ("", "?!", "\u732b", "panda " * 100, "the"):
        reply, reward, terminated, _, _ = started("giant panda").step(Action("answer", answer))
        assert (reply, reward, terminated) == ("Submit the name of one thing, in a few words.", 0.0, False)


def test_wrong_guesses_are_unlimited_within_the_horizon() -> None:
    gym = started("giant panda")
    for _ in range(15):
        assert gym.step(Action("answer", "tiger"))[1:4] == (0.0, False, False)
    assert gym.step(Action("answer", "panda"))[1:4] == (1.0, True, False)
    gym = started("giant panda", horizon=3)
    ends = [gym.step(Action("answer", "tiger"))[2:4] for _ in range(3)]
    assert ends == [(False, False), (False, False), (False, True)]


def test_finishing_ends_without_reward_and_does_not_reveal_the_title() -> None:
    reply, reward, terminated, _, info = started().step(Action("finish"))
    assert (reply, reward, terminated, info["stop"]) == ("The episode is over.", 0.0, True, StopReason.FINISH)


@settings(max_examples=60)
@given(st.data())
def test_no_sequence_of_actions_earns_less_than_0_or_more_than_1(data: st.DataObject) -> None:
    task = data.draw(st.sampled_from(whole(Split.TEST).tasks[:40]))
    gym = Telepathy(user=data.draw(st.sampled_from(["scripted", "judge"])))
    gym.reset(seed=0, options={"task": task})
    titles = st.sampled_from([task.data["title"], *task.data["aliases"], "tiger", f"tiger or {task.data['title']}"])
    contents = titles | st.text() | st.sampled_from(["Is it alive?", '{"response": true}', "null", "['", "Is it a dog?"])
    kinds = st.sampled_from([*sorted(Telepathy.kinds), ActionKind.NONE])
    total = 0.0
    for kind, content in data.draw(st.lists(st.tuples(kinds, contents), min_size=1, max_size=16)):
        reply, reward, terminated, truncated, info = gym.step(Action(kind, content))
        assert reply
        assert reward in (0.0, 1.0)
        assert (reward == 1.0) == info["success"]
        total += reward
        if terminated or truncated:
            break
    assert total <= 1


# What the reference gets wrong.


def test_an_unknown_prefix_is_a_named_error_and_no_character_is_deleted() -> None:
    """UserRL's gym cuts the first 8 characters off whatever has no known prefix: "Is it an animal?" becomes "animal?"."""
    gym = started()
    for text, fault in (("Is it an animal?", "no_action"), ("[question] Is it an animal?", "unknown_choice")):
        reply, reward, _, _, info = gym.step(parse(text, gym.kinds).action)
        assert reply == f"No action could be read ({fault}). Begin with one of [action], [answer], [finish]."
        assert (reward, info["involves_user"]) == (0.0, False)
    assert gym.step(parse("[action] Is it an animal?", gym.kinds).action)[0] == YES_TEXT
    assert gym.step(Action("action", "animal?"))[0] == gym.step(Action("action", "Is it an animal?"))[0]


def test_the_history_is_not_ignored() -> None:
    """UserRL's gym builds the history of questions and never shows it to the user, so "What about a tail?" is lost."""
    assert asked("penguin", "Does it have fur?", "What about a tail?") == YES_TEXT
    assert asked("tiger", "Does it have fur?", "And whiskers?") == YES_TEXT
    assert asked("tiger", "And whiskers?") == UNKNOWN_TEXT, "without the question before it, the fragment says nothing"
    assert asked("tiger", "Is it found in Africa?", "In Asia?") == YES_TEXT
    assert asked("penguin", "Does it swim?", "Really?", "And fly?") == NO_TEXT


def test_a_new_episode_begins_without_history() -> None:
    gym = started()
    gym.step(Action("action", "Does it have fur?"))
    gym.reset(seed=0, options={"task": task_of("tiger")})
    assert gym.step(Action("action", "Whiskers?"))[0] == UNKNOWN_TEXT


def test_an_answer_never_contradicts_an_earlier_one() -> None:
    user = ScriptedUser(entity("tiger"))
    questions = [feature.ask for feature in table().features if feature.ask]
    assert [user.answer(q) for q in questions] == [user.answer(q) for q in questions]


def test_the_hidden_title_is_in_no_observation_and_no_info() -> None:
    """UserRL's info dicts hold the entity's title."""
    instructions = name_key(Telepathy().instructions())
    gym = Telepathy()
    for split in Split:
        for task in Telepathy.task_set(split, 2 * len(whole(split))):
            opening, info = gym.reset(seed=0, options={"task": task})
            assert info == {"task_id": task.id, "turn": 0}
            assert re.fullmatch(r"telepathy-(train|valid|test)-[12]-\d+", task.id)
            seen = f" {instructions} {name_key(opening)} "
            assert not any(f" {name} " in seen for name in entity(task.data["title"]).names), task.data["title"]


def test_the_opening_shows_no_more_than_the_kind() -> None:
    openings: dict[str, set[str]] = {}
    for task in Telepathy.task_set("train", 2 * len(whole(Split.TRAIN))):
        openings.setdefault(load(task).opening, set()).add(task.data["title"])
    assert len(openings) == 21
    assert min(map(len, openings.values())) >= 8


def test_no_reply_shows_the_title_and_info_holds_nothing_of_the_task() -> None:
    gym = Telepathy(horizon=1000)
    questions = [feature.ask for feature in table().features if feature.ask]
    for task in whole(Split.TEST)[:12]:
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
    gym = started()
    assert gym.step(Action("action", content))[0] in texts
    assert gym.step(Action("answer", content))[0] in {
        "No, that is not it.",
        "Submit one name at a time.",
        "Submit the name of one thing, in a few words.",
    }
    assert gym.step(Action("answer", "tiger"))[1] == 1.0


# What the agent is told, and who is involved.


def test_the_instructions_tell_what_the_gym_does() -> None:
    text = Telepathy(horizon=9).instructions()
    assert "You have 9 turns" in text
    for kind in Telepathy.kinds:
        assert f"[{kind}]" in text
    assert started().step(Action("action", re.findall(r"\[action\] (.+?\?)", text)[0]))[0] == YES_TEXT
    assert "abacus" not in {name for one in table().entities for name in one.names}


@pytest.mark.parametrize(("convention", "asking"), [(None, True), ("everyday", True), ("paper", False)])
def test_the_convention_decides_whether_questions_involve_the_user(convention: str | None, asking: bool) -> None:
    gym = started(convention=convention)
    assert gym.step(Action("action", "Is it alive?"))[4]["involves_user"] is asking
    assert gym.step(Action("answer", "abacus"))[4]["involves_user"]


# Scripted policies.


@pytest.mark.parametrize("split", list(Split))
def test_the_oracle_solves_every_task_in_one_turn(split: Split) -> None:
    gym = Telepathy()
    for task in whole(split):
        episode = play(gym, Telepathy.scripted_policies()["oracle"](gym, 0), task, 0)
        assert (episode.task_return, episode.success, len(episode.turns)) == (1.0, True, 1)


def test_scripted_policies_bound_the_trade_off() -> None:
    scores = {
        (name, level): np.mean([e.task_return for e in episodes(name, level)])
        for name in Telepathy.scripted_policies()
        for level in LEVELS
    }
    efforts = {name: np.mean([e.user_effort for e in episodes(name, 1)]) for name in Telepathy.scripted_policies()}
    for level in LEVELS:
        assert scores["oracle", level] == 1.0
        assert scores["random", level] <= 0.05
        assert scores["never_ask", level] <= 0.35
        assert scores["ask_all", level] == scores["questioner", level] == 1.0
    assert efforts["oracle"] == 1.0
    assert efforts["questioner"] < efforts["ask_all"] < efforts["never_ask"]


def test_the_questioner_goes_by_opening_and_replies_alone() -> None:
    other = Telepathy()
    for name in ("questioner", "ask_all", "never_ask"):
        play(Telepathy(), Telepathy.scripted_policies()[name](other, 0), task_of("tiger"), 0)
        assert other.task is None


def test_scripted_policies_repeat_with_their_seed() -> None:
    gym, task = Telepathy(), whole(Split.TEST)[0]
    for name in ("random", "never_ask"):
        make = Telepathy.scripted_policies()[name]
        assert play(gym, make(gym, 4), task, 0).turns == play(gym, make(gym, 4), task, 0).turns
        assert play(gym, make(gym, 4), task, 0).turns != play(gym, make(gym, 5), task, 0).turns


# Task files.


UNKNOWN_ANIMAL = {
    "opening": "I am thinking of an animal. Find out what it is.",
    "title": "Okapi",
    "aliases": ["forest giraffe"],
    "class": "hoofed",
    "facts": "s6 africa forest brown striped -herd",
}


def test_own_task_files_are_read_back(tmp_path: Path) -> None:
    tasks = Telepathy.task_set("valid", 12)
    tasks.write(tmp_path / "tasks.jsonl")
    assert Telepathy.read_tasks(tmp_path / "tasks.jsonl").tasks == tasks.tasks


def test_an_entity_of_ones_own_can_be_played(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text(json.dumps({"id": "x", "gym": "telepathy", "data": UNKNOWN_ANIMAL}) + "\n")
    (task,) = Telepathy.read_tasks(path)
    gym = Telepathy()
    gym.reset(seed=0, options={"task": task})
    assert gym.step(Action("action", "Does it have stripes?"))[0] == YES_TEXT
    assert gym.step(Action("action", "Does it live in herds?"))[0] == NO_TEXT
    assert gym.step(Action("answer", "the okapi"))[1] == 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"title": None}, "'title' is missing"),
        ({"opening": None}, "'opening' is missing"),
        ({"facts": None}, "'facts' is missing"),
        ({"title": 3}, "title=3 must be a text"),
        ({"title": "?"}, r"title='\?' must be a text with at least one word"),
        ({"aliases": "a"}, "aliases='a' must be a list"),
        ({"class": "okapi"}, "class='okapi' of 'Okapi' is unknown"),
        ({"facts": "s6 zebraish"}, "'zebraish' is no feature"),
        ({"facts": 3}, "facts=3 must be a text"),
    ],
)
def test_a_task_that_cannot_be_played_is_refused_with_its_line(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    data = {name: value for name, value in (UNKNOWN_ANIMAL | change).items() if value is not None}
    path = tmp_path / "tasks.jsonl"
    path.write_text(json.dumps({"id": "x", "gym": "telepathy", "data": data}) + "\n")
    with pytest.raises(DataError, match="line 1") as caught:
        Telepathy.read_tasks(path)
    assert re.search(message.replace("'title' is missing", "the field 'title' is missing"), str(caught.value))


def test_unknown_and_missing_files_are_data_errors(tmp_path: Path) -> None:
    (tmp_path / "tasks.csv").write_text("a")
    for name in ("tasks.csv", "none.parquet"):
        with pytest.raises(DataError, match=name):
            Telepathy.read_tasks(tmp_path / name)


@pytest.mark.parametrize("content", ["[{", "[1]", '{"a": 1}', '[{"id": "e", "title": "x"}]', "\x00"])
def test_a_broken_entity_list_is_a_data_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "entities.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"entities\.json"):
        Telepathy.read_tasks(path)


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


RECORD = {"id": "e1", "title": "Mt. Okapi (the 'hill')", "description": "I am thinking of a hill.", "target_entity": "a hill"}


def test_parquet_rows_must_join_with_the_entity_list(tmp_path: Path) -> None:
    good = {"reward_model": {"title": RECORD["title"], "ground_truth": "a hill"}}
    path = write_parquet(tmp_path / "test.parquet", [good])
    with pytest.raises(DataError, match=r"put UserRL's entities\.json beside it"):
        Telepathy.read_tasks(path)
    (tmp_path / "entities.json").write_text(json.dumps([RECORD]))
    (task,) = Telepathy.read_tasks(path, "valid")
    assert (task.id, task.split, task.data["title"]) == ("e1", Split.VALID, RECORD["title"])
    bad: list[tuple[dict[str, Any], str]] = [
        ({"reward_model": {"title": "other", "ground_truth": "a"}}, r"reward_model\.title='other' is not in"),
        ({"reward_model": {"ground_truth": "a"}}, r"reward_model\.title is missing"),
        ({"reward_model": {"title": RECORD["title"]}}, r"reward_model\.ground_truth is missing"),
        ({"prompt": "p"}, "no column 'reward_model'"),
    ]
    for row, message in bad:
        with pytest.raises(DataError, match=message):
            Telepathy.read_tasks(write_parquet(path, [row]))


def judging(task: Task) -> Telepathy:
    gym = Telepathy(user="judge")
    gym.reset(seed=0, options={"task": task})
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


def test_a_truncated_copy_of_userrls_parquet_is_a_data_error(userrl_data: Path, tmp_path: Path) -> None:
    shutil.copyfile(userrl_data / "telepathy" / "entities.json", tmp_path / "entities.json")
    whole_file = (userrl_data / "telepathy" / "test.parquet").read_bytes()
    (tmp_path / "short.parquet").write_bytes(whole_file[: len(whole_file) // 2])
    with pytest.raises(DataError, match="short"):
        Telepathy.read_tasks(tmp_path / "short.parquet")


# Words.


@pytest.mark.parametrize(
    "words", ["fly flies flying", "swim swims swimming swam", "eat eats eaten eating", "stripe stripes striped", "knife knives"]
)
def test_endings_make_no_difference(words: str) -> None:
    assert len({stem(word) for word in words.split()}) == 1


def test_words_that_only_look_alike_stay_apart() -> None:
    assert stem("clothing") != stem("cloth")
    assert stem("living") != stem("live")
    assert name_key("glasses") != name_key("glass")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Grey Wolves!", "gray wolf"),
        ("Beyonc\u00e9", "beyonce"),
        ("A rubik\u2019s cube", "Rubiks Cubes"),
        ("T-REX", "t rex"),
    ],
)
def test_names_are_compared_without_articles_case_plurals_accents_and_punctuation(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@given(st.text(max_size=250))
def test_any_text_is_judged_without_an_error(text: str) -> None:
    assert Judge(frozenset({"tiger"})).judge(text) in Verdict
