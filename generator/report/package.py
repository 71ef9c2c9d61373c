"""A built website -> a package that Moodle and other platforms for courses take: SCORM 1.2.

It is what teachers upload: every such platform has an activity for it, onto which the file is dropped. An IMS content
package would be the same archive with less in its manifest, and fewer platforms take one; this one is one, too. The
website is an asset, which talks to no platform: it needs no script for that, and is the one that is read from a folder.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree as ET

from generator.atomic import write_archive
from generator.errors import RunError
from generator.lab import Lab
from generator.report.site import files_of

MANIFEST = "imsmanifest.xml"
PACKAGING = "http://www.imsproject.org/xsd/imscp_rootv1p1p2"
SCORM = "http://www.adlnet.org/xsd/adlcp_rootv1p2"
LONGEST_TITLE = 200
"""As many characters as the format allows."""


def pack_site(lab: Lab, site: Path, archive: Path) -> None:
    """Pack a website with a manifest that says how it is opened.

    Args:
        lab: the lab.
        site: folder of one of its websites, built.
        archive: a ``.zip``; it appears whole or not at all.

    Raises:
        RunError: there is no such website.
    """
    files = files_of(site)
    if "index.html" not in files:
        raise RunError(f"no website {site} to pack; build it first: make enonce")
    contents = ((name, (site / name).read_bytes()) for name in files)
    write_archive(archive, [(MANIFEST, _manifest(lab.file.title, files)), *contents])


def _manifest(title: str, files: list[str]) -> bytes:
    """One page to open, the website's first, and all files that go with it."""

    def under(parent: ET.Element, tag: str, text: str = "", **attributes: str) -> ET.Element:
        element = ET.SubElement(parent, f"{{{PACKAGING}}}{tag}", attributes)
        element.text = text or None
        return element

    ET.register_namespace("", PACKAGING)
    ET.register_namespace("adlcp", SCORM)
    known_as = f"lab-{hashlib.sha256(title.encode()).hexdigest()[:12]}"
    root = ET.Element(f"{{{PACKAGING}}}manifest", identifier=known_as, version="1.0")
    metadata = under(root, "metadata")
    under(metadata, "schema", "ADL SCORM")
    under(metadata, "schemaversion", "1.2")
    organization = under(under(root, "organizations", default="course"), "organization", identifier="course")
    under(organization, "title", title[:LONGEST_TITLE])
    item = under(organization, "item", identifier="page", identifierref="site")
    under(item, "title", title[:LONGEST_TITLE])
    resource = under(under(root, "resources"), "resource", identifier="site", type="webcontent", href="index.html")
    resource.set(f"{{{SCORM}}}scormtype", "asset")
    for name in files:
        under(resource, "file", href=quote(name))
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return written
