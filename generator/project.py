"""Where the project's own files lie, and the lab that is meant where none is named."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]
CONTENT = ROOT / "content"
KINDS = ROOT / "generator" / "experiments"
TEMPLATES = ROOT / "templates"
BROWSER = ROOT / "generator" / "browser"
DEFAULT_LAB = "content/tp.yml"
"""The default lab's file, found from the project's folder, where commands are given."""
DEFAULT_DATA = "data"
"""The folder of files that were given to the user, found likewise."""
