"""Many networks trained by one call: sweeps, folds, seeds; each exactly as a single ``fit`` trains it."""

from __future__ import annotations

import copy
import importlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor, as_completed
from contextvars import copy_context
from pickle import PicklingError
from typing import Any, Literal, Protocol, TypeAlias, final

import attrs
import numpy as np

from nnkit import registry
from nnkit.arrays import IntArray
from nnkit.data.arrays import DataLike, positive_integer
from nnkit.data.choices import as_seed
from nnkit.data.sources import SourceLike, as_source
from nnkit.errors import DataError, MissingExtraError, NNKitError, brief
from nnkit.interfaces import Callback
from nnkit.many.ensemble import Ensemble
from nnkit.many.rows import checked_fold, fold_rows, rows_of
from nnkit.network.network import Network

__all__ = ["Fit", "Fits", "Task", "fit_many", "results"]

ATTEMPTS = 3
"""How often a fit is begun whose worker process dies."""

Row: TypeAlias = dict[str, Any]
Folds: TypeAlias = int | Sequence[tuple[IntArray, IntArray]]


class Executor(Protocol):
    """What runs functions elsewhere: an executor of ``concurrent.futures``, a client of Dask."""

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Any:
        """A future with ``result()``."""


@final
@attrs.frozen(kw_only=True, eq=False)
class Fit:
    """One fit and what came of it.

    Args:
        name: That of the network, with seed and fold where several were asked for.
        network: Trained; ``None`` where the fit failed.
        row: Its line of the table: the last value of every entry of the history, epochs, steps and seconds.
        error: Why it failed.
    """

    name: str
    network: Network | None
    row: Row
    error: str | None = None


@final
@attrs.frozen(eq=False)
class Fits:
    """The results of ``fit_many``, in the order of its networks.

    Args:
        fits: One for each fit.
    """

    fits: Sequence[Fit]

    @property
    def table(self) -> list[Row]:
        """One mapping a fit: name, last values of the history, ``epochs``, ``steps``, ``seconds`` and ``error``."""
        return [{"name": fit.name, **fit.row, "error": fit.error} for fit in self.fits]

    @property
    def errors(self) -> dict[str, str]:
        """Why fits failed, by name."""
        return {fit.name: fit.error for fit in self.fits if fit.error is not None}

    @property
    def networks(self) -> dict[str, Network]:
        """The trained networks by name, without those that failed."""
        return {fit.name: fit.network for fit in self.fits if fit.network is not None}

    def best(self, by: str | None = None, *, higher_is_better: bool | None = None) -> Network:
        """The network with the best last value.

        Args:
            by: A name in the history; by default ``val_loss``, without validation data ``loss``.
            higher_is_better: By default as the loss or the metric declares.

        Raises:
            DataError: When no fit has this value.
        """
        return self.ranked(by, higher_is_better=higher_is_better)[0]

    def ranked(self, by: str | None = None, *, higher_is_better: bool | None = None) -> list[Network]:
        """The trained networks, the best first; values that are not finite come last.

        Raises:
            DataError: As for ``best``.
        """
        trained = [fit for fit in self.fits if fit.network is not None]
        by = by or ("val_loss" if any("val_loss" in fit.row for fit in trained) else "loss")
        scored = [(fit, fit.row[by]) for fit in trained if isinstance(fit.row.get(by), (int, float))]
        if not scored:
            have = sorted({name for fit in trained for name in fit.row})
            raise DataError(f"no fit has a number called {by!r}; they have {', '.join(have) or 'all failed'}")
        upwards = _goes_up(by) if higher_is_better is None else higher_is_better
        sign = -1.0 if upwards else 1.0
        scored.sort(key=lambda pair: (not np.isfinite(pair[1]), sign * pair[1] if np.isfinite(pair[1]) else 0.0))
        return [fit.network for fit, _ in scored if fit.network is not None]

    def ensemble(self, count: int | None = None, by: str | None = None) -> Ensemble:
        """The ensemble of the ``count`` best networks, by default of all; its notes have the table.

        Raises:
            DataError: When there are none.
        """
        networks = list(self.networks.values()) if count is None and by is None else self.ranked(by)
        return Ensemble(networks[:count], notes={"table": self.table})

    def __str__(self) -> str:
        names = [name for name in dict.fromkeys(key for row in self.table for key in row) if name != "error"]
        lines = [names, *([_shown(row.get(name, "")) for name in names] for row in self.table)]
        widths = [max(len(line[place]) for line in lines) for place in range(len(names))]
        text = [
            "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip() for line in lines
        ]
        return "\n".join([*text, *(f"{name} failed: {error}" for name, error in self.errors.items())])


