"""The command line: the only place that prints or exits."""

from __future__ import annotations

import errno
import random
import shutil
import sys
import warnings
from collections.abc import Callable
from contextlib import closing
from functools import partial, wraps
from pathlib import Path
from traceback import format_exception
from typing import Any, Concatenate, ParamSpec

import click

from generator import report
from generator.atomic import write_atomically
from generator.errors import LabError, RunError, Terminated, did_you_mean, first_line
from generator.experiments.base import FAMILIES
from generator.lab import Lab, check_files, read_lab
from generator.lab.questions import chosen
from generator.language import languages, read_language
from generator.new import beginning, new_lab
from generator.project import DEFAULT_DATA, DEFAULT_LAB
from generator.report import changes
from generator.report.checks import check_pages, missing_tables, names_of_tables
from generator.report.reference import PARTS, reference
from generator.results.differences.compare import changed_verdicts, differences
from generator.results.differences.sides import Side, published_verdicts, read_side
from generator.results.folder import alone, read_manifests
from generator.run import carry_out, remake, sharing
from generator.run.plan import Means, in_common, plan, to_do, told

P = ParamSpec("P")
FAILURES = (LabError, RunError, OSError)
"""What is told in a line."""
_warn = partial(click.echo, err=True)


def _told(function: Callable[P, None]) -> Callable[P, None]:
    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except BrokenPipeError:
            raise  # whoever reads has read enough: click ends in silence
        except FAILURES as error:
            _tell(error)
            sys.exit(2 if isinstance(error, LabError) else 1)
        except KeyboardInterrupt as stop:
            click.echo("\ninterrupted: the parts under way are lost, the others are kept", err=True)
            sys.exit(143 if isinstance(stop, Terminated) else 130)

    return wrapped


Command = Callable[Concatenate[Lab, P], None]


def _given(*, texts: bool) -> Callable[[Command[P]], Callable[P, None]]:
    """Give a command the lab it is called for, and turn what goes wrong into lines and a status."""

    def decorated(function: Command[P]) -> Callable[P, None]:
        @click.option("--lab", default=DEFAULT_LAB, show_default=True, help="The lab file.")
        @click.option("--data", default=DEFAULT_DATA, show_default=True, help="Folder of files you were given.")
        @_told
        @wraps(function)
        def wrapped(lab: str, data: str, *args: P.args, **kwargs: P.kwargs) -> None:
            function(read_lab(Path(lab), Path(data), texts=texts), *args, **kwargs)

        return wrapped  # type: ignore[return-value]  # click passes lab and data by keyword

    return decorated


_command = _given(texts=True)
#: A question with a wrong name in it must not keep the right names from being looked up.
_lookup = _given(texts=False)


def _tell(error: LabError | RunError | OSError) -> tuple[str, ...]:
    """Say what went wrong; return the lines of it."""
    lines: tuple[str, ...]
    match error:
        case LabError():
            lines = error.problems
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            lines = (
                f"failed: {error.strerror}; free some space and run the same command again: what there was is kept",
            )
        case OSError():
            # Not what it was about, where the system does not say.
            about = f"{error.filename}: " if error.filename else ""
            lines = (f"failed: {about}{error.strerror or first_line(error)}; is it a place that can be written to?",)
        case _:
            lines = (f"failed: {error}",)
    for line in lines:
        _warn(line)
    return lines


def _folder_of_results(_: click.Context, __: click.Parameter, build: Path) -> Path:
    """Refuse what is no folder of results: it would be filled, and ``clean`` would remove it."""
    file = next((folder for folder in (build, *build.parents) if folder.exists() and not folder.is_dir()), None)
    # A lock lies in every folder of results, or in one inside if the students' site or a figure came first.
    ours = any((build / folder / ".lock").is_file() for folder in ("", "enonce", "again"))
    problem = None
    if file:
        problem = f"{file} is a file; give a folder"
    elif build.is_dir() and any(build.iterdir()) and not ours:
        problem = "holds other files, and no results; give a new folder"
    if problem:
        _warn(f"BUILD={build}: {problem}")
        sys.exit(2)
    return build


_build = click.option(
    "--build",
    default="build",
    show_default=True,
    type=click.Path(path_type=Path),
    callback=_folder_of_results,
    help="Folder of results.",
)


_site = click.option(
    "--site", default="site", show_default=True, type=click.Path(path_type=Path), help="Where the website goes."
)


