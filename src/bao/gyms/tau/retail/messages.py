"""Reads what an agent's message to the customer is about, by words and phrases: `classify`."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from bao.gyms.tau.retail.wishes import Topic

MESSAGE_MOST = 4_000
"""Characters of a message that the customer reads."""
ORDER_ID = re.compile(r"#[A-Z]\d{4,10}")

_ASKING = re.compile(
    r"\?|^\W*(?:(?:and|or|so|then|now|first|also|thanks|ok|okay),? |to \w+ |for \w+ |in \w+ )*"
    r"(?:what|which|where|why|how|who|whose|when|is|are|do|does|did|can|could|may|would|should|will)\b"
    r"|\b(?:please|kindly|tell me|give me|let me know|send me|share|provide|could you|can you|list|name|verify|specify|state"
    r"|explain|describe|confirm|clarify|choose)\b|\bi(?:'ll| will|'d| would)? (?:\w+ )?(?:need"
    r"|require|like to know|have to know|ask)\b"
)
_SENTENCE = re.compile(r"(?<=[?.!])\s+|\n+")
_WORD = re.compile(r"[a-z]+")
_FEW_WORDS = 4
"""A message of so few words asks for what it names."""

_CANNOT = r"(?:cannot|can ?not|can't|can’t|could ?n[o']t|unable to|not able to|not allowed to|won't be able to|no way to)"
_DEED = (
    r"(?:be )?(?:\w+ )?(?:cancel|chang|modif|return|exchang|process|refund|updat|do (?:that|this|it|so)|fulfil"
    r"|help (?:you )?with|done|made|accept|switch|replac|grant|offer|honou?r|take (?:it|this|that) back)"
)


class _Rule(NamedTuple):
    """One topic's words: `words` is a cheap gate, `pattern` decides."""

    words: frozenset[str]
    pattern: re.Pattern[str]


def _rule(words: str, *patterns: str) -> _Rule:
    return _Rule(frozenset(words.split()), re.compile("|".join(patterns)))


_STATED: Mapping[Topic, _Rule] = {
    Topic.REFUSAL: _rule(
        "cannot can t unable possible impossible allow allowed allows eligible "
        "able against permit permits permitted not refuse "
        "decline possible no forbid forbids forbidden late couldn way",
        rf"\b{_CANNOT} {_DEED}",
        r"(?:\bnot|n't) (?:be )?(?:possible|eligible|permitted|allowed)|\bimpossible|\btoo late\b|\bforb[ai]d",
        r"\bagainst (?:our|the|company|shop) (?:policy|rules)|\b(?:does not|doesn't|do not|don't) (?:allow|permit)",
        r"\b(?:have|need) to (?:refuse|decline|say no)",
        r"\bno (?:\w+ )?(?:changes?|cancellations?|returns?|exchanges?) (?:is|are) ",
    ),
    Topic.UNAVAILABLE: _rule(
        "available unavailable stock sold have carry exist exists longer such discontinued back",
        r"\bunavailable|(?:\bnot|n't|\bno longer|\bnone) (?:\w+ ){0,2}(?:available|in stock)|\bout of stock|\bsold out",
        r"\b(?:do not|don't|does not|doesn't) (?:\w+ )?(?:have|carry|exist)\b(?! been| to| your)",
        r"\bno such (?:variant|item|product|option)",
        r"\bno (?:\w+ )?(?:variant|option|item|version|combination)s?\b.*\b(?:exists?|available|left)",
        r"\bno longer (?:sold|made|carried)|\bdiscontinued|\bback ?order",
    ),
}
"""Topics that a statement can raise."""
_PARDON = re.compile(r"\b(?:without|before|unless|until)\b")
"""A refusal with one of these is a condition: it asks for something."""