def fit_many(
    networks: Network | Sequence[Network] | Mapping[str, Network],
    X: DataLike | SourceLike,
    y: DataLike | None = None,
    *,
    seeds: Iterable[int] | None = None,
    folds: Folds | None = None,
    sample_weight: DataLike | None = None,
    workers: Literal["threads", "processes"] | Executor = "threads",
    jobs: int = 1,
    progress: Callable[[Fit], None] | None = None,
    **options: Any,
) -> Fits:
    """Train copies of many networks, each as ``network.fit(X, y, **options)`` does, bit for bit.

    The networks that are passed stay as they are. A fit that fails does not end the others.

    Args:
        networks: The networks, by name or in a list; or one, with ``seeds`` or ``folds``.
        X: Inputs, as for ``fit``.
        y: Targets, as for ``fit``.
        seeds: Each network is trained with each of these seeds instead of its own.
        folds: Number of parts that the rows are divided into, each of which validates a fit on the others; classes
            have equal shares in all. Or pairs of training and validation rows.
        sample_weight: ``(N,)``, non-negative.
        workers: ``"threads"``, or ``"processes"`` of joblib, for ``jobs`` above 1; or an object with ``submit``, as
            an executor of ``concurrent.futures`` or a client of Dask. Threads serve best where nnkit-numba trains small
            networks: its kernels run at the same time, and nothing is copied.
        jobs: Fits at a time; -1 for one a core.
        progress: Called with each fit when it has ended.
        options: All other arguments of ``fit``.

    Raises:
        DataError: When the call cannot be understood.
        MissingExtraError: When joblib is needed and not installed.

    Example:
        >>> X = np.random.default_rng(0).normal(size=(64, 2))
        >>> sweep = {f"{units} units": nnkit.Network([2, units, 1], seed=0) for units in (4, 8)}
        >>> fits = fit_many(sweep, X, X[:, 0] * X[:, 1], epochs=20, validation_split=0.25)
        >>> [row["name"] for row in fits.table], fits.best().step
        (['4 units', '8 units'], 40)
    """
    tasks = _tasks(_named(networks), None if seeds is None else _distinct(seeds), folds, X, y, sample_weight, options)
    if len(tasks) > 1:
        _refuse_one_file(options.get("callbacks", ()))
    if not isinstance(jobs, int) or isinstance(jobs, bool) or (jobs < 1 and jobs != -1):
        raise DataError(f"jobs is {brief(jobs)}; expected a positive integer, or -1 for one a core")
    done: dict[int, Fit] = {}
    for place, fit in results(tasks, workers, jobs):
        done[place] = fit
        if progress is not None:
            progress(fit)
    return Fits([done[place] for place in range(len(tasks))])


