"""Pages that are made of the sources: a hook of MkDocs, see mkdocs.yml. No text is written twice.

In a page of this folder a comment stands for what it names:

    <!-- include: CERTIFICATE.md -->          another file of the repository, without its title
    <!-- include: README.md, A heading -->    one section of it, without its heading
    <!-- members: cells -->                   the members of a kind: equations, options, papers
    <!-- keys -->                             every key of a config
    <!-- recipes: papers -->                  the protocols of the files in configs/
    <!-- modules -->                          the modules of the reference
    <!-- figures -->                          the figures of all notebooks

`notebooks/*.ipynb` become pages with their figures, the modules of lstmx pages of its reference.
Links are written relative to the file that has the text. One to a file that is a page here, or is
part of one, leads there; any other file of the repository is copied.
"""

import base64
import functools
import html
import json
import posixpath
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # `mkdocs` alone would not find experiments/

import lstmx  # noqa: E402
from experiments import _recipe, _show  # noqa: E402
from lstmx import registry  # noqa: E402

DOCS = ROOT / "docs"
COMMENT = re.compile(r"(?m)^<!-- (\w+)(?:: ([^,>]+?)(?:, ([^>]+?))?)? -->$")
CODE = re.compile(r"(?ms)^( *)(```+|~~~+).*?^\1\2[^\n]*$|`+[^`]+`+")
"""Fenced blocks and code in a line, where nothing is a link and no sign is markup."""
LINK = re.compile(r"(?<=\]\()([^)\s]+)(?=\))")
INTERNAL = {"checks", "constants", "interrupt", "jaxprs", "machine", "programs", "tables"}
"""Modules of lstmx that are for itself: they have no page in the reference."""
WITH_SUBMODULES = {"analysis", "interop", "parallel", "train"}
"""Packages whose functions are in public modules below them."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the notebooks and the modules to the navigation."""
    for entry in config.nav or []:
        for title, pages in entry.items():
            if title == "Gallery":
                pages += [f"gallery/{path.stem}.md" for path in notebooks()]
            if title == "API":
                pages += [{name: f"api/{name}.md"} for name in modules()]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of notebooks and modules, and the figures of notebooks."""
    for path in notebooks():
        text, figures = converted(path)
        files.append(File.generated(config, f"gallery/{path.stem}.md", content=text))
        for name, png in figures.items():
            files.append(File.generated(config, f"gallery/{name}", content=png))
    for name in recipe_names():
        path = f"configs/{name}.py"
        content = (ROOT / path).read_text("utf-8")
        files.append(File.generated(config, f"files/{path}", content=content))
    for name in modules():
        options = "\n    options:\n      show_submodules: true" if name in WITH_SUBMODULES else ""
        text = f"---\ntitle: lstmx.{name}\n---\n\n::: lstmx.{name}{options}\n"
        files.append(File.generated(config, f"api/{name}.md", content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill in the comments of a page, and lead its links to pages or copies."""
    uri = page.file.src_uri
    link: Callable[[str, str], str] = lambda text, origin: relinked(
        text, origin, uri, config=config, files=files
    )

    def filled(match: re.Match[str]) -> str:
        word, name, section = match.groups()
        if word == "include":
            return link(included(name, section), name)
        if word not in GENERATED:
            raise PluginError(f"{uri}: unknown comment {match[0]}")
        return link(GENERATED[word](*([name] if name else [])), "README.md")

    stem = page.file.src_path.removeprefix("gallery/").removesuffix(".md")
    own = f"notebooks/{stem}.ipynb" if uri.startswith("gallery/") else f"docs/{uri}"
    return COMMENT.sub(filled, link(markdown, own))


def notebooks() -> list[Path]:
    """The notebooks with their outputs, in order."""
    return sorted((ROOT / "notebooks").glob("*.ipynb"))


def modules() -> list[str]:
    """The modules of lstmx that users call."""
    return [name for name in lstmx._MODULES if name not in INTERNAL]


