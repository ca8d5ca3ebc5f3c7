"""What a traced program will need: bytes at its peak, products, elements, iterations.

Nothing is compiled. A program is walked as XLA will treat it: pointwise operations and changes of
shape join what reads them, while the results of loops and products, and whatever these read, lie
in buffers. Buffers live from the first use to the last, and the sum at the worst moment is the
prediction. It holds for whatever an engine does, because it is read off what the engine does.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from lstmx import jaxprs

PRODUCTS = ("dot_general", "conv_general_dilated")
VIEWS = ("reshape", "squeeze", "expand_dims", "copy", "stop_gradient", "optimization_barrier")
BUFFERED = (
    "reduce",
    "arg",
    "cum",
    "sort",
    "gather",
    "scatter",
    "dynamic_update",
    "concatenate",
) + ("pad", "random", "threefry")
"""Beginnings of the names of operations that no other reads without a buffer in between."""
COSTLY = ("tanh", "logistic", "exp", "log", "sin", "cos", "erf", "pow", "sqrt", "rsqrt")
ARITHMETIC = ("add", "sub", "mul", "div", "add_any", *COSTLY)
"""Operations that are done once, into a buffer, where several others read the result."""
COSTLY_WEIGHT = 8
"""What a transcendental function costs in additions; measured on a CPU to be 5 to 10."""


class Cost(NamedTuple):
    """What a program needs.

    Attributes:
        peak: bytes of all temporary buffers at the worst moment; arguments are not among them.
        products: floating point operations of one matrix product -> how many there are of it.
        elements: entries that pointwise operations compute, weighted by what they cost.
        moved: bytes of the stacks that loops read and write.
        kernels: pieces of compiled code that are started, one after the other.
    """

    peak: int
    products: Counter[int]
    elements: int
    moved: int
    kernels: int

    @property
    def flops(self) -> int:
        """Floating point operations in matrix products."""
        return sum(each * count for each, count in self.products.items())


def cost(function: Callable[..., Any], *arguments: Any) -> Cost:
    """What a function of arrays needs, from the shapes of its arguments."""
    return _cost(jax.make_jaxpr(function)(*arguments), given=None)


def size_of(tree: Any) -> int:
    """Bytes of all arrays of a tree."""
    return sum(map(_bytes, jax.tree.leaves(tree)))


class _Value:
    """A value of the program: in a `buffer`, or still to be computed from `sources` when read."""

    def __init__(self, size: int, sources: frozenset[int] = frozenset(), buffer: int | None = None):
        self.size, self.sources, self.buffer = size, sources, buffer

    def reads(self) -> frozenset[int]:
        return self.sources if self.buffer is None else frozenset([self.buffer])


class _Walk:
    """The buffers of one program without those inside of its loops, in the order of their use."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.events: list[tuple[list[int], frozenset[int], int]] = []
        self.zeros: dict[tuple[Any, ...], int] = {}
        self.products: Counter[int] = Counter()
        self.elements = self.moved = self.kernels = 0

    def buffer(self, size: int) -> int:
        self.sizes.append(size)
        return len(self.sizes) - 1

    def event(self, made: Sequence[int], read: frozenset[int], inside: int = 0) -> None:
        self.events.append((list(made), read, inside))
        self.kernels += 1

    def materialise(self, value: _Value) -> frozenset[int]:
        """The buffer of a value, made now if it has none; a constant needs none."""
        if value.buffer is None and value.sources:
            value.buffer = self.buffer(value.size)
            self.event([value.buffer], value.sources)
        return frozenset() if value.buffer is None else frozenset([value.buffer])

    def fresh(self, outvars: Sequence[Any], read: frozenset[int], inside: int = 0) -> list[_Value]:
        made = [self.buffer(_bytes(var.aval)) for var in outvars]
        self.event(made, read, inside)
        return [_Value(self.sizes[b], buffer=b) for b in made]

    def run(self, jaxpr: Jaxpr, consts: list[_Value], arguments: list[_Value]) -> list[_Value]:
        uses = Counter(v for eqn in jaxpr.eqns for v in eqn.invars if not isinstance(v, Literal))

        def rule(eqn: Any, operands: list[_Value]) -> list[_Value]:
            results = self.equation(eqn, operands)
            # XLA computes again for each reader what is cheap, and once what is not.
            if eqn.primitive.name in ARITHMETIC and uses[eqn.outvars[0]] > 1:
                self.materialise(results[0])
            return results

        constant = lambda literal: _Value(_bytes(literal.aval))
        return jaxprs.evaluate(jaxpr, consts, arguments, rule, constant)

    def equation(self, eqn: Any, operands: list[_Value]) -> list[_Value]:
        name, inner = eqn.primitive.name, jaxprs.programs(eqn.params)
        if name == "scan":
            return self.scan(eqn, operands)
        if name in ("while", "cond"):
            costs = [_cost(part, given=0) for part in inner]
            for one in costs:
                self.count(one, 1)
            read = _union(self.materialise(v) for v in operands)
            return self.fresh(eqn.outvars, read, max(one.peak for one in costs))
        if inner:  # a call: what is called belongs to this program
            (called,) = inner[:1]
            consts = [_Value(_bytes(c)) for c in called.consts]
            return self.run(called.jaxpr, consts, operands)
        whole = name == "slice" and eqn.invars[0].aval.shape == eqn.outvars[0].aval.shape
        if name in VIEWS or whole:
            return operands
        if name in PRODUCTS:
            self.products[_flops(eqn)] += 1
            return self.fresh(eqn.outvars, _union(self.materialise(v) for v in operands))
        read = _union(v.reads() for v in operands)
        self.elements += sum(math.prod(v.aval.shape) for v in eqn.outvars) * (
            COSTLY_WEIGHT if name in COSTLY else 1
        )
        if name.startswith(BUFFERED):
            return self.fresh(eqn.outvars, read)
        return [_Value(_bytes(var.aval), read) for var in eqn.outvars]

    def scan(self, eqn: Any, operands: list[_Value]) -> list[_Value]:
        """A loop: it reads buffers, and its results are stacked into buffers."""
        (inner,), length = jaxprs.programs(eqn.params), eqn.params["length"]
        # What is cut or stacked has an axis more outside than inside: so in every version of JAX.
        axes = lambda outer, own: [
            len(a.aval.shape) - len(b.aval.shape) for a, b in zip(outer, own)
        ]
        cut = axes(eqn.invars, inner.jaxpr.invars).count(1)
        stacked = axes(eqn.outvars, inner.jaxpr.outvars).count(1)
        fixed, carries = len(operands) - cut, len(eqn.outvars) - stacked
        body = _cost(inner, given=fixed)
        self.count(body, length)
        stacks = self.stack([var.aval for var in eqn.outvars[carries:]])
        self.moved += sum(v.size for v in (*operands[fixed:], *stacks))
        self.kernels += length * len(stacks)
        read = _union(self.materialise(v) for v in operands) | _union(v.reads() for v in stacks)
        return [*self.fresh(eqn.outvars[:carries], read, body.peak), *stacks]

    def stack(self, avals: Sequence[Any]) -> list[_Value]:
        """Where a loop puts its results: zeros at first, made before what the loop reads.

        XLA makes zeros of one shape once, and copies them for all loops but one before the first of
        these starts. So one stack of every loop is in memory from the first loop on.
        """
        now = len(self.events)
        made = [self.buffer(_bytes(aval)) for aval in avals]
        self.event(made, frozenset())
        last = {(*aval.shape, aval.dtype): buffer for aval, buffer in zip(avals, made)}
        for shape, buffer in last.items():
            if shape in self.zeros:
                self.events[now][0].remove(buffer)
                self.events[self.zeros[shape]][0].append(buffer)
            self.zeros.setdefault(shape, now)
        return [_Value(self.sizes[b], buffer=b) for b in made]

    def count(self, part: Cost, times: int) -> None:
        for each, number in part.products.items():
            self.products[each] += number * times
        self.elements += part.elements * times
        self.moved += part.moved * times
        self.kernels += part.kernels * times

    def peak(self, results: list[_Value]) -> int:
        """The largest sum of buffers that are alive at once; results live to the end."""
        last = {b: k for k, (made, read, _) in enumerate(self.events) for b in (*made, *read)}
        last |= dict.fromkeys(_union(v.reads() for v in results), len(self.events))
        ends: dict[int, list[int]] = {}
        for buffer, k in last.items():
            ends.setdefault(k, []).append(buffer)
        alive = highest = 0
        for k, (made, _, inside) in enumerate(self.events):
            alive += sum(self.sizes[b] for b in made)
            highest = max(highest, alive + inside)
            alive -= sum(self.sizes[b] for b in ends.get(k, []))
        return highest


