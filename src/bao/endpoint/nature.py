"""The nature of an error, judged from its status, its marks and its words."""

import re
from enum import StrEnum


class Nature(StrEnum):
    """What an error means for the request that met it."""

    PASSING = "passing"
    """Another try may succeed."""
    OVERFLOW = "context overflow"
    """The prompt, or the prompt with the longest reply that was asked for, is longer than the model's context."""
    REPLY_LIMIT = "reply limit"
    """The longest reply that was asked for is more than the model may write."""
    FILTER = "content filter"
    """Refused for its content."""
    CREDIT = "credit"
    """The account has nothing left to spend."""
    ROLES = "roles"
    """The model's chat template has no such role, or wants another order of them."""
    REFUSED = "refused"
    """Refused for good, for another reason."""


def _any(*words: str) -> re.Pattern[str]:
    return re.compile("|".join(words))


_PASSING = frozenset({408, 409, 423, 424, 425, 429, 498, 499})
_RATE = _any(
    r"rate.?limit|too many requests|throttl|overloaded|at capacity|capacity exceeded|try again (?:later|in)",
    r"per[ _-](?:second|minute|hour|day)|\b[tr]p[mds]\b|requests? per|quota.{0,20}per|wait (?:before|a |and|until)",
    r"temporarily (?:unavailable|limited|rate)|(?:server|model|engine) is (?:too )?busy",
    r"速率|频率|限流|并发|稍后|繁忙|过于频繁",
)
_SPENT = _any(
    r"insufficient[_ ](?:quota|credit|balance|fund|user)|payment[_ ]required|arrear|余额|欠费|充值",
    r"(?:out of|no|not enough) credits?\b|credits? (?:balance|limit)|balance is (?:too low|insufficient|not enough)",
)
"""The account is empty, whatever is said of rates beside it."""
_CREDIT = _any(_SPENT.pattern, r"exceeded your current quota|billing|top up|recharge")
_KEY = _any(r"api.?key|unauthori[sz]ed|authenticat|invalid.token|login fail|permission|access denied")
_UNKNOWN_MODEL = _any(r"model.{0,60}(?:not found|not exist|unknown|no such)|(?:unknown|no such) model")
_INVALID = _any(r"invalid.?request|invalid.?param|unsupported|not supported|bad.?request|validation")
_FILTER = _any(
    r"content[_ -]?(?:filter|policy|management|moderation|violation|safety|security)|moderation|\bflagged",
    r"inappropriate|(?<!case[-_ ])(?<![a-z])sensitive|(?<![a-z])safety(?![a-z]|_setting|_identifier)|\bunsafe\b",
    r"prohibited|harmful|risk control|high.?risk|usage polic|responsible ?ai|guardrail|data_?inspection|invalid_prompt",
    r"jailbreak",
    r"violat\w+ .{0,40}(?:polic|guideline|terms|rules)|polic\w+ .{0,20}violat",
    r"敏感|不安全|违规|违法|内容安全|内容审核|不当内容",
    r"(?:prompt|input|output|request|response|content) (?:was |is |has been |were )?(?:blocked|filtered)",
    r"blocked (?:by|due to|because of) .{0,30}(?:safety|polic|content|filter)",
)
_LONG_MARKS = _any(
    r"context_?length|context_?window|exceed_?context|context_?size|above_max_length|max_?context",
    r"prompt_?too_?(?:long|large)|request_?too_?large|input_?too_?(?:long|large)|too_?many_?tokens|token_?limit_?exceed",
)
_THING = (
    r"(?<![a-z])(?:context|prompt|inputs?|messages?|conversation|history|request|sequence|text|content|tokens?|chat|payload)"
    r"(?![a-z])"
)
_TOO = "|".join(
    (
        r"too (?:long|lengthy|large|many|big)|exceed\w*|surpass\w*|overflow\w*|over the (?:limit|maximum)|cut off|ran out",
        r"(?:longer|larger|greater|more) than|(?:above|beyond) the (?:limit|max\w*)|must have (?:less|fewer) than",
        r"must be (?:less|fewer|smaller|shorter|<=|≤|at most|under|below|within)",
        r"(?:can ?not|must not|may not) (?:exceed|be (?:longer|larger|greater|more))",
        r"(?:does|do|did|will|can)(?:n't| not|not) fit",
    )
)
_LONG = _any(
    rf"{_THING}.{{0,90}}?(?:{_TOO})|(?:{_TOO}).{{0,60}}{_THING}",
    r"\bcontext.{0,12}(?:length|window|size|limit|overflow|is full)|out of (?:context|kv)|context shift",
    r"(?:n_ctx|kv cache).{0,30}(?:exceed|full)",
    r"max_?\w*tokens.{0,40}(?:at least|positive|greater than|>).{0,30}-\d",  # what is left beside the prompt
    r"(?:prompt|input|tokens?|length|seq\w*)\b.{0,60}(?<!\d)\d{3,}.{0,60}"
    r"(?:max|limit|only|supported|exceed|>|longer|allowed).{0,40}\d{3,}",
    r"max(?:imum)?[_ ](?:context|model_?len|(?:input|prompt|sequence|total)[_ ](?:length|tokens|size))",
    r"(?:reduce|shorten|trim|truncat\w*|limit) (?:the |your )?(?:\w+ )?(?:length|size|number of|prompt|messages?|inputs?)",
    r"(?:reduce|shorten|trim|truncat\w*|limit) (?:the |your )?(?:\w+ )?(?:context|conversation|history)",
    r"no room|not enough (?:room|space|context)|over the (?:[\d,]+ )?(?:limit|maximum)",
    r"max\w*.{0,40}?\d{3,}.{0,40}(?:actual|got|received|given|found|was|but|has|have)\b.{0,40}\d{3,}",
    r"(?:input|prompt|context|message|sequence)\w*.{0,12}length.{0,20}(?:should|must|has to|needs to) be",
    r"超长|过长|超过.{0,16}(?:长度|上下文|限制|上限)|超出.{0,16}(?:长度|上下文|限制|上限)|上下文.{0,12}(?:超|限制|上限)",
)
_NOT_LENGTH = _any(
    r"timed? ?out|deadline|\bseconds?\b|concurren|connections?\b|too many (?:tools|images|files)|\bdisk\b",
    r"tool_?call(?:s?\[\d+\]\.|_)(?:id|function\.name)|\btools\[|\btools\.\d",
)
_ABOUT_LENGTH = _any(
    r"context|token|prompt|input|length|messages?\b|conversation|history|sequence|characters|payload|n_ctx|kv cache",
    r"too (?:large|long)|长度|上下文|超长|过长|输入",
)
_FULL_AT_ONCE = _any(r"request too large|context.{0,12}(?:length|window|size)")
"""What says under status 429 too that a request can never pass."""
_REPLY = _any(
    r"max_?(?:completion_?|output_?|new_?)?tokens|max_length|(?:completion|output|generated|new) tokens|num_predict",
    r"maximum tokens (?:you|that you|value)",
)
_ONLY_REPLY = re.compile(
    r"(?<!\+ )(?<!\+ [`'])max_?(?:completion_?|output_?|new_?)?tokens[`'\"]? (?:must|should|can ?not|may not|has to) "
    r"(?:be|exceed)(?! at least)"
)
"""The reply's limit is what is bounded, whatever it is compared with."""
_PROMPT = _any(r"context|prompt|\binputs?\b|messages|model_?len|total (?:number of )?tokens")
_BOUND = _any(
    r"too (?:large|high|big|many)|exceed|(?:less|greater|larger|more|fewer) than|at most|up to|maximum|range|<=|≤|>",
    r"\bmax\b|limit|supports|between",
)
_ROLES = _any(
    r"roles? must|must alternate|alternat\w+.{0,40}\broles?|template.?error|jinja|raise_exception|chat.?template",
    r"\broles?\b.{0,60}(?:not (?:supported|allowed|permitted|valid)|unsupported|unknown|invalid|unexpected|alternat)",
    r"\broles?\b.{0,60}(?:is not one of|should be|must be)|only user(?:,| and)",
    r"(?:unsupported|unknown|invalid|unexpected|unrecogni[sz]ed|not support(?:ed)?|only support\w*).{0,40}\broles?",
    r"(?:unsupported|unknown|invalid|unexpected|not support(?:ed)?).{0,40}\b(?:system|tool|developer) (?:message|prompt)",
    r"system (?:message|prompt|role)s? must|tool call ids? (?:should|must)|function (?:call|response) turn",
    r"(?:system|developer|tool)(?: role| messages?| prompts?| instructions?)+.{0,40}(?:not|unsupported|invalid|unknown|only)",
)
_UNREADABLE_REQUEST = _any(
    r"failed to parse (?:tool[ _]call|function)|arguments as json|expecting (?:value|property|',')|unterminated string",
    r"jsondecode|extra data: line|json\.exception\.parse_error",
)
"""What a server stumbles over in the conversation, and calls an error of its own."""


