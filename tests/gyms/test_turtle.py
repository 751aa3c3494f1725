"""The turtle gym: its stories are sound and fairly split, its judge exact and hard to fool, its hidden stories hidden."""

import json
import random
import re
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bao.action import Action, ActionKind
from bao.errors import ConfigError
from bao.gyms.readings import readings
from bao.gyms.turtle import Turtle
from bao.gyms.turtle.agents import guesses
from bao.gyms.turtle.gym import score
from bao.gyms.turtle.tasks import Story, Truth, load
from bao.gyms.turtle.user import ACCOUNT_WORDS_MOST, Judgement, Refusal, Reply, ScriptedUser, reading
from bao.gyms.turtle.words import lexicon, stem, terms, tokens
from bao.rollout.episodes import play_all
from bao.task import Split, Task
from bao.trajectory import StopReason
from tests.support.gyms import effort as effort_of
from tests.support.gyms import episodes, every_task, started, whole
from tests.support.gyms import score as score_of
from tests.support.made_up_tasks import BLIND_GUEST

ALL = every_task(Turtle)
STORIES = {load(task).title: load(task) for task in ALL}


def begun(task: Task = BLIND_GUEST, **settings: Any) -> Turtle:
    gym: Turtle = started(Turtle, task, **settings)
    return gym


def asked(question: str, task: Task = BLIND_GUEST) -> str:
    reply, reward, terminated, _, _ = begun(task).step(Action("action", question))
    assert reward == 0
    assert not terminated
    return reply


def told(account: str, task: Task = BLIND_GUEST) -> float:
    return begun(task).step(Action("answer", account))[1]


def earned(story: Story, account: str) -> float:
    weights = tuple(criterion.weight for criterion in story.criteria)
    return float(score(weights, ScriptedUser(story).judge(account).verdicts))


# gymnasium's contract.


@pytest.mark.parametrize("threshold", [0, 1.01, -1, "x", float("nan"), True])
def test_a_threshold_that_cannot_be_is_named(threshold: Any) -> None:
    with pytest.raises(ConfigError, match="success_threshold="):
        Turtle(success_threshold=threshold)


# The stories.


def test_every_story_is_annotated_and_sound() -> None:
    for task in ALL:
        story = load(task)
        assert story.annotated
        assert task.level == len(story.criteria) in (2, 3)
        assert sum(criterion.weight for criterion in story.criteria) == 1
        assert len(story.against) >= 2
        for truth in Truth:
            assert story.facts[truth], (story.title, truth)
        assert sum(map(len, story.facts.values())) >= 4
        assert 10 <= len(story.surface.split()) <= 60
        assert 10 <= len(story.bottom.split()) <= 60


def test_the_bottom_earns_everything_and_contradicts_nothing() -> None:
    for story in STORIES.values():
        assert ScriptedUser(story).judge(story.bottom) == Judgement((Fraction(1),) * len(story.criteria))


def test_no_split_retells_a_story_of_another() -> None:
    for one, other in combinations(Split, 2):
        for mine, theirs in ((one, other), (other, one)):
            for task in whole(Turtle, mine):
                for foreign in whole(Turtle, theirs):
                    assert earned(load(task), load(foreign).bottom) < 1, (load(task).title, load(foreign).title)
    assert len({load(task).title for task in ALL}) == len({load(task).bottom for task in ALL}) == len(ALL)
    pairs = list(permutations(STORIES.values(), 2))
    assert np.mean([earned(one, other.bottom) for one, other in pairs]) < 0.006


# What the agent may know.


def test_the_opening_is_title_and_surface_and_nothing_else() -> None:
    for task in ALL:
        story = load(task)
        opening, info = Turtle().reset(seed=0, options={"task": task})
        assert opening == f"Title: {story.title}\nSurface: {story.surface}"
        assert info == {"task_id": task.id, "turn": 0}
        assert story.title.lower().replace(" ", "-") not in task.id


def test_title_surface_and_instructions_hold_no_core_of_any_criterion() -> None:
    for story in STORIES.values():
        prepared = reading(story)
        found = prepared.finder.find(terms(tokens(f"{story.title}. {story.surface}")))
        assert not [needs[0] for needs in prepared.needs if found.get(needs[0])], story.title
        assert earned(story, f"It is so: {story.title}. {story.surface}") == 0
    sample = "They had met before, and so it went on."
    assert all(earned(story, sample) == 0 for story in STORIES.values())


def test_the_instructions_say_how_long_a_message_may_be() -> None:
    text = Turtle().instructions()
    assert "at most 100 words" in text
    assert "at most 40 words" in text


