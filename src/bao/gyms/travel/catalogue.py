"""What can be booked: aspects, their attributes and values, and the words by which people name them.

No value word belongs to two attributes, so a value names its attribute and an attribute names its aspect.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Aspect:
    """One thing to book. Option ids are ``letter`` + number, as in UserRL's travel gym."""

    name: str
    letter: str
    words: frozenset[str]
    """Words by which a question names the aspect."""
    attributes: Mapping[str, tuple[str, ...]]
    """Attribute name to its values."""


ASPECTS: Mapping[str, Aspect] = {
    aspect.name: aspect
    for aspect in (
        Aspect("flight", "F", frozenset(["flight", "flights", "fly", "plane", "flying"]), {
            "seat": ("window", "aisle", "front", "exit"),
            "time": ("morning", "noon", "evening", "night"),
            "cabin": ("economy", "premium", "business", "luxury"),
        }),
        Aspect("hotel", "H", frozenset(["hotel", "hotels", "stay", "room"]), {
            "area": ("beach", "centre", "hills", "station"),
            "style": ("modern", "classic", "family", "quiet"),
            "board": ("breakfast", "half", "full", "none"),
        }),
        Aspect("restaurant", "R", frozenset(["restaurant", "restaurants", "dinner", "table", "eat"]), {
            "cuisine": ("italian", "indian", "japanese", "mexican"),
            "mood": ("cosy", "lively", "elegant", "casual"),
            "place": ("terrace", "indoors", "rooftop", "garden"),
        }),
        Aspect("apartment", "A", frozenset(["apartment", "apartments", "flat"]), {
            "floor": ("ground", "middle", "top", "attic"),
            "kitchen": ("small", "large", "shared", "galley"),
            "view": ("sea", "park", "street", "court"),
        }),
        Aspect("car", "C", frozenset(["car", "cars", "rental", "drive"]), {
            "size": ("mini", "compact", "estate", "van"),
            "fuel": ("petrol", "diesel", "hybrid", "electric"),
            "pickup": ("airport", "downtown", "harbour", "doorstep"),
        }),
    )
}  # fmt: skip

_WORDS: Mapping[str, str] = {
    "time": "time when depart departs departing departure hour early earlier late later leave leaving takeoff",
    "cabin": "cabin class",
    "area": "area location neighbourhood neighborhood district part town where",
    "style": "style atmosphere character",
    "board": "board meals meal catering eating",
    "cuisine": "cuisine food cooking eat dish dishes",
    "mood": "mood ambience ambiance vibe atmosphere",
    "place": "place seating outdoors outdoor outside indoor inside where",
    "seat": "seat seats sit sitting seating",
    "floor": "floor storey level high",
    "kitchen": "kitchen cook cooking",
    "view": "view views overlook overlooks overlooking",
    "size": "size big bigger",
    "fuel": "fuel engine run runs",
    "pickup": "pickup collect collecting collection where",
}


def _by_word(words: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
    named: dict[str, tuple[str, ...]] = {}
    for attribute, row in words.items():
        for word in row.split():
            named[word] = (*named.get(word, ()), attribute)
    return named


ATTRIBUTE_ASPECT: Mapping[str, str] = {name: aspect.name for aspect in ASPECTS.values() for name in aspect.attributes}
VALUE_ATTRIBUTE: Mapping[str, str] = {
    value: name for aspect in ASPECTS.values() for name, values in aspect.attributes.items() for value in values
}
ATTRIBUTE_WORDS: Mapping[str, tuple[str, ...]] = _by_word(_WORDS)
"""Words by which a question names an attribute, which names its aspect. Where several attributes share a word, the first is
meant unless the question names the aspect of another."""
GENERIC_WORDS: Mapping[str, tuple[str, ...]] = _by_word({"style": "kind type"})
"""Words that name an attribute only in a question that names none otherwise."""
LETTER_ASPECT: Mapping[str, str] = {aspect.letter: aspect.name for aspect in ASPECTS.values()}
VALUES_PER_ATTRIBUTE = 4
