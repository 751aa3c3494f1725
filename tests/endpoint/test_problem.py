"""What an endpoint says is wrong, in the words, codes and shapes of many: each has one meaning for the request that met it."""

import json
from typing import Any

import pytest

from bao.endpoint.nature import Nature
from bao.endpoint.problem import Problem, hidden_problem, problem_of
from bao.endpoint.span import told_pause

OVERFLOWS: list[tuple[int, str]] = [
    (400, "This model's maximum context length is 4096 tokens. However, your messages resulted in 5000 tokens."),
    (400, "request (5123 tokens) exceeds the available context size (4096 tokens), try increasing it"),
    (400, "The input token count (5123) exceeds the maximum number of tokens allowed (4096)."),
    (422, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4100 `inputs` tokens and 1024"),
    (422, "Input validation error: `inputs` must have less than 4096 tokens. Given: 5123"),
    (400, "The input (5123 tokens) is longer than the model's context length (4096 tokens)."),
    (400, "Requested token count exceeds the model's maximum context length of 4096 tokens."),
    (400, "Prompt contains 5123 tokens and 0 draft tokens, too large for model with 4096 maximum context length"),
    (400, "Input is too long for requested model."),
    (400, "Please reduce the length of the messages or completion."),
    (413, "Request too large for model `m` on tokens per minute (TPM): Limit 6000, Requested 9000, reduce your message size"),
    (429, "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 40000. The input must be reduced"),
    (413, ""),
    (413, "Payload Too Large"),
    (400, 'This endpoint\'s maximum context length is 4096 tokens. Please use the "middle-out" transform'),
    (400, "The number of tokens to keep from the initial prompt is greater than the context length"),
    (
        400,
        "Trying to keep the first 5123 tokens when context the overflows. The model is loaded with context length of only 4096",
    ),
    (500, "the input length exceeds the context length"),
    (400, "too many tokens: total number of tokens cannot exceed 4096"),
    (400, "invalid params, context window exceeds limit (2013)"),
    (500, "This model's maximum context length is 4096 tokens. However, you requested 5123 tokens"),
    (400, "prompt is too long: 210000 tokens > 200000 maximum"),
    (400, "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000"),
    (400, "Range of input length should be [1, 30720] (input is longer than the limit)"),
    (400, "Your request exceeded model token limit: 8192"),
    (400, "Invalid 'messages[1].content': string too long. Expected a string with maximum length 1048576"),
    (422, "Prompt length (5123) exceeds max_model_len (4096)"),
    (400, "The conversation history is too long to fit into the model, shorten it"),
    (503, "Token limit exceeded: the sequence of 5123 tokens does not fit"),
    (400, "Tokens in the prompt: 5123, more than the 4096 that the model was trained with"),
    (400, "The prompt has 5000 tokens; only 4096 are supported"),
    (400, "Length of prompt is 5123, while max seq len is 4096"),
    (400, "prompt length 5123 > max 4096"),
    (422, "input_ids length 5000 must not exceed 4096"),
    (400, "Conversation too lengthy"),
    (400, "context shift is disabled"),
    (500, "failed to decode: the KV cache is full"),
    (400, "max_tokens must be at least 1, got -395"),
    (400, "model_max_prompt_tokens_exceeded"),
    (400, "The decoder prompt (length 2136) is longer than the maximum model length of 2048."),
    (400, "The prompt (total length 25938) is too long to fit into the model (context length 4096)."),
    (400, "Prompt is 11543 tokens but the model context window is 4096 tokens."),
    (400, "Unable to submit: the input token count is 1310721 but model only supports up to 1048576."),
    (400, "Malformed input request: expected maxLength: 51200, actual: 60000, please reformat your input and try again."),
    (400, "Input Tokens Exceeded: Number of input tokens exceeds maximum length."),
    (400, "too many tokens: size limit exceeded by 3000 tokens. Try using shorter or fewer inputs"),
    (400, "This model's maximum prompt length is 131072 but the request contains 204826 tokens."),
    (400, "length of prompt_tokens (40000) must be less than max_seq_len (32768)."),
    (
        400,
        "Requested generation length 1 is not possible! The provided prompt is 8200 tokens long, and the maximum is just 8192!",
    ),
    (400, "Prompt length (9000) + max_tokens (4096) should not exceed max_seq_len 8192"),
    (413, "Request body too large for gpt-4o model. Max size: 8000 tokens."),
    (400, "The estimated number of input and maximum output tokens (9000) exceeded this model context window limit (8192)."),
    (400, "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 98304]"),
    (400, "The sum of prompt tokens and max_tokens, 9000, is over the 8192 limit"),
    (400, "maximum input 4096 tokens exceeded, received 5123"),
    (400, "Prompt 超长"),
    (400, "输入内容超过模型最大上下文长度"),
    (500, "ValueError: Token indices sequence length is longer than the specified maximum sequence length for this model"),
]


@pytest.mark.parametrize(("status", "said"), OVERFLOWS)
def test_an_overflow_is_one_whatever_its_words(status: int, said: str) -> None:
    assert Problem(status, said).nature == Nature.OVERFLOW
    assert problem_of(status, json.dumps({"error": {"message": said}}).encode()).nature == Nature.OVERFLOW


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "no", "code": "context_length_exceeded"}},
        {"error": {"message": "no", "type": "exceed_context_size_error", "n_ctx": 4096}},
        {"error": {"message": "no", "type": "ContextWindowExceededError"}},
        {"error": {"message": "no", "code": "string_above_max_length"}},
        {"object": "error", "message": "no", "type": "request_too_large", "code": 400},
    ],
)
def test_an_overflow_is_known_by_code_and_type(body: dict[str, Any]) -> None:
    assert problem_of(400, json.dumps(body).encode()).nature == Nature.OVERFLOW


