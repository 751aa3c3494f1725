"""What a scripted agent says to the user who holds a claim, and how it reads the replies."""

import re

from bao.gyms.data import table
from bao.gyms.persuade.stance import STANCES
from bao.gyms.persuade.words import Kind

ASK_WHY = "Why do you think so, and what weighs with you?"
GENERIC = tuple(table(__package__, "words.toml")["against_any_claim"].splitlines())
"""What can be said against any claim."""

WEIGHS = re.compile(r"What weighs with me is ([^.]+)\.")
CONCERN = re.compile(r"I would think again if I saw that (.+)\.$")
BRUSHED = re.compile(r"You speak of ([^.]+), which does not decide")
STANCE = re.compile(rf"My stance is (?:now|still): ({'|'.join(STANCES)})\.")
KIND = re.compile("|".join(Kind))


def sentence(concern: str) -> str:
    """A concern as a sentence of its own."""
    return f"It is plain to see that {concern}."
