"""The files that nnkit writes and reads."""
