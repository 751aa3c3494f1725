"""The persuade gym: rewards are bounded, stances typed, asking first pays, and nobody takes its scores for persuasion."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bao.gyms.persuade.agents
import bao.gyms.persuade.gym
import bao.gyms.persuade.user
from bao.action import Action
from bao.gyms.persuade import Persuade
from bao.gyms.persuade.agents import ASK_WHY, GENERIC, sentence
from bao.gyms.persuade.stance import LEVEL, STANCES, TOP, Stance, read_stance, rewards, userrl_rewards
from bao.gyms.persuade.tasks import LEVELS, Case, load
from bao.gyms.persuade.user import WORDS_MOST, Heard, ScriptedPersuadee, classify, is_sentence
from bao.gyms.persuade.words import FUNCTION_WORDS, Kind, forms
from bao.gyms.readings import readings
from bao.task import Split, Task
from bao.trajectory import Fault, FaultError
from tests.support.gyms import effort, episodes, every_task, score, started, whole

ALL_TASKS = every_task(Persuade)
TASK = whole(Persuade, Split.TEST)[0]
CASE = load(TASK)
WEIGHING = [each for each in CASE.considerations if each.weighs]
ASIDE = [each for each in CASE.considerations if not each.weighs]
READINGS = readings("persuade")


def begun(**settings: Any) -> Persuade:
    gym: Persuade = started(Persuade, TASK, **settings)
    return gym


def answer(gym: Persuade, *texts: str) -> tuple[str, float, bool, bool]:
    """An argument of these considerations."""
    reply, reward, terminated, _, info = gym.step(Action("answer", " ".join(map(sentence, texts))))
    return reply, reward, terminated, info["success"]


def stance_in(reply: str) -> str:
    return reply.removesuffix(".").rpartition(": ")[2]


# That it is plumbing is said wherever its scores might be taken for more.


def test_the_gym_says_that_its_scores_are_no_measure_of_persuasion() -> None:
    places = (
        Persuade.about,
        Persuade.fidelity_notes["scripted"],
        Persuade.instructions.__doc__,
        bao.gyms.persuade.gym.__doc__,
        bao.gyms.persuade.user.__doc__,
        bao.gyms.persuade.__doc__,
    )
    for place in places:
        assert place is not None
        assert "plumbing" in place
    assert "no measure of persuasion" in str(bao.gyms.persuade.agents.__doc__)


def test_what_the_user_would_think_again_about_moves_them_only_in_the_agents_words() -> None:
    """Whoever handed back all that was said moved them a level in three tasks of four."""
    for task in whole(Persuade, Split.TEST):
        user = ScriptedPersuadee(load(task))
        told = [reply for kind in Kind if "think again" in (reply := user.answer(f"What about {kind}?"))]
        assert told
        heard = user.hear(told[0])
        assert heard.stance == Stance.STRONGLY_AGREE
        assert "words of mine" in heard.reply
        concern = told[0].partition("I would think again if I saw that ")[2].removesuffix(".")
        assert user.hear(f"{told[0]} {sentence(concern)}").stance == Stance.AGREE


# The stance and its reward.


def test_there_are_seven_stances_from_strongly_agree_to_strongly_disagree() -> None:
    assert (len(STANCES), STANCES[0], STANCES[TOP], TOP) == (7, "Strongly Agree", "Strongly Disagree", 6)
    assert [read_stance(str(stance)) for stance in STANCES] == list(STANCES)


@pytest.mark.parametrize("text", ["", "strongly agree", "Somewhat Agree", "Disagree.", "6", "Strongly  Disagree"])
def test_a_stance_that_is_none_of_the_seven_is_a_fault_and_never_stored(text: str) -> None:
    """UserRL counts it as no move and stores it as the stance that the next move is reckoned from."""

    class Rambling:
        said = text

        def answer(self, question: str) -> str:
            return "Hm."

        def hear(self, argument: str) -> Heard:
            return Heard("Well.", self.said)  # type: ignore[arg-type]

    with pytest.raises(FaultError) as caught:
        read_stance(text)
    assert caught.value.fault is Fault.USER_MALFORMED
    assert repr(text) in str(caught.value)

    gym = begun()
    user = Rambling()
    gym.user = user
    user.said = Stance.NEUTRAL
    assert gym.step(Action("answer", "So."))[1] == pytest.approx(3 / 6)
    user.said = text
    with pytest.raises(FaultError):
        gym.step(Action("answer", "So."))
    user.said = Stance.PARTLY_DISAGREE
    assert gym.step(Action("answer", "So."))[1] == pytest.approx(1 / 6), "reckoned from Neutral, not from what was not stored"


def test_moving_the_user_to_and_fro_earns_nothing_more() -> None:
    """UserRL's reward sums to 6.67 over 16 turns between Disagree and Strongly Agree."""
    swinging = [Stance.DISAGREE, Stance.STRONGLY_AGREE] * 8
    assert sum(userrl_rewards(swinging)) == pytest.approx(6.67, abs=0.01)
    assert sum(rewards(swinging)) == pytest.approx(5 / 6)
    assert rewards(swinging)[1:] == [0.0] * 15

    class Swinging:
        turn = 0

        def answer(self, question: str) -> str:
            return "Hm."

        def hear(self, argument: str) -> Heard:
            self.turn += 1
            return Heard("Well.", swinging[self.turn - 1])

    gym = begun()
    gym.user = Swinging()
    assert sum(gym.step(Action("answer", "So."))[1] for _ in range(16)) == pytest.approx(5 / 6)


