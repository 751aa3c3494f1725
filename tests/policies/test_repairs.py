"""Calls in the shapes that servers send: read where they have one reading, with the repair named; else the fault stands."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bao.action import Action, ActionKind, ParseFault
from bao.policies.conversation import Conversation
from bao.policies.repairs import Repair, read_call
from bao.policies.written_calls import read_text, read_thoughts

KINDS = frozenset(ActionKind)
SEARCH = Action(ActionKind.SEARCH, "hotel")
ARGUMENTS = {"choice": "search", "content": "hotel"}
JSON = json.dumps(ARGUMENTS)


def call(arguments: Any, name: Any = "interact") -> dict[str, Any]:
    return {"id": "a", "type": "function", "function": {"name": name, "arguments": arguments}}


@pytest.mark.parametrize(
    ("said", "repairs"),
    [
        (call(JSON), ()),
        (call(ARGUMENTS), (Repair.ARGUMENT_OBJECT,)),
        (call(json.dumps(JSON)), (Repair.DOUBLED_JSON,)),
        (call(json.dumps(json.dumps(JSON))), (Repair.DOUBLED_JSON,)),
        (call('{"choice": "search", "content": "hotel\n"}'), (Repair.CONTROL_CHARACTERS,)),
        (call(JSON + "}"), (Repair.TRAILING_TEXT,)),
        (call(f"```json\n{JSON}\n```"), (Repair.TRAILING_TEXT,)),
        (call(JSON + "<|im_end|>"), (Repair.TRAILING_TEXT,)),
        (call(JSON + JSON), (Repair.TRAILING_TEXT,)),
        (call(str(ARGUMENTS)), (Repair.PYTHON_LITERAL,)),
        (call([ARGUMENTS]), (Repair.NESTED_ARGUMENTS,)),
        (call(json.dumps({"args": ARGUMENTS})), (Repair.NESTED_ARGUMENTS,)),
        (call(json.dumps({"interact": JSON})), (Repair.NESTED_ARGUMENTS,)),
        (call('{"Choice": "search", "Content": "hotel"}'), (Repair.KEY_CASE,)),
        (call(JSON, "functions.interact"), (Repair.TOOL_NAME,)),
        (call(JSON, "interact<|channel|>commentary"), (Repair.TOOL_NAME,)),
        (call(JSON, "default_api:interact"), (Repair.TOOL_NAME,)),
        (call(JSON, "functions.interact:0"), (Repair.TOOL_NAME,)),
        (call('{"content": "hotel"}', "search"), (Repair.CHOICE_AS_TOOL,)),
        (call('{"query": "hotel"}', "functions.search"), (Repair.CHOICE_AS_TOOL,)),
        ({"name": "interact", "arguments": JSON}, (Repair.CALL_FORM,)),
        ({"type": "tool_use", "name": "interact", "input": ARGUMENTS}, (Repair.CALL_FORM, Repair.ARGUMENT_OBJECT)),
        ({"type": "custom", "custom": {"name": "interact", "input": JSON}}, (Repair.CALL_FORM,)),
        ({"function": json.dumps({"name": "interact", "arguments": JSON})}, (Repair.CALL_FORM,)),
        ({"function": "interact", "parameters": ARGUMENTS}, (Repair.CALL_FORM, Repair.ARGUMENT_OBJECT)),
        ({"function": {"name": "interact", "parameters": ARGUMENTS}}, (Repair.CALL_FORM, Repair.ARGUMENT_OBJECT)),
        ({"tool_name": "interact", "parameters": ARGUMENTS}, (Repair.CALL_FORM, Repair.ARGUMENT_OBJECT)),
        (call("{}" + JSON), (Repair.TRAILING_TEXT,)),
        (call("null" + JSON), (Repair.TRAILING_TEXT,)),
        (call(JSON[:-1]), (Repair.UNCLOSED,)),
        (call('{choice: "search", content: "hotel"}'), (Repair.PYTHON_LITERAL,)),
        (call('{"choice": "search", "content": "hotel",}'), (Repair.PYTHON_LITERAL,)),
        (call(json.dumps({"choice": ["search"], "content": ["hotel"]})), (Repair.CONTENT_TYPE,)),
        (call(json.dumps({"choice": "[search]", "content": {"text": "hotel"}})), (Repair.CONTENT_TYPE,)),
        (
            call(
                json.dumps({"tool_uses": [{"recipient_name": "functions.interact", "parameters": ARGUMENTS}]}),
                "multi_tool_use.parallel",
            ),
            (Repair.NESTED_ARGUMENTS, Repair.TOOL_NAME),
        ),
    ],
)
def test_a_call_with_one_reading_is_read_and_the_repair_named(said: dict[str, Any], repairs: tuple[Repair, ...]) -> None:
    parsed, found = read_call(said, KINDS)
    assert (parsed.action, parsed.fault) == (SEARCH, None)
    assert set(found) >= set(repairs)
    assert bool(found) == bool(repairs)


@pytest.mark.parametrize(
    ("said", "action", "repair"),
    [
        (call('{"choice": "answer", "content": 7}'), Action(ActionKind.ANSWER, "7"), Repair.CONTENT_TYPE),
        (call('{"choice": "finish", "content": null}'), Action(ActionKind.FINISH, ""), Repair.CONTENT_TYPE),
        (call("", "finish"), Action(ActionKind.FINISH, ""), Repair.CHOICE_AS_TOOL),
        (call("{}", "finish"), Action(ActionKind.FINISH, ""), Repair.CHOICE_AS_TOOL),
    ],
)
def test_what_needs_no_text_is_read_without(said: dict[str, Any], action: Action, repair: Repair) -> None:
    parsed, found = read_call(said, KINDS)
    assert (parsed.action, found) == (action, (repair,))


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (call('{"choice": "search", "cont'), ParseFault.BAD_JSON),
        (call('{"choice": "search", "content": "hot'), ParseFault.BAD_JSON),
        (call('{"choice": "search"'), ParseFault.BAD_JSON),
        (call("{}"), ParseFault.MISSING_FIELD),
        (call(json.dumps({"choice": ["search", "action"], "content": "x"})), ParseFault.MISSING_FIELD),
        (call(json.dumps({"choice": "search", "content": {"a": "x", "b": "y"}})), ParseFault.MISSING_FIELD),
        (call(""), ParseFault.BAD_JSON),
        (call(JSON + '{"choice": "finish"}'), ParseFault.BAD_JSON),
        (call([ARGUMENTS, ARGUMENTS]), ParseFault.MISSING_FIELD),
        (call(JSON, "book"), ParseFault.WRONG_TOOL),
        (call('{"a": "x", "b": "y"}', "search"), ParseFault.WRONG_TOOL),
        (call('{"choice": "answer", "content": "x"}', "search"), ParseFault.WRONG_TOOL),
        (call('{"content": "x"}'), ParseFault.MISSING_FIELD),
        (call(json.dumps(json.dumps({"choice": "buy", "content": "x"}))), ParseFault.UNKNOWN_CHOICE),
        (call("__import__('os').system('true')"), ParseFault.BAD_JSON),
    ],
)
def test_what_has_several_readings_or_none_stays_a_fault(said: dict[str, Any], fault: ParseFault) -> None:
    parsed, found = read_call(said, KINDS)
    assert (parsed.fault, found) == (fault, ())


@pytest.mark.parametrize(
    "text",
    [
        '<function=interact>{"choice": "search", "content": "hotel"}</function>',
        "<function=interact>\n<parameter=choice>\nsearch\n</parameter>\n<parameter=content>\nhotel\n</parameter>\n</function>",
        f'[TOOL_CALLS][{{"name": "interact", "arguments": {JSON}}}]',
        f'I will look.\n{{"name": "interact", "arguments": {JSON}}}',
        f'<|python_tag|>{{"name": "interact", "parameters": {JSON}}}',
        f"Then:\n```json\n{JSON}\n```\nso.",
        'interact(choice="search", content="hotel")',
        "I call interact('search', 'hotel').",
        f'<tool_call>\n{{"name": "functions.interact", "arguments": {JSON}}}\n</tool_call>',
        f'<think>hm</think>So: {{"name": "interact", "arguments": {JSON}}} it is.',
        "interact(content='hotel', choice='search')",
        "<tool_call>interact\n<arg_key>choice</arg_key>\n<arg_value>search</arg_value>\n<arg_key>content</arg_key>\n"
        "<arg_value>hotel</arg_value>\n</tool_call>",
        '<invoke name="interact"><parameter name="choice">search</parameter>'
        '<parameter name="content">hotel</parameter></invoke>',
        '<｜DSML｜invoke name="interact"><｜DSML｜parameter name="choice" string="true">search</｜DSML｜parameter>'
        '<｜DSML｜parameter name="content" string="true">hotel</｜DSML｜parameter></｜DSML｜invoke>',
        "<start_function_call>call:interact{choice:<escape>search<escape>,content:<escape>hotel<escape>}<end_function_call>",
        f'Action: ```json\n[{{"tool_name": "interact", "parameters": {JSON}}}]\n```',
        f'{{"tool": "interact", "args": {JSON}}}',
        f'{{"action": "interact", "action_input": {JSON}}}',
        f'{{"tool_calls": [{{"name": "interact", "arguments": {JSON}}}]}}',
        f"[TOOL_CALLS]interact[ARGS]{JSON}",
        f"<|channel|>commentary to=functions.interact <|constrain|>json<|message|>{JSON}<|call|>",
    ],
)
def test_the_one_call_in_a_text_is_read(text: str) -> None:
    parsed, found = read_text(text, KINDS)
    assert (parsed.action, parsed.fault) == (SEARCH, None)
    assert found[0] == Repair.CALL_IN_TEXT


@pytest.mark.parametrize(
    "text",
    [
        f'{{"name": "interact", "arguments": {JSON}}} or {{"name": "interact", "arguments": {{"choice": "finish"}}}}',
        "Let me see.",
        '{"name": "book", "arguments": {}}',
        "{" * 500,
    ],
)
def test_several_calls_in_a_text_or_none_stay_a_fault(text: str) -> None:
    parsed, found = read_text(text, KINDS)
    assert parsed.fault is not None
    assert found == ()


@pytest.mark.parametrize(
    "message",
    [
        {"tool_calls": call(JSON)},
        {"tool_calls": json.dumps([call(JSON)])},
        {"content": [{"type": "text", "text": "Hm."}, {"type": "tool_use", "id": "t", "name": "interact", "input": ARGUMENTS}]},
        {"content": [{"type": "function_call", "name": "interact", "arguments": JSON}], "tool_calls": []},
    ],
)
def test_a_call_that_stands_elsewhere_is_read_and_goes_back_where_it_belongs(message: dict[str, Any]) -> None:
    talk = Conversation("Rules.", "Go.", KINDS, tools=True)
    assert talk.said({"role": "assistant", **message}).action == SEARCH
    assert talk.repairs[0] == Repair.CALL_FORM
    talk.heard("3 match.")
    said, heard = talk.messages()[2:]
    assert isinstance(said["content"], str | None)
    assert json.loads(said["tool_calls"][0]["function"]["arguments"]) == ARGUMENTS
    assert heard == {"role": "tool", "tool_call_id": said["tool_calls"][0]["id"], "content": "3 match."}


def test_the_id_that_a_call_lacks_is_one_that_every_template_takes() -> None:
    talk = Conversation("Rules.", "Go.", KINDS, tools=True)
    talk.said({"tool_calls": [{**call(JSON), "id": ""}, {**call(JSON), "id": None}]})
    ids = [each["id"] for each in talk.messages()[2]["tool_calls"]]
    assert len(set(ids)) == 2
    assert all(len(each) == 9 and each.isalnum() for each in ids)


def test_what_parses_is_never_repaired() -> None:
    for text in ("[search] hotel", JSON, f"<tool_call>{JSON}</tool_call>", "<think>{}</think>[search] hotel"):
        assert read_text(text, KINDS)[1] == ()


def test_the_only_call_in_the_thoughts_counts_where_nothing_else_was_said() -> None:
    tagged = f'I should look.\n<tool_call>\n{{"name": "interact", "arguments": {JSON}}}\n</tool_call>'
    read = read_thoughts(tagged, KINDS)
    assert read is not None
    assert (read.parsed.action, read.repairs) == (SEARCH, (Repair.CALL_IN_REASONING,))
    assert read_thoughts(f'{tagged}<tool_call>{{"choice": "finish"}}</tool_call>', KINDS) is None
    assert read_thoughts("I should look: [search] hotel", KINDS) is None
    talk = Conversation("Rules.", "Go.", KINDS, tools=True)
    assert talk.said({"content": None, "reasoning_content": tagged, "tool_calls": []}).action == SEARCH
    assert talk.repairs == (Repair.CALL_IN_REASONING,)
    assert talk.said({"content": "Hm.", "reasoning_content": tagged}).fault == ParseFault.NO_ACTION


def test_a_trained_models_text_is_read_as_it_was_in_training() -> None:
    talk = Conversation("Rules.", "Go.", KINDS, tools=None)
    assert talk.said({"content": 'interact(choice="search", content="hotel")'}).fault == ParseFault.NO_ACTION


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8) | st.integers() | st.none(), max_size=4), st.text(max_size=12))
def test_no_call_raises_and_what_is_repaired_is_an_action(values: dict[str, Any], name: str) -> None:
    for arguments in (values, json.dumps(values), json.dumps(values) + name, name, [values]):
        parsed, found = read_call(call(arguments, name), KINDS)
        assert not found or parsed.fault is None
        read_text(json.dumps({"name": name, "arguments": arguments}), KINDS)


def test_a_call_goes_back_plain_as_it_was_made() -> None:
    talk = Conversation("Rules.", "Go.", KINDS, tools=True)
    talk.said({"content": None, "tool_calls": [call(ARGUMENTS), call({"x": 1})]})
    first, second = talk.messages(plain=True)[2]["tool_calls"]
    assert json.loads(first["function"]["arguments"]) == ARGUMENTS
    assert json.loads(second["function"]["arguments"]) == {"x": 1}


def test_an_episode_in_calls_reads_as_text_where_the_template_knows_none() -> None:
    talk = Conversation("Rules.", "Go.", KINDS, tools=True)
    talk.said({"content": "Let me look.", "tool_calls": [call(JSON), call(JSON)]})
    talk.heard("3 match.")
    talk.said({"content": "Hm."})
    talk.heard("No action.")
    talk.to_text()
    assert [(message["role"], message["content"]) for message in talk.messages()[1:]] == [
        ("user", "Go."),
        ("assistant", "[search] hotel"),
        ("user", "3 match."),
        ("assistant", "Hm."),
        ("user", "No action."),
    ]
    assert not talk.has_calls
    assert "brackets" in talk.messages()[0]["content"]
