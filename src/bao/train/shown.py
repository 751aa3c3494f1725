"""What of a teacher's thinking a demonstration shows: all, nothing, or all but some of the four behaviours.

So a warm start can be compared with one that lacks a behaviour and is otherwise the same: the same plays, chosen by the same
values, with the same actions.
"""

from collections.abc import Callable, Collection

from bao.measures.behaviors import Behavior, tag
from bao.policies.teacher import CLAUSE

Shown = Callable[[str], str]
"""The thinking of a turn as it is shown."""


def everything(thinking: str) -> str:
    """All of it."""
    return thinking


def nothing(thinking: str) -> str:
    """The action alone."""
    return ""


def all_but(behaviors: Collection[Behavior]) -> Shown:
    """The thinking without the clauses (`bao.policies.teacher.CLAUSE`) that announce one of `behaviors`.

    Of strategic querying that is the decision, the last clause, which names the query before it is made; of the others every
    clause without which the thinking no longer announces the behaviour (`bao.measures.behaviors.tag`). Whatever the decision
    was restated with stays.
    """

    def shown(thinking: str) -> str:
        *head, decision = thinking.split(CLAUSE)
        for behavior in sorted(set(behaviors) - {Behavior.STRATEGIC_QUERYING}):
            if behavior in tag(CLAUSE.join([*head, decision])):
                spared = [[*head[:place], *head[place + 1 :]] for place in range(len(head))]
                lost = [behavior not in tag(CLAUSE.join([*rest, decision])) for rest in spared]
                head = [clause for clause, gone in zip(head, lost, strict=True) if not gone]
        return CLAUSE.join(head if Behavior.STRATEGIC_QUERYING in behaviors else [*head, decision])

    return shown
