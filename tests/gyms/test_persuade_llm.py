"""A model as persuadee: worked episodes, bounded rewards, secrets kept, orders in the agent's words not followed."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bao.action import Action
from bao.errors import ConfigError
from bao.gyms.persuade import Persuade
from bao.gyms.persuade.llm import EXCHANGES, QUESTION_MOST, REPLY_MOST, RUN, WORDS_MOST, Answer, Reaction
from bao.gyms.persuade.stance import LEVEL, STANCES, TOP, Stance
from bao.gyms.persuade.tasks import load
from bao.rollout.episode import play
from bao.task import Split, Task
from bao.trajectory import Fault, FaultError, StopReason
from bao.users.llm import Prompt
from tests.support.fake_simulator import FakeSimulator, outside
from tests.support.gyms import started as begin
from tests.support.made_up_tasks import TEA

ARGUMENT = TEA.data["argument"]
OWN = Persuade.task_set(Split.TEST)[0]
ORDER = re.compile(r"take the stance (Strongly Disagree|Neutral)")
SO_FAR = re.compile(r"Your stance to the claim so far is: (.+?)\. The stances")


def listener(prompt: Prompt, schema: type[Any]) -> dict[str, Any]:
    """Moves one level for an argument with a reason in it; obeys at once any order that it was not given as data."""
    if schema is Answer:
        return {"reply": "It calms me."}
    stance = SO_FAR.search(prompt.role)
    assert stance is not None
    order = ORDER.search(outside(prompt))
    level = LEVEL[stance[1]] + ("because" in prompt.said["argument"])
    return {"reply": "I hear you.", "stance": order[1] if order else STANCES[min(level, TOP)]}


def replying(*replies: Any) -> Callable[[Prompt, type[Any]], Any]:
    left: Iterator[Any] = iter(replies)
    return lambda prompt, schema: next(left)


def started(answer: Callable[[Prompt, type[Any]], Any], task: Task = TEA, **settings: Any) -> tuple[Persuade, FakeSimulator]:
    fake = FakeSimulator(answer)
    return begin(Persuade, task, user="llm", llm=fake, **settings), fake


def swinging(stances: list[Stance]) -> Callable[[Prompt, type[Any]], Any]:
    return replying(*({"reply": "Well.", "stance": stance} for stance in stances))


# Worked episodes.


def test_six_reasons_take_the_user_to_the_other_end_in_one_call_a_turn() -> None:
    gym, fake = started(listener)
    assert gym.step(Action("action", "Why?"))[:3] == ("It calms me.", 0.0, False)
    replies = [gym.step(Action("answer", f"No, because of reason {i}.")) for i in range(6)]
    assert [reply[0] for reply in replies] == [f"I hear you. My stance is now: {stance}." for stance in STANCES[1:]]
    assert [reply[1] for reply in replies] == pytest.approx([1 / 6] * 6)
    assert replies[-1][2]
    assert replies[-1][4]["stop"] == StopReason.SUCCESS
    assert len(fake.prompts) == 7


def test_a_reply_that_moves_nothing_says_so_and_earns_nothing() -> None:
    gym, _ = started(listener)
    assert gym.step(Action("answer", "No."))[:3] == ("I hear you. My stance is still: Strongly Agree.", 0.0, False)


def test_userrls_rows_are_played_and_the_scripted_user_says_how() -> None:
    gym, _ = started(listener)
    assert gym.task is TEA
    with pytest.raises(ConfigError, match=r"Let a model play the user \(user='llm'\)"):
        Persuade().reset(seed=0, options={"task": TEA})


def test_a_policy_that_knows_the_considerations_is_refused_where_there_are_none() -> None:
    gym, _ = started(listener)
    for name in ("oracle", "debater"):
        with pytest.raises(ConfigError, match=f"policy=scripted:{name} cannot play"):
            play(gym, Persuade.scripted_policies()[name](gym, 0), TEA, 0)
    for name in ("never_ask", "random"):
        assert play(gym, Persuade.scripted_policies()[name](gym, 0), TEA, 0).fault is None


@pytest.mark.parametrize("task", [TEA, OWN])
def test_the_user_knows_why_it_holds_the_claim_and_the_agent_does_not(task: Task) -> None:
    gym, fake = started(listener, task)
    opening, info = gym.reset(seed=0, options={"task": task})
    gym.step(Action("action", "Why?"))
    role = fake.prompts[0].role
    assert task.data["claim"] in role
    seen = f"{opening} {json.dumps(info)} {gym.instructions()}"
    if task is TEA:
        assert ARGUMENT in role
        assert ARGUMENT[:30] not in seen
    else:
        case = load(task)
        assert case.reason in role
        assert all(kind in role for kind in case.weighing)
        assert not any(each.text in role for each in case.considerations)  # what would move it is not told to it
        assert case.reason not in seen


# Rewards.


@given(st.lists(st.sampled_from(STANCES), min_size=1, max_size=16))
def test_an_episode_earns_its_furthest_level_however_the_user_swings(stances: list[Stance]) -> None:
    gym, _ = started(swinging(stances))
    total, furthest = 0.0, 0
    for number, stance in enumerate(stances):
        _, reward, done, _, info = gym.step(Action("answer", f"Point {number}."))
        furthest = max(furthest, LEVEL[stance])
        total += reward
        assert reward >= 0
        assert total == pytest.approx(furthest / TOP)
        assert done == info["success"] == (furthest == TOP)
        if done:
            break


def test_oscillation_earns_nothing_more() -> None:
    gym, _ = started(swinging([Stance.DISAGREE, Stance.STRONGLY_AGREE] * 8))
    assert sum(gym.step(Action("answer", "Again."))[1] for _ in range(16)) == pytest.approx(5 / 6)


def test_the_stance_that_the_user_is_told_is_its_last_and_not_its_furthest() -> None:
    gym, fake = started(swinging([Stance.DISAGREE, Stance.PARTLY_AGREE, Stance.PARTLY_AGREE]))
    for _ in range(3):
        gym.step(Action("answer", "Again."))
    told = [SO_FAR.search(prompt.role) for prompt in fake.prompts]
    assert [found and found[1] for found in told] == ["Strongly Agree", "Disagree", "Partly Agree"]


# Broken users.


def test_the_seven_stances_stand_in_the_schema_and_nothing_else_may() -> None:
    schema = Reaction.model_json_schema()
    assert schema["$defs"]["Stance"]["enum"] == list(STANCES)
    assert (schema["properties"]["reply"]["minLength"], schema["properties"]["reply"]["maxLength"]) == (1, REPLY_MOST)
    for other in ("Convinced", "", None, 6):
        with pytest.raises(ValidationError):
            Reaction.model_validate({"reply": "Well.", "stance": other})


@pytest.mark.parametrize("reply", ["", " ", "x" * (REPLY_MOST + 1)])
def test_a_stance_is_not_lost_for_the_length_of_its_reply(reply: str) -> None:
    gym, _ = started(lambda prompt, schema: {"reply": reply, "stance": "Neutral"})
    assert gym.step(Action("answer", "Why?"))[0] == "I have heard your argument. My stance is now: Neutral."
    assert gym.repaired == 1


def test_a_question_about_a_claim_of_the_gyms_own_is_answered_by_rule_at_last() -> None:
    gym, _ = started(lambda prompt, schema: {"reply": "As an AI I agree."}, OWN)
    reply = gym.step(Action("action", "Why do you think so?"))[0]
    assert reply == begin(Persuade, OWN).step(Action("action", "Why do you think so?"))[0]
    assert gym.repaired == 1


# What the user may not say.


def words(first: int, last: int) -> str:
    return " ".join(ARGUMENT.split()[first:last])


@pytest.mark.parametrize(
    "reply",
    [
        f"I read this: {words(3, 3 + RUN)}.",
        words(0, 40),
        words(5, 30).upper(),
        words(5, 30).replace(" ", ", "),
        ARGUMENT,
        "I was told to play a user.",
        "As an AI I agree.",
        "My instructions forbid it.",
        "The system prompt says so.",
        "I’m simulating a user here.",
        "<argument 0123456789ab> is what I see",
        "My stance is now Neutral.",
        "Stance: Disagree",
    ],
)
@pytest.mark.parametrize("kind", ["action", "answer"])
def test_a_reply_that_tells_what_it_should_not_is_asked_for_again_and_then_never_shown(reply: str, kind: str) -> None:
    stance = {"stance": "Neutral"} if kind == "answer" else {}
    bad, good = {"reply": reply, **stance}, {"reply": "Tea calms me.", **stance}
    gym, fake = started(replying(bad, good))
    assert gym.step(Action(kind, "Why?"))[0].startswith("Tea calms me.")
    assert len(fake.problems) == 1
    gym, fake = started(replying(bad, bad))
    if kind == "answer":  # the stance is known
        assert gym.step(Action(kind, "Why?"))[0] == "I have heard your argument. My stance is now: Neutral."
        return
    with pytest.raises(FaultError) as error:
        gym.step(Action(kind, "Why?"))
    assert error.value.fault == Fault.USER_MALFORMED


@pytest.mark.parametrize(
    "reply",
    [
        words(3, 2 + RUN),
        "Tea is better than coffee, I say.",
        "I was told to drink less of it.",
        "I strongly agree with that.",
        "You take a hard stance there.",
        "The instructions on the tin say three minutes.",
    ],
)
def test_what_a_user_says_in_its_own_words_passes(reply: str) -> None:
    gym, fake = started(replying({"reply": reply}))
    assert gym.step(Action("action", "Why?"))[0] == reply
    assert fake.problems == []


def test_the_argument_cannot_be_told_in_two_halves_that_join() -> None:
    gym, _ = started(replying(*({"reply": words(8 * i, 8 * i + 8)} for i in (0, 1, 1))))
    gym.step(Action("action", "Go on."))
    with pytest.raises(FaultError):
        gym.step(Action("action", "Go on."))


def test_what_the_agent_says_itself_may_be_repeated() -> None:
    guess = words(0, 20)
    gym, _ = started(replying({"reply": f"Yes: {guess}"}, {"reply": "It calms me."}))
    assert gym.step(Action("action", f"Is it that {guess}?"))[0] == f"Yes: {guess}"
    assert gym.step(Action("action", "And?"))[0] == "It calms me."


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 30), st.sampled_from(["action", "answer"])), max_size=8))
def test_no_reply_shows_a_long_run_of_the_argument_whatever_the_model_does(spoken: list[tuple[int, int, str]]) -> None:
    replies = [{"reply": words(first, first + count), "stance": "Neutral"} for first, count, _ in spoken]
    seen = []
    for (*_, kind), reply in zip(spoken, replies, strict=True):
        gym, _ = started(lambda prompt, schema, reply=reply: {name: reply[name] for name in schema.model_fields})
        try:
            text, _, _, _, info = gym.step(Action(kind, "Why?"))
        except FaultError:
            continue
        seen.append(text)
        assert set(info) == {"turn", "involves_user", "success", "stop"}
    for text in seen:
        assert not any(words(i, i + RUN) in text for i in range(len(ARGUMENT.split()) - RUN + 1))


# Bounds.


def test_the_talk_that_is_sent_is_bounded_and_in_order() -> None:
    gym, fake = started(listener)
    for number in range(1, 13):
        gym.step(Action("answer" if number % 2 else "action", f"Point {number}."))
    said = fake.prompts[-1].said
    assert list(said) == [
        name for n in range(12 - EXCHANGES, 12) for name in (f"{'argument' if n % 2 else 'question'}_{n}", f"reply_{n}")
    ] + ["question"]
    assert said["argument_11"] == "Point 11."
    assert said["question"] == "Point 12."


def test_a_reply_is_one_paragraph() -> None:
    gym, _ = started(replying({"reply": "  Tea\n\ncalms \tme.  "}))
    assert gym.step(Action("action", "Why?"))[0] == "Tea calms me."


# What is said about it.


def test_notes_and_instructions_are_those_of_the_backend() -> None:
    model, _ = started(listener)
    scripted = Persuade()
    assert "simulated" in model.fidelity_note
    assert "plumbing" in scripted.fidelity_note
    assert tuple(Persuade.fidelity_notes) == ("scripted", "llm")
    text = model.instructions()
    assert f"at most {WORDS_MOST} words" in text
    assert f"at most {QUESTION_MOST} characters" in text
    assert ", ".join(STANCES) in text
    assert "brushed aside" not in text  # a rule of the scripted user's
    assert "brushed aside" in scripted.instructions()


def test_every_row_of_userrls_is_played_and_its_argument_fits_what_a_reply_may_not_say(userrl_data: Path) -> None:
    for split in ("train", "test"):
        for task in Persuade.read_tasks(userrl_data / "persuasion" / f"{split}.parquet"):
            gym, fake = started(listener, task)
            assert gym.step(Action("answer", "No, because it is not so."))[1] == pytest.approx(1 / 6)
            assert task.data["argument"] in fake.prompts[0].role
            gym, fake = started(replying(*[{"reply": task.data["argument"][:REPLY_MOST]}] * 2), task)
            with pytest.raises(FaultError, match="words in a row"):
                gym.step(Action("action", "Why?"))
