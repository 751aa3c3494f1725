"""The judge of answers: equal to an accepted one in normal form, or not.

The normal form drops case, accents, punctuation, articles and the words that lead in an answer (``It was``, ``the answer
is``), writes numbers in digits (``twenty-one``, ``1,234``, ``1.5 million``), dates as year-month-day in whatever order they
came, and common units short. Everything else has to be equal: the judge knows no synonyms and accepts no part of an answer. It
never fails and needs no model; what UserRL's second opinion by a language model would accept beyond this is judged wrong here,
and only `bao.gyms.search.llm.LLMJudge` asks for one.

UserRL's own first comparison takes lower-case letters and digits, run together: to it 10.8 is 108, and ``6 November 1905`` is
not ``November 6, 1905``.
"""

import re
import unicodedata
from collections.abc import Collection
from decimal import Decimal
from enum import StrEnum

LONGEST_ANSWER = 200
"""Characters. A longer text is no short answer and is not judged."""


class Verdict(StrEnum):
    RIGHT = "right"
    WRONG = "wrong"
    UNREADABLE = "unreadable"
    """Empty, too long, or several answers in one."""


class ExactJudge:
    """Judges answers to one question."""

    def __init__(self, accepted: Collection[str]) -> None:
        self._accepted = frozenset(normal_form(answer) for answer in accepted)

    def judge(self, answer: str) -> Verdict:
        """The verdict on one answer; one that is not right and lists several gets none, whatever they are."""
        answer = answer.strip()
        if len(answer) > LONGEST_ANSWER:
            return Verdict.UNREADABLE
        form = normal_form(answer)
        if not form:
            return Verdict.UNREADABLE
        if form in self._accepted:
            return Verdict.RIGHT
        return Verdict.UNREADABLE if _SEVERAL.search(answer) else Verdict.WRONG


_SEVERAL = re.compile(r"[;\n|{\[]|\s/\s|,.*,|\bor\b|\beither\b", re.IGNORECASE)
"""Signs of a list. They are seen by form alone, so a refusal says nothing about what is in it."""

_JOINT = re.compile(
    r"\b(?:and|plus|vs|versus|also|maybe|perhaps|possibly|probably|alternatively|otherwise|else|if not|but|both|any of|one of|"
    r"as well as|not)\b|[&/+=]|\s[-\u2013\u2014]+\s|\u2014|[^\W\d_]{4,}[.!?]\s+\w",
    re.IGNORECASE,
)
"""What may join several answers into one; a right answer may hold some of it too."""


def hedges(answer: str, accepted: Collection[str]) -> bool:
    """Whether an answer may stand for several: it is joined by more than any accepted one is. By its form alone."""
    return len(_JOINT.findall(answer)) > max(len(_JOINT.findall(each)) for each in accepted)


def is_number(text: str) -> bool:
    """Whether a text says a number and nothing else, not even a unit."""
    return _BARE_NUMBER.fullmatch(normal_form(text)) is not None


_BARE_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_LEAD = re.compile(
    r"(?:i (?:think|believe) (?:that )?)?(?:(?:the )?(?:final |short |correct )?answer(?: is| was)?(?: that)? ?:? ?|"
    r"(?:it|he|she|they|that) (?:is|was|are|were) |its |it's )?(?:(?:in|on|at|by) (?=\S))?"
)
_TOKEN = re.compile(r"(?:(?<!\S)-)?\d+(?:\.\d+)?(?:(?:st|nd|rd|th)\b)?|[^\W\d_]+")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_ISO_DATE = re.compile(r"\b(\d{4})-(\d{2})(?:-(\d{2}))?\b")
_MARKS = str.maketrans({"'": None, "\u2019": None, "\u2018": None, "`": None, "\u2212": "-", "&": " and ", "%": " percent "})
_OUTER = ' ".,:;!?()*_'
_ARTICLES = frozenset({"a", "an", "the"})

