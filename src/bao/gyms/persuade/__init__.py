"""The persuade gym: argue against a claim that a user holds. Its scripted user is plumbing, never a measure of persuasion."""

from bao.gyms.persuade.gym import Persuade

__all__ = ["Persuade"]