@given(st.lists(st.sampled_from(STANCES), max_size=40))
def test_the_return_is_the_furthest_level_reached_whatever_the_path(stances: list[Stance]) -> None:
    earned = rewards(stances)
    assert all(reward >= 0 for reward in earned)
    assert sum(earned) == pytest.approx(max((LEVEL[stance] for stance in stances), default=0) / 6)


@given(st.lists(st.sampled_from(STANCES), max_size=40).map(lambda stances: sorted(stances, key=LEVEL.__getitem__)))
def test_without_a_step_back_it_is_userrls_reward(stances: list[Stance]) -> None:
    assert rewards(stances) == pytest.approx(userrl_rewards(stances), abs=1e-6)


def test_insults_and_apologies_swing_the_stance_and_not_the_return() -> None:
    gym = begun(horizon=40)
    total = answer(gym, WEIGHING[0].text, WEIGHING[1].text)[1]
    for _ in range(8):
        reply, reward, _, _, _ = gym.step(Action("answer", "You are an idiot and you know it."))
        assert (stance_in(reply), reward) == ("Agree", 0.0)
        reply, reward, _, _, _ = gym.step(Action("answer", "I am sorry for what I said."))
        assert (stance_in(reply), reward) == ("Partly Agree", 0.0)
    for first, second in ((2, 3), (4, 5)):
        total += answer(gym, WEIGHING[first].text, WEIGHING[second].text)[1]
    assert total == pytest.approx(1)


# How the stance moves.


def test_each_new_consideration_that_weighs_moves_the_stance_one_level() -> None:
    gym = begun()
    for number, each in enumerate(WEIGHING, start=1):
        reply, reward, terminated, success = answer(gym, each.text)
        assert (stance_in(reply), reward) == (STANCES[number], pytest.approx(1 / 6))
        assert terminated == success == (number == 6)


def test_an_argument_moves_the_stance_two_levels_at_most_and_the_rest_stays_new() -> None:
    gym = begun()
    first, second, third = (each.text for each in WEIGHING[:3])
    reply, reward, _, _ = answer(gym, first, second, third)
    assert (stance_in(reply), reward) == ("Partly Agree", pytest.approx(2 / 6))
    assert third not in reply
    assert answer(gym, third)[1] == pytest.approx(1 / 6)


