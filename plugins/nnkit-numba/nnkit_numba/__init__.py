"""Compiled counterparts of nnkit's most used parts.

Nothing is imported from here by hand: once the package is installed, ``Network.fit`` uses it.
"""
