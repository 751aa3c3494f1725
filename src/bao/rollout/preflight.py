"""Whether a gym, as it was set up, can play every task: found out before the first episode and not in the middle of them."""

from collections.abc import Iterable
from typing import NoReturn

from bao.errors import ConfigError
from bao.gym import Gym
from bao.task import Task
from bao.trajectory import Fault, FaultError


class _Mute:
    """Stands in for the model that plays the user, so that finding out costs no request."""

    def ask(self, *_: object, **__: object) -> NoReturn:
        raise FaultError(Fault.USER_UNAVAILABLE, "no request is made before the first episode")


def check_playable(gym: Gym, tasks: Iterable[Task]) -> None:
    """Begin every task once. The gym is of no use for episodes afterwards.

    Raises `ConfigError` with the number of tasks that are refused, the first one's reason, and where settings are given.
    """
    gym.llm = None if gym.llm is None else _Mute()
    gym.judge = None if gym.judge is None else _Mute()
    count, refused = 0, []
    for task in tasks:
        count += 1
        try:
            gym.reset(seed=0, options={"task": task})
        except ConfigError as error:
            refused.append(str(error))
        except FaultError:
            pass  # it would have asked the model: nothing but the model's reply was missing
    if refused:
        raise ConfigError(
            f"{len(refused)} of {count} tasks cannot be played: {refused[0]}. Settings of the gym are given as "
            "gym.settings.NAME (`bao eval --set gym.settings.NAME=VALUE`), a model as `--user-model MODEL@BASE_URL`"
        )
