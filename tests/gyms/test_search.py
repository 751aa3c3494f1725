"""The search gym: its questions can be answered hop by hop, its judge is exact, its user knows what was meant and no more."""

import re
from collections import Counter
from itertools import combinations

import pytest

from bao.action import Action
from bao.gyms.readings import readings
from bao.gyms.search import Search
from bao.gyms.search.corpus import NOTHING
from bao.gyms.search.judge import normal_form
from bao.gyms.search.labelled import CANDIDATES
from bao.gyms.search.names import CLUB_ENDS, COMPANY_ENDS, DEVICES
from bao.gyms.search.relations import RELATIONS, SORTS, Kind, read_passage, read_question
from bao.gyms.search.tasks import LEVELS, load
from bao.gyms.search.user import CLEAR, NO_OTHER, SAID, UNKNOWN, VAGUE, Meant, Names, ScriptedAsker, classify
from bao.gyms.search.world import Thing, World, world, world_names
from bao.measures.clusters import connected
from bao.task import Split, Task
from bao.trajectory import StopReason
from tests.support.gyms import effort, episodes, every_task, score, started, whole

ALL = every_task(Search)
DESCRIBED = [task for task in ALL if "meant" in task.data]
AMBIGUOUS = [task for task in DESCRIBED if len(task.data["meant"]["candidates"]) > 1]


def replied(gym: Search, kind: str, content: str) -> str:
    return gym.step(Action(kind, content))[0]


def asker(task: Task) -> ScriptedAsker:
    return ScriptedAsker(load(task).question, load(task).meant)


def every_world() -> list[World]:
    return [world(name) for split in Split for name in world_names(split)]


# The worlds.


def test_no_name_and_no_telling_part_of_one_is_shared_between_splits() -> None:
    common = {"The", "River", "Lake", "Mount", "Bridge", "School", "and", "Sons"}
    common |= {*CLUB_ENDS, *DEVICES, *(word for end in COMPANY_ENDS for word in end.split())}
    parts: dict[Split, set[str]] = {}
    for split in Split:
        things = [thing for name in world_names(split) for thing in world(name).things.values()]
        named = {thing.name for thing in things} | {thing.facts["source"] for thing in things if thing.kind is Kind.RIVER}
        parts[split] = {word for name in named for word in name.split()} - common
        assert len(parts[split]) > 200
    for one, other in combinations(Split, 2):
        assert not parts[one] & parts[other]


def test_every_world_is_several_hundred_passages_one_for_each_thing() -> None:
    for place in every_world():
        assert len(place.things) == len(place.corpus.passages) == 418
        assert {passage.title for passage in place.corpus.passages} == place.things.keys()
        assert all(len(passage.text) < 300 for passage in place.corpus.passages)


def test_every_passage_tells_what_holds_and_nothing_else() -> None:
    for place in every_world():
        for passage in place.corpus.passages:
            assert read_passage(passage.text) == dict(place.things[passage.title].facts)


def test_what_a_thing_is_related_to_is_there() -> None:
    for place in every_world():
        for thing in place.things.values():
            assert thing.facts.keys() <= SORTS[thing.kind].targets.keys()
            for name, value in thing.facts.items():
                target = SORTS[thing.kind].targets[name]
                assert target is None or place.things[value].kind is target


def test_worlds_of_a_split_differ_in_facts() -> None:
    one, other = world("train-0"), world("train-1")
    common = one.things.keys() & other.things.keys()
    assert len(common) > 30
    assert sum(one.things[name].facts == other.things[name].facts for name in common) < len(common) / 20


def test_an_unknown_world_is_named_with_those_that_there_are() -> None:
    for name in ("test-40", "dev-0", "", "test-0x"):
        with pytest.raises(ValueError, match=rf"world '{name}' is unknown; known: train-0 to train-5, .*test-39"):
            world(name)


# The tasks.


def followed(place: World, thing: Thing, path: tuple[str, ...]) -> str:
    value = thing.name
    for name in path:
        value = place.things[value].facts[name]
    return value


def test_the_answer_follows_from_the_question_and_the_world() -> None:
    for task in ALL:
        asked = read_question(task.data["question"])
        assert asked is not None
        assert len(asked.path) == task.level
        place = world(task.data["world"])
        if asked.name:
            assert "meant" not in task.data
            assert followed(place, place.things[asked.name], asked.path) == task.data["answers"][0]
            continue
        meant = task.data["meant"]
        fitting = sorted(
            thing.name
            for thing in place.things.values()
            if thing.kind == asked.kind and thing.facts.items() >= asked.described.items()
        )
        assert meant["candidates"] == fitting
        assert meant["asked"] == list(asked.path)
        ends = [followed(place, place.things[name], asked.path) for name in fitting]
        assert ends[meant["index"]] == task.data["answers"][0]
        assert len({normal_form(end) for end in ends}) == len(fitting), "each candidate leads to another answer"


