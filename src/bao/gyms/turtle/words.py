"""How the scripted user reads English: words become terms, each a stem (or its synonyms' common name) that may be denied.

Function words are skipped. A negator (``not``, ``never``, ``n't``, ``without``) denies the next two terms of its clause; verbs
of the mind end its reach, so in "she did not know that he was blind" only the knowing is denied. This is no grammar: who did
what to whom is not seen.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import NamedTuple

REACH = 2
"""Terms after a negator that it denies."""

_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)?|[.,;:!?]")
_STOP, _NOT, _BREAK = "", "!", "."
_KNOWN_MOST = 20_000
"""Words kept with their terms; an agent may invent as many as it likes."""

STOP_WORDS = frozenset(
    """a an the this that these those it its he him his she her hers they them their theirs i
    me my we us our you your is are was were be been being am do does did doing done has have had having can could may might
    will would shall should must of in on at to from by for with into onto out up down off over under through about after 
    during between against upon within and or but so because if then than as while when where who whom whose which what why how
    there here also just very really quite too only even still already ever again more most much many some any each every 
    such same both all few several lot s t re ve ll d m let get got gets getting go goes going went gone come came
    comes coming one ones once thing things something anything everything everyone everybody
    actually fact truth true case story reason reasons kind sort type way somehow simply longer that's it's he's
    she's they're there's who's what's i'm you're i've let's yes maybe
    perhaps possibly probably either instead since until though although yet whether around along across toward towards
    behind near next like""".split()
)
"""Words that carry no term. A story told in sentences has plenty of them, a list of keywords has none."""

_NEGATORS = frozenset(
    """not no never nobody nothing none neither nor without cannot can't couldn't don't doesn't didn't isn't aren't wasn't weren't
    won't wouldn't hasn't haven't hadn't shouldn't mustn't unable hardly dont doesnt didnt isnt wasnt cant wont""".split()
)
_BREAKS = frozenset(". , ; : ! ? but because that who which when while until so if as and since where".split())
_MIND = frozenset("know think believ realis notic tell say mean expect suspect understand".split())
"""Stems of verbs whose object a negator does not reach."""

_IRREGULAR: Mapping[str, str] = {
    form: base
    for line in """see saw seen|eat ate eaten|fall fell fallen|steal stole stolen|hide hid hidden|drive drove driven|write wrote
    written|break broke broken|freeze froze frozen|give gave given|know knew known|think thought|buy bought|bring brought|catch
    caught|teach taught|tell told|say said says|sell sold|find found|lose lost|leave left|keep kept|sleep slept asleep|weep
    wept|die died dying dies dead death|lie lied lying lies|speak spoke spoken|sing sang sung|ring rang rung|swim swam swum|run
    ran running|wear wore worn|tear tore torn|blow blew blown|fly flew flown flies|grow grew grown|draw drew drawn|throw threw
    thrown|shoot shot shooting|build built|burn burnt|dig dug|hang hung hanged|meet met|lead led|feed fed|bite bit bitten|shake
    shook shaken|wake woke woken awoke awake|win won winner|pay paid|hear heard|feel felt|send sent|spend spent|stand
    stood|understand understood|misunderstand misunderstood|man men|woman women|child children|mouse mice|foot feet|tooth
    teeth|wolf wolves|knife knives|wife wives|thief thieves|shelf shelves|leaf leaves|ride rode ridden|sink sank sunk|shine
    shone|strike struck|begin began begun|practise training trained trainer practice|choose chose chosen|make made making|take took taken taking|fight fought|forget forgot forgotten|hit hitting|sit sat|swing
    swung|tie tied tying|use used using|seem seemed|born birth|marry married marriage|bury buried burial|carry carried|bee bees|gas gases|bus buses|glasses spectacles|iris irises|tide tides|rise rose risen|rose roses|ice icy""".split("|")
    for base, *forms in [line.split()]
    for form in [base, *forms]
}


