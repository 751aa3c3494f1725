"""Models that know the label of every labelled question, and models that do not care."""

import re
from typing import Any

from pydantic import BaseModel

from bao.gyms.probe import Role, probes
from bao.gyms.readings import every, readings
from bao.gyms.search.user import TOLD
from bao.users.llm import Prompt

_FACT = re.compile(
    r"[^\s,;:]+@\S+\w|#\w+|\w+_\d+|\d[^.;]*|[A-Z][a-z]+(?: [A-Z][a-z]+)+|"
    "gift card|PayPal account|credit card|what I paid with"
)
_QUOTED = re.compile(r'^(?:- [^"]*|\w+, \w+): "([^"]*)"', re.MULTILINE)


def perfect(gym: str, role: Role) -> Any:
    """What a model answers that is always right, from what it is told alone and the labels."""
    return {
        ("telepathy", Role.USER): _telepathy,
        ("telepathy", Role.JUDGE): _guesses,
        ("turtle", Role.USER): _turtle,
        ("turtle", Role.JUDGE): _accounts,
        ("intention", Role.USER): _quotes,
        ("intention", Role.JUDGE): _details,
        ("travel", Role.USER): _quotes,
        ("travel", Role.JUDGE): lambda prompt, schema: {"about": _label("travel", prompt).replace("nothing", "vague")},
        ("search", Role.USER): _search,
        ("search", Role.JUDGE): _answers,
        ("persuade", Role.USER): _persuade,
        ("tau", Role.USER): lambda prompt, schema: {"message": _facts(prompt.role), "done": False},
    }[gym, role]


def telepathic(thing: str, question: str) -> str:
    """The right answer to a labelled question of telepathy."""
    right = {probe.name: probe.label for probe in probes("telepathy", Role.USER)}
    return right[f"{thing}: {question}"]


def _thing(prompt: Prompt) -> str:
    found = re.search("The thing: (.*)", prompt.role)
    assert found is not None
    return found[1]


def _telepathy(prompt: Prompt, schema: type[BaseModel]) -> dict[str, Any]:
    return {"thought": "", "answer": telepathic(_thing(prompt), prompt.said["question"])}


def _guesses(prompt: Prompt, schema: type[BaseModel]) -> dict[str, Any]:
    rows = {(title, guess): right for title, guess, right in every("telepathy", "guesses")}
    return {"thought": "", "same": rows[_thing(prompt), prompt.said["guess"]]}


def _title(prompt: Prompt) -> str:
    found = re.search("Title: (.*)", prompt.role)
    assert found is not None
    return found[1]


def _turtle(prompt: Prompt, schema: type[BaseModel]) -> dict[str, Any]:
    rows = {(title, question): right for title, question, right in every("turtle", "seen", "set_aside")}
    words = {"irrelevant": "does not matter", "unknown": "cannot say"}
    right = rows[_title(prompt), prompt.said["question"]]
    return {"answer": words.get(right, right)}


def _accounts(prompt: Prompt, schema: type[BaseModel]) -> dict[str, Any]:
    rows = {tuple(row) for row in every("turtle", "accounts_seen", "accounts_set_aside")}
    right = (_title(prompt), prompt.said["account"]) in rows
    found = re.search(r"judged by these (\d+)", prompt.role)
    assert found is not None
    return {"scores": [float(right)] * int(found[1])}


def _quotes(prompt: Prompt, schema: type[BaseModel]) -> dict[str, Any]:
    return {"reply": " and ".join(_QUOTED.findall(prompt.role)) or "What do you mean?"}


def _details(prompt: Prompt, schema: type[BaseModel]) -> dict[str, Any]:
    listed = dict(re.findall(r"^\d+\. (.*) \(such as: (.*)\)$", prompt.role, re.MULTILINE))
    right = [about for _, question, about in every("intention", "seen", "set_aside") if question == prompt.said["question"]]
    fitting = next(about for about in right if set(about) <= set(listed))
    return {"covered": [list(listed).index(each) for each in fitting]}


def _label(gym: str, prompt: Prompt) -> str:
    return next(str(row[-1]) for row in every(gym, "seen", "set_aside") if row[-2] == prompt.said["question"])


def _search(prompt: Prompt, schema: type[BaseModel]) -> dict[str, Any]:
    label, question = _label("search", prompt), prompt.said["question"]
    if label.startswith("candidates"):
        name = re.search(r"It is (.+)\. Never say this name", prompt.role)
        assert name is not None
        telling = name[1].removeprefix("The ").split()
        named = telling[0] in question or (
            len(telling) > 1 and telling[-1] in question and telling[-1] not in ("Bridge", "Works")
        )
        return {"reply": "That is the one that I mean." if named else "None of those is meant."}
    if label == "nothing":
        return {"reply": "Ask me for one thing about it."}
    facts = next(line for line in prompt.role.splitlines() if line.startswith("What you know about it"))
    lead, _, rest = TOLD[label].partition("{value}")
    pattern = f"{re.escape(lead)}([^.]+?){re.escape(rest)}"
    told = re.findall(pattern, facts.removeprefix("What you know about it: "))
    value = told[0].rpartition(". ")[2] if told else "that I do not know"
    return {"reply": f"{lead}{value}{rest}"}


def _answers(prompt: Prompt, schema: type[BaseModel]) -> dict[str, Any]:
    rows = {(question, answer): right for question, _, answer, right in every("search", "answers")}
    found = re.search("The question: (.*)", prompt.role)
    assert found is not None
    return {"equivalent": rows[found[1], prompt.said["answer"]]}


def _persuade(prompt: Prompt, schema: type[BaseModel]) -> dict[str, Any]:
    weighing = re.search("Only these kinds of considerations weigh with you: (.*?)\\.", prompt.role)
    assert weighing is not None
    rows = [row for part in ("seen", "aside") for row in readings("persuade")[part]["arguments"]]
    kind = next(kind for _, kind, argument in rows if argument == prompt.said["argument"])
    return {"reply": "I see.", "stance": "Agree" if kind in weighing[1].split(", ") else "Strongly Agree"}


def _facts(role: str) -> str:
    """Everything a customer knows, a sentence of it at a time, not recited."""
    told = role.partition("What you know and want:\n")[2].partition("\n\nHow you write")[0]
    return " / ".join(_FACT.findall(told))
