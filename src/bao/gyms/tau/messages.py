"""Reads what an agent's message to the customer is about, by words and phrases: `classify`."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from bao.gyms.tau.wishes import Topic

MESSAGE_MOST = 4_000
"""Characters of a message that are read."""
ORDER_ID = re.compile(r"#[A-Z]\d{4,10}")

_ASKING = re.compile(
    r"\?|^\W*(?:and |or |so |then |to \w+ )?(?:what|which|where|why|how|who|whose|when)\b"
    r"|^\W*(?:and |or |so |then )?(?:is|are|do|does|did|can|could|may|would)\b"
    r"|\b(?:please|kindly|tell me|give me|let me know|send me|share|provide|i need|i will need|i'll need|could you|can you|list"
    r"|verify|specify|state your|confirm)\b"
)
_SENTENCE = re.compile(r"(?<=[?.!])\s+|\n+")
_WORD = re.compile(r"[a-z]+")
_FEW_WORDS = 4
"""A message of so few words asks for what it names."""

_CANNOT = r"(?:cannot|can ?not|can't|can’t|could not|unable to|not able to|not allowed to|won't be able to)"
_VERB = (
    r"(?:be )?(?:\w+ )?(?:cancel|chang|modif|return|exchang|process|refund|updat|do (?:that|this|it)|fulfil|help (?:you )?with"
    r"|done|made|accept|switch|replac)"
)


class _Rule(NamedTuple):
    """One topic's words: `words` is a cheap gate, `pattern` decides."""

    words: frozenset[str]
    pattern: re.Pattern[str]


def _rule(words: str, pattern: str) -> _Rule:
    return _Rule(frozenset(words.split()), re.compile(pattern))


_STATED: Mapping[Topic, _Rule] = {
    Topic.REFUSAL: _rule(
        "cannot can unable possible impossible allow allowed allows eligible able against permit permitted not refuse",
        rf"\b{_CANNOT} {_VERB}|\b(?:not|isn't|is not|n't) (?:be )?(?:possible|eligible|permitted|allowed)|impossible"
        r"|\bagainst (?:our|the) (?:policy|rules)|\b(?:does not|doesn't|do not|don't) (?:allow|permit)|\bhave to refuse",
    ),
    Topic.UNAVAILABLE: _rule(
        "available unavailable stock sold have carry exist longer",
        r"\bunavailable|\b(?:not|n't|no longer|none) (?:\w+ )?(?:available|in stock)|\bout of stock|\bsold out"
        r"|\b(?:do not|don't|does not|doesn't) (?:\w+ )?(?:have|carry|exist)\b(?! been| to)",
    ),
}
"""Topics that a statement can raise."""
_PARDON = re.compile(r"\b(?:without|before|unless|until)\b")
"""A refusal with one of these is a condition: it asks for something."""

_CONFIRM = _rule(
    "confirm confirmation shall should proceed correct right ahead ok okay yes sure agree happy want may me check",
    r"\bconfirm(?!\w* (?:your|the|which|what) (?:\w+ )?(?:e-?mail|name|zip|identity|full|account|order (?:number|id)|user))"
    r"|\b(?:shall|should|may|can) (?:i|we) (?:\w+ )?"
    r"(?:proceed|go ahead|cancel|change|modify|return|exchange|update|do (?:that|this|it))"
    r"|\b(?:go ahead|proceed)(?: with [^?]*)?\?"
    r"|\b(?:is|are) (?:that|this|these|it|everything|you) (?:\w+ )?(?:right|correct|ok|okay|fine|sure|happy)\b"
    r"|\byes/no|\byes or no|\bdo you agree|\b(?:like|want) me to (?!do\b)|\bok(?:ay)?\?|\bwith yes\b|\bsay yes|\bright\?",
)

