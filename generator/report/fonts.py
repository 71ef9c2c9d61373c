"""The site's typefaces, cut to the characters its languages use and packed into one style sheet."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

from font_source_sans_pro import font_files_ttf as sans
from font_source_serif_pro import font_files_ttf as serif

from generator.report.mirror import Mirror

FACES = [
    (family, files[name], weight, style)
    for family, files, start in (("TP Sans", sans, "SourceSansPro"), ("TP Serif", serif, "SourceSerifPro"))
    for name, weight, style in (
        (start, 400, "normal"),
        (f"{start}It", 400, "italic"),
        (f"{start}Semibold", 600, "normal"),
    )
]
#: Latin with its accents, Greek, punctuation, letterlike signs, arrows, mathematics, ticks and crosses.
CHARACTERS = "U+0020-024F,U+02B0-036F,U+0370-03FF,U+1E00-1EFF,U+2000-22FF,U+25A0-25FF,U+2713-2717"
FEATURES = ["kern", "liga", "ccmp", "locl", "mark", "mkmk", "sups", "tnum"]


def copy_fonts(mirror: Mirror) -> None:
    """Put ``assets/fonts.css`` among the pages' files: ``@font-face`` rules with the fonts in them.

    Inside the sheet, not beside it: a font never arrives after its text, and a browser that opens a page from disk
    is not asked to fetch one from another folder. Source Sans and Source Serif are Adobe's, under the SIL Open Font
    License, which reserves their names: what was changed goes by another.
    """
    packages = ("font-source-sans-pro", "font-source-serif-pro", "fonttools")
    made_of = [Path(__file__).read_bytes(), *(version(package).encode() for package in packages)]
    name = hashlib.sha256(b"\n".join(made_of)).hexdigest()[:32]
    mirror.once(f"{name}.css", lambda: _style_sheet().encode(), "assets/fonts.css")


def _style_sheet() -> str:
    return "".join(
        f'@font-face {{ font-family: "{family}"; font-weight: {weight}; font-style: {style}; src: '
        f'url("data:font/woff2;base64,{b64encode(_cut(file)).decode()}") format("woff2"); }}\n'
        for family, file, weight, style in FACES
    )


def _cut(file: str) -> bytes:
    """A font with the ``CHARACTERS`` only, as WOFF2; its licence stays in it, its name does not."""
    from fontTools import subset  # takes longer to import than a page to write

    options = subset.Options(flavor="woff2", layout_features=FEATURES, name_IDs=[0, 13, 14], hinting=False)
    out = BytesIO()
    with subset.load_font(file, options) as font:
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=subset.parse_unicodes(CHARACTERS))
        subsetter.subset(font)
        subset.save_font(font, out, options)
    return out.getvalue()
