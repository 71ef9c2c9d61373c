"""Figures and tables -> files in the pages' folder, and what stands in a text where a link shows one."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jinja2

from generator import charts
from generator.lab import Lab
from generator.lab.questions import FIGURE, FIGURES, REFERENCE, TABLE, Question, outside_code
from generator.language import Language
from generator.project import DEFAULT_DATA
from generator.report.common import is_default
from generator.report.mirror import Mirror
from generator.report.moving import Comparison, FilmView, comparisons, film_view, merged
from generator.report.tables import GridView, TableView, shaded
from generator.report.walls import PAGEFUL, publish_tiles, tiles
from generator.results.artefacts import Figure, ImageFacts, Manifest, Picture, Scale
from generator.results.folder import results_folder

THUMBNAIL = 160
"""Width of a thumbnail, in pixels."""


@dataclass(frozen=True)
class Shown:
    """A picture as a page shows it: the file itself, and copies at the size shown.

    Attributes:
        file: lossless.
        display: a light copy; of a chart, the chart.
        dark: a chart for the dark scheme; empty for a picture, which looks the same in both.
        title, alt, width, height, sha256, scale: as in the manifest.
        anchor: its name on a page; empty where no table leads to it, or another figure shows it first.
    """

    file: str
    display: str
    dark: str
    title: str
    alt: str
    width: int
    height: int
    sha256: str
    scale: Scale | None
    anchor: str


@dataclass(frozen=True)
class Thumbnail:
    """A small copy of a figure's most telling picture; of a chart, the chart."""

    file: str
    dark: str
    width: int
    height: int


@dataclass(frozen=True)
class Near:
    """What a figure is confused with, as a page shows it.

    Attributes:
        title, share: as in the manifest.
        thumbnail: of the figure that shows it; None where none does, or the edition has it not.
        address: where that figure is, from the top of the site; empty likewise.
    """

    title: str
    share: float
    thumbnail: Thumbnail | None
    address: str


@dataclass(frozen=True)
class Common:
    """What figures of an experiment have in common beside all that is the experiment's.

    Attributes:
        anchor: where the page says it.
        parameters: those of the same value in all.
        images: names of the photographs, where all are made from the same ones.
    """

    anchor: str
    parameters: Mapping[str, Any]
    images: tuple[str, ...]

    @classmethod
    def of(cls, figures: Sequence[Figure], anchor: str) -> Common:
        """Find it in figures."""
        first, *others = (figure.parameters for figure in figures)
        same = {name: value for name, value in first.items() if all(other.get(name) == value for other in others)}
        made_from = {figure.images for figure in figures}
        return cls(anchor, same, made_from.pop() if len(made_from) == 1 else ())


@dataclass(frozen=True)
class View:
    """A figure as a page shows it.

    Attributes:
        base: leads from the page to the figure's files.
        said: the words of the link that shows it; may be empty.
        common: what the page says once of several figures, this among them; None if it says all of each.
        neighbours: what it is confused with; known once it is known which page shows them.
    """

    figure: Figure
    manifest: Manifest
    columns: tuple[tuple[Shown, ...], ...]
    thumbnail: Thumbnail
    command: str
    number: str
    base: str
    said: str
    common: Common | None
    film: FilmView | None
    comparisons: tuple[Comparison, ...]
    neighbours: tuple[Near, ...]

    @property
    def reference(self) -> str:
        """EXPERIMENT/FIGURE."""
        return f"{self.manifest.experiment}/{self.figure.name}"

    @property
    def anchor(self) -> str:
        """The figure's name on its page."""
        return figure_anchor(self.reference)

    @property
    def parameters(self) -> dict[str, Any]:
        """Those that are not said elsewhere."""
        said = self.common.parameters if self.common else {}
        return {name: value for name, value in self.figure.parameters.items() if name not in said}

    @property
    def pictures(self) -> tuple[Shown, ...]:
        """All pictures, column after column."""
        return tuple(picture for column in self.columns for picture in column)

    @property
    def screen(self) -> Shown:
        """The picture that a thumbnail shows, and on which a film is played."""
        return next(picture for picture in self.pictures if picture.file == self.figure.thumbnail)

    @property
    def images(self) -> list[ImageFacts]:
        """The photographs it was made from."""
        return [self.manifest.provenance.images[name] for name in self.figure.images]

    @property
    def facets(self) -> dict[str, list[str]]:
        """What a reader may look for it by: the titles of its experiment, images, classes and networks."""
        return {
            "experiment": [self.manifest.title],
            "image": [image.title for image in self.images],
            "class": sorted({*self.figure.classes, *(image.label_title for image in self.images)}),
            "network": [network.title for network in self.manifest.provenance.networks],
        }


