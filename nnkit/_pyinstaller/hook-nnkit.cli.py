"""A frozen program that imports the command line: its commands, and the templates of ``nnkit plugins new``."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

hiddenimports = collect_submodules("nnkit.cli")
datas = collect_data_files("nnkit.cli")
