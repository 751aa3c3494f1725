"""How much room there is for a reply: read from what refusals say of lengths, and from lists of models."""

from typing import Any

import pytest

from bao.endpoint.room import Size, listed_context, told_reply_limit, told_size


@pytest.mark.parametrize(
    ("said", "context", "prompt"),
    [
        (
            "'max_tokens' or 'max_completion_tokens' is too large: 4096. This model's maximum context length is 5000 tokens "
            "and your request has 1000 input tokens (4096 > 5000 - 1000).",
            5000,
            1000,
        ),
        (
            "This model's maximum context length is 4097 tokens. However, you requested 5123 tokens (1027 in the messages, "
            "4096 in the completion).",
            4097,
            1027,
        ),
        (
            "This endpoint's maximum context length is 8,192 tokens. However, you requested about 9123 tokens (5027 of text "
            "input, 4096 in the output).",
            8192,
            5027,
        ),
        ("This model's maximum context length is 4000 tokens. However, you requested 5123 tokens", 4000, 1027),
        ("input length and `max_tokens` exceed context limit: 188240 + 4096 > 190000", 190000, 188240),
        ("prompt is too long: 210000 tokens > 200000 maximum", 200000, 210000),
        ("request (5123 tokens) exceeds the available context size (4095 tokens), try increasing it", 4095, 5123),
        ("Prompt contains 5123 tokens and 0 draft tokens, too large for model with 4095 maximum context length", 4095, 5123),
        (
            "`inputs` tokens + `max_new_tokens` must be <= 4200. Given: 4100 `inputs` tokens and 4096 `max_new_tokens`",
            4200,
            4100,
        ),
        ("The input token count (5123) exceeds the maximum number of tokens allowed (4095).", 4095, 5123),
        ("This model's maximum context length is 4096 tokens. However, your messages resulted in 5000 tokens.", 4096, 5000),
        ("Please reduce the length of the messages or completion.", None, None),
    ],
)
def test_the_lengths_that_a_refusal_tells_of(said: str, context: int | None, prompt: int | None) -> None:
    assert told_size(said, 4096) == Size(context, prompt)


@pytest.mark.parametrize(
    ("said", "limit"),
    [
        ("max_tokens is too large: 100000. This model supports at most 16384 completion tokens", 16384),
        ("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", 8192),
        ("max_tokens: 100000 > 8192, which is the maximum allowed number of output tokens", 8192),
        ("`max_tokens` must be less than or equal to `8192`", 8192),
        ("max_tokens is too large", None),
    ],
)
def test_the_longest_reply_that_a_refusal_tells_of(said: str, limit: int | None) -> None:
    assert told_reply_limit(said, 100000) == limit


@pytest.mark.parametrize(
    ("values", "context"),
    [
        ({"data": [{"id": "m", "max_model_len": 4096}, {"id": "n", "max_model_len": 9}]}, 4096),
        ({"data": [{"id": "m", "context_length": 131072, "top_provider": {"context_length": 9}}]}, 131072),
        ({"models": [{"name": "other"}], "data": [{"id": "file.gguf", "meta": {"n_ctx": 2048}}]}, 2048),
        ({"data": [{"id": "a"}, {"id": "b", "max_model_len": 9}]}, None),
        ({"data": "x"}, None),
        (None, None),
    ],
)
def test_the_context_in_a_list_of_models(values: Any, context: int | None) -> None:
    assert listed_context(values, "m") == context