@dataclass(frozen=True)
class Step:
    """A figure of a series: what is not said of the others too."""

    view: View
    title: str
    caption: str


@dataclass(frozen=True)
class Series:
    """Figures of one picture each, shown side by side as one figure that says once what they have in common.

    Attributes:
        title, caption: the pieces of theirs that are the same in all.
        steps: the figures, in order.
        comparisons: theirs; those of the same kind are one panel.
    """

    title: str
    caption: str
    steps: tuple[Step, ...]
    comparisons: tuple[Comparison, ...]

    @classmethod
    def of(cls, views: Sequence[View], language: Language) -> Series:
        """Tell apart what is common and what is not."""
        common = Common.of([view.figure for view in views], anchor="")
        title, titles = _told_apart([view.figure.title for view in views], ", ")
        caption, captions = _told_apart([view.figure.caption for view in views], r"(?<=\.) ")
        steps = (Step(replace(view, common=common), *own) for view, *own in zip(views, titles, captions, strict=True))
        return cls(title, caption, tuple(steps), tuple(merged((view.comparisons for view in views), language)))

    @property
    def views(self) -> list[View]:
        """The figures."""
        return [step.view for step in self.steps]

    @property
    def films(self) -> list[View]:
        """Those of the figures that have a film."""
        return [view for view in self.views if view.film]

    @property
    def numbers(self) -> dict[str, list[Any]]:
        """What the table says of each: numbers among the parameters that differ, and facts of the same label."""
        told = [
            {name: value for name, value in view.parameters.items() if isinstance(value, int | float)}
            | {fact.label: fact for fact in view.figure.facts}
            for view in self.views
        ]
        return {name: [one[name] for one in told] for name in told[0] if all(name in one for one in told)}


def _told_apart(texts: Sequence[str], between: str) -> tuple[str, list[str]]:
    """The pieces that all texts have, and what is left of each."""
    pieces = [re.split(between, text) for text in texts]
    shared = [piece for piece in pieces[0] if all(piece in other for other in pieces)]
    joint = ", " if between == ", " else " "
    return joint.join(shared), [joint.join(piece for piece in own if piece not in shared) for own in pieces]


def are_series(views: Sequence[View]) -> bool:
    """Whether figures belong together: of one experiment, one picture each, and no chart."""
    return (
        len(views) > 1
        and len({view.manifest.experiment for view in views}) == 1
        and all(len(view.pictures) == 1 and not view.thumbnail.dark for view in views)
    )


def publish(lab: Lab, manifests: Mapping[str, Manifest], build: Path, mirror: Mirror) -> dict[str, View]:
    """Bring the files of all figures into the pages' folder.

    Args:
        lab: the lab.
        manifests: of all its experiments.
        build: folder of the results.
        mirror: takes the files, into ``figures/EXPERIMENT``.

    Returns:
        How to show each, under EXPERIMENT/FIGURE; seen from the top of the site.
    """
    numbers = dict(figure_numbers(lab))
    options = "" if is_default(lab) else f" LAB={lab.path}"
    options += "" if lab.data_folder == Path(DEFAULT_DATA) else f" DATA={lab.data_folder}"
    views = {}
    for name, manifest in manifests.items():
        source, target = results_folder(build, name), f"figures/{name}"
        links = (*(table.links for table in manifest.tables), *(grid.links for grid in manifest.grids))
        led_to = {file for rows in links for row in rows for file in row if file}
        for figure in manifest.figures:
            film = next((film_view(film) for film in manifest.films if film.figures[-1] == figure.name), None)
            for frame in film.film.frames if film else ():
                mirror.copy(source / frame.file, f"{target}/{frame.file}")
            reference = f"{name}/{figure.name}"
            views[reference] = View(
                figure=figure,
                manifest=manifest,
                columns=tuple(
                    tuple(_shown(mirror, source, target, picture, led_to) for picture in column)
                    for column in figure.columns
                ),
                thumbnail=_thumbnail(mirror, source, target, figure),
                command=f"make figure FIGURE={reference}{options}",
                number=numbers.get(reference, ""),
                base=f"{target}/",
                said="",
                common=None,
                film=film,
                comparisons=tuple(comparisons(manifest, figure, film, manifests, lab.language)),
                neighbours=(),
            )
    thumbnails = {reference: view.thumbnail.file for reference, view in views.items()}
    for name, manifest in manifests.items():
        publish_tiles(manifest, thumbnails, mirror, f"figures/{name}")
    return views


