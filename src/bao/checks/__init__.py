"""What can be proved of a gym without a model."""

from bao.checks.adversaries import ADVERSARIES, Exploit, exploits
from bao.checks.gym import PROOFS, prove

__all__ = ["ADVERSARIES", "PROOFS", "Exploit", "exploits", "prove"]
