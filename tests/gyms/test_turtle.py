"""The turtle gym: its stories are sound and fairly split, its judge exact and hard to fool, its hidden stories hidden."""

import json
import random
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given
from hypothesis import strategies as st

from bao.action import Action, ActionKind
from bao.errors import ConfigError, DataError
from bao.gyms.turtle import Turtle
from bao.gyms.turtle.gym import score
from bao.gyms.turtle.tasks import Story, Truth, load
from bao.gyms.turtle.user import ACCOUNT_WORDS_MOST, Judgement, Refusal, Reply, ScriptedUser, reading
from bao.gyms.turtle.words import lexicon, stem, terms, tokens
from bao.rollout.episode import play
from bao.rollout.episodes import play_all
from bao.task import Split, Task
from bao.trajectory import StopReason, Trajectory

TASKS = {split: Turtle.task_set(split) for split in Split}
ALL = [task for split in Split for task in TASKS[split]]
STORIES = {load(task).title: load(task) for task in ALL}
TASK_BY_TITLE = {load(task).title: task for task in ALL}

PLAIN = Task(
    "t",
    "turtle",
    {
        "title": "The Guest",
        "surface": "A guest at the inn asks for a room without a window and pays twice its price.",
        "bottom": "The guest is blind. He was robbed through a window once, and his dog barks at every light.",
        "criteria": [
            {"statement": "The guest is blind.", "weight": "0.5", "needs": "blind|not see"},
            {"statement": "He was robbed through a window.", "weight": "0.2", "needs": "rob|burglar|steal & window"},
            {"statement": "He has a dog.", "weight": "0.2", "needs": "dog"},
            {"statement": "The dog barks at light.", "weight": "0.1", "needs": "bark & light"},
        ],
        "against": ["vampire", "king & disguise"],
        "facts": {"yes": ["alone"], "no": ["innkeeper & blind", "rich"], "irrelevant": ["breakfast"]},
    },
)


def started(task: Task = PLAIN, **settings: Any) -> Turtle:
    gym = Turtle(**settings)
    gym.reset(seed=0, options={"task": task})
    return gym


def asked(question: str, task: Task = PLAIN) -> str:
    reply, reward, terminated, _, _ = started(task).step(Action("action", question))
    assert reward == 0
    assert not terminated
    return reply


def told(account: str, task: Task = PLAIN) -> float:
    return started(task).step(Action("answer", account))[1]


def earned(story: Story, account: str) -> float:
    weights = tuple(criterion.weight for criterion in story.criteria)
    return float(score(weights, ScriptedUser(story).judge(account).verdicts))


@cache
def episodes(policy: str, split: Split = Split.TEST) -> list[Trajectory]:
    gym = Turtle()
    return play_all(gym, Turtle.scripted_policies()[policy](gym, 0), TASKS[split].tasks)


# gymnasium's contract.


def test_gymnasium_accepts_the_gym() -> None:
    check_env(Turtle(), skip_render_check=True)


def test_playing_leaves_the_global_generators_alone() -> None:
    before = random.getstate(), np.random.get_state()[1].tolist()
    gym = Turtle()
    for policy in Turtle.scripted_policies().values():
        play(gym, policy(gym, 0), TASKS[Split.VALID][2], 0)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


def test_the_same_seed_gives_the_same_episode() -> None:
    gym, other = Turtle(), Turtle()
    make = Turtle.scripted_policies()["random"]
    one, two = (play(g, make(g, 4), TASKS[Split.TEST][3], 0) for g in (gym, other))
    assert one.turns == two.turns
    assert one.turns != play(gym, make(gym, 5), TASKS[Split.TEST][3], 0).turns


def test_questions_involve_the_user_unless_only_answers_count() -> None:
    for convention, involved in (("everyday", True), ("paper", False)):
        gym = started(convention=convention)
        assert gym.step(Action("action", "Is he blind?"))[-1]["involves_user"] is involved
        assert gym.step(Action("answer", "He is a vampire."))[-1]["involves_user"] is True
    assert Turtle().convention == "everyday"
    with pytest.raises(ValueError, match="offers no action kind"):
        gym.step(Action("search", "blind"))


