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
        Aspect(
            "flight", "F", frozenset({"flight", "flights", "fly", "plane", "flying"}),
            {
                "seat": ("window", "aisle", "front", "exit"),
                "time": ("morning", "noon", "evening", "night"),
                "cabin": ("economy", "premium", "business", "first"),
            },
        ),
        Aspect(
            "hotel", "H", frozenset({"hotel", "hotels", "stay", "room"}),
            {
                "area": ("beach", "centre", "hills", "station"),
                "style": ("modern", "classic", "family", "quiet"),
                "board": ("breakfast", "half", "full", "none"),
            },
        ),
        Aspect(
            "restaurant", "R", frozenset({"restaurant", "restaurants", "dinner", "table", "eat"}),
            {
                "cuisine": ("italian", "indian", "japanese", "mexican"),
                "mood": ("cosy", "lively", "elegant", "casual"),
                "place": ("terrace", "indoors", "rooftop", "garden"),
            },
        ),
        Aspect(
            "apartment", "A", frozenset({"apartment", "apartments", "flat"}),
            {
                "floor": ("ground", "middle", "top", "attic"),
                "kitchen": ("small", "large", "shared", "open"),
                "view": ("sea", "park", "street", "court"),
            },
        ),
        Aspect(
            "car", "C", frozenset({"car", "cars", "rental", "drive"}),
            {
                "size": ("mini", "compact", "estate", "van"),
                "fuel": ("petrol", "diesel", "hybrid", "electric"),
                "pickup": ("airport", "downtown", "harbour", "doorstep"),
            },
        ),
    )
}  # fmt: skip

ATTRIBUTE_WORDS: Mapping[str, str] = {
    "seat": "seat", "seats": "seat", "sit": "seat",
    "time": "time", "when": "time", "depart": "time", "departure": "time", "hour": "time",
    "cabin": "cabin", "class": "cabin",
    "area": "area", "location": "area", "neighbourhood": "area", "neighborhood": "area", "district": "area", "where": "area",
    "style": "style", "kind": "style", "atmosphere": "style",
    "board": "board", "meals": "board", "meal": "board",
    "cuisine": "cuisine", "food": "cuisine", "cooking": "cuisine",
    "mood": "mood", "ambience": "mood", "vibe": "mood",
    "place": "place", "seating": "place", "outdoors": "place",
    "floor": "floor", "storey": "floor", "level": "floor",
    "kitchen": "kitchen",
    "view": "view", "overlooking": "view",
    "size": "size", "big": "size", "bigger": "size",
    "fuel": "fuel", "engine": "fuel",
    "pickup": "pickup", "collect": "pickup", "collection": "pickup",
}  # fmt: skip
"""Words by which a question names an attribute; the attribute names its aspect."""

ATTRIBUTE_ASPECT: Mapping[str, str] = {name: aspect.name for aspect in ASPECTS.values() for name in aspect.attributes}
VALUE_ATTRIBUTE: Mapping[str, str] = {
    value: name for aspect in ASPECTS.values() for name, values in aspect.attributes.items() for value in values
}
LETTER_ASPECT: Mapping[str, str] = {aspect.letter: aspect.name for aspect in ASPECTS.values()}
VALUES_PER_ATTRIBUTE = 4
