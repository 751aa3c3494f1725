"""A chat model as the agent, over real sockets: its actions are worth what the same rule is worth when it is scripted."""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bao.action import Action, ActionKind, ParseFault
from bao.endpoint.shared import shared_endpoint
from bao.errors import ConfigError
from bao.gyms.travel import Travel
from bao.gyms.travel.agents import POLICIES
from bao.measures.cost import Price, costs
from bao.policies.agents import Agent, open_agent
from bao.rollout.episodes import play_all
from bao.storage.episodes import read_episodes
from bao.trajectory import Fault, StopReason, Trajectory
from tests.support.command_line import bao
from tests.support.stub_agent import RULE, Request, by_rule, call, completion, next_action, speaking
from tests.support.stub_endpoint import Kind, StubEndpoint

TASKS = Travel.task_set("test", 12).tasks
KEY = "sk-verysecretkey0123456789"


def stub_of(whole: Any = None, **settings: Any) -> StubEndpoint:
    return StubEndpoint(lambda messages: "", whole=whole or speaking(), **settings)


def agent_of(stub: StubEndpoint, **settings: Any) -> Agent:
    quick = {"timeout": 2.0, "backoff": 0.001, "attempts": 3}
    return open_agent(f"openai:stub@{stub.base_url}", quick | settings)


def played(
    stub: StubEndpoint, count: int = 1, concurrency: int = 1, retries: int = 0, tasks: Any = TASKS, **settings: Any
) -> list[Trajectory]:
    agent = agent_of(stub, **settings)
    return play_all(
        Travel, lambda gym, seed: agent.make(gym, seed, "stub"), tasks[:count], retries=retries, concurrency=concurrency
    )


def scripted(count: int = 1) -> list[Trajectory]:
    return play_all(Travel(), POLICIES[RULE](Travel(), 0), TASKS[:count])


def worth(episodes: list[Trajectory]) -> list[Any]:
    turns = [[(turn.action, turn.reply, turn.reward, turn.parse_fault) for turn in each.turns] for each in episodes]
    return [(each.task_id, each.stop, each.success, each.fault, turns[n]) for n, each in enumerate(episodes)]


# What the model plays is what is scored.


@pytest.mark.parametrize("mode", ["auto", "tools", "text"])
def test_the_rule_is_worth_as_a_chat_model_what_it_is_worth_scripted(mode: str) -> None:
    with stub_of() as stub:
        episodes = played(stub, len(TASKS), 4, mode=mode)
    assert worth(episodes) == worth(scripted(len(TASKS)))
    assert {"tools" in request for request in stub.requests} == {mode != "text"}
    assert len(stub.requests) == sum(len(each.turns) for each in episodes)


def test_the_messages_of_a_turn_are_those_of_the_last_and_what_came_of_it() -> None:
    def thoughtful(request: Request) -> dict[str, Any]:
        return {**by_rule(request), "reasoning_content": f"thought {len(request['messages'])}", "refusal": None}

    with stub_of(speaking(thoughtful)) as stub:
        (episode,) = played(stub)
    for number, (before, after) in enumerate(zip(stub.requests, stub.requests[1:], strict=False)):
        assert after["messages"][: len(before["messages"])] == before["messages"]
        said, heard = after["messages"][len(before["messages"]) :]
        assert said == thoughtful(before)
        assert heard["tool_call_id"] == said["tool_calls"][0]["id"]
        assert heard["content"] == episode.turns[number].reply
    assert [turn.thinking for turn in episode.turns] == [f"thought {len(request['messages'])}" for request in stub.requests]


@pytest.mark.parametrize(
    ("wrapped", "mode"),
    [
        (lambda text: f"<think>so {text} or not</think>{text}", "text"),
        (lambda text: f"I would look.\n{text}", "text"),
        (lambda text: text, "tools"),
    ],
)
def test_thoughts_and_prose_change_no_score(wrapped: Any, mode: str) -> None:
    def brackets(request: Request) -> dict[str, Any]:
        action = next_action(request["messages"])
        return {"role": "assistant", "content": wrapped(f"[{action.kind}] {action.content}")}

    with stub_of(speaking(brackets)) as stub:
        assert worth(played(stub, 4, mode=mode)) == worth(scripted(4))


