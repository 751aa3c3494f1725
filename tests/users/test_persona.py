"""What a persona promises: its traits do what they say, over any gym, without touching what lies beneath."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from gymnasium.utils.env_checker import check_env

import bao
from bao.action import Action
from bao.errors import ConfigError
from bao.gym import Gym
from bao.gyms.telepathy.table import table as telepathy_table
from bao.gyms.travel.catalogue import VALUE_ATTRIBUTE
from bao.gyms.travel.tasks import Source
from bao.gyms.travel.tasks import load as load_trip
from bao.recipes.recipe import load_recipe
from bao.rollout.episode import play
from bao.rollout.episodes import play_all
from bao.trajectory import FaultError, StopReason, Trajectory
from bao.users.persona import ASKED_ALREADY, OUT_OF_PATIENCE, PRESETS, VAGUE, Persona, Trait, read_persona
from tests.support.echo_gym import questions, replies, started

SUPPORTED = {
    "function": set(),
    "intention": {"patience", "vagueness", "volunteering", "mistakes"},
    "persuade": {"patience", "vagueness", "volunteering"},
    "search": {"patience", "vagueness", "volunteering", "mistakes"},
    "tau": {"patience", "vagueness", "volunteering"},
    "telepathy": {"patience", "vagueness", "volunteering", "mistakes"},
    "travel": {"patience", "vagueness", "volunteering", "mistakes"},
    "turtle": {"patience", "vagueness", "mistakes"},
}
ON: Mapping[str, Any] = {"patience": 3, "vagueness": 0.5, "volunteering": 0.5, "mistakes": 0.5}
AREA, STYLE = Action("action", "Which area for the hotel?"), Action("action", "Which style for the hotel?")


# Patience


def test_the_user_answers_as_many_questions_as_patience_says_and_leaves_at_the_next() -> None:
    gym = started({"patience": 2})
    for content in questions(2):
        assert gym.step(Action("action", content))[2:4] == (False, False)
        gym.step(Action("search", "x"))
    reply, reward, terminated, truncated, info = gym.step(Action("action", "One more?"))
    assert (reply, reward, terminated, truncated) == (OUT_OF_PATIENCE, 0.0, True, False)
    assert info == {"turn": 5, "involves_user": True, "success": False, "stop": StopReason.USER_LEFT, "satisfaction": 0.0}
    assert gym.heard == questions(2)
    with pytest.raises(RuntimeError, match="reset"):
        gym.step(Action("search", "x"))


def test_a_user_out_of_patience_still_takes_a_submission() -> None:
    gym = started({"patience": 1})
    gym.step(Action("action", "Why?"))
    *_, info = gym.step(Action("answer", "right"))
    assert info["stop"] is StopReason.SUCCESS


def test_the_same_question_again_drives_the_user_away_and_repeats_are_borne_as_set() -> None:
    for repeats in (0, 2):
        gym = started({"patience": 100, "repeats": repeats})
        gym.step(Action("action", "Which area for the hotel?"))
        for _ in range(repeats):
            assert not gym.step(Action("action", "the AREA of the hotel, please"))[2]
        reply, *_, info = gym.step(Action("action", "Which area would the hotel be in?"))
        assert (reply, info["stop"]) == (ASKED_ALREADY, StopReason.USER_LEFT)


def test_a_user_without_patience_bears_every_repetition_but_likes_it_less() -> None:
    gym = started({"volunteering": 0.0})
    first = gym.step(Action("action", "Why?"))[-1]["satisfaction"]
    second = gym.step(Action("action", "Why?"))[-1]["satisfaction"]
    assert second < first
    assert gym.step(Action("action", "Why?"))[-1]["stop"] is None


# Vagueness


def test_a_vague_answer_loses_nothing_and_asking_again_is_no_repetition() -> None:
    gym = started({"patience": 1000, "vagueness": 0.5})
    plain = started(None)
    asked = 0
    for content in questions(40):
        reply = gym.step(Action("action", content))[0]
        asked += 1
        while reply in VAGUE:
            reply = gym.step(Action("action", content))[0]
            asked += 1
        assert reply == plain.step(Action("action", content))[0]
    assert 60 < asked < 110  # 80 expected, standard deviation 9


def test_vagueness_has_its_probability() -> None:
    gym = started({"vagueness": 0.3})
    vague = sum(reply in VAGUE for reply in replies(gym, *questions(199)))
    assert abs(vague / 199 - 0.3) < 0.1  # three standard deviations
    assert set(VAGUE) == set(replies(started({"vagueness": 1.0}), *questions(60)))


def test_only_questions_are_answered_vaguely() -> None:
    gym = started({"vagueness": 1.0})
    assert replies(gym, "x", kind="search") == ["Found."]
    assert replies(gym, "wrong", kind="answer") == ["Wrong."]


def test_tau_hears_what_the_agent_tells_even_from_a_vague_customer() -> None:
    gym = bao.make("tau", persona={"vagueness": 1.0})
    gym.reset(seed=0, options={"task": gym.task_set("test", 1)[0]})
    assert gym.step(Action("action", "May I have your name and zip code?"))[0] in VAGUE
    assert gym.step(Action("action", "I have told the warehouse."))[0] not in VAGUE


# Volunteering and mistakes


def test_volunteered_words_follow_the_answer_and_can_end_the_episode() -> None:
    gym = started({"volunteering": 1.0})
    reply, reward, *_ = gym.step(Action("action", "Why?"))
    assert re.fullmatch(r"1: \d+ Told 1\.", reply)
    assert reward == 0.0
    reply, _, terminated, _, info = gym.step(Action("action", "How?"))
    assert reply.endswith("Told 2.")
    assert (terminated, info["success"], info["stop"]) == (True, True, StopReason.SUCCESS)


def test_a_mistake_takes_the_place_of_the_answer_where_there_is_something_to_get_wrong() -> None:
    gym = started({"mistakes": 1.0})
    assert replies(gym, "Why?")[0].startswith("Nonsense")
    assert replies(gym, "Is it true?")[0].startswith("1: ")
    assert gym.heard == ["Is it true?"]


def test_a_user_that_breaks_is_still_a_fault() -> None:
    with pytest.raises(FaultError):
        started({"patience": 3}).step(Action("action", "break"))


def wishes(gym: Gym) -> dict[str, str]:
    assert gym.task is not None
    return {wish.attribute: wish.value for booking in load_trip(gym.task) for wish in booking.wishes}


def test_a_mistaken_traveller_names_another_value_and_still_wants_the_true_one() -> None:
    gym = bao.make("travel", persona={"mistakes": 1.0})
    seen = 0
    for task in gym.task_set("test", 20):
        gym.reset(seed=0, options={"task": task})
        for attribute, value in wishes(gym).items():
            reply = gym.step(Action("action", f"Which {attribute}?"))[0]
            named = [word for word in re.findall(r"\w+", reply) if VALUE_ATTRIBUTE.get(word) == attribute]
            assert len(named) == 1
            assert named != [value]
            seen += 1
    assert seen > 80
    oracle = gym.scripted_policies()["oracle"](gym, 0)
    assert all(episode.success for episode in play_all(gym, oracle, gym.task_set("test", 20).tasks))


def test_a_chatty_traveller_tells_each_open_wish_once_and_truly() -> None:
    gym = bao.make("travel", persona={"volunteering": 1.0})
    told: list[str] = []
    gym.reset(seed=1, options={"task": gym.task_set("test", 20, (4,))[0]})
    for _ in range(10):
        reply = gym.step(Action("action", "Hello"))[0]
        told += re.findall(r"By the way, for the \w+ (\w+) I prefer \w+\.", reply)
        for attribute, value in re.findall(r"for the \w+ (\w+) I prefer (\w+)", reply):
            assert wishes(gym)[attribute] == value
    assert gym.task is not None
    unstated = {w.attribute for b in load_trip(gym.task) for w in b.wishes if w.source is not Source.STATED}
    assert sorted(told) == sorted(unstated)
    assert len(told) > 2


def test_a_detail_told_wrongly_in_intention_stays_open_and_earns_nothing() -> None:
    gym = bao.make("intention", persona={"mistakes": 1.0})
    for task in gym.task_set("test", 20):
        gym.reset(seed=3, options={"task": task})
        wrong = []
        for detail in task.data["missing_details"]:
            reply, reward, terminated, _, info = gym.step(Action("action", detail["inquiry"]))
            if reward == 0:
                wrong.append(detail)
                assert any(option in reply for option in detail["options"])
            assert terminated == info["success"]
        assert len(wrong) >= len(task.data["missing_details"]) - 1
        assert info["stop"] is None


def test_a_mistaken_detail_is_another_option_than_the_one_that_the_user_has_in_mind() -> None:
    task = bao.gym_class("intention").task_set("test", 1)[0]
    for detail in task.data["missing_details"]:
        texts = []
        for persona in (None, {"mistakes": 1.0}):
            gym = bao.make("intention", persona=persona)
            gym.reset(seed=5, options={"task": task})
            reply = gym.step(Action("action", detail["inquiry"]))[0]
            texts.append({option for option in detail["options"] if option in reply})
        assert texts[0].isdisjoint(texts[1])
        assert all(len(found) == 1 for found in texts)


def test_the_last_detail_told_unasked_ends_the_episode_without_pay_or_success() -> None:
    gym = bao.make("intention", persona={"volunteering": 1.0})
    gym.reset(seed=0, options={"task": gym.task_set("test", 1)[0]})
    for _ in range(10):
        reply, reward, terminated, _, info = gym.step(Action("action", "Hm?"))
        assert reward == 0.0
        if terminated:
            break
    assert info["stop"] is StopReason.FAILURE
    assert reply.endswith("Now you know all that you need.")


@pytest.mark.parametrize(("name", "question"), [("telepathy", "Is it alive?"), ("turtle", "Is there an animal in it?")])
def test_a_mistake_turns_yes_into_no(name: str, question: str) -> None:
    opposite = {"Yes.": "No.", "No.": "Yes."}
    turned = 0
    for task in bao.gym_class(name).task_set("test", 20):
        both = []
        for persona in (None, {"mistakes": 1.0}):
            gym = bao.make(name, persona=persona)
            gym.reset(seed=0, options={"task": task})
            both.append(gym.step(Action("action", question))[0])
        assert both[1] == opposite.get(both[0], both[0])
        turned += both[0] != both[1]
    assert turned > 5


def test_a_chatty_telepathy_user_says_what_is_so() -> None:
    chatty, plain = bao.make("telepathy", persona={"volunteering": 1.0}), bao.make("telepathy")
    asked = {feature.holds: feature.ask for feature in telepathy_table().features if feature.ask}
    for seed, task in enumerate(chatty.task_set("test", 40)):
        for gym in (chatty, plain):
            gym.reset(seed=seed, options={"task": task})
        told = [chatty.step(Action("action", "Is it alive?"))[0].partition(" By the way, ")[2] for _ in range(3)]
        assert len(set(told)) == 3
        for text in told:
            assert plain.step(Action("action", asked[text.removesuffix(".")]))[0] == "Yes.", text


def test_search_users_mistake_one_candidate_for_another_and_volunteer_what_they_know() -> None:
    tasks = [
        task for task in bao.gym_class("search").task_set("test") if len(task.data.get("meant", {}).get("candidates", ())) > 1
    ]
    for task in tasks[:12]:
        meant = task.data["meant"]
        names, right = meant["candidates"], meant["candidates"][meant["index"]]
        gym = bao.make("search", persona={"mistakes": 1.0, "volunteering": 1.0})
        gym.reset(seed=0, options={"task": task})
        reply = gym.step(Action("action", f"Do you mean {' or '.join(names)}?"))[0]
        said, _, told = reply.partition(" By the way: ")
        assert said in {f"I mean {name}." for name in names if name != right}
        assert any(value in told for value in meant["facts"].values())
    assert len(tasks) >= 12


def test_persuade_users_tell_unasked_what_would_move_them() -> None:
    gym = bao.make("persuade", persona={"volunteering": 1.0})
    gym.reset(seed=0, options={"task": gym.task_set("test", 1)[0]})
    told = [gym.step(Action("action", "Why do you think so?"))[0].partition(" By the way, ")[2] for _ in range(8)]
    assert len({text for text in told if text}) == 6
    assert told[6:] == ["", ""]


# Which gym supports what


@pytest.mark.parametrize("trait", list(Trait))
@pytest.mark.parametrize("name", sorted(SUPPORTED))
def test_a_gym_supports_a_trait_or_says_that_it_does_not(name: str, trait: Trait) -> None:
    if trait in SUPPORTED[name]:
        gym = bao.make(name, persona={trait: ON[trait]})
        check_env(gym, skip_render_check=True)
        gym.reset(seed=0)
        assert gym.step(Action("action", "Why?"))[-1]["satisfaction"] is not None
    else:
        with pytest.raises(ConfigError, match=rf"persona\.{trait}=.* not supported by the gym '{name}'.*: leave {trait} out"):
            bao.make(name, persona={trait: ON[trait]})


def test_a_judge_that_nobody_can_ask_has_no_persona() -> None:
    with pytest.raises(ConfigError, match=r"'telepathy' with user='judge' \(supported: no trait\)"):
        bao.make("telepathy", user="judge", persona="busy")


@pytest.mark.parametrize("name", sorted(set(SUPPORTED) - {"function"}))
def test_every_scripted_policy_plays_to_an_end_with_every_supported_trait(name: str) -> None:
    gym = bao.make(name, persona=dict.fromkeys(SUPPORTED[name] - {"patience"}, 0.3))
    for label, make in gym.scripted_policies().items():
        for episode in play_all(gym, make(gym, 0), gym.task_set("test", 4).tasks, seeds=(0, 1)):
            assert episode.fault is None, label
            assert episode.satisfaction is not None
            assert 0 <= episode.satisfaction <= 1
            assert episode.task_return <= 1 + 1e-9


# Settings


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("bussy", "persona='bussy' is unknown: did you mean 'busy'"),
        ({"patient": 3}, r"persona\.patient is no setting: did you mean 'patience'"),
        ({"preset": "vauge"}, "persona='vauge' is unknown: did you mean 'vague'"),
        ({"patience": 0}, r"persona\.patience=0 must be a whole number of at least 1"),
        ({"patience": True}, r"persona\.patience=True must be a whole number"),
        ({"patience": 2.0}, r"persona\.patience=2\.0 must be a whole number"),
        ({"vagueness": 1.5}, r"persona\.vagueness=1\.5 must be a probability"),
        ({"mistakes": "often"}, r"persona\.mistakes='often' must be a probability"),
        ({"volunteering": float("nan")}, r"persona\.volunteering=nan must be a probability"),
        ({"repeats": 2}, r"persona\.repeats=2 has no effect"),
        ({"repeats": -1, "patience": 2}, r"persona\.repeats=-1 must be a whole number of at least 0"),
        (3, "persona=3 must be a name"),
    ],
)
def test_a_wrong_persona_is_named_with_value_and_fix(value: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        bao.make("travel", persona=value)


def test_presets_by_name_and_with_changes() -> None:
    assert read_persona("busy") == PRESETS["busy"] == Persona(patience=4)
    assert read_persona({"preset": "busy", "vagueness": 0.2}) == Persona(patience=4, vagueness=0.2)
    assert read_persona({"preset": "busy", "patience": None}) == Persona()
    assert {"patient", "busy", "vague", "chatty", "unreliable"} == set(PRESETS)


def test_a_recipe_sets_a_persona() -> None:
    recipe = load_recipe("quickstart", ["gym.settings.persona=busy"])
    assert bao.make(recipe.gym.name, **recipe.gym.settings).persona == PRESETS["busy"]


# What lies beneath


def signature(trajectory: Trajectory) -> tuple[Any, ...]:
    return trajectory.opening, trajectory.turns, trajectory.stop, trajectory.success


@pytest.mark.parametrize("name", sorted(set(SUPPORTED) - {"function"}))
def test_a_persona_that_never_acts_changes_nothing(name: str) -> None:
    plain, idle = bao.make(name), bao.make(name, persona={"patience": 10_000, "repeats": 10_000})
    for label, make in plain.scripted_policies().items():
        for seed, task in enumerate(plain.task_set("test", 6)):
            one, other = play(plain, make(plain, seed), task, seed), play(idle, make(idle, seed), task, seed)
            assert signature(one) == signature(other), label
            assert (one.satisfaction, plain.satisfaction) == (None, None)


def test_the_gyms_own_chance_is_not_shifted() -> None:
    gym, plain = started({"vagueness": 0.4, "mistakes": 0.3}, seed=7), started(None, seed=7)
    earnest = [reply for reply in replies(gym, *questions(60)) if reply[0].isdigit()]
    assert 10 < len(earnest) < 50
    assert earnest == replies(plain, *questions(len(earnest)))


def test_an_episode_is_fixed_by_its_seed_and_traits_do_not_shift_each_other() -> None:
    asked = questions(60)
    one = replies(started({"vagueness": 0.4}, seed=5), *asked)
    assert one == replies(started({"vagueness": 0.4}, seed=5), *asked)
    assert one != replies(started({"vagueness": 0.4}, seed=6), *asked)
    both = replies(started({"vagueness": 0.4, "mistakes": 0.5}, seed=5), *asked)
    assert [reply in VAGUE for reply in one] == [reply in VAGUE for reply in both]


def test_a_reset_without_a_seed_goes_on_with_new_chance_of_the_persona() -> None:
    gym = started({"vagueness": 0.5}, seed=5)
    runs = []
    for _ in range(3):
        runs.append([reply in VAGUE for reply in replies(gym, *questions(40))])
        gym.reset()
    assert runs[0] != runs[1] != runs[2]


def test_without_a_persona_the_info_holds_no_satisfaction() -> None:
    assert set(started(None).step(Action("search", "x"))[-1]) == {"turn", "involves_user", "success", "stop"}
