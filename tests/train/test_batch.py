"""Scoring is exact however it is batched, and the loss sees the agent's tokens only."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bao.train.batch import collate, score, similar_rows, split_by_tokens
from bao.train.loss import clipped_policy_loss, k3
from bao.trajectory import TokenTrace
from tests.support.small_model import small_local

LOCAL = small_local()


def traces(rng: np.random.Generator, groups: int, size: int) -> list[TokenTrace]:
    rows = []
    for _ in range(groups):
        prompt = rng.integers(10, 300, rng.integers(3, 20)).astype(np.int32)
        for _ in range(size):
            length = int(rng.integers(1, 40))
            turn = np.where(rng.random(length) < 0.6, rng.integers(0, 4, length), -1).astype(np.int16)
            turn[0] = 0
            rows.append(TokenTrace(prompt, rng.integers(10, 300, length).astype(np.int32), turn, np.zeros(length, np.float32)))
    return rows


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6), groups=st.integers(1, 4), size=st.integers(1, 4))
def test_gradients_with_the_prompt_forwarded_once_equal_the_plain_ones(seed: int, groups: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    batch = collate(traces(rng, groups, size), LOCAL.template.pad_id)
    weight = torch.from_numpy(rng.normal(size=int(batch.loss_mask.sum())).astype(np.float32))
    gradients = []
    for shared in (True, False):
        LOCAL.model.zero_grad()
        (score(LOCAL.model, batch, share_prompt=shared).logprob * weight).sum().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in LOCAL.model.parameters() if p.grad is not None]))
    LOCAL.model.zero_grad()
    assert (gradients[0] - gradients[1]).norm() <= 1e-5 * gradients[1].norm()


def test_batched_logprobs_equal_those_of_each_trace_alone() -> None:
    rows = traces(np.random.default_rng(1), 3, 3)
    with torch.no_grad():
        together = score(LOCAL.model, collate(rows, LOCAL.template.pad_id)).logprob
        alone = torch.cat([score(LOCAL.model, collate([row], LOCAL.template.pad_id)).logprob for row in rows])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)


@given(st.lists(st.integers(1, 900), min_size=1, max_size=40))
def test_rows_forwarded_together_are_of_similar_length_and_none_is_lost(lengths: list[int]) -> None:
    parts = similar_rows(lengths)
    assert sorted(row for rows, _ in parts for row in rows) == list(range(len(lengths)))
    for rows, width in parts:
        assert width == max(lengths[row] for row in rows)
    for (rows, width), (following, _) in pairwise(parts):
        assert len(rows) * width >= 512
        assert lengths[following[0]] < 0.8 * width


@pytest.mark.parametrize("shared", [True, False])
def test_gradients_do_not_depend_on_how_rows_of_unlike_length_are_parted(shared: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    prompts = [rng.integers(5, 600, size=n).astype(np.int32) for n in (30, 11)]
    traces = []
    for row, length in enumerate((400, 30, 210, 7, 390, 120, 1, 220)):
        turn = rng.integers(-1, 3, size=length).astype(np.int16)
        turn[0] = 0
        ids = rng.integers(5, 600, size=length).astype(np.int32)
        traces.append(TokenTrace(prompts[row // 4], ids, turn, np.zeros(length, np.float32)))
    batch = collate(traces, LOCAL.template.pad_id)
    assert len(similar_rows(batch.lengths.tolist())) > 1

    def gradients() -> tuple[torch.Tensor, list[torch.Tensor]]:
        LOCAL.model.zero_grad()
        scored = score(LOCAL.model, batch, share_prompt=shared)
        (scored.logprob * torch.linspace(-1, 1, len(scored.logprob))).sum().backward()
        return scored.logprob.detach(), [p.grad.clone() for p in LOCAL.model.parameters()]

    parted_logprob, parted = gradients()
    monkeypatch.setattr("bao.train.batch._PART_TOKENS", 10**9)
    assert len(similar_rows(batch.lengths.tolist())) == 1
    whole_logprob, whole = gradients()
    assert torch.allclose(parted_logprob, whole_logprob, atol=1e-5)
    for a, b in zip(parted, whole, strict=True):
        assert (a - b).norm() <= 1e-5 * b.norm()


def test_an_observation_token_carries_no_loss() -> None:
    row = TokenTrace(
        np.array([5, 6], np.int32), np.array([7, 8, 9], np.int32), np.array([0, -1, 1], np.int16), np.zeros(3, np.float32)
    )
    batch = collate([row], 0)
    assert batch.loss_mask.tolist() == [[True, False, True]]
    assert score(LOCAL.model, batch).logprob.shape == (2,)


def test_micro_batches_keep_groups_whole_within_the_budget() -> None:
    rows = traces(np.random.default_rng(2), 9, 4)
    groups = [rows[i : i + 4] for i in range(0, len(rows), 4)]
    parts = list(split_by_tokens(groups, 500))
    assert sorted(i for part in parts for i in part) == list(range(9))
    for part in parts:
        width = max(len(t.prompt) + len(t.ids) for i in part for t in groups[i])
        assert len(part) == 1 or sum(len(groups[i]) for i in part) * width <= 500


def test_on_policy_gradient_is_the_advantage() -> None:
    logprob = torch.tensor([-1.0, -2.0], requires_grad=True)
    clipped_policy_loss(logprob, logprob.detach(), torch.tensor([3.0, -2.0]), 0.2).total.backward()
    assert logprob.grad is not None
    assert logprob.grad.tolist() == pytest.approx([-3.0, 2.0])


def test_the_clip_stops_gains_beyond_it_but_not_corrections() -> None:
    # ratios e^1 and e^-1 under advantages of both signs: only moves further from the sampler are cut off
    sampled = torch.zeros(4)
    logprob = torch.tensor([1.0, -1.0, 1.0, -1.0], requires_grad=True)
    loss = clipped_policy_loss(logprob, sampled, torch.tensor([1.0, -1.0, -1.0, 1.0]), 0.2)
    loss.total.backward()
    assert logprob.grad is not None
    assert logprob.grad.tolist() == pytest.approx([0.0, 0.0, 2.718281828, -0.36787944])
    assert int(loss.clipped) == 2
    # -(1.2 - 0.8 - e + 1/e)
    assert loss.total.item() == pytest.approx(-(1.2 - 0.8 - 2.718281828 + 0.36787944), rel=1e-5)


def test_k3_is_zero_at_equality_and_positive_elsewhere() -> None:
    logprob, other = torch.tensor([-1.0, -1.0]), torch.tensor([-1.0, -2.0])
    assert k3(logprob, other).tolist() == pytest.approx([0.0, 0.36787944 + 1.0 - 1.0])