def test_no_reply_shows_more_of_the_bottom_than_the_points_that_were_told() -> None:
    statements = {criterion.statement for story in STORIES.values() for criterion in story.criteria}
    for name in ("ask_all", "ask_likely", "random", "never_ask"):
        for episode in episodes(Turtle, name):
            story = load(next(task for task in whole(Turtle) if task.id == episode.task_id))
            for turn in episode.turns:
                assert story.bottom not in turn.reply
                if turn.action.kind == ActionKind.ACTION:
                    assert turn.reply in list(Reply)
                shown = {statement for statement in statements if statement in turn.reply}
                if shown:
                    verdicts = ScriptedUser(story).judge(turn.action.content).verdicts
                    full = {c.statement for c, v in zip(story.criteria, verdicts, strict=True) if v == 1}
                    assert shown <= full


# Scores.


def test_weights_that_floats_cannot_add_up_still_end_in_success() -> None:
    """In UserRL 138 of 471 stories can never succeed at the threshold 1: .5 + .2 + .2 + .1 is .9999999999999999 there."""
    assert 0.5 + 0.2 + 0.2 + 0.1 < 1
    _, reward, terminated, _, info = begun().step(Action("answer", BLIND_GUEST.data["bottom"]))
    assert (reward, terminated, info["success"], info["stop"]) == (1.0, True, True, StopReason.SUCCESS)


def test_a_verdict_that_is_none_of_three_is_an_error() -> None:
    """UserRL's judge may give any number."""
    with pytest.raises(ValueError, match="verdict=9/10 must be 0, 1/2 or 1"):
        score((Fraction(1),), (Fraction(9, 10),))
    with pytest.raises(ValueError, match="shorter"):
        score((Fraction(1, 2), Fraction(1, 2)), (Fraction(1),))


def test_a_criterion_earns_half_with_its_core_alone() -> None:
    assert told("The guest was robbed in his room.") == 0.1
    assert told("The guest was robbed through the window.") == 0.2
    assert told("There was some window in this.") == 0


def test_each_turn_pays_what_it_adds_to_the_best_account() -> None:
    gym = begun()
    rewards, replies = [], []
    for account in (
        "The guest has a dog.",
        "The guest is blind.",
        "He has a dog and he was robbed.",
        "The guest is blind and has a dog.",
        "The guest is blind and has a dog.",
    ):
        reply, reward, *_ = gym.step(Action("answer", account))
        rewards.append(reward)
        replies.append(reply)
    assert rewards == pytest.approx([0.2, 0.3, 0, 0.2, 0])
    assert replies[1] == "Covered: The guest is blind. Something is still missing."
    assert replies[2] == "Covered: He has a dog. Something is still missing."
    assert told("The guest is blind.", replace(BLIND_GUEST, data={**BLIND_GUEST.data})) == 0.5


def test_a_lower_threshold_ends_earlier() -> None:
    gym = begun(success_threshold=0.7)
    assert gym.step(Action("answer", "The guest is blind."))[2] is False
    assert gym.step(Action("answer", "The guest is blind and has a dog."))[4]["success"] is True


# The judge is hard to fool.


CORES = sorted(
    {
        alternative.strip()
        for task in ALL
        for row in task.data["criteria"]
        for alternative in row["needs"].split("&")[0].split("|")
    }
)


def test_repeating_title_and_surface_earns_nothing() -> None:
    for story in STORIES.values():
        for account in (story.surface, f"{story.title}. {story.surface}", f"The story is this: {story.title}."):
            assert earned(story, account) == 0


def test_a_list_of_keywords_earns_nothing() -> None:
    draw = random.Random(1)
    for task in ALL:
        story = load(task)
        own = [a.strip() for row in task.data["criteria"] for group in row["needs"].split("&") for a in group.split("|")]
        assert ScriptedUser(story).judge(" ".join(own)).refusal in (Refusal.KEYWORDS, Refusal.LONG)
        assert earned(story, ", ".join(own)) == 0
        assert earned(story, " ".join(draw.sample(CORES, 60))) == 0
        assert earned(story, ". ".join(draw.sample(CORES, 30))) == 0


def test_keywords_dressed_as_sentences_earn_nothing() -> None:
    """The attacker knows the core words of all stories and packs as many into an account as its length allows."""
    draw = random.Random(2)
    for count, most in ((8, 0.02), (12, 0.002), (20, 0.001)):
        accounts = [" ".join(f"There was a {word}." for word in draw.sample(CORES, count)) for _ in range(4)]
        assert np.mean([earned(story, account) for story in STORIES.values() for account in accounts]) <= most