def _shown(mirror: Mirror, source: Path, target: str, picture: Picture, led_to: set[str]) -> Shown:
    """Publish a picture; it gets an anchor if it is one of the files that tables lead to, which it then leaves.

    What was computed, to the bit, is beside the site: it is several times as large as what readers look at.
    """
    path, stem = source / picture.file, Path(picture.file).stem
    if path.suffix == ".svg":
        display, dark = f"{stem}-light.svg", f"{stem}-dark.svg"
        publish_chart(mirror, path.read_text(encoding="utf-8"), f"{target}/{stem}")
    else:
        display, dark = f"{stem}.webp", ""
        mirror.display_copy(path, picture, f"{target}/{display}", picture.width)
    anchor = f"image-{Path(target).name}-{stem}" if picture.file in led_to else ""
    led_to.discard(picture.file)
    return Shown(
        picture.file,
        display,
        dark,
        picture.title,
        picture.alt,
        picture.width,
        picture.height,
        picture.sha256,
        picture.scale,
        anchor,
    )


def publish_chart(mirror: Mirror, svg: str, stem: str) -> None:
    """Publish a chart as ``STEM-light.svg`` and, for dark pages, ``STEM-dark.svg``."""
    mirror.write(f"{stem}-light.svg", compact(svg))
    mirror.write(f"{stem}-dark.svg", compact(charts.in_dark(svg)))


def compact(svg: str) -> str:
    """A chart without comments, layout and thousandths of pixels: a fifth less to load."""
    text = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    return re.sub(r"(\.\d{3})\d+", r"\1", re.sub(r"\s*\n\s*", " ", text)).replace("> <", "><")


def _thumbnail(mirror: Mirror, source: Path, target: str, figure: Figure) -> Thumbnail:
    """A map is shown over its photograph: alone, so small, one is as good as another."""
    pictures = {picture.file: picture for picture in figure.pictures}
    picture, beneath = pictures[figure.thumbnail], {over: under for under, over in figure.overlay}
    stem = Path(picture.file).stem
    if picture.file.endswith(".svg"):
        return Thumbnail(f"{stem}-light.svg", f"{stem}-dark.svg", picture.width, picture.height)
    if picture.file in beneath:
        under = pictures[beneath[picture.file]]
        small = f"{stem}-over-{THUMBNAIL}.webp"
        mirror.laid_over(source / picture.file, source / under.file, (picture, under), f"{target}/{small}", THUMBNAIL)
        return Thumbnail(small, "", THUMBNAIL, round(picture.height * THUMBNAIL / picture.width))
    small = f"{stem}-{THUMBNAIL}.webp"
    width, height = mirror.display_copy(source / picture.file, picture, f"{target}/{small}", THUMBNAIL)
    return Thumbnail(small, "", width, height)


