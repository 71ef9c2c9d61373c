"""Charts as SVG, with numbers as the reader writes them, in colours that a page can turn for its dark scheme."""

from __future__ import annotations

from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from generator.language import Language

if TYPE_CHECKING:  # importing matplotlib takes longer than reading a lab
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, PAPER = "#1f2a36", "#f7f5f1"
INK_IN_DARK, PAPER_IN_DARK = "#e8e4dc", "#262b36"
#: Colours that can be told apart in both schemes and by colour-blind readers (after Okabe and Ito 2008).
COLOURS = ("#c4581f", "#2f7fb8", "#1f9a75", "#c27ba0", "#b8912a", "#7a7f87")
#: What the first one has no sign for, the second one has.
TYPEFACES = ("Source Sans Pro", "DejaVu Sans")
#: Its letters are smaller, at one size, than those that matplotlib's sizes are meant for.
LARGER = 1.1
DOTS_PER_INCH = 96
SIZE = (7.2, 3.6)
"""Width and height of a chart that does not say them, in inches."""


@dataclass(frozen=True)
class Chart:
    """A drawn chart.

    Attributes:
        svg: its text, the same for the same drawing.
        width, height: in CSS pixels.
    """

    svg: str
    width: int
    height: int


def canvas(
    width: float = SIZE[0], height: float = SIZE[1], *, rows: int = 1, columns: int = 1
) -> tuple[Figure, list[Axes]]:
    """An empty chart in the site's style.

    Args:
        width: in inches of 96 CSS pixels.
        height: likewise.
        rows: of axes.
        columns: of axes.

    Returns:
        The drawing and its axes, row by row.
    """
    from cycler import cycler
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"axes.prop_cycle": cycler(color=COLOURS)}):
        figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained")
        axes: list[Axes] = list(np.atleast_1d(figure.subplots(rows, columns)).flat)
    figure.patch.set_visible(False)
    for one in axes:
        one.patch.set_visible(False)
        one.spines[["top", "right"]].set_visible(False)
        one.spines[["left", "bottom"]].set_color(INK)
        one.tick_params(colors=INK, labelsize=10)
        one.xaxis.label.set_color(INK)
        one.yaxis.label.set_color(INK)
        one.title.set_color(INK)
        one.title.set_fontsize(11)
        one.grid(color=INK, alpha=0.15, linewidth=0.6)
        one.set_axisbelow(True)
    return figure, axes


def draw(figure: Figure, language: Language) -> Chart:
    """Finish a drawing: the language's numbers on its axes, the site's typeface, one legend style, SVG."""
    from font_source_sans_pro import font_files_ttf
    from matplotlib import font_manager, rc_context
    from matplotlib.text import Text
    from matplotlib.ticker import FuncFormatter, LogFormatter, ScalarFormatter

    def written(value: float, _: object) -> str:
        return language.number(value, 6) if value == 0 or abs(value) >= 1e-4 else f"{value:.0e}"

    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if isinstance(axis.get_major_formatter(), ScalarFormatter | LogFormatter):
                axis.set_major_formatter(FuncFormatter(written))
        if legend := axes.get_legend():
            legend.set_frame_on(False)
            for text in legend.get_texts():
                text.set_color(INK)
    font_manager.fontManager.addfont(font_files_ttf["SourceSansPro"])
    figure.draw_without_rendering()  # only now do the axes have the texts of their ticks
    for text in figure.findobj(Text):
        text.set_fontfamily([*TYPEFACES])
        text.set_fontsize(LARGER * float(text.get_fontsize()))
    out = StringIO()
    # Text as outlines: it fits its place whatever fonts the reader has. No date: the same bytes every time.
    with rc_context({"svg.hashsalt": "tp", "svg.fonttype": "path"}):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return Chart(out.getvalue(), *pixels(*figure.get_size_inches()))


def pixels(width: float, height: float) -> tuple[int, int]:
    """Width and height in CSS pixels from inches."""
    return round(width * DOTS_PER_INCH), round(height * DOTS_PER_INCH)


def in_dark(svg: str) -> str:
    """The same chart for a dark page."""
    return svg.replace(INK, INK_IN_DARK).replace(PAPER, PAPER_IN_DARK)


def heatmap(axes: Axes, values: NDArray[Any], *, low: float, high: float, label: str) -> None:
    """Show a matrix as shades with a scale beside it; ``low`` and ``high`` are the scale's ends."""
    image = axes.imshow(values, cmap="cividis", vmin=low, vmax=high, aspect="auto", interpolation="nearest")
    axes.grid(visible=False)
    bar = axes.figure.colorbar(image, ax=axes)
    bar.set_label(label, color=INK)
    bar.ax.tick_params(colors=INK)
    bar.outline.set_visible(False)
