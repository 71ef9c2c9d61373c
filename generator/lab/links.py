"""Links of Markdown that lead to pages which an edition, or a lab, does not have."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import PurePosixPath

_WORDS = r"(?:`[^`\n]*`|[^\[\]`]|\[[^\[\]]*\])*"
_TITLE = r"""(?:\s+(?:"[^"]*"|'[^']*'|\([^()]*\)))?"""
LINK = re.compile(
    rf"```.*?```|(?P<code>`[^`\n]*`)"
    rf"|(?<!!)\[(?P<words>{_WORDS})\]\(\s*<?(?P<page>[^\s()<>#]+)(?:#[^\s()<>]*)?>?{_TITLE}\s*\)"
    rf"|<a\b[^>]*?\bhref=[\"'](?P<html>[^\"'#]+)(?:#[^\"']*)?[\"'][^>]*>(?P<within>.*?)</a>"
    rf"|(?<!!)\[(?P<by_name>{_WORDS})\]\[(?P<name>[^\[\]]*)\]",
    re.DOTALL,
)
"""A link as Markdown or HTML writes it, or code, where there is none."""
DEFINITION = re.compile(
    rf"^ {{0,3}}\[(?P<name>[^\[\]]+)\]:[ \t]*<?(?P<page>[^\s<>#]+)(?:#\S*)?>?{_TITLE}[ \t]*$\n?", re.MULTILINE
)
"""Where links that are written by a name lead."""


def links_to(text: str, pages: Collection[str]) -> Iterator[re.Match[str]]:
    """Links of a text that lead to one of these pages.

    Args:
        text: Markdown.
        pages: their names without suffix, with as many folders as tell them from others.
    """
    names = _names_of(text, pages)
    yield from (link for link in LINK.finditer(text) if _leads_to(link, pages, names))


def unlinked(text: str, pages: Collection[str]) -> str:
    """A text whose links to these pages are their words only."""
    if not pages:
        return text
    names = _names_of(text, pages)

    def words(link: re.Match[str]) -> str:
        said = next((link[group] for group in ("words", "within", "by_name") if link[group]), "")
        return said if _leads_to(link, pages, names) else link[0]

    without = DEFINITION.sub(lambda line: "" if _is_one(line["page"], pages) else line[0], text) if names else text
    return LINK.sub(words, without)


def _names_of(text: str, pages: Collection[str]) -> frozenset[str]:
    """Names by which a text's links lead to one of the pages."""
    return frozenset(line["name"].casefold() for line in DEFINITION.finditer(text) if _is_one(line["page"], pages))


def _leads_to(link: re.Match[str], pages: Collection[str], names: Collection[str]) -> bool:
    if link["by_name"] is not None:
        return (link["name"] or link["by_name"]).casefold() in names
    address = link["page"] or link["html"]
    return address is not None and _is_one(address, pages)


def _is_one(address: str, pages: Collection[str]) -> bool:
    if ":" in address or not address.endswith((".md", ".html")):
        return False
    parts = PurePosixPath(address).with_suffix("").parts
    return any(parts[-len(wanted) :] == wanted for wanted in (PurePosixPath(page).parts for page in pages))
