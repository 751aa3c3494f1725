"""The words that the scripted user goes by: forms of a word, words that make a sentence, insults, and words of questions."""

from collections.abc import Iterable, Mapping
from enum import StrEnum


class Kind(StrEnum):
    """What a consideration is about."""

    FAIRNESS = "fairness"
    COST = "cost"
    EVIDENCE = "evidence"
    FREEDOM = "freedom"
    SAFETY = "safety"
    PRACTICALITY = "practicality"
    PRECEDENT = "precedent"
    ENVIRONMENT = "environment"
    COMMUNITY = "community"


def forms(word: str) -> frozenset[str]:
    """`word` in the forms that English gives it, whichever of them it is in. Some do not exist, which does no harm."""
    bases = _bases(word)
    for others in _IRREGULAR:
        if not bases.isdisjoint(others):
            bases |= others
    return frozenset(form for base in bases for form in _regular(base))


def _bases(word: str) -> set[str]:
    """What is left of a word without an ending, and the word itself."""
    found = {word}
    if word.endswith("ies"):
        found.add(word[:-3] + "y")
    elif word.endswith("s") and not word.endswith(("ss", "us")):
        found.add(word[:-1])
    for ending in ("ed", "ing"):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= 3 and not _VOWELS.isdisjoint(stem):
            found |= {stem, stem + "e"}
            if stem[-1] == stem[-2]:
                found.add(stem[:-1])
    return found


def _regular(word: str) -> set[str]:
    """A word with the regular endings."""
    stem = word[:-1]
    found = {word, *(word + ending for ending in ("s", "es", "ed", "ing", "er", "ers"))}
    if word.endswith("e"):
        found |= {word + "d", word + "r", word + "rs", stem + "ing"}
    elif word.endswith("y"):
        found |= {stem + "ies", stem + "ied", stem + "ier"}
    elif len(word) <= 5 and word[-1:] not in "aeiouwxy":
        found |= {word + word[-1] + ending for ending in ("ed", "ing", "er", "ers")}
    return found


_VOWELS = frozenset("aeiouy")
_IRREGULAR_ROWS = """
    pay paid; buy bought; sell sold; lose lost loss; keep kept; fall fell fallen; rise rose risen; grow grew grown; drink
    drank drunk; sink sank sunk; break broke broken; choose chose chosen; drive drove driven; steal stole stolen; sleep
    slept; meet met; teach taught; catch caught; leave left; feel felt; find found; build built; spend spent; bring brought;
    sit sat; stand stood; speak spoke spoken; write wrote written; wear wore worn; tear tore torn; throw threw thrown; hide
    hid hidden; eat ate eaten; breed bred; feed fed; child children; man men; woman women; mouse mice; tooth teeth; foot
    feet; life lives; knife knives; leaf leaves; half halves; wolf wolves; hurt hurts; dead die dying death; safe safety;
    poor poorer; rich richer; lone lonely alone; old elderly elders
    """
_IRREGULAR = tuple(frozenset(row.split()) for row in _IRREGULAR_ROWS.split(";"))
"""Forms that no rule gives, each row one word."""


def all_forms(words: Iterable[str]) -> frozenset[str]:
    return frozenset(form for word in words for form in forms(word))


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTION_WORDS = _set(
    """
    the a an of to in on at by for with from as that this these those which who whom whose what when where while how why
    because since if unless though although than then so and or but nor not no is are was were be been being has have had
    having do does did can could will would shall should may might must it its they them their theirs we us our you your he
    him she his her i me my mine there here all any some each every both either many few more most much less only also too
    very just even still yet already always never ever often up down out off over under about into onto through between
    without within before after again against during until nobody nothing everyone everybody anyone anybody someone somebody
    something anything everything whereas whether despite one other another such own same don't doesn't isn't aren't can't
    cannot won't wouldn't couldn't shouldn't didn't it's that's they're you're there's
    """
)
"""Words that any sentence is held together by, and a list of keywords is not."""