def test_a_second_call_in_a_message_is_never_played() -> None:
    def eager(request: Request) -> dict[str, Any]:
        return {**(said := by_rule(request)), "tool_calls": [*said["tool_calls"], call(Action(ActionKind.FINISH), "more")]}

    with stub_of(speaking(eager)) as stub:
        assert worth(played(stub, 4)) == worth(scripted(4))


def test_a_message_that_cannot_be_read_wastes_a_turn_and_no_more() -> None:
    """Every odd message is unreadable; the rule goes on from the even ones as if nothing had been."""

    def clumsy(request: Request) -> dict[str, Any]:
        messages, ours = [], 0
        for each in request["messages"]:
            ours += each["role"] == "assistant"
            if ours % 2 == 0 and each["role"] != "assistant":
                messages.append(each)
        if ours % 2:
            return {"role": "assistant", "content": None, "tool_calls": [call(next_action(messages), "a")]}
        broken = {"name": "interact", "arguments": '{"choice": "sear'}
        return {"role": "assistant", "content": "", "tool_calls": [{"id": "b", "type": "function", "function": broken}]}

    with stub_of(speaking(clumsy)) as stub:
        (episode,) = play_all(lambda: Travel(horizon=60), lambda gym, seed: agent_of(stub).make(gym, seed, "stub"), TASKS[:1])
    assert [turn.parse_fault for turn in episode.turns[0::2]] == [ParseFault.BAD_JSON] * (len(episode.turns) // 2)
    assert [turn.action for turn in episode.turns[1::2]] == [turn.action for turn in scripted()[0].turns]
    assert episode.success


# What is sent.


def test_the_settings_are_sent() -> None:
    with stub_of() as stub:
        played(stub, mode="text", temperature=0.7, top_p=0.9, max_tokens=99, body={"top_k": 5})
        played(stub)
    first, last = stub.requests[0], stub.requests[-1]
    assert (first["model"], first["temperature"], first["top_p"], first["max_tokens"]) == ("stub", 0.7, 0.9, 99)
    assert first["top_k"] == 5
    assert (last["temperature"], last["max_tokens"]) == (0.0, 4096)
    assert not {"top_p", "seed"} & set(last)
    offered = last["tools"][0]["function"]
    assert offered["name"] == "interact"
    assert set(offered["parameters"]["properties"]["choice"]["enum"]) == {"action", "search", "answer", "finish"}


def test_a_seed_is_one_an_episode_and_the_same_each_time() -> None:
    def seeds(seed: int) -> list[list[int]]:
        with stub_of() as stub:
            episodes = played(stub, 3, seed=seed)
        sent = iter(request["seed"] for request in stub.requests)
        return [[next(sent) for _ in each.turns] for each in episodes]

    assert seeds(5) == seeds(5) != seeds(6)
    assert [len(set(each)) for each in seeds(5)] == [1, 1, 1]
    assert len({each[0] for each in seeds(5)}) == 3


# What the endpoint does not take.


@pytest.mark.parametrize(
    ("status", "said", "tries"),
    [
        (400, "stub does not support tools", 1),
        (404, "No endpoints found that support tool use", 1),
        (500, "tools param requires --jinja flag", 1),
    ],
)
def test_where_tools_are_refused_the_model_acts_in_text_from_then_on(status: int, said: str, tries: int) -> None:
    with stub_of(refuses=lambda request: (status, said) if "tools" in request else None) as stub:
        assert worth(played(stub, 4)) == worth(scripted(4))
    assert ["tools" in request for request in stub.requests[: tries + 2]] == [True] * tries + [False] * 2
    assert sum("tools" in request for request in stub.requests) == tries


@pytest.mark.parametrize(("status", "said"), [(400, "bad request"), (422, "extra field")])
def test_a_refusal_that_does_not_name_the_tools_is_put_down_to_them_where_it_comes_again(status: int, said: str) -> None:
    with stub_of(refuses=lambda request: (status, said) if "tools" in request else None) as stub:
        assert worth(played(stub, 4)) == worth(scripted(4))
    assert ["tools" in request for request in stub.requests[:5]] == [True, False, True, False, False]
    assert sum("tools" in request for request in stub.requests) == 2


def test_one_refusal_that_passes_changes_no_episode() -> None:
    refusals = iter([(400, "bad request")])
    with stub_of(refuses=lambda request: next(refusals, None)) as stub:
        assert worth(played(stub, 4)) == worth(scripted(4))
    assert ["tools" in request for request in stub.requests] == [True, False] + [True] * (len(stub.requests) - 2)


def test_where_tools_are_asked_for_their_refusal_is_an_error() -> None:
    with stub_of(refuses=lambda request: (400, "no tools") if "tools" in request else None) as stub:
        with pytest.raises(ConfigError, match=r"agent: .* refuses the request.*agent\.mode='tools'.*no tools"):
            played(stub, mode="tools")
        assert ["tools" in request for request in stub.requests] == [True, True]


def test_what_is_refused_with_and_without_tools_is_not_put_down_to_them() -> None:
    def refuses(request: Request) -> tuple[int, str]:
        return (400, "top_k must be 1") if "tools" in request else (400, "something else")

    with stub_of(refuses=refuses) as stub, pytest.raises(ConfigError, match="top_k must be 1"):
        played(stub)
    assert len(stub.requests) == 3


def test_an_endpoint_that_refuses_its_own_messages_gets_them_plain_from_then_on() -> None:
    def refuses(request: Request) -> tuple[int, str] | None:
        strange = any("reasoning_content" in each for each in request["messages"])
        return (400, "reasoning_content must not be sent") if strange else None

    def thoughtful(request: Request) -> dict[str, Any]:
        return {**by_rule(request), "reasoning_content": "hm"}

    with stub_of(speaking(thoughtful), refuses=refuses) as stub:
        episodes = played(stub, 3)
        assert worth(episodes) == worth(scripted(3))
    assert len(stub.requests) == sum(len(each.turns) for each in episodes) + 1


@pytest.mark.parametrize(
    ("status", "said", "named"),
    [
        (401, "no", r"agent\.api_key_env is not set"),
        (404, "The model `stub` does not exist", r"agent\.model='stub' is unknown"),
        (404, "Not Found", r"agent\.base_url=.* up to /v1"),
        (402, "pay", "no credit left"),
    ],
)
def test_a_refusal_of_the_settings_names_the_setting(status: int, said: str, named: str) -> None:
    with stub_of(refuses=lambda request: (status, said)) as stub, pytest.raises(ConfigError, match=named):
        played(stub)
    assert len(stub.requests) == 1


def refusing_after(turns: int, said: str) -> StubEndpoint:
    def refuses(request: Request) -> tuple[int, str] | None:
        return (400, said) if len(request["messages"]) >= 2 + 2 * turns else None

    return stub_of(refuses=refuses)


def test_a_refusal_in_the_midst_is_a_fault_and_what_grew_too_long_ends_the_episode() -> None:
    with refusing_after(2, "content policy") as stub:
        (episode,) = played(stub)
    assert (episode.fault, len(episode.turns)) == (Fault.POLICY_REFUSED, 2)
    with refusing_after(2, "This model's maximum context length is 4096 tokens") as stub:
        (episode,) = played(stub)
    assert (episode.stop, episode.fault, len(episode.turns)) == (StopReason.TOKEN_BUDGET, None, 2)
    assert episode.turns == scripted_counted()[:2]


def scripted_counted() -> tuple[Any, ...]:
    """The turns of the rule, with the tokens that the stub counts."""
    return tuple(replace(turn, tokens=5, prompt_tokens=10, completion_tokens=5) for turn in scripted()[0].turns)


# What goes wrong on the way.


def test_what_may_pass_changes_no_score() -> None:
    rates = {Kind.RATE_LIMIT: 0.1, Kind.ERROR: 0.1, Kind.REFUSED: 0.05, Kind.CUT_BODY: 0.05, Kind.INVALID_UTF8: 0.05}
    with stub_of(faults=rates, seed=3) as stub:
        assert worth(played(stub, len(TASKS), 6, attempts=8)) == worth(scripted(len(TASKS)))
        assert all(stub.drawn[kind] for kind in rates)


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        (Kind.HANG, Fault.POLICY_TIMEOUT),
        (Kind.TRICKLE, Fault.POLICY_TIMEOUT),
        (Kind.REFUSED, Fault.POLICY_UNAVAILABLE),
        (Kind.RATE_LIMIT, Fault.POLICY_UNAVAILABLE),
        (Kind.ERROR, Fault.POLICY_UNAVAILABLE),
        (Kind.HUGE, Fault.POLICY_MALFORMED),
        (Kind.INVALID_UTF8, Fault.POLICY_MALFORMED),
    ],
)
def test_what_does_not_pass_is_a_fault_of_the_transport(kind: Kind, fault: Fault) -> None:
    with stub_of(script=[None, None], faults={kind: 1.0}) as stub:
        (episode,) = played(stub, timeout=0.1 if fault == Fault.POLICY_TIMEOUT else 2.0, attempts=2)
        counted = shared_endpoint(agent_settings(stub)).counters.usage()
    assert (episode.stop, episode.fault, len(episode.turns)) == (StopReason.FAULT, fault, 2)
    assert "in 2 tries" in episode.fault_detail
    assert dict(counted.faults) == {str(fault): 1}


