"""The measures by name: what each is and counts, which way is better, and how it is called and printed.

One list for summaries, comparisons, objectives, tables, the progress bar, figures, the report's page and docs/measures.md.
"""

from collections.abc import Mapping

from bao.measure import Direction as Direction
from bao.measure import Measure as Measure
from bao.measure import interval_text as interval_text
from bao.measures.behaviors import Behavior

PASS_AT_U = tuple(range(1, 10))
"""The k of Pass@U-k."""

PASS_HAT = tuple(range(2, 9))
"""The k of pass^k; pass^1 is success."""

BEHAVIORS = {behavior: f"behavior_{behavior}" for behavior in Behavior}
"""The measure of each behaviour's rate."""

_MAX, _MIN, _NONE = Direction.MAX, Direction.MIN, Direction.NONE
_SATISFACTION = "estimate of the user's satisfaction, where the user has a persona; not validated on people"

_ALL = (
    Measure("score", _MAX, "task return R", rate=True, symbol="R", unit="mean return"),
    Measure("best_score", _MAX, "the best return among a task's episodes", rate=True),
    Measure("success", _MAX, "share of the episodes that solved their task", rate=True, unit="share of episodes"),
    *(
        Measure(f"pass_at_u_{k}", _MAX, f"solved within the first {k} user-involving turns", rate=True, label=f"Pass@U-{k}")
        for k in PASS_AT_U
    ),
    *(
        Measure(f"pass_hat_{k}", _MAX, f"solved in all of {k} rollouts of a task", rate=True, label=f"pass^{k}")
        for k in PASS_HAT
    ),
    Measure("user_effort", _MIN, "user-involving turns, U", symbol="U", unit="turns"),
    Measure("user_involvement_rate", _MIN, "user-involving turns per turn, UR", rate=True, symbol="UR", unit="share of turns"),
    Measure("questions", _MIN, "what the user is asked: a turn that asks three counts three", unit="per episode"),
    Measure("verbosity", _MIN, "words that the user has to read", label="words to the user", unit="per episode", digits=1),
    Measure("turns", _MIN, "turns of an episode", unit="per episode", digits=1),
    Measure("tokens", _MIN, "tokens that the agent wrote (words where its policy has no tokens)", unit="per episode", digits=0),
    Measure("unparsable", _MIN, "share of the turns without a readable action", rate=True, unit="share of turns"),
    Measure("satisfaction", _MAX, _SATISFACTION, rate=True, label="satisfaction (estimate)"),
    Measure("within_budget", _MAX, "share of the episodes within the budget of user turns that was told", rate=True),
    Measure("over_budget", _MIN, "user-involving turns beyond the budget that was told", unit="turns"),
    Measure(
        "repaired", _NONE, "replies said by rule, since the model that plays the user gave none that serves", unit="replies"
    ),
    Measure("seconds", _MIN, "wall seconds of an episode"),
    Measure("seconds_per_turn", _MIN, "wall seconds of a turn"),
    Measure("tokens_in", _MIN, "tokens that the agent's model read, each call's whole prompt", digits=0),
    Measure("tokens_out", _MIN, "tokens that the agent's model wrote", digits=0),
    Measure("money", _MIN, "price of the tokens read and written, in the price table's currency", digits=None),
    Measure("idle_searches", _MIN, "environment actions that told nothing new", unit="per episode"),
    Measure("idle_search_rate", _MIN, "idle searches per turn", rate=True, unit="share of turns"),
    Measure("repeated_questions", _MIN, "questions to the user that had been asked before", unit="per episode"),
    Measure("repeated_question_rate", _MIN, "repeated questions per turn", rate=True, unit="share of turns"),
    Measure("repeated", _MIN, "share of the queries that repeat an earlier one of the episode", rate=True),
    Measure("zero_information", _MIN, "share of the queries that told nothing new, where the gym can tell", rate=True),
    Measure("bits_per_query", _MAX, "information per query, where the gym can tell"),
    Measure("self_bleu", _MIN, "how alike an episode's queries are, by words", rate=True),
    Measure("embedding_diversity", _MAX, "how unlike an episode's queries are, by embedding", digits=3),
    *(
        Measure(name, _NONE, f"share of the turns whose thinking shows {b.words}", rate=True, label=b.replace("_", " "))
        for b, name in BEHAVIORS.items()
    ),
)

MEASURES: Mapping[str, Measure] = {measure.name: measure for measure in _ALL}
"""Every measure, in the order in which it is shown."""

RATES = frozenset(measure.name for measure in _ALL if measure.rate)
"""The measures that lie in [0, 1]."""
