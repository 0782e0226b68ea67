"""The pages that no person writes: one for each part, and the API reference; a Sphinx extension."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import part_pages, reference_pages

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before Sphinx looks for its sources."""
    from sphinx.util.inspect import TypeAliasForwardRef

    app.connect("config-inited", lambda app, _config: write(Path(app.srcdir)))
    # Sphinx 9 writes ``TypeAliasForwardRef('PartSpec')`` where an alias stands inside another type.
    TypeAliasForwardRef.__repr__ = lambda alias: alias.name.rpartition(".")[2]
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write(docs: Path) -> None:
    """Write both groups of pages below ``docs``, and remove pages of the gallery whose program is gone."""
    for page in (docs / "gallery").glob("*.rst"):
        if page.stem != "index" and not (docs.parent / "examples" / "gallery" / f"{page.stem}.py").exists():
            page.unlink()
    part_pages.write(docs / "parts")
    reference_pages.write(docs / "api")