@pytest.mark.parametrize(
    ("status", "said", "nature"),
    [
        (429, "Rate limit reached for tokens per min (TPM): Limit 30000, Used 29000, Requested 2000", Nature.PASSING),
        (429, "You exceeded your current quota. Please retry in 38.2s", Nature.CREDIT),
        (429, "insufficient_quota", Nature.CREDIT),
        (403, "Insufficient balance, please top up", Nature.CREDIT),
        (402, "pay", Nature.CREDIT),
        (500, "out of order", Nature.PASSING),
        (503, "The engine is overloaded, too many requests", Nature.PASSING),
        (500, "Request timed out: it took longer than 60 seconds", Nature.PASSING),
        (504, "upstream request timeout", Nature.PASSING),
        (502, "too many connections to the context store", Nature.PASSING),
        (400, "The response was filtered due to the prompt triggering the content management policy.", Nature.FILTER),
        (400, "Input data may contain inappropriate content.", Nature.FILTER),
        (403, "m requires moderation and your input was flagged", Nature.FILTER),
        (400, "Invalid prompt: your prompt was flagged as potentially violating our usage policy", Nature.FILTER),
        (451, "blocked due to safety", Nature.FILTER),
        (400, "System role not supported", Nature.ROLES),
        (500, "TemplateError: System role not supported", Nature.ROLES),
        (500, "Template error: Conversation roles must alternate user/assistant/user/assistant/...", Nature.ROLES),
        (422, "messages.2.role: Input should be 'user' or 'assistant'", Nature.ROLES),
        (400, "Unexpected role 'system' after role 'tool'", Nature.ROLES),
        (400, "Developer instruction is not enabled for models/gemma-3", Nature.ROLES),
        (400, "max_tokens is too large: 100000. This model supports at most 16384 completion tokens", Nature.REPLY_LIMIT),
        (400, "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", Nature.REPLY_LIMIT),
        (400, "max_tokens: 64000 > 8192, which is the maximum allowed number of output tokens", Nature.REPLY_LIMIT),
        (400, "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead.", Nature.REFUSED),
        (400, "temperature must be 1", Nature.REFUSED),
        (400, "temperature: Input should be less than or equal to 1", Nature.REFUSED),
        (401, "Incorrect API key provided", Nature.REFUSED),
        (404, "The model `m` does not exist", Nature.REFUSED),
        (400, "Function tools with reasoning_effort are not supported for this model", Nature.REFUSED),
        (400, "messages.2.tool_calls.0.function.arguments: Input should be a valid string", Nature.REFUSED),
        # Words of a context under a status that says rate, and words of a rate under a status that says refusal.
        (429, "Too many tokens, please wait before trying again.", Nature.PASSING),
        (400, "ThrottlingException: Too many tokens per day, please wait before trying again.", Nature.PASSING),
        (429, "Quota exceeded for host/generate_content_input_tokens_per_minute_per_base_model: m", Nature.PASSING),
        (429, "Your requests have exceeded token rate limit of your tier. Please retry after 27 seconds.", Nature.PASSING),
        (
            429,
            "This would exceed your limit of 40,000 input tokens per minute. Please reduce the prompt length",
            Nature.PASSING,
        ),
        (429, "The message limit was exceeded, the input was too large for the current window", Nature.PASSING),
        (429, "This model's maximum context length is 4096 tokens", Nature.OVERFLOW),
        (400, "The server is currently overloaded, please try again later", Nature.PASSING),
        (498, "Flex tier capacity exceeded", Nature.PASSING),
        (424, "The request failed because of a processing error in the model", Nature.PASSING),
        (429, "您的账户已达到速率限制，请您控制请求频率", Nature.PASSING),
        (429, "余额不足或无可用资源包,请充值。", Nature.CREDIT),
        (429, "RateLimitError: OpenAIException - You exceeded your current quota. insufficient_quota", Nature.CREDIT),
        (400, "Your credit balance is too low to access the API. Please go to Plans & Billing", Nature.CREDIT),
        (403, "Content violates usage guidelines. API key ID: b, Failed check: SAFETY_CHECK_TYPE_DATA", Nature.FILTER),
        (400, "系统检测到输入或生成内容可能包含不安全或敏感内容", Nature.FILTER),
        (400, "input new_sensitive", Nature.FILTER),
        (400, "PROHIBITED_CONTENT", Nature.FILTER),
        (400, 'Unknown name "safety_settings": Cannot find field.', Nature.REFUSED),
        (400, "System message must be at the beginning.", Nature.ROLES),
        (400, "Only user and assistant roles are supported!", Nature.ROLES),
        (400, "Invalid 'messages[2].tool_calls[0].id': string too long, string_above_max_length", Nature.REFUSED),
        (400, "Assistant message must have either content or tool_calls, but not none.", Nature.REFUSED),
        (400, "`max_tokens` must be less than or equal to `32768`, less than the `context_window`", Nature.REPLY_LIMIT),
        (400, "The maximum tokens you requested exceeds the model limit of 4096. Try again", Nature.REPLY_LIMIT),
        (400, "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16", Nature.REPLY_LIMIT),
        (500, "Failed to parse tool call arguments as JSON: parse error at line 1", Nature.REFUSED),
        (422, '[{"type":"extra_forbidden","loc":["body","seed"],"msg":"Extra inputs are not permitted"}]', Nature.REFUSED),
    ],
)
def test_the_nature_of_an_error(status: int, said: str, nature: Nature) -> None:
    wait = told_pause(said)
    problem = Problem(status, said, wait=wait)
    assert problem.nature == (Nature.PASSING if wait and nature == Nature.CREDIT else nature)


