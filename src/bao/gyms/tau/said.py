"""Texts that an agent has to say, and where they occur in what it says."""

import re
from dataclasses import dataclass

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
NUMBERS_MOST = 10
"""Different numbers that a message may hold and still tell one of them: whoever lists what it might be has not found it out."""
_STANDING = re.compile(r"(?<![\w#.])\d+(?:\.\d+)?(?!\w)")


@dataclass(frozen=True, slots=True)
class Output:
    """A text to say. Case and the commas of thousands do not matter."""

    text: str
    pattern: re.Pattern[str]

    def occurs(self, message: str) -> bool:
        plain = message.lower().replace(",", "")
        return self.pattern.search(plain) is not None and len(set(_STANDING.findall(plain))) <= NUMBERS_MOST


def output(text: str) -> Output:
    """`text` as something to say: a number must stand by itself (10 is not in 2010), with any zeros behind its point.

    >>> output("54.1").occurs("That makes $54.10."), output("4").occurs("Order 42 costs 3.4.")
    (True, False)
    """
    plain = text.lower().replace(",", "")
    pattern = re.escape(plain)
    if _NUMBER.fullmatch(plain):
        zeros = "0*" if "." in plain else r"(?:\.0+)?"
        pattern = rf"(?<![\w#])(?<!\d\.){pattern}{zeros}(?!\w)(?!\.\d)"
    return Output(text, re.compile(pattern))
