"""The documentation: it builds without a warning, its Python runs, its command lines parse."""

import ast
import importlib.util
import os
import re
import shlex
import subprocess
import sys

import pytest
from launching import ROOT
from test_readme import README, blocks

from lstmx import config as cfg
from lstmx import registry, runs

DOCS = {path.name: path.read_text("utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}
WITH_PYTHON = [name for name, text in DOCS.items() if blocks(text, "python")]
OPTIONAL = {"torch", "keras", "submitit"}
"""Libraries that not every environment has; what needs them is left out there."""
PAGES = {"README.md": README, **DOCS}
MEASURING = "scan.md"  # run by test_readme, which looks at what it prints


def lacking(block):
    """The first optional library that a block imports and that is not installed."""
    nodes = ast.walk(ast.parse(block))
    names = {
        name.partition(".")[0]
        for node in nodes
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([a.name for a in node.names] + [getattr(node, "module", None) or ""])
    }
    return next((n for n in sorted(names & OPTIONAL) if not importlib.util.find_spec(n)), None)


@pytest.mark.slow
@pytest.mark.parametrize("page", [name for name in WITH_PYTHON if name != MEASURING])
def test_python_of_a_page_runs_from_top_to_bottom(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if "runs.find(" in DOCS[page]:
        a_run(tmp_path / "runs")
    names, left_out = {}, []
    for number, block in enumerate(blocks(DOCS[page], "python"), 1):
        if library := lacking(block):
            left_out.append(library)
            continue
        exec(compile(block, f"docs/{page}, block {number}", "exec"), names)
    if not names:
        pytest.skip(f"{', '.join(left_out)} is not installed")


def a_run(workdir):
    """A tiny run in a folder."""
    tiny = {"steps": 2, "log_every": 2, "eval_every": 2, "name": "adding"}
    tiny |= {"task.length": 5, "task.batch_size": 4, "model.cell.hidden_size": 3}
    runs.train([cfg.checked(cfg.base(), tiny)], workdir, quiet=True)


def commands():
    """Page and words of every launcher's command line in a block of bash."""
    found = {}
    for page, text in PAGES.items():
        for block in blocks(text, "bash"):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                end = next((k for k, word in enumerate(words) if word in ("&", ">", "|")), None)
                words = words[:end]
                if words[:2] == ["python", "-m"] and words[2].startswith("experiments."):
                    found[" ".join([words[2].partition(".")[2], *words[3:]])] = page
                elif words[:1] == ["lstmx"]:
                    found[" ".join(words[1:])] = page
    return found


@pytest.mark.slow
@pytest.mark.files
def test_command_lines_have_flags_and_keys_that_exist(launch, tmp_path):
    """One with a recipe resolves its config; of others every flag is in --help."""
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    helps, complaints = {}, []
    assert len(commands()) > 20
    for line, page in commands().items():
        name, *words = shlex.split(line)
        if any(word.startswith("--config=configs/") for word in words):
            ended = launch([name, *words, "--print_config"], tmp_path)
            if ended.code:
                complaints.append(f"{page}: {line}: {ended.err}")
            continue
        if name not in helps:
            helps[name] = launch([name, "--help"], tmp_path).out
        known = set(re.findall(r"(?m)^  --(\w+)", helps[name])) - {"config"}
        for word in words:
            flag = re.match(r"--(?:no)?(\w+)(?!\.)", word)
            if flag and flag[1] not in known:
                complaints.append(f"{page}: {line}: {name} has no flag {word}")
    assert not complaints, "\n".join(complaints)


@pytest.mark.no_jax
def test_shown_words_and_check_modules_exist():
    from experiments import _show

    for text in PAGES.values():
        for words in re.findall(r"`lstmx show ([a-z ]+)`", text):
            assert _show.text(words.split())
        for module in re.findall(r"python -m (tests\.[\w.]+)", text):
            assert importlib.util.find_spec(module), module


@pytest.mark.no_jax
def test_sections_that_pages_include_exist():
    included = re.findall(r"(?m)^<!-- include: ([^,>]+), ([^>]+) -->$", "".join(DOCS.values()))
    assert included
    for name, heading in included:
        text = (ROOT / name).read_text("utf-8")
        assert re.search(rf"(?m)^##? {re.escape(heading)}$", text), f"{name} has no {heading!r}"


@pytest.mark.no_jax
@pytest.mark.parametrize("page", ["index.md", "advice.md", "faq.md"])
def test_measured_numbers_of_a_page_stand_in_a_measured_file(page):
    """Whoever measures anew sees which sentence is old."""
    sources = [*(ROOT / "configs").glob("*.py"), *(ROOT / "experiments/measured").glob("*.md")]
    number = r"(?<![\w.,])\d*\.?\d*[.,]\d+(?!\w|[.,]\d)"
    measured = {n for p in sources for n in re.findall(number, p.read_text("utf-8"))}
    prose = re.sub(r"(?ms)^```.*?^```|`[^`]*`|\]\([^)]*\)", "", DOCS[page])
    assert set(re.findall(number, prose)) <= measured


@pytest.mark.slow
@pytest.mark.files
def test_site_builds_without_a_warning_and_asks_no_other_host(tmp_path):
    if not all(map(importlib.util.find_spec, ("mkdocs", "material", "mkdocstrings"))):
        pytest.skip("mkdocs is not installed: pip install -e '.[docs]'")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    assert "WARNING" not in built.stderr, built.stderr
    pages = {str(p.relative_to(tmp_path)): p.read_text("utf-8") for p in tmp_path.rglob("*.html")}
    for name, html in pages.items():
        assert not re.search(r"<(script|img|link)\b[^>]+(src|href)=[\"']?(https?:)?//", html), name
        assert "<!-- include" not in html, name
    for cell in registry.names("cells"):
        assert f'<h2 id="{cell}">' in pages["cells.html"], cell
    for key in ("hparams.learning_rate", "model.readout.bias", "patience"):
        assert f"<code>{key}</code>" in pages["keys.html"].replace("<wbr>", "")
    figures = re.findall(r'<img[^>]+src="(gallery/\w+\.png)"', pages["gallery.html"])
    assert len(figures) > 20
    assert all((tmp_path / figure).stat().st_size for figure in figures)
    assert 'id="lstmx.sequence.unroll"' in pages["api/sequence.html"]