def _means(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the means it computes with."""

    @_build
    @click.option(
        "--device",
        default="cpu",
        show_default=True,
        type=click.Choice(["cpu", "cuda", "mps"]),
        help="What computes; the CPU is the reference.",
    )
    @click.option(
        "--workers",
        type=click.IntRange(1),
        help="How many processes compute; as many as there are cores and memory for if left out.",
    )
    @click.option("--scheduler", help="Address of a Dask scheduler whose workers compute: tcp://host:8786.")
    @click.option(
        "--store",
        "archive",
        type=click.Path(path_type=Path),
        help="An archive of outcomes, as pack writes it: what it has is taken over.",
    )
    @wraps(function)
    def wrapped(lab: Lab, **given: Any) -> None:
        means = Means(*(given.pop(name) for name in ("build", "device", "workers", "scheduler", "archive")))
        function(lab, means=means, **given)

    return wrapped


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Run the experiments of a lab on neural networks and write its site."""
    warnings.showwarning = lambda message, *_, **__: _warn(first_line(message) or str(message))


@main.command()
@_site
@click.option(
    "--reference",
    type=click.Path(path_type=Path),
    help="Results of another time, or a website; a page tells what has changed since.",
)
@_command
@_means
def site(lab: Lab, site: Path, reference: Path | None, means: Means) -> None:
    """Run what must run, write the pages, build and check the website."""
    if reference and reference.resolve() == means.build.resolve():
        raise LabError(f"{reference}: is the folder of these very results; give those of another time as reference")
    # Before anything is computed: a mistake in it should not be told ten minutes later.
    _make(lab, means, site, read_side(reference) if reference else None)


def _make(lab: Lab, means: Means, site: Path, reference: Side | None = None) -> None:
    report.check_site(site, means.build)
    check_pages(lab)
    _run(lab, means, None)
    carry_out.write_programs(lab, means)
    before = published_verdicts(site)
    with alone(means.build):
        report.render(lab, means.build, reference)
        for line in (*report.not_live(lab, means.build), *report.untranslated(lab.language)):
            _warn(line)
        built = report.build_site(means.build, site)
    click.echo(f"{'built' if built else 'up to date'}: open {site / 'index.html'}")
    after = published_verdicts(site)
    if before and after and (line := changes.flipped(changed_verdicts(before, after))):
        click.echo(line)


@main.command()
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Where it is shown, on 127.0.0.1."
)
@click.option(
    "--edition",
    default="site",
    show_default=True,
    type=click.Choice(["site", "enonce"]),
    help="What is shown: all of it, or what students get.",
)
@_site
@_command
@_means
def serve(lab: Lab, site: Path, port: int, edition: str, means: Means) -> None:
    """Show the website, and do what must be done anew whenever a file of the lab changes."""
    from generator.serve import Preview

    traceback = means.build / "serve.traceback"

    def rebuild() -> Lab:
        now = read_lab(lab.path, lab.data_folder)
        make(now)
        return now

    def make(lab: Lab) -> None:
        if edition == "enonce":
            _make_statement(lab, means.build, site)
        else:
            _make(lab, means, site)

    def failed(error: Exception) -> tuple[str, ...]:
        if isinstance(error, FAILURES):
            return _tell(error)
        write_atomically(traceback, "".join(format_exception(error)))
        line = f"failed: {type(error).__name__}: {first_line(error)} (the traceback is in {traceback})"
        _warn(line)
        return (line,)

    server = Preview(site, port)
    make(lab)
    click.echo(f"or http://127.0.0.1:{server.server_port}/ while this runs (Ctrl-C ends it)")
    try:
        server.show(lab, rebuild, failed)
    except KeyboardInterrupt:
        click.echo("\nended; what was finished is kept")


@main.command()
@click.argument("sites", nargs=-1, required=True, type=click.Path(path_type=Path))
@_command
def pdf(lab: Lab, sites: tuple[Path, ...]) -> None:
    """Print the page of each of the lab's websites SITES that has it all: SITE.pdf, with bookmarks."""
    for site in sites:
        paper = site.with_name(f"{site.name}.pdf")
        report.print_site(lab, site, paper)
        click.echo(f"printed: {paper}")


@main.command()
@click.argument("sites", nargs=-1, required=True, type=click.Path(path_type=Path))
@_command
def moodle(lab: Lab, sites: tuple[Path, ...]) -> None:
    """Pack the lab's websites SITES for Moodle, as SCORM 1.2: SITE-moodle.zip."""
    for site in sites:
        archive = site.with_name(f"{site.name}-moodle.zip")
        report.pack_site(lab, site, archive)
        click.echo(f"packed: {archive}")


