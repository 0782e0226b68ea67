"""The badge of a package whose parts are all proven."""

BADGE = """<svg xmlns="http://www.w3.org/2000/svg" width="92" height="20" role="img" aria-label="nnkit: proven">
<title>nnkit: proven</title>
<rect width="42" height="20" fill="#555"/>
<rect x="42" width="50" height="20" fill="#2e7d32"/>
<g fill="#fff" font-family="Verdana,sans-serif" font-size="11" text-anchor="middle">
<text x="21" y="14">nnkit</text>
<text x="67" y="14">proven</text>
</g>
</svg>
"""
"""Written only for proven parts: every check passed, and the values were compared with an independent source."""