def included(name: str, section: str | None) -> str:
    """The text of a file below its title, or of one of its sections below its heading."""
    text = (ROOT / name).read_text("utf-8")
    if section is None:
        return text.partition("\n")[2]
    found = re.search(rf"(?ms)^## {re.escape(section)}\n(.*?)(?=^## |\Z)", text)
    if not found:
        raise PluginError(f"{name} has no section '## {section}', which a page in docs/ includes")
    return found[1]


@functools.cache
def places() -> dict[str, str]:
    """Path in the repository -> page that shows it, with an anchor where it is a part of one."""
    found = {"README.md": "index.md", "configs": "recipes.md", "lstmx/config/_base.py": "keys.md"}
    for path in sorted(DOCS.glob("*.md")):
        found[f"docs/{path.name}"] = path.name
        for word, name, section in COMMENT.findall(path.read_text("utf-8")):
            if word == "include" and section:
                found[f"{name}#{slug(section)}"] = path.name
            elif word == "include":
                found[name] = path.name
    for path in notebooks():
        for suffix in ("", ".py", ".ipynb"):
            found[f"notebooks/{path.stem}{suffix}"] = f"gallery/{path.stem}.md"
    for name in recipe_names():
        found[f"configs/{name}.py"] = f"recipes.md#{name.replace('/', '-')}"
    found["configs/papers"] = "recipes.md#published-experiments"
    return found


def slug(heading: str) -> str:
    """The anchor that GitHub and MkDocs give to a heading."""
    return re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())


