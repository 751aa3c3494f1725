"""The verbs that check a model before it plays the user of a gym, or judges there."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bao.verbs.playing import Settings
from bao.verbs.watching import AnyPath, watching

if TYPE_CHECKING:
    from bao.checks.model import ModelCheck
    from bao.progress import Progress


def check_user(
    model: str,
    /,
    *,
    gym: str,
    out: AnyPath | None = None,
    questions: int = 120,
    concurrency: int = 4,
    api_key_env: str | None = None,
    settings: Settings = None,
    progress: "bool | Progress" = True,
) -> "ModelCheck":
    """Measure how well a model plays the user of a gym, on the gym's labelled questions, and whether it is fit to.

    `bao eval --user-model` looks the result up, and warns where there is none. docs/gyms.md has the limits and their reasons.

    Args:
        model: MODEL@BASE_URL of an OpenAI-compatible endpoint.
        gym: The gym whose user it is to play, or where it is to judge.
        out: Folder for the replies and check.json; the same command over it continues. Default: the state folder, where an
            unfinished check is continued and a finished one begun anew.
        questions: About how many labelled questions to ask, spread over the classes.
        concurrency: The most questions at once; the seconds of a reply are those under this load.
        api_key_env: The environment variable that holds the key of the endpoint; default: no key is sent.
        settings: Settings of the model, as for bao eval: {"gym.settings.llm.temperature": 0.7}, of a judge gym.settings.judge.
        progress: Whether to show the progress; or who watches it.
    """
    return _check("user", "llm", model, gym, out, questions, concurrency, api_key_env, settings, progress)


def check_judge(
    model: str,
    /,
    *,
    gym: str,
    out: AnyPath | None = None,
    questions: int = 120,
    concurrency: int = 4,
    api_key_env: str | None = None,
    settings: Settings = None,
    progress: "bool | Progress" = True,
) -> "ModelCheck":
    """Measure how well a model judges in a gym what rules cannot, on the gym's labelled questions, and whether it is fit to.

    The user's model judges too where no other is given (`bao eval --judge-model`): check it in both roles.
    The arguments are those of `bao check user`.
    """
    return _check("judge", "judge", model, gym, out, questions, concurrency, api_key_env, settings, progress)


def _check(
    role: str,
    table: str,
    model: str,
    gym: str,
    out: AnyPath | None,
    questions: int,
    concurrency: int,
    api_key_env: str | None,
    settings: Settings,
    progress: "bool | Progress",
) -> "ModelCheck":
    from bao.checks.model import check_model
    from bao.errors import ConfigError
    from bao.gyms.probe import Role
    from bao.settings import as_overrides, override_setting
    from bao.users.settings import llm_settings, model_at

    values: dict[str, Any] = {"gym": {"settings": {table: model_at(model, f"bao check {role}", api_key_env)}}}
    for each in as_overrides(settings):
        if not each.startswith(f"gym.settings.{table}."):
            name = each.partition("=")[0]  # its value may be a key
            raise ConfigError(f"--set {name} is no setting of the {role}'s model, such as gym.settings.{table}.temperature")
        override_setting(values, each)
    found = llm_settings(values["gym"]["settings"][table], f"gym.settings.{table}")
    folder = None if out is None else Path(out)
    return check_model(gym, Role(role), found, watching(progress), out=folder, questions=questions, concurrency=concurrency)