def agent_settings(stub: StubEndpoint) -> Any:
    from bao.policies.settings import ChatSettings

    return ChatSettings(model="stub", base_url=stub.base_url)


def test_a_turn_ends_at_its_deadline_with_all_its_tries() -> None:
    with stub_of(faults={Kind.HANG: 1.0}) as stub:
        start = time.monotonic()
        (episode,) = played(stub, timeout=0.1, attempts=100, turn_timeout=0.35)
        assert 0.3 < time.monotonic() - start < 1.5
    assert episode.fault == Fault.POLICY_TIMEOUT
    assert "no time left for another" in episode.fault_detail
    assert 3 <= len(stub.requests) <= 4


# Tokens.


def growing(request: Request) -> Mapping[str, int]:
    return {"prompt_tokens": 100 * len(request["messages"]), "completion_tokens": 7 + len(request["messages"])}


def test_every_turn_keeps_what_the_endpoint_counted() -> None:
    with stub_of(speaking(usage=growing)) as stub:
        (episode,) = played(stub)
    sizes = [len(request["messages"]) for request in stub.requests]
    assert [turn.prompt_tokens for turn in episode.turns] == [100 * size for size in sizes]
    assert [turn.completion_tokens for turn in episode.turns] == [turn.tokens for turn in episode.turns]
    assert episode.tokens == sum(7 + size for size in sizes)


