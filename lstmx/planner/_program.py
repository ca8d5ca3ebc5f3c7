"""The cost of a traced program: peak bytes, products, pointwise elements, bytes moved, kernels.

Nothing is compiled. The walk over the jaxpr imitates how XLA assigns memory, in five steps:

1. Fusion. Pointwise operations and changes of shape are fused into the operation that reads them,
   and take no memory themselves. A value is then "lazy": it only records which buffers it reads.
2. Buffers. Results of loops and matrix products are stored in buffers, and so are their operands:
   a lazy operand is materialized first.
3. Loops. The body of a loop is walked once, as a separate program; its peak is added while the
   loop runs, and its operations count once an iteration.
4. Lifetimes. Every operation with a buffer is an event: buffers it creates, buffers it reads. A
   buffer lives from the event that creates it to the last that reads it.
5. Peak. The largest sum of live buffers over all events is the prediction.

The program is traced from the engine itself, so that a change of an engine needs no change here.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
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
"""Prefixes of the names of operations whose results XLA does not fuse into their readers."""
COSTLY = ("tanh", "logistic", "exp", "log", "sin", "cos", "erf", "pow", "sqrt", "rsqrt")
ARITHMETIC = ("add", "sub", "mul", "div", "add_any", *COSTLY)
"""Operations whose result gets a buffer where several others read it."""
COSTLY_WEIGHT = 8
"""The cost of a transcendental function in additions; measured on a CPU as 5 to 10."""


class Cost(NamedTuple):
    """The cost of a program.

    Attributes:
        peak: largest sum in bytes of temporary buffers that are alive at once, without arguments.
        products: floating point operations of a matrix product -> number of such products.
        elements: array entries computed by pointwise operations, weighted by `COSTLY_WEIGHT`.
        moved: bytes of the stacked arrays that loops read and write.
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
    """The cost of a function of arrays, from the shapes of its arguments."""
    return _cost(jax.make_jaxpr(function)(*arguments), stored=None)


def size_of(tree: Any) -> int:
    """The bytes of all arrays of a tree."""
    return sum(map(_bytes, jax.tree.leaves(tree)))


class _Value:
    """A value of the program: stored in `buffer`, or lazy, computed from `sources` when read.

    Args:
        size: bytes.
        sources: buffers that a lazy value is computed from; empty for a constant.
        buffer: number of the buffer that stores it; None for a lazy value.
    """

    def __init__(self, size: int, sources: frozenset[int] = frozenset(), buffer: int | None = None):
        self.size, self.sources, self.buffer = size, sources, buffer

    def reads(self) -> frozenset[int]:
        """The buffers that a reader of this value reads."""
        return self.sources if self.buffer is None else frozenset([self.buffer])