def test_repeating_moves_nothing() -> None:
    gym = begun()
    answer(gym, WEIGHING[0].text)
    reply, reward, _, _ = answer(gym, WEIGHING[0].text)
    assert (reply, reward) == ("You have said that already. My stance is still: Agree.", 0.0)
    assert answer(gym, WEIGHING[0].text, WEIGHING[1].text)[1] == pytest.approx(1 / 6)


def test_what_does_not_weigh_is_brushed_aside_and_takes_the_argument_with_it() -> None:
    gym = begun()
    reply, reward, _, _ = answer(gym, WEIGHING[0].text, ASIDE[0].text)
    assert reply.startswith(f"You speak of {ASIDE[0].kind}, which does not decide this for me")
    assert (stance_in(reply), reward) == ("Strongly Agree", 0.0)
    assert answer(gym, WEIGHING[0].text)[1] == pytest.approx(1 / 6), "what was brushed aside with it is still new"


def test_an_insult_moves_the_stance_one_level_back_but_not_below_the_start() -> None:
    gym = begun()
    assert stance_in(gym.step(Action("answer", "That is stupid, you moron."))[0]) == "Strongly Agree"
    answer(gym, WEIGHING[0].text, WEIGHING[1].text)
    reply, reward, _, _ = answer(gym, WEIGHING[2].text, "you are a fool")
    assert (stance_in(reply), reward) == ("Agree", 0.0)
    assert answer(gym, WEIGHING[2].text)[1] == 0.0, "back at the furthest level so far"
    assert answer(gym, WEIGHING[3].text)[1] == pytest.approx(1 / 6)
    assert "no way to talk" in gym.step(Action("action", "Why are you such an idiot?"))[0]


def test_an_apology_restores_no_more_than_the_insults_took() -> None:
    gym = begun()
    answer(gym, WEIGHING[0].text)
    assert "Apology" not in gym.step(Action("answer", "I am sorry to say that you are wrong here."))[0]
    gym.step(Action("answer", "You are a liar and a fool."))
    assert stance_in(gym.step(Action("answer", "Sorry."))[0]) == "Agree"
    assert "Apology" not in gym.step(Action("answer", "I am sorry once more for what I said."))[0]


def test_over_long_arguments_are_not_listened_to() -> None:
    gym = begun()
    point = sentence(WEIGHING[0].text)
    filler = "It is as it is and that is all there is to say here. "
    long = filler * 9 + point
    assert len(long.split()) > WORDS_MOST
    reply, reward, *_ = gym.step(Action("answer", long))
    assert reply.startswith(f"That is too long for me: {WORDS_MOST} words at most")
    assert reward == 0.0
    assert gym.step(Action("answer", "x" * 1_000_000))[1] == 0.0
    assert gym.step(Action("answer", filler * 2 + point))[1] == pytest.approx(1 / 6)


def keyword_lists(case: Case) -> list[str]:
    """The words of all considerations, as an agent might stuff them in."""
    marked = [sorted(concept, key=len)[0] for each in case.considerations for concept in each.concepts]
    shown = [word for each in case.considerations for word in each.text.split() if word not in FUNCTION_WORDS]
    lists = ["Keywords: " + ", ".join(marked[:12]), "It is about " + ", ".join(marked[:12]), str(marked[:12])]
    for words in (marked, shown):
        for part in (words[:6], words[:12], words[:30]):
            lists += [glue.join(part) for glue in (", ", " ", "\n- ", "; ", " and ", " the ", " / ", " is ", ". ")]
    return [text for text in lists if len(text.split()) <= WORDS_MOST]


def test_lists_of_keywords_are_not_taken_as_arguments() -> None:
    for task in whole(Persuade, Split.TEST)[:43]:
        case = load(task)
        for text in keyword_lists(case):
            assert ScriptedPersuadee(case).hear(text).stance == Stance.STRONGLY_AGREE, text


def test_one_sentence_makes_one_point_whatever_it_is_stuffed_with() -> None:
    for task in whole(Persuade, Split.TEST)[:43]:
        case = load(task)
        texts = [each.text for each in case.considerations if each.weighs]
        for one, other in combinations(texts, 2):
            together = f"It is plain to see that {one} and that {other}."
            assert LEVEL[ScriptedPersuadee(case).hear(together).stance] <= 1