_CONFIRM = _rule(
    "confirm confirmation shall should proceed correct right ahead ok okay yes sure agree happy want may me good work fine can "
    "alright approve",
    r"\bconfirm(?!\w* (?:your|the|which|what) (?:\w+ )?(?:e-?mail|name|zip|identity|full|account|order (?:number|id)|user))",
    r"\b(?:shall|should|may|can) (?:i|we) (?:\w+ )?"
    r"(?:proceed|go ahead|cancel|change|modify|return|exchange|update|refund|do (?:that|this|it|so)|use|submit|place|apply)",
    r"\b(?:go ahead|proceed)(?: with [^?]*)?\?",
    r"\b(?:is|are) (?:that|this|these|it|everything|all|you) (?:\w+ ){0,2}(?:right"
    r"|correct|ok|okay|fine|sure|happy|alright|acceptable)\b",
    r"\byes/no|\byes or no|\bdo you (?:agree|approve)|\b(?:like|want) me to\b|\bok(?:ay)?\?|\bwith yes\b|\bsay yes",
    r"\b(?:right|correct)\?|\b(?:explicit|clear|your) yes\b|\b(?:sounds?|looks?) (?:good|right|fine|ok|okay)",
    r"\b(?:does|would) (?:that|this) work|\byour (?:ok|okay|approval|consent)\b",
)

_WHICH = re.compile(r"\b(?:which|what|where|how|whose|who)\b")
"""Before a word of confirmation it asks for something else: which of them shall I cancel?"""
_CHOICE = re.compile(r"\bor\b(?! no\b| not\b)")
"""After one it offers a choice."""

