"""Content and manifests -> Markdown pages -> the site. Never imports torch."""

from generator.report.common import untranslated
from generator.report.live import not_live
from generator.report.package import pack_site
from generator.report.pages import render
from generator.report.paper import print_handout, print_site
from generator.report.site import build_site, check_site, remove_site
from generator.report.statement import render_statement
from generator.report.worksheets import copy_notebooks

__all__ = [
    "build_site", "check_site", "copy_notebooks", "not_live", "pack_site", "print_handout", "print_site", "remove_site",
    "render", "render_statement", "untranslated",
]  # fmt: skip
