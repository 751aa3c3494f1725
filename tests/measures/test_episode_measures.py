"""Cost, redundancy and diversity of an episode, with worked numbers; what gyms know of the information in a query."""

import dataclasses
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bao.action import Action, Parsed, ParseFault
from bao.errors import ConfigError
from bao.gyms.registry import make
from bao.measures import MEASURES, Direction, episode_measures, measure_tasks, summarize
from bao.measures.cost import Price, costs, read_prices, token_counts
from bao.measures.diversity import bleu, embedding_diversity, self_bleu, sentence_encoder
from bao.pareto import OBJECTIVES
from bao.rollout.episode import play
from bao.rollout.episodes import play_all
from bao.rollout.information import with_information
from bao.task import Split, Task
from bao.trajectory import Fault, StopReason, TokenTrace, Trajectory, Turn


def turn(kind="action", content="q", **fields):
    return dataclasses.replace(Turn("", Action(kind, content), "r", 0.0, False), **fields)


def episode(*turns, **fields):
    base = Trajectory("travel", "t", "p", 0, "o", turns, StopReason.FINISH, False, 16)
    return dataclasses.replace(base, **fields)


def measured(*episodes, **options):
    return {name: values.tolist() for name, values in episode_measures(episodes, **options).items()}


# Cost.


def test_money_is_tokens_times_price_per_million():
    turns = (turn(prompt_tokens=1000, completion_tokens=50), turn(prompt_tokens=1200, completion_tokens=150))
    found = measured(episode(*turns, model="m", seconds=3.0), prices={"m": Price(2.5, 10.0)})
    assert (found["tokens_in"], found["tokens_out"]) == ([2200], [200])
    assert found["money"] == [pytest.approx((2200 * 2.5 + 200 * 10) / 1e6)]
    assert (found["seconds"], found["seconds_per_turn"]) == ([3.0], [1.5])


def test_without_counts_or_price_there_is_no_figure_rather_than_0():
    counted = turn(prompt_tokens=10, completion_tokens=1)
    assert "money" not in measured(episode(counted, model="other"), prices={"m": Price(1, 1)})
    assert "money" not in measured(episode(counted, turn(), model="m"), prices={"m": Price(1, 1)})
    assert not {"tokens_in", "tokens_out", "money"} & set(measured(episode(turn())))
    summary = summarize([episode(turn())])
    assert summary["money"] is None
    assert summary["tokens_in"] is None


def test_a_price_goes_by_the_model_and_else_by_the_policy():
    counted = turn(prompt_tokens=1_000_000, completion_tokens=0)
    prices = {"m": Price(1, 0), "p": Price(2, 0)}
    assert costs([episode(counted, model="m", policy="p")], prices)["money"] == [1]
    assert costs([episode(counted, model="org/m", policy="p")], prices)["money"] == [2]
    assert math.isnan(costs([episode(counted, model="org/m", policy="q")], prices)["money"][0])


def test_an_episode_without_a_figure_is_left_out_of_the_mean():
    counted = episode(turn(prompt_tokens=10, completion_tokens=1), model="m")
    found = measure_tasks([counted, episode(turn()), episode(turn(), task_id="u")]).values["tokens_in"]
    assert found[0] == 10
    assert math.isnan(found[1])


def test_a_token_trace_tells_what_was_read_and_written():
    # prompt of 4; turn 0 writes 2 tokens, an observation of 3, turn 1 writes 1.
    trace = TokenTrace(
        np.zeros(4, np.int32), np.zeros(6, np.int32), np.array([0, 0, -1, -1, -1, 1], np.int16), np.zeros(6, np.float32)
    )
    assert token_counts(episode(turn(), turn(), trace=trace)) == (4 + (4 + 5), 3)


