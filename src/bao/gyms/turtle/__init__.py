"""The turtle gym: find the hidden story behind a puzzling one by questions that are answered with yes or no."""

from bao.gyms.turtle.gym import Turtle

__all__ = ["Turtle"]
