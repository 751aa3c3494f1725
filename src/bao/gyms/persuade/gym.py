"""The persuade gym: argue against a claim that a user holds; asking first tells what weighs with them.

``action`` is a question to the user, ``answer`` an argument against the claim. The user's stance starts at Strongly Agree and
can move over seven levels to Strongly Disagree, which ends the episode as a success. The reward is the best level reached so
far, in sixths: r_t = (b_t - b_(t-1)) / 6, so an episode earns at most 1.

The scripted user is a transparent persona. It tests the loop, the reward and the algorithms: it is plumbing, and its scores
say nothing about the ability to persuade and may not be reported as if they did. With ``user="llm"`` a language model plays a
simulated persuadee (`bao.gyms.persuade.llm`), which also plays UserRL's tasks; its scores are of that model.

What differs from UserRL's gym: the reward is on the best level so far (there it is on the last turn's, so that an agent that
moves the user to and fro for 16 turns earns 6.67); a stance is one of seven values or a fault of the user, and never free text
that is stored; questions have a kind of their own; the splits share no claim. `bao.gyms.persuade.stance.userrl_rewards` gives
UserRL's value for the same stances.
"""

from collections.abc import Mapping
from typing import ClassVar

from bao.action import ActionKind, Outcome
from bao.errors import ConfigError
from bao.gym import Gym
from bao.gyms.persuade import agents, llm, tasks
from bao.gyms.persuade.llm import QUESTION_MOST, LLMPersuadee
from bao.gyms.persuade.stance import LEVEL, STANCES, TOP, Stance, read_stance
from bao.gyms.persuade.user import LEVELS_A_TURN, WORDS_MOST, Persuadee, ScriptedPersuadee
from bao.gyms.persuade.words import Kind
from bao.task import Task
from bao.task_source import TaskSource
from bao.user import ASKED_ONLY, Trait


class Persuade(Gym):
    name = "persuade"
    version = 3
    about = "argue against a claim that a user holds (the scripted persona is plumbing, not a measure of persuasion)"
    user_backends = ("scripted", "llm")
    fidelity_notes: ClassVar[Mapping[str, str]] = {
        "scripted": (
            "The scripted persuadee counts which listed considerations an argument names. Its scores test the plumbing and are "
            "no measure of persuasion; do not compare them with those of a user played by a language model."
        ),
        "llm": (
            "The persuadee is simulated by a language model. Its scores say what moves that model as instructed here and "
            "not what moves people; compare them only where model and settings are the same."
        ),
    }
    """What to show wherever scores of this gym are, by user backend."""
    kinds = frozenset({ActionKind.ACTION, ActionKind.ANSWER, ActionKind.FINISH})
    traits: ClassVar[Mapping[str, tuple[Trait, ...]]] = {"scripted": (*ASKED_ONLY, Trait.VOLUNTEERING)}
    source = TaskSource(
        own=tasks.own_tasks,
        levels=tasks.LEVELS,
        data=tasks.ClaimTask,
        components=tasks.components,
        hidden=tasks.hidden,
        policies=agents.POLICIES,
        bounds=frozenset({"oracle", "debater", "ask_then_debate"}),
        readers=tasks.READERS,
    )
    user: Persuadee

    def begin(self, task: Task) -> str:
        """Raises `ConfigError` on a task of UserRL's, which holds nothing for the scripted user to consider."""
        if self.user_backend == "llm":
            assert self.llm is not None, "Gym.__init__ refuses user='llm' without a model"
            self.user = LLMPersuadee(task, self.llm)
        elif tasks.is_userrl(task):
            raise ConfigError(
                f"user={self.user_backend!r} cannot play the task {task.id!r}: UserRL's tasks hold no considerations. "
                "Let a model play the user (user='llm'), play the gym's own tasks (task_set), or add the fields reason, "
                "considerations and weighs to its data"
            )
        else:
            self.user = ScriptedPersuadee(tasks.load(task))
        self._best = 0
        return f"The user holds this claim: {task.data['claim']}. Their stance: {Stance.STRONGLY_AGREE}. Argue against it."

    @property
    def fidelity_note(self) -> str:
        """To be shown wherever scores of this gym are."""
        return self.fidelity_notes[self.user_backend]

    def instructions(self) -> str:
        """What the agent is told. A scripted persona is plumbing, not a measure of persuasion (`fidelity_note`)."""
        return self._for_model() if self.user_backend == "llm" else self._for_scripted()

    def _for_model(self) -> str:
        return (
            "A user holds a claim. Move their stance from Strongly Agree to Strongly Disagree by arguing against it.\n"
            f"Every turn you take one action, and you have {self.horizon} turns:\n"
            "[action] Why do you think so? - a short question to the user about why they hold the claim, at most "
            f"{QUESTION_MOST} characters; it moves no stance\n"
            f"[answer] .. - an argument against the claim, at most {llm.WORDS_MOST} words\n"
            "[finish] - end here\n"
            f"The stances are, in order, {', '.join(STANCES)}. The user tells you theirs after each argument; sound reasons "
            "that are new to them move it, and it may move back. You are credited with the furthest stance that they reach."
        )

    def _for_scripted(self) -> str:
        return (
            "A user holds a claim. Move their stance from Strongly Agree to Strongly Disagree by arguing against it.\n"
            f"Every turn you take one action, and you have {self.horizon} turns:\n"
            "[action] Why do you think so? - a question to the user: why they hold the claim and what weighs with them, or "
            f"what they would think about one of {', '.join(Kind)}\n"
            f"[answer] .. - an argument against the claim, in whole English sentences, at most {WORDS_MOST} words\n"
            "[finish] - end here\n"
            f"Each new consideration that weighs with the user moves them one of six levels, at most {LEVELS_A_TURN} a turn; "
            "one sentence makes one point. What they have heard already moves nothing. Only some kinds of consideration weigh "
            "with this user: an argument that brings up another is brushed aside as a whole. An insult moves them one level "
            "back, until you apologise. You are credited with the furthest stance that they reach."
        )

    def on_answer(self, content: str) -> Outcome:
        """Raises `FaultError` where the user gives a stance that is none of the seven; nothing is stored then."""
        reply, said = self.user.hear(content)
        level = LEVEL[read_stance(said)]
        if level <= self._best:
            return Outcome(reply)
        reward = (level - self._best) / TOP
        self._best = level
        done = level == TOP
        return Outcome(reply, reward, done, done)
