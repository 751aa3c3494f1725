"""The Pareto frontier of policies: objectives, dominance, hypervolume, attainment, and how sure each of them is."""

from bao.measures.catalogue import Direction
from bao.pareto.attainment import attainment_surfaces
from bao.pareto.candidate import Candidate
from bao.pareto.dominance import dominates, hypervolumes, normalise
from bao.pareto.frontier import distinct_points, frontier
from bao.pareto.hull import hull_hypervolumes
from bao.pareto.objective import OBJECTIVES, Objective, Worst
from bao.pareto.result import Bound, Frontier, FrontierPoint, HypervolumeDifference

__all__ = [
    "Bound", "Direction", "Candidate", "Frontier", "FrontierPoint", "HypervolumeDifference", "OBJECTIVES", "Objective", "Worst",
    "attainment_surfaces", "distinct_points", "dominates", "frontier", "hull_hypervolumes", "hypervolumes",
    "normalise",
]  # fmt: skip
