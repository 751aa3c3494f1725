"""Labelled arguments for a model that plays the persuadee (`bao.gyms.probe`): it says which kinds weigh with it.

An argument is put twice, to a user with whom its kind weighs and to one with whom it does not, where the claim's tasks have
both. The first has to move, and the second has not.
"""

from collections.abc import Sequence

from bao.gyms.persuade.llm import LLMPersuadee
from bao.gyms.persuade.stance import Stance
from bao.gyms.persuade.tasks import LEVELS, load, own_tasks
from bao.gyms.probe import Heard, Probe
from bao.gyms.readings import readings
from bao.task import Split, Task
from bao.users.llm import Simulator

_LABELS = {True: "weighs", False: "does not weigh"}


def user() -> Sequence[Probe]:
    tasks: dict[str, list[Task]] = {}
    for task in (task for split in Split for task in own_tasks(split, None, LEVELS)):
        tasks.setdefault(task.id.split("-", 2)[2].rpartition("-")[0], []).append(task)
    found = []
    for part in ("seen", "aside"):
        for claim, kind, argument in readings("persuade")[part]["arguments"]:
            for weighs in (True, False):
                held = next((task for task in tasks[claim] if (kind in load(task).weighing) == weighs), None)
                if held is not None:
                    found.append(_argued(held, kind, argument, weighs))
    return found


def _argued(task: Task, kind: str, argument: str, weighs: bool) -> Probe:
    def put(model: Simulator) -> Heard:
        user = LLMPersuadee(task, model)
        stance = user.hear(argument).stance
        moved = stance != Stance.STRONGLY_AGREE
        return Heard(str(stance), moved == weighs, moved, user.repaired)

    return Probe(f"{task.id}, {kind} {_LABELS[weighs]}: {argument}", _LABELS[weighs], put, yes=weighs)
