"""A frozen program that imports the conformance kit: its checks."""

from PyInstaller.utils.hooks import collect_submodules

hiddenimports = collect_submodules("nnkit.testing", filter=lambda name: "pytest" not in name)