def test_a_sentence_stuffed_with_everything_does_not_hide_what_does_not_weigh() -> None:
    """It holds together as a sentence does and names all there is, by words that any of the considerations is known by."""
    binding = ["it", "is", "true", "that", "the", "and", "of", "to", "in", "on", "at", "by", "for", "with"]
    for task in whole(Persuade, Split.TEST):
        case = load(task)
        marked = list(dict.fromkeys(min(concept) for each in case.considerations for concept in each.concepts))[:26]
        stuffed = [word for i, content in enumerate(marked) for word in ([binding[i // 2]] if i % 2 == 0 else []) + [content]]
        text = f"It is true that {' '.join(stuffed)}."
        assert is_sentence(text.lower().rstrip(".").split())
        heard = ScriptedPersuadee(case).hear(f"{text} {text}")
        assert heard.stance == Stance.STRONGLY_AGREE
        assert "I brush the whole aside" in heard.reply


def test_a_point_that_weighs_does_not_hide_another_in_its_sentence_that_does_not() -> None:
    one, other = WEIGHING[0].text, ASIDE[0].text
    for text in (f"It is plain that {one} and that {other}.", f"It is plain that {other} and that {one}."):
        heard = ScriptedPersuadee(CASE).hear(text)
        assert heard.stance == Stance.STRONGLY_AGREE
        assert f"You speak of {ASIDE[0].kind}" in heard.reply


def test_what_people_write_is_taken_as_sentences() -> None:
    for text in (*GENERIC, *(row[2] for row in READINGS["seen"]["arguments"])):
        words = text.lower().replace(".", " ").replace(",", " ").split()
        assert len(words) > 40 or is_sentence(words), text
    for text in (
        "too short here",
        "costs, money, budget, price, taxes, euros",
        "the the the the the is is is",
        "it is price price price price",
    ):
        assert not is_sentence(text.replace(",", "").split(), text.count(","))


def test_what_can_be_said_against_any_claim_moves_nobody() -> None:
    assert score(Persuade, "never_ask") <= 0.05


# Questions.


def test_asking_why_tells_the_reason_and_what_weighs_and_no_consideration() -> None:
    for task in ALL_TASKS:
        case = load(task)
        reply = ScriptedPersuadee(case).answer(ASK_WHY)
        assert reply.startswith(f"I hold it because {case.reason}. What weighs with me is ")
        told = {kind for kind in Kind if str(kind) in reply.partition("What weighs")[2]}
        assert told == set(case.weighing)
        assert not any(each.text in reply for each in case.considerations)


def test_asking_about_a_kind_tells_what_would_move_the_user_only_if_it_weighs() -> None:
    for task in ALL_TASKS:
        case = load(task)
        for kind in Kind:
            reply = ScriptedPersuadee(case).answer(f"What about {kind}?")
            shown = [each for each in case.considerations if each.text in reply]
            assert all(each.kind == kind and each.weighs for each in shown)
            assert len(shown) == (kind in case.weighing)


def test_questions_move_no_stance() -> None:
    """UserRL's gym takes questions, arguments and anything else alike."""
    gym = begun()
    for each in WEIGHING[:4]:
        reply, reward, *_ = gym.step(Action("action", sentence(each.text)))
        assert (reward, "stance" in reply) == (0.0, False)
    assert answer(gym, WEIGHING[0].text)[1] == pytest.approx(1 / 6)


def test_a_point_that_was_made_is_not_told_again() -> None:
    gym = begun()
    answer(gym, WEIGHING[0].text)
    assert gym.step(Action("action", f"What about {WEIGHING[0].kind}?"))[0].endswith("you have made your point.")


@pytest.mark.parametrize(("part", "questions", "arguments"), [("seen", 1.0, 1.0), ("aside", 0.84, 0.9)])
def test_hand_written_questions_and_arguments_are_read_as_meant(part: str, questions: float, arguments: float) -> None:
    """The shares that the docstring of the scripted persuadee reports."""
    asked, argued = READINGS[part]["questions"], READINGS[part]["arguments"]
    assert len(asked) >= 30
    assert len(argued) >= 30
    assert sum((classify(text) or "") == meant for text, meant in asked) / len(asked) >= questions
    tasks = {task.id.split("-", 2)[2].rpartition("-")[0]: task for task in ALL_TASKS}
    right = 0
    for name, kind, text in argued:
        case = load(tasks[name])
        # Of a user with whom everything weighs, the reply names what was understood.
        reply = ScriptedPersuadee(_weighing_all(tasks[name])).hear(text).reply
        understood = [each.kind for each in case.considerations if each.text in reply]
        right += understood == [kind]
    assert right / len(argued) >= arguments


def _weighing_all(task: Task) -> Case:
    return load(Task("all", "persuade", {**task.data, "weighs": [row["kind"] for row in task.data["considerations"]]}))


# The tasks.


def test_each_consideration_is_addressed_by_its_own_text_and_not_by_the_claim() -> None:
    for task in ALL_TASKS:
        case = load(task)
        claim = ScriptedPersuadee(case).hear(f"I do not think that it is so: {case.claim}, because {case.reason}.")
        assert claim.stance == Stance.STRONGLY_AGREE
        for each in case.considerations:
            assert len(each.concepts) >= 2
            assert not any(one & other for one, other in combinations(each.concepts, 2)), each.text
            heard = ScriptedPersuadee(_weighing_all(task)).hear(sentence(each.text))
            assert (heard.stance, each.text in heard.reply) == (Stance.AGREE, True)


def test_arguing_reveals_only_what_was_argued() -> None:
    for task in whole(Persuade, Split.TEST):
        case = load(task)
        user = ScriptedPersuadee(case)
        for each in case.considerations:
            reply = user.hear(sentence(each.text)).reply
            assert [other.text for other in case.considerations if other.text in reply] == ([each.text] if each.weighs else [])


def test_a_word_is_known_in_its_other_forms() -> None:
    assert {"save", "saves", "saved", "saving"} <= forms("saved")
    assert {"city", "cities"} <= forms("cities")
    assert {"pay", "paid", "paying"} <= forms("paid")
    assert {"child", "children"} <= forms("children")
    assert "bus" in forms("bus")
    assert "cause" not in forms("because")


# Scripted policies.


@pytest.mark.parametrize("policy", ["ask_needed", "ask_all"])
def test_an_agent_that_knows_only_what_it_is_told_solves_every_task_by_asking(policy: str) -> None:
    for episode in episodes(Persuade, policy):
        assert episode.success
        assert len(episode.turns) <= 16


def test_asking_first_is_worth_while_and_asking_all_is_not() -> None:
    """What the question why saves: two needless questions, or an argument that would have been brushed aside."""
    assert effort(Persuade, "oracle") == 3.0
    assert effort(Persuade, "ask_needed") <= effort(Persuade, "ask_all") - 2
    assert score(Persuade, "debater") == score(Persuade, "ask_then_debate") == pytest.approx(1)
    assert effort(Persuade, "ask_then_debate") == 4.0
    assert effort(Persuade, "debater") >= effort(Persuade, "ask_then_debate") + 0.5
    by_level = {
        level: np.mean([episode.user_effort for episode in episodes(Persuade, "debater") if episode.level == level])
        for level in LEVELS
    }
    assert 4.0 < by_level[2] < by_level[3], "the more is brushed aside, the more asking saves"


def test_asking_is_dear_for_who_must_be_told_everything() -> None:
    """So there is a price of a user turn at which to give up: each level that is asked for takes more than one turn."""
    turns_a_level = effort(Persuade, "ask_needed") / 6
    assert 1.5 < turns_a_level < 2
    assert effort(Persuade, "debater") / 6 < 1