class Figures:
    """Puts figures and tables into the texts of a lab where links stand for them.

    Args:
        lab: the lab.
        manifests: of all its experiments.
        views: its figures, published.
        jinja: the templates.
        given: numbers of the questions that show figures to students; None for the staff's edition, where all of them
            do, and galleries too.
    """

    def __init__(
        self,
        lab: Lab,
        manifests: Mapping[str, Manifest],
        views: Mapping[str, View],
        jinja: jinja2.Environment,
        given: Collection[int] | None = None,
    ) -> None:
        self._lab = lab
        self._manifests = manifests
        self._views = views
        self._jinja = jinja
        self._homes = dict(_homes(lab, given))
        self._numbers = dict(figure_numbers(lab))
        self._galleries = lab.language.say("files.galleries") if given is None else ""
        self._pages = {tile.reference: tile.page for manifest in manifests.values() for tile in tiles(manifest)}

    def view(self, reference: str, *, base: str, said: str = "", common: Common | None = None) -> View:
        """A figure as a page shows it from which ``base`` leads to the top of the site."""
        view = self._views[reference]
        return replace(view, base=base + view.base, said=said, common=common, neighbours=tuple(self._near(view)))

    def _near(self, view: View) -> Iterator[Near]:
        for one in view.figure.neighbours:
            other = self._views.get(f"{view.manifest.experiment}/{one.figure}") if self._galleries else None
            address = f"{self.in_gallery(other.reference)}#{other.anchor}" if other else ""
            yield Near(one.title, one.share, other.thumbnail if other else None, address)

    def all_of(self, experiment: str, *, base: str) -> list[View]:
        """All figures of an experiment, on a page that says once what they have in common."""
        figures = self._manifests[experiment].figures
        common = Common.of(figures, f"provenance-{experiment}")
        return [self.view(f"{experiment}/{figure.name}", base=base, common=common) for figure in figures]

    def with_figures(self, markdown: str, base: str = "../") -> str:
        """Put figures and tables where their links stand; neighbouring figures share a grid.

        ``base`` leads from the page to the top of the site.
        """
        figure, series = (macro(self._jinja, "figure.jinja", name) for name in ("figure", "series"))

        def grid(match: re.Match[str]) -> str:
            views = [self.view(link["figure"], base=base, said=link["caption"]) for link in FIGURE.finditer(match[0])]
            if are_series(views):
                return f'<div class="tp-grid tp-grid--one">\n{series(Series.of(views, self._lab.language))}\n</div>\n'
            size = "many" if len(views) > 1 else "one"
            shown = "\n".join(figure(view) for view in views)
            return f'<div class="tp-grid tp-grid--{size}">\n{shown}\n</div>\n'

        return self._replaced(markdown, base, grid, lambda link: self._table(link, base))

    def with_thumbnails(self, markdown: str, home: Question) -> str:
        """The same, small: thumbnails and links that lead to the question where figures and tables are at home."""
        thumbnail = macro(self._jinja, "figure.jinja", "thumbnail")

        def row(match: re.Match[str]) -> str:
            links = []
            for link in FIGURE.finditer(match[0]):
                view = self.view(link["figure"], base="../")
                links.append(
                    f'<a href="{home.slug}.html#{view.anchor}">{thumbnail(view, view.figure.title)}'
                    f"<span>{link['caption'] or view.figure.title}</span></a>"
                )
            return '<div class="tp-thumbnails">\n' + "\n".join(links) + "\n</div>\n"

        def table(link: re.Match[str]) -> str:
            experiment, _, name = link["table"].partition("/")
            manifest = self._manifests[experiment]
            title = link["caption"] or (manifest.grid(name) or manifest.table(name)).caption
            return f'<a href="{home.slug}.html#{table_anchor(link["table"])}">{title}</a>'

        return self._replaced(markdown, "../", row, table)

    def _replaced(
        self,
        markdown: str,
        base: str,
        figures: Callable[[re.Match[str]], str],
        table: Callable[[re.Match[str]], str],
    ) -> str:
        """A text whose links have become mentions, runs of figures and tables; code stays as it stands."""

        def piece(text: str) -> str:
            with_numbers = REFERENCE.sub(lambda link: self.mention(link["figure"], base), text)
            return TABLE.sub(table, FIGURES.sub(figures, with_numbers))

        return outside_code(markdown, piece)

    def see(self, reference: str, here: Collection[str]) -> str:
        """« la figure 5.2 », a link that stays on the page where the figure is shown on it."""
        link = self.mention(reference, base="../", here=here)
        return self._lab.language.say("figure.mention", link=link) if reference in self._numbers else link

    def mention(self, reference: str, base: str, here: Collection[str] = ()) -> str:
        """« figure 5.2 », a link to where that figure is at home; by its title if no question shows it.

        Of a figure that the edition has not, only the name stays.
        """
        view = self._views.get(reference)
        if view is None:
            return named_only(self._numbers.get(reference), self._lab.language)
        where = "" if reference in here else base + self._home_of(reference)
        return f'<a href="{where}#{view.anchor}">{named(view.number, view.figure.title, self._lab.language)}</a>'

    def _home_of(self, reference: str) -> str:
        """The page of the question that shows a figure; of its gallery if none does."""
        if reference in self._homes:
            return f"questions/{self._homes[reference]}.html"
        return self.in_gallery(reference)

    def in_gallery(self, reference: str) -> str:
        """The page of its experiment's gallery that shows a figure, from the top of the site."""
        gallery = f"{self._galleries}/{self.gallery_of(reference.partition('/')[0])}"
        return f"{gallery}/{self._pages[reference]}.html" if reference in self._pages else f"{gallery}.html"

    def gallery_of(self, experiment: str) -> str:
        """The gallery that shows an experiment: its family's, or its own if it alone would fill a page."""
        family = self._lab.experiments[experiment].family
        pictures = sum(len(figure.pictures) for figure in self._manifests[experiment].figures)
        return f"{family}-{experiment}" if pictures > PAGEFUL else family

    def _table(self, link: re.Match[str], base: str) -> str:
        experiment, _, name = link["table"].partition("/")
        anchor, said = table_anchor(link["table"]), link["caption"]
        homes = {
            Path(picture.file).stem: f"{experiment}/{figure.name}"
            for figure in reversed(self._manifests[experiment].figures)
            for picture in figure.pictures
        }

        def leads(picture: str) -> str:
            return f"{base}{self.in_gallery(homes[picture])}#image-{experiment}-{picture}"

        if grid := self._manifests[experiment].grid(name):
            grid = grid if self._galleries else grid.model_copy(update={"links": _leading_nowhere(grid.links)})
            measures = tuple(shaded(measure, grid.remarks, self._jinja.filters["cell"]) for measure in grid.measures)
            files = f"{base}figures/{experiment}/"
            return macro(self._jinja, "grid.jinja", "grid")(GridView(grid, anchor, said, leads, files, measures))
        table = self._manifests[experiment].table(name)
        table = table if self._galleries else table.model_copy(update={"links": _leading_nowhere(table.links)})
        return macro(self._jinja, "table.jinja", "table")(TableView(table, anchor, said, leads))