def test_all_the_lexicon_in_one_account_earns_nothing() -> None:
    members = sorted(lexicon().members)
    for start in range(0, len(members), 20):
        account = " ".join(f"There was a {word}." for word in members[start : start + 20])
        assert [story.title for story in STORIES.values() if earned(story, account)] == []


@pytest.mark.parametrize(
    "account", ["I do not know.", "I really don't know.", "We cannot say what it is.", "I have no idea, sorry."]
)
def test_an_agent_that_says_it_does_not_know_earns_nothing(account: str) -> None:
    """That the children must not know is a point of some stories."""
    assert {earned(story, account) for story in STORIES.values()} == {0.0}


def test_that_people_of_the_story_do_not_know_still_counts() -> None:
    assert earned(STORIES["One Day Too Early"], "The prisoner did not know how many days there were.") == pytest.approx(0.3)


def fixed_accounts(count: int = 15) -> list[str]:
    """Accounts chosen greedily for what they earn on train and valid stories, other than those that they are taken from."""
    studied = [load(task) for split in (Split.TRAIN, Split.VALID) for task in whole(Turtle, split)]
    words = [guess.word for guess in guesses()]
    groups = [words[start : start + size] for size in (4, 6, 8) for start in range(0, 200, size)]
    found = [" ".join(f"It was about {word}." for word in group) for group in groups]
    found += [part for story in studied for part in (story.bottom, *re.split(r"(?<=[.!?])\s+", story.bottom))]
    earns = np.array([[0.0 if text in story.bottom else float(earned(story, text)) for story in studied] for text in found])
    best, chosen = np.zeros(len(studied)), []
    for _ in range(count):
        place = int(np.maximum(earns, best).mean(axis=1).argmax())
        best = np.maximum(best, earns[place])
        chosen.append(found[place])
    return chosen


def test_fixed_accounts_that_suit_other_stories_earn_next_to_nothing() -> None:
    """They earned .16 of the test stories while a word of each criterion, and six words beside the point, were enough."""
    accounts = fixed_accounts()
    for lead in ("{account}", "{surface} {account}"):
        stories = [load(task) for task in whole(Turtle)]
        best = [
            max(float(earned(story, lead.format(surface=story.surface, account=account))) for account in accounts)
            for story in stories
        ]
        assert np.mean(best) < 0.05


def test_the_users_own_words_handed_back_earn_nothing() -> None:
    said = [*Reply, *Refusal, "No point is wholly covered yet.", "Something is still missing."]
    for task in whole(Turtle):
        gym = started(Turtle, task)
        for account in (*said, " ".join(said[:4]), " ".join(said[4:9])):
            gym.reset(seed=0, options={"task": task})
            reply, reward, *_ = gym.step(Action("answer", str(account)))
            assert reward == 0
            assert reply == Refusal.ECHO


def test_an_account_beyond_the_length_limit_earns_nothing() -> None:
    filler = "and so it was in the end " * 20
    for story in STORIES.values():
        user = ScriptedUser(story)
        assert user.judge(f"{story.bottom} {filler}").refusal == Refusal.LONG
        assert user.judge(story.bottom + " " * 5_000 + filler).refusal == Refusal.LONG
        assert len(story.bottom.split()) < ACCOUNT_WORDS_MOST


def test_an_account_that_lists_alternatives_earns_nothing() -> None:
    for story in STORIES.values():
        user = ScriptedUser(story)
        for account in (
            f"{story.bottom} Or he was ill, or it was a dream, or a film.",
            f"Maybe this: {story.bottom} Perhaps it was a dream. Possibly a film.",
            f"{story.bottom} Was it a film? Was it a dream? Was it a game?",
        ):
            assert user.judge(account).refusal == Refusal.ALTERNATIVES


def test_an_account_that_contradicts_the_story_earns_nothing() -> None:
    for task in ALL:
        story = load(task)
        for text in task.data["against"]:
            words = " and the ".join(part.split("|")[0].strip() for part in text.split("&"))
            judgement = ScriptedUser(story).judge(f"{story.bottom} There was the {words} in it.")
            assert judgement.refusal == Refusal.CONTRADICTION, (story.title, text)
            assert not any(judgement.verdicts)


def test_what_is_denied_is_not_told() -> None:
    assert told("The guest is not blind at all.") == 0
    assert told("The guest was never robbed through the window.") == 0
    assert told("The guest does not see.") == 0.5
    assert told("The guest can see.") == 0
    assert told("The innkeeper did not know that the guest is blind.") == 0.5
    assert told("He is no vampire, he is blind.") == 0.5
    assert told("He is a vampire, and he is blind.") == 0
    assert told("He is a king in disguise, and he is blind.") == 0
    assert told("He is as rich as a king, and he is blind.") == 0.5


