"""The scripted traveller answers what it is asked, one thing at a time, and understands how people really ask."""

import numpy as np
import pytest

from bao.action import ActionKind
from bao.gyms.readings import readings
from bao.gyms.travel import Travel
from bao.gyms.travel.catalogue import ASPECTS, VALUE_ATTRIBUTE
from bao.gyms.travel.user import ScriptedTraveller
from bao.rollout.episode import play
from bao.task import Split

WISHES = {"hotel": {"area": "beach", "style": "quiet"}, "flight": {"seat": "aisle", "time": "noon"}}
VAGUE = "That is too vague. Ask about one thing, please."


def traveller(seed: int = 0, volunteer_after: int = 3) -> ScriptedTraveller:
    return ScriptedTraveller(WISHES, np.random.default_rng(seed), volunteer_after)


def told(reply: str) -> set[str]:
    """The attributes whose value a reply gives away."""
    return {VALUE_ATTRIBUTE[word] for word in reply.replace(".", " ").split() if word in VALUE_ATTRIBUTE}


def volunteered(reply: str) -> bool:
    return "By the way" in reply


@pytest.mark.parametrize(
    ("question", "value"),
    [
        ("Which area for the hotel?", "beach"),
        ("WHERE would you like to stay?", "beach"),
        ("Do you want a modern hotel?", "quiet"),
        ("When do you want to fly?", "noon"),
        ("Window or aisle?", "aisle"),
    ],
)
def test_a_question_is_answered_by_what_it_mentions(question: str, value: str) -> None:
    for seed in range(5):
        reply = traveller(seed).answer(question)
        assert reply in {f"I would like {value}.", f"The best would be {value}.", f"I prefer {value}."}


@pytest.mark.parametrize("question", ["", "What do you like?", "Which hotel?", "Anything else?", "?!", "\u00fc\ud800"])
def test_a_question_that_names_nothing_is_too_vague(question: str) -> None:
    assert traveller().answer(question) == VAGUE


def test_an_aspect_that_is_not_wanted_and_an_attribute_that_does_not_matter_are_said_so() -> None:
    assert traveller().answer("Which fuel for the car?") == "No car is needed."
    assert traveller().answer("Is breakfast included at the hotel?") == "I have no wish about the board."


def test_one_thing_is_answered_at_a_time_the_first_named() -> None:
    assert told(traveller().answer("Which area and which style for the hotel?")) == {"area"}
    assert told(traveller().answer("Which style and which area for the hotel?")) == {"style"}
    assert told(traveller().answer("Which seat, which time, which area, which style?")) == {"seat"}


def test_an_aspect_named_keeps_the_question_to_it() -> None:
    assert told(traveller().answer("When should the hotel be quiet?")) == {"style"}
    assert traveller().answer("When is the hotel open?") == VAGUE


def test_the_same_generator_gives_the_same_replies() -> None:
    questions = ["Which area?", "Hm?", "Which board?", "Anything?", "Which seat?", "So?", "And?", "Yes?"] * 3

    def replies(seed: int) -> list[str]:
        user = traveller(seed)
        return [user.answer(question) for question in questions]

    assert replies(4) == replies(4)
    assert len({tuple(replies(seed)) for seed in range(6)}) > 1


def test_a_wish_is_volunteered_after_three_fruitless_questions() -> None:
    user = traveller()
    replies = [
        user.answer(question) for question in ("Well?", "Which fuel for the car?", "Which board?", "Well?", "Well?", "Well?")
    ]
    assert [volunteered(reply) for reply in replies] == [False, False, True, False, False, True]
    assert replies[2].startswith("I have no wish about the board. By the way, for the ")


def test_a_fruitful_question_starts_the_count_anew() -> None:
    user = traveller()
    replies = [user.answer(question) for question in ("Well?", "Well?", "Which area?", "Well?", "Well?", "Well?")]
    assert [volunteered(reply) for reply in replies] == [False] * 5 + [True]


def test_the_patience_can_be_set() -> None:
    assert volunteered(traveller(volunteer_after=1).answer("Well?"))


def test_only_what_is_still_unknown_is_volunteered_and_never_twice() -> None:
    for seed in range(8):
        user = traveller(seed, volunteer_after=1)
        user.tell("area")
        user.settle("flight")
        assert told(user.answer("Well?")) == {"style"}
        assert user.answer("Well?") == VAGUE
        assert told(user.answer("Which area for the hotel?")) == {"area"}, "a direct question is always answered"


def test_volunteering_goes_through_all_wishes() -> None:
    user = traveller(volunteer_after=1)
    replies = [user.answer("Well?") for _ in range(5)]
    assert set().union(*map(told, replies)) == {"area", "style", "seat", "time"}
    assert replies[-1] == VAGUE


def test_every_question_of_the_teacher_is_understood() -> None:
    for aspect in ASPECTS.values():
        for attribute in aspect.attributes:
            assert ScriptedTraveller.classify(f"Which {attribute} for the {aspect.name}?") == attribute
        assert ScriptedTraveller.classify(f"What do you like for the {aspect.name}?") is None
        assert ScriptedTraveller.classify(f"Which {aspect.name}?") is None


def test_the_gym_passes_on_what_it_stated_and_settled() -> None:
    gym = Travel(volunteer_after=1)
    for index, task in enumerate(Travel.task_set(Split.TEST, 30)):
        opening, _ = gym.reset(seed=index, options={"task": task})
        stated = told(opening.replace(",", " "))
        heard = [told(gym.step(("action", "Well?"))[0]) for _ in range(10)]
        assert not stated & set().union(*heard)
        assert sum(map(len, heard)) == 2 * task.level - len(stated)


def test_who_asks_needlessly_is_never_told_more_than_one_wish_a_turn() -> None:
    gym = Travel()
    for seed, task in enumerate(Travel.task_set(Split.VALID, 30)):
        for turn in play(gym, Travel.scripted_policies()["ask_all"](gym, seed), task, seed).turns:
            if turn.action.kind == ActionKind.ACTION:
                assert len(told(turn.reply)) == 1


READINGS = readings("travel")


def share_understood(questions: list[list[str]]) -> float:
    return float(np.mean([(ScriptedTraveller.classify(question) or "nothing") == meant for question, meant in questions]))


def test_free_questions_are_mostly_understood() -> None:
    assert share_understood(READINGS["seen"] + READINGS["set_aside"]) >= 0.9
    assert share_understood(READINGS["set_aside"]) >= 0.8


def test_the_questions_cover_every_attribute_and_vagueness() -> None:
    asked = {attribute for _, attribute in READINGS["seen"] + READINGS["set_aside"]}
    assert asked == {name for aspect in ASPECTS.values() for name in aspect.attributes} | {"nothing"}
