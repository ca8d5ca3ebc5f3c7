"""Members by name, and their options read without importing them."""

import subprocess
import sys
import textwrap

import pytest

from lstmx import registry
from lstmx.registry import Option


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """Writes modules of a package that exists for one test only."""
    name = f"lab_{tmp_path.name}"
    folder = tmp_path / name / "cells"
    folder.mkdir(parents=True)
    (tmp_path / name / "__init__.py").touch()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(member, source):
        (folder / f"{member}.py").write_text(textwrap.dedent(source))
        dotted = f"{name}.cells.{member}"
        registry.trust(dotted)
        return dotted

    return write


def test_options_come_from_the_source_without_an_import(lab):
    name = lab(
        "janet",
        """
        import no_such_library
        def cell(hidden_size: int = 64, *, beta: float = -1.0, peepholes: str | None = None,
                 sizes: tuple[int | None, ...] = (1, 2), on: bool = False, any: int | str = 3,
                 size: int | None = 4):
            return hidden_size
        """,
    )
    assert registry.options("cells", name) == {
        "hidden_size": Option(64, int),
        "beta": Option(-1.0, float),
        "peepholes": Option(None, str, nullable=True),
        "sizes": Option((1, 2), tuple),
        "on": Option(False, bool),
        "any": Option(3, object),
        "size": Option(4, int, nullable=True),
    }
    assert name not in sys.modules


@pytest.mark.parametrize(
    "source",
    [
        "SIZE = 7\ndef cell(hidden_size: int = SIZE, *, note: str | None = None): return SIZE",
        "from functools import partial\n"
        "def _cell(size: int, hidden_size: int = 7, note: str | None = None): return size\n"
        "cell = partial(_cell, 1)",
    ],
    ids=["constant", "partial"],
)
def test_options_that_the_source_does_not_tell_are_imported(lab, source):
    name = lab("late", source)
    options = registry.options("cells", name)
    assert options["hidden_size"] == Option(7, int)
    assert options["note"] == Option(None, str, nullable=True)


def test_options_without_a_default_are_refused(lab):
    name = lab("needy", "def cell(hidden_size: int): return hidden_size")
    with pytest.raises(ValueError, match="option 'hidden_size' has no default"):
        registry.options("cells", name)


def test_options_agree_with_the_signatures_of_all_members():
    for kind in registry.ENTRY:
        for name in registry.names(kind):
            import inspect

            signature = inspect.signature(registry.factory(kind, name)).parameters
            expected = list(signature.values())[registry.ARGUMENTS.get(kind, 0) :]
            assert {k: o.default for k, o in registry.options(kind, name).items()} == {
                p.name: p.default for p in expected
            }


def test_unknown_names_are_refused_with_a_remedy(lab):
    with pytest.raises(ValueError, match="unknown task 'addin'; did you mean 'adding'"):
        registry.options("tasks", "addin")
    registry.trust("nobody.cells.janet")
    with pytest.raises(ValueError, match=r"no module 'nobody' can be imported.*PYTHONPATH"):
        registry.load("cells", "nobody.cells.janet")
    name = lab("empty", "")
    with pytest.raises(ValueError, match="defines no function cell"):
        registry.load("cells", name)


def test_a_library_that_a_member_lacks_is_not_taken_for_the_member(lab):
    name = lab("broken", "import no_such_library\ndef cell(): return 1")
    message = r"cannot be imported: ModuleNotFoundError: No module named 'no_such_library'$"
    with pytest.raises(ValueError, match=message):
        registry.load("cells", name)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import sys\nsys.exit('bye')", "cannot be imported: SystemExit: bye$"),
        ("1 / 0", "cannot be imported: ZeroDivisionError: division by zero$"),
        ("def cell(:", r"faulty.py, line 1: invalid syntax$"),
    ],
    ids=["exits", "fails", "syntax"],
)
def test_a_module_that_fails_is_named_in_one_line(lab, source, message):
    with pytest.raises(ValueError, match=rf"^cell 'lab_.*\.faulty'.*{message}"):
        registry.options("cells", lab("faulty", source))


def test_make_gives_one_object_for_equal_options(lab):
    name = lab("thing", "def cell(hidden_size: int = 64, *, beta: float = 1.0): return [beta]")
    made = registry.make("cells", name, hidden_size=64)
    assert made is registry.make("cells", name)
    assert made is registry.make("cells", name, beta=1)
    assert made is not registry.make("cells", name, beta=2)
    with pytest.raises(ValueError, match="hidden_size=True has the wrong type; expected int"):
        registry.make("cells", name, hidden_size=True)
    with pytest.raises(ValueError, match="did you mean 'beta'"):
        registry.make("cells", name, betas=1.0)


def test_options_of_shipped_members_need_no_jax():
    code = (
        "import sys; from lstmx import registry\n"
        "for kind in registry.ENTRY:\n"
        "    for name in registry.names(kind): registry.options(kind, name)\n"
        "sys.exit('jax' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


SIZES = {int: (-1, 0, 2**31 - 1), float: (-1.0, 0.0, -3e38, 3e38), bool: (), str: (), tuple: ()}


@pytest.mark.parametrize("name", registry.names("cells"))
def test_cells_take_or_refuse_any_number(name):
    refusals = []
    for key, option in registry.options("cells", name).items():
        for value in SIZES.get(option.type, ()):
            try:
                registry.make("cells", name, **{key: value})
            except ValueError as error:
                refusals.append(str(error))
    assert all(map(str.isprintable, refusals))
