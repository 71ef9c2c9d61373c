"""The search: the theme's, taught to understand a word that is written otherwise."""

from __future__ import annotations

from pathlib import Path

import material

from generator.language import Language
from generator.project import CONTENT, TEMPLATES
from generator.report.mirror import Mirror

SCRIPTS = Path("assets", "javascripts")
"""Where the theme has its scripts, and the website too."""


def copy_search(language: Language, mirror: Mirror) -> None:
    """Put the search's worker among the pages' files, under the name of the theme's, which it takes the place of.

    It is one file, since what a page opened from disk loads comes too late: ``fold.js`` and ``search.js``, which must
    hear each message first, the theme's worker with lunr in it, and lunr's stemmer and stop words of the language.
    Those of English are in lunr itself. The stemmers are Snowball's (M. F. Porter, 2001, *Snowball: A language for
    stemming algorithms*).
    """
    scripts = Path(material.__file__).parent / "templates" / SCRIPTS
    (theirs,) = (scripts / "workers").glob("search.*.min.js")
    parts = [CONTENT / "assets" / "fold.js", TEMPLATES / "search.js", theirs]
    stemmer = scripts / "lunr" / "min" / f"lunr.{language.locale.language}.min.js"
    # In a language that lunr has none for, words are found as they are written.
    if stemmer.is_file():
        parts += [stemmer.with_name("lunr.stemmer.support.min.js"), stemmer]
    text = "\n".join(part.read_text(encoding="utf-8") for part in parts)
    mirror.write(str(SCRIPTS / "workers" / theirs.name), text)
