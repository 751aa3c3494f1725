"""The telepathy gym: find out by yes/no questions what the user is thinking of."""

from bao.gyms.telepathy.gym import Telepathy

__all__ = ["Telepathy"]
