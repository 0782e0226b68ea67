"""One fit at a time."""

from __future__ import annotations

import threading

from nnkit.errors import BusyError

__all__ = ["FitLock"]


class FitLock:
    """Held by a network while it is fitted; a copy of it is free."""

    _guard = threading.Lock()

    def __init__(self) -> None:
        self._owner: int | None = None

    def __enter__(self) -> None:
        with self._guard:
            self.check()
            self._owner = threading.get_ident()

    def __exit__(self, *error: object) -> None:
        self._owner = None

    def __reduce__(self) -> tuple[type[FitLock], tuple[()]]:
        return FitLock, ()

    @property
    def locked(self) -> bool:
        """Whether the network is being fitted."""
        return self._owner is not None

    def check_copying(self) -> None:
        """Refuse to copy or save a network that another thread is changing: the copy would mix two steps.

        Raises:
            BusyError: When another thread is fitting it.
        """
        if self._owner not in {None, threading.get_ident()}:
            raise BusyError(
                "this network is being fitted by another thread, so it cannot be saved, copied or pickled: wait until "
                "that fit returns, or save from within it: callbacks=['checkpoint']"
            )

    def check(self) -> None:
        """Refuse what would change a network that is being fitted.

        Raises:
            BusyError: When it is.
        """
        if self._owner is None:
            return
        if self._owner == threading.get_ident():
            raise BusyError(
                "this network is being fitted, and a callback of that fit cannot fit, reset or assign to it: ask its "
                "view (stop, set_parameters, set_learning_rate), or use a copy of the network"
            )
        raise BusyError(
            "this network is being fitted by another thread: wait until that fit returns, or use a copy of the network"
        )
