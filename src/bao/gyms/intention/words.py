"""The words of a question: which say nothing, which say little, which mean the same.

A text becomes *marks*: the stem of each word that says something, and the *concepts* that the word stands for (``when`` and
``date`` both stand for time), written in capitals so that no stem is one.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

WORD = re.compile(r"[^\W_]+")

_SILENT = frozenset(
    """
    a about aby across after again ah all also am an and another any anyone anything are as ask at aware be because been being
    but by can cannot certain could currently d did do does doing done each either else etc ever every everything example few
    find first following for from further g generally get getting give given go going good got had has have having he hello help
    her here hey hi him his hm hmm hope i if im in instance into is isn it its itself just kindly know let lets like ll ly m
    make making matter may maybe me mean might mind mine more most much must my myself need needed needs no nor not now of off
    oh ok okay on once one only onto or other others our ours out over own particular particularly per perhaps please possible
    possibly prefer preferably preference preferences preferred provide re really regarding right s said say see shall share she
    should so some somebody someone something specific specifically specified specify such sure t take tell than thank
    thanks that the their them then there these they thing things think this those through to together too under understand
    until up upon us use user users using usually ve very via want wanted wants was we well were what whatever whether which
    while will wish wishes with within without won would yes yet you your yours yourself happen happens mention details detail
    describe clarify clarification clarifying question questions interested interest interests consider considering desired
    intend intended considerations assist assistance able available aim aiming additional require required requirements
    requirement plan planning planned look looking exactly exact definition define best way ways
    """.split()
)
_FAINT = frozenset(
    """
    aspect aspects area areas level levels option options choice range include included including inclusion restriction
    restrictions constraint constraints condition conditions criteria feature features information method methods current new
    certain special personal general main important different various several current work create creating provided handle
    handling limit limits limitation limitations existing important task job result results project idea ideas set
    """.split()
)
"""Words that occur in questions about anything: a weak hint at most."""

_ASKING = frozenset({"when", "where", "who", "whom", "why", "kind", "kinds", "type", "types"})
"""Words that only stand for their concept: two questions that begin with ``where`` are not about the same thing."""

_CONCEPTS = {
    "TIME": """when date dates day days time times schedule scheduled month months week weeks weekend evening morning afternoon
        night season start starts begin deadline period year o'clock hour tomorrow today slot moment timing year summer winter
        spring autumn timeframe timeline frame recent latest""",
    "DEADLINE": "deadline due urgent urgently finished ready soon finish by_when deliver delivered delivery latest timeline",
    "PLACE": """where place places location locations located venue city town country region neighbourhood neighborhood spot site
        area destination setting address geographic geographical held outdoors indoors regional local""",
    "COUNT": "how_many number count quantity total amount",
    "PEOPLE": """guests guest people attend attends attendees attendee participants participant persons invite invited invitees
        crowd group children adults members family company come coming companions accompany headcount""",
    "MONEY": """budget cost costs price prices pricing spend spending money expensive afford affordable pay paid cheap financial
        how_much how_expensive euros dollars fee""",
    "DURATION": "how_long duration length long last lasts hours minutes takes stay longer shorter how_short dedicate commitment",
    "FREQUENCY": "how_often often frequency frequently regularly regular times_per how_frequently every_day per_week daily weekly",
    "SIZE": """how_big how_large how_small how_wide how_tall how_high size sizes big large small dimensions dimension measurements
        wide width height square space surface capacity""",
    "LENGTH": "how_long length long short words pages word_count page",
    "TONE": "tone formal formality informal casual voice sound mood register humorous serious friendly",
    "STYLE": "style styles stylistic look theme design decor decoration decorations aesthetic fashion appearance layout",
    "FORMAT": "format formats formatted file_type extension output form presented presentation present medium layout",
    "TONGUE": "language languages english spanish german french translate translated",
    "AUDIENCE": """audience readers reader who whom recipient recipients addressed viewers listeners for_whom targeted target
        aimed demographic""",
    "SKILL": """level experience experienced beginner beginners advanced intermediate skill skills skilled expertise knowledge
        familiar familiarity proficiency proficient already background expert novice far practised""",
    "PURPOSE": """purpose goal goals aim objective objectives why reason reasons achieve hope accomplish accomplished for_what
        used usage motivation outcome target intention""",
    "DIET": """diet diets dietary allergy allergies allergic vegetarian vegan intolerance intolerances gluten foods eats""",
    "FOOD": "food foods menu meal meals dish dishes catering eat drink drinks cuisine buffet cake ingredients ingredient",
    "TRANSPORT": """transport transportation travelling car train drive plane bus flight fly vehicle commute get_there
        get_around""",
    "LODGING": "accommodation accommodations hotel hotels hostel lodging sleep stay apartment room rooms stay_in",
    "TOOL": """tool tools software program programs app apps library libraries framework package packages equipment device
        devices gear gadgets technology module modules""",
    "SYSTEM": "operating_system os windows linux macos mac platform platforms runs run running environment system",
    "CODE": "programming python javascript java rust programming_language coded",
    "TOPIC": "topic topics subject subjects focus cover covered theme content contents concentrate emphasis about_what",
    "SOURCE": "source sources dataset input come_from comes_from where_from origin database read_from stored taken_from",
    "COLOUR": "colour colours color colors shade shades hue palette coloured colored",
    "BRAND": "brand brands manufacturer make maker model company",
    "MATERIAL": "material materials made_of wood metal leather fabric",
    "ACTIVITY": "activity activities sights sightseeing entertainment games game programme fun hobbies do_there attractions",
    "HEALTH": "health medical injury injuries pain illness condition conditions physical ailments doctor",
    "AGE": "age ages old how_old older younger born young grade",
    "AVOID": """avoid exclude excluded exclusion dislike dislikes hate skip without leave_out unwanted omit ignore restrictions
        restriction""",
    "ERROR": "error errors fails fail failing failure wrong exception exceptions invalid corrupt broken missing",
    "DEPTH": "depth detailed deep how_deep thorough thoroughly complexity complex how_detailed extensive granularity detail_level",
    "OCCASION": "occasion event events celebration celebrate",
    "LEARNING": "learn learning lessons course courses teacher class classes tutor videos study book books material online",
    "SAVE": "save saved output stored store storage written export exported destination put_it results folder directory",
    "ORDER": "order sort sorted sorting ordered rank ranked ranking prioritize priority priorities",
    "QUALITY": "quality resolution durable accuracy",
    "WHICH_PART": "part parts section sections portion chapters scope",
    "KIND": "kind kinds type types sort variety category categories genre genres",
    "MEASURE": "measure measured metric metrics indicator indicators kpi performance figures",
    "CHART": "chart charts plot plots graph graphs visualisation visualization visualise visualize diagram",
}  # fmt: skip

_PHRASES = frozenset(word for words in _CONCEPTS.values() for word in words.split() if "_" in word)
_SUFFIXES = (
    "izations", "ization", "isation", "ations", "ation", "ances", "ance", "ences", "ence", "ments", "ment", "ities", "ity",
    "ings", "ing", "ions", "ion", "ies", "ied", "ers", "ees", "ed", "er", "ee", "es", "ly", "al", "y", "s", "e",
)  # fmt: skip


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """The word without its ending, so that ``invite``, ``invited`` and ``invitation`` are one. Crude, and only compared."""
    if word.endswith(("ss", "us")):
        return word
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            word = word[: -len(suffix)]
            break
    if len(word) > 3 and word[-1] == word[-2]:
        word = word[:-1]
    return word[:-1] if len(word) > 4 and word[-1] in "aeiy" else word


def _by_word() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for concept, words in _CONCEPTS.items():
        for word in words.split():
            entry = found.setdefault(word if "_" in word else stem(word), [])
            if concept not in entry:
                entry.append(concept)
    return MappingProxyType({word: tuple(concepts) for word, concepts in found.items()})


_CONCEPTS_OF = _by_word()
_FAINT_STEMS = frozenset(map(stem, _FAINT))
_BEFORE_PHRASES = frozenset(phrase.partition("_")[0] for phrase in _PHRASES)


def words(text: str) -> list[str]:
    """The words of a text in lower case; two that make one phrase (``how long``) as one, ``how_long``."""
    found = WORD.findall(text.lower())
    if _BEFORE_PHRASES.isdisjoint(found):
        return found
    joined: list[str] = []
    index = 0
    while index < len(found):
        word = found[index]
        if word in _BEFORE_PHRASES and index + 1 < len(found) and f"{word}_{found[index + 1]}" in _PHRASES:
            word = f"{word}_{found[index + 1]}"
            index += 1
        joined.append(word)
        index += 1
    return joined


@lru_cache(maxsize=50_000)
def marks(word: str) -> tuple[str, ...]:
    """The stem of a word and its concepts; nothing where it says nothing. Phrases and question words have
    concepts only."""
    if word in _SILENT:
        return ()
    if "_" in word or word in _ASKING:
        return _CONCEPTS_OF.get(word if "_" in word else stem(word), ())
    root = stem(word)
    return (root, *_CONCEPTS_OF.get(root, ()))


def is_concept(mark: str) -> bool:
    return mark[0].isupper()


def is_faint(mark: str) -> bool:
    return mark in _FAINT_STEMS
