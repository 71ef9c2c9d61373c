"""Content and manifests -> the Markdown pages and the navigation of the site."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from generator import charts
from generator.artefacts import Figure, ImageFacts, Manifest, Metric, Picture, Scale, Table
from generator.claims import VERDICTS, Verdict, judge
from generator.errors import LabError, RunError
from generator.experiments.base import FAMILIES
from generator.lab import Lab
from generator.questions import CODE, FIGURE, FIGURES, REFERENCE, TABLE, Question
from generator.report.checks import measured, missing_results
from generator.report.common import (
    STAFF,
    STUDENTS,
    content_pages,
    copy_assets,
    is_default,
    page_header,
    read_page,
    write_settings,
)
from generator.report.grids import GridView, shaded
from generator.report.mirror import Mirror
from generator.report.moving import CURVE, Comparison, FilmView, comparisons, film_view
from generator.report.paper import with_link_notes
from generator.report.reference import reference
from generator.report.text import environment, filled, finished
from generator.report.worksheets import write_worksheets
from generator.results import read_manifests, read_run_log, results_folder

PAGEFUL = 300
"""How many pictures an experiment may add to its family's gallery."""
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
        anchor: its name on a page; empty where another figure of the experiment shows it first.
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
class TableView:
    """A table as a page shows it; ``gallery`` with a picture's name leads to that picture."""

    table: Table
    anchor: str
    said: str
    gallery: str
    lowest: float
    highest: float


@dataclass(frozen=True)
class View:
    """A figure as a page shows it; ``base`` leads from the page to the figure's files."""

    figure: Figure
    manifest: Manifest
    columns: tuple[tuple[Shown, ...], ...]
    thumbnail: Thumbnail
    command: str
    number: str
    base: str
    said: str
    film: FilmView | None
    comparisons: tuple[Comparison, ...]

    @property
    def reference(self) -> str:
        """EXPERIMENT/FIGURE."""
        return f"{self.manifest.experiment}/{self.figure.name}"

    @property
    def anchor(self) -> str:
        """The figure's name on its page."""
        return f"{self.manifest.experiment}-{self.figure.name}"

    @property
    def pictures(self) -> tuple[Shown, ...]:
        """All pictures, column after column."""
        return tuple(picture for column in self.columns for picture in column)

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


def render(lab: Lab, build: Path) -> int:
    """Write all pages of a lab into ``build/docs`` and its settings into ``build/mkdocs.yml``.

    Returns:
        How many files changed.

    Raises:
        RunError: an experiment has no results yet.
        LabError: a page of the content cannot be rendered.
    """
    return _Report(lab, build).render()


