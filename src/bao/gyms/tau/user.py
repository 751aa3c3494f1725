"""The scripted customer: says who they are and what they want, answers what is asked, and says goodbye when all is settled.

Deterministic given its generator. It gives no more than it is asked for: at most `TOPICS_MOST` things in one reply, each about
one wish at a time. It learns of a change from the shop's e-mail (`note`), not from what an agent claims; it believes a refusal.
It confirms whatever is proposed, unless an order number or a payment method in the proposal is not its own.

It reads words and phrases, not sentences. FIDELITY
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from bao.gyms.tau.wishes import SWAPS, Operation, Topic, Wish

TOPICS_MOST = 3
"""Things that one reply answers at most; the first ones by the order of `Topic`."""
GREETINGS = ("Hello.", "Hi there.", "Good day.", "Hi, I hope you can help me.")
GOODBYE = "Thank you, that is all. Goodbye."
MESSAGE_MOST = 4_000
"""Characters of a message that are read."""


class Reply(NamedTuple):
    text: str
    goodbye: bool = False


_ASKING = re.compile(
    r"\?|^\W*(?:and |or |so |then |to \w+ )?(?:what|which|where|why|how|who|whose|when|is|are|do|does|did|can|could|may|would)\b"
    r"|\b(?:please|kindly|tell me|give me|let me know|send me|share|provide|i need|i will need|i'll need|could you|can you|list"
    r"|verify|specify|state your|confirm)\b"
)
_SENTENCE = re.compile(r"(?<=[?.!])\s+|\n+")
_WORD = re.compile(r"[a-z]+")
_FEW_WORDS = 4
"""A message of so few words asks for what it names."""
_ORDER_ID = re.compile(r"#[A-Z]\d{4,10}")
_PAYMENT_ID = re.compile(r"\b(?:credit_card|gift_card|paypal)_\d+")

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
    r"|\b(?:shall|should|may|can) (?:i|we) (?:\w+ )?(?:proceed|go ahead|cancel|change|modify|return|exchange|update|do (?:that|this|it))"
    r"|\b(?:go ahead|proceed)(?: with [^?]*)?\?|\b(?:is|are) (?:that|this|these|it|everything|you) (?:\w+ )?(?:right|correct|ok|okay|fine|sure|happy)\b"
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
        r"\bhow (?:can|may|could) (?:i|we) (?:help|assist)|\bwhat (?:can|may) (?:i|we) (?:do|help)|\bwhat (?:exactly )?do you need"
        r"|\bwhat would you like (?:me to do|to do|done|help)|\bwhat (?:\w+ ){1,4}(?:problem|issue|matter|request)\b"
        r"|\bmore about (?:it|your|what)|\b(?:your|the) request\b",
    ),
    Topic.ORDER: _rule(
        "order orders one",
        r"\b(?:which|what) (?:of your |of the )?(?:\w+ )?orders?\b(?! (?:should|shall|do) )|\border(?:'s)? (?:number|id|no|#)"
        r"|\b(?:number|id) of (?:the|your) order|\bwhich one do you mean",
    ),
    Topic.ITEMS: _rule(
        "item items product products article articles send return exchange change things what which",
        r"\b(?:which|what) (?:of the |of your |other )?(?:\w+ )?(?:items?|products?|articles?|things?)\b"
        r"|\bwhat (?:\w+ ){1,4}(?:send back|return|exchange|change)\b|\b(?:list|name|and|or|,|more|other) (?:all )?(?:the |of the )?items?\b",
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
    has_id = "#" in text and _ORDER_ID.search(message) is not None
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


class ScriptedCustomer:
    """One customer with an `identity` (a sentence that says who they are) and `wishes`, in the order they come up."""

    def __init__(self, identity: str, wishes: Sequence[Wish], rng: np.random.Generator) -> None:
        self._identity = identity
        self._open = list(wishes)
        self._rng = rng
        self._stated: set[int] = set()
        self._thanks = False

    def opening(self) -> str:
        """The customer's first message: a greeting and the first wish in general."""
        return f"{GREETINGS[int(self._rng.integers(len(GREETINGS)))]} {self._state(self._open[0])}"

    def note(self, tool: str, order: str) -> None:
        """The shop's e-mail: `tool` has changed `order` (or, with no order, the profile)."""
        for index, wish in enumerate(self._open):
            for each in wish.chain():
                if each.operation == tool and (each.order == order or each.operation is Operation.HOME):
                    del self._open[index]
                    self._thanks = True
                    return

    def hear(self, output: str) -> None:
        """The agent's message, about to be answered, holds an answer that was waited for."""
        for index, wish in enumerate(self._open):
            if wish.operation is Operation.INFORM and wish.output == output:
                del self._open[index]
                self._thanks = True
                return

    def reply(self, message: str) -> Reply:
        """The customer's answer to one message."""
        if not self._open:
            return Reply(GOODBYE, True)
        topics = classify(message)
        parts = ["Thank you."] if self._thanks else []
        news, self._thanks = self._thanks, False
        if news and id(self._open[0]) not in self._stated:
            parts.append(f"Also, {_lower(self._state(self._open[0]))}")
        elif Topic.REFUSAL in topics or Topic.UNAVAILABLE in topics:
            parts += self._give_way(message, topics)
        else:
            parts += self._answers(self._meant(message), message, topics)
        return Reply(" ".join(parts)) if self._open else Reply(GOODBYE, True)

    def _meant(self, message: str) -> Wish:
        """The wish that a message is about: the one whose order it names, else the first that is open."""
        if "#" in message and len(self._open) > 1:
            named = set(_ORDER_ID.findall(message))
            return next((wish for wish in self._open if wish.order in named), self._open[0])
        return self._open[0]

    def _state(self, wish: Wish) -> str:
        self._stated.add(id(wish))
        return wish.statement

    def _answers(self, wish: Wish, message: str, topics: frozenset[Topic]) -> list[str]:
        parts: list[str] = []
        for topic in Topic:
            if topic not in topics or len(parts) >= TOPICS_MOST:
                continue
            if topic is Topic.IDENTITY:
                parts.append(self._identity)
            elif topic is Topic.CONFIRM:
                parts.append(self._confirm(wish, message))
            elif topic is Topic.ELSE:
                parts.append(self._anything_else())
            elif topic is Topic.WISH:
                parts.append(self._state(wish))
            else:
                said = wish.said(topic)
                if said is not None:
                    parts.append(said)
        if not parts:
            parts.append(f"I am not sure what you need to know. {self._state(wish)}")
        return parts

    def _confirm(self, wish: Wish, message: str) -> str:
        """Yes, unless the proposal names an order or a payment method that is not the customer's wish."""
        orders = set(_ORDER_ID.findall(message)) if "#" in message else set()
        if wish.order_known and wish.order and orders and wish.order not in orders:
            return f"No. {wish.said(Topic.ORDER)}"
        named = _PAYMENT_ID.findall(message)
        if named and _PAYMENT_ID.fullmatch(wish.payment) and wish.payment not in named:
            return f"No. {wish.said(Topic.PAYMENT)}"
        return "Yes, please."

    def _anything_else(self) -> str:
        for wish in self._open:
            if id(wish) not in self._stated:
                return f"Yes, {_lower(self._state(wish))}"
        return f"Nothing else, but this is still open: {_lower(self._open[0].statement)}"

    def _give_way(self, message: str, topics: frozenset[Topic]) -> list[str]:
        """What cannot be had is given up, or gives way to what is wanted otherwise."""
        wish = self._meant(message)
        if Topic.UNAVAILABLE in topics and wish.operation not in SWAPS and wish.operation is not Operation.INFORM:
            return self._answers(wish, message, topics - {Topic.UNAVAILABLE})
        index = self._open.index(wish)
        if wish.otherwise is not None:
            self._open[index] = wish.otherwise
            self._stated.add(id(wish.otherwise))
            return [wish.otherwise.instead]
        del self._open[index]
        return ["Then leave it.", f"But {_lower(self._state(self._open[0]))}"] if self._open else []


def _lower(sentence: str) -> str:
    """The sentence as it goes on after another word."""
    return sentence if sentence.startswith(("I ", "I'")) else sentence[0].lower() + sentence[1:]
