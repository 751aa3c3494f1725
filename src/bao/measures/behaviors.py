"""Which of the four behaviours a turn's thinking shows, by rules on its words.

The behaviours are those of BAO (arXiv 2602.11351): memory management and hypothesis refinement look back, dynamic scheduling
and strategic querying look ahead. A rule is a phrase in which English-writing models announce the behaviour, or the form in
which our teachers write it. The tagger reads words, not sense: it sees that a text lists hypotheses, not whether they are
right, and misses a behaviour that is shown without being announced. Only English is read.

How well it sees, on texts labelled by hand (tests/behavior_examples.toml): of the 149 with which the rules were chosen it tags
146 in full. Of 45 that were written after the rules were frozen and scored once, 20: it sees all 10 behaviours in our teachers'
form, but of 29 in free prose only the 4 that are announced in set phrases, and 3 of its 17 tags are wrong. So a rate is that of
*announced* behaviour, a lower bound of the behaviour itself. It compares policies that think in the same style, such as the
checkpoints of one run; it does not rank models of different styles, and it is easily gamed: train on nothing that it gives.
"""

import re
from enum import StrEnum

from bao.trajectory import Trajectory


class Behavior(StrEnum):
    """The four behaviours."""

    MEMORY_MANAGEMENT = "memory_management"
    """Restates compactly what is established, drops what no longer matters."""
    HYPOTHESIS_REFINEMENT = "hypothesis_refinement"
    """Keeps explicit hypotheses and revises them with what was observed."""
    DYNAMIC_SCHEDULING = "dynamic_scheduling"
    """Plans what to do with the turns and the user's patience that are left."""
    STRATEGIC_QUERYING = "strategic_querying"
    """Says why this query is the one to make: what it tells apart, what it is worth, what need not be asked again."""

    @property
    def words(self) -> str:
        return self.value.replace("_", " ")


_COUNT = r"(?:\d+|a few|one|two|three|four|five|six|seven|eight|nine|ten|only|last|final)"
_SPENT = r"(?:turns?|steps?|moves?|rounds?|questions?|quer(?:y|ies)|searches|attempts?|tries)"