class _Report:
    def __init__(self, lab: Lab, build: Path) -> None:
        self.lab = lab
        self.say = lab.language.say
        self.galleries = self.say("files.galleries")
        self.build = build
        self.mirror = Mirror(build / "docs", build / "pictures")
        self.manifests = _manifests(lab, build)
        if problems := list(missing_results(lab, self.manifests)):
            raise LabError(*problems)
        self.numbers = dict(figure_numbers(lab))
        self.verdicts = {question.number: list(self._judge(question)) for question in lab.questions}
        self._anchors: set[str] = set()
        self.figures = {
            f"{name}/{figure.name}": self._publish(manifest, figure)
            for name, manifest in self.manifests.items()
            for figure in manifest.figures
        }
        self.jinja = environment(lab.language)
        self.jinja.filters |= {"with_figures": self._with_figures, "thumbnails": self._with_thumbnails}
        self.jinja.globals["curve_box"] = CURVE
        macros = self.jinja.get_template("figure.jinja").module
        self.show_figure: Callable[[View], str] = macros.figure  # type: ignore[attr-defined]  # a macro
        self.show_thumbnail: Callable[[View, str], str] = macros.thumbnail  # type: ignore[attr-defined]
        self.show_table: Callable[[TableView], str] = self.jinja.get_template("table.jinja").module.table  # type: ignore[attr-defined]  # a macro
        self.show_grid: Callable[[GridView], str] = self.jinja.get_template("grid.jinja").module.grid  # type: ignore[attr-defined]
        self.jinja.globals |= {"figure": self.show_figure, "thumbnail": self.show_thumbnail, "verdicts": VERDICTS}
        self.jinja.globals["files"] = lab.language.section("files")

    def render(self) -> int:
        lab, say = self.lab, self.say
        navigation: list[Any] = []
        galleries = list(self._galleries())
        self._write("index.md", self._page("home.md.jinja", **self._home(galleries)))
        navigation.append({say("home.title"): "index.md"})
        questions = {f"questions/{question.slug}.md": self._question(question) for question in lab.questions}
        for name, context in questions.items():
            self._write(name, shown_once(self._page("question.md.jinja", **context), say("question.above")))
        bodies = [self._page("question.jinja", level=2, **context) for context in questions.values()]
        everything = shown_once(self._page("everything.md.jinja", bodies=bodies), say("question.above"))
        whole = f"questions/{say('files.everything')}.md"
        self._write(whole, with_link_notes(everything, say("everything.links")))
        navigation.append({say("navigation.questions"): [*questions, whole]})
        pages = {f"{self.galleries}/{gallery['slug']}.md": gallery for gallery in galleries}
        for name, gallery in pages.items():
            self._write(name, self._page("gallery.md.jinja", **gallery))
        navigation.append({say("navigation.galleries"): list(pages)})
        if any(self.verdicts.values()):
            by_question = self._verdicts_by_question()
            navigation.append(self._write_own("verdicts", verdicts_by_question=by_question, counts=self._counts()))
        further: list[str] = []
        headings = {say("navigation.further"): further}
        for path in content_pages(lab):
            self._write(path.name, self._with_figures(self._content(path), base=""))
            headings.setdefault(page_header(path).get("under", say("navigation.further")), []).append(path.name)
        log = read_run_log(self.build)
        total = sum(ran.seconds for ran in log.experiments.values())
        in_network = sum(ran.network_seconds for ran in log.experiments.values())
        further.append(self._write_own("run", log=log, total=total, in_network=in_network))
        if rows := _bench_rows(self.build):
            further.append(self._write_own("bench", **rows))
        if sheets := write_worksheets(lab, self.mirror, (STUDENTS, STAFF)):
            further.append(self._write_own("worksheets", sheets=sheets))
        navigation += [{heading: pages} for heading, pages in headings.items()]
        copy_assets(lab, self.mirror)
        changed = self.mirror.finish()
        write_settings(lab, self.build, navigation)
        return changed

    # Pages ---------------------------------------------------------------------------------------

    def _home(self, galleries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        cards: list[dict[str, Any]] = []
        for question in self.lab.questions:
            shown = question.figures or self._answer(question).figures
            chosen = question.illustration or (shown[-1] if shown else None)
            view = self._view(chosen, base="") if chosen else None
            cards.append({"question": question, "view": view})
        # A gallery is known by a picture that a question is known by, or else by its first one.
        known = {gallery["slug"]: self._view(gallery["views"][0].reference, base="") for gallery in galleries}
        known |= {self._gallery_of(v.manifest.experiment): v for card in reversed(cards) if (v := card["view"])}
        pictured = [{**gallery, "view": known[gallery["slug"]]} for gallery in galleries]
        introduction = self._content(self.lab.folder / self.lab.file.pages / "index.md")
        return {"introduction": introduction, "cards": cards, "galleries": pictured, "counts": self._counts()}

    def _question(self, question: Question) -> dict[str, Any]:
        answer = self._answer(question)
        names = dict.fromkeys(figure.partition("/")[0] for figure in (*question.figures, *answer.figures))
        notes = [
            {"title": self.lab.experiments[name].title, "text": self.lab.experiments[name].note}
            for name in names
            if self.lab.experiments[name].note
        ]
        return {
            "question": question,
            "answer": answer,
            "shared_with": answer if answer is not question else None,
            "evidence": self._filled(question.path, question.evidence),
            "verdicts_here": self.verdicts[question.number],
            "setting_notes": notes,
            "mention": lambda reference: self._see(reference, (*question.figures, *answer.figures)),
        }

    def _judge(self, question: Question) -> Iterator[Verdict]:
        for claim in question.claims:
            yield judge(claim, measured(self.manifests, claim.metric) if claim.metric else None)

    def _verdicts_by_question(self) -> list[tuple[Question, list[Verdict]]]:
        return [(question, verdicts) for question in self.lab.questions if (verdicts := self.verdicts[question.number])]

    def _counts(self) -> Counter[str]:
        """How often each verdict was given."""
        return Counter(verdict.verdict for verdicts in self.verdicts.values() for verdict in verdicts)

    def _answer(self, question: Question) -> Question:
        """The question whose answer serves this one: itself, as a rule."""
        number = question.answered_with or question.number
        return next(other for other in self.lab.questions if other.number == number)

    def _gallery_of(self, name: str) -> str:
        """The gallery that shows an experiment: its family's, or its own if it alone would fill a page."""
        family = self.lab.experiments[name].family
        pictures = sum(len(figure.pictures) for figure in self.manifests[name].figures)
        return f"{family}-{name}" if pictures > PAGEFUL else family

    def _galleries(self) -> Iterator[dict[str, Any]]:
        """One gallery for each family of experiments that the lab has, in the order of the lab."""
        for slug in dict.fromkeys(self._gallery_of(name) for name in self.manifests):
            experiments: list[dict[str, Any]] = [
                {
                    "title": manifest.title,
                    "note": self.lab.experiments[name].note,
                    "views": [self._view(f"{name}/{figure.name}", base="../") for figure in manifest.figures],
                }
                for name, manifest in self.manifests.items()
                if self._gallery_of(name) == slug
            ]
            views = [view for experiment in experiments for view in experiment["views"]]
            yield {
                "slug": slug,
                "title": self.say(f"families.{slug}") if slug in FAMILIES else experiments[0]["title"],
                "experiments": experiments,
                "views": views,
                "choices": _choices([view.facets for view in views]),
            }

    def _content(self, path: Path) -> str:
        """A hand-written page, which may speak of the lab and its measures in Jinja's braces."""
        return self._filled(path, read_page(path))

    def _filled(self, path: Path, text: str) -> str:
        networks = {
            network.title: network for manifest in self.manifests.values() for network in manifest.provenance.networks
        }
        known = {
            "lab": self.lab.file,
            "edition": STAFF,
            "networks": list(networks.values()),
            "experiments": list(self.lab.experiments.values()),
            "count": {"figures": len(self.figures), "images": len(self.lab.images)},
            "metric": self._metric,
            "reference": partial(reference, language=self.lab.language),
        }
        return filled(self.jinja, path, text, known)

    def _metric(self, *reference: str) -> Metric:
        return measured(self.manifests, "/".join(reference))

    def _page(self, template: str, **context: Any) -> str:
        return self.jinja.get_template(template).render(lab=self.lab.file, **context)

    def _write_own(self, page: str, **context: Any) -> str:
        """Write a page that has a template and, in the lab's language, a name of its own; return that name."""
        name = f"{self.say(f'files.{page}')}.md"
        self._write(name, self._page(f"{page}.md.jinja", **context))
        return name

    def _write(self, name: str, markdown: str) -> None:
        self.mirror.write(name, finished(markdown, self.lab.file.glossary, self.lab.language))

    # Figures -------------------------------------------------------------------------------------

    def _publish(self, manifest: Manifest, figure: Figure) -> View:
        """Bring a figure's files into the pages' folder; say how to show it."""
        source = results_folder(self.build, manifest.experiment)
        target = f"figures/{manifest.experiment}"
        film = next((film_view(film) for film in manifest.films if film.figures[-1] == figure.name), None)
        for frame in film.film.frames if film else ():
            self.mirror.copy(source / frame.file, f"{target}/{frame.file}")
        columns = tuple(tuple(self._show(source, target, picture) for picture in column) for column in figure.columns)
        self.mirror.copy(source / figure.arrays, f"{target}/{figure.arrays}")
        telling = next(picture for picture in figure.pictures if picture.file == figure.thumbnail)
        reference = f"{manifest.experiment}/{figure.name}"
        lab = "" if is_default(self.lab) else f" LAB={self.lab.path}"
        data = "" if self.lab.data_folder == Path("data") else f" DATA={self.lab.data_folder}"
        return View(
            figure=figure,
            manifest=manifest,
            columns=columns,
            thumbnail=self._thumbnail(source, target, telling),
            command=f"make figure FIGURE={reference}{lab}{data}",
            number=self.numbers.get(reference, ""),
            base=f"{target}/",
            said="",
            film=film,
            comparisons=tuple(comparisons(manifest, figure, film, self.manifests, self.lab.language)),
        )

    def _show(self, source: Path, target: str, picture: Picture) -> Shown:
        path, stem = source / picture.file, Path(picture.file).stem
        self.mirror.copy(path, f"{target}/{picture.file}")
        if path.suffix == ".svg":
            display, dark = picture.file, f"{stem}-dark.svg"
            self.mirror.write(f"{target}/{dark}", charts.in_dark(path.read_text(encoding="utf-8")))
        else:
            display, dark = f"{stem}.webp", ""
            self.mirror.display_copy(path, picture, f"{target}/{display}", picture.width)
        anchor = f"image-{Path(target).name}-{stem}"
        if anchor in self._anchors:
            anchor = ""
        self._anchors.add(anchor)
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

    def _thumbnail(self, source: Path, target: str, picture: Picture) -> Thumbnail:
        stem = Path(picture.file).stem
        if picture.file.endswith(".svg"):
            return Thumbnail(picture.file, f"{stem}-dark.svg", picture.width, picture.height)
        small = f"{stem}-{THUMBNAIL}.webp"
        width, height = self.mirror.display_copy(source / picture.file, picture, f"{target}/{small}", THUMBNAIL)
        return Thumbnail(small, "", width, height)

    def _view(self, reference: str, *, base: str, said: str = "") -> View:
        view = self.figures[reference]
        return replace(view, base=base + view.base, said=said)

    def _with_figures(self, markdown: str, base: str = "../") -> str:
        """Put figures and tables where their links stand; neighbouring figures share a grid.

        ``base`` leads from the page to the top of the site.
        """

        def grid(match: re.Match[str]) -> str:
            views = [self._view(link["figure"], base=base, said=link["caption"]) for link in FIGURE.finditer(match[0])]
            size = "many" if len(views) > 1 else "one"
            shown = "\n".join(self.show_figure(view) for view in views)
            return f'<div class="tp-grid tp-grid--{size}">\n{shown}\n</div>\n'

        pieces = CODE.split(markdown)
        for place, piece in enumerate(pieces[::2]):
            with_numbers = REFERENCE.sub(lambda link: self._mention(link["figure"], base), piece)
            pieces[2 * place] = TABLE.sub(lambda link: self._table(link, base), FIGURES.sub(grid, with_numbers))
        return "".join(pieces)

    def _see(self, reference: str, here: Collection[str]) -> str:
        """« la figure 5.2 », a link that stays on the page where the figure is shown on it."""
        link = self._mention(reference, base="../", here=here)
        return self.say("figure.mention", link=link) if reference in self.numbers else link

    def _mention(self, reference: str, base: str, here: Collection[str] = ()) -> str:
        """« figure 5.2 », a link to where that figure is at home; by its title if no question shows it."""
        view = self._view(reference, base=base)
        text = f"{view.number[:1].lower()}{view.number[1:]}" or self.say("claim.quote", words=view.figure.title)
        where = "" if reference in here else base + self._home_of(reference)
        return f'<a href="{where}#{view.anchor}">{text}</a>'

    def _home_of(self, reference: str) -> str:
        """The page of the first question that shows a figure; of its gallery if none does."""
        for question in self.lab.questions:
            if reference in question.figures:
                return f"questions/{question.slug}.html"
        return f"{self.galleries}/{self._gallery_of(reference.partition('/')[0])}.html"

    def _table(self, link: re.Match[str], base: str) -> str:
        experiment, _, name = link["table"].partition("/")
        anchor = f"tableau-{experiment}-{name}"
        gallery = f"{base}{self.galleries}/{self._gallery_of(experiment)}.html#image-{experiment}-"
        if grid := self.manifests[experiment].grid(name):
            measures = tuple(shaded(measure, grid.remarks, self.jinja.filters["cell"]) for measure in grid.measures)
            files = f"{base}figures/{experiment}/"
            return self.show_grid(GridView(grid, anchor, link["caption"], gallery, files, measures))
        table = self.manifests[experiment].table(name)
        numbers = [value for row in table.rows for value in row if isinstance(value, int | float)]
        view = TableView(
            table=table,
            anchor=anchor,
            said=link["caption"],
            gallery=gallery,
            lowest=min(numbers, default=0),
            highest=max(numbers, default=0),
        )
        return self.show_table(view)

    def _with_thumbnails(self, markdown: str, home: Question) -> str:
        """The same, small: thumbnails that lead to the question where the figures are at home."""

        def row(match: re.Match[str]) -> str:
            links = []
            for link in FIGURE.finditer(match[0]):
                view = self._view(link["figure"], base="../")
                links.append(
                    f'<a href="{home.slug}.html#{view.anchor}">{self.show_thumbnail(view, view.figure.title)}'
                    f"<span>{link['caption'] or view.figure.title}</span></a>"
                )
            return '<div class="tp-thumbnails">\n' + "\n".join(links) + "\n</div>\n"

        return FIGURES.sub(row, markdown)


def shown_once(page: str, above: str) -> str:
    """A page that shows each figure once; where it would come again, a link leads to it, « above »."""
    seen: set[str] = set()

    def first(match: re.Match[str]) -> str:
        if match["anchor"] not in seen:
            seen.add(match["anchor"])
            return match[0]
        return f'<p><a href="#{match["anchor"]}">{match["title"]}</a>, {above}.</p>'

    figure = r'<figure [^>]*id="(?P<anchor>[^"]+)".*?title"><a[^>]*>(?P<title>.*?)</a>.*?</figure>'
    return re.sub(figure, first, page, flags=re.DOTALL)


def _choices(facets: Sequence[Mapping[str, Sequence[str]]]) -> dict[str, list[str]]:
    """All values that figures can be chosen by, under the name of what they say; none where all are alike."""
    names = dict.fromkeys(name for one in facets for name in one)
    found = {name: sorted({value for one in facets for value in one[name]}, key=str.casefold) for name in names}
    return {name: values for name, values in found.items() if len(values) > 1}


def _manifests(lab: Lab, build: Path) -> Mapping[str, Manifest]:
    found = read_manifests(lab, build)
    if missing := [name for name in lab.experiments if name not in found]:
        raise RunError(f"no results yet of {', '.join(missing)}; run make run first")
    return found


def _bench_rows(build: Path) -> dict[str, dict[tuple[str, str], list[dict[str, Any]]]]:
    """The latest measures of speed and of its growth, by task and network; nothing where there are none."""
    path = build / "bench.json"
    if not path.is_file():
        return {}
    speed: dict[tuple[str, str], list[dict[str, Any]]] = {}
    growth: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in json.loads(path.read_text(encoding="utf-8")):
        task, _, count = row["task"].partition(" × ")
        # What has no peer beside it was run to see how it grows.
        part = growth if count or (row["ratio_to_notebook"] is None) else speed
        part.setdefault((task, row["network"]), []).append(row)
    return {"speed": speed, "growth": growth}


def figure_numbers(lab: Lab) -> Iterator[tuple[str, str]]:
    """« Figure 5.2 »: the question that shows a figure first, and its place there."""
    numbered: set[str] = set()
    for question in lab.questions:
        fresh = [figure for figure in dict.fromkeys(question.figures) if figure not in numbered]
        for place, figure in enumerate(fresh, start=1):
            numbered.add(figure)
            yield figure, lab.language.say("figure.number", question=question.number, place=place)
