"""The commands of ``nnkit``, one a file: a module here that defines ``command`` is a command."""
