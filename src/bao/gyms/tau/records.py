"""UserRL's lists of tau-bench's tasks. The databases lie elsewhere, in tau-bench's own folders; a task only names its one."""

from typing import Any

from pydantic import BaseModel, Field

from bao.gyms.tau.domains import AIRLINE, DOMAINS, RETAIL
from bao.gyms.tau.retail.instruction import read_instruction
from bao.gyms.tau.retail.wishes import wish_to_json
from bao.gyms.tau.tasks import NAME
from bao.gyms.userrl import Record, readers
from bao.task import Split, Task


class Call(BaseModel):
    name: str
    kwargs: dict[str, Any]


class Goal(BaseModel):
    user_id: str
    actions: list[Call]
    instruction: str
    outputs: list[str] = Field(default_factory=list)


class Info(BaseModel):
    task: Goal


class ServiceRecord(Record):
    """One entry of ``tau_train.json`` or ``tau_test.json``."""

    plural = "tau-bench's tasks"
    files = ("tau_train.json", "tau_test.json")
    id: str
    obs: str = ""
    """The customer's first message, made beforehand."""
    info: Info

    def task(self, split: Split) -> Task:
        """A task whose instruction is put into wishes where it is of the training users' template."""
        domain = self.id.split("-")[0]
        if domain not in DOMAINS:
            raise ValueError(f"the id must begin with {RETAIL}- or {AIRLINE}-")
        goal = self.info.task
        read_text = read_instruction(goal.instruction) if domain == RETAIL else None
        identity, wishes = read_text if read_text is not None else ({}, ())
        data = {
            "database": domain,
            "user_id": goal.user_id,
            "identity": dict(identity),
            "wishes": [wish_to_json(w) for w in wishes],
            "actions": [{"name": action.name, "arguments": action.kwargs} for action in goal.actions],
            "outputs": goal.outputs,
            "instruction": goal.instruction,
            "opening": self.obs,
        }
        level = sum(DOMAINS[domain].toolbox.writes(action.name) for action in goal.actions)
        return Task(self.id, NAME, data, split, level)


READERS = readers(ServiceRecord)
