"""A voice says what it must and nothing that it was not told."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bao.trajectory import Fault, FaultError
from bao.users.voice import MOST_CHARACTERS, Voice, says, spelled
from tests.support.fake_simulator import FakeSimulator, broken


def said(reply: Any, *, facts: tuple[str, ...] = (), must: tuple[str, ...] = (), unsaid: tuple[str, ...] = ()) -> str:
    return Voice(FakeSimulator(lambda *_: {"reply": reply}), lambda: unsaid).say("Answer.", facts, {"question": "Well?"}, must)


def refusal(reply: Any, *, fault: Fault = Fault.USER_MALFORMED, **settings: tuple[str, ...]) -> str:
    with pytest.raises(FaultError) as raised:
        said(reply, **settings)
    assert raised.value.fault is fault
    return raised.value.detail


def test_a_good_reply_goes_through_on_one_line() -> None:
    assert said(" Four\n of us. ", must=("four",), unsaid=("lemon",)) == "Four of us."


def test_what_has_to_be_said_is_found_whatever_its_case_and_punctuation() -> None:
    assert said("Yes - WITH a passphrase!", must=("yes, with a passphrase",)) == "Yes - WITH a passphrase!"
    for reply in ("With a passphrase, yes.", "yes", "Fourteen.", "the four-teen of us"):
        assert refusal(reply, must=("yes, with a passphrase", "four")).startswith("the reply does not say")


def test_what_was_not_told_is_refused() -> None:
    assert refusal("Lemon, and Very-Hot.", fault=Fault.USER_LEAK, unsaid=("very hot",)) == (
        'the reply says "very hot", which you were not told: leave it out'
    )
    assert said("Very, and hot.", unsaid=("very hot",)) == "Very, and hot."
    assert said("Verys hot.", unsaid=("very hot", "?", "")) == "Verys hot."


def test_what_was_told_is_no_secret() -> None:
    assert said("Very hot.", facts=("- spice: very hot",), unsaid=("hot", "very hot")) == "Very hot."
    assert '"very hot"' in refusal("Very hot.", fault=Fault.USER_LEAK, facts=("- spice: hot",), unsaid=("hot", "very hot"))


@pytest.mark.parametrize("reply", ["", " \n", "...", "x" * (MOST_CHARACTERS + 1), 3, None, ["four"]])
def test_a_reply_that_is_no_sentence_is_refused(reply: object) -> None:
    assert refusal(reply)


@pytest.mark.parametrize("reply", ["", "Lemon.", "Fourteen.", 3])
def test_what_is_known_is_said_by_rule_where_the_model_twice_does_not_say_it(reply: object) -> None:
    model = FakeSimulator(lambda *_: {"reply": reply})
    voice = Voice(model, lambda: ["lemon"])
    assert voice.say("Answer.", ["- guests: four"], {}, ["four"], by_rule="It is four.") == "It is four."
    assert (voice.repaired, len(model.problems)) == (1, 2)


def test_an_outage_is_not_repaired() -> None:
    voice = Voice(FakeSimulator(broken), list)
    with pytest.raises(FaultError) as raised:
        voice.say("Answer.", [], {}, by_rule="It is four.")
    assert (raised.value.fault, voice.repaired) == (Fault.USER_UNAVAILABLE, 0)


def test_what_must_stay_unsaid_is_never_in_the_prompt() -> None:
    model = FakeSimulator(lambda *_: {"reply": "fine"})
    Voice(model, lambda: ["lemon"]).say("Answer.", ["- guests: four"], {"question": "Well?"})
    (prompt,) = model.prompts
    assert "lemon" not in repr(prompt)
    assert "four" in prompt.role
    assert prompt.said == {"question": "Well?"}
    assert "Well?" not in prompt.role


@given(st.text(), st.text(), st.text())
def test_a_text_says_each_of_its_parts(before: str, phrase: str, after: str) -> None:
    assert says(spelled(f"{before} {phrase} {after}"), phrase) == bool(spelled(phrase).strip())
