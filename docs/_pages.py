"""The texts of the documentation that are made of the sources: docstrings, recipes, notebooks."""

import base64
import functools
import html
import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from markdown import Markdown
from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # `mkdocs` alone would not find experiments/

import lstmx  # noqa: E402
from experiments import _recipe, _show  # noqa: E402
from lstmx import registry  # noqa: E402

CODE = re.compile(r"(?ms)^( *)(```+|~~~+).*?^\1\2[^\n]*$|`+[^`]+`+")
"""Fenced blocks and code in a line, where nothing is a link and no sign is markup."""
INTERNAL = {"checks", "constants", "interrupt", "jaxprs", "machine", "programs", "tables"}
"""Modules of lstmx that are for itself: they have no page in the reference."""


def notebooks() -> list[Path]:
    """The notebooks with their outputs, in order."""
    return sorted((ROOT / "notebooks").glob("*.ipynb"))


def modules() -> list[str]:
    """The modules of lstmx that users call."""
    return [name for name in lstmx._MODULES if name not in INTERNAL]


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
    for row in _show.config_keys():
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
        parts.append(fenced(_show.protocol(ROOT / path), "{ .text .protocol }"))
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
    parts: list[str] = []
    figures: dict[str, bytes] = {}
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
        drawing = converter.convert(tex, display="block" if block else "inline")
        # Markdown would end the paragraph at a line that starts with <math>.
        return drawing if block else f"<span>{drawing}</span>"

    return re.sub(r"\$\$(.+?)\$\$|(?<![\\\w$])\$([^$]+?)\$(?!\d)", drawn, text, flags=re.DOTALL)


def prose(docstring: str) -> str:
    """A docstring as Markdown: indented blocks are code, and no sign of a sentence is markup."""
    paragraphs = []
    for text in re.split(r"\n\n+", docstring):
        if text.startswith(("    ", "|")):  # code, or a table
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
        if k < code:  # broken after dots and underscores where the screen is narrow
            text = re.sub("([._])", r"\1<wbr>", html.escape(text))
            text = f"<code>{text}</code>"
        else:
            text = outside_code(text, escaped)
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


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """A text with a change made to everything but its code."""
    parts, end = [], 0
    for code in CODE.finditer(text):
        parts += [change(text[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*parts, change(text[end:])])


class Examples(Preprocessor):
    """Examples of docstrings, which Markdown would take for quotations, are blocks of code."""

    def run(self, lines: list[str]) -> list[str]:
        """The lines of a text, with fences around its examples."""
        example = r"(?:(?<=\n\n)|\A)>>> .*(?:\n.+)*"
        return re.sub(example, r"````pycon\n\g<0>\n````", "\n".join(lines)).split("\n")


class WithExamples(Extension):
    """Registers `Examples` before fences are read."""

    def extendMarkdown(self, md: Markdown) -> None:
        """As Markdown asks of an extension."""
        md.preprocessors.register(Examples(md), "examples", 28)


MADE: dict[str, Callable[..., str]] = {
    "members": members,
    "keys": keys,
    "recipes": recipes,
    "modules": reference,
    "figures": gallery,
}
"""Word of a comment -> what stands in its place."""