_ASKED: Mapping[Topic, _Rule] = {
    Topic.IDENTITY: _rule(
        "name zip email mail e identity verify authenticate postcode postal speaking talking user id who login",
        r"\be-?mail|\b(?:full|your|first|last) name|\bname (?:and|on|plus)|\bzip|\bpost(?:al )?code|\bidentity",
        r"\bauthenticate",
        r"\buser ?(?:id|name)|\bverify (?:you|who)|\bwho (?:you are|are you|am i|do i|is this)",
        r"\b(?:talking|speaking) (?:to|with)\b",
    ),
    Topic.WISH: _rule(
        "help assist serve service do need request problem issue matter about describe more brings today",
        r"\bhow (?:can|may|could) (?:i|we) (?:\w+ )?(?:help|assist|serve|be of)",
        r"\bwhat (?:can|may|could) (?:i|we) (?:do|help)",
        r"\bwhat (?:i|we) can (?:do|help)|\bwhat (?:exactly )?(?:do )?you need\b|\bbrings you\b|\bneed help with\b",
        r"\bhelp you with\b",
        r"\bwhat would you like (?:me to do|to do|done|help)|\bwhat (?:\w+ ){1,4}(?:problem|issue|matter|request)\b",
        r"\bmore about (?:it|your|what)|\b(?:your|the) (?:request|concern|issue|problem)\b",
    ),
    Topic.ORDER: _rule(
        "order orders one them purchase",
        r"\b(?:which|what) (?:\w+ )?(?:of (?:your|the|these|those|them)(?: \w+)? )?(?:orders?|purchase)\b",
        r"\border(?:'s)? (?:number|id|no|#|reference)|\b(?:number|id) of (?:the|your) order",
        r"\b(?:is|was) it (?:\w+ ){1,3}order\b",
        r"\bwhich one do you mean|\bwhich of (?:them|these|those)\b",
    ),
    Topic.ITEMS: _rule(
        "item items part product products article articles send return exchange change "
        "things what which whole everything piece pieces",
        r"\b(?:which|what|every|each|some|any|only|all|list|name|and|or|the|more|other"
        r"|further|,) (?:of the |of your |all )?(?:the )?(?:\w+ )?"
        r"(?:items|products|articles|things|pieces)\b",
        r"\b(?:which|what|every|each|whether) (?:\w+ )?(?:item|product|article|thing|piece)\b|\bwhole order\b",
        r"\bpart of (?:it|the order)",
        r"\b(?:return|exchange|send back) (?:everything|all of)\b|\bwhich (?:ones? )?(?:shall"
        r"|should|do|must|is to) (?:\w+ ){0,3}"
        r"(?:returned|exchanged|go back|changed)\b",
        r"\bwhat (?:\w+ ){1,5}(?:send back|return|exchange|change)\b(?! (?:it|them|that|this)\b)(?! \w+ \w+ (?:for|into|to)\b)",
    ),
    Topic.VARIANT: _rule(
        "color colour colors colours size variant version options option instead replacement new model features specifications "
        "become like preference prefer for with kind sort style replaced configuration which what",
        r"\bcolou?r|\bsize\b|\bvariants?\b|\bversion|\boptions?\b|\binstead\b|\breplacement|\bmodel\b|\bfeatures?\b",
        r"\bspecifications?|\bbecome\b|\bnew (?:one|item|product)\b|\bbe like\b|\bpreferences?\b",
        r"\breplaced? (?:\w+ )?(?:with|by)\b",
        r"\b(?:exchange|swap|change|trade|switch) (?:it|them|that|this|(?:the |your )\w+(?: \w+)?) (?:for|into|to)\b",
        r"\b(?:what|which) (?:kind|sort|type|style) of\b|\bconfiguration",
        r"\bwhich (?:one|ones) (?:do|would|will|should) you\b(?! mean)",
        r"\bwhat (?:\w+ ){1,3}(?:exchange|swap|change|turn) (?:\w+ ){1,4}(?:for|into|to)\b",
    ),
    Topic.PAYMENT: _rule(
        "pay paying payment paypal card cards refund refunded money charge charged "
        "difference billing paid settle credited reimbursed",
        r"\bpa(?:y|ying|id)\b|\bsettle (?:it|that|this|the)\b|\bpayment|\bpaypal|\b(?:gift|credit|which|what) cards?",
        r"\brefund(?:ed)?\b|\bmoney\b|\bcharged?\b|\bbill",
        r"\bcredited\b|\breimburse",
    ),
    Topic.ADDRESS: _rule(
        "address street ship shipped deliver delivered delivery live city sent send where",
        r"(?<!mail )\baddress|\bstreet\b|\bwhere\b(?=.*\b(?:ship|sen[dt]|deliver|live|moved|arrive|parcel|package))",
        r"\bwhere (?:should|shall|must) (?:it|they) go\b",
    ),
    Topic.REASON: _rule(
        "reason why mistake accident need needed made come",
        r"\breason|\bwhy\b|\bby (?:mistake|accident)|\bno longer need|\bwhat made you|\bhow come\b",
    ),
    Topic.ELSE: _rule(
        "anything something else other further more all",
        r"\b(?:anything|something|what|nothing) (?:\w+ )?(?:else|more|further)|\belse\b",
        r"\bfurther (?:help|questions?|requests?)",
        r"\b(?:other|more|further) (?:requests?|questions?|wishes|changes?|concerns?)",
        r"\b(?:is|was|be|will) (?:that|this|it)(?: be)? all",
        r"\bthat all\b",
    ),
}
"""Topics that only a question or a request raises."""
_WHO = re.compile(r"\be-?mail|\bname\b|identity|authenticate")


@lru_cache(maxsize=4096)
def classify(message: str) -> frozenset[Topic]:
    """What a message is about: every topic that it asks for, and whether it refuses something."""
    found: set[Topic] = set()
    text = message.lower()
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
    if not _CONFIRM.words.isdisjoint(words):
        confirm = _CONFIRM.pattern.search(sentence)
        if confirm and not _WHICH.search(sentence, 0, confirm.start()) and not _CHOICE.search(sentence, confirm.end()):
            return {Topic.CONFIRM}
    found = {topic for topic, rule in _ASKED.items() if not rule.words.isdisjoint(words) and rule.pattern.search(sentence)}
    if Topic.ADDRESS in found and Topic.IDENTITY in found and not _WHO.search(sentence):
        found.discard(Topic.IDENTITY)  # the zip code of the address
    return found
