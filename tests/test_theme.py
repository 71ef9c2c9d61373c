"""What the pages say does not depend on plugins of MkDocs; see docs/theme.md."""

from __future__ import annotations

import html
import re
from pathlib import Path

import markdown
import yaml

from tests.conftest import ROOT

EXTENSIONS = {"abbr", "admonition", "attr_list", "md_in_html", "tables", "toc"}


def settings() -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    return found


def words(page: str) -> str:
    """What a reader reads of a piece of HTML."""
    without = re.sub(r'<a class="headerlink".*?</a>|<script.*?</script>', "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", without)).split())


def test_no_plugin_but_the_search_s() -> None:
    plugins = settings()["plugins"]
    assert isinstance(plugins, list)
    assert {next(iter(plugin)) if isinstance(plugin, dict) else plugin for plugin in plugins} == {"search", "offline"}


def test_extensions_are_python_markdown_s_own() -> None:
    extensions = settings()["markdown_extensions"]
    assert isinstance(extensions, dict)
    assert extensions.keys() == EXTENSIONS
    assert all((Path(markdown.__file__).parent / "extensions" / f"{name}.py").is_file() for name in EXTENSIONS)


def test_each_page_says_the_same_without_mkdocs(site: Path) -> None:
    docs = site.parent / "build" / "docs"
    for path in sorted(docs.rglob("*.md")):
        text = re.sub(r"\A---\n.*?\n---\n", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        built = (site / path.relative_to(docs).with_suffix(".html")).read_text(encoding="utf-8")
        article = re.search(r"<article[^>]*>(.*)</article>", built, re.DOTALL)
        assert article is not None
        # Fenced code is Python-Markdown's own too; MkDocs adds it unasked.
        assert words(markdown.markdown(text, extensions=sorted(EXTENSIONS | {"fenced_code"}))) in words(article[1]), (
            path.name
        )
