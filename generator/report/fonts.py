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

#: Family of the site, file, weight, style. In sans serif only what is small and upright is set.
FACES = (
    ("TP Sans", sans["SourceSansPro"], 400, "normal"),
    ("TP Sans", sans["SourceSansProSemibold"], 600, "normal"),
    ("TP Serif", serif["SourceSerifPro"], 400, "normal"),
    ("TP Serif", serif["SourceSerifProIt"], 400, "italic"),
    ("TP Serif", serif["SourceSerifProSemibold"], 600, "normal"),
)
#: What stands in until a font is unpacked, as wide as the font, so that lines break where they will break:
#: family of the site, family of the system, share of its width at the weights 400 and 600.
STAND_INS = (
    ("TP Sans", "Arial", 0.89, 0.86),
    ("TP Sans", "DejaVu Sans", 0.818, 0.745),
    ("TP Serif", "Georgia", 0.9, 0.82),
    ("TP Serif", "DejaVu Serif", 0.866, 0.794),
)
#: French and English, the Greek of formulas, punctuation, arrows, ticks, crosses; other signs are the system's.
CHARACTERS = (
    "U+0020-007E,U+00A0-00FF,U+0152-0153,U+0394,U+03B1,U+03B5,U+03B7,U+03BB,U+03BC,U+03C3,U+1D49,U+2010-2026,U+202F,"
    "U+2030,U+2190-2193,U+2202,U+2208,U+2211-2212,U+221A,U+221E,U+2248,U+2260,U+2264-2265,U+2713,U+2717"
)
FEATURES = ["kern", "liga", "tnum"]


def copy_fonts(mirror: Mirror) -> None:
    """Put ``assets/fonts.css`` among the pages' files: ``@font-face`` rules with the fonts in them.

    Inside the sheet, not beside it: a browser that opens a page from disk is not asked to fetch a font from another
    folder. Source Sans and Source Serif are Adobe's, under the SIL Open Font
    License, which reserves their names: what was changed goes by another.
    """
    packages = ("font-source-sans-pro", "font-source-serif-pro", "fonttools")
    made_of = [Path(__file__).read_bytes(), *(version(package).encode() for package in packages)]
    name = hashlib.sha256(b"\n".join(made_of)).hexdigest()[:32]
    mirror.once(f"{name}.css", lambda: _style_sheet().encode(), "assets/fonts.css")


def _style_sheet() -> str:
    own = [
        _face(family, weight, style, f'url("data:font/woff2;base64,{b64encode(_cut(file)).decode()}") format("woff2")')
        for family, file, weight, style in FACES
    ]
    stand_ins = [
        _face(f"TP {system}", weight, "normal", f'local("{system}{bold}")', f" size-adjust: {share:.1%};")
        for _, system, *shares in STAND_INS
        for weight, bold, share in zip((400, 600), ("", " Bold"), shares, strict=True)
    ]
    sans, serif = (
        ", ".join(f'"{name}"' for name in (family, *(f"TP {system}" for of, system, *_ in STAND_INS if of == family)))
        for family in ("TP Sans", "TP Serif")
    )
    return "".join((*own, *stand_ins, f":root {{ --md-text-font: {sans}; --tp-serif: {serif}, serif; }}\n"))


def _face(family: str, weight: int, style: str, source: str, more: str = "") -> str:
    return (
        f'@font-face {{ font-family: "{family}"; font-weight: {weight}; font-style: {style}; src: {source};{more} }}\n'
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
