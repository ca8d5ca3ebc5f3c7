"""The figures of the page, in their order."""

from collections.abc import Callable, Mapping, Sequence

from lstmx.report.inspection import _dynamics, _flow, _gates, _memory, _pairs, _structure
from lstmx.report.inspection._findings import Finding
from lstmx.report.inspection._subject import Subject

Made = Finding | list[Finding] | None
"""What a function returns: a figure, several that belong together, or None for none."""
TOGETHER: Mapping[str, tuple[str, Callable[[Sequence[Subject]], Made]]] = {
    "time_scales": ("Time scales of the units", _gates.time_scales),
    "gradient_reach": ("How far back a gradient reaches", _flow.reach),
    "lyapunov": ("Does a small difference grow?", _dynamics.spectrum),
    "decoding": ("What can be decoded from the state", _memory.decoding),
    "dimensions": ("In how many dimensions the state moves", _memory.dimensions),
    "pruning": ("How many weights it needs", _structure.pruning),
    "position": ("The metric over the sequence", _structure.by_position),
}
"""Name -> title, and a function of all runs."""
ALONE: Mapping[str, tuple[str, Callable[[Subject], Made]]] = {
    "gates": ("Gates in one sequence", _gates.gate_maps),
    "gradients_over_time": ("Gradient of the loss by the state", _flow.over_time),
    "saliency": ("What the output depends on", _flow.salient),
    "eigenvalues": ("Fast and slow modes of a step", _dynamics.eigenvalues),
    "fixed_points": ("Fixed points at the mean input", _dynamics.fixed),
    "plane": ("Trajectories of the state", _memory.plane),
}
"""Name -> title, and a function of one run."""
PAIRS: Mapping[str, tuple[str, Callable[[Sequence[Subject]], Made]]] = {
    "representations": ("Similar representations?", _pairs.representations),
    "dynamics": ("Similar dynamics?", _pairs.dynamics),
}
"""Name -> title, and a function of two runs or more."""
