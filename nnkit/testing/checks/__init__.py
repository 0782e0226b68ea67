"""The checks, one file for each kind of part, and ``common`` for all of them."""
