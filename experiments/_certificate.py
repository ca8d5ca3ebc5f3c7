"""The certificate of the cells: measured errors, a row per cell, and its Markdown."""

import ast
import importlib
import inspect
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import prod
from typing import Any, NamedTuple

import jax
import numpy as np

from lstmx import cells, registry
from lstmx.testing import oracles
from lstmx.types import Cell

SIZE = 6
"""Hidden size of the measured cells: divisible into blocks and heads of 2 and 3."""
ROWS = (2, 1)
"""Rows of a batch. With one, products in loops are sums, and XLA compiles the loops otherwise."""
COUNTED = (10, 64)
"""The sizes (X, H) for which parameters are counted."""
AUTHOR = r"[A-Z][\w'-]+"
CITATION = rf"{AUTHOR}(?:(?:, {AUTHOR})* (?:&|and) {AUTHOR}| et al\.)? (?:19|20)\d\d"

Polynomial = Mapping[tuple[int, int], Fraction]
"""(power of X, power of H) -> coefficient."""


class Row(NamedTuple):
    """One cell of the certificate.

    Attributes:
        name: of the cell.
        sources: author and year of its equations.
        formula: the number of parameters, as a polynomial in X and H.
        number: its value for the sizes `COUNTED`.
        cases: variants that were compared with the oracle.
        value: largest relative error against the oracle.
        slope: largest relative error of gradients against finite differences.
        engines: engine -> differences to the reference in (values, gradients), or why it refuses.
        conversions: framework -> largest round-trip error; None where its arrays alone do not
            determine the cell.
        guarded: deviations of published code that a test catches.
    """

    name: str
    sources: tuple[str, ...]
    formula: str
    number: int
    cases: tuple[str, ...]
    value: float
    slope: float
    engines: dict[str, tuple[float, float] | str]
    conversions: dict[str, float | None]
    guarded: tuple[str, ...]


def certify(name: str, oracle: Any, deviations: str = "") -> Row:
    """The row of a cell; call it in float64 (`lstmx.precision.scope`).

    Args:
        oracle: the module `tests/reference/<name>.py`.
        deviations: source of the tests that name errors of published code.

    Raises:
        AssertionError: gates or states that only one of cell and oracle has.
    """
    cases = tuple(getattr(oracle, "QUICK", tuple(oracle.CASES)[:1]))
    errors = []
    for case in cases:
        options = {"hidden_size": SIZE} | oracle.CASES[case]
        cell = cells.make(name, **options)
        errors += [oracles.oracle_errors(cell, oracle, options, batch_size=n) for n in ROWS]
    bare = cells.make(name, hidden_size=SIZE)
    of_engines = [
        oracles.engine_errors(bare, oracles.inputs(oracle, {}, batch_size=n)) for n in ROWS
    ]
    formula = parameters(name)
    return Row(
        name=name,
        sources=sources(inspect.getdoc(registry.load("cells", name)) or ""),
        formula=written(formula),
        number=evaluated(formula, *COUNTED),
        cases=cases,
        value=max(e for case in errors for e in case.values.values()),
        slope=max(e for case in errors for e in case.slopes.values()),
        engines={
            engine: _worst(*(each[engine] for each in of_engines)) for engine in of_engines[0]
        },
        conversions=conversions(bare),
        guarded=guarded(name, deviations),
    )


def _worst(first: tuple[float, float] | str, second: Any) -> tuple[float, float] | str:
    """The larger errors of an engine; its refusal, which does not depend on the number of rows."""
    return first if isinstance(first, str) else (max(first[0], second[0]), max(first[1], second[1]))


def parameters(name: str) -> Polynomial:
    """The number of parameters of a cell with default options, from the shapes at three sizes.

    Every axis of a parameter is a X + b H + c; differences between the sizes determine a and b.
    """

    def shapes(X: int, H: int) -> list[tuple[int, ...]]:
        cell = cells.make(name, hidden_size=H)
        init = jax.eval_shape(lambda key: cell.init(key, X), jax.random.key(0))
        return [leaf.shape for leaf in jax.tree.leaves(init)]

    X, H = 96, 192  # far above the constants in a shape, so that a minimum of them is constant
    total: Counter[tuple[int, int]] = Counter()
    for here, wider, larger in zip(shapes(X, H), shapes(X + 1, H), shapes(X, H + 12)):
        leaf: Polynomial = {(0, 0): Fraction(1)}  # the product of the axes so far
        for size, by_x, by_h in zip(here, wider, larger):
            a, b = Fraction(by_x - size), Fraction(by_h - size, 12)
            axis = {(1, 0): a, (0, 1): b, (0, 0): size - a * X - b * H}
            product: Counter[tuple[int, int]] = Counter()
            for (p, c), (q, d) in itertools.product(leaf.items(), axis.items()):
                product[p[0] + q[0], p[1] + q[1]] += c * d  # type: ignore[assignment]
            leaf = {power: Fraction(c) for power, c in product.items() if c}
        total.update(leaf)  # type: ignore[arg-type]
    return {power: Fraction(c) for power, c in total.items() if c}


