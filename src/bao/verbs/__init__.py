"""What is done with policies, in Python: each verb does what the command of its name does, with the same defaults and results.

The commands call these functions. Every verb imports what it needs when it is called, so that ``import bao`` and ``bao --help``
stay light.
"""

from bao.verbs.checking import check_judge, check_user
from bao.verbs.judging import compare, frontier, load, report
from bao.verbs.playing import evaluate, run
from bao.verbs.pricing import prices
from bao.verbs.sweeping import sweep

__all__ = ["check_judge", "check_user", "compare", "evaluate", "frontier", "load", "prices", "report", "run", "sweep"]
