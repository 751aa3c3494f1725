"""A policy that plays another one's game with an idle search between any two turns that involve the user."""

from bao.action import Action, ActionKind, Parsed
from bao.policy import Policy

IDLE = Action(ActionKind.SEARCH, "history")
_USER = (ActionKind.ACTION, ActionKind.ANSWER)


class Dodging:
    """Plays as `wrapped` does. What it says to the user is the same; only free searches are put in between."""

    def __init__(self, wrapped: Policy) -> None:
        self._wrapped = wrapped
        self.name = f"dodging_{wrapped.name}"

    def begin(self, system: str, opening: str) -> None:
        self._wrapped.begin(system, opening)
        self._held: Parsed | None = None
        self._asked = False
        """Whether the last turn involved the user."""

    def act(self, observation: str) -> Parsed:
        turn, self._held = self._held or self._wrapped.act(observation), None
        involves = turn.action.kind in _USER
        if involves and self._asked:
            self._held, self._asked = turn, False
            return Parsed("", IDLE, None)
        self._asked = involves
        return turn
