"""The values of a traced step, computed where they are read."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from jax.extend.core import Literal

from lstmx import jaxprs

if TYPE_CHECKING:
    from lstmx.programs import Program


class Values:
    """The values of a program, each computed when it is read for the first time.

    Attributes:
        bind: (equation, operands) -> the results.
    """

    def __init__(
        self,
        program: "Program",
        given: dict[Any, Any],
        bind: Callable[[Any, Sequence[Any]], Sequence[Any]] = jaxprs.bind,
    ) -> None:
        """Start with values by variable, which are not computed again."""
        self.bind = bind
        self._reads: set[Any] = set()
        self._program = program
        self._given = frozenset(given)
        self._known = dict(given)

    def __getitem__(self, atom: Any) -> Any:
        """Returns the value of an atom."""
        if isinstance(atom, Literal):
            return atom.val
        # Not by recursion: a step of a thousand transitions is deeper than Python's stack.
        pending = [atom]
        while pending:
            variable = pending[-1]
            if variable in self._known:
                self._reads.add(variable)
                pending.pop()
                continue
            equation = self._program.definitions[variable]
            operands = [a for a in equation.invars if not isinstance(a, Literal)]
            missing = [a for a in operands if a not in self._known]
            if missing:
                pending += missing
                continue
            self._reads.update(operands)
            results = self.bind(equation, [self._now(a) for a in equation.invars])
            # A result that was given stays as it is.
            for name, value in zip(equation.outvars, results):
                self._known.setdefault(name, value)
        return self._known[atom]

    def all(self, atoms: Iterable[Any]) -> list[Any]:
        """Returns the values of several atoms."""
        return [self[atom] for atom in atoms]

    def given_reads(self) -> set[Any]:
        """Returns which of the given values were read."""
        return self._reads & self._given

    def _now(self, atom: Any) -> Any:
        return atom.val if isinstance(atom, Literal) else self._known[atom]
