"""What a user that is a model costs beside its own latency: ``python -m benchmarks.llm_user``.

64 episodes at once, each 8 questions to a model that takes 100 ms to answer: `tests.support.stub_endpoint`, in another process.
The gym is the benchmark's own, with a role, a talk, a schema and a leak check of the usual size. Three figures, each the median
of three runs after one that opens the connections:

* ``llm_user_code_share``: CPU seconds of this process (`time.process_time`, its threads' system calls included), divided by
  the wall seconds of all episodes added up. It is the share of an episode's wall time that is spent in our code.
* ``llm_user_beside_latency_share``: the share of the episodes' wall seconds that is not the 100 ms of each question. It holds
  our code and besides it what waiting for the interpreter and for a core adds, and the server's own work, whose timers
  alone are up to 1 ms late: an upper bound.
* ``llm_user_cpu_seconds_per_question``: the CPU seconds above, divided by the number of questions.

And one of the batched engine (`bao.models.engine`), with an untrained model of the embedded one's size, four times as many
episodes, and a user that takes 500 ms:

* ``llm_user_engine_wall_ratio``: wall seconds of playing, divided by requests x latency / 64, what waiting alone would take. It
  holds the start and the tail, in which fewer than 64 episodes wait, and the decoding that no waiting hides.
"""

import json
import statistics
import time
from collections.abc import Callable, Mapping
from typing import ClassVar

from pydantic import BaseModel

from bao.action import Action, ActionKind, Outcome, Parsed
from bao.gym import Gym
from bao.policy import Policy
from bao.rollout.episodes import play_all
from bao.task import Split, Task, TaskSet
from bao.users.leaks import leak_check
from bao.users.llm import Prompt, Simulator
from bao.users.settings import llm_settings
from bao.users.simulator import LLMSimulator, simulator
from tests.support.stub_endpoint import Messages, serving

EPISODES_AT_ONCE = 64
QUESTIONS = 8
LATENCY = 0.1
"""Seconds that the model takes."""
RUNS = 3
ENGINE_LATENCY = 0.5
_ROLE = "You know what the agent seeks and answer its questions with yes or no. " * 15
_SECRETS = ("elephant", "The keeper had switched off the light, so a ship ran aground and many people drowned that night.")


class _Reply(BaseModel):
    yes: bool
    reply: str


class Questions(Gym):
    """Every question goes to the model; the episode ends at the horizon."""

    name = "questions"
    about = "ask a model"
    kinds = frozenset({ActionKind.ACTION})
    conventions: ClassVar[Mapping[str, frozenset[ActionKind]]] = {"all": frozenset({ActionKind.ACTION})}
    horizon_default = QUESTIONS
    user_backends = ("llm",)

    def begin(self, task: Task) -> str:
        self._heard: list[str] = []
        self._check = leak_check(_SECRETS, "reply")
        return "Ask."

    def instructions(self) -> str:
        return "Ask."

    def on_action(self, content: str) -> Outcome:
        assert self.llm is not None
        said = {"history": "\n".join(self._heard), "question": content}
        reply = self.llm.ask(Prompt(_ROLE, said), _Reply, self._check)
        self._heard += [content, reply.reply]
        return Outcome(reply.reply)

    @classmethod
    def task_set(cls, split: Split | str, size: int | None = None, levels: tuple[int, ...] | None = None) -> TaskSet:
        return TaskSet.of(Task(f"{number}", cls.name, {}) for number in range(size or EPISODES_AT_ONCE))

    @classmethod
    def check_task(cls, task: Task) -> None:
        pass

    @classmethod
    def scripted_policies(cls) -> "Mapping[str, Callable[[Gym, int], Policy]]":
        return {"asker": lambda gym, seed: _Asker(seed)}


class _Asker:
    name = "asker"

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._asked = 0

    def begin(self, system: str, opening: str) -> None:
        pass

    def act(self, observation: str) -> Parsed:
        self._asked += 1
        return Parsed("", Action(ActionKind.ACTION, f"Has it to do with number {self._asked} of {self._seed}?"), None)


def healthy(messages: Messages) -> object:
    """What the model answers."""
    return {"yes": True, "reply": "Yes, in a way it has to do with that."}


def play(user: Simulator) -> dict[str, float]:
    """One run: as many episodes as play at once, by name. Raises `RuntimeError` where an episode failed."""
    start = time.process_time()
    episodes = play_all(
        lambda: Questions(user="llm", llm=user),
        lambda gym, seed: _Asker(seed),
        Questions.task_set("test").tasks,
        concurrency=EPISODES_AT_ONCE,
    )
    cpu, wall = time.process_time() - start, sum(episode.seconds for episode in episodes)
    if any(len(episode.turns) != QUESTIONS for episode in episodes):
        raise RuntimeError(f"an episode failed: {next(e.fault_detail for e in episodes if len(e.turns) != QUESTIONS)}")
    questions = QUESTIONS * len(episodes)
    return {
        "llm_user_code_share": cpu / wall,
        "llm_user_beside_latency_share": 1 - questions * LATENCY / wall,
        "llm_user_cpu_seconds_per_question": cpu / questions,
    }


class _AnyTurn(Questions):
    """As `Questions`, for a model whose turns are mostly unreadable."""

    on_none = Questions.on_action


def engine_wall_ratio() -> float:
    """The batched engine's figure. Raises `RuntimeError` where an episode failed."""
    from bao.models.engine import Engine  # torch takes long to import
    from bao.models.settings import ModelSection
    from bao.models.tiny import TinySize
    from bao.policies.prompt import PromptForm
    from bao.rollout.request import GymLimits, Limits, Request
    from tests.support.small_model import small_local

    size = ModelSection()
    local = small_local(size=TinySize(size.hidden, size.layers, size.heads, size.kv_heads, size.feedforward, size.vocabulary))
    tasks = Questions.task_set("test", 4 * EPISODES_AT_ONCE)
    with serving(healthy, latency=ENGINE_LATENCY) as url:
        user = LLMSimulator(llm_settings({"model": "stub", "base_url": url, "concurrency": EPISODES_AT_ONCE}))
        engine = Engine(
            local.model,
            local.template,
            lambda: _AnyTurn(user="llm", llm=user),
            limits=Limits(16, 64 * QUESTIONS),
            form=PromptForm.BRIEF,
            gym_limits=GymLimits(EPISODES_AT_ONCE),
        )
        episodes = engine.run([Request(task, seed) for seed, task in enumerate(tasks)])
        requests = user.usage.requests
    if any(episode.fault is not None for episode in episodes):
        raise RuntimeError(f"an episode failed: {next(e.fault_detail for e in episodes if e.fault is not None)}")
    return engine.stats.seconds / (requests * ENGINE_LATENCY / EPISODES_AT_ONCE)


def measure() -> dict[str, float]:
    """The figures, by name."""
    with serving(healthy, latency=LATENCY) as url:
        user = simulator({"model": "stub", "base_url": url, "concurrency": EPISODES_AT_ONCE})
        play(user)
        runs = [play(user) for _ in range(RUNS)]
    figures = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    return {**figures, "llm_user_engine_wall_ratio": engine_wall_ratio()}


if __name__ == "__main__":
    print(json.dumps({name: round(figure, 6) for name, figure in measure().items()}, indent=1))
