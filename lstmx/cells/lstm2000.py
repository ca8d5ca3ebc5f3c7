"""The LSTM of 2000: memory blocks with forget gates. Gers, Schmidhuber & Cummins 2000.

    i = sigma(W_i x + R_i h + b_i)   f = sigma(W_f x + R_f h + b_f)   o = sigma(W_o x + R_o h + b_o)
    c' = f c + i g(W_z x + R_z h)              g(v) = 4 sigma(v) - 2
    h' = o g_out(c')                           g_out(v) = 2 sigma(v) - 1

S cells form a block and share its gates. As in the paper's first experiment gates are not fed by
gates, and cell inputs have no bias; `recurrence="all"` and `biases="all"` are the form of 1997 plus
forget gates. The paper starts forget biases above 0 and the other gates' below, block by block.

Deviation: the gradient is complete; `truncated=True` is the paper's (see "lstm1997").
"""

from lstmx.cells import _memory_blocks
from lstmx.types import Cell

LABEL = "LSTM 2000"
BIBTEX = """
@article{gers2000forget,
  author = {Felix A. Gers and Jürgen Schmidhuber and Fred Cummins},
  title = {Learning to Forget: Continual Prediction with {LSTM}},
  journal = {Neural Computation},
  volume = {12},
  number = {10},
  pages = {2451--2471},
  year = {2000},
}
"""


def cell(
    hidden_size: int = 64,
    *,
    block_size: int = 1,
    recurrence: str = "cells",
    biases: str = "gates",
    input_activation: str = "wide",
    output_activation: str = "narrow",
    input_bias: tuple[float, ...] = (),
    forget_bias: tuple[float, ...] = (),
    output_bias: tuple[float, ...] = (),
    weight_range: float = 0.1,
    truncated: bool = False,
) -> Cell:
    """An LSTM of 2000.

    Args:
        hidden_size: number of cells H in all blocks together.
        block_size: number of cells S of a block.
        recurrence: what feeds all units: "all" units, the "cells" alone, or "none" (no R).
        biases: which units have one: "all", the "gates" alone, or "none".
        input_activation: g: "wide", "narrow" or a name of `_gates.ACTIVATIONS`.
        output_activation: g_out, likewise.
        input_bias: initial value of b_i, one number for each block; () samples it as weights.
        forget_bias: initial value of b_f, likewise; the paper has (0.5, 1, 1.5, 2).
        output_bias: initial value of b_o, likewise.
        weight_range: weights are sampled from U(-weight_range, weight_range).
        truncated: whether gradients are truncated as in the paper.

    Raises:
        ValueError: a size below one; H that is no multiple of S; an unknown name; biases of
            units without a bias, or not one for each block; a range that is not positive.
    """
    return _memory_blocks.make(
        "lstm2000",
        hidden_size,
        block_size,
        recurrence=recurrence,
        biases=biases,
        input_activation=input_activation,
        output_activation=output_activation,
        input_bias=input_bias,
        forget_bias=forget_bias,
        output_bias=output_bias,
        weight_range=weight_range,
        truncated=truncated,
    )