def written(polynomial: Polynomial) -> str:
    """The polynomial as text, such as `4 X H + 4 H^2 + 4 H`."""
    terms = []
    for (x, h), c in sorted(polynomial.items(), key=lambda t: (-t[0][0] - t[0][1], -t[0][0])):
        letters = [f"{k}^{n}" if n > 1 else k for k, n in (("X", x), ("H", h)) if n]
        terms.append(" ".join([*([] if c == 1 and letters else [str(c)]), *letters]))
    return " + ".join(terms)


def evaluated(polynomial: Polynomial, X: int, H: int) -> int:
    """The value of a polynomial for these sizes."""
    return int(sum(c * prod((X**x, H**h)) for (x, h), c in polynomial.items()))


def sources(text: str) -> tuple[str, ...]:
    """Author and year of the papers that a docstring names, in order."""
    citations = re.findall(CITATION, re.sub(r"\s+", " ", text))
    return tuple(dict.fromkeys(citations))


def conversions(cell: Cell) -> dict[str, float | None]:
    """Framework -> largest difference of parameters after a conversion there and back.

    Frameworks that refuse the cell are left out; None is for arrays that alone do not determine
    the cell.
    """
    params = jax.tree.map(np.asarray, oracles.sample_params(cell))
    try:
        frameworks = importlib.import_module("lstmx.interop").FRAMEWORKS
    except ModuleNotFoundError:
        return {}
    errors: dict[str, float | None] = {}
    for framework in frameworks:
        try:
            module = importlib.import_module(f"lstmx.interop.{framework}")
            there = module.dump(cell, params)
        except (ModuleNotFoundError, ValueError):
            continue
        try:
            back = module.load(there)[1]
            pairs = zip(jax.tree.leaves(back), jax.tree.leaves(params), strict=True)
            errors[framework] = max(float(np.max(np.abs(a - b))) for a, b in pairs)
        except (TypeError, ValueError):
            errors[framework] = None
    return errors


def guarded(name: str, source: str) -> tuple[str, ...]:
    """Title and docstring of the tests in a source that contain this cell's name."""
    titles = []
    for node in ast.parse(source).body:
        if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test_"):
            continue
        words = {n.value for n in ast.walk(node) if isinstance(n, ast.Constant)}
        if name in words:
            title = node.name.removeprefix("test_").replace("_", " ")
            titles.append(f"{title}. {ast.get_docstring(node) or ''}".strip())
    return tuple(titles)


def markdown(rows: Sequence[Row], machine: str) -> str:
    """The certificate as Markdown: the table of errors, the guarded deviations, the refusals."""
    X, H = COUNTED
    head = (
        f"Cell | Equations | Parameters | X={X}, H={H} | Oracle | Gradient | Engines | Conversions"
    )
    lines = [
        "# Certificate of the cells",
        "",
        f"`python -m experiments.certify` wrote this page, in float64, with {machine}.",
        "",
        "* Oracle: largest error of outputs, states and gates against `tests/reference`, a second",
        "  implementation in NumPy, relative to the number (plus 0.01); tests refuse above 1e-10.",
        "* Gradient: largest error of directional derivatives against central differences of that",
        "  oracle, relative (plus 0.1); tests refuse above 1e-6.",
        "* Engines: largest difference to the reference engine, in values and in gradients.",
        "  All three with two rows and with one, whose loops XLA compiles as one function.",
        "* Conversions: largest difference of parameters that went to a framework and back; `told`",
        "  where its arrays alone do not say of which cell they are.",
        "",
        f"| {head} |",
        "|" + "---|" * (head.count("|") + 1),
    ]
    for row in rows:
        ran = [f"{k} {_number(e)}" for k, e in row.engines.items() if not isinstance(e, str)]
        there = [f"{k} {_number((e,))}" for k, e in row.conversions.items()]
        columns = (
            f"`{row.name}`",
            "; ".join(row.sources) or "see its docstring",
            row.formula,
            str(row.number),
            f"{row.value:.0e} ({', '.join(row.cases)})",
            f"{row.slope:.0e}",
            "; ".join(["scan (reference)", *ran]),
            "; ".join(there) or "none",
        )
        lines.append("| " + " | ".join(columns) + " |")
    lines += ["", "## Deviations of published code that a test guards against", ""]
    for row in rows:
        lines += [f"* `{row.name}`: {text}" for text in row.guarded]
    lines += ["", "## Engines that refuse a cell here", ""]
    lines += _refusals(rows)
    return "\n".join(lines) + "\n"


def _refusals(rows: Sequence[Row]) -> Iterable[str]:
    by_line: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for engine, outcome in row.engines.items():
            if isinstance(outcome, str):
                by_line.setdefault((engine, outcome), []).append(f"`{row.name}`")
    return [f"* {e}: {line} ({', '.join(names)})" for (e, line), names in by_line.items()]


def _number(errors: Sequence[float | None]) -> str:
    return " / ".join("told" if e is None else f"{e:.0e}" if e else "0" for e in errors)