@main.command()
@click.argument("questions")
@_site
@_command
def handout(lab: Lab, questions: str, site: Path) -> None:
    """Print what QUESTIONS ask (5, or 1-3) and their figures, without answers, from the staff's website."""
    wanted = chosen(questions, lab.questions, "QUESTION")
    if not wanted:
        raise LabError("QUESTION=: expected the number of a question, like 5")
    for question in lab.questions:
        if question.number in wanted:
            paper = site.with_name(f"{site.name}-{question.slug}.pdf")
            report.print_handout(site, question, paper)
            click.echo(f"printed: {paper}")


@main.command()
@click.argument("sites", nargs=-1, type=click.Path(path_type=Path))
@_build
@_told
def clean(sites: tuple[Path, ...], build: Path) -> None:
    """Remove the folder of results and what was built into SITES; what no build wrote there stays."""
    for site in sites:
        report.remove_site(site)
    with alone(build):
        shutil.rmtree(build)


@main.command()
@click.option(
    "--site", default="site-enonce", show_default=True, type=click.Path(path_type=Path), help="Where it goes."
)
@click.option(
    "--answers", default="", help="Questions whose answers students get too, with their figures: 1-4, or 1,3."
)
@_build
@_command
def statement(lab: Lab, build: Path, answers: str, site: Path) -> None:
    """Build the students' website: what is asked, without answers or results. Nothing is computed."""
    _make_statement(lab, build, site, answers)


def _make_statement(lab: Lab, build: Path, site: Path, answers: str = "") -> None:
    given = chosen(answers, lab.questions, "ANSWERS")
    report.check_site(site, build)
    with alone(build / "enonce"):
        report.render_statement(lab, build / "enonce", given)
        built = report.build_site(build / "enonce", site)
    click.echo(f"{'built' if built else 'up to date'}: open {site / 'index.html'}")


@main.command()
@click.argument("archive", type=click.Path(path_type=Path))
@_command  # its worksheets are looked through, too: a mark that is none would hand out a solution
def kit(lab: Lab, archive: Path) -> None:
    """Write what students get to work with into ARCHIVE: notebooks, networks, photographs, and what these need."""
    from generator.kit import write_kit

    count = write_kit(lab, archive)
    click.echo(f"{count} notebooks in {archive}: unpack it, then make notebook")


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@_command
def notebooks(lab: Lab, folder: Path) -> None:
    """Put the students' notebooks into FOLDER; one that is there already is somebody's work, and stays."""
    for name in report.copy_notebooks(lab, folder):
        click.echo(f"new: {folder / name}")


@main.command()
@click.argument("folder")
@click.option(
    "--limit", default=120.0, show_default=True, type=click.FloatRange(1), help="Seconds that one notebook may run."
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="How many notebooks run at once; as many as there are cores and memory for if left out.",
)
@click.option(
    "--grades",
    default="grades",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Where the table goes: GRADES.csv, and GRADES.html to read.",
)
@_command
def grade(lab: Lab, folder: str, limit: float, workers: int | None, grades: Path) -> None:
    """Run the notebooks of students in FOLDER, each by itself, and say which checks of the lab they pass.

    Exit status: 0 if all pass, 1 if one does not or cannot be run, 2 if there is nothing to grade.
    """
    from generator import grading

    if not folder:
        raise LabError("FOLDER=: expected the folder with your students' notebooks")
    count, judged = grading.grade(lab, Path(folder), limit, workers, _warn)
    click.echo(f"{count} to grade, {limit:g} seconds at most for each")
    everything: list[grading.Graded] = []
    paths = [grades.with_name(f"{grades.name}{suffix}") for suffix in (".csv", ".html")]
    try:
        with closing(judged):
            for graded in judged:
                everything.append(graded)
                click.echo(grading.line(graded, shutil.get_terminal_size((160, 0)).columns))
    finally:  # those that are judged when somebody interrupts are kept
        try:
            write_atomically(paths[0], grading.table(everything, lab))
            write_atomically(paths[1], grading.page(everything, lab))
        except OSError as error:
            # Not 1, which says that something is not right.
            raise LabError(f"{error.filename or grades}: {error.strerror or first_line(error)}") from None
    right = sum(graded.is_right for graded in everything)
    click.echo(f"{right} of {len(everything)} right throughout: open {paths[1]}, or {paths[0]} in a spreadsheet")
    sys.exit(right < len(everything))