_REGULAR_VERBS = _set(
    """
    need want make take give get go come keep lose find know see think say tell show pay cost buy sell use work help hurt
    harm live leave let put bring mean feel cause save spend waste build walk drive ride play learn teach read write hear
    listen speak talk ask answer call try turn start begin end stop stay stand sit sleep rest eat drink cook clean wash
    carry move run fall rise grow drop cut break fix repair change add remove replace close open lock ban forbid allow
    permit force choose decide vote prefer like love hate care worry fear trust believe suffer lack miss depend earn charge
    afford share meet join gather enjoy protect keep prevent reduce increase improve raise lower double halve fail succeed
    prove measure count report suggest happen become remain seem look appear hold fit reach miss catch spread pollute
    destroy damage kill injure punish exclude deserve serve support attract scare push pull send receive deliver visit
    travel arrive wait return belong matter exist solve create wear bear feed cover offer provide face burn require demand
    encourage discourage threaten ruin introduce collect check ring sing cycle cross pass enter follow watch notice remember
    forget understand explain publish fund finance hire employ retire treat trap lock shut blow pour absorb flood dry smell
    disturb annoy bother wake exhaust tire stress infect cough breathe risk drown crash slip trip steal cheat lie punish
    reward praise respect ignore avoid escape refuse accept complain argue quarrel shout laugh smile welcome invite host
    visit celebrate dance swim jump throw pick hang plant mow shade cool heat freeze melt rely depend
    """
)
_IRREGULAR_VERBS = _set(
    """
    is are was were be been has have had do does did can could will would shall should may might must went gone made took
    taken gave given got came kept lost found knew known saw seen thought said told showed shown paid bought sold left
    brought meant felt spent built drove rode learnt taught wrote written heard spoke began sat slept ate fell rose grew
    broke chose met became held caught led ran sent wore bore don't doesn't isn't aren't can't won't wouldn't couldn't
    shouldn't didn't it's that's they're you're there's cannot
    """
)
VERBS = frozenset(form for verb in _REGULAR_VERBS for form in _regular(verb)) | _IRREGULAR_VERBS
"""Common verbs: what counts as a sentence holds one of them."""

INSULTS = _set(
    """
    idiot idiots idiotic stupid stupidity moron morons moronic fool fools dumb imbecile imbeciles imbecilic loser losers
    pathetic clown clowns liar liars scum cretin cretins jerk jerks dimwit dimwits halfwit brainless braindead dunce
    ignoramus bigot bigots simpleton simpletons numbskull dumbass asshole
    """
)
APOLOGIES = _set("sorry apologise apologize apology apologies apologised apologized")

_KIND_WORDS: Mapping[Kind, str] = {
    Kind.FAIRNESS: """
        fair fairness fairly unfair unfairly equal equally equality equity unequal just justice injustice unjust
        discrimination privilege disadvantaged""",
    Kind.COST: """
        cost costs costly price prices money expensive expense expenses budget afford affordable pay paying financial
        finances finance financially spend spending cheap cheaper economic taxpayer taxpayers bill bills fund funding euros""",
    Kind.EVIDENCE: """
        evidence data study studies research proof prove proves proven fact facts figures statistics numbers science
        scientific findings survey surveys measured measurements experts researchers""",
    Kind.FREEDOM: """
        freedom freedoms free freely liberty liberties choice choices choose rights right autonomy forced force forcing
        compulsion personal privacy""",
    Kind.SAFETY: """
        safety safe safely safer unsafe danger dangers dangerous risk risks risky harm harms harmful hurt injury injuries
        injured accident accidents health healthy security hazard hazards""",
    Kind.PRACTICALITY: """
        practicality practicalities practical practically practice workable unworkable feasible feasibility enforce enforced
        enforcement implement implemented implementation logistics logistical realistic realistically hassle organise
        organised organisation""",
    Kind.PRECEDENT: """
        precedent precedents elsewhere history historical tradition traditions before example examples tried past previously
        abroad countries cities""",
    Kind.ENVIRONMENT: """
        environment environmental environmentally climate nature natural pollution planet waste emissions ecology ecological
        wildlife green animals plants sustainable sustainability carbon""",
    Kind.COMMUNITY: """
        community communities neighbours neighbors neighbourhood society social socially together togetherness belonging
        relationships friendship friendships cohesion spirit lonely loneliness""",
}
KIND_OF_WORD: Mapping[str, Kind] = {word: kind for kind, words in _KIND_WORDS.items() for word in words.split()}
"""Words by which a question names a kind."""
WHY_WORDS = _set(
    """
    why reason reasons because matter matters weigh weighs important importance convince convinced convinces persuade
    persuaded persuades change reconsider decide decides decisive view opinion belief believe think care priorities priority
    value values
    """
)
"""Words by which a question asks why the user holds the claim, or what would move them."""
