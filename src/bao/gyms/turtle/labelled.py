"""Labelled questions and accounts for a model that plays or judges turtle (`bao.gyms.probe`).

A right account of one story is a wrong one of another, and so is a story's surface told over again.
"""

from collections.abc import Sequence

from bao.gyms.probe import Heard, Probe
from bao.gyms.readings import every
from bao.gyms.turtle.llm import ModelUser
from bao.gyms.turtle.tasks import LEVELS, Story, load, own_tasks
from bao.gyms.turtle.user import Reply
from bao.task import Split
from bao.users.llm import Simulator

RIGHT_LEAST, WRONG_MOST = 0.75, 0.25
"""What a right account earns at least, and a wrong one at most: a judge may differ over one statement, not over the story."""
_REPLY = {"yes": Reply.YES, "no": Reply.NO, "irrelevant": Reply.IRRELEVANT, "unknown": Reply.UNKNOWN}
_WORDS = {reply: word for word, reply in _REPLY.items()}


def user() -> Sequence[Probe]:
    stories = _stories()
    return [_asked(stories[title], question, right) for title, question, right in every("turtle", "seen", "set_aside")]


def judge() -> Sequence[Probe]:
    stories, rows = _stories(), every("turtle", "accounts_seen", "accounts_set_aside")
    found = [_told(stories[title], account, True) for title, account in rows]
    for (title, _), (_, account) in zip(rows, [*rows[1:], rows[0]], strict=True):
        found.append(_told(stories[title], account, False))
    return found


def _stories() -> dict[str, Story]:
    return {story.title: story for split in Split for story in map(load, own_tasks(split, None, LEVELS))}


def _asked(story: Story, question: str, right: str) -> Probe:
    def put(model: Simulator) -> Heard:
        said = ModelUser(story, model, model).answer(question)
        return Heard(_WORDS.get(said, str(said)), said is _REPLY[right], said is Reply.YES)

    return Probe(f"{story.title}: {question}", right, put, yes=right == "yes")


def _told(story: Story, account: str, right: bool) -> Probe:
    def put(model: Simulator) -> Heard:
        verdicts = ModelUser(story, model, model).judge(account).verdicts
        earned = sum(float(c.weight) * float(v) for c, v in zip(story.criteria, verdicts, strict=True))
        fits = earned >= RIGHT_LEAST if right else earned <= WRONG_MOST
        return Heard(f"{earned:.2f}", fits, earned > 0.5)

    return Probe(f"{story.title}: {account}", "right" if right else "wrong", put, yes=right)
