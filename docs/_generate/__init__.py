"""The pages that no person writes: one for each part, and the API reference; a Sphinx extension."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import part_pages, reference_pages

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before Sphinx looks for its sources."""
    app.connect("config-inited", lambda app, _config: write(Path(app.srcdir)))
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-signature", _with_names_of_types)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _with_names_of_types(*arguments: Any) -> tuple[str | None, str | None]:
    """The signature and its result with ``PartSpec`` where autodoc writes ``TypeAliasForwardRef('PartSpec')``."""
    parameters, result = (
        text and re.sub(r"TypeAliasForwardRef\('([\w.]+)'\)", lambda name: name[1].rpartition(".")[2], text)
        for text in arguments[-2:]
    )
    return parameters, result


def write(docs: Path) -> None:
    """Write both groups of pages below ``docs``, and remove pages of the gallery whose program is gone."""
    for page in (docs / "gallery").glob("*.rst"):
        if page.stem != "index" and not (docs.parent / "examples" / "gallery" / f"{page.stem}.py").exists():
            page.unlink()
    part_pages.write(docs / "parts")
    reference_pages.write(docs / "api")
