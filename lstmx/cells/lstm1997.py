"""The LSTM of 1997: memory blocks with no forget gate. Hochreiter & Schmidhuber 1997.

    i = sigma(W_i x + R_i q + b_i)
    o = sigma(W_o x + R_o q + b_o)             q = (h, i, o) of the step before
    c' = c + i g(W_z x + R_z q + b_z)          g(v) = 4 sigma(v) - 2
    h' = o g_out(c')                           g_out(v) = 2 sigma(v) - 1

S cells form a block and share its gates. The hidden layer is fully connected, so that gates and
cells are fed by cells and by gates; a readout reads the cells' outputs h only. In the experiments
some networks lack biases, output gates or recurrent weights, which are options here. (The caption
of the paper's Table 10 has the ranges of g and g_out exchanged.)

Deviation: the gradient is complete. `truncated=True` is the paper's: errors that reach the inputs
of a gate or of a cell are not propagated further back, and c alone carries them through time.
"""

from lstmx.cells import _memory_blocks
from lstmx.types import Cell

LABEL = "LSTM 1997"
BIBTEX = """
@article{hochreiter1997lstm,
  author = {Sepp Hochreiter and Jürgen Schmidhuber},
  title = {Long Short-Term Memory},
  journal = {Neural Computation},
  volume = {9},
  number = {8},
  pages = {1735--1780},
  year = {1997},
}
"""


def cell(
    hidden_size: int = 64,
    *,
    block_size: int = 1,
    output_gate: bool = True,
    recurrence: str = "all",
    biases: str = "all",
    input_activation: str = "wide",
    output_activation: str = "narrow",
    input_bias: tuple[float, ...] = (),
    output_bias: tuple[float, ...] = (),
    weight_range: float = 0.1,
    truncated: bool = False,
) -> Cell:
    """An LSTM of 1997.

    Args:
        hidden_size: number of cells H in all blocks together.
        block_size: number of cells S of a block.
        output_gate: whether the cell has one; without it o = 1, as in the paper's experiment 2a.
        recurrence: the units in q: "all" units, the "cells" alone, or "none" (no R).
        biases: which units have one: "all", the "gates" alone, or "none".
        input_activation: g: "wide", "narrow" or a name of `_gates.ACTIVATIONS`.
        output_activation: g_out, likewise.
        input_bias: initial value of b_i, one number for each block; () samples it as weights. The
            paper has (-1, -3, -5) and the like: blocks are then used one after the other in
            training.
        output_bias: initial value of b_o, likewise.
        weight_range: weights are sampled from U(-weight_range, weight_range); 0.1 or 0.2 in the
            paper.
        truncated: whether gradients are truncated as in the paper.

    Raises:
        ValueError: a size below one; H that is no multiple of S; an unknown name; biases for
            gates that are absent, or not one for each block; a range that is not positive.
    """
    return _memory_blocks.make(
        "lstm1997",
        hidden_size,
        block_size,
        recurrence=recurrence,
        biases=biases,
        input_activation=input_activation,
        output_activation=output_activation,
        output_gate=output_gate,
        input_bias=input_bias,
        output_bias=output_bias,
        weight_range=weight_range,
        truncated=truncated,
    )