@attrs.frozen
class Task:
    """One fit to be made.

    Args:
        name: Its name.
        network: Copied before it is trained.
        data: Arguments of ``fit`` that several fits share.
        options: Its other arguments.
    """

    name: str
    network: Network
    data: Mapping[str, Any]
    options: Mapping[str, Any]

    def run(self, data: Mapping[str, Any] | None = None) -> Fit:
        """Train a copy, on ``data`` where these were sent apart; an error becomes part of the result."""
        begin = time.perf_counter()
        try:
            network = copy.copy(self.network)
            history = network.fit(**(self.data if data is None else data), **self.options)
        except Exception as error:  # noqa: BLE001  # whatever ends one fit must not end the others
            return failed(self.name, error, time.perf_counter() - begin)
        last = {name: values[-1] for name, values in history.items() if values and name != "epoch"}
        counts = {"epochs": network.epoch, "steps": network.step, "seconds": time.perf_counter() - begin}
        return Fit(name=self.name, network=network, row=last | counts)


def failed(name: str, error: BaseException, seconds: float = 0.0) -> Fit:
    """The result of a fit that ended in an error."""
    return Fit(name=name, network=None, row={"seconds": seconds}, error=f"{type(error).__name__}: {error}")


def _named(networks: Network | Sequence[Network] | Mapping[str, Network]) -> dict[str, Network]:
    if isinstance(networks, Network):
        networks = [networks]
    pairs = networks.items() if isinstance(networks, Mapping) else enumerate(networks)
    named = {f"{name}": network for name, network in pairs}
    wrong = next((network for network in named.values() if not isinstance(network, Network)), None)
    if wrong is not None or not named:
        raise DataError(f"fit_many was passed {brief(networks if wrong is None else wrong)}; expected networks")
    return named


def _distinct(seeds: object) -> list[Any]:
    """The seeds, each of which stands once.

    Raises:
        DataError: When there are none, or one stands twice.
    """
    every = list(seeds) if isinstance(seeds, Iterable) else []
    if not every or len({f"{seed}" for seed in every}) < len(every):
        raise DataError(f"seeds is {brief(seeds)}; expected different seeds, such as range(5)")
    return every


def _tasks(
    networks: Mapping[str, Network],
    seeds: list[int] | None,
    folds: Folds | None,
    X: Any,
    y: Any,
    sample_weight: Any,
    options: Mapping[str, Any],
) -> list[Task]:
    parts: list[tuple[str, dict[str, Any]]] = [("", {"X": X, "y": y, "sample_weight": sample_weight})]
    if folds is not None:
        if as_source(X) is not None or y is None:
            raise DataError("folds divide rows in memory; for a source pass validation_data")
        if options.get("validation_data") is not None or options.get("validation_split"):
            raise DataError("folds bring their own validation data; leave validation_data and validation_split out")
        parts = list(_folded(folds, X, y, sample_weight))
    variants = list(networks.items())
    if seeds is not None:
        variants = [(f"{name} seed {seed}", _seeded(network, seed)) for name, network in variants for seed in seeds]
    return [Task(name + fold, network, data, options) for name, network in variants for fold, data in parts]


def _seeded(network: Network, seed: int) -> Network:
    """A network of the same composition with another seed, as yet untrained."""
    composition = network._contents()[0]  # noqa: SLF001  # the composition is no public attribute
    return type(network)._of(attrs.evolve(composition, seed=as_seed(seed)))  # noqa: SLF001