@pytest.mark.parametrize(("whole", "wrote"), [(None, 50), (150, 50), (180, 80), (179, 50)])
def test_hidden_reasoning_is_counted_once(whole: int | None, wrote: int) -> None:
    usage: dict[str, Any] = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": whole}
    usage |= {"prompt_tokens_details": {"cached_tokens": 64}, "completion_tokens_details": {"reasoning_tokens": 30}}
    with stub_of(speaking(usage=lambda request: usage)) as stub:
        (episode,) = played(stub)
    assert {(turn.prompt_tokens, turn.completion_tokens) for turn in episode.turns} == {(100, wrote)}


def test_an_episode_has_its_models_price_whatever_tables_call_it(tmp_path: Path) -> None:
    with stub_of(speaking(usage=lambda request: {"prompt_tokens": 100, "completion_tokens": 50})) as stub:
        line = ("eval", f"openai:org/model:free@{stub.base_url}", "--name", "mine", "--tasks", 2, "--out", tmp_path)
        assert bao(*line) == 0
    episodes = read_episodes(tmp_path / "episodes.parquet")
    assert {(episode.policy, episode.model) for episode in episodes} == {("mine", "org/model:free")}
    found = costs(episodes, {"org/model:free": Price(2.0, 10.0)})["money"]
    assert found == [pytest.approx(len(episode.turns) * (100 * 2 + 50 * 10) / 1e6) for episode in episodes]


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": None, "completion_tokens": "5"}])
def test_where_nobody_counts_a_turn_has_words(usage: Any) -> None:
    with stub_of(speaking(usage=lambda request: usage)) as stub:
        assert played(stub)[0].turns == scripted()[0].turns


