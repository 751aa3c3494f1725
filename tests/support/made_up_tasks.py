"""Tasks made up for the tests of the gyms, in worked numbers and in words that nobody says by chance."""

from collections.abc import Sequence
from typing import Any

from bao.task import Task

RULE = Task("t", "function", {"rule": "a * b - c / d", "test_case": [3, 5, 6, 3], "expected_result": 13})


def detail(description: str, importance: int, inquiry: str, options: Sequence[str]) -> dict[str, Any]:
    return {"description": description, "importance": importance, "inquiry": inquiry, "options": list(options)}


def vague_task(*missing: dict[str, Any], others: Sequence[dict[str, Any]] = (), task: str = "Bake a cake.") -> Task:
    data = {"category": "Baking", "task": task, "missing_details": list(missing), "other_details": list(others)}
    return Task("t", "intention", data)


FLAVOUR = detail("flavour", 3, "Which flavour do you like?", ["zitronello", "mokkarino", "vanillissa"])
GUESTS = detail("number of guests", 2, "How many guests are coming?", ["siebzehnich", "vierundvierzig", "elfundeins"])
COLOUR = detail("colour of the icing", 1, "Which colour should the icing have?", ["kobaltique", "purpurine", "ockerama"])
OVEN = {**detail("oven", 1, "Which oven do you own?", ["gassolino", "electrolo"]), "told": "gassolino"}
TIN = {**detail("tin", 1, "Which tin should I take?", ["rundform", "kastenform"]), "told": None}
CAKE = vague_task(FLAVOUR, GUESTS, COLOUR, others=[OVEN, TIN])
CAKE_POINTS = 2.1
"""What the cake is worth on UserRL's scale: 1.0 + 0.7 + 0.4."""

OWN_OKAPI = {
    "opening": "I am thinking of an animal. Find out what it is.",
    "title": "Okapi",
    "aliases": ["forest giraffe"],
    "class": "hoofed",
    "facts": "s6 africa forest brown striped -herd",
}
OKAPI = Task(
    "e1",
    "telepathy",
    {
        "opening": "I am thinking of an animal. Try to guess what it is!",
        "title": "Okapi",
        "aliases": ["forest giraffe"],
        "gloss": "Okapi - a shy striped relative of the giraffe from the Congo",
    },
)
"""As UserRL's tasks are: without a row of the table."""

INN = "A guest at the inn asks for a room without a window and pays twice its price."
BLIND_GUEST = Task(
    "t",
    "turtle",
    {
        "title": "The Guest",
        "surface": INN,
        "bottom": "The guest is blind. He was robbed through a window once, and his dog barks at every light.",
        "criteria": [
            {"statement": "The guest is blind.", "weight": "0.5", "needs": "blind|not see"},
            {"statement": "He was robbed through a window.", "weight": "0.2", "needs": "rob|burglar|steal & window"},
            {"statement": "He has a dog.", "weight": "0.2", "needs": "dog"},
            {"statement": "The dog barks at light.", "weight": "0.1", "needs": "bark & light"},
        ],
        "against": ["vampire", "king & disguise"],
        "facts": {"yes": ["alone"], "no": ["innkeeper & blind", "rich"], "irrelevant": ["breakfast"]},
    },
)
BARE_GUEST = Task(
    "t",
    "turtle",
    {
        "title": "The Guest",
        "surface": INN,
        "bottom": "The man is blind. He was robbed through a window once, and his dog barks at every light.",
        "criteria": [
            {"statement": "He cannot see.", "weight": "0.5"},
            {"statement": "Thieves came in by the window.", "weight": "0.2"},
            {"statement": "There is a dog.", "weight": "0.2"},
            {"statement": "It barks at light.", "weight": "0.1"},
        ],
    },
)
"""As UserRL's stories are: without annotation."""

TEA = Task(
    "u",
    "persuade",
    {
        "claim": "Tea is better than coffee",
        "argument": "Tea keeps the mind calm through a long day, and a pot of it brings people to one table. Coffee makes "
        "hands shake, costs three times as much and has to be carried across half the world by ships that burn heavy oil. A "
        "leaf that is poured twice wastes nothing, while ground beans are thrown away after one cup and sour the bin.",
    },
)
"""As UserRL's claims are: without considerations."""

AIRCRAFT = Task("w", "search", {"question": "Who built the fastest aircraft?", "answers": ["Lockheed Corporation"]})
