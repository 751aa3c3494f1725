"""What is read from a model's text: strictly the reply asked for, without thoughts; and which replies give secrets away."""

import contextlib
import json
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from bao.users.leaks import LeakProblem, leak_check, leaks, words
from bao.users.replies import MOST_CHARACTERS, MalformedError, form_of, read_reply, strip_thoughts


class Stance(StrEnum):
    FOR = "for"
    AGAINST = "against"


class Verdict(BaseModel):
    fits: bool
    points: tuple[int, ...] = ()
    share: float = 0.0
    stance: Stance = Stance.FOR
    reply: str = ""


GOOD = '{"fits": true, "points": [1, 2], "share": 1, "stance": "against", "reply": "Yes {or} \\"no\\"."}'
READ = Verdict(fits=True, points=(1, 2), share=1.0, stance=Stance.AGAINST, reply='Yes {or} "no".')


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"  {GOOD}\n",
        f"```json\n{GOOD}\n```",
        f"```\n{GOOD}```",
        f"Sure! {GOOD} Does that help?",
        f"The set {{a, b}} gives\n{GOOD}",
        f"{GOOD} {{so}} it is",
        f'Not {{"other": 1}} but {GOOD}',
    ],
)
def test_one_whole_object_is_found_whatever_prose_stands_around_it(text: str) -> None:
    assert read_reply(text, Verdict) == READ


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("I cannot say.", "no JSON object"),
        ("{true}", "no JSON object"),
        ("{'fits': True}", "no JSON object"),
        ("true", "JSON, but no object"),
        (f"[{GOOD}]", "JSON, but no object"),
        (json.dumps(GOOD), "JSON, but no object"),
        (GOOD[:-1], "broken"),
        (GOOD[:20], "broken"),
        ("{", "broken"),
        ('{"fits": True}', "broken"),
        ('{"fits": true,}', "broken"),
        ('{"fits": true} {"fits": ', "broken"),
        (f'{GOOD} or {{"fits": false}}', "2 JSON objects that fit"),
        ('{"fits": true, "fits": false}', "stood twice"),
        ('{"fits": true, "share": NaN}', "NaN is no JSON value"),
        ('{"fits": true, "share": 1e999}', "fit"),
        ("{}", "fits: Field required"),
        ('{"other": true}', "fits: Field required"),
        ('{"reply": {"fits": true}}', "fits: Field required"),
        ('{"a": {"fits": true}, ', "broken"),
        ('{"a":' * 5000, "nested too deeply"),
        ('{"a":1}' * 200, "more than 63"),
        ("x" * (MOST_CHARACTERS + 1), "more than 100000"),
        ('{"fits": true, "reply": "<think>it is a cat</think> yes"}', "thinking tags"),
        ('{"fits": true, "reply": "\\u003cthink\\u003e it is a cat"}', "thinking tags"),
    ],
)
def test_what_is_not_exactly_one_whole_object_is_refused_with_the_reason(text: str, why: str) -> None:
    class Finite(Verdict, allow_inf_nan=False):
        pass

    with pytest.raises(MalformedError, match=why):
        read_reply(text, Finite)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("fits", "True"),
        ("fits", "true"),
        ("fits", 1),
        ("fits", "yes"),
        ("fits", None),
        ("points", "1"),
        ("points", ["1"]),
        ("points", [1.0]),
        ("points", [True]),
        ("share", "0.5"),
        ("share", True),
        ("stance", "For"),
        ("stance", 1),
        ("reply", 3),
        ("reply", None),
        ("reply", ["x"]),
    ],
)
def test_a_value_of_another_type_is_refused_naming_the_field(field: str, value: Any) -> None:
    with pytest.raises(MalformedError, match=field):
        read_reply(json.dumps({"fits": True, field: value}), Verdict)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<think>hm</think>yes", "yes"),
        ("<think>hm\n</think>\n\nyes", "yes"),
        ("yes<think>hm", "yes"),
        ("<think>hm", ""),
        ("hm</think>yes", "yes"),
        ("a <THINK>b</Think> c", "a  c"),
        ("<think>a<think>b</think>c</think>d", "d"),
        ("<think>a</think>b<think>c</think>d", "bd"),
        ("<thinking>a</thinking>b", "b"),
        ("<reasoning x='1'>a</reasoning>b", "b"),
        ("[THINK]a[/THINK]b", "b"),
        ("a</think>b</think>c", "c"),
        ("</think>", ""),
        ("no tags", "no tags"),
        ("I think, <b>so</b>", "I think, <b>so</b>"),
        ("<thinker>a", "<thinker>a"),
    ],
)
def test_thoughts_go_closed_or_not(text: str, left: str) -> None:
    assert strip_thoughts(text) == left


PIECES = st.lists(st.sampled_from(["<think>", "</think>", "SECRET", "open", " ", "<", ">"]), max_size=12)


@given(PIECES, PIECES)
def test_nothing_between_thinking_tags_is_ever_left(before: list[str], within: list[str]) -> None:
    outside = "".join(piece for piece in before if piece not in ("SECRET", "</think>", "<think>"))
    inside = "".join(piece for piece in within if piece != "</think>")
    assert "SECRET" not in strip_thoughts(f"{outside}<think>{inside}SECRET")
    assert "SECRET" not in strip_thoughts(f"{outside}<think>SECRET</think>{outside}")