@pytest.mark.parametrize(
    ("values", "status", "said"),
    [
        ({"error": {"message": "Insufficient credits", "code": 402}}, 402, "Insufficient credits 402"),
        ({"choices": None, "error": {"message": "x", "code": 429, "metadata": {"raw": "upstream"}}}, 429, "x 429 upstream"),
        ({"error": {"message": "no", "code": "rate_limit_exceeded"}}, 429, "no rate_limit_exceeded"),
        ({"error": "the model is not found: unknown model"}, 404, "the model is not found: unknown model"),
        ({"error": {"message": "boom"}}, 500, "boom"),
        ({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, 402, "insufficient balance 1008"),
        ({"object": "error", "message": "This model's maximum context length is 9", "code": 40303}, 400, None),
        ({"detail": "Not authenticated: no api key"}, 401, "Not authenticated: no api key"),
        ([{"error": {"message": "busy", "code": 503, "status": "UNAVAILABLE"}}], 503, "busy 503"),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, 429, "Overloaded"),
        ({"success": False, "errors": [{"code": 5021, "message": "context window exceeded"}], "result": None}, 400, None),
        ({"base_resp": {"status_code": 1026, "status_msg": "input new_sensitive"}, "choices": None}, 400, None),
        ({"choices": [], "promptFeedback": {"blockReason": "SAFETY"}}, 400, "the prompt was blocked: SAFETY"),
        ({"code": 20012, "message": "Model does not exist", "data": None}, 404, None),
        ({"error": {"message": '{"error": {"code": 429, "message": "exhausted"}}', "code": 429}}, 429, None),
        ({"error": {"message": "x", "code": 502, "metadata": {"raw": {"error": "boom"}}}}, 502, 'x 502 {"error": "boom"}'),
    ],
)
def test_an_error_under_status_200_is_found(values: Any, status: int, said: str | None) -> None:
    problem = hidden_problem(values)
    assert problem is not None
    assert problem.status == status
    assert said is None or problem.said == said


@pytest.mark.parametrize("values", [{"choices": [{}]}, {"choices": [{}], "error": None}, {}, [], "x", None, 3, {"usage": {}}])
def test_what_is_no_error_is_none(values: Any) -> None:
    assert hidden_problem(values) is None