def relinked(text: str, origin: str, uri: str, *, config: MkDocsConfig, files: Files) -> str:
    """A text with links that are right on the page `uri`; it was written for the file `origin`."""

    def lead(match: re.Match[str]) -> str:
        target, _, anchor = match[0].partition("#")
        if re.match(r"[a-z]+:", match[0]):
            return match[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(origin), target))
        path = path if target else origin
        page = places().get(f"{path}#{anchor}") or places().get(path)
        if not page and (ROOT / path).is_file():
            page = f"files/{path}"
            if files.get_file_from_path(page) is None:
                copy = File.generated(config, page, content=(ROOT / path).read_bytes())
                files.append(copy)
        if not page:
            return match[0]
        page, _, part = page.partition("#")
        if f"{path}#{anchor}" in places():
            anchor = ""  # the heading of an included section is the page itself
        anchor = part or anchor
        if page == uri and anchor:
            return f"#{anchor}"
        start = posixpath.dirname(uri) or "."
        return posixpath.relpath(page, start) + (f"#{anchor}" if anchor else "")

    return outside_code(text, lambda part: LINK.sub(lead, part))


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """A text with a change made to everything but its code."""
    parts, end = [], 0
    for code in CODE.finditer(text):
        parts += [change(text[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*parts, change(text[end:])])


def members(kind: str) -> str:
    """All members of a kind: what they compute, their options, and their papers."""
    parts = []
    for name in registry.names(kind):
        parts += [f"## {name}", prose(_show.doc(kind, name))]
        if rows := _show.options(kind, name):
            parts.append(table(["option", "default", "meaning"], rows, code=2))
        parts.append(fenced(_show.use(kind, name)))
        if papers := _show.papers(kind, name):
            parts.append(f'??? note "BibTeX"\n\n{indented(fenced(papers, "bibtex"))}')
    return "\n\n".join(parts)


def keys() -> str:
    """A table of every key of a config for each section."""
    sections: dict[str, list[list[str]]] = {}
    for row in _show.keys():
        sections.setdefault(row[0].rpartition(".")[0], []).append(row)
    parts = []
    for section, rows in sections.items():
        parts += [f"## {section or 'The run'}", table(["key", "default", "meaning"], rows, code=2)]
    return "\n\n".join(parts)


def recipe_names() -> list[str]:
    """The recipes, those of papers last."""
    names = [p.relative_to(ROOT / "configs").with_suffix("") for p in _recipe.SHIPPED.rglob("*.py")]
    return sorted((n.as_posix() for n in names), key=lambda name: ("/" in name, name))


def recipes(which: str) -> str:
    """The protocol of every recipe, as it stands in its file: of `papers`, or of the `others`."""
    parts = []
    for name in recipe_names():
        if name.startswith("papers/") != (which == "papers"):
            continue
        path = f"configs/{name}.py"
        parts += [f"### {name} {{#{name.replace('/', '-')}}}", f"[{path}](files/{path})"]
        parts.append(fenced(_show.protocol(ROOT / path)))
    return "\n\n".join(parts)


def reference() -> str:
    """A table of the modules of the reference with their first lines."""
    rows = []
    for name in modules():
        module = ROOT / "lstmx" / name
        path = module / "__init__.py" if module.is_dir() else module.with_suffix(".py")
        line = _show.protocol(path).splitlines()[0]
        rows.append([f"[lstmx.{name}](api/{name}.md)", line])
    return table(["module", "what is there"], rows)


def gallery() -> str:
    """The figures of each notebook, which lead to its page."""
    parts = []
    for path in notebooks():
        page = f"gallery/{path.stem}.md"
        title, *_ = converted(path)[0].splitlines()
        parts.append(f"## {title.lstrip('# ')}")
        images = [f"[![{name}](gallery/{name})]({page})" for name in converted(path)[1]]
        parts.append("\n".join(images) + "\n{: .figures }")
    return "\n\n".join(parts)


@functools.cache
def converted(path: Path) -> tuple[str, dict[str, bytes]]:
    """(Markdown, figures by their file names) of a notebook."""
    parts, figures = [], {}
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(outside_code(source, formulas))
            continue
        parts.append(fenced(source, "python"))
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "image/png" in data:
                name = f"{path.stem}_{len(figures)}.png"
                figures[name] = base64.b64decode(data["image/png"])
                parts.append(f"![Figure {len(figures)}]({name})")
            elif said := "".join(output.get("text", data.get("text/plain", ""))).rstrip():
                parts.append(fenced(said, "text"))
    return "\n\n".join(parts) + "\n", figures


def formulas(text: str) -> str:
    """A text with its formulas in TeX as MathML, which browsers draw by themselves."""
    from latex2mathml import converter

    def drawn(match: re.Match[str]) -> str:
        block = match[1] is not None
        tex = (match[1] or match[2]).replace("\n", " ")
        return str(converter.convert(tex, display="block" if block else "inline"))

    return re.sub(r"\$\$(.+?)\$\$|(?<![\\\w$])\$([^$]+?)\$(?!\d)", drawn, text, flags=re.DOTALL)


def prose(docstring: str) -> str:
    """A docstring as Markdown: indented blocks are code, and no sign of a sentence is markup."""
    paragraphs = []
    for text in re.split(r"\n\n+", docstring):
        if text.startswith("    "):
            paragraphs.append(text)
        elif text.startswith("|"):
            paragraphs.append(text)
        else:
            text = re.sub(r"(?m)(?<=\S)\n(?=\* )", "\n\n", text)
            paragraphs.append(outside_code(text, escaped))
    return "\n\n".join(paragraphs)


def escaped(text: str) -> str:
    """A text without markup: its asterisks, underscores and angle brackets stand for themselves."""
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"(?m)(?<!^)\*|_", lambda match: "\\" + match[0], text)


def table(header: Sequence[str], rows: Iterable[Sequence[str]], code: int = 0) -> str:
    """A table in Markdown whose first `code` columns are code."""

    def shown(text: str, k: int) -> str:
        text = f"<code>{html.escape(text)}</code>" if k < code else outside_code(text, escaped)
        return text.replace("|", "&#124;")

    lines = [header, ["---"] * len(header)]
    lines += [[shown(text, k) for k, text in enumerate(row)] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def fenced(text: str, language: str = "text") -> str:
    """A block of code."""
    return f"````{language}\n{text.rstrip()}\n````"


def indented(text: str) -> str:
    """A text four columns further right."""
    return re.sub(r"(?m)^(?=.)", "    ", text)


GENERATED: dict[str, Callable[..., str]] = {
    "members": members,
    "keys": keys,
    "recipes": recipes,
    "modules": reference,
    "figures": gallery,
}
"""Word of a comment -> what stands in its place."""
