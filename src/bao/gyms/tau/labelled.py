"""Labelled messages for a model that plays a shop's customer (`bao.gyms.probe`): does it tell what it is asked for?

Each message goes to a customer of the gym's own test tasks who has the thing to tell, after what that customer said first. What
has to be in the reply are the words that cannot be said otherwise: a number, a name, an address. Messages about anything that a
customer may word freely are left out.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from bao.gyms.probe import Heard, Probe
from bao.gyms.readings import every
from bao.gyms.tau.llm import OWN_RECITED_MOST, LanguageCustomer, instruction_of
from bao.gyms.tau.retail.generate import LEVELS, generate
from bao.gyms.tau.retail.wishes import Topic, Wish
from bao.gyms.tau.tasks import Case, load
from bao.task import Split
from bao.users.llm import Simulator

CUSTOMERS = 40
"""So many of the first test tasks have the customers."""
_FACT = re.compile(r"\S+@\S+\w|#\w+|\w+_\d+|\d{5}")
_PROOFS = {"mail": re.compile(r"mail", re.IGNORECASE), "zip": re.compile(r"\bzip|\bpost(?:al)? ?code", re.IGNORECASE)}
"""How customers prove who they are: each of the gym's own knows one of these."""

Facts = Callable[[Case, Wish], tuple[str, ...]]
_FACTS: Mapping[str, Facts] = {
    Topic.IDENTITY: lambda case, wish: tuple(_FACT.findall(case.identity)),
    Topic.ORDER: lambda case, wish: ((wish.order if wish.order_known else wish.about),) if wish.order else (),
    Topic.ITEMS: lambda case, wish: tuple(item.product for item in wish.items),
    Topic.PAYMENT: lambda case, wish: (wish.payment.removeprefix("my "),) if wish.payment else (),
    Topic.ADDRESS: lambda case, wish: (wish.address.split(",")[0],) if wish.address[:1].isdigit() else (),
}
"""What a reply about a topic holds at least: nothing where this customer has nothing to say to it."""


def user() -> Sequence[Probe]:
    cases = [load(generate(Split.TEST, number, LEVELS)) for number in range(CUSTOMERS)]
    cases = [case for case in cases if len(case.wishes) == 1]
    found = []
    for place, (message, topic) in enumerate(row for row in every("tau", "seen", "set_aside") if row[1] in _FACTS):
        able = [case for case in cases if _FACTS[topic](case, case.wishes[0]) and _can_tell(case, message, topic)]
        if able:
            case = able[place % len(able)]
            found.append(_written(case, message, topic, _FACTS[topic](case, case.wishes[0])))
    return found


def _can_tell(case: Case, message: str, topic: str) -> bool:
    """Not a zip code where the customer knows the e-mail alone, nor the other way about."""
    asked = {name for name, pattern in _PROOFS.items() if pattern.search(message)}
    return topic != Topic.IDENTITY or not asked or any(_PROOFS[name].search(case.identity) for name in asked)


def _written(case: Case, message: str, topic: str, facts: Sequence[str]) -> Probe:
    opening = f"Hello. {case.wishes[0].statement}"
    told = instruction_of(case.identity, case.wishes)

    def put(model: Simulator) -> Heard:
        customer = LanguageCustomer(model, told, opening, recited_most=OWN_RECITED_MOST)
        customer.opening()
        reply = customer.reply(message)
        right = all(fact.casefold() in reply.text.casefold() for fact in facts) and not reply.goodbye
        return Heard(reply.text, right)

    return Probe(f"{case.identity} {message}", topic, put)
