"""The LSTM of 2002: forget gates and peepholes. Gers, Schraudolph & Schmidhuber 2002.

    i = sigma(W_i x + R_i h + p_i c + b_i)
    f = sigma(W_f x + R_f h + p_f c + b_f)
    c' = f c + i g(W_z x + R_z h + b_z)        g(v) = v
    o = sigma(W_o x + R_o h + p_o c' + b_o)    the output gate reads the new cells
    h' = o g_out(c')                           g_out(v) = v

S cells form a block and share its gates, and a gate has a peephole from every cell of its block.
g is the identity as in the paper's timing tasks, and g_out with it; both are options.

Deviation: the gradient is complete; `truncated=True` is the paper's (see "lstm1997"), where errors
do not pass through peepholes either.
"""

from lstmx.cells import _memory_blocks
from lstmx.types import Cell

LABEL = "LSTM 2002"
BIBTEX = """
@article{gers2002timing,
  author = {Felix A. Gers and Nicol N. Schraudolph and Jürgen Schmidhuber},
  title = {Learning Precise Timing with {LSTM} Recurrent Networks},
  journal = {Journal of Machine Learning Research},
  volume = {3},
  pages = {115--143},
  year = {2002},
}
"""


def cell(
    hidden_size: int = 64,
    *,
    block_size: int = 1,
    recurrence: str = "cells",
    biases: str = "all",
    input_activation: str = "identity",
    output_activation: str = "identity",
    input_bias: tuple[float, ...] = (),
    forget_bias: tuple[float, ...] = (),
    output_bias: tuple[float, ...] = (),
    weight_range: float = 0.1,
    truncated: bool = False,
) -> Cell:
    """An LSTM of 2002.

    Args:
        hidden_size: number of cells H in all blocks together.
        block_size: number of cells S of a block.
        recurrence: what feeds all units: "all" units, the "cells" alone, or "none" (no R).
        biases: which units have one: "all", the "gates" alone, or "none".
        input_activation: g: "wide" for 4 sigma - 2, or a name of `_gates.ACTIVATIONS`.
        output_activation: g_out: "narrow" for 2 sigma - 1, or a name of `_gates.ACTIVATIONS`.
        input_bias: initial value of b_i, one number for each block; () samples it as weights. The
            paper has 0.
        forget_bias: initial value of b_f, likewise; the paper has -2.
        output_bias: initial value of b_o, likewise; the paper has 2.
        weight_range: weights are sampled from U(-weight_range, weight_range).
        truncated: whether gradients are truncated as in the paper.

    Raises:
        ValueError: a size below one; H that is no multiple of S; an unknown name; biases of
            units without a bias, or not one for each block; a range that is not positive.
    """
    return _memory_blocks.make(
        "lstm2002",
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
