"""Sphinx settings; `make docs` builds with warnings as errors."""

from __future__ import annotations

from importlib.metadata import version as version_of

project = "nnkit"
author = "The nnkit developers"
copyright = "The nnkit developers"
release = version = version_of("nnkit-core")

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"nnkit {release}"

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
nitpicky = True
