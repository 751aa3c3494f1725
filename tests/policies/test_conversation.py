"""An episode as a chat: what goes back to the model is what it said, and every call has its answer."""

import copy
import json
from typing import Any

import pytest

from bao.action import Action, ActionKind, Parsed, ParseFault
from bao.policies.conversation import BY_TEXT, BY_TOOL, NOT_TAKEN, Conversation
from tests.support.stub_agent import call

SEARCH = Action(ActionKind.SEARCH, "hotel area beach")


def talk(*, tools: bool = True) -> Conversation:
    return Conversation("The rules.", "Book a hotel.", frozenset(ActionKind), tools=tools)


def message(*calls: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, **({"tool_calls": list(calls)} if calls else {}), **fields}


def test_the_model_is_told_the_rules_how_to_act_and_the_opening() -> None:
    for tools, how in ((True, BY_TOOL), (False, BY_TEXT)):
        assert talk(tools=tools).messages() == [
            {"role": "system", "content": f"The rules.\n{how}"},
            {"role": "user", "content": "Book a hotel."},
        ]


def test_a_call_is_the_action_and_its_observation_answers_it() -> None:
    chat, said = talk(), message(call(SEARCH, "a"), annotations=[], refusal=None)
    before = copy.deepcopy(said)
    assert chat.said(said) == Parsed("", SEARCH, None)
    chat.heard("3 match.")
    assert said == before
    assert chat.messages()[2:] == [before, {"role": "tool", "tool_call_id": "a", "content": "3 match."}]


def test_of_several_calls_the_first_is_taken_and_the_others_are_told_so() -> None:
    chat = talk()
    finish = Action(ActionKind.FINISH)
    assert chat.said(message(call(SEARCH, "a"), call(finish, "b"), call(finish, "c"))).action == SEARCH
    chat.heard("3 match.")
    answers = [(each["tool_call_id"], each["content"]) for each in chat.messages()[3:]]
    assert answers == [("a", "3 match."), ("b", NOT_TAKEN), ("c", NOT_TAKEN)]
    chat.said(message(call(finish, "d")))
    chat.heard("over")
    assert [each.get("tool_call_id") for each in chat.messages()[-2:]] == [None, "d"]


@pytest.mark.parametrize("ids", [(None, None), ("", ""), ("a", "a"), (3, 3)])
def test_calls_without_an_id_of_their_own_get_one(ids: tuple[Any, Any]) -> None:
    chat = talk()
    chat.said(message(*({**call(SEARCH), "id": call_id} for call_id in ids)))
    chat.heard("3 match.")
    made = [each["id"] for each in chat.messages()[2]["tool_calls"]]
    assert len(set(made)) == 2
    assert all(isinstance(each, str) and each for each in made)
    assert [each["tool_call_id"] for each in chat.messages()[3:]] == made


ARGUMENTS: list[tuple[Any, ParseFault]] = [
    ('{"choice": "search", "cont', ParseFault.BAD_JSON),
    ("", ParseFault.BAD_JSON),
    ("[]", ParseFault.MISSING_FIELD),
    (None, ParseFault.MISSING_FIELD),
    ('{"content": "x"}', ParseFault.MISSING_FIELD),
    ("[" * 9999, ParseFault.BAD_JSON),
    ('{"choice": "buy", "content": "x"}', ParseFault.UNKNOWN_CHOICE),
    ('{"choice": "search"}', ParseFault.EMPTY_CONTENT),
]


@pytest.mark.parametrize(("arguments", "fault"), ARGUMENTS)
def test_unreadable_arguments_are_a_named_fault_and_still_answered(arguments: Any, fault: ParseFault) -> None:
    chat = talk()
    broken = {"id": "a", "type": "function", "function": {"name": "interact", "arguments": arguments}}
    assert chat.said(message(broken)) == Parsed(f"interact({arguments})", Action(ActionKind.NONE, fault), fault)
    chat.heard("No action could be read.")
    assert chat.messages()[2]["tool_calls"] == [broken]
    assert chat.messages()[3] == {"role": "tool", "tool_call_id": "a", "content": "No action could be read."}
    (plain,) = chat.messages(plain=True)[2]["tool_calls"]
    assert isinstance(json.loads(plain["function"]["arguments"]), dict)


@pytest.mark.parametrize("function", [None, "interact", {}, {"name": None}, {"name": "book", "arguments": "{}"}])
def test_a_call_of_another_tool_or_of_none_is_a_fault(function: Any) -> None:
    chat = talk()
    assert chat.said(message({"id": "a", "function": function})).fault in (ParseFault.WRONG_TOOL, ParseFault.MISSING_FIELD)
    chat.heard("No.")
    assert chat.messages()[-1]["tool_call_id"] == "a"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, ParseFault.EMPTY),
        ("", ParseFault.EMPTY),
        ("Let me see.", ParseFault.NO_ACTION),
        ("<think>hm", ParseFault.UNCLOSED_THINK),
    ],
)
def test_no_call_at_all_wastes_the_turn_and_what_follows_is_a_users_message(content: Any, fault: ParseFault) -> None:
    for calls in ({}, {"tool_calls": []}, {"tool_calls": None}, {"tool_calls": "none"}):
        chat = talk()
        said = chat.said(message(content=content, **calls))
        assert (said.fault, said.thinking) == (fault, (content or "").replace("<think>", ""))
        chat.heard("No action could be read.")
        assert chat.messages()[-1] == {"role": "user", "content": "No action could be read."}
        assert chat.messages(plain=True)[2] == {"role": "assistant", "content": content or "(nothing)"}


def test_brackets_are_read_where_the_model_calls_no_tool() -> None:
    assert talk().said(message(content="[search] hotel area beach")).action == SEARCH
    served = '<tool_call>{"name": "interact", "arguments": {"choice": "search", "content": "hotel area beach"}}</tool_call>'
    assert talk().said(message(content=served)).action == SEARCH


@pytest.mark.parametrize(
    ("fields", "thinking"),
    [
        ({"reasoning": "first"}, "first"),
        ({"reasoning_content": "first"}, "first"),
        ({"reasoning": "first", "reasoning_content": "first"}, "first"),
        ({"reasoning": None, "reasoning_content": 3}, ""),
        ({"reasoning": "a", "content": "<think>b</think>"}, "a\nb"),
        ({"content": "Let me look."}, "Let me look."),
        ({"content": [{"type": "text", "text": "in "}, {"type": "text", "text": "parts"}]}, "in parts"),
    ],
)
def test_thoughts_are_found_wherever_the_model_has_them(fields: dict[str, Any], thinking: str) -> None:
    assert talk().said(message(call(SEARCH), **fields)) == Parsed(thinking, SEARCH, None)


def test_thoughts_in_text_are_those_in_fields_then_in_tags_then_before_the_action() -> None:
    said = message(content="<think>b</think>c\n[search] hotel area beach", reasoning="a")
    assert talk(tools=False).said(said) == Parsed("a\nb\nc", SEARCH, None)


def test_plain_messages_hold_what_every_endpoint_takes() -> None:
    chat = talk()
    chat.said(message(call(SEARCH, "a"), reasoning_content="hm", refusal=None))
    assert not chat.is_plain
    assert chat.messages(plain=True)[2] == {"role": "assistant", "content": "", "tool_calls": [call(SEARCH, "a")]}
    assert chat.messages()[2]["reasoning_content"] == "hm"
    other = talk(tools=False)
    other.said({"role": "assistant", "content": "[search] hotel"})
    assert other.is_plain