_MONTHS_LISTED = (
    "january jan, february feb, march mar, april apr, may, june jun, july jul, august aug, september sep sept, october oct, "
    "november nov, december dec"
)
_MONTHS = {name: month for month, names in enumerate(_MONTHS_LISTED.split(", "), start=1) for name in names.split()}
_UNITS_TO_19 = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen"
)
_SMALL = {word: value for value, word in enumerate(_UNITS_TO_19.split())}
_TENS_LISTED = "twenty thirty forty fifty sixty seventy eighty ninety"
_TENS = {word: 10 * value for value, word in enumerate(_TENS_LISTED.split(), 2)}
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_ORDINALS_LISTED = "first second third fourth fifth sixth seventh eighth ninth tenth"
_ORDINALS = {word: f"{value}th" for value, word in enumerate(_ORDINALS_LISTED.split(), 1)}
_ERAS = {"bc": "bc", "bce": "bc", "ad": "", "ce": ""}
_MEASURES_LISTED = "km kilometre kilometres kilometer kilometers, m metre metres meter meters, kmh kph, percent pct"
_MEASURES = {unit: units.split()[0] for units in _MEASURES_LISTED.split(", ") for unit in units.split()}
_PER_HOUR = (("per", "hour"), ("hour",), ("h",))
"""What makes kilometres a speed; the article of ``an hour`` is gone."""


def normal_form(text: str) -> str:
    """The form in which answers are compared; empty if nothing is left."""
    text = unicodedata.normalize("NFKD", text[:LONGEST_ANSWER])
    if not text.isascii():
        text = "".join(c for c in text if not unicodedata.combining(c))
    text = " ".join(text.casefold().translate(_MARKS).split()).strip(_OUTER)
    text = _THOUSANDS.sub("", _ISO_DATE.sub(_spell_date, text))
    lead = _LEAD.match(text)
    if lead is not None and lead.end() < len(text):
        text = text[lead.end() :]
    tokens = _without_articles(_TOKEN.findall(text))
    return _joined(_measures(_dates(_numbers(tokens))))


def _spell_date(found: re.Match[str]) -> str:
    year, month, day = found.groups()
    name = next((name for name, number in _MONTHS.items() if number == int(month)), None)
    return found.group() if name is None else f"{int(day)} {name} {year}" if day else f"{name} {year}"


def _without_articles(tokens: list[str]) -> list[str]:
    """A last one stays: it is a name, as in ``vitamin A``."""
    return [token for token in tokens[:-1] if token not in _ARTICLES] + tokens[-1:]


def _numbers(tokens: list[str]) -> list[str]:
    """Numbers in plain digits, in words or not; ordinals as ``4th``."""
    found: list[str] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        if token[-1:].isdecimal():
            value, used = _scaled(Decimal(token), tokens, place + 1)
        elif token in _SMALL or token in _TENS:
            value, used = _worded(tokens, place)
        else:
            if token in _ORDINALS:
                token = _ORDINALS[token]
            elif token[0].isdecimal() or token[0] == "-":
                token = f"{int(Decimal(token[:-2]))}th"  # 2nd, 02nd and second are all 2th
            found.append(token)
            place += 1
            continue
        found.append(_plain(value))
        place = used
    return found


def _scaled(value: Decimal, tokens: list[str], place: int) -> tuple[Decimal, int]:
    """`value` times the scale word at `place`, if there is one (``1.5 million``), and the place after what was read."""
    while place < len(tokens) and tokens[place] in _SCALES:
        value *= _SCALES[tokens[place]]
        place += 1
    return value, place


