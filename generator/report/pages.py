"""Content and manifests -> the Markdown pages and the navigation of the site."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from generator.atomic import write_atomically
from generator.experiments.base import FAMILIES
from generator.lab import Lab
from generator.lab.links import unlinked
from generator.lab.questions import Question
from generator.project import CONTENT, ROOT, TEMPLATES
from generator.report import changes
from generator.report.answers import Answers, all_manifests
from generator.report.common import (
    STAFF,
    STUDENTS,
    content_pages,
    copy_assets,
    manual,
    page_header,
    read_page,
    write_settings,
)
from generator.report.figures import View, figure_anchor, publish, shown_once
from generator.report.live import live_networks, write_live
from generator.report.mirror import Mirror, state_of
from generator.report.nearness import line
from generator.report.paper import with_link_notes
from generator.report.speed import by_task, publish_forecast, read_bench
from generator.report.text import environment, finished
from generator.report.walls import TILE, tiles
from generator.report.worksheets import write_worksheets
from generator.results.artefacts import MANIFEST, Manifest
from generator.results.claims import Verdict
from generator.results.differences.compare import differences
from generator.results.differences.sides import Side
from generator.results.folder import VERDICTS as VERDICTS_FILE
from generator.results.folder import Judged, VerdictsFile, read_run_log, results_folder

AT_FIRST = 33
"""How many tiles of a wall the home page shows."""


def render(lab: Lab, build: Path, reference: Side | None = None) -> int:
    """Write all pages of a lab into ``build/docs`` and its settings into ``build/mkdocs.yml``.

    Args:
        lab: the lab.
        build: its folder of results.
        reference: results of another time; with it, a page tells what has changed since.

    Returns:
        How many files changed.

    Raises:
        RunError: an experiment has no results yet.
        LabError: a page of the content cannot be rendered, or a file of the reference is missing or damaged.
    """
    written, state, made_of = (build / "docs", build / "mkdocs.yml"), build / "pages.sha256", _made_of(lab, build)
    # What a reference holds may change in many ways: with one, pages are always written.
    if not reference and state.is_file() and state.read_bytes() == f"{made_of} {state_of(*written)}".encode():
        return 0
    state.unlink(missing_ok=True)
    manifests = all_manifests(lab, build)
    mirror = Mirror(build / "docs", build / "pictures")
    views = publish(lab, manifests, build, mirror)
    changed = _Report(lab, build, manifests, mirror, views).render(reference)
    if not reference:
        write_atomically(state, f"{made_of} {state_of(*written)}")
    return changed


def _made_of(lab: Lab, build: Path) -> str:
    """Hash of all that pages are made of: code and packages, the lab's files and the project's, results."""
    packages = Path(jinja2.__file__).parents[1]  # another time, if one was installed since
    says = f"{lab.path.resolve()} {lab.data_folder} {lab.file!r} {lab.classes.names} {packages.stat().st_mtime_ns}"
    texts = (lab.folder / folder for folder in (lab.file.pages, lab.file.questions_folder, "assets"))
    kept = (build / name for name in ("results", "programs", "run.json", "bench.json"))
    files = state_of(ROOT / "generator", TEMPLATES, CONTENT, *texts, *kept)
    return hashlib.sha256(f"{says} {files}".encode()).hexdigest()


class _Report:
    def __init__(
        self, lab: Lab, build: Path, manifests: Mapping[str, Manifest], mirror: Mirror, views: Mapping[str, View]
    ) -> None:
        self.lab = lab
        self.say = lab.language.say
        self.galleries = self.say("files.galleries")
        self.build = build
        self.mirror = mirror
        self.manifests = manifests
        self.jinja = environment(lab.language)
        self.jinja.globals["side"] = TILE
        self.jinja.globals["live"] = self.say("files.live") if live_networks(lab, build, STAFF) else ""
        self.answers = Answers(lab, manifests, views, self.jinja)
        self.figures = self.answers.figures
        self.questions, self.verdicts = self.answers.questions, self.answers.verdicts

    def render(self, reference: Side | None) -> int:
        lab, say = self.lab, self.say
        navigation: list[Any] = []
        galleries = list(self._galleries())
        self._write("index.md", self._page("home.md.jinja", **self._home(galleries)))
        navigation.append({say("home.title"): "index.md"})
        if self.questions:
            navigation.append({say("navigation.questions"): self._write_questions()})
        if live := write_live(lab, self.build, STAFF, self.mirror, self.jinja):
            self._write(*live)
            navigation.append({say("live.title"): live[0]})
        navigation.append({say("navigation.galleries"): [self._write_gallery(gallery) for gallery in galleries]})
        if any(self.verdicts.values()):
            by_question = self._verdicts_by_question()
            navigation.append(
                self._write_own("verdicts", verdicts_by_question=by_question, counts=self._counts(), line=line)
            )
        published = self._publish_verdicts()
        if reference:
            navigation.append(self._changes(reference, published))
        further: list[str] = []
        headings = {say("navigation.further"): further}
        for path in content_pages(lab):
            self._write(path.name, self.figures.with_figures(self._content(path), base=""))
            headings.setdefault(page_header(path).get("under", say("navigation.further")), []).append(path.name)
        log = read_run_log(self.build)
        further.append(self._write_own("run", log=log))
        bench = read_bench(self.build)
        chart = publish_forecast(log, lab.language, self.mirror, f"{say('files.bench')}/prevision")
        if bench or chart:
            tasks, together = (by_task(bench), bench.together) if bench else ({}, [])
            further.append(self._write_own("bench", tasks=tasks, together=together, log=log, chart=chart))
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
        for question in self.questions:
            shown = question.figures or self.answers.answering(question).figures
            chosen = question.illustration or (shown[-1] if shown else None)
            view = self.figures.view(chosen, base="") if chosen else None
            cards.append({"question": question, "view": view})
        # A gallery is known by a picture that a question is known by, or else by its first one.
        known = {gallery["slug"]: self.figures.view(gallery["first"], base="") for gallery in galleries}
        known |= {self.figures.gallery_of(v.manifest.experiment): v for card in reversed(cards) if (v := card["view"])}
        pictured = [{**gallery, "view": known[gallery["slug"]]} for gallery in galleries]
        page = self.lab.folder / self.lab.file.pages / "index.md"
        introduction = self.figures.with_figures(self._content(page), base="")
        # What moves is the last picture that a question is known by and that has a film, from a photograph if one has.
        filmed = max(
            (card for card in reversed(cards) if card["view"] and card["view"].film),
            key=lambda card: bool(card["view"].images),
            default=None,
        )
        first = manual(self.lab.language)[0]
        return {
            "introduction": introduction,
            "moving": filmed and filmed["view"],
            "moving_at": filmed and filmed["question"],
            "reuse": {"page": first.stem, "title": page_header(first)["under"]},
            "cards": cards,
            "galleries": pictured,
            "at_first": AT_FIRST,
            "counts": self._counts(),
        }

    def _verdicts_by_question(self) -> list[tuple[Question, list[Verdict]]]:
        return [(question, verdicts) for question in self.questions if (verdicts := self.verdicts[question.number])]

    def _counts(self) -> Counter[str]:
        """How often each verdict was given."""
        return Counter(verdict.verdict for verdicts in self.verdicts.values() for verdict in verdicts)

    def _publish_verdicts(self) -> VerdictsFile:
        """Put the verdicts and the manifests they rest on where programmes find them."""
        claims = [
            Judged(
                **verdict.claim.model_dump(),
                question=question.number,
                address=f"questions/{question.slug}.html",
                verdict=verdict.verdict,
                **(verdict.metric.model_dump(exclude={"name", "label"}) if verdict.metric else {}),
            )
            for question in self.questions
            for verdict in self.verdicts[question.number]
        ]
        lab = self.lab.file
        published = VerdictsFile(
            title=lab.title, language=lab.language, experiments=tuple(self.manifests), claims=tuple(claims)
        )
        self.mirror.write(VERDICTS_FILE, published.model_dump_json(indent=1) + "\n")
        for name in self.manifests:
            self.mirror.copy(results_folder(self.build, name) / MANIFEST, f"figures/{name}/{MANIFEST}")
        return published

    def _changes(self, reference: Side, published: VerdictsFile) -> str:
        """Write the page that tells what has changed since a reference."""
        here = Side(str(self.build), self.build / "results", self.manifests, published)
        body = changes.body(self.jinja, differences(reference, here), reference, here)
        return self._write_own("changes", body=body)

    def _write_questions(self) -> list[str]:
        """Write the page of each question, and the page of all of them; return their names."""
        say = self.say
        questions = {f"questions/{question.slug}.md": self.answers.context(question) for question in self.questions}
        for name, context in questions.items():
            self._write(name, shown_once(self._page("question.md.jinja", **context), say("question.above")))
        bodies = [self._page("question.jinja", level=2, **context) for context in questions.values()]
        everything = shown_once(self._page("everything.md.jinja", bodies=bodies), say("question.above"))
        whole = f"questions/{say('files.everything')}.md"
        self._write(whole, with_link_notes(everything, say("everything.links")))
        return [*questions, whole]

    def _write_gallery(self, gallery: Mapping[str, Any]) -> str:
        """Write a gallery, with the pages that it has if it is a wall; return the name of the first."""
        name, on_wall = f"{self.galleries}/{gallery['slug']}.md", gallery["tiles"]
        if not on_wall:
            self._write(name, self._page("gallery.md.jinja", **gallery))
            return name
        charts = [view for view in gallery["views"] if view.thumbnail.dark]
        self._write(name, self._page("wall.md.jinja", charts=charts, **gallery))
        views = {view.reference: view for view in self.figures.all_of(gallery["names"][0], base="../../")}
        last = on_wall[-1]["tile"].page
        for page in range(1, last + 1):
            here = [views[one["tile"].reference] for one in on_wall if one["tile"].page == page]
            context = {**gallery, "views": here, "page": page, "last": last}
            self._write(f"{self.galleries}/{gallery['slug']}/{page}.md", self._page("wall-page.md.jinja", **context))
        return name

    def _tiles(self, manifest: Manifest) -> Iterator[dict[str, Any]]:
        """The tiles of an experiment's wall, where each leads to, and what else one may look for it by."""
        classes = self.lab.classes
        for tile in tiles(manifest):
            names = (classes.names[classes.index(title)] for title in tile.figure.classes)
            yield {
                "tile": tile,
                "sheet": f"figures/{manifest.experiment}/{tile.file}",
                "address": f"{self.figures.in_gallery(tile.reference)}#{figure_anchor(tile.reference)}",
                "also": " ".join(name for name in names if name not in tile.figure.classes),
            }

    def _galleries(self) -> Iterator[dict[str, Any]]:
        """One gallery for each family of experiments that the lab has, in the order of the lab."""
        for slug in dict.fromkeys(self.figures.gallery_of(name) for name in self.manifests):
            names = [name for name in self.manifests if self.figures.gallery_of(name) == slug]
            experiments: list[dict[str, Any]] = [
                {
                    "title": self.manifests[name].title,
                    "note": self.lab.experiments[name].note,
                    "views": self.figures.all_of(name, base="../"),
                }
                for name in names
            ]
            views = [view for experiment in experiments for view in experiment["views"]]
            on_wall = [tile for name in names for tile in self._tiles(self.manifests[name])]
            yield {
                "slug": slug,
                "title": self.say(f"families.{slug}") if slug in FAMILIES else experiments[0]["title"],
                "names": names,
                "experiments": experiments,
                "views": views,
                "choices": _choices([view.facets for view in views]),
                "tiles": on_wall,
                "first": on_wall[0]["tile"].reference if on_wall else views[0].reference,
            }

    def _content(self, path: Path) -> str:
        """A hand-written page, which may speak of the lab and its measures in Jinja's braces."""
        return self.answers.filled(path, read_page(path))

    def _page(self, template: str, **context: Any) -> str:
        return self.jinja.get_template(template).render(lab=self.lab.file, whose=self.lab.whose, **context)

    def _write_own(self, page: str, **context: Any) -> str:
        """Write a page that has a template and, in the lab's language, a name of its own; return that name."""
        name = f"{self.say(f'files.{page}')}.md"
        self._write(name, self._page(f"{page}.md.jinja", **context))
        return name

    def _write(self, name: str, markdown: str) -> None:
        markdown = unlinked(markdown, self.lab.dropped)
        self.mirror.write(name, finished(markdown, self.lab.file.glossary, self.lab.language))


def _choices(facets: Sequence[Mapping[str, Sequence[str]]]) -> dict[str, list[str]]:
    """All values that figures can be chosen by, under the name of what they say; none where all are alike."""
    names = dict.fromkeys(name for one in facets for name in one)
    found = {name: sorted({value for one in facets for value in one[name]}, key=str.casefold) for name in names}
    return {name: values for name, values in found.items() if len(values) > 1}