@pytest.mark.parametrize("threshold", [0, 1.01, -1, "x", float("nan"), True])
def test_a_threshold_that_cannot_be_is_named(threshold: Any) -> None:
    with pytest.raises(ConfigError, match="success_threshold="):
        Turtle(success_threshold=threshold)


# The stories.


def test_there_are_enough_stories_and_always_the_same() -> None:
    assert [len(TASKS[split]) for split in Split] == [62, 12, 47]
    assert Turtle.task_set("test", 5).tasks == TASKS[Split.TEST][:5].tasks
    assert {task.level for task in ALL} == {2, 3}
    assert {task.level for task in Turtle.task_set("train", None, (3,))} == {3}
    with pytest.raises(ConfigError, match=r"levels=\(7,\)"):
        Turtle.task_set("train", 2, (7,))
    with pytest.raises(ConfigError, match="size=1000 is more than the 47 test tasks of turtle"):
        Turtle.task_set("test", 1000)


def test_every_story_is_annotated_and_sound() -> None:
    for task in ALL:
        Turtle.check_task(task)
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
            for task in TASKS[mine]:
                for foreign in TASKS[theirs]:
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


def test_the_instructions_name_what_is_on_offer() -> None:
    text = Turtle(horizon=9).instructions()
    assert "you have 9 turns" in text
    assert "at most 100 words" in text
    assert "at most 40 words" in text
    assert all(f"[{kind}]" in text for kind in Turtle.kinds)
    assert "[search]" not in text


def test_no_reply_shows_more_of_the_bottom_than_the_points_that_were_told() -> None:
    statements = {criterion.statement for story in STORIES.values() for criterion in story.criteria}
    for name in ("ask_all", "ask_likely", "random", "never_ask"):
        for episode in episodes(name):
            story = load(next(task for task in TASKS[Split.TEST] if task.id == episode.task_id))
            for turn in episode.turns:
                assert story.bottom not in turn.reply
                if turn.action.kind == ActionKind.ACTION:
                    assert turn.reply in list(Reply)
                shown = {statement for statement in statements if statement in turn.reply}
                if shown:
                    verdicts = ScriptedUser(story).judge(turn.action.content).verdicts
                    full = {c.statement for c, v in zip(story.criteria, verdicts, strict=True) if v == 1}
                    assert shown <= full


def test_info_holds_nothing_of_the_story() -> None:
    """In UserRL's gym the info of every step holds the hidden story."""
    gym = started()
    for action in (Action("action", "Is he blind?"), Action("answer", "He has a dog."), Action("none", "empty")):
        assert set(gym.step(action)[-1]) == {"turn", "involves_user", "success", "stop"}
    assert "blind" not in gym.step(Action("finish"))[0]


# Scores.


def test_weights_that_floats_cannot_add_up_still_end_in_success() -> None:
    """In UserRL 138 of 471 stories can never succeed at the threshold 1: .5 + .2 + .2 + .1 is .9999999999999999 there."""
    assert 0.5 + 0.2 + 0.2 + 0.1 < 1
    _, reward, terminated, _, info = started().step(Action("answer", PLAIN.data["bottom"]))
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
    gym = started()
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
    assert told("The guest is blind.", replace(PLAIN, data={**PLAIN.data})) == 0.5


def test_a_lower_threshold_ends_earlier() -> None:
    gym = started(success_threshold=0.7)
    assert gym.step(Action("answer", "The guest is blind."))[2] is False
    assert gym.step(Action("answer", "The guest is blind and has a dog."))[4]["success"] is True


@given(st.lists(st.sampled_from([PLAIN.data["bottom"], "He is blind.", "He has a dog.", "He was robbed.", "No"]), max_size=16))
def test_no_sequence_of_accounts_earns_more_than_1(accounts: list[str]) -> None:
    gym = started()
    total = 0.0
    for account in accounts:
        _, reward, terminated, truncated, _ = gym.step(Action("answer", account))
        assert reward >= 0
        total += reward
        if terminated or truncated:
            break
    assert total <= 1 + 1e-9


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


