"""Which rules fit what an agent has seen: those of the candidates' library, each as likely as the others."""

import numpy as np
import numpy.typing as npt

from bao.action import Action, ActionKind
from bao.gyms.function.agents import TEST_INPUTS, VALUE, near
from bao.gyms.function.candidates import library, probe_values
from bao.gyms.function.content import UnreadableError, read_answer


class RuleBelief:
    """The candidates that fit. A rule that the library does not hold leaves none, and what is told from then on is not known.

    A probe tells ``log2(before / after)`` bits. The first look-up of the test inputs is of another kind and not measured; a
    repeated one tells nothing, nor does what was sent back unread.
    """

    def __init__(self) -> None:
        self._fitting: npt.NDArray[np.intp] = np.arange(len(library()))
        self._test: tuple[int, int, int, int] | None = None

    def observe(self, action: Action, reply: str) -> float | None:
        if action.kind == ActionKind.SEARCH:
            return self._look_up(reply)
        if action.kind == ActionKind.ACTION:
            return self._probe(reply)
        if action.kind == ActionKind.ANSWER:
            self._submit(action.content, reply)
        return None

    def _look_up(self, reply: str) -> float | None:
        found = TEST_INPUTS.search(reply)
        if found is None or self._test is not None:
            return 0.0
        a, b, c, d = map(int, found.groups())
        self._test = (a, b, c, d)
        return None

    def _probe(self, reply: str) -> float | None:
        found = VALUE.fullmatch(reply)
        if found is None:
            return 0.0
        a, b, c, d = (int(entry) for entry in found.groups()[:4])
        before = len(self._fitting)
        values = probe_values((a, b, c, d))
        self._keep(near(values[self._fitting], float(found[5]), slack=5e-5 if found[6] else 0.0))
        return float(np.log2(before / len(self._fitting))) if len(self._fitting) else None

    def _submit(self, content: str, reply: str) -> None:
        """A wrong answer excludes the rules that would have given it."""
        if self._test is None or not reply.startswith("Wrong"):
            return
        try:
            answer = float(read_answer(content))
        except (UnreadableError, OverflowError):
            return
        self._keep(~near(library().values(self._test)[self._fitting], answer))

    def _keep(self, mask: npt.NDArray[np.bool_]) -> None:
        self._fitting = self._fitting[mask]
