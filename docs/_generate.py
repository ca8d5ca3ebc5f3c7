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

import functools
import posixpath
import re
from collections.abc import Callable

import _pages  # beside this file, which MkDocs puts on the import path
from _pages import ROOT, modules, notebooks, recipe_names
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

DOCS = ROOT / "docs"
COMMENT = re.compile(r"(?m)^<!-- (\w+)(?:: ([^,>]+?)(?:, ([^>]+?))?)? -->$")
LINK = re.compile(r"(?<=\]\()([^)\s]+)(?=\))")
WITH_SUBMODULES = {"analysis", "data", "interop", "parallel", "train"}
"""Packages whose functions are in public modules below them."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the notebooks and the modules to the navigation, and code for examples."""
    config.markdown_extensions.append(_pages.WithExamples())  # type: ignore[arg-type]
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
        text, figures = _pages.converted(path)
        files.append(File.generated(config, f"gallery/{path.stem}.md", content=text))
        for name, png in figures.items():
            files.append(File.generated(config, f"gallery/{name}", content=png))
    for name in recipe_names():
        recipe = f"configs/{name}.py"
        content = (ROOT / recipe).read_text("utf-8")
        files.append(File.generated(config, f"files/{recipe}", content=content))
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
        if word not in _pages.MADE:
            raise PluginError(f"{uri}: unknown comment {match[0]}")
        return link(_pages.MADE[word](*([name] if name else [])), "README.md")

    stem = page.file.src_path.removeprefix("gallery/").removesuffix(".md")
    own = f"notebooks/{stem}.ipynb" if uri.startswith("gallery/") else f"docs/{uri}"
    return COMMENT.sub(filled, link(markdown, own))


def included(name: str, section: str | None) -> str:
    """The text of a file below its title, or of one of its sections below its heading."""
    text = (ROOT / name).read_text("utf-8")
    if section is None:
        return text.partition("\n")[2]
    found = re.search(rf"(?ms)^##? {re.escape(section)}\n(.*?)(?=^## |\Z)", text)
    if not found:
        raise PluginError(f"{name} has no section {section!r}, which a page in docs/ includes")
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
    for folder in ("configs/tutorials", "configs/studies"):
        found[folder] = "recipes.md#protocols"
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

    return _pages.outside_code(text, lambda part: LINK.sub(lead, part))