def _cost(program: ClosedJaxpr, given: int | None) -> Cost:
    """The cost of a program.

    Args:
        given: how many arguments lie in buffers; what the others have, a loop cuts out of its
            stacks when it is read. None: all of them.
    """
    walk = _Walk()
    arguments = []
    for k, var in enumerate(program.jaxpr.invars):
        buffer = walk.buffer(0)  # the caller's
        size = _bytes(var.aval)
        if given is None or k < given:
            arguments.append(_Value(size, buffer=buffer))
        else:
            arguments.append(_Value(size, frozenset([buffer])))
    results = walk.run(program.jaxpr, [_Value(_bytes(c)) for c in program.consts], arguments)
    kept = results if given is None else []
    return Cost(walk.peak(kept), walk.products, walk.elements, walk.moved, walk.kernels)


def _flops(eqn: Any) -> int:
    """Multiplications and additions of a product: two for every entry and term of its sum."""
    left, right = (var.aval.shape for var in eqn.invars[:2])
    size = math.prod(eqn.outvars[0].aval.shape)
    if eqn.primitive.name == "dot_general":
        (summed, _), _ = eqn.params["dimension_numbers"]
        return 2 * size * math.prod(left[axis] for axis in summed)
    features = eqn.params["dimension_numbers"].rhs_spec[0]
    return 2 * size * math.prod(right) // right[features]


def _bytes(aval: Any) -> int:
    return math.prod(aval.shape) * int(getattr(aval.dtype, "itemsize", 4))


def _union(sets: Any) -> frozenset[int]:
    return frozenset().union(*sets)
