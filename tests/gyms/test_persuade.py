"""The persuade gym: rewards are bounded, stances typed, asking first pays, and nobody takes its scores for persuasion."""

import random
import tomllib
from collections import Counter
from functools import cache
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given
from hypothesis import strategies as st

import bao.gyms.persuade.agents
import bao.gyms.persuade.gym
import bao.gyms.persuade.user
from bao.action import Action, ActionKind
from bao.errors import ConfigError, DataError
from bao.gyms.persuade import Persuade
from bao.gyms.persuade.agents import ASK_WHY, GENERIC, sentence
from bao.gyms.persuade.stance import LEVEL, STANCES, TOP, Stance, read_stance, rewards, userrl_rewards
from bao.gyms.persuade.tasks import LEVELS, Case, concepts, is_userrl, load, plain, shared
from bao.gyms.persuade.user import WORDS_MOST, Heard, ScriptedPersuadee, classify, is_sentence
from bao.gyms.persuade.words import FUNCTION_WORDS, Kind, forms
from bao.rollout.episode import play
from bao.task import Split, Task, TaskSet
from bao.trajectory import Fault, FaultError, StopReason, Trajectory

ALL_TASKS = [task for split in Split for task in Persuade.task_set(split)]
TASK = Persuade.task_set(Split.TEST)[0]
CASE = load(TASK)
WEIGHING = [each for each in CASE.considerations if each.weighs]
ASIDE = [each for each in CASE.considerations if not each.weighs]
READINGS = tomllib.loads((Path(__file__).parent / "persuade_readings.toml").read_text(encoding="utf-8"))


def started(task: Task = TASK, **settings: Any) -> Persuade:
    gym = Persuade(**settings)
    gym.reset(seed=0, options={"task": task})
    return gym


def answer(gym: Persuade, *texts: str) -> tuple[str, float, bool, bool]:
    """An argument of these considerations."""
    reply, reward, terminated, _, info = gym.step(Action("answer", " ".join(map(sentence, texts))))
    return reply, reward, terminated, info["success"]


def stance_in(reply: str) -> str:
    return reply.removesuffix(".").rpartition(": ")[2]


@cache
def episodes(policy: str, split: Split = Split.TEST) -> tuple[Trajectory, ...]:
    gym = Persuade()
    make = Persuade.scripted_policies()[policy]
    return tuple(play(gym, make(gym, seed), task, seed) for seed, task in enumerate(Persuade.task_set(split)))


def mean_return(policy: str) -> float:
    return float(np.mean([episode.task_return for episode in episodes(policy)]))


def mean_effort(policy: str) -> float:
    return float(np.mean([episode.user_effort for episode in episodes(policy)]))


# gymnasium's contract.


def test_gymnasium_accepts_the_gym() -> None:
    check_env(Persuade(), skip_render_check=True)


def test_two_gyms_with_the_same_seed_give_the_same_texts_and_leave_the_global_generators_alone() -> None:
    def texts(gym: Persuade) -> list[str]:
        found = []
        for seed in range(6):
            opening, info = gym.reset(seed=seed)
            found += [opening, info["task_id"]]
            found += [gym.step(Action("action", f"What about {kind}?"))[0] for kind in Kind]
        return found

    before = random.getstate(), np.random.get_state()[1].tolist()
    assert texts(Persuade()) == texts(Persuade())
    assert len(set(texts(Persuade()))) > 10
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


def test_the_convention_decides_whether_a_question_involves_the_user() -> None:
    for convention, asking in ((None, True), ("everyday", True), ("paper", False)):
        gym = started(convention=convention)
        assert gym.step(Action("action", ASK_WHY))[-1]["involves_user"] is asking
        assert gym.step(Action("answer", GENERIC[0]))[-1]["involves_user"]


def test_finishing_ends_the_episode_with_nothing() -> None:
    _, reward, terminated, _, info = started().step(Action("finish"))
    assert (reward, terminated, info["stop"], info["success"]) == (0.0, True, StopReason.FINISH, False)


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

    gym = started()
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

    gym = started()
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
    gym = started(horizon=40)
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
    gym = started()
    for number, each in enumerate(WEIGHING, start=1):
        reply, reward, terminated, success = answer(gym, each.text)
        assert (stance_in(reply), reward) == (STANCES[number], pytest.approx(1 / 6))
        assert terminated == success == (number == 6)