@given(st.text(max_size=200), st.sampled_from(["action", "answer", "none", "finish"]))
def test_no_text_breaks_a_turn(text: str, kind: str) -> None:
    reply, reward, _, _, _ = started().step(Action(kind, text))
    assert type(reply) is str
    assert reply
    assert 0 <= reward <= 1


@pytest.mark.parametrize(
    "text", ["", " ", "{}", '{"choice": "answer"}', "блинд", "a" * 200_000, "\x00\ud800", "dog dog dog dog"]
)
def test_bad_accounts_are_told_what_is_expected(text: str) -> None:
    reply, reward, terminated, _, _ = started().step(Action("answer", text))
    assert reply in list(Refusal)
    assert (reward, terminated) == (0.0, False)


# How well free questions and accounts are understood. The rules and words were chosen with the first lists in view; the second
# were set aside until then, and scored once.

SEEN: list[tuple[str, str, str]] = [
    ("Friday Rose", "Did the man confuse her car with somebody else's?", "yes"),
    ("Friday Rose", "Was Nora being stalked?", "no"),
    ("Friday Rose", "Did the buyer of the car leave the roses?", "no"),
    ("Friday Rose", "Were the roses really intended for Nora?", "no"),
    ("Friday Rose", "Does it matter that the roses were red?", "irrelevant"),
    ("The Blank Page", "Can the readers see?", "no"),
    ("The Blank Page", "Is the book in Braille?", "yes"),
    ("The Blank Page", "Is it written with invisible ink?", "no"),
    ("Hooves at Midnight", "Was there an animal in the flat?", "yes"),
    ("Hooves at Midnight", "Was the flat haunted?", "no"),
    ("Hooves at Midnight", "Did the tenant keep a dog?", "no"),
    ("The Lucky Crash", "Did she hit the police car on purpose?", "yes"),
    ("The Lucky Crash", "Was it an accident?", "no"),
    ("The Lucky Crash", "Had she been drinking?", "no"),
    ("The Lucky Crash", "Was someone else in the car with her?", "yes"),
    ("Left Shoes", "Is the thief missing a leg?", "yes"),
    ("Left Shoes", "Was the shoe taken by a dog?", "no"),
    ("The Whispering Village", "Are they afraid of an avalanche?", "yes"),
    ("The Whispering Village", "Do they whisper because of their religion?", "no"),
    ("The Night Passenger", "Is the man homeless?", "no"),
    ("The Night Passenger", "Did he use to work for the railway?", "yes"),
    ("The Night Passenger", "Can he not sleep at home?", "yes"),
    ("Unshaken Waiters", "Couldn't the waiters see anything?", "yes"),
    ("Unshaken Waiters", "Did they wear night vision goggles?", "no"),
    ("Unshaken Waiters", "Is the menu important?", "unknown"),
    ("Ice Cream at Two", "Was the house on fire?", "yes"),
    ("Ice Cream at Two", "Was he selling drugs?", "no"),
    ("Ice Cream at Two", "Did the driver want to wake the people up?", "yes"),
    ("Two Tickets", "Is the second ticket for her dead husband?", "no"),
    ("Two Tickets", "Did she want a better view of the screen?", "yes"),
    ("Stamps from Everywhere", "Had the father died?", "no"),
    ("Stamps from Everywhere", "Was the father locked up in prison?", "yes"),
    ("Stamps from Everywhere", "Did somebody else post the cards?", "yes"),
    ("Stamps from Everywhere", "Did he have a second family?", "no"),
    ("Help in the Square", "Was a film being shot?", "no"),
    ("Help in the Square", "Did the people believe it was part of a show?", "yes"),
    ("The Eternal Tulips", "Are the tulips real?", "no"),
    ("The Eternal Tulips", "Does grandmother have bad eyesight?", "yes"),
    ("Sixty Clocks", "Are the clocks broken?", "no"),
    ("Sixty Clocks", "Do they show the time in different cities?", "yes"),
    ("Sixty Clocks", "Was it raining?", "irrelevant"),
    ("Her Own Doorbell", "Is there a pet in her flat?", "yes"),
]

