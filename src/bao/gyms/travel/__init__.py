"""The travel gym: book what a user wants whose wishes are partly stated, partly on file, partly only in their head."""

from bao.gyms.travel.gym import Travel

__all__ = ["Travel"]
