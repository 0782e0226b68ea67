"""Sphinx settings; `make docs` builds with warnings as errors."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from importlib.metadata import version as version_of
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
os.environ.setdefault("MPLBACKEND", "Agg")

project = "nnkit"
author = "The nnkit developers"
copyright = "The nnkit developers"
release = version = version_of("nnkit-core")

extensions = [
    "_generate",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx_gallery.gen_gallery",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = [
    "_build",
    "gallery/sg_execution_times.rst",
    "sg_execution_times.rst",
    "gallery/*.py",
    "gallery/*.md5",
]
myst_enable_extensions = ["attrs_inline", "dollarmath"]
myst_heading_anchors = 3
default_role = "literal"

# -- the look --------------------------------------------------------------------------------------------

html_theme = "furo"
html_title = f"nnkit {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
# Summaries of search results are fetched, which a browser refuses for pages on the disk.
html_show_search_summary = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#005a8f", "color-brand-content": "#005a8f"},
    "dark_css_variables": {"color-brand-primary": "#56b4e9", "color-brand-content": "#56b4e9"},
}

# -- mathematics without a network: MathJax, with its glyphs, is one file of the site --------------------

MATHJAX = Path(importlib.util.find_spec("sphinx-mathjax-offline").submodule_search_locations[0])
html_static_path += [str(MATHJAX / "static" / "mathjax" / "tex-svg.js")]
mathjax_path = "tex-svg.js"
mathjax3_config = {"options": {"enableMenu": False}}

# -- the API reference -----------------------------------------------------------------------------------

nitpicky = True
# Types of other libraries, and names that stand for a type.
nitpick_ignore_regex = [("py:.*", r"(?!nnkit\.).*"), ("py:(class|data|obj)", r".*\b_?[A-Z]\w*")]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
# Names that stand for long unions: signatures show the name.
autodoc_type_aliases = {name: name for name in ("npt.ArrayLike", "npt.DTypeLike", "Array", "IntArray")} | {
    name: name
    for path in [*HERE.parent.glob("nnkit/**/*.py"), *HERE.parent.glob("plugins/*/nnkit_*/**/*.py")]
    for name in re.findall(r"^(\w+): TypeAlias", path.read_text(encoding="utf-8"), re.MULTILINE)
}
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
napoleon_custom_sections = [("Source", "notes"), ("State", "notes")]

# -- the gallery -----------------------------------------------------------------------------------------

sphinx_gallery_conf = {
    "examples_dirs": [str(HERE.parent / "examples" / "gallery")],
    "gallery_dirs": ["gallery"],
    "filename_pattern": "/",
    "abort_on_example_error": True,
    "capture_repr": ("_repr_html_",),
    "show_memory": False,
    "show_signature": False,
    "download_all_examples": False,
    "min_reported_time": 5,
    "matplotlib_animations": False,
    "write_computation_times": False,
    "plot_gallery": "True",
}