SET_ASIDE: list[tuple[str, str, str]] = [
    ("The Bitter Cake", "Was the cake made by a child?", "yes"),
    ("The Bitter Cake", "Had somebody poisoned the cake?", "no"),
    ("The Bitter Cake", "Did the guests only pretend to like it in order to be polite?", "yes"),
    ("The Rich Beggar", "Does he need the money?", "no"),
    ("The Rich Beggar", "Is he preparing for a part in a movie?", "yes"),
    ("The Rich Beggar", "Is he a policeman working undercover?", "no"),
    ("Thirty Years Overdue", "Is he the one who wrote it?", "yes"),
    ("Thirty Years Overdue", "Is he in love with the librarian?", "no"),
    ("The Fresh Runner", "Did he take drugs?", "no"),
    ("The Fresh Runner", "Does the runner have a twin?", "yes"),
    ("The Fresh Runner", "Did he take the bus for part of the way?", "no"),
    ("Letters to Himself", "Did one of the guards read what he wrote?", "yes"),
    ("Letters to Himself", "Did he dig a tunnel?", "no"),
    ("The Missing Swan", "Did the swan melt?", "yes"),
    ("The Missing Swan", "Was it a live bird?", "no"),
    ("The Missing Swan", "Did someone steal it?", "no"),
    ("Onto the Rocks", "Was the ship about to sink?", "yes"),
    ("Onto the Rocks", "Was the captain drunk?", "no"),
    ("Flowers for a Stranger", "Did she receive one of his organs?", "yes"),
    ("Flowers for a Stranger", "Were they lovers?", "no"),
    ("The Blue House", "Is the mother suffering from dementia?", "yes"),
    ("The Blue House", "Does the neighbour have something to do with it?", "irrelevant"),
    ("One Day Too Early", "Would he have been set free anyway?", "yes"),
    ("One Day Too Early", "Did the guards help him?", "no"),
    ("Prints from the Pond", "Does she make the footprints herself?", "yes"),
    ("Prints from the Pond", "Does somebody visit her at night?", "no"),
    ("Prints from the Pond", "Is she afraid of thieves?", "yes"),
    ("The Sixth Plate", "Is the sixth plate for a dead child?", "no"),
    ("The Sixth Plate", "Are they hiding someone?", "yes"),
    ("The Sixth Plate", "Isn't there a war going on?", "yes"),
    ("Nobody Answers", "Does he hear a voice when he calls?", "yes"),
    ("Nobody Answers", "Is his wife still alive?", "no"),
    ("The Race in the Basin", "Was the water frozen?", "yes"),
    ("The Race in the Basin", "Did the boy use a boat?", "no"),
    ("Grey Sea, Grey Sun", "Did he paint grey because he was grieving?", "no"),
    ("Grey Sea, Grey Sun", "Was he unable to tell colours apart?", "yes"),
    ("The Train at Eight", "Does she know the driver?", "yes"),
    ("The Train at Eight", "Is she mad?", "no"),
    ("Under the Bed", "Was there a cat under the bed?", "no"),
    ("Under the Bed", "Is it some electrical device?", "yes"),
    ("The Dark Lighthouse", "Did the keeper want the ships to be wrecked?", "yes"),
    ("The Dark Lighthouse", "Was there a storm on the second night?", "no"),
    ("Always the Same Dog", "Does the dog run back to him?", "yes"),
    ("Always the Same Dog", "Are the dogs stolen?", "no"),
]