def test_a_third_of_the_tasks_of_each_level_is_ambiguous() -> None:
    for split in Split:
        for level in LEVELS:
            tasks = [task for task in whole(Search, split) if task.level == level]
            fits = Counter(len(task.data["meant"]["candidates"]) if "meant" in task.data else 0 for task in tasks)
            assert fits[0] == fits[1] == fits[2] + fits[3] + fits[4] == len(tasks) / 3
            assert fits[4] > fits[2] > 0 < fits[3]


@pytest.mark.parametrize(("split", "worlds"), [(Split.VALID, 10), (Split.TEST, 40)])
def test_each_world_is_a_cluster_of_one_task_of_each_level_and_start(split: Split, worlds: int) -> None:
    tasks = whole(Search, split)
    numbers = connected({task.id: Search.components(task) for task in tasks})
    assert sorted(Counter(numbers.values()).values()) == [9] * worlds
    fits = {task.id: len(task.data["meant"]["candidates"]) if "meant" in task.data else 0 for task in tasks}
    kinds = Counter((task.data["world"], task.level, min(fits[task.id], 2)) for task in tasks)
    assert set(kinds.values()) == {1}


def test_the_first_tasks_of_the_test_split_come_from_many_worlds() -> None:
    assert len({task.data["world"] for task in Search.task_set(Split.TEST, 100)}) > 30


def test_levels_are_parts_of_the_same_tasks_and_no_question_comes_twice_in_a_world() -> None:
    assert {task.id for task in Search.task_set(Split.TEST, 20, (2,))} <= {task.id for task in whole(Search)}
    asked = Counter((task.data["world"], task.data["question"]) for task in ALL)
    assert max(asked.values()) == 1
    assert len(Search.task_set(Split.TRAIN, 1_500)) == 1_500


# What the agent is shown.


def words(text: str) -> str:
    return " ".join(["", *re.findall(r"[^\W_]+", text.lower()), ""])


def test_nothing_that_the_user_says_shows_the_answer() -> None:
    questions = [question.format(x="it") for relation in RELATIONS.values() for question in relation.questions]
    for task in whole(Search):
        user = asker(task)
        named = task.data.get("meant", {"candidates": []})["candidates"]
        for question in (*questions, "", "What is the answer?", *named):
            for answer in task.data["answers"]:
                assert words(answer) not in words(user.answer(question))


def test_a_search_depends_on_the_world_and_the_query_alone() -> None:
    by_world: dict[str, list[Task]] = {}
    for task in whole(Search):
        by_world.setdefault(task.data["world"], []).append(task)
    for name, tasks in list(by_world.items())[:4]:
        for query in ("maker of clocks", "Who was the first coach?", tasks[3].data["question"]):
            seen = {replied(started(Search, task), "search", query) for task in tasks}
            assert seen == {world(name).corpus.reply(query)}


def test_the_instructions_say_what_the_gym_does() -> None:
    text = Search().instructions()
    assert "up to 5 passages" in text
    told = {word for name in ("Hill Mills", "Lake Mills", "Ann Hill") for word in name.split()} - {"Lake"}
    assert not any(told & set(name.split()) for place in every_world() for name in place.things)


def test_a_search_shows_numbered_titles_and_passages_best_first() -> None:
    task = next(task for task in whole(Search) if task.data["world"] == "test-0")
    thing = next(thing for thing in world("test-0").things.values() if thing.kind is Kind.COMPANY)
    reply = replied(started(Search, task), "search", thing.name)
    lines = reply.split("\n")
    assert 1 <= len(lines) <= 5
    text = next(passage.text for passage in world("test-0").corpus.passages if passage.title == thing.name)
    assert lines[0] == f"1. {thing.name}: {text}"
    assert [line.split(". ")[0] for line in lines] == [str(number) for number in range(1, len(lines) + 1)]
    assert replied(started(Search, task), "search", "zzz qqq") == NOTHING


# What UserRL's gym gets wrong.


def test_no_search_is_refused_however_many_came_before() -> None:
    """UserRL's gym answers five searches an episode, and then asks for an answer."""
    task = AMBIGUOUS[0]
    gym = started(Search, task)
    replies = [replied(gym, "search", task.data["question"]) for _ in range(15)]
    assert len(set(replies)) == 1
    assert replies[0].startswith("1. ")
    _, _, terminated, truncated, info = gym.step(Action("search", task.data["question"]))
    assert (terminated, truncated, info["stop"]) == (False, True, StopReason.MAX_TURNS)


# Answers.


# The user.

