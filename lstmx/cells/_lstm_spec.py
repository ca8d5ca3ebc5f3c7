"""The options of an LSTM as data, `LSTMSpec`, and the variants by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lstmx import checks, initializers
from lstmx.cells import _gates

VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "V": {},
    "NIG": {"input_gate": False},
    "NFG": {"forget_gate": False},
    "NOG": {"output_gate": False},
    "NIAF": {"input_activation": "identity"},
    "NOAF": {"output_activation": "identity"},
    "CIFG": {"coupled": True},
    "NP": {"peepholes": "none"},
    "FGR": {"gate_recurrence": True},
}
"""Variant -> options that differ from the vanilla LSTM, V. Greff et al. 2017, section III."""

MEANINGS = {
    "V": "the LSTM with peepholes",
    "NIG": "no input gate",
    "NFG": "no forget gate",
    "NOG": "no output gate",
    "NIAF": "no input activation function",
    "NOAF": "no output activation function",
    "CIFG": "coupled input and forget gate, f = 1 - i",
    "NP": "no peepholes, what is usually called the LSTM",
    "FGR": "full gate recurrence: gates read the gates of the step before",
}
"""Variant -> what it is, in words; all but V say what they change of V."""

FLAGS = (
    "input_gate",
    "forget_gate",
    "output_gate",
    "coupled",
    "input_peephole",
    "gate_recurrence",
    "capped",
)
"""Options that are True or False."""


@dataclass(frozen=True)
class LSTMSpec:
    """The options of an LSTM; the defaults are the vanilla LSTM, V. Absent gates have no
    parameters.

    Attributes:
        hidden_size: number of cells H.
        input_gate: whether the cell has one; without it i = 1.
        forget_gate: whether the cell has one; without it f = 1.
        output_gate: whether the cell has one; without it o = 1.
        coupled: f = 1 - i, with the input gate learned.
        peepholes: "none", "diagonal" or "full".
        output_peephole: whether the output gate reads the "new" cell state c' or the "old" c.
        input_peephole: whether the cell input z has a peephole, from the old cell state.
        gate_recurrence: every gate also reads all gates of the previous step.
        input_activation: of the cell input z.
        output_activation: of the cell state, before the output gate.
        capped: c' = f c + min(1 - f, i) z.
        block_size: number of cells that share one set of gates.
        heads: number of parts of h, each of which acts on one part of the pre-activations.
        projection: size P of h = W_hr m with m the H outputs of the cells; 0 is none, h = m.
        cell_clip: largest |c|; 0 is off.
        projection_clip: largest |h| after the projection; 0 is off.
        forget_bias: initial value of b_f; with coupled gates, of -b_i.
        forget_start: initializer of b_f: "constant", or a name of `initializers.FORGET_STARTS`.
        chrono: longest dependency, in steps, of the chrono initialization of biases; 0 is off.
        initializer: initializer of W and R.

    Raises:
        ValueError: on construction, for values that are unknown or that contradict each other.
    """

    hidden_size: int = 64
    input_gate: bool = True
    forget_gate: bool = True
    output_gate: bool = True
    coupled: bool = False
    peepholes: str = "diagonal"
    output_peephole: str = "new"
    input_peephole: bool = False
    gate_recurrence: bool = False
    input_activation: str = "tanh"
    output_activation: str = "tanh"
    capped: bool = False
    block_size: int = 1
    heads: int = 1
    projection: int = 0
    cell_clip: float = 0.0
    projection_clip: float = 0.0
    forget_bias: float = 1.0
    forget_start: str = "constant"
    chrono: int = 0
    initializer: str = "orthogonal"

    def __post_init__(self) -> None:
        self._check_values()
        self._check_contradictions()

    @property
    def gate_width(self) -> int:
        """The size of a gate, H / S."""
        return self.hidden_size // self.block_size

    @property
    def out_features(self) -> int:
        """The size of h: P, or H without a projection."""
        return self.projection or self.hidden_size

    @property
    def learned_gates(self) -> tuple[str, ...]:
        """The gates that have parameters, in the order i, f, o."""
        forget = self.forget_gate and not self.coupled
        gates = {"i": self.input_gate, "f": forget, "o": self.output_gate}
        return tuple(gate for gate, learned in gates.items() if learned)

    @property
    def blocks(self) -> _gates.Blocks:
        """The pre-activations in the order i, f, z, o, with sizes where these differ."""
        names = tuple(g for g in ("i", "f", "z", "o") if g == "z" or g in self.learned_gates)
        if self.block_size == 1:
            return names
        return {g: self.hidden_size if g == "z" else self.gate_width for g in names}

    @property
    def peephole_gates(self) -> tuple[str, ...]:
        """The pre-activations with a peephole, which reads the cell state."""
        if self.peepholes == "none":
            return ()
        return self.learned_gates + (("z",) if self.input_peephole else ())

    def _check_values(self) -> None:
        _gates.check_blocks(self.hidden_size, self.block_size)
        _gates.check_heads(self.heads, hidden_size=self.hidden_size, projection=self.projection)
        for name in ("projection", "cell_clip", "projection_clip"):
            if not getattr(self, name) >= 0:
                raise ValueError(
                    f"{name}={getattr(self, name)}; expected a positive number, or 0 for off"
                )
        for name in FLAGS:
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name}={getattr(self, name)!r}; expected True or False")
        checks.one_of("peepholes", self.peepholes, ("none", "diagonal", "full"))
        checks.one_of("output_peephole", self.output_peephole, ("new", "old"))
        for name in ("input_activation", "output_activation"):
            checks.one_of(name, getattr(self, name), _gates.ACTIVATIONS)
        checks.one_of("initializer", self.initializer, initializers.STARTS)
        _gates.check_chrono(self.chrono, self.forget_bias, 1.0, "forget_bias")
        starts = ("constant", *initializers.FORGET_STARTS)
        checks.one_of("forget_start", self.forget_start, starts)

    def _check_contradictions(self) -> None:
        none, by_unit = self.peepholes == "none", self.forget_start != "constant"
        contradictions = {
            "coupled=True makes f = 1 - i of the input gate, but input_gate=False; "
            "change one of them": self.coupled and not self.input_gate,
            "coupled=True makes f = 1 - i, but forget_gate=False sets f = 1; "
            "change one of them": self.coupled and not self.forget_gate,
            "output_peephole='old' needs an output gate, but output_gate=False": (
                self.output_peephole == "old" and not self.output_gate
            ),
            "output_peephole='old' needs peepholes='diagonal' or 'full', but peepholes='none'": (
                self.output_peephole == "old" and none
            ),
            "input_peephole=True needs peepholes='diagonal' or 'full', but peepholes='none'": (
                self.input_peephole and none
            ),
            f"peepholes={self.peepholes!r} but nothing reads the cell state: all gates are "
            "off and input_peephole=False": not none and not self.peephole_gates,
            "gate_recurrence=True but there is no gate": (
                self.gate_recurrence and not self.learned_gates
            ),
            "capped=True limits i by 1 - f, but coupled=True makes f = 1 - i; "
            "change one of them": self.capped and self.coupled,
            "capped=True limits i by 1 - f, but forget_gate=False sets f = 1; "
            "change one of them": self.capped and not self.forget_gate,
            f"heads={self.heads} and block_size={self.block_size} group the same cells twice; "
            "leave one of them at 1": self.heads > 1 and self.block_size > 1,
            f"projection_clip={self.projection_clip} needs a projection, but projection=0": (
                self.projection_clip > 0 and not self.projection
            ),
            f"chrono={self.chrono} sets the bias of the forget gate, but forget_gate=False": (
                self.chrono > 0 and not self.forget_gate
            ),
            f"forget_start={self.forget_start!r} sets the bias of the forget gate, but "
            "forget_gate=False": by_unit and not self.forget_gate,
            f"forget_start={self.forget_start!r} is not a constant, but "
            f"forget_bias={self.forget_bias}; leave it at 1.0": by_unit and self.forget_bias != 1,
            f"forget_start={self.forget_start!r} and chrono={self.chrono} both set the bias of the "
            "forget gate; leave one of them out": by_unit and self.chrono > 0,
        }
        for line, contradicts in contradictions.items():
            if contradicts:
                raise ValueError(line)