ACCOUNTS_SEEN: list[tuple[str, str]] = [
    (
        "Friday Rose",
        "Each week a man put a rose on the wrong car. He was in love with another woman at work, and her car looked the"
        " same as Nora's.",
    ),
    (
        "The Bitter Cake",
        "The cake was baked by the little girl whose birthday it was, and she had put in salt instead of sugar. The "
        "guests were too polite to say so.",
    ),
    (
        "The Lucky Crash",
        "A man with a gun had kidnapped her and sat in the back. She hit the police car on purpose so that the officers"
        " would rescue her.",
    ),
    ("The Fresh Runner", "The runner had an identical twin. They swapped places half way through the race."),
    (
        "The Cut Rope",
        "It was so foggy that they did not see that the ground was only a metre beneath them, so he just dropped onto "
        "the grass.",
    ),
    (
        "Flowers for a Stranger",
        "The man had donated his organs when he died, and the woman is alive today because she got his heart.",
    ),
    (
        "Wrong Side",
        "The government changed the law that day, so that from then on everybody had to drive on the right instead of "
        "the left.",
    ),
    (
        "The Unheard Concerto",
        "All the people in the audience were deaf. They held balloons in their hands to feel the vibrations of the music.",
    ),
    ("Nobody Answers", "His wife is dead. He calls so that he can listen to her voice on the answering machine."),
    (
        "No Hook",
        "Tourists throw coins from the bridge for good luck. He has a magnet on his line and fishes the money out of "
        "the water.",
    ),
    (
        "The Jogger's Shoes",
        "The man was murdered at home by his flatmate, who then dressed him in running clothes. The laces were tied by "
        "someone else.",
    ),
    (
        "The Dark Lighthouse",
        "There was a war on. The keeper moved the lamp to lure the enemy's ships onto the rocks. The local fishermen "
        "did not need the light.",
    ),
    ("Help in the Square", "He works there as a mime, so everybody thought that the robbery was just part of his performance."),
    (
        "Stamps from Everywhere",
        "Their father was in jail. So that the children would not find out, he had a friend who went to sea post the "
        "cards for him.",
    ),
    ("The Kind Dentist", "The sweets will give the children bad teeth, and so he gets more patients and more money."),
]

ACCOUNTS_SET_ASIDE: list[tuple[str, str]] = [
    ("The Blank Page", "The whole book is in braille, and the people who read it are blind."),
    (
        "Hooves at Midnight",
        "The tenant was keeping a goat in his flat without anybody knowing, because it would otherwise have been slaughtered.",
    ),
    (
        "The Rich Beggar",
        "The man is a film star. He lives as a beggar for some nights because he wants to prepare for his next role.",
    ),
    ("The Stuck Mast", "The moon caused an extremely high tide, so the boat floated higher than on other days."),
    (
        "Letters to Himself",
        "The woman who had to read the prisoners' letters fell in love with him through them, and she helped him to escape.",
    ),
    (
        "Wrong Number",
        "The man who called was a doctor, and he could tell from the way that she spoke that she was having a stroke.",
    ),
    (
        "Two Rows of Cars",
        "An aircraft had to make an emergency landing in the dark, and the villagers lit up the field with their "
        "headlights for it.",
    ),
    ("The Turned Signs", "There was a war. He turned the signs so that the enemy soldiers would get lost on their way."),
    ("Tracks on the Lake", "The ice was breaking under the skater, so he was rescued by a helicopter."),
    (
        "Ten Past Eight",
        "The man who looked after the church clock had slept too long. To hide it he put the clock back by ten minutes.",
    ),
    (
        "The Sixth Plate",
        "It was during the war and a deserter lived in their attic. Nobody was allowed to know about it, or they would "
        "all have been shot.",
    ),
    ("Misspelt", "People took photos of the funny names and shared them online, which was free publicity for the café."),
    (
        "The Race in the Basin",
        "It was winter and the pool was covered with ice. The boy ran across it faster than the others because he could skate.",
    ),
    (
        "Three in the Morning",
        "Otto used to be a baker who had to get up at three. Now he is retired and enjoys that he can stay in bed.",
    ),
    (
        "Salt in the Tea",
        "Lady Harrow had been ill and could not taste anything since then. When she noticed the salt she knew that her "
        "sense of taste was back.",
    ),
    (
        "Bells without a Ringer",
        "There was an earthquake. The ground shook the tower so that the bells swung, and this warned the people.",
    ),
    ("Dated Yesterday", "The brother wrote the letter long ago, before he died, and a lawyer was told to send it on that day."),
    ("Always the Same Dog", "He sells one and the same dog again and again. It is trained to escape and to come back to him."),
    (
        "The Silent Piano",
        "The grandfather had hidden his savings inside the piano. The tuner found them and ran off with them.",
    ),
]


