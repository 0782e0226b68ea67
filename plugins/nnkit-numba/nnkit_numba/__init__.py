"""Compiled twins of nnkit's busiest parts.

Nothing is imported from here by hand: once the package is installed, ``Network.fit`` uses it.
"""