def test_a_price_table_is_read(tmp_path):
    path = tmp_path / "prices.toml"
    path.write_text('[prices."gpt-4o"]\ninput = 2.5\noutput = 10\n')
    assert read_prices(path) == {"gpt-4o": Price(2.5, 10.0)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[prices.m]\ninput = 1\n", "needs input and output"),
        ("[prices.m]\ninput = 1\noutput = -1\n", "output=-1 must be a number of at least 0"),
        ('[prices.m]\ninput = "1"\noutput = 1\n', "input='1' must be a number"),
        ("[prices.m]\ninput = nan\noutput = 1\n", "input=nan must be"),
        ("[price.m]\ninput = 1\noutput = 1\n", "has the key 'price'"),
        ("", "no table 'prices'"),
        ("[prices", "no valid TOML"),
        ("prices = 3", "no table 'prices'"),
    ],
)
def test_a_wrong_price_table_is_named_with_the_fix(tmp_path, text, message):
    (tmp_path / "p.toml").write_text(text)
    with pytest.raises(ConfigError, match=message) as raised:
        read_prices(tmp_path / "p.toml")
    assert "per million tokens" in str(raised.value)
    with pytest.raises(ConfigError, match="no price table at"):
        read_prices(tmp_path / "missing.toml")


# Redundancy.


def test_repeats_are_found_by_words_and_numbers_within_a_kind():
    asked = ["Which area?", "which  AREA", "\uff37hich area.", "which style?"]
    assert measured(episode(*(turn(content=text) for text in asked)))["repeated"] == [0.5]
    probes = ["3 1 4 2", "-3 1 4 2", "3 1 4 2.5", "3 1 42", "3, 1, 4, 2"]
    assert measured(episode(*(turn(content=text) for text in probes)))["repeated"] == [pytest.approx(0.2)]
    assert measured(episode(turn("action", "hotel"), turn("search", "hotel")))["repeated"] == [0]
    assert measured(episode(turn("action", "?"), turn("action", "!")))["repeated"] == [0]


def test_submissions_and_unreadable_turns_are_no_queries():
    answers = (turn("answer", "a"), turn("answer", "a"), turn("none", "bad_json", parse_fault=ParseFault.BAD_JSON))
    assert "repeated" not in measured(episode(*answers))
    assert measured(episode(turn(), *answers))["repeated"] == [0]


def test_information_is_shared_out_over_the_queries_that_have_it():
    turns = (turn(information=2.0), turn(information=0.0), turn(), turn(information=1.0), turn(information=0.0))
    found = measured(episode(*turns))
    assert (found["zero_information"], found["bits_per_query"]) == ([0.5], [0.75])


# Diversity.


def test_bleu_by_hand():
    assert bleu(["a", "b", "c", "d"], [["a", "b", "c", "d"]]) == pytest.approx(1)
    # precisions 3/4, 1/3, no trigram of 2 (1/4), no 4-gram of 1 (1/4): (.75 / 3 / 4 / 4)^(1/4).
    assert bleu(["a", "b", "x", "c"], [["a", "b", "c", "d"]]) == pytest.approx((0.75 / 3 / 16) ** 0.25)
    # two words only: orders 1 and 2; brevity exp(1 - 4/2).
    assert bleu(["a", "b"], [["a", "b", "c", "d"]]) == pytest.approx(math.exp(-1))
    assert bleu(["x", "y"], [["a", "b"]]) == 0
    # clipped: one a of the reference counts once. 1/3; no bigram of 2 (1/4), no trigram of 1 (1/4).
    assert bleu(["a", "a", "a"], [["a", "b", "c"]]) == pytest.approx((1 / 3 / 16) ** (1 / 3))


def test_bleu_takes_the_nearest_length_and_all_references():
    assert bleu(["a", "b", "c"], [["a", "b", "c", "d", "e", "f"], ["x", "y", "z"]]) == pytest.approx(1)


WORDS = st.lists(st.sampled_from("abcde"), min_size=1, max_size=9)


@given(WORDS, st.lists(WORDS, min_size=1, max_size=4))
def test_bleu_is_that_of_sacrebleu(text, references):
    metrics = pytest.importorskip("sacrebleu.metrics", reason="sacrebleu is not installed")
    theirs = metrics.BLEU(effective_order=True, tokenize="none")
    found = theirs.sentence_score(" ".join(text), [" ".join(reference) for reference in references]).score / 100
    assert bleu(text, references) == pytest.approx(found, abs=1e-12)