def test_an_argument_moves_the_stance_two_levels_at_most_and_the_rest_stays_new() -> None:
    gym = started()
    first, second, third = (each.text for each in WEIGHING[:3])
    reply, reward, _, _ = answer(gym, first, second, third)
    assert (stance_in(reply), reward) == ("Partly Agree", pytest.approx(2 / 6))
    assert third not in reply
    assert answer(gym, third)[1] == pytest.approx(1 / 6)


def test_repeating_moves_nothing() -> None:
    gym = started()
    answer(gym, WEIGHING[0].text)
    reply, reward, _, _ = answer(gym, WEIGHING[0].text)
    assert (reply, reward) == ("You have said that already. My stance is still: Agree.", 0.0)
    assert answer(gym, WEIGHING[0].text, WEIGHING[1].text)[1] == pytest.approx(1 / 6)


def test_what_does_not_weigh_is_brushed_aside_and_takes_the_argument_with_it() -> None:
    gym = started()
    reply, reward, _, _ = answer(gym, WEIGHING[0].text, ASIDE[0].text)
    assert reply.startswith(f"You speak of {ASIDE[0].kind}, which does not decide this for me")
    assert (stance_in(reply), reward) == ("Strongly Agree", 0.0)
    assert answer(gym, WEIGHING[0].text)[1] == pytest.approx(1 / 6), "what was brushed aside with it is still new"


def test_an_insult_moves_the_stance_one_level_back_but_not_below_the_start() -> None:
    gym = started()
    assert stance_in(gym.step(Action("answer", "That is stupid, you moron."))[0]) == "Strongly Agree"
    answer(gym, WEIGHING[0].text, WEIGHING[1].text)
    reply, reward, _, _ = answer(gym, WEIGHING[2].text, "you are a fool")
    assert (stance_in(reply), reward) == ("Agree", 0.0)
    assert answer(gym, WEIGHING[2].text)[1] == 0.0, "back at the furthest level so far"
    assert answer(gym, WEIGHING[3].text)[1] == pytest.approx(1 / 6)
    assert "no way to talk" in gym.step(Action("action", "Why are you such an idiot?"))[0]


def test_an_apology_restores_no_more_than_the_insults_took() -> None:
    gym = started()
    answer(gym, WEIGHING[0].text)
    assert "Apology" not in gym.step(Action("answer", "I am sorry to say that you are wrong here."))[0]
    gym.step(Action("answer", "You are a liar and a fool."))
    assert stance_in(gym.step(Action("answer", "Sorry."))[0]) == "Agree"
    assert "Apology" not in gym.step(Action("answer", "I am sorry once more for what I said."))[0]


def test_over_long_arguments_are_not_listened_to() -> None:
    gym = started()
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
    for task in Persuade.task_set(Split.TEST)[:43]:
        case = load(task)
        for text in keyword_lists(case):
            assert ScriptedPersuadee(case).hear(text).stance == Stance.STRONGLY_AGREE, text


def test_one_sentence_makes_one_point_whatever_it_is_stuffed_with() -> None:
    for task in Persuade.task_set(Split.TEST)[:43]:
        case = load(task)
        texts = [each.text for each in case.considerations if each.weighs]
        for one, other in combinations(texts, 2):
            together = f"It is plain to see that {one} and that {other}."
            assert LEVEL[ScriptedPersuadee(case).hear(together).stance] <= 1


def test_a_sentence_stuffed_with_everything_does_not_hide_what_does_not_weigh() -> None:
    """It holds together as a sentence does and names all there is, by words that any of the considerations is known by."""
    binding = ["it", "is", "true", "that", "the", "and", "of", "to", "in", "on", "at", "by", "for", "with"]
    for task in Persuade.task_set(Split.TEST):
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
    assert mean_return("never_ask") <= 0.05


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
    gym = started()
    for each in WEIGHING[:4]:
        reply, reward, *_ = gym.step(Action("action", sentence(each.text)))
        assert (reward, "stance" in reply) == (0.0, False)
    assert answer(gym, WEIGHING[0].text)[1] == pytest.approx(1 / 6)


def test_a_point_that_was_made_is_not_told_again() -> None:
    gym = started()
    answer(gym, WEIGHING[0].text)
    assert gym.step(Action("action", f"What about {WEIGHING[0].kind}?"))[0].endswith("you have made your point.")


@pytest.mark.parametrize("text", ["", "?!", "Hello", "你好吗", '{"a": 1}', "x" * 100_000, "H4 H5", "\ud800", "123"])
def test_bad_input_gets_a_reply_that_says_what_is_expected(text: str) -> None:
    gym = started()
    reply, reward, terminated, *_ = gym.step(Action("action", text))
    assert (reward, terminated) == (0.0, False)
    assert "Ask me" in reply
    reply, reward, terminated, *_ = gym.step(Action("answer", text))
    assert (reward, terminated) == (0.0, False)
    assert "whole English sentences" in reply or "words at most" in reply


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


