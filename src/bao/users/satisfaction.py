"""How satisfied a user may be with an episode: an estimate from what can be counted in it.

    S = clip(1/4 + 3/4 o - 1/4 q - 1/4 r - 1/4 w, 0, 1)        S = 0 where the user left

``o`` is the outcome: 1 where the task was solved, else the return so far. ``q`` = questions / patience, at most 1; a user
without a limit of their own has the horizon's turns for patience. ``r`` = n / (n + 1) of n repeated questions, and ``w`` = n
/ (n + 1) of n submissions that earned nothing: the first one annoys most. A task solved without a question gives 1, one given
up at once 1/4.

The form is that of PARADISE (Walker, Litman, Kamm and Abella, ACL 1997): task success less weighted costs of the dialogue.
There the weights are regressed on what people answered in questionnaires. Here they are set by hand and *not validated on
people*: use the number to compare policies under one persona, never as a claim about what people would say.
"""

from dataclasses import dataclass

UNTOUCHED, OUTCOME = 0.25, 0.75
"""What nothing at all is worth, and what a solved task adds."""
COST = 0.25
"""Most that the questions, the repetitions and the wrong submissions take away, each."""


@dataclass(slots=True)
class UserExperience:
    """What has happened to a user so far."""

    questions: int = 0
    repeated: int = 0
    """Questions that the user had answered already."""
    wrong: int = 0
    """Submissions that earned nothing."""
    earned: float = 0.0
    """Return so far, in [0, 1]."""
    success: bool = False
    left: bool = False


def satisfaction(experience: UserExperience, patience: int) -> float:
    """S in [0, 1] (see the module) of a user who bears `patience` questions, at least 1."""
    if experience.left:
        return 0.0
    outcome = 1.0 if experience.success else min(max(experience.earned, 0.0), 1.0)
    questions = min(1.0, experience.questions / patience)
    repeated = experience.repeated / (experience.repeated + 1)
    wrong = experience.wrong / (experience.wrong + 1)
    return min(max(UNTOUCHED + OUTCOME * outcome - COST * (questions + repeated + wrong), 0.0), 1.0)