_ASKED: Mapping[Topic, _Rule] = {
    Topic.IDENTITY: _rule(
        "name zip email mail e identity verify authenticate postcode postal speaking account user id",
        r"\be-?mail|\b(?:full|your|first|last) name|\bzip|\bpost(?:al )?code|\bidentity|\bauthenticate|\bwho am i|\buser id"
        r"|\bverify (?:you|who)|\bwho (?:you are|are you)",
    ),
    Topic.WISH: _rule(
        "help assist do need request problem issue matter about describe more details",
        r"\bhow (?:can|may|could) (?:i|we) (?:help|assist)|\bwhat (?:can|may) (?:i|we) (?:do|help)"
        r"|\bwhat (?:exactly )?do you need|\bwhat would you like (?:me to do|to do|done|help)"
        r"|\bwhat (?:\w+ ){1,4}(?:problem|issue|matter|request)\b"
        r"|\bmore about (?:it|your|what)|\b(?:your|the) request\b",
    ),
    Topic.ORDER: _rule(
        "order orders one",
        r"\b(?:which|what) (?:of your |of the )?(?:\w+ )?orders?\b|\border(?:'s)? (?:number|id|no|#)"
        r"|\b(?:number|id) of (?:the|your) order|\bwhich one do you mean",
    ),
    Topic.ITEMS: _rule(
        "item items product products article articles send return exchange change things what which",
        r"\b(?:which|what) (?:of the |of your |other )?(?:\w+ )?(?:items?|products?|articles?|things?)\b"
        r"|\bwhat (?:\w+ ){1,4}(?:send back|return|exchange|change)\b"
        r"|\b(?:list|name|and|or|,|more|other) (?:all )?(?:the |of the )?items?\b",
    ),
    Topic.VARIANT: _rule(
        "color colour size variant version options option instead replacement new model features specifications become like",
        r"\bcolou?r|\bsize\b|\bvariants?\b|\bversion|\boptions?\b|\binstead\b|\breplacement|\bmodel\b|\bfeatures?\b|\bspecifications?"
        r"|\bbecome\b|\bnew (?:one|item|product)\b|\bbe like\b",
    ),
    Topic.PAYMENT: _rule(
        "pay payment paypal card refund money charge charged difference billing",
        r"\bpay\b|\bpayment|\bpaypal|\b(?:gift|credit|which|what) card|\brefund\b|\bmoney\b|\bcharged?\b|\bbilling",
    ),
    Topic.ADDRESS: _rule(
        "address street ship shipped deliver delivered live city sent send",
        r"(?<!mail )\baddress|\bstreet\b|\bwhere (?:should|shall|do|can|would|to)\b(?=.*\b(?:ship|send|deliver|live|go)\w*)",
    ),
    Topic.REASON: _rule(
        "reason why mistake accident need needed", r"\breason|\bwhy\b|\bby (?:mistake|accident)|\bno longer need"
    ),
    Topic.ELSE: _rule(
        "anything something else other further more all",
        r"\b(?:anything|something|what) (?:\w+ )?(?:else|more|further)|\belse\b|\bfurther (?:help|questions?|requests?)"
        r"|\bother (?:requests?|questions?|wishes|changes?)|\b(?:is|was|be) (?:that|this|it) all|\bthat all\b",
    ),
}
"""Topics that only a question or a request raises."""
_WHO = re.compile(r"\be-?mail|name|identity|authenticate")


@lru_cache(maxsize=4096)
def classify(message: str) -> frozenset[Topic]:
    """What a message is about: every topic that it asks for, and whether it refuses something."""
    found: set[Topic] = set()
    text = message[:MESSAGE_MOST].lower()
    short = len(_WORD.findall(text)) <= _FEW_WORDS
    has_id = "#" in text and ORDER_ID.search(message) is not None
    for sentence in _SENTENCE.split(text):
        words = frozenset(_WORD.findall(sentence))
        for topic, rule in _STATED.items():
            if not rule.words.isdisjoint(words) and rule.pattern.search(sentence) and not _PARDON.search(sentence):
                found.add(topic)
        if short or _ASKING.search(sentence):
            found |= _asked(sentence, words)
    if Topic.CONFIRM in found:
        return frozenset(found & {Topic.CONFIRM, Topic.IDENTITY})
    if Topic.UNAVAILABLE in found:
        found.discard(Topic.REFUSAL)
    if has_id:
        found.discard(Topic.ORDER)
    if len(found) > 1:
        found.discard(Topic.WISH)
    return frozenset(found)


def _asked(sentence: str, words: frozenset[str]) -> set[Topic]:
    if not _CONFIRM.words.isdisjoint(words) and _CONFIRM.pattern.search(sentence):
        return {Topic.CONFIRM}
    found = {topic for topic, rule in _ASKED.items() if not rule.words.isdisjoint(words) and rule.pattern.search(sentence)}
    if Topic.ADDRESS in found and Topic.IDENTITY in found and not _WHO.search(sentence):
        found.discard(Topic.IDENTITY)  # the zip code of the address
    return found
