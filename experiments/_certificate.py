"""What is known of each cell, measured: the rows of a certificate, and its Markdown."""

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
"""Hidden size of what is measured: it divides into blocks and heads of 2 and 3."""
COUNTED = (10, 64)
"""Inputs X and units H of which parameters are counted."""
AUTHOR = r"[A-Z][\w'-]+"
CITATION = rf"{AUTHOR}(?:(?:, {AUTHOR})* (?:&|and) {AUTHOR}| et al\.)? (?:19|20)\d\d"

Polynomial = Mapping[tuple[int, int], Fraction]
"""(power of X, power of H) -> coefficient."""


class Row(NamedTuple):
    """One cell of the certificate.

    Attributes:
        name: of the cell.
        sources: author and year of its equations.
        formula: how many parameters, as a polynomial in X and H.
        number: what that is for the sizes `COUNTED`.
        cases: variants that were held against the oracle.
        value: largest error against the oracle.
        slope: largest error against finite differences.
        engines: engine -> differences to the reference in (values, gradients), or its refusal.
        conversions: framework -> largest round-trip error, None where its arrays do
            not tell by themselves of which cell they are.
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
    """The row of a cell; to be called in float64 (`lstmx.precision.scope`).

    Args:
        oracle: the module `tests/reference/<name>.py`.
        deviations: source of the tests that name slips of published code.

    Raises:
        AssertionError: gates or states that only one of cell and oracle has.
    """
    cases = tuple(getattr(oracle, "QUICK", tuple(oracle.CASES)[:1]))
    errors = []
    for case in cases:
        options = {"hidden_size": SIZE} | oracle.CASES[case]
        errors.append(oracles.oracle_errors(cells.make(name, **options), oracle, options))
    bare = cells.make(name, hidden_size=SIZE)
    formula = parameters(name)
    return Row(
        name=name,
        sources=sources(inspect.getdoc(registry.load("cells", name)) or ""),
        formula=written(formula),
        number=evaluated(formula, *COUNTED),
        cases=cases,
        value=max(e for found in errors for e in found.values.values()),
        slope=max(e for found in errors for e in found.slopes.values()),
        engines=oracles.engine_errors(bare, oracles.inputs(oracle, {})),
        conversions=conversions(bare),
        guarded=guarded(name, deviations),
    )


def parameters(name: str) -> Polynomial:
    """The number of parameters of a bare cell, found from the shapes at three sizes."""

    def shapes(X: int, H: int) -> list[tuple[int, ...]]:
        cell = cells.make(name, hidden_size=H)
        init = jax.eval_shape(lambda key: cell.init(key, X), jax.random.key(0))
        return [leaf.shape for leaf in jax.tree.leaves(init)]

    X, H = 96, 192  # far above the constants in a shape, so that a minimum of them is constant
    total: Counter[tuple[int, int]] = Counter()
    for here, wider, larger in zip(shapes(X, H), shapes(X + 1, H), shapes(X, H + 12)):
        leaf: Polynomial = {(0, 0): Fraction(1)}
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
    """Such as `4 X H + 4 H^2 + 4 H`."""
    terms = []
    for (x, h), c in sorted(polynomial.items(), key=lambda t: (-t[0][0] - t[0][1], -t[0][0])):
        letters = [f"{k}^{n}" if n > 1 else k for k, n in (("X", x), ("H", h)) if n]
        terms.append(" ".join([*([] if c == 1 and letters else [str(c)]), *letters]))
    return " + ".join(terms)


def evaluated(polynomial: Polynomial, X: int, H: int) -> int:
    """The number that a polynomial is for these sizes."""
    return int(sum(c * prod((X**x, H**h)) for (x, h), c in polynomial.items()))


def sources(text: str) -> tuple[str, ...]:
    """Author and year of the papers that a docstring names, in order."""
    found = re.findall(CITATION, re.sub(r"\s+", " ", text))
    return tuple(dict.fromkeys(found))


def conversions(cell: Cell) -> dict[str, float | None]:
    """Framework -> largest difference of parameters that went there and back.

    Those that refuse the cell are left out; None is for arrays that do not tell by themselves of
    which cell they are.
    """
    params = jax.tree.map(np.asarray, oracles.sample_params(cell))
    try:
        frameworks = importlib.import_module("lstmx.interop").FRAMEWORKS
    except ModuleNotFoundError:
        return {}
    found: dict[str, float | None] = {}
    for framework in frameworks:
        try:
            module = importlib.import_module(f"lstmx.interop.{framework}")
            there = module.dump(cell, params)
        except (ModuleNotFoundError, ValueError):
            continue
        try:
            back = module.load(there)[1]
            pairs = zip(jax.tree.leaves(back), jax.tree.leaves(params), strict=True)
            found[framework] = max(float(np.max(np.abs(a - b))) for a, b in pairs)
        except (TypeError, ValueError):
            found[framework] = None
    return found


def guarded(name: str, source: str) -> tuple[str, ...]:
    """What the tests in a source that make this cell say they guard against."""
    said = []
    for node in ast.parse(source).body:
        if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test_"):
            continue
        words = {n.value for n in ast.walk(node) if isinstance(n, ast.Constant)}
        if name in words:
            title = node.name.removeprefix("test_").replace("_", " ")
            said.append(f"{title}. {ast.get_docstring(node) or ''}".strip())
    return tuple(said)


def markdown(rows: Sequence[Row], machine: str) -> str:
    """The certificate as Markdown: a table of numbers, and what is guarded against."""
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
        "* Conversions: largest difference of parameters that went to a framework and back; `told`",
        "  where its arrays alone do not say of which cell they are.",
        "",
        f"| {head} |",
        "|" + "---|" * (head.count("|") + 1),
    ]
    for row in rows:
        ran = [f"{k} {_number(e)}" for k, e in row.engines.items() if not isinstance(e, str)]
        there = [f"{k} {_number((e,))}" for k, e in row.conversions.items()]
        shown = (
            f"`{row.name}`",
            "; ".join(row.sources) or "see its docstring",
            row.formula,
            str(row.number),
            f"{row.value:.0e} ({', '.join(row.cases)})",
            f"{row.slope:.0e}",
            "; ".join(["scan (reference)", *ran]),
            "; ".join(there) or "none",
        )
        lines.append("| " + " | ".join(shown) + " |")
    lines += ["", "## Deviations of published code that a test guards against", ""]
    for row in rows:
        lines += [f"* `{row.name}`: {text}" for text in row.guarded]
    lines += ["", "## Engines that refuse a cell here", ""]
    lines += _refusals(rows)
    return "\n".join(lines) + "\n"


def _refusals(rows: Sequence[Row]) -> Iterable[str]:
    by_line: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for engine, said in row.engines.items():
            if isinstance(said, str):
                by_line.setdefault((engine, said), []).append(f"`{row.name}`")
    return [f"* {e}: {said} ({', '.join(names)})" for (e, said), names in by_line.items()]


def _number(errors: Sequence[float | None]) -> str:
    return " / ".join("told" if e is None else f"{e:.0e}" if e else "0" for e in errors)
