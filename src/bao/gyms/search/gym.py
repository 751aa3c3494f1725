"""The search gym itself: search, ask what was meant, answer.

It keeps the action kinds and the reward of UserRL's search gym (a right answer is worth 1 and ends the episode, a wrong one is
worth 0 and may be followed by others, a search costs nothing) and reads its questions. What differs:

* Searches go to a corpus at hand, not to the web: the gym's own worlds, or a corpus of the user's (`corpus`). Every search
  works, as often as the turns allow; there is no sixth search that is refused, no key and no connection.
* Answers are judged by `bao.gyms.search.judge`, which needs no model, cannot fail, and takes one answer at a time. Where the
  gym is given a model (`judge`, or `llm`), that looks again at what the rules call wrong; a hedge never gets so far.
* ``action`` is a question to the user, because some of the gym's own questions fit several things. UserRL offers none. The user
  is scripted, or a model with the same knowledge (``user="llm"``, `bao.gyms.search.llm`).
* The end of an episode does not reveal the answer.

A wrong guess costs the user as much as a question. Between two candidates, guessing on takes 1.5 answers in the mean, asking
first a question and an answer; among four, guessing on takes 2.5. So under ``everyday``, the default, asking is worth its price
where more than three things fit; under ``paper``, where only answers count, it always is.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from bao.action import ActionKind, Outcome
from bao.errors import ConfigError
from bao.gym import Gym
from bao.gyms.search import agents, tasks
from bao.gyms.search.corpus import SHOWN, Corpus, read_corpus
from bao.gyms.search.judge import ExactJudge, Verdict
from bao.gyms.search.llm import LLMAsker, LLMJudge
from bao.gyms.search.user import ScriptedAsker
from bao.gyms.search.world import world
from bao.task import Task
from bao.task_source import TaskSource
from bao.user import Trait, User

NO_CORPUS = "none"
"""The value of `corpus` for playing with the book closed."""
CLOSED_BOOK = "There is nothing to search in: answer from what you know."

_VERDICTS: Mapping[Verdict, Outcome] = {
    Verdict.RIGHT: Outcome("Right.", reward=1.0, done=True, success=True),
    Verdict.WRONG: Outcome("Wrong. You may go on and answer again."),
    Verdict.UNREADABLE: Outcome("Give exactly one short answer, without alternatives and without reasons."),
}


class Search(Gym):
    """Answer a question by searching, hop by hop.

    `corpus` serves the tasks that name no world of the gym's own, such as UserRL's: a folder or a file of passages
    (`bao.gyms.search.corpus`), or ``none`` to answer them with the book closed. Such a task cannot begin without it, since no
    passage of the gym's own worlds could answer it. Raises `ConfigError` and `DataError` where it cannot be read.
    """

    name = "search"
    version = 2
    about = "answer questions of one to three hops with a search tool; some fit several things, and only the user knows which"
    user_backends = ("scripted", "llm")
    judged_users = ("scripted", "llm")
    kinds = frozenset({ActionKind.ACTION, ActionKind.SEARCH, ActionKind.ANSWER, ActionKind.FINISH})
    traits: ClassVar[Mapping[str, tuple[Trait, ...]]] = {"scripted": tuple(Trait)}
    source = TaskSource(
        own=tasks.own_tasks,
        sizes=tasks.SIZES,
        levels=tasks.LEVELS,
        data=tasks.SearchTask,
        components=tasks.components,
        hidden=tasks.hidden,
        policies=agents.POLICIES,
        readers=tasks.READERS,
    )

    def __init__(self, *, corpus: str | Path | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        if corpus is not None and not isinstance(corpus, str | Path):
            raise ConfigError(f"corpus={corpus!r} must be the path of a file or folder of passages, or {NO_CORPUS!r}")
        self.corpus = None if corpus is None else str(corpus)
        self._own = None if corpus is None or corpus == NO_CORPUS else read_corpus(Path(corpus))
        self._searched: Corpus | None = None
        self._judge: ExactJudge | LLMJudge = ExactJudge(())

    def instructions(self) -> str:
        return (
            "A user asks you a question. Find the answer by searching a collection of short passages; one search seldom shows "
            "it all, so look things up one after another.\n"
            f"Every turn you take one action, and you have {self.horizon} turns:\n"
            f"[search] founder of Hill Mills - up to {SHOWN} passages that share words with your query, best first; as often "
            "as you like\n"
            "[action] Do you mean Hill Mills or Lake Mills? - a question to the user. Some questions describe a thing so that "
            "several fit, and only the user knows which is meant. The user does not recall its name, but recognises it, and "
            "knows something about it, such as a year\n"
            "[answer] Ann Hill - one short answer: a name in full, a number or a date. A right answer ends the episode; after "
            "a wrong one you may go on\n"
            "[finish] - end here\n"
            "Questions and answers take the user's time; searches do not."
        )

    def begin(self, task: Task) -> str:
        case = tasks.load(task)
        if case.world is not None:
            self._searched = world(case.world).corpus
        elif self.corpus is None:
            raise ConfigError(
                f"corpus is not set, and task {task.id!r} is about no world of the gym's own, whose passages cannot answer it: "
                f"give corpus=PATH, a file or folder of passages, or corpus={NO_CORPUS!r} to answer with the book closed"
            )
        else:
            self._searched = self._own
        self._judge = case.judge
        if self.judge is not None:
            self._judge = LLMJudge(case.question, case.answers, case.judge, self.judge)
        self.user: User = ScriptedAsker(case.question, case.meant)
        if self.user_backend == "llm":
            assert self.llm is not None, "Gym.__init__ refuses user='llm' without a model"
            self.user = LLMAsker(case.question, case.meant, case.answers, self.llm)
        return case.question

    def on_search(self, content: str) -> Outcome:
        return Outcome(CLOSED_BOOK if self._searched is None else self._searched.reply(content))

    def on_answer(self, content: str) -> Outcome:
        return _VERDICTS[self._judge.judge(content)]