def macro(jinja: jinja2.Environment, template: str, name: str) -> Callable[..., str]:
    """A macro of a template, to be called."""
    found: Callable[..., str] = getattr(jinja.get_template(template).module, name)
    return found


def figure_anchor(reference: str) -> str:
    """A figure's name on its page."""
    return reference.replace("/", "-", 1)


def table_anchor(reference: str) -> str:
    """A table's name on its page."""
    return f"tableau-{reference.replace('/', '-', 1)}"


def answering(lab: Lab, question: Question) -> Question:
    """The question whose answer serves this one: itself, as a rule."""
    number = question.answered_with or question.number
    return next(other for other in lab.questions if other.number == number)


def figures_shown(lab: Lab, question: Question) -> list[str]:
    """EXPERIMENT/FIGURE of all figures that answer a question, be it with another's answer."""
    return list(dict.fromkeys((*question.figures, *answering(lab, question).figures)))


def _homes(lab: Lab, given: Collection[int] | None) -> Iterator[tuple[str, str]]:
    """The name of the question where each figure is at home: the first that shows it as its own, or else borrows it."""
    shown = [question for question in reversed(lab.questions) if given is None or question.number in given]
    for question in shown:
        yield from ((figure, question.slug) for figure in answering(lab, question).figures)
    for question in shown:
        yield from ((figure, question.slug) for figure in question.figures)


def _leading_nowhere(links: Sequence[Sequence[str | None]]) -> tuple[tuple[None, ...], ...]:
    """Links of a table's cells where there is no gallery for them to lead to."""
    return tuple((None,) * len(row) for row in links)


def named_only(number: str | None, language: Language) -> str:
    """What a sentence calls a figure that readers shall not see: its title, or its experiment's, might tell."""
    return named(number, "", language) if number else language.say("statement.a-figure")


def named(number: str, title: str, language: Language) -> str:
    """What a sentence calls a figure: « figure 5.2 », or its title in quotes if no question shows it."""
    return f"{number[:1].lower()}{number[1:]}" or language.say("claim.quote", words=title)


def shown_once(page: str, above: str) -> str:
    """A page that shows each figure once; where it would come again, a link leads to it, « above »."""
    seen: set[str] = set()

    def first(match: re.Match[str]) -> str:
        shown = dict(re.findall(r'title"><a[^>]* href="#([^"]+)"[^>]*>(.*?)</a>', match[0]))
        again = seen & shown.keys()
        seen.update(shown)
        if shown and again == shown.keys():
            return "".join(f'<p><a href="#{anchor}">{title}</a>, {above}.</p>' for anchor, title in shown.items())
        return re.sub("|".join(f' id="{anchor}"' for anchor in again), "", match[0]) if again else match[0]

    return re.sub(r"<figure .*?</figure>", first, page, flags=re.DOTALL)


def figure_numbers(lab: Lab) -> Iterator[tuple[str, str]]:
    """« Figure 5.2 »: the question that shows a figure first, and its place there."""
    numbered: set[str] = set()
    for question in lab.questions:
        fresh = [figure for figure in dict.fromkeys(question.figures) if figure not in numbered]
        for place, figure in enumerate(fresh, start=1):
            numbered.add(figure)
            yield figure, lab.language.say("figure.number", question=question.number, place=place)
