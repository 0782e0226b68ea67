"""A frozen program that imports nnkit: the built-in parts, and the metadata through which plugins are found."""

from PyInstaller.utils.hooks import collect_submodules, copy_metadata

SEPARATE = ("nnkit._pyinstaller", "nnkit.cli", "nnkit.testing")
"""Packages that most programs do not need; the last two have hooks of their own."""

hiddenimports = collect_submodules("nnkit", filter=lambda name: not name.startswith(SEPARATE))
datas = copy_metadata("nnkit-core")
