"""Cells over time: `unroll` one, run it in both directions, stack several; `scan` any step.

This package defines what is computed: masks, lengths, resets, direction, noise. The engines
(`lstmx.engines`) define how.
"""

from lstmx.sequence._checks import check_state
from lstmx.sequence._inputs import check_steps
from lstmx.sequence._scan import ScanPlan, scan, scan_plan
from lstmx.sequence._stack import (
    SKIP_CONNECTIONS,
    Layer,
    Stack,
    check_widths,
    init_stack,
    initial_states,
    out_features,
    stack,
    stack_features,
)
from lstmx.sequence._unroll import bidirectional, unroll

__all__ = [
    "SKIP_CONNECTIONS",
    "Layer",
    "ScanPlan",
    "Stack",
    "bidirectional",
    "check_state",
    "check_steps",
    "check_widths",
    "init_stack",
    "initial_states",
    "out_features",
    "scan",
    "scan_plan",
    "stack",
    "stack_features",
    "unroll",
]