def test_self_bleu_of_equal_queries_is_1_of_disjoint_ones_0_and_of_one_unknown():
    assert self_bleu([("which", "area")] * 3) == pytest.approx(1)
    assert self_bleu([("a", "b"), ("c", "d")]) == 0
    assert math.isnan(self_bleu([("a",)]))
    found = measured(episode(turn(content="Which area?"), turn(content="which AREA")), episode(turn()))
    assert found["self_bleu"][0] == pytest.approx(1)
    assert math.isnan(found["self_bleu"][1])


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=7), min_size=2, max_size=5))
def test_self_bleu_is_the_mean_of_each_text_against_the_others(texts):
    one_by_one = [bleu(text, [*texts[:i], *texts[i + 1 :]]) for i, text in enumerate(texts)]
    assert self_bleu(texts) == pytest.approx(np.mean(one_by_one))


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=6), min_size=2, max_size=5))
def test_self_bleu_lies_in_the_unit_interval_and_takes_no_order(texts):
    value = self_bleu(texts)
    assert 0 <= value <= 1 + 1e-12
    assert self_bleu(texts[::-1]) == pytest.approx(value)
    each = [bleu(text, [*texts[:i], *texts[i + 1 :]]) for i, text in enumerate(texts)]
    assert value == pytest.approx(sum(each) / len(each))


def test_embedding_diversity_by_hand():
    assert embedding_diversity(np.array([[1.0, 0], [0, 2], [3, 0]])) == pytest.approx(1 - 1 / 3)
    assert embedding_diversity(np.array([[1.0, 1], [2, 2]])) == pytest.approx(0)
    assert embedding_diversity(np.array([[0.0, 0], [1, 0]])) == 1


def test_embeddings_are_asked_for_once_per_text():
    asked = []

    def encode(texts):
        asked.extend(texts)
        return np.array([[1.0, 0.0] if text == "a" else [0.0, 1.0] for text in texts])

    episodes = [episode(turn(content="a"), turn(content="b")), episode(turn(content="a"), turn(content="a")), episode(turn())]
    found = measured(*episodes, encode=encode)["embedding_diversity"]
    assert found[:2] == [1, 0]
    assert math.isnan(found[2])
    assert sorted(asked) == ["a", "b"]


def test_a_missing_embedding_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(ConfigError, match=r"needs sentence-transformers.*pip install sentence-transformers"):
        sentence_encoder("all-MiniLM-L6-v2")


# Information by gym.


def with_information_gain(gym, policy, count=12, **settings):
    made = make(gym, **settings)
    tasks = made.task_set(Split.TEST, count)
    episodes = play_all(made, made.scripted_policies()[policy](made, 0), tasks.tasks)
    return with_information(episodes, made, tasks)


class Says:
    """A policy that says what it is given."""

    name = "says"

    def __init__(self, *actions):
        self._actions = list(actions)

    def begin(self, system, opening):
        pass

    def act(self, observation):
        return Parsed("", Action(*self._actions.pop(0)), None)


def bits(gym, task, *actions):
    (found,) = with_information([play(gym, Says(*actions, ("finish", "")), task, 0)], gym, [task])
    return [turn.information for turn in found.turns[:-1]]


def test_telepathy_halves_the_table_and_a_repeat_or_a_vague_question_tells_nothing():
    gym = make("telepathy")
    task = gym.task_set(Split.TEST, 1)[0]
    first, again, vague = bits(gym, task, ("action", "Is it alive?"), ("action", "Is it alive?"), ("action", "Tell me more"))
    assert first >= 0
    assert (again, vague) == (0, 0)
    for found in with_information_gain("telepathy", "ask_all"):
        told = [turn.information for turn in found.turns if turn.action.kind == "action"]
        assert min(told) > 0  # it asks nothing whose reply it knows
        assert sum(told) < math.log2(1163)


def test_telepathy_without_a_user_knows_no_information():
    assert make("telepathy", user="judge").belief(make("telepathy").task_set(Split.TEST, 1)[0]) is None


