"""The customer-service gym: learn what a customer wants, look it up in the shop's database, and change what may be changed."""

from bao.gyms.tau.gym import Tau

__all__ = ["Tau"]
