"""What the gym asks of a customer, whoever plays it: a script (`bao.gyms.tau.retail.user`) or a model (`bao.gyms.tau.llm`)."""

from typing import NamedTuple, Protocol

from bao.user import User


class Reply(NamedTuple):
    text: str
    goodbye: bool = False


class Customer(User, Protocol):
    """The customer of one episode."""

    def opening(self) -> str:
        """The first message; called once, first."""

    def note(self, tool: str, order: str) -> None:
        """A tool has changed `order` (or, with no order, the profile)."""

    def hear(self, output: str) -> None:
        """The agent's message, about to be answered, holds a text that it had to say."""

    def settled(self) -> bool:
        """Whether the customer waits for nothing any more."""

    def reply(self, message: str) -> Reply:
        """The answer to one message. A `bao.trajectory.FaultError` leaves the customer as it was."""

    def answer(self, question: str) -> str:
        return self.reply(question).text
