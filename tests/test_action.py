"""A model's text becomes the action that it names, or a named fault, and never an exception."""

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bao.action import CHOICES, Action, ActionKind, ParseFault, parse, render, tool_schema

ANY_TEXT = st.text(st.characters())
"""Any code points, lone surrogates included."""
FRAGMENTS = st.lists(
    st.sampled_from(
        [
            "<think>",
            "</think>",
            "<tool_call>",
            "</tool_call>",
            "[search]",
            "[nap]",
            "\n",
            "{",
            "}",
            '"choice"',
            '"content"',
            ":",
            '"search"',
            ",",
            "```json",
            "\\ud800",
            '"',
            "[",
            "]",
            '"arguments"',
            "hotel",
            " ",
            "1e999",
            "NaN",
        ]
    ),
    max_size=14,
).map("".join)
"""Texts made of the marks that the reader looks for."""
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "choice", "content", "arguments", "parameters", "function", "x"]), inner)
    ),
    max_leaves=6,
)
LINE_MARKS = ("</think>", "<tool_call>", "<think>")


def call(**payload: object) -> str:
    return json.dumps(payload)


plain_texts = st.text(st.characters(exclude_categories=["Cs"])).map(str.strip)


@given(plain_texts, st.sampled_from(CHOICES), plain_texts)
def test_what_was_rendered_is_read_back(thinking: str, kind: ActionKind, content: str) -> None:
    assume(content or kind is ActionKind.FINISH)
    assume(not any(mark in thinking + content for mark in LINE_MARKS))
    assume(not any(f"[{choice}]" in content.lower() for choice in CHOICES))
    parsed = parse(render(thinking, Action(kind, content)))
    assert parsed == (thinking, Action(kind, content), None)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", ParseFault.EMPTY),
        ("  \n ", ParseFault.EMPTY),
        ("<think>all known</think>\n", ParseFault.EMPTY),
        ("<think>I wonder [search] hotel", ParseFault.UNCLOSED_THINK),
        ("I would search for a hotel.", ParseFault.NO_ACTION),
        ("I would [search] for a hotel.", ParseFault.NO_ACTION),
        ("{choice: search}", ParseFault.BAD_JSON),
        ('<tool_call>{"choice": "search"', ParseFault.BAD_JSON),
        ('{"choice": ' + "9" * 5000 + "}", ParseFault.BAD_JSON),
        ('{"choice": ' + "[" * 200_000, ParseFault.BAD_JSON),
        (call(name="weather", arguments={"city": "Rome"}), ParseFault.WRONG_TOOL),
        (call(name="interact"), ParseFault.MISSING_FIELD),
        (call(name="interact", arguments={"content": "hotel"}), ParseFault.MISSING_FIELD),
        (call(choice=["search"], content="hotel"), ParseFault.MISSING_FIELD),
        (call(choice="search", content={"aspect": "hotel"}), ParseFault.MISSING_FIELD),
        ("<tool_call>[1, 2]</tool_call>", ParseFault.MISSING_FIELD),
        ("[ponder] hotel", ParseFault.UNKNOWN_CHOICE),
        (call(choice="none", content="bad_json"), ParseFault.UNKNOWN_CHOICE),
        ("[search]", ParseFault.EMPTY_CONTENT),
        (call(choice="answer"), ParseFault.EMPTY_CONTENT),
        ("[search] hotel\n[answer] H4", ParseFault.SEVERAL_ACTIONS),
        (f"<tool_call>{call(choice='finish')}</tool_call>" * 2, ParseFault.SEVERAL_ACTIONS),
    ],
)
def test_an_unreadable_turn_names_its_fault(text: str, fault: ParseFault) -> None:
    parsed = parse(text)
    assert parsed.fault is fault
    assert parsed.action == Action(ActionKind.NONE, str(fault))


