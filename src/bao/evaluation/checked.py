"""Whether the models of a gym were checked in their roles (``bao check user``, ``bao check judge``) before they are trusted."""

from collections.abc import Mapping
from typing import Any

from bao.gyms.registry import gym_class
from bao.gyms.section import GymSection, make_gym
from bao.progress import Progress
from bao.users.checked import Checked
from bao.users.settings import LLMSettings, llm_settings

_RECORDED = (
    "checked", "fit", "reasons", "questions", "accuracy", "own_words", "yes", "leaks", "malformed", "repaired", "faults",
    "seconds", "settings",
)  # fmt: skip
"""What of a record goes into a summary."""


def models_of(section: GymSection) -> dict[str, LLMSettings]:
    """The models that take part in a gym, by role; the user's judges too where no other does."""
    gym, tables = make_gym(section), section.settings
    found = {}
    if gym.user_backend == "llm" and isinstance(tables.get("llm"), Mapping | LLMSettings):
        found["user"] = llm_settings(tables["llm"])
    judge = tables.get("judge") or tables.get("llm")
    if gym.user_backend in gym.judged_users and isinstance(judge, Mapping | LLMSettings):
        found["judge"] = llm_settings(judge, "judge")
    return found


def checks_of(section: GymSection) -> dict[str, dict[str, Any] | None]:
    """By role, what is recorded of the model that has it; None where it was never checked. Empty without models."""
    found: dict[str, dict[str, Any] | None] = {}
    for role, settings in models_of(section).items():
        record = _subject(section, role, settings).record()
        found[role] = None if record is None else {name: record[name] for name in _RECORDED if name in record}
    return found


def warn_unchecked(section: GymSection, progress: Progress) -> None:
    """Warn of a model that was never checked in its role, was checked under other settings, or is unfit."""
    models = models_of(section)
    for role, record in checks_of(section).items():
        settings = models[role]
        named = f"{settings.model} at {settings.base_url} as the {role} of {section.name}"
        api = "" if settings.api == "chat" else f"openai-{settings.api}:"
        command = f"bao check {role} {api}{settings.model}@{settings.base_url} --gym {section.name}"
        if record is None:
            progress.warn(f"nobody has checked {named}: what it makes of questions is unknown; `{command}` measures it")
        elif not record["fit"]:
            progress.warn(f"{named} is unfit: {'; '.join(record.get('reasons', ()))} (`{command}` measures it again)")
        elif record.get("settings") != settings.identity():
            progress.warn(f"{named} was checked under other settings than it is to play with: `{command}` with the same --set")


def _subject(section: GymSection, role: str, settings: LLMSettings) -> Checked:
    return Checked(role, section.name, gym_class(section.name).version, settings.model, settings.base_url)
