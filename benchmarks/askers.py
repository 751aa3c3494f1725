"""Agents that tell what a measure of diversity sees: six questions an episode, no two alike by their words.

    bao eval benchmarks/askers.py:Paraphraser --tasks 100 --out runs/Paraphraser

docs/measures.md has what came of it.
"""

import random
import zlib

ONE = (
    "Which area should the hotel be in?",
    "Where would you like to stay overnight?",
    "In what part of town do you want your room?",
    "What neighbourhood suits you for sleeping?",
    "Any wish about the location of the accommodation?",
    "Do you have a district in mind for lodging?",
    "Shall I look for beds close to the beach, or downtown?",
    "Name the quarter you prefer for your hotel.",
    "How about the position of the place where you will spend the nights?",
    "Whereabouts ought the inn to lie?",
    "Could you tell me the surroundings you favour for a hotel?",
    "Is there a zone of the city you would rather be lodged in?",
)
MANY = (
    "Which area should the hotel be in?",
    "Where would you like to sit on the plane?",
    "What time of day do you want to fly?",
    "How many people will travel in the car?",
    "Any wish about the cuisine for dinner?",
    "Do you have a fuel in mind for the rental?",
    "Shall I look for a table outside, or in a quiet corner?",
    "Name the floor you prefer for your apartment.",
    "How about breakfast and other meals at the hotel?",
    "Which cabin class ought the ticket to be?",
    "Could you tell me the price that you can pay?",
    "Is there a view from the window you would rather have?",
)


class _Asks:
    pool = MANY

    def begin(self, system: str, opening: str) -> None:
        self.left = random.Random(zlib.crc32(opening.encode())).sample(self.pool, 6)

    def act(self, observation: str) -> str:
        return f"[action] {self.left.pop()}" if self.left else "[finish]"


class Paraphraser(_Asks):
    """One question in twelve wordings."""

    pool = ONE


class Asker(_Asks):
    """Twelve questions."""


class Framed(_Asks):
    """Twelve questions in one polite frame."""

    pool = tuple(
        f"Before I go on, may I ask you one thing about your trip: what do you wish for the {topic}?"
        for topic in (
            "area of the hotel",
            "seat on the plane",
            "time of the flight",
            "size of the car",
            "cuisine of the restaurant",
            "fuel of the car",
            "table at the restaurant",
            "floor of the apartment",
            "meals at the hotel",
            "cabin of the flight",
            "price of the hotel",
            "view from the apartment",
        )
    )