def stem(word: str) -> str:
    """The word without its ending; a rough one, alike for all forms of a word rather than right."""
    word = word.removesuffix("'s").replace("'", "")
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 4 and word.endswith(("ches", "shes", "sses", "xes", "zes")):
        word = word[:-2]
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) > 4 and word.endswith("ied"):
        word = word[:-3] + "y"
    elif len(word) > 5 and word.endswith("ing"):
        word = _undoubled(word[:-3])
    elif len(word) > 4 and word.endswith("ed"):
        word = _undoubled(word[:-2])
    elif len(word) > 5 and word.endswith("ly"):
        word = word[:-2]
    for base in (word, word + "e"):
        if base in _IRREGULAR:
            return _IRREGULAR[base]
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


def _undoubled(word: str) -> str:
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz" else word


class Term(NamedTuple):
    """One word that counts."""

    lexeme: str
    denied: bool


@dataclass(frozen=True)
class Topic:
    """A matter that a story can be about, such as animals."""

    name: str
    words: frozenset[str]
    """Lexemes that name the topic itself."""
    members: frozenset[str]
    """Lexemes that belong to it, such as dog. A story that does not mention one has none."""
    absent_is_no: bool
    """Whether the answer about an absent topic is "no"; otherwise it does not matter."""


@dataclass(frozen=True)
class Lexicon:
    """Synonyms and topics."""

    synonyms: Mapping[str, str]
    """Stem to the common name of its synonyms."""
    topics: Mapping[str, Topic]
    members: Mapping[str, str]
    """Member lexeme to the name of its topic."""
    words: Mapping[str, str]
    """Lexeme that names a topic, to the name of the topic."""


@cache
def lexicon() -> Lexicon:
    """The lexicon of the package. Raises `ValueError` where a word has two places."""
    raw = tomllib.loads((files("bao.gyms.turtle") / "lexicon.toml").read_text(encoding="utf-8"))
    synonyms: dict[str, str] = {}
    for line in raw["synonyms"].split("\n"):
        stems = [stem(word) for word in line.split()]
        for each in stems:
            if synonyms.setdefault(each, stems[0]) != stems[0]:
                raise ValueError(f"the word {each!r} is a synonym of both {synonyms[each]!r} and {stems[0]!r}; keep one")
    topics: dict[str, Topic] = {}
    members: dict[str, str] = {}
    words: dict[str, str] = {}
    for name, row in raw["topics"].items():
        own = frozenset(synonyms.get(s, s) for s in map(stem, row["words"].split()))
        of_it = frozenset(synonyms.get(s, s) for s in map(stem, row["members"].split())) - own
        for lexemes, places in ((own, words), (of_it, members)):
            for lexeme in lexemes:
                if lexeme in words or lexeme in members:
                    raise ValueError(f"the word {lexeme!r} of the topic {name!r} has a place in a topic already; keep one")
                places[lexeme] = name
        topics[name] = Topic(name, own, of_it, row["absent"] == "no")
    return Lexicon(synonyms, topics, members, words)


_known: dict[str, str] = {}


def _term(word: str) -> str:
    if word in _NEGATORS:
        found = _NOT
    elif word in _BREAKS:
        found = _BREAK
    elif word in STOP_WORDS:
        found = _STOP
    else:
        stemmed = stem(word)
        found = lexicon().synonyms.get(stemmed, stemmed)
    if len(_known) >= _KNOWN_MOST:
        _known.clear()
    _known[word] = found
    return found


def tokens(text: str) -> list[str]:
    """The words and stops of a text, in lower case."""
    return _TOKEN.findall(text.lower().replace("\u2019", "'"))


def terms(words: list[str]) -> list[Term]:
    """The terms of a tokenised text in their order."""
    found: list[Term] = []
    reach = 0
    for word in words:
        lexeme = _known.get(word)
        if lexeme is None:
            lexeme = _term(word)
        if lexeme == _STOP:
            continue
        if lexeme == _BREAK:
            reach = 0
        elif lexeme == _NOT:
            reach = REACH
        else:
            found.append(Term(lexeme, reach > 0))
            reach = 0 if lexeme in _MIND else reach - 1 if reach else 0
    return found
