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
import tomllib
from enum import StrEnum
from importlib.resources import files

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


_PHRASES = tomllib.loads(files("bao.measures").joinpath("behaviors.toml").read_text(encoding="utf-8"))


def _compiled(behavior: Behavior) -> re.Pattern[str]:
    """One pattern of all the rules of `behavior`, for lower-case text.

    The word boundary that most begin with is looked for once, and case is not folded while matching: on long thoughts that is
    many times faster.
    """
    rules = _PHRASES[behavior].replace("COUNT", _PHRASES["COUNT"]).replace("SPENT", _PHRASES["SPENT"]).split("\n")[:-1]
    at_words = [rule.removeprefix(r"\b") for rule in rules if rule.startswith(r"\b")]
    elsewhere = [rule for rule in rules if not rule.startswith(r"\b")]
    return re.compile("|".join([rf"\b(?:{'|'.join(at_words)})", *elsewhere]))


_COMPILED = {behavior: _compiled(behavior) for behavior in Behavior}


def tag(thinking: str) -> frozenset[Behavior]:
    """The behaviours that one turn's thinking announces; none for a turn without thinking."""
    text = " ".join(thinking.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").lower().split())
    return frozenset(behavior for behavior, rule in _COMPILED.items() if rule.search(text))


def behavior_rates(episode: Trajectory) -> dict[Behavior, float]:
    """The share of the episode's turns that show each behaviour; 0 for an episode without turns."""
    shown = [tag(turn.thinking) for turn in episode.turns]
    return {behavior: sum(behavior in tags for tags in shown) / max(len(shown), 1) for behavior in Behavior}