def understood(questions: list[tuple[str, str, str]]) -> int:
    replies = {"yes": Reply.YES, "no": Reply.NO, "irrelevant": Reply.IRRELEVANT, "unknown": Reply.UNKNOWN}
    return sum(ScriptedUser(STORIES[title]).answer(question) == replies[right] for title, question, right in questions)


def test_most_questions_are_read_as_they_were_meant() -> None:
    assert (understood(SEEN), len(SEEN)) == (41, 42)
    assert (understood(SET_ASIDE), len(SET_ASIDE)) == (39, 44)


def test_most_right_accounts_in_other_words_earn_everything() -> None:
    seen = [earned(STORIES[title], account) for title, account in ACCOUNTS_SEEN]
    set_aside = [earned(STORIES[title], account) for title, account in ACCOUNTS_SET_ASIDE]
    assert (seen.count(1), len(seen)) == (15, 15)
    assert (set_aside.count(1), len(set_aside), min(set_aside)) == (16, 19, 0.6)


# Scripted policies.


def test_the_oracle_solves_every_story_at_once() -> None:
    for split in Split:
        for episode in episodes("oracle", split):
            assert (episode.task_return, len(episode.turns), episode.success) == (1.0, 1, True)


def test_the_bounding_policies_keep_their_order() -> None:
    mean = {name: np.mean([episode.task_return for episode in episodes(name)]) for name in Turtle.scripted_policies()}
    assert {"oracle", "ask_all", "never_ask", "random"} <= mean.keys()
    assert mean["oracle"] == 1
    assert mean["random"] <= 0.05
    assert mean["never_ask"] <= mean["random"] < mean["ask_all"] < mean["ask_likely"]
    effort = {name: np.mean([episode.user_effort for episode in episodes(name)]) for name in mean}
    assert effort["oracle"] == effort["never_ask"] == 1
    assert effort["ask_likely"] <= 16


def test_asking_the_likely_tells_only_what_was_confirmed() -> None:
    """It knows words, not stories, so 16 turns seldom suffice; with 400 questions it earns half of everything."""
    assert np.mean([episode.task_return for episode in episodes("ask_likely")]) > 0.1
    for episode in episodes("ask_likely"):
        confirmed = {
            t.action.content[12:-1] for t in episode.turns if t.action.kind == ActionKind.ACTION and t.reply == Reply.YES
        }
        for turn in episode.turns:
            if turn.action.kind == ActionKind.ANSWER:
                assert set(turn.action.content.removeprefix("It was about ").strip(".").split(". It was about ")) <= confirmed
    gym = Turtle(horizon=400)
    patient = play_all(gym, Turtle.scripted_policies()["ask_likely"](gym, 0), TASKS[Split.TEST].tasks)
    assert np.mean([episode.task_return for episode in patient]) > 0.5


def test_the_asker_goes_by_observations_alone() -> None:
    gym, other = Turtle(), Turtle()
    task = TASKS[Split.TEST][0]
    episode = play(gym, Turtle.scripted_policies()["ask_likely"](other, 0), task, 0)
    assert other.task is None
    assert episode.turns == play(gym, Turtle.scripted_policies()["ask_likely"](gym, 0), task, 0).turns


# Task files.


def test_own_task_files_are_read_back(tmp_path: Path) -> None:
    TASKS[Split.TEST].write(tmp_path / "tasks.jsonl")
    assert Turtle.read_tasks(tmp_path / "tasks.jsonl").tasks == TASKS[Split.TEST].tasks


def changed(**fields: Any) -> Task:
    return replace(PLAIN, data={**PLAIN.data, **fields})