class _Walk:
    """Buffers and events of one program, in order, without the buffers inside of its loops.

    A class because a walk adds to all of its fields. A buffer is a number, its index in `sizes`.
    An event is (buffers created, buffers read, peak bytes inside of a loop).
    """

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.events: list[tuple[list[int], frozenset[int], int]] = []
        self.zeros: dict[tuple[Any, ...], int] = {}  # (*shape, dtype) -> event of the first stack
        self.products: Counter[int] = Counter()
        self.elements = self.moved = self.kernels = 0

    def buffer(self, size: int) -> int:
        self.sizes.append(size)
        return len(self.sizes) - 1

    def event(self, created: Sequence[int], read: frozenset[int], inside: int = 0) -> None:
        self.events.append((list(created), read, inside))
        self.kernels += 1

    def materialize(self, value: _Value) -> frozenset[int]:
        """The buffer of a value, created now for a lazy one; empty for a constant."""
        if value.buffer is None and value.sources:
            value.buffer = self.buffer(value.size)
            self.event([value.buffer], value.sources)
        return frozenset() if value.buffer is None else frozenset([value.buffer])

    def results(
        self, outvars: Sequence[Any], read: frozenset[int], inside: int = 0
    ) -> list[_Value]:
        """One event that stores the results of an equation in new buffers."""
        created = [self.buffer(_bytes(var.aval)) for var in outvars]
        self.event(created, read, inside)
        return [_Value(self.sizes[b], buffer=b) for b in created]

    def run(self, jaxpr: Jaxpr, consts: list[_Value], arguments: list[_Value]) -> list[_Value]:
        """Walk all equations of a program; returns the values of its results."""
        uses = Counter(v for eqn in jaxpr.eqns for v in eqn.invars if not isinstance(v, Literal))

        def rule(eqn: Any, operands: list[_Value]) -> list[_Value]:
            results = self.equation(eqn, operands)
            # Where several operations read a result, XLA repeats changes of shape and the like in
            # each of them, but computes arithmetic once, into a buffer.
            if eqn.primitive.name in ARITHMETIC and uses[eqn.outvars[0]] > 1:
                self.materialize(results[0])
            return results

        constant = lambda literal: _Value(_bytes(literal.aval))
        return jaxprs.evaluate(jaxpr, consts, arguments, rule, constant)

    def equation(self, eqn: Any, operands: list[_Value]) -> list[_Value]:
        """The values of an equation's results; adds its buffers, events and operations."""
        name, inner = eqn.primitive.name, jaxprs.programs(eqn.params)
        if name == "scan":
            return self.scan(eqn, operands)
        if name in ("while", "cond"):
            # The number of iterations, or the branch, is unknown: count each program once, and
            # reserve memory for the largest.
            costs = [_cost(part, stored=0) for part in inner]
            for one in costs:
                self.count(one, 1)
            read = _union(self.materialize(v) for v in operands)
            return self.results(eqn.outvars, read, max(one.peak for one in costs))
        # A call, which XLA inlines: its equations belong to this program. What `scatter` has inside
        # only combines two numbers.
        if inner and not name.startswith("scatter"):
            (called,) = inner[:1]
            consts = [_Value(_bytes(c)) for c in called.consts]
            return self.run(called.jaxpr, consts, operands)
        whole = name == "slice" and eqn.invars[0].aval.shape == eqn.outvars[0].aval.shape
        if name in VIEWS or whole:
            return operands  # another shape of the same memory
        if name in PRODUCTS:
            self.products[_flops(eqn)] += 1
            return self.results(eqn.outvars, _union(self.materialize(v) for v in operands))
        read = _union(v.reads() for v in operands)
        self.elements += sum(math.prod(v.aval.shape) for v in eqn.outvars) * (
            COSTLY_WEIGHT if name in COSTLY else 1
        )
        if name.startswith(BUFFERED):
            return self.results(eqn.outvars, read)
        return [_Value(_bytes(var.aval), read) for var in eqn.outvars]  # pointwise: lazy

    def scan(self, eqn: Any, operands: list[_Value]) -> list[_Value]:
        """The values of a loop's results: carries in new buffers, the others stacked by step."""
        (inner,), length = jaxprs.programs(eqn.params), eqn.params["length"]
        # Operands are constants and carries, whole in every iteration, then inputs, of which an
        # iteration gets one slice. Where the inputs begin is a parameter whose name differs between
        # versions of JAX; in all of them an input has one axis more outside than inside. The same
        # goes for results: carries first, then outputs that are stacked over the iterations.
        axes = lambda outer, inside: [
            len(a.aval.shape) - len(b.aval.shape) for a, b in zip(outer, inside)
        ]
        sliced = axes(eqn.invars, inner.jaxpr.invars).count(1)
        stacked = axes(eqn.outvars, inner.jaxpr.outvars).count(1)
        whole, carries = len(operands) - sliced, len(eqn.outvars) - stacked
        body = _cost(inner, stored=whole)
        self.count(body, length)
        # Stacks come before the operands are materialized, as XLA allocates them first.
        stacks = self.stack([var.aval for var in eqn.outvars[carries:]])
        # Every iteration reads a slice of each input, and writes one of each stack with a kernel.
        self.moved += sum(v.size for v in (*operands[whole:], *stacks))
        self.kernels += length * len(stacks)
        read = _union(self.materialize(v) for v in operands) | _union(v.reads() for v in stacks)
        return [*self.results(eqn.outvars[:carries], read, body.peak), *stacks]

    def stack(self, avals: Sequence[Any]) -> list[_Value]:
        """The buffers into which a loop stacks its results.

        They begin as zeros. XLA creates zeros of one shape and type once, for all loops of the
        program: before the first of these loops it copies them for all loops but one. So one stack
        of every loop is alive from the first loop on, and its creation is moved to that event.
        """
        now = len(self.events)
        created = [self.buffer(_bytes(aval)) for aval in avals]
        self.event(created, frozenset())
        last = {(*aval.shape, aval.dtype): buffer for aval, buffer in zip(avals, created)}
        for shape, buffer in last.items():
            if shape in self.zeros:
                self.events[now][0].remove(buffer)
                self.events[self.zeros[shape]][0].append(buffer)
            self.zeros.setdefault(shape, now)
        return [_Value(self.sizes[b], buffer=b) for b in created]

    def count(self, part: Cost, times: int) -> None:
        """Add the operations of a part that runs `times` times; not its memory."""
        for each, number in part.products.items():
            self.products[each] += number * times
        self.elements += part.elements * times
        self.moved += part.moved * times
        self.kernels += part.kernels * times

    def peak(self, results: list[_Value]) -> int:
        """The largest sum of buffers that are alive at once; results live to the end."""
        # buffer -> the last event that uses it
        last = {b: k for k, (created, read, _) in enumerate(self.events) for b in (*created, *read)}
        last |= dict.fromkeys(_union(v.reads() for v in results), len(self.events))
        ends: dict[int, list[int]] = {}
        for buffer, k in last.items():
            ends.setdefault(k, []).append(buffer)
        alive = highest = 0
        for k, (created, _, inside) in enumerate(self.events):
            # Operands are still alive while results are written, so they are released after.
            alive += sum(self.sizes[b] for b in created)
            highest = max(highest, alive + inside)
            alive -= sum(self.sizes[b] for b in ends.get(k, []))
        return highest