@main.command()
@click.option("--family", "only", type=click.Choice(list(FAMILIES)), help="Only experiments of this family.")
@_command
@_means
def run(lab: Lab, only: str | None, means: Means) -> None:
    """Run the experiments whose results are missing or out of date."""
    _run(lab, means, only)


def _run(lab: Lab, means: Means, only: str | None) -> None:
    if means.archive is not None:
        click.echo(f"{sharing.take_over(lab, means, means.archive)} outcomes taken over from {means.archive}")
    orders = [order for order in plan(lab, means) if only in (None, order.needs.experiment.family)]
    if line := in_common(lab, means, orders):
        click.echo(line)
    for line in to_do(orders, most=5):
        click.echo(line)
    due = sum(bool(order.reasons) for order in orders)
    computed = carry_out.run(lab, means, orders, _warn)
    click.echo(
        f"{computed} parts computed; {due} of {len(orders)} experiments shown anew, {len(orders) - due} up to date"
    )


@main.command()
@_lookup
@_means
def explain(lab: Lab, means: Means) -> None:
    """Say for each experiment how many of its parts are there, what is missing, and what changed."""
    orders = plan(lab, means)
    if line := in_common(lab, means, orders):
        click.echo(line)
    for line in (*map(told, orders), *to_do(orders)):
        click.echo(line)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("images", nargs=-1, type=click.Path(path_type=Path))
@click.option("--language", default="fr", show_default=True, type=click.Choice(languages()), help="Of its site.")
@_told
def new(folder: Path, images: tuple[Path, ...], language: str) -> None:
    """Start a lab in a new FOLDER, on IMAGES of yours if you give some."""
    if images:
        click.echo("the network looks at the photographs, to propose their classes")
    spoken = read_language(language)
    lab = new_lab(folder, images, spoken)
    click.echo(f"{lab} is ready: make site LAB={lab} (the manual is on its site, and in {beginning(spoken)})")


@main.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--json", "record", type=click.Path(path_type=Path), help="Where all of it goes, for programmes.")
@click.option("--page", type=click.Path(path_type=Path), help="Where a page of HTML goes, for readers.")
@_told
def diff(old: Path, new: Path, record: Path | None, page: Path | None) -> None:
    """Say what changed from OLD to NEW: folders of results (build) or built websites (site).

    Verdicts, measures, pixels, exact values, films and tables decide; versions, code, parameters and texts only inform.

    Exit status: 0 if all that decides is identical, 1 if something changed, 2 if OLD or NEW cannot be compared.
    """
    try:
        sides = _both(old, new)
        found = differences(*sides)
        if record:
            write_atomically(record, found.model_dump_json(indent=1) + "\n")
        if page:
            language = next((side.verdicts.language for side in reversed(sides) if side.verdicts), "fr")
            write_atomically(page, changes.page(found, *sides, read_language(language)))
    except OSError as error:
        # Not 1, which says that something changed.
        raise LabError(f"{error.filename or ''}: {error.strerror or first_line(error)}") from None
    for line in changes.told(found):
        click.echo(line)
    sys.exit(not found.identical)


def _both(old: Path, new: Path) -> tuple[Side, Side]:
    """Both sides; what is wrong with either is told at once."""
    sides: list[Side] = []
    problems: list[str] = []
    for folder in (old, new):
        try:
            sides.append(read_side(folder))
        except LabError as error:
            problems += error.problems
    if problems:
        raise LabError(*problems)
    return sides[0], sides[1]


@main.command(name="list")
@_build
@_lookup
def list_(lab: Lab, build: Path) -> None:
    """List the experiments of the lab, their figures and, once they ran, their tables and measures."""
    manifests = read_manifests(lab.experiments, build)
    for name, experiment in lab.experiments.items():
        click.echo(f"{name} ({experiment.kind}): {experiment.title}")
        for figure in experiment.figures:
            click.echo(f"  figure:{name}/{figure}")
        if manifest := manifests.get(name):
            for table in names_of_tables(manifest):
                click.echo(f"  table:{name}/{table}")
            for metric in manifest.metrics:
                click.echo(f"  metric {name}/{metric.name}  {metric.label}: {metric.value:.4g} {metric.unit}".rstrip())


@main.command()
@_lookup
def keys(lab: Lab) -> None:
    """List every key of a lab file and of a question, and what texts may ask for, in the lab's language."""
    for part in (*PARTS, "kinds", "braces"):
        click.echo(f"## {part}\n\n{reference(part, lab.language)}\n")