@pytest.mark.parametrize("arguments", [{"choice": "search", "content": "hotel"}, call(choice="search", content="hotel")])
def test_a_call_in_openais_wrapper_is_read(arguments: object) -> None:
    wrapped = call(id="call_1", type="function", function={"name": "interact", "arguments": arguments})
    assert parse(wrapped) == ("", Action(ActionKind.SEARCH, "hotel"), None)
    assert parse(call(type="function", function={"name": "weather", "arguments": arguments})).fault is ParseFault.WRONG_TOOL


def test_every_fault_can_happen() -> None:
    marks = [mark for mark in test_an_unreadable_turn_names_its_fault.pytestmark if mark.name == "parametrize"]
    assert {fault for _, fault in marks[0].args[1]} == set(ParseFault)


def assert_sound(text: str) -> None:
    thinking, action, fault = parse(text)
    assert (fault is None) == (action.kind in CHOICES)
    assert action.kind == ActionKind.NONE or action.content or action.kind == ActionKind.FINISH
    (thinking + action.content).encode("utf-8")


@given(ANY_TEXT | FRAGMENTS)
def test_no_text_makes_parse_raise(text: str) -> None:
    assert_sound(text)


@given(JSON_VALUES, st.booleans())
def test_no_json_makes_parse_raise(value: object, tagged: bool) -> None:
    text = json.dumps(value)
    assert_sound(f"<tool_call>{text}</tool_call>" if tagged else text)


@pytest.mark.parametrize(
    "text",
    [
        "[search] hotel area beach",
        "  [SEARCH]   hotel area beach  ",
        call(choice="search", content="hotel area beach"),
        call(choice="Search", content="[search] hotel area beach"),
        "```json\n" + call(choice="search", content="hotel area beach") + "\n```",
        f"<tool_call>\n{call(name='interact', arguments={'choice': 'search', 'content': 'hotel area beach'})}\n</tool_call>",
        f"<tool_call>{call(name='interact', arguments={'choice': 'search', 'content': 'hotel area beach'})}",
        call(name="interact", parameters={"choice": "search", "content": "hotel area beach"}),
        call(name="interact", arguments=call(choice="search", content="hotel area beach")),
    ],
    ids=["bracket", "loose bracket", "json", "bracket in json", "fenced", "tagged", "unclosed tag", "parameters", "openai"],
)
def test_every_form_of_a_call_gives_the_same_action(text: str) -> None:
    assert parse(text) == ("", Action(ActionKind.SEARCH, "hotel area beach"), None)
    assert parse(f"<think>one left</think>{text}").thinking == "one left"


def test_thinking_may_lack_its_opening_tag_and_prose_joins_it() -> None:
    assert parse("one left</think>[finish]") == ("one left", Action(ActionKind.FINISH), None)
    assert parse("<think>one left</think>So I ask:\n[action] Which area?").thinking == "one left\nSo I ask:"


def test_a_bracket_inside_the_thinking_is_no_action() -> None:
    assert parse("<think>\n[answer] H1 is tempting</think>[search] hotel").action == ("search", "hotel")


def test_only_the_offered_kinds_are_read() -> None:
    offered = {ActionKind.SEARCH, ActionKind.FINISH}
    assert parse("[answer] H4", offered).fault is ParseFault.UNKNOWN_CHOICE
    assert parse("[search] H4", offered).fault is None
    schema = tool_schema(offered)["function"]["parameters"]
    assert schema["properties"]["choice"]["enum"] == ["search", "finish"]


def test_lone_surrogates_are_replaced_and_pairs_kept() -> None:
    escaped = parse(r'<think>x</think>{"choice": "search", "content": "a\ud800b \ud83d\ude00"}')
    assert escaped.action.content == "a\ufffdb \U0001f600"
    assert parse("<think>\ud800</think>[search] \udfff") == ("\ufffd", Action(ActionKind.SEARCH, "\ufffd"), None)


def test_kinds_compare_equal_to_their_names() -> None:
    assert Action("search", "hotel") == Action(ActionKind.SEARCH, "hotel")
    assert hash(Action("search", "hotel")) == hash(Action(ActionKind.SEARCH, "hotel"))