ROW = {"statement": "s", "weight": 1, "needs": "blind"}


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (changed(title=""), "title=''"),
        (changed(surface=7), "surface=7"),
        (changed(criteria=[]), "criteria="),
        (changed(criteria=["blind"]), r"criteria\[0\]='blind'"),
        (changed(criteria=[{**ROW, "weight": 0.9}]), "sum to 9/10"),
        (changed(criteria=[{**ROW, "weight": "half"}]), r"criteria\[0\]\.weight='half'"),
        (changed(criteria=[{**ROW, "weight": 2}]), r"criteria\[0\]\.weight=2 must be above 0"),
        (changed(criteria=[{**ROW, "statement": None}]), r"criteria\[0\]\.statement=None"),
        (changed(criteria=[{**ROW, "needs": "the"}]), r"criteria\[0\]\.needs: 'the' has 0 terms"),
        (changed(criteria=[{**ROW, "needs": "red brick wall"}]), "has 3 terms"),
        (changed(criteria=[{**ROW, "needs": 5}]), r"criteria\[0\]\.needs=5"),
        (changed(criteria=[{**ROW, "needs": "deaf"}]), r"criteria\[0\]\.needs: the bottom itself is credited 0"),
        (changed(criteria=[{**ROW, "needs": "guest"}]), "surface: the title and surface alone are credited"),
        (changed(criteria=[{**ROW, "weight": 0.5}, {"statement": "t", "weight": 0.5}]), r"criteria\[1\]\.needs is missing"),
        (changed(against=["dog"]), "bottom: the scripted user refuses it"),
        (changed(facts={"perhaps": ["dog"]}), "facts.perhaps is unknown"),
        (changed(bottom="He is blind. " * 50), "bottom: the scripted user refuses it"),
    ],
)
def test_a_task_that_cannot_be_played_names_its_field(task: Task, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Turtle.check_task(task)


def test_a_missing_field_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text(json.dumps({"id": "x", "gym": "turtle", "data": {"title": "a", "surface": "b"}}) + "\n")
    with pytest.raises(DataError, match="line 1: the field 'bottom' is missing"):
        Turtle.read_tasks(path)


def record(**fields: Any) -> dict[str, Any]:
    evaluation = [{"statement": "s", "score": 0.7}, {"statement": "t", "score": 0.3}]
    return {"new_title": "T", "new_surface": "S", "new_bottom": "B", "evaluation": evaluation, **fields}


def write_rows(path: Path, **answer: Any) -> Path:
    row = {"reward_model": {"title": "T", "surface": "S", "bottom": "B", **answer}, "extra_info": {"split": "test"}}
    pq.write_table(pa.Table.from_pylist([row]), path)
    return path


def test_a_story_file_of_userrls_form_is_read(tmp_path: Path) -> None:
    path = tmp_path / "stories.json"
    path.write_text(json.dumps({"5": record()}))
    (task,) = Turtle.read_tasks(path, "valid")
    assert (task.id, task.split, task.level, "flaw" in task.data) == ("T", Split.VALID, 2, False)
    assert [criterion.weight for criterion in load(task).criteria] == [Fraction(7, 10), Fraction(3, 10)]
    (again,) = Turtle.read_tasks(write_rows(tmp_path / "test.parquet"), "train")
    assert (again.data, again.split) == (task.data, Split.TEST)


def test_parquet_rows_must_join_with_the_stories(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "test.parquet")
    with pytest.raises(DataError, match=r"put UserRL's stories\.json beside it"):
        Turtle.read_tasks(path)
    (tmp_path / "stories.json").write_text(json.dumps({"5": record()}))
    for answer, message in (
        ({"title": "U"}, r"title='U' is not in"),
        ({"bottom": "C"}, r"reward_model\.bottom is not that of"),
    ):
        with pytest.raises(DataError, match=message):
            Turtle.read_tasks(write_rows(path, **answer))


@pytest.mark.parametrize(
    "content",
    [
        "[1]",
        "{",
        json.dumps({"5": {"new_title": "T"}}),
        json.dumps({"5": record(new_surface="")}),
        json.dumps({"5": record(evaluation=[{"statement": "s", "score": 0.7}])}),
        json.dumps({"5": record(evaluation=[])}),
    ],
)
def test_a_broken_story_file_is_a_data_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "stories.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"stories\.json"):
        Turtle.read_tasks(path)
    for name in ("none.json", "tasks.csv"):
        with pytest.raises(DataError, match=name):
            Turtle.read_tasks(tmp_path / name)


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
