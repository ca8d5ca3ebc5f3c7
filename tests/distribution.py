"""Build the wheel and the sdist, check them, and use the wheel as a stranger does.

python -m tests.distribution --out=dist               needs `build` and `twine`
python -m tests.distribution --out=dist --use         install dist/*.whl into an empty environment
python -m tests.distribution --out=dist --use=python3.13
"""

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
IN_WHEEL = (
    "lstmx/__init__.py",
    "lstmx/py.typed",
    "lstmx/report/style.css",
    "lstmx/report/focus.js",
    "lstmx/launchers/train.py",
    "lstmx/recipes/adding.py",
    "lstmx/recipes/papers/greff2017.py",
)
IN_SDIST = ("pyproject.toml", "README.md", "LICENSE", "CITATION.cff", "tests/conftest.py")
NOWHERE = (".pyc", "/measured/", "/.git", ".ipynb_checkpoints", ".egg-info")
OF_A_CHECKOUT = ("lstmx/launchers/benchmark", "lstmx/launchers/certify", "lstmx/launchers/coverage")
COMMANDS = (
    "show cell lstm",
    "train --config=adding:quick --workdir=runs",
    "report --workdir=runs",
)


def complaints(names: list[str], *, wheel: bool) -> list[str]:
    """What is wrong with the files of a wheel, or of an sdist without its first folder."""
    lines = [
        f"{name} is missing" for name in (IN_WHEEL if wheel else IN_SDIST) if name not in names
    ]
    lines += [f"{name} should not be there" for name in names if any(n in name for n in NOWHERE)]
    if wheel:
        tops = {name.partition("/")[0] for name in names}
        extra = sorted(top for top in tops if top != "lstmx" and not top.endswith(".dist-info"))
        lines += [f"{top} would be a package of its own" for top in extra]
        lines += [
            f"{name} is of a checkout only" for name in names if name.startswith(OF_A_CHECKOUT)
        ]
    return lines


def build(out: Path) -> None:
    """Build both and check what is in them; raises SystemExit with the complaints."""
    call([sys.executable, "-m", "build", "--outdir", str(out), str(ROOT)])
    (wheel,), (sdist,) = sorted(out.glob("*.whl")), sorted(out.glob("*.tar.gz"))
    with zipfile.ZipFile(wheel) as file:
        found = complaints(file.namelist(), wheel=True)
    with tarfile.open(sdist) as file:
        found += complaints([n.partition("/")[2] for n in file.getnames()], wheel=False)
    if found:
        raise SystemExit("\n".join(found))
    call([sys.executable, "-m", "twine", "check", "--strict", str(wheel), str(sdist)])


def use(out: Path, python: str) -> None:
    """Run commands from the wheel, in a folder that has a package `experiments` of its own."""
    (wheel,) = out.resolve().glob("*.whl")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        call([python, "-m", "venv", str(folder / "venv")])
        scripts = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
        call([str(scripts / "python"), "-m", "pip", "install", "-q", str(wheel)])
        own = folder / "work" / "experiments"
        own.mkdir(parents=True)
        (own / "__init__.py").write_text("raise ImportError('the package of the user')\n", "utf-8")
        for command in COMMANDS:
            call([str(scripts / "lstmx"), *command.split()], own.parent)
        code = "import lstmx; print(lstmx.__version__, lstmx.__file__)"
        call([str(scripts / "python"), "-c", code], own.parent)


def call(command: list[str], folder: Path | None = None) -> None:
    """Run a command, from a folder that is not a checkout; raises SystemExit where it fails."""
    print("$", " ".join(command), flush=True)
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHONPATH", "VIRTUAL_ENV"))}
    code = subprocess.run(command, cwd=folder, env=clean, check=False).returncode
    if code:
        raise SystemExit(f"exit code {code}: {' '.join(command)}")


def main() -> None:
    """Build, or use what was built."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("dist"), help="folder of both files")
    parser.add_argument("--use", nargs="?", const=sys.executable, help="with this Python")
    options = parser.parse_args()
    if options.use:
        use(options.out, options.use)
    else:
        build(options.out)


if __name__ == "__main__":
    main()
