"""French typography: decimal commas and the spaces that may not break."""

from __future__ import annotations

import re

NBSP = "\N{NO-BREAK SPACE}"
NARROW = "\N{NARROW NO-BREAK SPACE}"


def number(value: float, digits: int = 4) -> str:
    """A number of ``digits`` significant digits as French writes it: « 0,0412 », « 12 500 ».

    Whole numbers keep all their digits; very small ones are written with a power of ten, in HTML.
    """
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}".replace(",", NARROW).replace("-", "−")
    if abs(value) < 1e-4:
        mantissa, exponent = f"{value:.{max(digits - 2, 0)}e}".split("e")
        return f"{mantissa.replace('.', ',')}{NBSP}×{NBSP}10<sup>{str(int(exponent)).replace('-', '−')}</sup>"
    text = f"{value:.{digits}g}"
    if "e" in text:
        text = f"{value:,.0f}".replace(",", NARROW)
    return text.replace(".", ",").replace("-", "−")


def typeset(markdown: str) -> str:
    """Make the spaces of French punctuation unbreakable in Markdown, code left alone."""
    pieces = re.split(r"(```.*?```|`[^`\n]*`|<[^>]*>)", markdown, flags=re.DOTALL)
    pieces[::2] = [_typeset(piece) for piece in pieces[::2]]
    return "".join(pieces)


def _typeset(text: str) -> str:
    text = re.sub(r" ([;!?](?![!?]))", NARROW + r"\1", text)
    text = re.sub(r" (:(?!-)|»|%)", NBSP + r"\1", text)
    return re.sub(r"« ", "«" + NBSP, text)
