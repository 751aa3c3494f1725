"""The direct forward pass says what transformers' own says, on rows of unlike length, fed in chunks."""

from typing import Any

import pytest
import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from bao.errors import ConfigError
from bao.models.forward import forward_of
from bao.models.kv import RowCache

SIZE: dict[str, Any] = {
    "vocab_size": 50,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}


def models() -> dict[str, Any]:
    torch.manual_seed(0)
    made = {
        "qwen3": Qwen3ForCausalLM(Qwen3Config(**SIZE, head_dim=16)),
        "qwen2": Qwen2ForCausalLM(Qwen2Config(**SIZE)),
        "llama": LlamaForCausalLM(LlamaConfig(**SIZE, attention_bias=True, mlp_bias=True)),
        "llama3 positions": LlamaForCausalLM(LlamaConfig(**SIZE, rope_parameters=LLAMA3)),
        "mistral": MistralForCausalLM(MistralConfig(**SIZE, sliding_window=None)),
        "qwen3 with a window": Qwen3ForCausalLM(
            Qwen3Config(**SIZE, use_sliding_window=True, sliding_window=4, max_window_layers=0)
        ),
    }
    for model in made.values():
        for parameter in model.parameters():  # norms and biases of their own, which ones and zeros would not show
            parameter.data += 0.1 * torch.randn_like(parameter)
    return {name: model.eval() for name, model in made.items()}


MODELS = models()
DIRECT = {"qwen3", "qwen2", "llama", "llama3 positions"}


def feed(model: Any, ids: list[torch.Tensor], widths: tuple[int, ...]) -> list[torch.Tensor]:
    """The states of rows that are fed in chunks of `widths`, ragged at their ends."""
    cache = RowCache(len(ids))
    fed = [0] * len(ids)
    states: list[list[torch.Tensor]] = [[] for _ in ids]
    with torch.no_grad(), forward_of(model) as forward:
        for width in widths:
            rows = [row for row in range(len(ids)) if fed[row] < len(ids[row])]
            chunks = [ids[row][fed[row] : fed[row] + width] for row in rows]
            longest = max(map(len, chunks))
            padded = torch.stack([torch.cat([chunk, chunk.new_zeros(longest - len(chunk))]) for chunk in chunks])
            columns = torch.tensor([fed[row] for row in rows]).unsqueeze(1) + torch.arange(longest)
            cache.aim(rows, columns, int(columns.max()) + 1)
            out = forward(padded, columns, cache)
            for i, row in enumerate(rows):
                states[row] += list(out[i, : len(chunks[i])])
                fed[row] += len(chunks[i])
    assert fed == list(map(len, ids))
    return [torch.stack(each) for each in states]


def random_ids(*lengths: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(50, (length,), generator=generator) for length in lengths]


@pytest.mark.parametrize("name", [name for name in MODELS if "window" not in name])
def test_every_kind_of_model_gives_the_states_of_a_plain_forward_pass(name: str) -> None:
    model = MODELS[name]
    before = model.config._attn_implementation
    with forward_of(model) as forward:
        assert (type(forward).__name__ == "_Direct") == (name in DIRECT)
    ids = random_ids(7, 23, 3, 90)
    states = feed(model, ids, (5, 1, 1, 30, 1, 60))
    assert model.config._attn_implementation == before
    with torch.no_grad():
        for row, wanted in zip(states, ids, strict=True):
            plain = model.model(input_ids=wanted.unsqueeze(0), use_cache=False).last_hidden_state[0]
            torch.testing.assert_close(row, plain, rtol=1e-4, atol=1e-5)


def test_a_window_of_attention_serves_shorter_episodes_and_refuses_longer_ones() -> None:
    model = MODELS["qwen3 with a window"]
    ids = random_ids(4, 3)
    with torch.no_grad():
        plain = model.model(input_ids=ids[0].unsqueeze(0), use_cache=False).last_hidden_state[0]
    torch.testing.assert_close(feed(model, ids, (3, 1))[0], plain, rtol=1e-4, atol=1e-5)
    with pytest.raises(ConfigError, match="trajectory_tokens"):
        feed(model, random_ids(6), (3, 3))


def test_under_autocast_the_models_own_pass_is_taken() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16), forward_of(MODELS["qwen3"]) as forward:
        assert type(forward).__name__ == "_Own"