def _folded(folds: Folds, X: Any, y: Any, sample_weight: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The name of each fold, and its arguments of ``fit``."""
    rows = X.shape[0] if hasattr(X, "shape") else len(X)
    pairs = fold_rows(positive_integer(folds, "folds", minimum=2), rows, y) if isinstance(folds, int) else folds
    pairs = [checked_fold(pair, rows) for pair in pairs]
    for number, (training, validation) in enumerate(pairs, start=1):
        held_out = rows_of(X, validation), rows_of(y, validation)
        weights = () if sample_weight is None else (rows_of(sample_weight, validation),)
        yield (
            f" fold {number}",
            {
                "X": rows_of(X, training),
                "y": rows_of(y, training),
                "sample_weight": None if sample_weight is None else rows_of(sample_weight, training),
                "validation_data": held_out + weights,
            },
        )


def results(tasks: Sequence[Task], workers: Any, jobs: int) -> Iterator[tuple[int, Fit]]:
    """Each fit with its place, as they end."""
    if hasattr(workers, "submit"):
        futures = _submitted(tasks, workers)
        for place, future in enumerate(futures):
            try:
                yield place, future.result()
            except Exception as error:  # noqa: BLE001  # a lost worker must not end the others
                yield place, failed(tasks[place].name, error)
        return
    if workers not in {"threads", "processes"}:
        raise DataError(f"workers is {brief(workers)}; expected 'threads', 'processes' or an object with submit()")
    if jobs == 1:
        for place, task in enumerate(tasks):
            yield place, task.run()
        return
    yield from (_in_threads if workers == "threads" else _in_processes)(tasks, jobs)


def _submitted(tasks: Sequence[Task], workers: Any) -> list[Any]:
    """A future for each fit."""
    if not hasattr(workers, "scatter"):
        return [workers.submit(Task.run, task) for task in tasks]
    # A client of Dask: the data are sent once, for a future as an argument stands for its result, which is computed
    # again where its worker is lost. Equal calls are separate fits.
    sent = {id(task.data): task.data for task in tasks}
    shared = {key: workers.submit(dict, data, pure=False) for key, data in sent.items()}
    return [workers.submit(Task.run, attrs.evolve(task, data={}), shared[id(task.data)], pure=False) for task in tasks]


def _in_threads(tasks: Sequence[Task], jobs: int) -> Iterator[tuple[int, Fit]]:
    """The fits of threads, which see the context of the caller (plugins that are disabled in it)."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    pool = ThreadPoolExecutor(cores if jobs == -1 else jobs)
    try:
        places = {pool.submit(copy_context().run, task.run): place for place, task in enumerate(tasks)}
        for future in as_completed(places):
            yield places[future], future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _in_processes(tasks: Sequence[Task], jobs: int) -> Iterator[tuple[int, Fit]]:
    """The fits of joblib's processes; those of a process that dies are begun again."""
    try:
        joblib = importlib.import_module("joblib")
    except ImportError as error:
        raise MissingExtraError("workers='processes' needs joblib: pip install 'nnkit-core[parallel]'") from error
    waiting = dict(enumerate(tasks))
    for attempt in range(1, ATTEMPTS + 1):
        parallel = joblib.Parallel(n_jobs=jobs, backend="loky", batch_size=1, return_as="generator_unordered")
        try:
            calls = [joblib.delayed(_placed)(place, task) for place, task in waiting.items()]
            for place, fit in parallel(calls):
                del waiting[place]
                yield place, fit
        except (BrokenExecutor, PicklingError) as error:
            if attempt == ATTEMPTS or isinstance(error, PicklingError):
                for place, task in waiting.items():
                    yield place, failed(task.name, error)
                return
            continue
        return


def _placed(place: int, task: Task) -> tuple[int, Fit]:
    return place, task.run()


def _refuse_one_file(callbacks: Any) -> None:
    """Refuse a callback that would write every network to one file.

    Raises:
        DataError: Names the callback.
    """
    several = isinstance(callbacks, Iterable) and not isinstance(callbacks, (str, Mapping))
    for spec in callbacks if several else [callbacks]:
        callback: Callback = registry.create("callback", spec)
        if callback.saves:
            raise DataError(
                f"{type(callback).__name__} would write every network to one file; leave it out, and save fits.best() "
                "or fits.ensemble()"
            )


def _goes_up(name: str) -> bool:
    """Whether larger values of this entry of a history are better."""
    bare = name.removeprefix("val_")
    if bare == "loss":
        return False
    try:
        metric = registry.create("metric", bare)
    except NNKitError:
        raise DataError(f"{name!r} is no metric; state higher_is_better=True or False") from None
    if metric.higher_is_better is None:
        raise DataError(f"{name!r} has no better direction; state higher_is_better=True or False")
    return bool(metric.higher_is_better)


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else brief(value) if not isinstance(value, str) else value