def nature_of(status: int, text: str, marks: str, *, waits: bool) -> Nature:
    """`text`: its words and marks; `waits`: it asks to wait."""
    low = text.lower()
    if status == 402 or (status in (400, 403, 429) and _is_spent(low, waits)):
        return Nature.CREDIT
    if status not in (0, 401, 404, 405):
        if status != 429 and _is_reply_limit(low):
            return Nature.REPLY_LIMIT
        if _is_overflow(status, low, marks.lower()):
            return Nature.OVERFLOW
        if status not in (429, 503) and _FILTER.search(low):
            return Nature.FILTER
        if status not in (429, 503) and _ROLES.search(low):
            return Nature.ROLES
        if _RATE.search(low):
            return Nature.PASSING
    if status == 500 and _UNREADABLE_REQUEST.search(low):
        return Nature.REFUSED
    return Nature.PASSING if status in _PASSING or status >= 500 else Nature.REFUSED


def status_by_words(text: str) -> int:
    """The status that an error without one stands for."""
    low = text.lower()
    for status, words in ((402, _CREDIT), (429, _RATE), (401, _KEY), (404, _UNKNOWN_MODEL)):
        if words.search(low):
            return status
    if _FILTER.search(low) or _is_overflow(400, low, "") or _INVALID.search(low):
        return 400
    return 500


def _is_spent(low: str, waits: bool) -> bool:
    return _SPENT.search(low) is not None or (_CREDIT.search(low) is not None and not (waits or _RATE.search(low)))


def _is_reply_limit(low: str) -> bool:
    low = _without_prefix(low)
    if re.search(r"(?<!\w)-\d", low):  # a limit below zero is what the prompt has left of the context
        return False
    if _ONLY_REPLY.search(low):
        return True
    named = _REPLY.search(low) is not None and _BOUND.search(low) is not None
    return named and not _PROMPT.search(low) and not _RATE.search(low)


def _is_overflow(status: int, low: str, marks: str) -> bool:
    if status == 413 or (_LONG_MARKS.search(marks) and not _NOT_LENGTH.search(low)):
        return True
    if "request too large" in low:  # more than a minute's allowance at once never passes
        return True
    if status == 403 or _RATE.search(low) or _NOT_LENGTH.search(low):
        return False
    if status == 429 and not _FULL_AT_ONCE.search(low):
        return False
    low = _without_prefix(low)
    return _ABOUT_LENGTH.search(low) is not None and _LONG.search(low) is not None


def _without_prefix(low: str) -> str:
    """Without what validators say of any field."""
    return low.replace("input validation error", "").replace("input should be", "")
