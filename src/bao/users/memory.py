"""Talk: what was asked in an episode and what a model answered, so that it stays consistent with itself.

A question that is asked again in the same words gets the same answer without a call. So each question has to stand by itself:
one that means something else after another question ("And bigger than that?") would get its first answer again.
"""

import json
from enum import StrEnum
from typing import Generic, TypeVar

A = TypeVar("A", bound=StrEnum)


class AnswerMemory(Generic[A]):
    """The questions of one episode with their answers, in the order in which they were first asked."""

    def __init__(self) -> None:
        self._answers: dict[str, tuple[str, A]] = {}

    def answer(self, question: str) -> A | None:
        """The answer to the same question before, whatever its case and white space; None where it is new."""
        known = self._answers.get(folded(question))
        return None if known is None else known[1]

    def note(self, question: str, answer: A) -> None:
        """Remember the answer to a new question."""
        self._answers[folded(question)] = question, answer

    def put(self, question: str) -> dict[str, str]:
        """What a model is shown of the talk (`bao.users.llm.Prompt.said`): the question, and what went before if anything did.

        The history is one JSON object a line, so that no question can pose as two, or as an answer.
        """
        lines = [json.dumps({"question": q, "answer": a}, ensure_ascii=False) for q, a in self._answers.values()]
        return {"history": "\n".join(lines), "question": question} if lines else {"question": question}


def folded(text: str) -> str:
    """The form in which two texts are the same: without regard to case and white space."""
    return " ".join(text.split()).casefold()