def test_the_splits_are_large_enough_and_always_the_same() -> None:
    sets = {split: Persuade.task_set(split) for split in Split}
    claims = {split: {task.data["claim"] for task in tasks} for split, tasks in sets.items()}
    assert {split: len(tasks) for split, tasks in sets.items()} == {"train": 208, "valid": 36, "test": 86}
    assert {split: len(found) for split, found in claims.items()} == {"train": 52, "valid": 12, "test": 43}
    assert Persuade.task_set(Split.TEST, 20).tasks == sets[Split.TEST].tasks[:20]
    assert len({task.id for task in ALL_TASKS}) == len(ALL_TASKS)


def test_no_claim_and_no_consideration_occurs_in_two_splits() -> None:
    for one, other in combinations(Split, 2):
        first, second = Persuade.task_set(one), Persuade.task_set(other)
        assert shared(first, second, "claim") == ()
        texts = [{row["text"] for task in tasks for row in task.data["considerations"]} for tasks in (first, second)]
        assert not texts[0] & texts[1]
        plains = [{plain(text) for text in found} for found in texts]
        assert not plains[0] & plains[1]
        reasons = [{task.data["reason"] for task in tasks} for tasks in (first, second)]
        assert not reasons[0] & reasons[1]
        # Nor one that differs in a few words: the marked concepts are never those of another split.
        ideas = [{frozenset(concepts(text)) for text in found} for found in texts]
        assert not ideas[0] & ideas[1]


def test_no_two_considerations_of_different_splits_are_nearly_alike() -> None:
    sets = {}
    for split in Split:
        texts = {plain(row["text"]) for task in Persuade.task_set(split) for row in task.data["considerations"]}
        sets[split] = [(text, {word for word in text.split() if len(word) > 3}) for text in texts]
    for one, other in combinations(Split, 2):
        for (text, words), (near, others) in product(sets[one], sets[other]):
            shared = len(words & others)
            assert shared <= 3 or shared / len(words | others) < 0.5, (text, near)


def test_every_claim_has_six_to_nine_typed_considerations_and_six_weigh() -> None:
    for task in ALL_TASKS:
        case = load(task)
        assert 6 <= len(case.considerations) <= 9
        assert sum(each.weighs for each in case.considerations) == 6
        assert task.level == len(case.considerations) - 6
        assert {each.kind for each in case.considerations if each.weighs}.isdisjoint(
            each.kind for each in case.considerations if not each.weighs
        )
    assert {task.level for task in ALL_TASKS} == set(LEVELS)


def test_users_who_hold_the_same_claim_differ_in_what_weighs() -> None:
    per_claim = Counter(task.data["claim"] for task in ALL_TASKS)
    personas = {(task.data["claim"], tuple(task.data["weighs"])) for task in ALL_TASKS}
    assert len(personas) == sum(per_claim.values())


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


def test_nothing_hidden_is_in_what_the_agent_sees_at_first() -> None:
    gym = Persuade()
    for task in ALL_TASKS:
        opening, info = gym.reset(seed=0, options={"task": task})
        case = load(task)
        seen = f"{gym.instructions()} {opening} {info}"
        assert case.claim in opening
        assert case.reason not in seen
        assert not any(each.text in seen for each in case.considerations)
        for word in Kind:
            assert opening.count(str(word)) == case.claim.count(str(word))
    assert len({Persuade().instructions() for _ in range(3)}) == 1


def test_arguing_reveals_only_what_was_argued() -> None:
    for task in Persuade.task_set(Split.TEST):
        case = load(task)
        user = ScriptedPersuadee(case)
        for each in case.considerations:
            reply = user.hear(sentence(each.text)).reply
            assert [other.text for other in case.considerations if other.text in reply] == ([each.text] if each.weighs else [])


def test_levels_and_sizes_are_honoured() -> None:
    assert {task.level for task in Persuade.task_set("train", levels=(3,))} == {3}
    assert len(Persuade.task_set("valid", 5)) == 5
    with pytest.raises(ConfigError, match=r"levels=\(4,\) must be some of \(2, 3\)"):
        Persuade.task_set("test", levels=(4,))
    with pytest.raises(ConfigError, match="size=999 is more than the 86 test tasks of persuade"):
        Persuade.task_set("test", 999)


