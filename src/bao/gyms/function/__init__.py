"""The function gym: find a hidden rule of four numbers by probing it, then give its value on the test inputs."""

from bao.gyms.function.gym import Function

__all__ = ["Function"]
