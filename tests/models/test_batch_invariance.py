"""What an episode samples depends on its own tokens, also where a batch's shape changes the last digits of the logits."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import bao
from bao.gyms.travel import Travel
from bao.models import draw as drawing
from bao.models import engine as engines
from bao.models import forward as forwards
from bao.models.draw import draw, halvings, margin
from bao.models.engine import Engine, EngineStats
from bao.policies.prompt import PromptForm
from bao.rollout.request import Limits, Request
from tests.support.small_model import small_local

LOCAL = small_local()
# Of its own, since a head that is the embedding has an untrained model repeat its last token, with nothing near.
LOCAL.model.lm_head.weight = torch.nn.Parameter(
    0.02 * torch.randn(LOCAL.model.lm_head.weight.shape, generator=torch.Generator().manual_seed(0))
)
TASKS = Travel.task_set("train", 6, (2, 3))
REQUESTS = [Request(task, 10 * i + g, 0.1) for i, task in enumerate(TASKS) for g in range(2)]


def sampled(rows: int, temperature: float = 1.0) -> tuple[list[list[int]], EngineStats]:
    engine = Engine(
        LOCAL.model,
        LOCAL.template,
        lambda: bao.make("travel", horizon=4),
        limits=Limits(24, 70),
        rows=rows,
        temperature=temperature,
        form=PromptForm.BRIEF,
    )
    episodes = engine.run(REQUESTS)
    return [episode.trace.ids.tolist() for episode in episodes if episode.trace], engine.stats


@contextmanager
def uneven(patch: pytest.MonkeyPatch, most: float) -> Iterator[None]:
    """Products that depend on the batch: logits off by up to `most`, by how many rows are fed and what they look back on."""
    shape: tuple[int, ...] = ()
    plain = engines.forward_of

    @contextmanager
    def forward_of(model: Any) -> Iterator[forwards.Forward]:
        with plain(model) as forward:

            def noted(ids: Tensor, positions: Tensor, cache: Any) -> Tensor:
                nonlocal shape
                shape = (*ids.shape, cache.span)
                return forward(ids, positions, cache)

            yield noted

    def off(module: Any, given: Any, logits: Tensor) -> Tensor:
        generator = torch.Generator().manual_seed(hash(shape) % 2**31)
        return logits + most * (2 * torch.rand(logits.shape, generator=generator) - 1)

    patch.setattr(engines, "forward_of", forward_of)
    hook = LOCAL.model.lm_head.register_forward_hook(off)
    try:
        yield
    finally:
        hook.remove()


@pytest.mark.parametrize(("temperature", "near", "direct"), [(0.0, 5e-3, True), (1.0, 2e-2, True), (1.0, 2e-2, False)])
def test_an_episode_is_the_same_in_every_batch_though_its_logits_are_not(
    temperature: float, near: float, direct: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Hundreds of times the true margin and noise, so that a thousand tokens show what a million would. Where each logit is off
    # by a quarter of the margin, differences of two are off by half of it, and apart by all of it in two batches.
    monkeypatch.setattr(drawing, "NEAR", near)
    if not direct:
        monkeypatch.setattr(forwards, "_suits", lambda model: False)
    with uneven(monkeypatch, 0.24 * near):
        alone, stats = sampled(1, temperature)
        assert 0 < stats.alone < 0.3 * stats.sampled
        assert sampled(7, temperature)[0] == sampled(256, temperature)[0] == alone
        monkeypatch.setattr(drawing, "NEAR", 0.0)
        assert sampled(7, temperature)[0] != sampled(256, temperature)[0], "nothing was at stake"


@pytest.mark.parametrize("temperature", [0.0, 0.7, 1.0])
def test_batches_of_all_sizes_sample_the_same_episodes(temperature: float) -> None:
    alone, stats = sampled(1, temperature)
    assert sampled(7, temperature)[0] == sampled(256, temperature)[0] == alone
    assert stats.alone < 0.01 * stats.sampled


def test_under_autocast_nothing_is_decided_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "NEAR", 0.1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert sampled(256)[1].alone == 0


@pytest.mark.parametrize("vocabulary", [3, 128, 300, 1000])
@pytest.mark.parametrize("temperature", [0.3, 1.0])
def test_a_draw_without_doubt_stays_whatever_the_logits_do_within_the_margin(vocabulary: int, temperature: float) -> None:
    rng = np.random.default_rng(vocabulary)
    logits = torch.from_numpy(rng.normal(0, 3, (2000, vocabulary)))
    noise = rng.random((2000, halvings(vocabulary)), dtype=np.float32)
    near = 3e-2
    moved = logits + near / 2 * torch.from_numpy(rng.choice([-1.0, 1.0], logits.shape))
    for at in (0.0, temperature):
        before, after = draw(logits, at, noise, near), draw(moved, at, noise, near)
        others = (before.tokens != after.tokens).nonzero().flatten().tolist()
        assert others, "nothing was at stake"
        assert set(others) <= set(before.doubtful)
        assert set(others) <= set(after.doubtful)
    assert len(before.doubtful) / 2000 <= 1.3 * halvings(vocabulary) * near / temperature / 2


def test_tokens_are_drawn_as_often_as_they_are_likely() -> None:
    vocabulary, draws = 300, 40_000
    rng = np.random.default_rng(0)
    logits = torch.from_numpy(rng.normal(0, 2, vocabulary)).float()
    logits[::7] = -torch.inf
    noise = rng.random((draws, halvings(vocabulary)), dtype=np.float32)
    drawn = draw(logits.expand(draws, -1), 1.0, noise, 0.0)
    likely = torch.softmax(logits.double(), -1).numpy()
    counts = np.bincount(drawn.tokens.numpy(), minlength=vocabulary)
    assert (counts[::7] == 0).all()
    assert (np.abs(counts - draws * likely) <= 5 * np.sqrt(draws * likely) + 1e-9).all()
    torch.testing.assert_close(drawn.logprobs, torch.log_softmax(logits, -1)[drawn.tokens])


def test_the_margin_grows_with_the_logits() -> None:
    assert margin(torch.tensor([[-2.0, 1.0]])) == margin(torch.tensor([[0.0]])) == drawing.NEAR
    assert margin(torch.tensor([[-32.0, 1.0]])) == pytest.approx(4 * drawing.NEAR)
