"""What a trained network remembers, and why: arrays in, arrays out, for any cell and model.

Analyses of gates read a trace of `lstmx.unroll` or `Model.apply`. Analyses of gradients and
dynamics see the step as a map of one vector, the joint state of all layers, see `system`.
"""

from lstmx.analysis import (
    degeneracy,
    fixed_points,
    gates,
    geometry,
    gradients,
    jacobians,
    lesion,
    lyapunov,
    memory,
    saliency,
    similarity,
    structure,
)
from lstmx.analysis._system import System, system, trajectory

__all__ = [
    "System",
    "degeneracy",
    "fixed_points",
    "gates",
    "geometry",
    "gradients",
    "jacobians",
    "lesion",
    "lyapunov",
    "memory",
    "saliency",
    "similarity",
    "structure",
    "system",
    "trajectory",
]
