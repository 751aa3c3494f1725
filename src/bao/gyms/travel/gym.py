"""The travel gym: learn what a user wishes for each aspect of a trip and recommend one option for each.

``search`` looks at the catalogue or at the user's booking history and is free of user effort; ``action`` is a question to the
user; ``answer`` recommends one option, once per aspect. The return is the mean over the aspects of 1.0 for the best option, 0.8
for an acceptable one and 0 for a wrong one (UserRL's rewards, divided by the number of aspects; search and elicitation pay
nothing by themselves). The episode ends when every aspect is decided; it is a success if none of them is wrong.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from bao.action import ActionKind, Outcome
from bao.errors import ConfigError
from bao.gym import Belief, Gym
from bao.gyms.travel import agents, tasks
from bao.gyms.travel.belief import WishBelief
from bao.gyms.travel.catalogue import ASPECTS, LETTER_ASPECT
from bao.gyms.travel.llm import MOST_CHARACTERS, ModelTraveller
from bao.gyms.travel.tasks import Booking, Source, load
from bao.gyms.travel.user import ScriptedTraveller, Traveller, Wishes
from bao.task import Task
from bao.task_source import TaskSource, by_index
from bao.user import Trait

BEST, ACCEPTABLE = 1.0, 0.8
SHOWN = 3
"""Matches that a catalogue search lists, cheapest first."""

_ID = re.compile(r"\b([ACFHR])(\d+)\b", re.IGNORECASE)
_TOKEN = re.compile(r"[a-z]+")


class Travel(Gym):
    name = "travel"
    version = 2
    about = "book a trip whose wishes are stated, on file, or only in the user's head"
    kinds = frozenset({ActionKind.ACTION, ActionKind.SEARCH, ActionKind.ANSWER, ActionKind.FINISH})
    user_backends = ("scripted", "llm")
    judged_users = ("llm",)
    traits: ClassVar[Mapping[str, tuple[Trait, ...]]] = {"scripted": tuple(Trait)}
    source = TaskSource(
        own=by_index(tasks.generate),
        sizes=tasks.SIZES,
        levels=tasks.LEVELS,
        data=tasks.Trip,
        components=tasks.components,
        hidden=tasks.hidden,
        policies=agents.POLICIES,
    )
    user: Traveller

    def __init__(self, *, volunteer_after: int = 3, **settings: Any) -> None:
        super().__init__(**settings)
        if volunteer_after < 1:
            raise ConfigError(f"volunteer_after={volunteer_after} must be at least 1 question")
        self.volunteer_after = volunteer_after
        self._trip: dict[str, Booking] = {}
        self._decided: dict[str, float] = {}

    def make_user(self, wishes: Wishes) -> Traveller:
        """The user of one episode, who has these wishes: aspect to attribute to value."""
        if self.user_backend == "scripted" or self.llm is None or self.judge is None:
            return ScriptedTraveller(wishes, self.np_random, self.volunteer_after)
        return ModelTraveller(wishes, self.np_random, self.volunteer_after, model=self.llm, judge=self.judge)

    def instructions(self) -> str:
        most = f", of at most {MOST_CHARACTERS} characters" if self.user_backend == "llm" else ""
        return (
            "You book a trip for a user. For each thing to book, two attributes matter; the user wishes one value for each.\n"
            f"Every turn you take one action, and you have {self.horizon} turns:\n"
            "[search] history - the user's past bookings, which may show wishes that were not stated\n"
            "[search] hotel area beach style quiet - the hotels with these values, cheapest first (any number of attributes)\n"
            f"[action] Which area for the hotel? - a question to the user, about one attribute of one thing{most}\n"
            "[answer] H4 - recommend one option; you have one recommendation for each thing to book\n"
            "[finish] - end here\n"
            "The cheapest option that meets both wishes is worth most, a dearer one that meets both a little less, any other "
            "nothing. Questions and recommendations take the user's time; searches do not."
        )

    def begin(self, task: Task) -> str:
        bookings = load(task)
        self._trip = {booking.aspect: booking for booking in bookings}
        self._decided = {}
        wishes = {b.aspect: {w.attribute: w.value for w in b.wishes} for b in bookings}
        self.user = self.make_user(wishes)
        needs = " and ".join(f"a {name}" if name[0] != "a" else f"an {name}" for name in self._trip)
        sentences = [f"Please book {needs}."]
        for booking in bookings:
            matter = " and ".join(wish.attribute for wish in booking.wishes)
            stated = [wish for wish in booking.wishes if wish.source == Source.STATED]
            for wish in stated:
                self.user.tell(wish.attribute)
            told = "".join(f", {wish.attribute} should be {wish.value}" for wish in stated)
            sentences.append(f"For the {booking.aspect} {matter} matter{told}.")
        return " ".join(sentences)

    def on_search(self, content: str) -> Outcome:
        words = _TOKEN.findall(content.lower())
        if words[:1] == ["history"]:
            return Outcome(self._history())
        aspect = next((ASPECTS[word] for word in words if word in ASPECTS), None)
        if aspect is None:
            return Outcome("Unknown search. Search history, or one of " + ", ".join(self._trip) + " with attributes.")
        if aspect.name not in self._trip:
            return Outcome(f"The user did not ask for a {aspect.name}.")
        filters: dict[str, str] = {}
        attribute: str | None = None
        for word in words:
            if word == aspect.name:
                continue
            if attribute is None:
                if word not in aspect.attributes:
                    return Outcome(f"The {aspect.name} has no attribute {word}, only {', '.join(aspect.attributes)}.")
                attribute = word
            else:
                if word not in aspect.attributes[attribute]:
                    return Outcome(f"The {attribute} can be {', '.join(aspect.attributes[attribute])}, not {word}.")
                filters[attribute], attribute = word, None
        if attribute is not None:
            return Outcome(f"Give a value for {attribute}: {', '.join(aspect.attributes[attribute])}.")
        found = [o for o in self._trip[aspect.name].options if all(o.values[n] == v for n, v in filters.items())]
        if not found:
            return Outcome(f"No {aspect.name} matches.")
        listed = ", ".join(f"{option.id} {option.price}" for option in found[:SHOWN])
        return Outcome(f"{len(found)} match, cheapest first: {listed}.")

    def on_answer(self, content: str) -> Outcome:
        ids = _ID.findall(content)
        if len(ids) != 1:
            return Outcome("Recommend exactly one option by its id, please.")
        letter, number = ids[0]
        aspect = LETTER_ASPECT[letter.upper()]
        option_id = f"{letter.upper()}{number}"
        booking = self._trip.get(aspect)
        if booking is None or all(option.id != option_id for option in booking.options):
            return Outcome(f"There is no option {option_id}.")
        if aspect in self._decided:
            return Outcome(f"The {aspect} is settled already.")
        acceptable = [option.id for option in booking.acceptable]
        value = BEST if option_id == acceptable[0] else ACCEPTABLE if option_id in acceptable else 0.0
        self._decided[aspect] = value
        self.user.settle(aspect)
        verdict = {BEST: "is perfect", ACCEPTABLE: "is fine"}.get(value, "is not what I wanted")
        done = len(self._decided) == len(self._trip)
        success = done and all(v > 0 for v in self._decided.values())
        return Outcome(f"{option_id} {verdict}.", value / len(self._trip), done, success)

    def belief(self, task: Task) -> Belief | None:
        return WishBelief(load(task)) if self.user_backend == "scripted" and self.persona is None else None

    def _history(self) -> str:
        found = [
            f"{b.aspect} {w.attribute} {w.value}" for b in self._trip.values() for w in b.wishes if w.source == Source.HISTORY
        ]
        return f"Past bookings: {', '.join(found)}." if found else "Past bookings: nothing about this trip."
