"""What can be proved of a gym without a model."""

from bao.checks.adversaries import ADVERSARIES, Exploit, exploits
from bao.checks.gym import CAUTIONS, PROOFS, cautions, prove

__all__ = ["ADVERSARIES", "CAUTIONS", "PROOFS", "Exploit", "cautions", "exploits", "prove"]