def _worded(tokens: list[str], place: int) -> tuple[Decimal, int]:
    """The number in words at `place`, and the place after it. Years may be read in pairs: ``nineteen eighty-four``."""
    total = 0
    while True:
        value, place = _below_hundred(tokens, place)
        pair, after = _below_hundred(tokens, place)
        if total == 0 and value >= 10 and pair >= 10:
            return Decimal(100 * value + pair), after
        if tokens[place : place + 1] == ["hundred"]:
            rest, place = _below_hundred(tokens, _past_and(tokens, place + 1))
            value = 100 * value + rest
        if place == len(tokens) or tokens[place] not in _SCALES:
            return Decimal(total + value), place
        total += value * _SCALES[tokens[place]]
        place = _past_and(tokens, place + 1)
        if place == len(tokens) or tokens[place] not in _SMALL | _TENS:
            return Decimal(total), place


def _below_hundred(tokens: list[str], place: int) -> tuple[int, int]:
    """The number below a hundred in words at `place` (0 if there is none), and the place after it."""
    value = 0
    if place < len(tokens) and tokens[place] in _TENS:
        value = _TENS[tokens[place]]
        place += 1
        if place < len(tokens) and 0 < _SMALL.get(tokens[place], 0) < 10:
            return value + _SMALL[tokens[place]], place + 1
    elif place < len(tokens) and tokens[place] in _SMALL:
        return _SMALL[tokens[place]], place + 1
    return value, place


def _past_and(tokens: list[str], place: int) -> int:
    """Past an ``and`` inside a number (``one hundred and five``), if there is one at `place`."""
    inside = tokens[place : place + 1] == ["and"] and place + 1 < len(tokens) and tokens[place + 1] in _SMALL | _TENS
    return place + inside


def _plain(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _dates(tokens: list[str]) -> list[str]:
    """Dates as one token: ``1905-11-6``, ``1905-11`` or, without a year, ``-11-6``; eras as ``bc`` or nothing."""
    found: list[str] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        place += 1
        if token in _MONTHS:
            after = tokens[place : place + 2]
            if found[-1:] == ["of"] and len(found) > 1 and _day(found[-2]):
                found.pop()
            day = _day(found[-1]) if found else 0
            if day:
                found.pop()
            elif after and (day := _day(after[0])):
                place += 1
                del after[0]
            if after and _is_year(after[0]):
                place += 1
                token = f"{after[0]}-{_MONTHS[token]}" + (f"-{day}" if day else "")
            elif day:
                year = found.pop() if found and _is_year(found[-1]) else ""
                token = f"{year}-{_MONTHS[token]}-{day}"
        elif token in _ERAS and (_ends_in_digit(found) or (token == "ad" and _ends_in_digit(tokens[place : place + 1]))):
            token = _ERAS[token]
        if token:
            found.append(token)
    return found


def _ends_in_digit(tokens: list[str]) -> bool:
    return bool(tokens) and tokens[-1][-1].isdecimal()


def _is_year(token: str) -> bool:
    return token.isdecimal() and len(token) in (3, 4)


def _day(token: str) -> int:
    """The day of a month that a token says, or 0."""
    digits = token.removesuffix("th")
    return int(digits) if digits.isdecimal() and len(digits) <= 2 and int(digits) <= 31 else 0


def _measures(tokens: list[str]) -> list[str]:
    """Units after a number in one spelling: km, m, km2, kmh, percent."""
    found: list[str] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        place += 1
        if _ends_in_digit(found):
            if token in ("square", "sq") and place < len(tokens) and tokens[place] in _MEASURES:
                token = f"{_MEASURES[tokens[place]]}2"
                place += 1
            elif token in _MEASURES:
                token = _MEASURES[token]
                if tokens[place : place + 1] == ["2"]:
                    token += "2"
                    place += 1
                elif token == "km":
                    hour = next((ending for ending in _PER_HOUR if tuple(tokens[place : place + len(ending)]) == ending), ())
                    token = "kmh" if hour else token
                    place += len(hour)
        found.append(token)
    return found


def _joined(tokens: list[str]) -> str:
    """Words run together, so that spaces do not count; numbers keep their borders."""
    return "".join(token if token[0].isalpha() else f" {token} " for token in tokens).strip()
