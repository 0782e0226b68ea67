"""Callbacks of nnkit that hand the values of a training to other tools."""