def test_a_word_is_known_in_its_other_forms() -> None:
    assert {"save", "saves", "saved", "saving"} <= forms("saved")
    assert {"city", "cities"} <= forms("cities")
    assert {"pay", "paid", "paying"} <= forms("paid")
    assert {"child", "children"} <= forms("children")
    assert "bus" in forms("bus")
    assert "cause" not in forms("because")


# Task files.


def changed(**fields: Any) -> Task:
    return Task("x", "persuade", {**TASK.data, **fields})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"claim": ""}, "claim=''"),
        ({"reason": 3}, "reason=3"),
        ({"weighs": ["fairness"]}, "only 1 considerations are of a kind in weighs; it takes 6"),
        ({"weighs": ["luck"]}, r"weighs\[0\]='luck' is unknown; known: fairness, cost"),
        ({"considerations": "all"}, "considerations='all' must be a list"),
        ({"considerations": ["a"]}, "'a' must be an object"),
        ({"considerations": [{"kind": "luck", "text": "[a]"}]}, r"considerations\[0\]\.kind='luck'"),
        ({"considerations": [{"kind": "cost", "text": "no mark"}]}, "marks no concept"),
        ({"considerations": [{"kind": "cost", "text": "[two words]"}]}, "give single words"),
        ({"considerations": [{"kind": "cost", "text": "[the|cost]"}]}, "holds 'the'"),
        ({"considerations": [{"kind": "cost"}]}, "text"),
    ],
)
def test_a_task_that_cannot_be_played_is_refused_with_its_field(fields: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, KeyError), match=message):
        Persuade.check_task(changed(**fields))


def test_own_task_files_are_read_back(tmp_path: Path) -> None:
    tasks = Persuade.task_set("valid")
    tasks.write(tmp_path / "tasks.jsonl")
    again = Persuade.read_tasks(tmp_path / "tasks.jsonl")
    assert again.tasks == tasks.tasks
    gym = Persuade()
    assert play(gym, Persuade.scripted_policies()["oracle"](gym, 0), again[3], 0).success
    for name in ("none.jsonl", "none.parquet"):
        with pytest.raises(DataError, match="no task file"):
            Persuade.read_tasks(tmp_path / name)
    (tmp_path / "tasks.csv").write_text("a")
    with pytest.raises(DataError, match=r"suffix '\.csv'"):
        Persuade.read_tasks(tmp_path / "tasks.csv")


CLAIM_ONLY = Task("u", "persuade", {"claim": "Tea is better than coffee", "argument": "Because it is."})


def test_a_task_without_considerations_loads_but_the_scripted_user_refuses_to_play_it() -> None:
    Persuade.check_task(CLAIM_ONLY)
    gym = started()
    with pytest.raises(ConfigError, match=r"user='scripted' cannot play the task 'u': UserRL's tasks hold no considerations"):
        gym.reset(seed=0, options={"task": CLAIM_ONLY})
    with pytest.raises(RuntimeError, match="reset"):
        gym.step(Action("answer", GENERIC[0]))
    with pytest.raises(KeyError, match="weighs"):
        Persuade.check_task(Task("y", "persuade", {"claim": "a", "reason": "b"}))
    with pytest.raises(ValueError, match="argument=''"):
        Persuade.check_task(Task("y", "persuade", {"claim": "a", "argument": ""}))


def test_shared_claims_are_found_whatever_their_case_and_final_stop() -> None:
    def tasks(*claims: str) -> TaskSet:
        return TaskSet.of(Task(f"{i}", "persuade", {"claim": claim, "argument": claim}) for i, claim in enumerate(claims))

    one, other = tasks("Tea is good.", "Rain  is wet", "Snow"), tasks("tea is good", "Rain is wet.", "Hail")
    assert shared(one, other, "claim") == ("Rain  is wet", "Tea is good.")
    assert len(shared(one, other, "argument")) == 2
    assert shared(one, tasks(), "claim") == ()


def test_userrls_files_load_and_are_not_played(userrl_data: Path) -> None:
    folder = userrl_data / "persuasion"
    train, test = (Persuade.read_tasks(folder / f"{split}.parquet") for split in ("train", "test"))
    assert (len(train), len(test)) == (378, 42)
    assert {task.split for task in train} == {Split.TRAIN}
    assert {task.split for task in test} == {Split.TEST}
    gym = Persuade()
    for task in (*train, *test):
        assert is_userrl(task)
        assert task.data.keys() == {"claim", "argument"}
        with pytest.raises(ConfigError, match="UserRL's tasks hold no considerations"):
            gym.reset(seed=0, options={"task": task})


