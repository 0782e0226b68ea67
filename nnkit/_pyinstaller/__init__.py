"""Hooks for PyInstaller, which finds them through the entry point ``pyinstaller40``.

nnkit imports its parts, commands and checks by name when they are first used, so no ``import`` statement leads
PyInstaller to them. Each hook lists what its package finds in this way.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["hook_folders"]


def hook_folders() -> list[str]:
    """The folders with hooks, as PyInstaller asks for them."""
    return [str(Path(__file__).parent)]
