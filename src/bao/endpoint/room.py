"""How long a reply may be beside its prompt: by what a refusal says, and by counting what was sent."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

_NUMBER = r"(\d[\d,_]*\d|\d)"
_CONTEXT = (
    rf"\d \+ \d+ > {_NUMBER}",
    rf"context[^.;0-9]{{0,60}}?{_NUMBER}",
    rf"{_NUMBER}[- ](?:token )?(?:maximum |max )?context",
    rf"(?:cannot|must not|may not) exceed {_NUMBER}",
    rf"maximum (?:number of )?(?:input |prompt |sequence |total )?(?:tokens?|length)[^0-9]{{0,30}}{_NUMBER}",
    rf"max_?(?:model_?len|seq_?len|total_?tokens|input_?tokens)[^0-9]{{0,12}}{_NUMBER}",
    rf"(?:<=|≤|less than|fewer than|at most|up to|> ) ?{_NUMBER}",
    rf"token limit[^0-9]{{0,12}}{_NUMBER}",
    rf"limit(?: of| is)?:? {_NUMBER}",
    rf"{_NUMBER} (?:tokens )?maximum",
)
_PROMPT = (
    rf"{_NUMBER} (?:input|prompt) tokens",
    rf"{_NUMBER} `?inputs`? tokens",
    rf"{_NUMBER} (?:tokens )?(?:in|from|of) (?:the |your |text )?(?:messages|prompt|input|text)",
    rf"(?:messages|prompt|input|inputs|request|sequence)[^.;0-9]{{0,40}}?{_NUMBER} tokens",
    rf"(?:resulted in|contains|is too long:|token count:?|given:?|got|first) \(?{_NUMBER}",
    rf"(?:input|prompt)[ _](?:token count|tokens|length)[^0-9a-z]{{0,4}}{_NUMBER}",
    rf"{_NUMBER} \+ \d",
)
_REQUESTED = rf"request(?:ed|s)?(?: about| approximately)? {_NUMBER}"
_REPLY_BOUND = (
    rf"\[ *\d+ *, *{_NUMBER} *\]",
    rf"supports? (?:at most|up to|a maximum of) {_NUMBER}",
    rf"(?:less than or equal to|at most|no more than|must be (?:<=|≤)|up to|exceed|> ) ?`?{_NUMBER}",
    rf"maximum (?:value )?(?:of|is) ?`?{_NUMBER}",
    rf"between \d+ and {_NUMBER}",
    rf"maximum[^0-9]{{0,40}}{_NUMBER}",
)
_TOO_SHORT = re.compile(r"below (?:the )?minimum|too (?:small|low|short)|must be (?:at least|>=|greater|larger)|a value >=")


class Size(NamedTuple):
    """What a refusal says of lengths, in tokens; None where it does not say."""

    context: int | None
    prompt: int | None


def told_size(text: str, most: int) -> Size:
    """The context and the prompt that a refusal tells of, `most` being the longest reply that was asked for."""
    low = text.lower()
    context = _first(_CONTEXT, low)
    requested = _first((_REQUESTED,), low)
    prompt = _first(_PROMPT, low, lambda found: found not in (context, most, requested))
    if prompt is None and requested is not None:
        prompt = requested - most if requested > most else requested
    return Size(context, prompt)


def told_reply_limit(text: str, most: int) -> int | None:
    """The longest reply that the model may write, as a refusal of `most` tells it; None where it does not."""
    return _first(_REPLY_BOUND, text.lower(), lambda found: 0 < found < most)


def is_too_short(text: str) -> bool:
    """Whether a refusal wants a longer reply to be asked for."""
    return _TOO_SHORT.search(text.lower()) is not None


def _first(patterns: tuple[str, ...], text: str, fits: Any = lambda found: True) -> int | None:
    for pattern in patterns:
        for match in re.finditer(pattern, text):
            found = int(re.sub("[,_]", "", match[1])[:12])
            if fits(found):
                return found
    return None


_NAMES = (
    "max_model_len",
    "context_length",
    "context_window",
    "max_context_length",
    "max_context_window",
    "n_ctx",
    "max_input_tokens",
)


def listed_context(values: Any, model: str) -> int | None:
    """The context of `model` in an endpoint's list of models; None where it tells none."""
    entries = values.get("data") or values.get("models") if isinstance(values, Mapping) else values
    if not isinstance(entries, list):
        return None
    entries = [each for each in entries if isinstance(each, Mapping)]
    named = [each for each in entries if model in (each.get("id"), each.get("name"), each.get("model"))]
    for entry in named or (entries if len(entries) == 1 else []):
        for part in (entry, entry.get("meta"), entry.get("top_provider")):
            for name in _NAMES:
                value = part.get(name) if isinstance(part, Mapping) else None
                if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                    return value
    return None