CLUB = ScriptedAsker(
    "Who coached the rowing club from Aldford?",
    Meant(
        Kind.CLUB,
        ("Aldford Rovers", "Aldford Swifts", "Aldford Albion"),
        1,
        {"founded": "1874", "colours": "red and blue"},
        ("coach",),
    ),
)


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        ("In which year was it founded?", "It was founded in 1874."),
        ("WHEN was it founded, and in which colours does it play?", "It was founded in 1874."),
        ("Is it the one in red and blue?", "The colours are red and blue."),
        ("Is it the one from 1874?", "It was founded in 1874."),
        ("Do you mean Aldford Rovers or Aldford Swifts?", "I mean Aldford Swifts."),
        ("The Swifts?", "I mean Aldford Swifts."),
        ("Aldford Rovers, founded in 1874?", NO_OTHER),
        ("Do you mean Aldford Rovers or Aldford Albion?", NO_OTHER),
        ("Who was its first coach?", UNKNOWN),
        ("Which town is the club from?", SAID),
        ("Do you mean the club from Aldford?", VAGUE),
        ("Which one do you mean?", VAGUE),
        ("", VAGUE),
        ('{"question": 3}', VAGUE),
        ("\u00bfCu\u00e1l?", VAGUE),
    ],
)
def test_the_user_answers_what_is_asked(question: str, reply: str) -> None:
    assert CLUB.answer(question) == reply


def test_one_question_settles_every_ambiguous_task() -> None:
    assert len(AMBIGUOUS) == len(ALL) / 3
    for task in AMBIGUOUS:
        meant = task.data["meant"]
        name = meant["candidates"][meant["index"]]
        assert asker(task).answer(f"Do you mean {' or '.join(meant['candidates'])}?") == f"I mean {name}."
        place = world(task.data["world"])
        telling = 0
        for relation, value in meant["facts"].items():
            assert value in asker(task).answer(RELATIONS[relation].questions[0].format(x="it"))
            telling += sum(place.things[other].facts.get(relation) == value for other in meant["candidates"]) == 1
        assert telling >= 1


def test_of_what_is_asked_the_user_knows_nothing() -> None:
    for task in DESCRIBED:
        first = task.data["meant"]["asked"][0]
        assert asker(task).answer(RELATIONS[first].questions[0].format(x="it")) == UNKNOWN


def test_who_names_what_is_meant_has_nothing_to_add() -> None:
    for task in whole(Search):
        if "meant" not in task.data:
            assert asker(task).answer("Which one do you mean, and when was it founded?") == CLEAR


READINGS = readings("search")


def understood(questions: list[list[str]]) -> int:
    names = {kind: Names(kind, found, "the football club from Aldford") for kind, found in CANDIDATES.items()}
    found = [classify(question, Kind(kind), names[Kind(kind)]) for kind, question, _ in questions]
    texts = [
        f"candidates {' '.join(map(str, sorted(each)))}" if isinstance(each, frozenset) else each or "nothing" for each in found
    ]
    return sum(text == reading for text, (*_, reading) in zip(texts, questions, strict=True))


def test_free_questions_are_mostly_understood() -> None:
    assert (understood(READINGS["seen"]), len(READINGS["seen"])) == (36, 36)
    assert (understood(READINGS["set_aside"]), len(READINGS["set_aside"])) == (35, 36)


def test_the_questions_cover_all_that_the_user_may_know() -> None:
    asked = {(kind, reading) for kind, _, reading in READINGS["seen"] + READINGS["set_aside"]}
    known = {(Kind(task.data["meant"]["kind"]), name) for task in DESCRIBED for name in task.data["meant"]["facts"]}
    assert known <= asked


# Scripted policies.


def worth(policy: str) -> tuple[float, float]:
    """Mean return and mean user effort on the test tasks."""
    return score(Search, policy), effort(Search, policy)


def test_searching_and_asking_where_several_fit_solves_every_task_within_the_horizon() -> None:
    for split in Split:
        for task, episode in zip(whole(Search, split), episodes(Search, "ask_needed", split), strict=True):
            ambiguous = "meant" in task.data and len(task.data["meant"]["candidates"]) > 1
            assert (episode.success, episode.task_return) == (True, 1)
            assert episode.user_effort == 1 + ambiguous
            assert len(episode.turns) <= 2 + ambiguous + task.level


def test_asking_has_a_price_and_a_worth() -> None:
    """Of the ambiguous third a quarter has two candidates, a quarter three and half four. So one guess is right in a third of
    them (1/8 + 1/12 + 1/8), guessing on takes 2.125 answers, asking first takes two turns of the user."""
    assert worth("ask_needed") == (1, pytest.approx(4 / 3))
    assert worth("never_ask") == (pytest.approx(2 / 3 + (1 / 2 + 1 / 3 + 2 / 4) / 4 / 3, abs=0.06), 1)
    assert worth("guess_on") == (1, pytest.approx((1 + 1 + 2.125) / 3, abs=0.06))
    assert worth("ask_many")[0] == 1
    assert worth("ask_all") == (1, 2)
    assert worth("ask_many")[1] < worth("ask_needed")[1] < worth("guess_on")[1] < worth("ask_all")[1]