# The questions.


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        ("Is the guest blind?", Reply.YES),
        ("Is he sightless", Reply.YES),
        ("Can he see?", Reply.NO),
        ("Isn't he blind?", Reply.YES),
        ("Is he not blind?", Reply.NO),
        ("Is it true that he cannot see?", Reply.YES),
        ("Is the innkeeper blind?", Reply.NO),
        ("Is he a vampire?", Reply.NO),
        ("Is he not a vampire?", Reply.YES),
        ("Is breakfast important?", Reply.IRRELEVANT),
        ("Does he own a cat?", Reply.NO),
        ("Is there an animal?", Reply.YES),
        ("Is there no animal?", Reply.NO),
        ("Is the weather important?", Reply.IRRELEVANT),
        ("Did anyone die?", Reply.NO),
        ("Is he a Capricorn?", Reply.UNKNOWN),
        ("Is the blind guest rich?", Reply.NO),
        ("Is the blind guest a pilot?", Reply.NO),
        ("Is the guest blind because of zeppelin xylophone quarrels?", Reply.UNKNOWN),
        ("Why does he pay twice?", Reply.OPEN),
        ("Tell me the story", Reply.OPEN),
        ("", Reply.OPEN),
        ("?", Reply.UNKNOWN),
        ("Is he blind or is he a vampire?", Reply.SEVERAL),
        ("Is he blind or not?", Reply.YES),
        ("Is he blind " * 30, Reply.LONG),
        ("x" * 5_000, Reply.LONG),
        ("Ist er blind?", Reply.YES),
        ("他是盲人吗", Reply.UNKNOWN),
    ],
)
def test_a_question_is_read_by_its_words_and_their_denial(question: str, reply: Reply) -> None:
    assert asked(question) == reply


def test_the_rarer_concepts_decide() -> None:
    """Both concern the blind; "innkeeper" is in one fact only and makes it the better match."""
    assert asked("Is the innkeeper blind?") == Reply.NO
    assert asked("Is the guest of the inn blind?") == Reply.YES


def test_every_wrong_reading_of_a_story_is_denied() -> None:
    for task in ALL:
        for text in task.data["against"]:
            if "&" not in text:
                assert asked(f"Is it about a {text.split('|')[0]}?", task) == Reply.NO, (load(task).title, text)


def test_the_lexicon_gives_each_word_one_place() -> None:
    found = lexicon()
    assert len(found.topics) >= 30
    assert len(found.members) >= 400
    assert not found.members.keys() & found.words.keys()
    assert Counter(found.members.values()).keys() <= found.topics.keys()


@pytest.mark.parametrize(
    "forms",
    [
        "steal stole stolen stealing",
        "hide hid hidden hiding",
        "plan plans planned planning",
        "city cities",
        "die died dying dead",
        "kill kills killed killing",
        "fake faked faking",
        "wish wishes wished",
        "leave left leaving",
    ],
)
def test_all_forms_of_a_word_have_one_stem(forms: str) -> None:
    assert len({stem(form) for form in forms.split()}) == 1


READINGS = readings("turtle")


def understood(questions: list[list[str]]) -> int:
    replies = {"yes": Reply.YES, "no": Reply.NO, "irrelevant": Reply.IRRELEVANT, "unknown": Reply.UNKNOWN}
    return sum(ScriptedUser(STORIES[title]).answer(question) == replies[right] for title, question, right in questions)


def test_most_questions_are_read_as_they_were_meant() -> None:
    assert (understood(READINGS["seen"]), len(READINGS["seen"])) == (41, 42)
    assert (understood(READINGS["set_aside"]), len(READINGS["set_aside"])) == (39, 44)


def test_most_right_accounts_in_other_words_earn_everything() -> None:
    seen = [earned(STORIES[title], account) for title, account in READINGS["accounts_seen"]]
    set_aside = [earned(STORIES[title], account) for title, account in READINGS["accounts_set_aside"]]
    assert (seen.count(1), len(seen)) == (15, 15)
    assert (set_aside.count(1), len(set_aside), min(set_aside)) == (16, 19, 0.6)


# Scripted policies.


def test_the_bounding_policies_keep_their_order() -> None:
    mean, effort = ({name: of(Turtle, name) for name in Turtle.scripted_policies()} for of in (score_of, effort_of))
    assert mean["never_ask"] <= mean["random"] < mean["ask_all"] < mean["ask_likely"]
    assert effort["never_ask"] == 1
    assert effort["ask_likely"] <= 16


