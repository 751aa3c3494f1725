"""InfoPO: what a reply changed in the next turn, exactly as a plain forward pass has it, and how it enters the advantages."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bao.models.workers import Workers
from bao.rollout.request import Request
from bao.train.backends.local import LocalBackend
from bao.train.batch import collate, score
from bao.train.counterfactual import MaskedFeedback, masked_logprobs, replies
from bao.train.grpo import GRPOTrainer
from bao.train.infopo import GATE, PLACEHOLDER, WEIGHT, InfoPO, intrinsic
from bao.train.settings import CreditSection, ShapingSection
from bao.train.shaping import Shaping
from bao.train.tracking.metrics_log import SECONDS, read_metrics
from bao.trajectory import TokenTrace
from tests.support.small_model import small_local
from tests.train.test_grpo import GRPO, ROLLOUTS, TASKS, comparable

LOCAL = small_local()
NAN = math.nan


def made_up(rng: np.random.Generator, prompt: np.ndarray, turns: int) -> TokenTrace:
    """A trace of `turns` turns, a reply after each but the last; some turns end without an end mark."""
    ids: list[int] = []
    turn: list[int] = []
    for index in range(turns):
        written = rng.integers(10, 300, rng.integers(1, 8)).tolist() + [LOCAL.template.end_id] * int(rng.random() < 0.7)
        observed = rng.integers(10, 300, rng.integers(1, 9)).tolist() if index < turns - 1 else []
        ids += written + observed
        turn += [index] * len(written) + [-1] * len(observed)
    logprob = np.where(np.array(turn) >= 0, rng.uniform(-5, 0, len(turn)), 0)
    return TokenTrace(prompt, np.array(ids, np.int32), np.array(turn, np.int16), logprob.astype(np.float32))


def made_up_groups(rng: np.random.Generator, groups: int, size: int) -> list[list[TokenTrace]]:
    prompts = [rng.integers(10, 300, rng.integers(3, 20)).astype(np.int32) for _ in range(groups)]
    return [[made_up(rng, prompt, int(rng.integers(1, 6))) for _ in range(size)] for prompt in prompts]


def plainly(trace: TokenTrace, temperature: float) -> list[float]:
    """I_t of a trace by one whole forward pass for each of its replies."""
    found = [NAN] * (int(trace.turn.max()) + 1)
    for index in range(len(found) - 1):
        cut, begin = (int(np.flatnonzero(trace.turn == index)[-1]) + 1, int(np.flatnonzero(trace.turn == index + 1)[0]))
        following = trace.ids[trace.turn == index + 1].tolist()
        ended = int(trace.ids[cut - 1]) == LOCAL.template.end_id
        context = [*trace.prompt.tolist(), *trace.ids[:cut].tolist(), *LOCAL.template.observation_ids(PLACEHOLDER, ended)]
        with torch.no_grad():
            logits = LOCAL.model(torch.tensor([context + following])).logits[0, len(context) - 1 : -1] / temperature
        logprobs = torch.log_softmax(logits.double(), -1)[range(len(following)), following]
        found[index] = float(trace.logprob[begin : begin + len(following)].mean(dtype=np.float64) - logprobs.mean())
    return found


@settings(max_examples=15)
@given(
    seed=st.integers(0, 10**6),
    groups=st.integers(1, 3),
    size=st.integers(1, 4),
    temperature=st.sampled_from([1.0, 0.7]),
    budget=st.sampled_from([16, 200, 4096]),
)
def test_shifts_equal_those_of_a_whole_forward_pass_for_each_reply(
    seed: int, groups: int, size: int, temperature: float, budget: int
) -> None:
    traces = made_up_groups(np.random.default_rng(seed), groups, size)
    with torch.no_grad():
        found = MaskedFeedback(PLACEHOLDER, temperature, budget)(LOCAL.model, LOCAL.template, traces, False)
    assert [len(group) for group in found] == [size] * groups
    for group, shifts in zip(traces, found, strict=True):
        for trace, values in zip(group, shifts, strict=True):
            np.testing.assert_allclose(values, plainly(trace, temperature), atol=1e-5)


def test_a_reply_that_reads_as_the_placeholder_shifts_nothing_and_another_one_does() -> None:
    template = LOCAL.template
    first, second = template.turn_ids("[search] history"), template.turn_ids("[answer] H1")
    for reply, expected in ((PLACEHOLDER, True), ("Past bookings: hotel area beach.", False)):
        observed = list(template.observation_ids(reply, True))
        ids = np.array([*first, *observed, *second], np.int32)
        turn = np.array([0] * len(first) + [-1] * len(observed) + [1] * len(second), np.int16)
        prompt = np.array(template.prompt_ids("You book trips.", "A hotel."), np.int32)
        logprob = np.zeros(len(ids), np.float32)
        with torch.no_grad():
            blank = collate([TokenTrace(prompt, ids, turn, logprob)], template.pad_id)
            logprob[turn >= 0] = score(LOCAL.model, blank).logprob.numpy()
            ((shifts,),) = MaskedFeedback(PLACEHOLDER)(LOCAL.model, template, [[TokenTrace(prompt, ids, turn, logprob)]], False)
        assert math.isnan(shifts[1])
        assert bool(abs(shifts[0]) < 1e-5) is expected


def test_the_replies_of_a_trace_are_those_that_a_turn_follows() -> None:
    turn = np.array([0, 0, -1, -1, 1, -1, 2, 2], np.int16)
    ids = np.array([5, LOCAL.template.end_id, 7, 8, 9, 10, 11, 12], np.int32)
    found = replies(3, TokenTrace(ids[:1], ids, turn, np.zeros(8, np.float32)), LOCAL.template, PLACEHOLDER)
    assert [(each.row, each.turn, each.cut, list(each.following)) for each in found] == [(3, 0, 2, [4]), (3, 1, 5, [6, 7])]
    # The second turn was cut off before its end mark, which the placeholder then has to bring.
    assert list(found[1].placeholder) == [LOCAL.template.end_id, *found[0].placeholder]
    assert masked_logprobs(LOCAL.model, collate([made_up(np.random.default_rng(0), ids, 1)], 0), [], 1.0, 100) == []


# How it enters the advantages.


def test_a_worked_group_has_z_scored_shifts_times_weight_and_gate() -> None:
    shifts = [np.array([1.0, NAN]), np.array([3.0, 2.0, NAN]), np.array([NAN])]
    returns = np.array([0.0, 0.1, 0.2])  # std .1, over a gate of .05: sigmoid(-2)
    found = intrinsic(shifts, returns, 4, InfoPO())
    assert found.gate == pytest.approx(1 / (1 + math.exp(2)))
    expected = 0.5 * found.gate * np.array([[-1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])  # mean 2, std 1
    np.testing.assert_allclose(found.bonus, expected, atol=1e-6)
    assert (WEIGHT, GATE) == (0.5, 0.05)


def test_the_gate_is_half_open_where_outcomes_agree_and_shut_where_they_do_not() -> None:
    shifts = [np.array([1.0, NAN]), np.array([2.0, NAN])]
    assert intrinsic(shifts, np.array([0.3, 0.3]), 2, InfoPO()).gate == 0.5
    assert intrinsic(shifts, np.array([0.0, 1e6]), 2, InfoPO()).gate < 1e-9


@pytest.mark.parametrize("shifts", [[], [[1.0]], [[1.0], [1.0]], [[NAN], [NAN]]])
def test_a_group_with_nothing_to_compare_gets_no_bonus(shifts: list[list[float]]) -> None:
    found = intrinsic([np.array(values) for values in shifts], np.zeros(len(shifts)), 3, InfoPO())
    assert not found.bonus.any()


@given(
    st.lists(st.lists(st.floats(-3, 3), min_size=1, max_size=5), min_size=2, max_size=6), st.floats(0.5, 4), st.floats(-2, 2)
)
def test_the_bonus_is_centred_and_free_of_the_shifts_unit_and_origin(
    shifts: list[list[float]], unit: float, origin: float
) -> None:
    rows = [np.array(values) for values in shifts]
    returns = np.linspace(0, 0.1, len(rows))
    bonus = intrinsic(rows, returns, 5, InfoPO()).bonus
    assert bonus.sum() == pytest.approx(0, abs=1e-9)
    if np.concatenate(rows).std() > 1e-2:
        moved = intrinsic([unit * values + origin for values in rows], returns, 5, InfoPO()).bonus
        np.testing.assert_allclose(moved, bonus, atol=1e-4)


# In training.


def trainer(out: Path, shaping: Shaping, infopo: InfoPO | None, count: int = 1) -> GRPOTrainer:
    local = small_local()
    backend = LocalBackend(Workers(local.model, local.template, ROLLOUTS, count=count), GRPO)
    return GRPOTrainer(backend, TASKS, GRPO, shaping, CreditSection(), seed=0, out=out, infopo=infopo)


def test_training_with_it_says_how_often_it_fires_and_what_it_costs_and_repeats_exactly(tmp_path: Path) -> None:
    for name in ("one", "two"):
        trainer(tmp_path / name, Shaping(), InfoPO()).train()
    assert comparable(tmp_path / "one" / "metrics.jsonl") == comparable(tmp_path / "two" / "metrics.jsonl")
    for row in read_metrics(tmp_path / "one" / "metrics.jsonl"):
        assert 0 < row["infopo/gate"] <= 0.5
        assert 0 < row["infopo/fired"] <= 1
        assert 0 < row["infopo/share"] <= 1
        assert row[SECONDS + "infopo"] > 0


def test_a_group_whose_outcomes_agree_is_learned_from_where_replies_moved_the_agent(tmp_path: Path) -> None:
    free = ShapingSection(information_seeking=0, over_thinking=0, unparsable=0).build()
    for name, infopo in (("plain", None), ("informed", InfoPO())):
        trainer(tmp_path / name, free, infopo).train()
        (first, *_) = read_metrics(tmp_path / name / "metrics.jsonl")
        assert first["zero_variance"] == 1  # an untrained model earns nothing in any episode
        assert (first["grad_norm"] > 0) is (infopo is not None)


def test_a_weight_of_0_is_off() -> None:
    assert ShapingSection().intrinsic() is None
    assert ShapingSection(infopo=0.5).intrinsic() == InfoPO()


@pytest.mark.slow
def test_what_the_model_says_of_groups_does_not_depend_on_the_number_of_workers() -> None:
    found = []
    for count in (1, 2):
        local = small_local()
        with Workers(local.model, local.template, ROLLOUTS, count=count) as workers:
            played = workers.rollout([Request(TASKS[i // 3], i, 0.1) for i in range(9)], unit=3)
            traces = [each.trace for each in played if each.trace is not None]
            found.append(workers.read(MaskedFeedback(PLACEHOLDER), [traces[i : i + 3] for i in range(0, 9, 3)]))
    assert sum(len(group) for group in found[0]) == 9
    for one, two in zip(*found, strict=True):
        for left, right in zip(one, two, strict=True):
            np.testing.assert_allclose(left, right, atol=1e-5)