def test_userrls_test_claims_all_occur_in_its_training_set_and_ours_do_not(userrl_data: Path) -> None:
    folder = userrl_data / "persuasion"
    train, test = (Persuade.read_tasks(folder / f"{split}.parquet") for split in ("train", "test"))
    assert (len({task.data["claim"] for task in train}), len({task.data["claim"] for task in test})) == (61, 27)
    assert len(shared(train, test, "claim")) == 27
    assert len({task.data["argument"] for task in test}) == 41
    assert len(shared(train, test, "argument")) == 10
    for split in Split:
        assert shared(Persuade.task_set(split), train, "claim") == ()


# Any agent.


@given(st.data())
def test_no_sequence_of_actions_earns_less_than_0_or_more_than_1(data: st.DataObject) -> None:
    task = data.draw(st.sampled_from(ALL_TASKS))
    gym = started(task)
    texts = [sentence(each.text) for each in load(task).considerations]
    points = st.lists(st.sampled_from([*texts, "You are a fool and that is all.", "I am sorry about that."]), max_size=3)
    contents = st.one_of(points.map(" ".join), st.text(), st.sampled_from([ASK_WHY, *GENERIC]))
    kinds = st.sampled_from([ActionKind.ANSWER, ActionKind.ANSWER, ActionKind.ACTION, ActionKind.NONE])
    total = 0.0
    for kind, content in data.draw(st.lists(st.tuples(kinds, contents), min_size=1, max_size=16)):
        reply, reward, terminated, truncated, info = gym.step(Action(kind, content))
        assert reply
        assert reward >= 0
        total += reward
        assert total <= 1 + 1e-9
        assert info["success"] == terminated == (abs(total - 1) < 1e-9)
        if terminated or truncated:
            break


# Scripted policies.


@pytest.mark.parametrize("split", list(Split))
def test_the_oracle_solves_every_task_in_three_turns(split: Split) -> None:
    for episode in episodes("oracle", split):
        assert episode.task_return == pytest.approx(1)
        assert (episode.success, len(episode.turns)) == (True, 3)


@pytest.mark.parametrize("policy", ["ask_needed", "ask_all"])
def test_an_agent_that_knows_only_what_it_is_told_solves_every_task_by_asking(policy: str) -> None:
    for episode in episodes(policy):
        assert episode.success
        assert len(episode.turns) <= 16


def test_chance_and_general_talk_score_next_to_nothing() -> None:
    assert mean_return("random") <= 0.3
    assert mean_return("never_ask") <= 0.3


def test_asking_first_is_worth_while_and_asking_all_is_not() -> None:
    """What the question why saves: two needless questions, or an argument that would have been brushed aside."""
    assert mean_effort("oracle") == 3.0
    assert mean_effort("ask_needed") <= mean_effort("ask_all") - 2
    assert mean_return("debater") == mean_return("ask_then_debate") == pytest.approx(1)
    assert mean_effort("ask_then_debate") == 4.0
    assert mean_effort("debater") >= mean_effort("ask_then_debate") + 0.5
    by_level = {
        level: np.mean([episode.user_effort for episode in episodes("debater") if episode.level == level]) for level in LEVELS
    }
    assert 4.0 < by_level[2] < by_level[3], "the more is brushed aside, the more asking saves"


def test_asking_is_dear_for_who_must_be_told_everything() -> None:
    """So there is a price of a user turn at which to give up: each level that is asked for takes more than one turn."""
    turns_a_level = mean_effort("ask_needed") / 6
    assert 1.5 < turns_a_level < 2
    assert mean_effort("debater") / 6 < 1


@pytest.mark.parametrize("policy", ["ask_needed", "ask_all", "never_ask", "random"])
def test_honest_policies_go_by_observations_alone(policy: str) -> None:
    gym, other = Persuade(), Persuade()
    trajectory = play(gym, Persuade.scripted_policies()[policy](other, 0), TASK, 0)
    assert trajectory.turns
    assert other.task is None


def test_the_random_policy_repeats_with_its_seed() -> None:
    gym = Persuade()
    make = Persuade.scripted_policies()["random"]
    assert play(gym, make(gym, 4), TASK, 0).turns == play(gym, make(gym, 4), TASK, 0).turns
    assert play(gym, make(gym, 4), TASK, 0).turns != play(gym, make(gym, 6), TASK, 0).turns