def test_the_episode_ends_where_its_budget_is_spent() -> None:
    with stub_of() as stub:
        (episode,) = played(stub, episode_tokens=15, max_tokens=8)
    assert (episode.stop, episode.success, episode.fault) == (StopReason.TOKEN_BUDGET, False, None)
    assert episode.turns == scripted_counted()[:3]
    assert [request["max_tokens"] for request in stub.requests] == [8, 8, 5]


def test_a_turn_that_the_episodes_budget_cuts_off_is_not_taken() -> None:
    def whole(request: Request) -> dict[str, Any]:
        cut = request["max_tokens"] < 50
        return completion(by_rule(request), {"prompt_tokens": 10, "completion_tokens": 30}, "length" if cut else "stop")

    with stub_of(whole) as stub:
        (episode,) = played(stub, episode_tokens=70, max_tokens=50)
    first, last = scripted()[0].turns[:2]
    assert [turn.action for turn in episode.turns] == [first.action, last.action]
    assert [turn.reply for turn in episode.turns] == [first.reply, ""]
    assert (episode.stop, episode.tokens) == (StopReason.TOKEN_BUDGET, 60)


def test_a_turn_that_its_own_limit_cuts_off_is_read_as_it_stands() -> None:
    message = {"role": "assistant", "content": None, "reasoning": "and so on and"}
    with stub_of(lambda request: completion(message, None, "length")) as stub:
        (episode,) = played(stub)
    assert episode.stop == StopReason.MAX_TURNS
    assert {turn.parse_fault for turn in episode.turns} == {ParseFault.EMPTY}
    assert {turn.thinking for turn in episode.turns} == {"and so on and"}


# A model that was trained here, behind an endpoint.


@pytest.mark.parametrize("parted", [True, False])
def test_a_trained_model_is_told_what_it_was_trained_with_and_keeps_its_thoughts(parted: bool, tmp_path: Path) -> None:
    def thinking(request: Request) -> dict[str, Any]:
        action = next_action(request["messages"])
        text = f"[{action.kind}] {action.content}"
        if parted:
            return {"role": "assistant", "content": text, "reasoning_content": "I think."}
        return {"role": "assistant", "content": f"<think>I think.</think>{text}"}

    with stub_of(speaking(thinking)) as stub:
        arguments = (f"openai:stub@{stub.base_url}", "--tasks", 1, "--set", "agent.prompt=brief", "--effort-weight", "0.1")
        assert bao("eval", *arguments, "--out", tmp_path) == 0
        last = stub.requests[-1]["messages"]
        assert not [request for request in stub.requests if "tools" in request]
    (episode,) = read_episodes(tmp_path / "episodes.parquet")
    assert {turn.thinking for turn in episode.turns} == {"I think."}
    assert last[0]["content"] == episode.system == "travel, 16 turns, a user turn costs 10+0 percent"
    assert last[1] == {"role": "user", "content": episode.opening}
    turns = [f"<think>I think.</think>[{turn.action.kind}] {turn.action.content}" for turn in episode.turns[:-1]]
    assert [message for message in last if message["role"] == "assistant"] == [
        {"role": "assistant", "content": turn} for turn in turns
    ]


def test_a_trained_model_has_no_tool() -> None:
    with pytest.raises(ConfigError, match="mode='tools' and prompt contradict"):
        open_agent("openai:m@http://h/v1", {"prompt": "full", "mode": "tools"})