@given(st.text(), st.booleans())
def test_any_text_survives_as_a_value(text: str, fits: bool) -> None:
    content = json.dumps({"fits": fits, "reply": text})
    try:
        text.encode()
    except UnicodeEncodeError:
        with pytest.raises(MalformedError):
            read_reply(content, Verdict)
    else:
        if strip_thoughts(text) == text.strip():
            assert read_reply(content, Verdict) == Verdict(fits=fits, reply=text)


@given(st.text(alphabet='{}[]":,ab1 \n\\<think>/'))
def test_any_text_is_read_or_refused_and_never_breaks_the_reader(text: str) -> None:
    with contextlib.suppress(MalformedError):
        read_reply(strip_thoughts(text), Verdict)


def test_a_form_closes_every_object_and_requires_every_field() -> None:
    class Inner(BaseModel):
        title: str = "x"

    class Outer(BaseModel):
        inner: Inner
        others: list[Inner] = []

    form = form_of(Outer)
    inner = form.strict["$defs"]["Inner"]
    assert (inner["additionalProperties"], inner["required"], list(inner["properties"])) == (False, ["title"], ["title"])
    assert form.strict["required"] == ["inner", "others"]
    assert form.name == "Outer"
    assert json.loads(form.text)["required"] == ["inner"]


# Secrets.


@pytest.mark.parametrize(
    ("secret", "reply"),
    [
        ("elephant", "It is an ELEPHANT."),
        ("Elephant", "an elephant, yes"),
        ("ice cream", "Ice-cream!"),
        ("ice cream", "icecream"),
        ("icecream", "ice  cream"),
        ("elephant", "e l e p h a n t"),
        ("elephant", "e-l-e-p-h-a-n-t?"),
        ("café", "the CAFE\u0301"),
        ("Zürich", "zurich"),
        ("elephant", "ele\u200bphant"),
        ("elephant", "ｅｌｅｐｈａｎｔ"),
        ("Straße", "STRASSE"),
        ("O'Brien", "o\u2019brien's"),
        ("O'Brien", "OBrien"),
        ("elephant", "the elephant's trunk"),
        ("大象", "这是大象吗"),
        ("New\nYork", "new york city"),
        ("42", "It is 42."),
        ("file", "the \ufb01le"),
        ("elephant", "**elephant**"),
        ("elephant", "_elephant_"),
    ],
)
def test_a_secret_is_found_however_it_is_written(secret: str, reply: str) -> None:
    assert leaks(secret, reply)


@pytest.mark.parametrize(
    ("secret", "reply"),
    [
        ("cat", "cats concatenate"),
        ("cat", "Yes."),
        ("ice cream", "cream, no ice"),
        ("", "anything"),
        ("?!", "what?!"),
        ("42", "142"),
    ],
)
def test_what_is_not_the_whole_secret_is_no_leak(secret: str, reply: str) -> None:
    assert not leaks(secret, reply)


STORY = "The man had been a lighthouse keeper and switched off the light, so a ship ran aground and many people drowned."


def test_a_long_secret_is_given_away_by_a_run_of_its_words() -> None:
    assert leaks(STORY, "Yes: he SWITCHED off the light -- so a ship sank")
    assert not leaks(STORY, "He switched off the light.")
    assert leaks(STORY, "He switched off the light.", run=4)


def test_what_the_agent_has_seen_is_no_secret() -> None:
    class Said(BaseModel):
        reply: str

    check = leak_check([STORY, "keeper"], "reply", known=["A man switched off the light, so a ship ran aground. Why?"])
    assert check(Said(reply="switched off the light so a ship ran aground")) is None
    assert isinstance(check(Said(reply="a ship ran aground and many people drowned")), LeakProblem)
    assert isinstance(check(Said(reply="He was the keeper")), LeakProblem)
    assert leak_check(["keeper"], known=["Was he a keeper?"])(Said(reply="Yes, a keeper.")) is None


def test_only_the_named_fields_are_searched_and_all_of_them_where_none_is_named() -> None:
    class Inner(BaseModel):
        notes: list[str]

    class Outer(BaseModel):
        thought: str
        inner: Inner

    reply = Outer(thought="an elephant", inner=Inner(notes=["nothing"]))
    assert leak_check(["elephant"], "inner")(reply) is None
    assert isinstance(leak_check(["elephant"], "thought")(reply), LeakProblem)
    assert isinstance(leak_check(["nothing"], "inner")(reply), LeakProblem)
    assert isinstance(leak_check(["nothing"])(reply), LeakProblem)


def test_the_finding_does_not_repeat_the_secret() -> None:
    found = leak_check(["elephant"])(Verdict(fits=True, reply="elephant"))
    assert found is not None
    assert "elephant" not in found


@given(st.text(), st.text(alphabet="abc -'"), st.text(alphabet="abc -'"))
def test_a_secret_between_words_is_always_found(secret: str, before: str, after: str) -> None:
    assert leaks(secret, f"{before} {secret} {after}") == bool(words(secret))
