"""What both editions of a site have in common: hand-written pages, assets, settings."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import material
import yaml

from generator.errors import LabError
from generator.lab import Lab
from generator.lab.places import read_text, read_yaml, tell
from generator.language import Language
from generator.project import CONTENT, DEFAULT_LAB, ROOT
from generator.report.fonts import copy_fonts
from generator.report.mirror import Mirror, files_in
from generator.report.search import copy_search
from generator.sources import inside, texts_in

ASSETS = CONTENT / "assets"
MANUAL = CONTENT / "manual"
"""A folder for each language, of pages that a site of a lab in it has beside the lab's own."""
SAID_BY_SCRIPT = ("colours", "film", "compare", "zoom", "grid", "count", "class")
"""The words that lab.js and class.js need."""
STAFF, STUDENTS = "staff", "students"
"""The editions: everything, and what is asked without what answers it."""


def is_default(lab: Lab) -> bool:
    """Whether it is the lab that commands take when none is named."""
    return lab.path.resolve() == ROOT / DEFAULT_LAB


def content_pages(lab: Lab) -> list[Path]:
    """The hand-written pages but the first, in the order of their names: the lab's, and those of the manual.

    A page of the lab takes the place of the manual's of the same name.
    """
    own = (path for path in texts_in(lab.file.pages, lab.folder) if path.name != "index.md")
    pages = {path.name: path for path in (*manual(lab.language), *own)}
    return sorted(pages.values(), key=lambda path: path.stem)


def manual(language: Language) -> list[Path]:
    """The pages on reusing the project, the one to begin with first.

    They are in that language, or in English as long as nobody has translated them: :func:`untranslated` says so.
    """
    folder = MANUAL / language.code
    return sorted((folder if folder.is_dir() else MANUAL / "en").glob("*.md"), key=lambda path: path.stem)


def untranslated(language: Language) -> Iterator[str]:
    """A line if the manual is not in a language."""
    folder = MANUAL / language.code
    if not folder.is_dir():
        yield f"{folder}: no such folder; the site has the manual in English"


def read_page(path: Path) -> str:
    """Text of a hand-written page.

    Raises:
        LabError: it is not there.
    """
    try:
        return read_text(path)
    except FileNotFoundError:
        raise LabError(f"{path}: no such page; expected the text of the home page") from None


def page_header(path: Path) -> dict[str, Any]:
    """What stands between two lines of ``---`` at the beginning of a hand-written page; nothing, as a rule.

    ``for: students`` puts it into both editions, ``under: …`` under a heading of its own in the navigation.

    Raises:
        LabError: it is no YAML, or written for somebody else.
    """
    lines, between, _ = read_page(path).partition("\n---\n")
    if not between or not lines.startswith("---\n"):
        return {}
    header, places = read_yaml(path, lines.removeprefix("---"))
    if header.get("for", STUDENTS) != STUDENTS:
        raise LabError(tell(places, ("for",), f"found {header['for']!r}, expected {STUDENTS}, or no such key"))
    if not isinstance(header.get("under", ""), str):
        raise LabError(tell(places, ("under",), f"found {header['under']!r}, expected the text of a heading"))
    return header


def copy_assets(lab: Lab, mirror: Mirror) -> None:
    """Copy the project's fonts, search, styles, scripts with their words, and what a lab of another folder adds."""
    words = {f"{part}.{key}": text for part in SAID_BY_SCRIPT for key, text in lab.language.section(part).items()}
    mirror.write("assets/words.js", f"const tpWords = {json.dumps(words, ensure_ascii=False, indent=1)};\n")
    copy_fonts(mirror)
    copy_search(lab.language, mirror)
    for path in files_in(ASSETS):
        mirror.copy(path, f"assets/{path.relative_to(ASSETS)}")
    own = lab.folder / "assets"
    if own.resolve() == ASSETS:
        return
    linked = _own_styles(lab)
    for name, path in linked.items():
        mirror.copy(path, name)
    if lab.file.logo:
        mirror.copy(inside(lab.folder / lab.file.logo, lab.folder), lab.file.logo)
    waiting = {
        f"assets/{path.relative_to(own).as_posix()}": inside(path, lab.folder)
        for path in files_in(own)
        if path not in linked.values()
    }
    # What nothing that is published speaks of stays at home: the students' edition shows no figure of an answer.
    while asked := mirror.mentioned(waiting):
        for name in asked:
            mirror.copy(waiting.pop(name), name)


def _own_styles(lab: Lab) -> dict[str, Path]:
    """The style sheets of a lab of another folder, by their names in the site, where the project's keep theirs."""
    own = lab.folder / "assets"
    if own.resolve() == ASSETS:
        return {}
    theirs = {path.name for path in files_in(ASSETS)} | {"fonts.css"}
    return {
        f"assets/{path.stem}-own.css" if path.name in theirs else f"assets/{path.name}": inside(path, lab.folder)
        for path in sorted(own.glob("*.css"))
    }


def write_settings(lab: Lab, build: Path, navigation: list[Any]) -> None:
    """Write ``build/mkdocs.yml``: the settings that depend on the lab; all others stand in mkdocs.yml."""
    here, say = build.resolve(), lab.language.say
    common = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    theme = common["theme"]
    # Of a list, what inherits replaces the whole: the schemes get their names here.
    for scheme, other in zip(theme["palette"], ("dark", "light"), strict=True):
        scheme["toggle"]["name"] = say(f"theme.{other}")
    settings = {
        "INHERIT": str(ROOT / "mkdocs.yml"),
        "site_name": lab.file.title,
        "docs_dir": str(here / "docs"),
        "site_author": lab.file.author or None,
        "copyright": html.escape(" · ".join(lab.whose)) or None,
        "extra_css": [*common["extra_css"], *_own_styles(lab)],
        "theme": {
            "language": _spoken_by_the_theme(lab.file.language),
            "palette": theme["palette"],
            **({"logo": lab.file.logo} if lab.file.logo else {}),
        },
        "markdown_extensions": {"toc": {"permalink_title": say("theme.permalink")}},
        "nav": navigation,
        # The pages beside a wall are reached from there.
        "not_in_nav": f"/{say('files.galleries')}/*/",
    }
    (build / "mkdocs.yml").write_text(yaml.safe_dump(settings, allow_unicode=True, sort_keys=False), encoding="utf-8")


def _spoken_by_the_theme(language: str) -> str:
    """The language of the theme's few words of its own; English where it does not speak the site's."""
    known = Path(material.__file__).parent / "templates" / "partials" / "languages" / f"{language}.html"
    return language if known.is_file() else "en"
