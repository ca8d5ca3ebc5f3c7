"""BibTeX of what a run is made of: every member keeps its papers, and no other is cited."""

import ast
import re
import subprocess
import sys
import unicodedata
from pathlib import Path
from types import SimpleNamespace

import pytest

import lstmx
from lstmx import config as cfg
from lstmx import registry

SOURCES = Path(lstmx.__file__).parent
WITHOUT_PAPER = {
    ("tasks", "next_value"),
    ("tasks", "forecast"),
    ("schedules", "constant"),
    ("schedules", "linear"),
}
WITHOUT_PAPER |= {("schedules", "step"), ("wrappers", "clip_state"), ("wrappers", "learned_state")}
WITHOUT_PAPER |= {("models", "sequence"), ("models", "pooled")}
WITHOUT_PAPER |= {("tasks", "arrays"), ("tasks", "classification")}


def plain(text):
    """Without accents, as docstrings spell names."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def entries(text):
    """(key, family name of the first author, year) of each entry."""
    keys = []
    for entry in re.split(r"\n(?=@)", text.strip()):
        words = " ".join(entry.split())
        key = re.match(r"@[a-z]+\{(\w+),", words)[1]
        author = re.search(r"author = \{(.*?)\},", words)[1].partition(" and ")[0]
        first = re.sub(r"^.*?(van der \w+|[\w-]+)$", r"\1", plain(author))
        keys.append((key, first, re.search(r"year = \{(\d{4})\}", words)[1]))
    return keys


def members():
    return [(kind, name) for kind in registry.ENTRY for name in registry.names(kind)]


@pytest.mark.parametrize(("kind", "name"), members())
def test_every_member_has_the_papers_that_its_docstring_names(kind, name):
    module, factory = registry.find(kind, name)
    text = registry.constant(module, "BIBTEX") or ""
    if not isinstance(text, str):
        text = text.get(factory, "")
    assert bool(text) != ((kind, name) in WITHOUT_PAPER)
    source = (SOURCES.parent / f"{module.replace('.', '/')}.py").read_text("utf-8")
    tree = ast.parse(source)
    (function,) = (n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == factory)
    docstrings = plain(f"{ast.get_docstring(tree)} {ast.get_docstring(function)}")
    more = (registry.constant(module, "BIBTEX_OPTIONS") or {}).values()
    for key, author, year in [entry for t in (text, *more) if t for entry in entries(t)]:
        assert author in docstrings, (key, author)
        assert year in docstrings, (key, year)


def test_equal_keys_are_equal_entries():
    """The same paper is cited once, whoever brings it."""
    texts = {}
    for path in SOURCES.rglob("*.py"):
        for text in re.findall(
            r"^@\w+\{\w+,\n(?:.*\n)*?\}$", path.read_text("utf-8"), re.MULTILINE
        ):
            assert texts.setdefault(text.split("\n")[0], text) == text, path
    assert len(texts) > 50
    titles = [re.search(r"title = \{(.*?)\},\n", text, re.DOTALL)[1] for text in texts.values()]
    assert len(set(titles)) == len(titles)


def cited(**overrides):
    config = cfg.resolve(cfg.base(), {key.replace("__", "."): v for key, v in overrides.items()})
    return [key for key, _, _ in entries(lstmx.citation(config))]


def test_a_config_cites_exactly_what_it_uses():
    base = ["greff2017odyssey", "lecun1998backprop", "saxe2014exact"]
    base += ["hochreiter1997lstm", "arjovsky2016unitary", "kingma2015adam"]
    assert cited() == base
    assert "arjovsky2016unitary" not in cited(task__convention="1997")
    assert cited(model__cell=cfg.cell("lstm", initializer="uniform", chrono=100))[:2] == [
        "greff2017odyssey",
        "tallec2018warp",
    ]
    assert cited(optimizer__schedule="cosine", hparams__ar=1.0)[-2:] == [
        "loshchilov2017sgdr",
        "merity2017activation",
    ]
    attention = {"model__name": "pooled", "model__pooling": "attention"}
    assert {"lin2017structured", "yang2016hierarchical"} < set(cited(**attention))
    assert cited(model__name="pooled") == base
    sgd = {"optimizer__name": "sgd"}
    assert cited(**sgd)[-1] == "polyak1964momentum"
    assert cited(**sgd, optimizer__nesterov=True)[-1] == "sutskever2013momentum"
    wrapped = cited(model__wrappers=(("zoneout", {"rates": {"h": 0.1}}), ("impute", {})))
    assert wrapped == [*base[:3], "krueger2017zoneout", "cao2018brits", *base[3:]]
    both = cited(model__cell="irnn", task=cfg.task("images"))
    assert both == ["le2015irnn", "kingma2015adam"]  # one paper for both, once


def test_a_run_and_a_plain_dict_are_cited_too():
    config = cfg.base()
    run = SimpleNamespace(config=cfg.to_dict(config))
    assert lstmx.citation(run) == lstmx.citation(run.config) == lstmx.citation(config)
    with pytest.raises(ValueError, match="citation of int; expected a config or a run"):
        lstmx.citation(3)


def test_a_module_that_nobody_consented_to_is_named_and_not_read(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    source = (
        'BIBTEX = "@misc{mine2026,\\n  year = {2026},\\n}"\ndef cell(hidden_size: int = 4): ...\n'
    )
    folder = tmp_path / "cited_lab"
    folder.mkdir()
    (folder / "mine.py").write_text(source)
    values = cfg.to_dict(cfg.base())
    values["model"]["cell"] = {"name": "cited_lab.mine"}
    assert "% cell cited_lab.mine is not part of lstmx" in lstmx.citation(values)
    registry.trust("cited_lab.mine")
    assert "@misc{mine2026," in lstmx.citation(values)


def test_a_model_of_another_package_is_cited(tmp_path, monkeypatch):
    folder = tmp_path / "cited_models"
    folder.mkdir()
    (folder / "mine.py").write_text(
        'BIBTEX = "@misc{doe2031mine, year = {2031}}"\ndef model(backbone, *, heads=2): ...\n'
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    plain = lstmx.citation(cfg.base())
    found = lstmx.citation(cfg.resolve(cfg.base(), {"model.name": "cited_models.mine"}))
    assert found.replace("@misc{doe2031mine, year = {2031}}\n\n", "") == plain
    assert found != plain


def test_citing_imports_no_jax():
    code = (
        "import sys, lstmx; from lstmx import config as c; lstmx.citation(c.base());"
        "sys.exit('jax' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