def test_asking_the_likely_tells_only_what_was_confirmed() -> None:
    """It knows words, not stories, so 16 turns seldom suffice; with 400 questions it earns half of everything."""
    assert score_of(Turtle, "ask_likely") > 0.1
    for episode in episodes(Turtle, "ask_likely"):
        confirmed = {
            t.action.content[12:-1] for t in episode.turns if t.action.kind == ActionKind.ACTION and t.reply == Reply.YES
        }
        for turn in episode.turns:
            if turn.action.kind == ActionKind.ANSWER:
                assert set(turn.action.content.removeprefix("It was about ").strip(".").split(". It was about ")) <= confirmed
    gym = Turtle(horizon=400)
    patient = play_all(gym, Turtle.scripted_policies()["ask_likely"](gym, 0), whole(Turtle).tasks)
    assert np.mean([episode.task_return for episode in patient]) > 0.5


# Task files.


def record(**fields: Any) -> dict[str, Any]:
    evaluation = [{"statement": "s", "score": 0.7}, {"statement": "t", "score": 0.3}]
    return {"new_title": "T", "new_surface": "S", "new_bottom": "B", "evaluation": evaluation, **fields}


def test_a_story_file_of_userrls_form_is_read(tmp_path: Path) -> None:
    path = tmp_path / "stories.json"
    path.write_text(json.dumps({"5": record()}))
    (task,) = Turtle.read_tasks(path, "valid")
    assert (task.id, task.split, task.level, "flaw" in task.data) == ("T", Split.VALID, 2, False)
    assert [criterion.weight for criterion in load(task).criteria] == [Fraction(7, 10), Fraction(3, 10)]


# UserRL's files.


class Agreeable:
    """Judges every criterion of any account as told in full."""

    def __init__(self, story: Story) -> None:
        self._count = len(story.criteria)

    def answer(self, question: str) -> str:
        return "Yes."

    def judge(self, account: str) -> Judgement:
        return Judgement((Fraction(1),) * self._count)


class Read(Turtle):
    """Turtle with a user who needs no annotation."""

    def make_user(self, story: Story, task: Task) -> Agreeable:
        return Agreeable(story)


def test_userrls_files_are_read_with_their_counts(userrl_data: Path) -> None:
    folder = userrl_data / "turtle"
    everything, train, test = (Turtle.read_tasks(folder / n) for n in ("stories.json", "train.parquet", "test.parquet"))
    assert (len(everything), len(train), len(test)) == (471, 423, 48)
    assert {task.split for task in train} == {Split.TRAIN}
    assert {task.split for task in test} == {Split.TEST}
    assert {task.id for task in train} | {task.id for task in test} == {task.id for task in everything}
    assert Counter(task.level for task in everything) == {1: 6, 2: 32, 3: 191, 4: 215, 5: 27}


def test_every_userrl_story_can_end_in_success(userrl_data: Path) -> None:
    tasks = Turtle.read_tasks(userrl_data / "turtle" / "stories.json")
    floats = [sum(float(row["weight"]) for row in task.data["criteria"]) for task in tasks]
    assert sum(total < 1 for total in floats) == 138
    gym = Read()
    for task in tasks:
        gym.reset(seed=0, options={"task": task})
        _, reward, terminated, _, info = gym.step(Action("answer", "Everything."))
        assert (reward, terminated, info["stop"]) == (1.0, True, StopReason.SUCCESS)


def test_userrls_broken_surfaces_are_marked(userrl_data: Path) -> None:
    """Six surfaces are a line that begins with "Author:"; six more name the adapter or warn of a spoiler, and no more."""
    folder = userrl_data / "turtle"
    marked = [task for task in Turtle.read_tasks(folder / "stories.json") if "flaw" in task.data]
    assert len(marked) == 12
    assert sum(task.data["surface"].startswith("Author:") for task in marked) == 6
    assert {task.data["flaw"] for task in marked} == {"the surface tells nothing of the story"}
    assert "flaw" in Turtle.read_tasks(folder / "test.parquet")[0].data


def test_the_scripted_user_refuses_stories_that_it_does_not_know(userrl_data: Path) -> None:
    gym = Turtle()
    for task in Turtle.read_tasks(userrl_data / "turtle" / "test.parquet"):
        Turtle.check_task(task)
        with pytest.raises(ConfigError, match="user='scripted' cannot play the task"):
            gym.reset(seed=0, options={"task": task})
