"""The warm start learns what it is shown and resumes exactly; only the agent's tokens carry loss."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch

from bao.train.batch import collate, score
from bao.train.examples import encode, single_turn_batches, single_turns
from bao.train.settings import SINGLE_TURNS, SFTSection
from bao.train.sft import schedule, train_sft
from bao.train.tracking.metrics_log import read_metrics
from tests.support.small_model import small_local, supervised, travel_demonstrations
from tests.train.fake_backend import FakeBackend
from tests.train.test_grpo import comparable


def test_only_the_agents_tokens_of_turns_that_are_no_slips_carry_loss() -> None:
    template = small_local().template
    for demonstration in travel_demonstrations(20):
        trace = encode(demonstration, template)
        for k, (text, _, loss) in enumerate(demonstration.turns):
            assert trace.ids[trace.turn == k].tolist() == (template.turn_ids(text) if loss else [])


def test_observations_carry_loss_where_they_are_to_be_learned() -> None:
    template, demonstration = small_local().template, travel_demonstrations(1)[0]
    alone, both = encode(demonstration, template), encode(demonstration, template, observations=True)
    assert (alone.ids == both.ids).all()
    own = alone.turn >= 0
    assert (both.turn[own] == alone.turn[own]).all()
    replies = template.tokenizer.decode(both.ids[(both.turn >= 0) & ~own].tolist())
    for _, reply, _ in demonstration.turns[:-1]:
        assert reply in replies


def test_a_single_turn_follows_the_reply_before_it_alone_and_slips_are_left_out() -> None:
    template = small_local().template
    for demonstration in travel_demonstrations(20):
        expected = []
        for (_, reply, _), (text, _, loss) in pairwise(demonstration.turns):
            expected += [([*template.observation_ids(reply, True)], template.turn_ids(text))] if loss else []
        found = single_turns(demonstration, template)
        assert [(trace.prompt.tolist(), trace.ids.tolist()) for trace in found] == expected
        assert all((trace.turn == 0).all() for trace in found)


def test_single_turns_are_learned_before_whole_demonstrations(tmp_path: Path) -> None:
    local, demonstrations = small_local(), travel_demonstrations(16)
    alone = single_turn_batches(demonstrations, local.template, 5, 4, seed=0)
    again = single_turn_batches(demonstrations, local.template, 5, 4, seed=0)
    assert len(alone) == 5
    assert [[trace.ids.tolist() for trace in batch] for batch in alone] == [
        [trace.ids.tolist() for trace in batch] for batch in again
    ]
    traces = [encode(demonstration, local.template) for demonstration in demonstrations]
    train_sft(supervised(local, SFTSection(batch_size=4)), traces, SFTSection(batch_size=4), 0, tmp_path, alone=alone)
    rows = read_metrics(tmp_path / "metrics.jsonl")
    assert [row["step"] for row in rows] == list(range(1, 10))
    fed = sum(len(trace.prompt) + len(trace.ids) for trace in alone[0])
    assert rows[0]["tokens"] == fed


def test_only_a_model_from_scratch_has_single_turns_first_unless_they_are_set() -> None:
    assert SFTSection().single_turn_updates(from_scratch=True) == SINGLE_TURNS
    assert SFTSection().single_turn_updates(from_scratch=False) == 0
    assert SFTSection(single_turns=7).single_turn_updates(from_scratch=False) == 7


def test_a_demonstration_is_encoded_as_the_conversation_that_the_chat_template_renders() -> None:
    template = small_local().template
    demonstration = travel_demonstrations(1)[0]
    trace = encode(demonstration, template)
    text = template.tokenizer.decode([*trace.prompt.tolist(), *trace.ids.tolist()])
    rendered = [{"role": "system", "content": demonstration.system}, {"role": "user", "content": demonstration.opening}]
    for agent, reply, _ in demonstration.turns[:-1]:
        rendered += [{"role": "assistant", "content": agent}, {"role": "user", "content": reply}]
    rendered.append({"role": "assistant", "content": demonstration.turns[-1][0]})
    whole = template.tokenizer.apply_chat_template(rendered, tokenize=False)
    assert whole.strip() == text.strip()


def test_warm_start_lowers_the_loss_on_demonstrations(tmp_path: Path) -> None:
    local = small_local()
    traces = [encode(d, local.template) for d in travel_demonstrations(64)]
    batch = collate(traces[:16], local.template.pad_id)
    with torch.no_grad():
        before = float(score(local.model, batch).logprob.mean())
    settings = SFTSection(epochs=4, warmup=5, learning_rate=5e-3)
    train_sft(supervised(local, settings), traces, settings, 0, tmp_path)
    with torch.no_grad():
        after = float(score(local.model, batch).logprob.mean())
    assert after > before + 1.0
    assert [row["step"] for row in read_metrics(tmp_path / "metrics.jsonl")] == list(range(1, 33))


def test_a_resumed_warm_start_gives_the_metrics_of_one_left_alone(tmp_path: Path) -> None:
    settings = SFTSection(epochs=1, warmup=5, batch_size=1)

    def warm_start(name: str, last: int) -> None:
        local = small_local()
        traces = [encode(d, local.template) for d in travel_demonstrations(105)]

        def stop(done: int, whole: int, metrics: dict[str, float]) -> None:
            if done == last:
                raise KeyboardInterrupt

        train_sft(supervised(local, settings), traces, settings, 0, tmp_path / name, stop)

    warm_start("whole", 1000)
    with pytest.raises(KeyboardInterrupt):
        warm_start("half", 103)
    assert len(read_metrics(tmp_path / "half" / "metrics.jsonl")) == 103
    warm_start("half", 1000)
    assert comparable(tmp_path / "half" / "metrics.jsonl") == comparable(tmp_path / "whole" / "metrics.jsonl")


def test_each_epoch_learns_every_demonstration_once_at_the_rate_of_the_schedule(tmp_path: Path) -> None:
    template, settings = small_local().template, SFTSection(epochs=2, batch_size=4, warmup=3)
    traces, backend = [encode(each, template) for each in travel_demonstrations(10)], FakeBackend()
    train_sft(backend, traces, settings, 0, tmp_path)
    for epoch in (backend.learned[:3], backend.learned[3:]):
        assert sorted(id(trace) for update in epoch for (trace,) in update) == sorted(map(id, traces))
    assert backend.rates == [settings.learning_rate * schedule(step, 6, 3) for step in range(1, 7)]
    assert [row["learning_rate"] for row in read_metrics(tmp_path / "metrics.jsonl")] == backend.rates