def test_function_counts_the_rules_that_fit():
    gym = make("function")
    task = Task("sum", "function", {"rule": "a + b + c + d", "test_case": [9, 8, 7, 6]})
    test, again, first, second, repeat, unread = bits(
        gym,
        task,
        ("search", "test"),
        ("search", "test"),
        ("action", "2 3 5 4"),
        ("action", "7 3 2 2"),
        ("action", "2,3,5,4"),
        ("action", "hello"),
    )
    assert test is None
    assert (again, repeat, unread) == (0, 0, 0)
    assert first > second > 0
    assert first + second < math.log2(108_536)


def test_a_rule_that_the_library_lacks_ends_what_is_known():
    task = Task("odd", "function", {"rule": "a + b + c + d + 1000", "test_case": [9, 8, 7, 6]})
    assert bits(make("function"), task, ("action", "1 1 1 2"), ("action", "2 3 5 4")) == [None, None]


def test_travel_counts_the_wishes_that_are_told():
    gym = make("travel")
    task = gym.task_set(Split.TEST, 1)[0]
    open_wishes = [wish["source"] for booking in task.data["bookings"] for wish in booking["wishes"]]
    history, again = bits(gym, task, ("search", "history"), ("search", "history"))
    assert history == 2 * open_wishes.count("history") > 0  # four values an attribute: two bits a wish
    assert again == 0
    searches = bits(gym, task, ("search", "flight"), ("search", "flight"), ("action", "What do you like?"))
    assert searches == [None, 0, 0]
    for found in with_information_gain("travel", "ask_all"):
        told = [turn.information for turn in found.turns if turn.action.kind == "action"]
        assert all(value == 2 for value in told)  # each of its questions names an open wish


def test_a_gym_without_a_belief_leaves_its_episodes_alone():
    episodes = with_information_gain("intention", "ask_all", 3)
    assert all(turn.information is None for found in episodes for turn in found.turns)


# The list of measures.


def test_every_measure_is_known_with_a_direction_that_the_frontier_shares():
    turns = (turn(information=1.0, prompt_tokens=1, completion_tokens=1), turn(content="other"))
    full = (dataclasses.replace(turns[0]), dataclasses.replace(turns[1], prompt_tokens=1, completion_tokens=1))
    found = measure_tasks(
        [episode(*full, model="m", satisfaction=0.5, budget=1, repaired=1)] * 8,
        prices={"m": Price(1, 1)},
        encode=lambda texts: np.eye(len(texts)),
    ).values
    assert list(found) == list(MEASURES)
    for name, objective in OBJECTIVES.items():
        assert objective.direction == MEASURES[name].direction != Direction.NONE


def test_every_measure_is_documented():
    text = (Path(__file__).parents[2] / "docs" / "measures.md").read_text(encoding="utf-8")
    for name in MEASURES:
        shown = (
            "pass_hat_k"
            if name.startswith("pass_hat_")
            else "pass_at_u_k"
            if name.startswith("pass_at_u_")
            else "behavior_"
            if name.startswith("behavior_")
            else name
        )
        assert f"`{shown}" in text, name


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_measures_are_the_same_however_many_episodes_are_held_at_a_time(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = dataclasses.replace(episode(turn()), stop=StopReason.FAULT, fault=Fault.GYM_ERROR)
    rated = [dataclasses.replace(episode(turn(), turn(), task_id=task), satisfaction=0.5) for task in ("t", "u")]
    episodes = [broken] * 3 + [episode(turn()), *rated, episode(turn(), task_id="v"), broken]
    together = summarize(episodes, resamples=50)
    assert together["satisfaction"]["mean"] == 0.5
    assert together["money"] is None
    monkeypatch.setattr("bao.measures.metrics._AT_ONCE", at_once)
    assert summarize(iter(episodes), resamples=50) == together


def test_what_is_measured_alone_is_what_it_is_among_all():
    gym = make("travel")
    episodes = play_all(gym, gym.scripted_policies()["ask_all"](gym, 0), list(type(gym).task_set("test", 4).tasks))
    whole = measure_tasks(episodes).values
    for name in ("score", "user_effort", "self_bleu", "behavior_strategic_querying"):
        alone = measure_tasks(episodes, only=[name]).values
        np.testing.assert_array_equal(alone[name], whole[name])
    assert "self_bleu" in whole
    assert "self_bleu" not in measure_tasks(episodes, only=["score"]).values