_RULES: dict[Behavior, tuple[str, ...]] = {
    Behavior.MEMORY_MANAGEMENT: (
        r"^know\b[^|]*\|",  # our teachers'
        r"\bso far\b(?! (?:so good|away|as))",
        r"\b(?:recap\b|(?:to )?sum(?:mary|mari[sz]e|mari[sz]ing| up)\b[^.:]{0,30}[:,]|note to self\b)",
        r"\bwhat (?:i|we) (?:already )?(?:know|have (?:learn(?:ed|t)|established))\b",
        r"\b(?:already|now) (?:known|know|confirmed|established|settled|told)\b",
        r"\b(?:i|we)(?: have|'ve) (?:now |already )?(?:established|learn(?:ed|t)|gathered|confirmed)\b",
        r"\bwe know that\b",
        r"(?:^|[.;]\s+)(?:known|facts|confirmed|established)\b[^.:]{0,30}:",
        r"\b(?:from|in) (?:the |my |our )?(?:previous|earlier|past) (?:turns?|answers?|repl(?:y|ies)|questions?|messages?)\b",
        r"\b(?:user|customer|they)(?: has|'s| have) (?:already )?(?:told|said|mentioned|confirmed|stated)\b",
        r"\b(?:user|customer) (?:already )?(?:told|mentioned|stated|confirmed)\b.{0,80}\b(?:and|nothing else|also)\b",
        r"\b(?:keep (?:this|that|it) in mind|(?:have|need) to remember)\b",
        r"\b(?:progress|status)\b[^.:]{0,20}:|\bearlier,? (?:the user|the customer|they)\b",
        r"\b(?:we've got|we have|i have|i've got) \w+ = ",
        r"\b(?:user|customer) said (?:yes|no)\b.{0,60}\b(?:yes|no)\b|\bsaid (?:yes|no) to\b.{0,80}\bso it\b",
        r"\b(?:no longer (?:matters?|relevant|needed)|can be (?:forgotten|dropped|ignored))\b",
    ),
    Behavior.HYPOTHESIS_REFINEMENT: (
        r"\bin \d+ ways\b",
        r"\b\d+ (?:entities|rules|candidates|stories|options|hypotheses) (?:are left|fit|remain)",
        r"\bhypothes[ie]s\b",
        r"\b(?:candidates?|possibilities|suspects|contenders)\b[^.]{0,40}(?::|\bleft\b|\bremain|\bstill possible\b|\bare\b)",
        r"\b(?:two|three|four|several|remaining) (?:candidate|possible) \w+",
        r"\b(?:still possible|in the running|leading candidate|my list)\b",
        r"\bruled? (?:\S+ ){0,6}?out\b",
        r"\brules? out\b",
        r"(?<!would )(?<!will )(?<!could )(?<!to )\beliminat(?:es|ed|ing)\b",
        r"\b(?:not )?(?:in)?consistent with\b|\bcontradict",
        r"\b(?:could|might|may|must) be (?:either )?[^.?]{1,60}\bor\b",
        r"\b(?:it's|it is|be) either\b",
        r"\bi (?:now )?(?:revise|drop|discard|reject|update)\b",
        r"\b(?:updat|revis)ing my\b",
        r"\b(?:two|three|several|other) (?:ideas|theories|explanations|readings|hypotheses)\b|\bmaybe the rule is\b",
        r"\b(?:theory|idea|hypothesis|guess)\b[^.]{0,20}\b(?:does not work|doesn't work|dead|fails?|wrong|out)\b",
        r"\bfits? (?:better|best|worse|everything|all)\b|\bboth\b[^.]{1,60}\b(?:agree|fit)\b|\bat first i thought\b",
        r"\b(?:fits|matches)\b[^.]{0,40}\bbut\b|\bcould complete\b",
        r"\b(?:less|more) likely now\b|\bnow (?:i think|less likely|more likely)\b",
    ),
    Behavior.DYNAMIC_SCHEDULING: (
        r"\| \d+ turns\b",
        rf"\b{_COUNT} (?:more |other |user )?{_SPENT} (?:are |is )?(?:left|remain(?:s|ing)?|to go|at most|to spare)\b",
        rf"\b(?:remaining|left) {_COUNT} {_SPENT}\b|\b{_COUNT} remaining {_SPENT}\b",
        rf"\bleaves (?:me )?{_COUNT} {_SPENT}\b",
        rf"\bused {_COUNT} of (?:my |the )?{_COUNT} {_SPENT}\b",
        rf"\b(?:afford|limit myself to|within|spend) (?:the )?(?:only )?{_COUNT} (?:more )?{_SPENT}\b",
        r"\bturn \d+ (?:of|out of) \d+\b",
        r"\b(?:running|run|ran) out of (?:turns|questions|time|steps)\b",
        r"(?:^|[.;]\s+)(?:budget|plan|schedule|next steps)\b[^.:]{0,20}:",
        r"\b(?:keep|save|reserve)\b[^.]{0,20}\b(?:for the|for a) (?:final |last )?(?:answer|guess|check)",
        r"\bfrom now on\b|\bin reserve\b",
        rf"\b{_COUNT} {_SPENT} (?:are |is )?(?:still )?available\b|\btries before\b|\bthe (?:turn )?limit is\b",
        r"\bfirst,? (?:i'll|i will|i)\b.{1,120}\b(?:then|finally|after that)\b",
        r"\b(?:isn't|not) worth (?:another|a|one more) (?:question|turn|search)\b",
        r"\bstop (?:bothering|asking) the user\b|\bnext turn\b",
    ),
    Behavior.STRATEGIC_QUERYING: (
        r"\bworth \d+ in \d+ ways\b",
        r"\bmost (?:\w+ )?(?:informative|useful|helpful) (?:next |thing to ask|question|query|probe|search|one|here|now)",
        r"\bmost information\b|\bbest (?:next )?question\b",
        r"\b(?:split|cut|halve|prune|narrow)s?\b[^.?]{0,50}\b(?:half|down|options|list|candidates|possibilities)\b",
        r"\b(?:tells?|telling) (?:them|the \w+|these) apart\b",
        r"\b(?:discriminates?|distinguish(?:es)?|separates?|differentiates?)\b",
        r"\bwould (?:eliminate|rule out|decide|settle|help most)\b",
        r"\b(?:already asked|asked (?:that|this) (?:already|before))\b",
        r"\b(?:won't|not|don't|no need to) (?:repeat|ask (?:\w+ )?again)\b",
        r"\bno point in asking\b|\b(?:vague|broad|general) question\b|\b(?:something|anything|too) vague\b",
        r"\bspecific question\b|\bmost uncertain\b",
        r"\bif i ask\b.{1,80}\b(?:yes|no|answer|reply)\b|\ba (?:yes|no) (?:leaves|tells|would|means|points)\b",
        r"\bdiffer only in\b|\bdecides? between\b|\bwhich is what decides\b|\bwhatever the (?:reply|answer)\b",
        r"\b(?:again )?(?:would be|is) (?:pointless|redundant)\b|\bopen-ended questions?\b",
        r"\brather than (?:fishing|guessing)\b",
        r"\bcuts? down\b|\beach \w+ leaves its own\b|\ball options \w+ about the same\b",
    ),
}


def _compiled(rules: tuple[str, ...]) -> re.Pattern[str]:
    """One pattern of all `rules`, for lower-case text.

    The word boundary that most begin with is looked for once, and case is not folded while matching: on long thoughts that is
    many times faster.
    """
    at_words = [rule.removeprefix(r"\b") for rule in rules if rule.startswith(r"\b")]
    elsewhere = [rule for rule in rules if not rule.startswith(r"\b")]
    return re.compile("|".join([rf"\b(?:{'|'.join(at_words)})", *elsewhere]))


_COMPILED = {behavior: _compiled(rules) for behavior, rules in _RULES.items()}


def tag(thinking: str) -> frozenset[Behavior]:
    """The behaviours that one turn's thinking announces; none for a turn without thinking."""
    text = " ".join(thinking.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").lower().split())
    return frozenset(behavior for behavior, rule in _COMPILED.items() if rule.search(text))


def behavior_rates(episode: Trajectory) -> dict[Behavior, float]:
    """The share of the episode's turns that show each behaviour; 0 for an episode without turns."""
    shown = [tag(turn.thinking) for turn in episode.turns]
    return {behavior: sum(behavior in tags for tags in shown) / max(len(shown), 1) for behavior in Behavior}