def _cost(program: ClosedJaxpr, stored: int | None) -> Cost:
    """The cost of a program.

    Args:
        program: a function or the body of a loop.
        stored: number of arguments that are in buffers, the first ones; the others are slices of
            inputs of a loop, and lazy. None for a whole function: all arguments are in buffers, and
            results live to its end.
    """
    walk = _Walk()
    arguments = []
    for k, var in enumerate(program.jaxpr.invars):
        buffer = walk.buffer(0)  # of size 0, as the caller already counts it
        size = _bytes(var.aval)
        if stored is None or k < stored:
            arguments.append(_Value(size, buffer=buffer))
        else:
            arguments.append(_Value(size, frozenset([buffer])))
    results = walk.run(program.jaxpr, [_Value(_bytes(c)) for c in program.consts], arguments)
    # The caller has buffers for the results of a loop's body.
    live = results if stored is None else []
    return Cost(walk.peak(live), walk.products, walk.elements, walk.moved, walk.kernels)


def _flops(eqn: Any) -> int:
    """Multiplications and additions of a product: two for every term of the sum of every entry."""
    left, right = (var.aval.shape for var in eqn.invars[:2])
    size = math.prod(eqn.outvars[0].aval.shape)
    if eqn.primitive.name == "dot_general":
        (contracted, _), _ = eqn.params["dimension_numbers"]
        return 2 * size * math.prod(left[axis] for axis in contracted)
    # A convolution sums over the kernel without its axis of output features.
    features = eqn.params["dimension_numbers"].rhs_spec[0]
    return 2 * size * math.prod(right) // right[features]


def _bytes(aval: Any) -> int:
    # A random key has a type without a size: four bytes are near enough.
    return math.prod(aval.shape) * int(getattr(aval.dtype, "itemsize", 4))


def _union(sets: Iterable[frozenset[int]]) -> frozenset[int]:
    return frozenset().union(*sets)
