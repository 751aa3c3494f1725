"""Where an episode shows what its task hides (`bao.task`) before anything may show it.

Two kinds of places are looked at:

* **Unasked**: the opening, the instructions, every info, and the first replies to idle actions, which ask nothing (`IDLE`). No
  hidden text may stand there.
* **Replies** in whole episodes, where `Until` decides: what is ``sought`` may stand in any reply but that to ``finish`` or to
  an unreadable action, what is ``asked`` only in replies to ``action``, what must be ``said`` in none. From the moment that
  the agent has said a text itself, or was told it, it is hidden no more.

What is shown may hold a hidden text and yet tell nothing of it: a catalogue names every value that can be wished, an example
holds a number. Shown words tell nothing of a hidden text if most of the tasks to which the gym shows the very same words (for
unasked ones, in the same place) do not hide it: who reads them cannot know that it is hidden here.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from bao.action import Action, ActionKind
from bao.gym import Gym
from bao.rollout.recorded import Recorded
from bao.task import Hidden, Task, Until, is_number, words_of
from bao.trajectory import StopReason

IDLE = ("", "hm", "0", "I do not know.")
"""Contents that ask for nothing and answer nothing."""
TASK_ID = "the task's id"
_PROTOCOL: Mapping[str, type | tuple[type, ...]] = {
    "turn": int,
    "involves_user": bool,
    "success": bool,
    "stop": (StopReason, type(None)),
}


class Leak(NamedTuple):
    task_id: str
    text: str
    where: str

    def __str__(self) -> str:
        return f"{self.task_id} shows {self.text!r} in {self.where}"


@dataclass(frozen=True)
class Shown:
    """What a gym shows of a task unasked: texts by their place, the same places for every task."""

    task: Task
    texts: Mapping[str, str]


def show(gym: Gym, task: Task, seed: int = 0) -> Shown:
    """Play the idle actions of each kind, one an episode, and note all that the gym shows."""
    opening, info = gym.reset(seed=seed, options={"task": task})
    texts = {"the opening": opening, "the instructions": gym.instructions(), "the info of reset": info_text(info)}
    texts[TASK_ID] = str(info.get("task_id", ""))
    for kind in sorted((*gym.kinds, ActionKind.NONE)):
        for content in IDLE:
            gym.reset(seed=seed, options={"task": task})
            reply, _, _, _, info = gym.step(Action(kind, content))
            texts[f"the reply to [{kind}] {content}".rstrip()] = reply
            texts[f"the info of [{kind}] {content}".rstrip()] = info_text(info)
    return Shown(task, texts)


def info_text(info: Mapping[str, Any]) -> str:
    """An info as text, without the task's id and what the protocol puts there: a turn count tells no answer."""
    rest = {
        name: value
        for name, value in info.items()
        if name != "task_id" and not (name in _PROTOCOL and isinstance(value, _PROTOCOL[name]))
    }
    return str(rest) if rest else ""


def unasked_leaks(gym: Gym, shown: Sequence[Shown]) -> Iterator[Leak]:
    """The hidden texts that stand where nothing was asked."""
    secrets = {each.task.id: gym.hidden(each.task) for each in shown}
    readers = _Readers(secrets)
    for each in shown:
        for place, text in each.texts.items():
            readers.add(each.task.id, (place, text))
    for each in shown:
        sought = [(secret.text, words_of(secret.text)) for secret in secrets[each.task.id]]
        for place, text in each.texts.items():
            words = words_of(text)
            for secret, needle in sought:
                if not needle.strip() or needle not in words or readers.learn_nothing((place, text), secret):
                    continue
                if place == TASK_ID and (is_number(secret) or secret in (each.task.gym, each.task.split)):
                    continue  # an id is made of the gym, the split and a running number
                yield Leak(each.task.id, secret, f"{place}: {_excerpt(text)}")


def reply_leaks(gym: Gym, tasks: Sequence[Task], episodes: Sequence[Recorded]) -> Iterator[Leak]:
    """The hidden texts that replies and infos show too early; `episodes` are of `tasks`, one by one."""
    secrets = {task.id: gym.hidden(task) for task in tasks}
    readers = _Readers(secrets)
    for episode in episodes:
        for reply in {step.reply for step in episode.steps}:
            readers.add(episode.task_id, reply)
    for episode in episodes:
        left = {secret: words_of(secret.text) for secret in secrets[episode.task_id]}
        for turn, step in enumerate(episode.steps, start=1):
            said, replied, info = words_of(step.action.content), words_of(step.reply), words_of(info_text(step.info))
            for secret, needle in list(left.items()):
                if not needle.strip():
                    continue
                if needle in info:
                    yield Leak(episode.task_id, secret.text, f"the info of turn {turn}: {_excerpt(info_text(step.info))}")
                if needle in said or (needle in replied and _may_tell(step.action.kind, secret.until)):
                    del left[secret]
                elif needle in replied and not readers.learn_nothing(step.reply, secret.text):
                    del left[secret]
                    where = f"the reply of turn {turn} to [{step.action.kind}]: {_excerpt(step.reply)}"
                    yield Leak(episode.task_id, secret.text, where)


class _Readers:
    """Which tasks are shown which words."""

    def __init__(self, secrets: Mapping[str, Sequence[Hidden]]) -> None:
        self._hidden = {task: {words_of(secret.text) for secret in hidden} for task, hidden in secrets.items()}
        self._tasks: dict[Hashable, set[str]] = {}

    def add(self, task: str, shown: Hashable) -> None:
        self._tasks.setdefault(shown, set()).add(task)

    def learn_nothing(self, shown: Hashable, text: str) -> bool:
        """Whether most tasks that are shown this do not hide `text`."""
        tasks, words = self._tasks[shown], words_of(text)
        return 2 * sum(words in self._hidden[task] for task in tasks) < len(tasks)


def _may_tell(kind: str, until: Until) -> bool:
    if until is Until.SAID or kind in (ActionKind.FINISH, ActionKind.NONE):
        return False
    return until is Until.SOUGHT or kind == ActionKind.ACTION


def _excerpt(text: str) -> str:
    return text if len(text) <= 160 else f"{text[:160]}.."
