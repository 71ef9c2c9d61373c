"""HTML in a lab's texts: harmless where Markdown is meant, whole, and nothing that a reader's browser would run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

from markdown.extensions.attr_list import get_attrs_and_remainder

from generator.errors import did_you_mean

_VOID = {"br", "hr", "img", "wbr", "col", "source"}
_OPTIONAL_END = {"li", "p", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot"}
HARMLESS = _VOID | _OPTIONAL_END | {
    "a", "abbr", "b", "bdi", "bdo", "blockquote", "caption", "cite", "code", "colgroup", "del", "details", "dfn", "div",
    "dl", "em", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "i", "ins", "kbd", "mark", "ol", "picture",
    "pre", "q", "rp", "rt", "ruby", "s", "samp", "section", "small", "span", "strong", "sub", "summary", "sup", "table",
    "u", "ul", "var",
}  # fmt: skip
"""Elements that say how a text looks."""
RUNS = {"script", "iframe", "frame", "frameset", "object", "embed", "applet", "base", "meta", "link", "style", "portal"}
"""Elements that load or run what somebody else wrote."""
_ADDRESSES = {"href", "src", "srcset", "action", "formaction", "xlink:href", "data", "poster", "background", "cite"}
_RUNS_WHEN_OPENED = re.compile(r"(?:javascript|vbscript|livescript):|data:\s*(?:text|application)", re.IGNORECASE)
_NOT_READ = re.compile(r"^[\x00-\x20]+|[\t\n\r]+")
"""What a browser leaves out of an address before it reads it (the URL standard, section 4.4)."""
_TAG = re.compile(r"<(?![a-z][a-z0-9+.-]*:|[^<>\s]+@)[a-z/!?][^>]{0,60}>?", re.IGNORECASE)
"""A tag, a comment; not an address between < and >."""
_LINK = re.compile(r"(?:\]\(|\]:|<)\s*<?([a-z&](?:[^)>\s]|[\t\n\r](?=\S)){0,60})", re.IGNORECASE)
"""The beginning of where a link of Markdown's leads; it may be broken over lines."""
_ATTRIBUTES = re.compile(r"(?<!\{)\{:?[ ]*([^{}\n ][^{}\n]*)\}")
"""What Markdown makes attributes of, of what stands before it: {: .wide title="…" }."""

_REMEDY = "where the sign < is meant, write &lt;, or put it between `backquotes`"


def runs(tag: str, attributes: list[tuple[str, str | None]]) -> bool:
    """Whether a tag of a page makes the browser run or load something that stands in it."""
    return tag in RUNS or any(
        name.startswith("on") or name == "srcdoc" or (name in _ADDRESSES and _runs_when_opened(value or ""))
        for name, value in attributes
    )


def html_in(words: str) -> str | None:
    """What is wrong with words that are no Markdown, a title perhaps: the HTML in them; None if there is none."""
    if tag := _TAG.search(words):
        return f"holds {tag[0]}, and is no HTML; leave it out, or put a space after <"
    if link := next(_running_links(words), None):
        return f"holds {link[1]}, which can run in a reader's browser; expected an address, https://…"
    return None


def _running_links(text: str) -> Iterator[re.Match[str]]:
    return (link for link in _LINK.finditer(text) if _runs_when_opened(unescape(link[1])))


def _runs_when_opened(address: str) -> bool:
    return _RUNS_WHEN_OPENED.match(_NOT_READ.sub("", address)) is not None


class HTMLReader(HTMLParser):
    """Reads HTML, and notices what browsers take for closed before this parser does: they run what follows."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_comment(self, data: str) -> None:
        """Notice a comment that begins with its end, or has another form of it inside."""
        if data.startswith((">", "->")) or "--!>" in data:
            self.handle_unlike_browsers(f"<!--{data}")

    def unknown_decl(self, data: str) -> None:
        """Notice <![…]]>, which HTML has not."""
        self.handle_unlike_browsers(f"<![{data}")

    def handle_unlike_browsers(self, shown: str) -> None:
        """What to do about it."""
        raise NotImplementedError


class _Texts(HTMLReader):
    """What is wrong with the HTML of a text, by line."""

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[tuple[int, str]] = []
        self._open: list[tuple[str, int]] = []
        self._told: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        line, shown = self.getpos()[0], f"{self.get_starttag_text() or tag:.60}"
        if ":" in tag or "@" in tag:
            return  # an address between < and >
        if runs(tag, attrs):
            self.problems.append((line, f"{shown} can run in a reader's browser; remove it"))
        elif tag not in HARMLESS:
            near = did_you_mean(tag, HARMLESS)
            self.problems.append((line, f"{shown} is read as HTML, and has no place in a text; {_REMEDY}{near}"))
        elif tag not in _VOID | _OPTIONAL_END:
            self._open.append((tag, line))
            return
        self._told.add(tag)

    def handle_endtag(self, tag: str) -> None:
        names = [name for name, _ in self._open]
        if tag in names:
            place = len(names) - 1 - names[::-1].index(tag)
            self._never_closed(self._open[place + 1 :])
            del self._open[place:]
        elif tag not in _OPTIONAL_END | self._told:
            self.problems.append((self.getpos()[0], f"</{tag}> closes nothing; {_REMEDY}"))

    def handle_unlike_browsers(self, shown: str) -> None:
        self.problems.append((self.getpos()[0], f"{shown:.60} is no HTML, and can hide what runs; remove it"))

    def close(self) -> None:
        super().close()
        self._never_closed(self._open)

    def _never_closed(self, tags: list[tuple[str, int]]) -> None:
        self.problems += [(line, f"<{tag}> is read as HTML, and is never closed; {_REMEDY}") for tag, line in tags]


def html_problems(path: Path, text: str) -> Iterator[str]:
    """A line for each piece of HTML in a text that could run, that no text wants, or that is not whole.

    Args:
        path: of the file, for messages.
        text: Markdown, with blanks in place of code and formulas.
    """
    if problem := html_in(path.name):
        yield f"{path}: its name {problem}"
    for link in _running_links(text):
        line = text[: link.start(1)].count("\n") + 1
        yield f"{path}:{line}: {' '.join(link[1].split())} can run in a reader's browser; expected an address, https://…"
    for given in _ATTRIBUTES.finditer(text):
        if runs("", get_attrs_and_remainder(given[1])[0]):
            line = text[: given.start()].count("\n") + 1
            yield f"{path}:{line}: {given[0]:.60} can run in a reader's browser; remove it"
    reader = _Texts()
    reader.feed(text)
    reader.close()
    yield from (f"{path}:{line}: {problem}" for line, problem in sorted(reader.problems))
