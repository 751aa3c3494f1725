"""Where each estimator of advantages leads, against the objective: ``python -m benchmarks.estimator_bias docs``.

In the toy an agent finishes for .3, or asks its user at the price w and then is right with probability p, which pays 1. Asking
is best where p - w > .3. For every (p, w), training starts at asking half of the time and takes 60 steps along the estimator's
*expected* gradient, found by enumerating every group: nothing is drawn. Shown is how often the policy asks in the end, less
how often it does after as many steps along the objective's own gradient, over the default's scale.

Writes ``estimator_bias.png`` to the given folder, and prints the share of cells in which each ends on the wrong side of one
half.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bao.train.credit import Estimator, Mixing, Scale
from bao.train.settings import CreditSection
from benchmarks.toy import Enumeration, ask_once, ask_once_logits

Table = npt.NDArray[np.float64]
ASK = 1
"""Index of the logit of asking."""
FINISH = 0.3
RIGHT = np.linspace(0.40, 0.98, 30)
PRICES = np.linspace(0.01, 0.69, 35)
ESTIMATORS = {
    "default (scale = batch)": CreditSection(),
    "scale = group": CreditSection(scale=Scale.GROUP),
    "mixing = late": CreditSection(mixing=Mixing.LATE),
    "trajectory (plain GRPO)": CreditSection(estimator=Estimator.TRAJECTORY),
    "paper (BAO's text)": CreditSection(estimator=Estimator.PAPER),
    "userrl_equalized": CreditSection(estimator=Estimator.USERRL_EQUALIZED),
    "userrl_reward_to_go, gamma .8": CreditSection(estimator=Estimator.USERRL_REWARD_TO_GO, gamma=0.8),
    "userrl_exponential": CreditSection(estimator=Estimator.USERRL_EXPONENTIAL),
}


class Ends(NamedTuple):
    """P(ask) after training [prices, chances of being right]."""

    reached: Table
    off: Table
    """Less what the objective's own gradient leads to."""

    @property
    def wrong(self) -> float:
        """Share of the cells that end on the wrong side of one half, those without a right side left out."""
        gain = RIGHT[None, :] - PRICES[:, None] - FINISH
        clear = np.abs(gain) > 1e-9
        return float(np.mean(((self.reached > 0.5) != (gain > 0))[clear]))


def trained(credit: CreditSection, group_size: int, *, truly: bool = False) -> Table:
    """P(ask) after training in every cell; `truly` as in `benchmarks.toy.Enumeration.train`."""
    table = np.zeros((len(PRICES), len(RIGHT)))
    for row, price in enumerate(PRICES):
        found = Enumeration(ask_once(float(price)), group_size, credit)
        for column, right in enumerate(RIGHT):
            logits = found.train(ask_once_logits(0.5, float(right)), ASK, truly=truly)
            table[row, column] = found.toy.policy(logits)[ASK]
    return table


def figure(found: dict[str, Ends], group_size: int) -> Figure:
    """One panel for each estimator."""
    drawn = Figure(figsize=(11, 5.6), dpi=100, layout="constrained", facecolor="white")
    FigureCanvasAgg(drawn)
    panels = drawn.subplots(2, 4, sharex=True, sharey=True)
    for axes, (name, one) in zip(panels.flat, found.items(), strict=True):
        shown = axes.pcolormesh(RIGHT, PRICES, one.off, cmap="RdBu_r", vmin=-1, vmax=1)
        axes.plot(RIGHT, RIGHT - FINISH, color="black", linewidth=1.2, linestyle="--")
        axes.set(xlim=(RIGHT[0], RIGHT[-1]), ylim=(PRICES[0], PRICES[-1]))
        axes.set_title(f"{name}\nwrong side in {one.wrong:.0%} of cells", fontsize=9)
    for axes in panels[-1]:
        axes.set_xlabel("p, chance of a right answer", fontsize=8.5)
    for axes in panels[:, 0]:
        axes.set_ylabel("w, price of asking", fontsize=8.5)
    label = "P(ask) after training, less that of the objective's gradient (red: asks too often)"
    drawn.colorbar(shown, ax=panels, shrink=0.85).set_label(label, fontsize=8.5)
    drawn.suptitle(f"Dashed: asking is worth as much as finishing. Groups of {group_size}, 60 expected steps", fontsize=10)
    return drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder of the picture")
    parser.add_argument("--group-size", type=int, default=4)
    options = parser.parse_args()
    right = trained(CreditSection(), options.group_size, truly=True)
    found = {}
    for name, credit in ESTIMATORS.items():
        reached = trained(credit, options.group_size)
        found[name] = one = Ends(reached, reached - right)
        print(f"{name}: wrong side in {one.wrong:.1%} of cells, P(ask) off by {one.off.min():+.3f} to {one.off.max():+.3f}")
    options.out.mkdir(parents=True, exist_ok=True)
    figure(found, options.group_size).savefig(options.out / "estimator_bias.png")


if __name__ == "__main__":
    main()
