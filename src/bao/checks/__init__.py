"""What can be proved of a gym without a model."""

from bao.checks.gym import PROOFS, prove

__all__ = ["PROOFS", "prove"]
