"""The intention gym: find out, by asking, what a vague task leaves open."""

from bao.gyms.intention.gym import Intention

__all__ = ["Intention"]