@main.command()
@click.argument("words", nargs=-1)
@_lookup
def classes(lab: Lab, words: tuple[str, ...]) -> None:
    """Look up classes of the lab by WORDS of their names or titles, or by their numbers; all of them without any."""
    names, titles = lab.classes.names, lab.classes.titles
    found = lab.classes.search(" ".join(words))
    if not found:
        near = did_you_mean(" ".join(words), (*names, *titles.values()))
        raise LabError(f'no class of the lab has "{" ".join(words)}" in its name, its title or its number{near}')
    for index in found:
        click.echo(f"{index}  {names[index]}" + (f"  ({titles[index]})" if index in titles else ""))


@main.command()
@_build
@_command
def check(lab: Lab, build: Path) -> None:
    """Check the lab file, its questions, images and networks, and the tables that texts name of results there are."""
    check_files(lab)
    check_pages(lab)
    carry_out.look_at_networks(lab, Means(build), _warn)
    if problems := list(missing_tables(lab, read_manifests(lab.experiments, build))):
        raise LabError(*problems)
    figures = sum(len(list(experiment.figures)) for experiment in lab.experiments.values())
    click.echo(
        f"{lab.path} is right: {len(lab.experiments)} experiments, {figures} figures, "
        f"{len(lab.images)} images, {len(lab.questions)} questions"
    )


@main.command()
@click.argument("figure")
@_command
@_means
def figure(lab: Lab, figure: str, means: Means) -> None:
    """Make one FIGURE (EXPERIMENT/NAME) again and compare it with the published one."""
    known = [f"{name}/{f}" for name, e in lab.experiments.items() for f in e.figures]
    if figure not in known:
        raise LabError(f'no figure "{figure}"; make list names them all{did_you_mean(figure, known)}')
    same = True
    for again in remake.remake(lab, means, figure, _warn):
        verdict = (
            "identical" if again.sha256 == again.published else "DIFFERENT" if again.published else "not published"
        )
        same &= verdict != "DIFFERENT"
        elsewhere = f" (published by {again.other_machine})" if again.other_machine else ""
        click.echo(f"{again.path}  sha256 {again.sha256}  {verdict}{elsewhere}")
    if not same:
        raise RunError("the figure came out different; python -m generator explain says what changed")


@main.command()
@click.argument("into", type=click.Path(path_type=Path))
@_command
@_means
def pack(lab: Lab, into: Path, means: Means) -> None:
    """Write the outcomes that the lab needs INTO an archive, with their hashes; --store reads from it."""
    packed, missing = sharing.pack(lab, means, into)
    click.echo(f"{into}: {packed} outcomes" + (f"; {missing} are not computed yet: make site" if missing else ""))


@main.command()
@click.option("--sample", default=20, show_default=True, type=click.IntRange(1), help="How many parts.")
@click.option("--seed", default=None, type=int, help="Of the choice; another one each time if left out.")
@_command
@_means
def verify(lab: Lab, sample: int, seed: int | None, means: Means) -> None:
    """Compute a random sample of the lab's parts again, and compare with what the store has of them."""
    seed = random.randrange(10**6) if seed is None else seed  # noqa: S311  # nothing is kept secret
    different = 0
    for part, same in sharing.verify(lab, means, sample, seed):
        click.echo(f"{part}: {'identical' if same else 'DIFFERENT'}")
        different += not same
    click.echo(f"sample of seed {seed}: {different} different")
    if different:
        raise RunError("outcomes came out different: they were made elsewhere, or by other code than they say")


@main.command()
@click.option("--remove", is_flag=True, help="Remove it.")
@_command
@_means
def tidy(lab: Lab, remove: bool, means: Means) -> None:  # noqa: FBT001  # a flag of the command line
    """Say how much of the store no lab uses any more."""
    keys = sharing.unused(lab, means)
    size = sharing.size_of(means.store, keys) / 1e6
    if remove:
        for key in keys:
            means.store.remove(key)
    done = "removed" if remove else "not used any more by the labs that have results here; --remove removes them"
    click.echo(f"{len(keys)} outcomes, {size:.1f} MB: {done}")


@main.command()
@_build
@_command
def bench(lab: Lab, build: Path) -> None:
    """Measure the speed of the engine beside that of other libraries, in a few minutes."""
    from generator import bench

    bench.run(lab, build, click.echo)
    click.echo(f"saved in {build / 'bench.json'}; make site publishes it")


@main.command()
@_build
@_command
def render(lab: Lab, build: Path) -> None:
    """Write the pages from the content and the results."""
    with alone(build):
        changed = report.render(lab, build)
    click.echo(f"{changed} files of {build / 'docs'} written anew")
