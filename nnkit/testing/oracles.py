"""Calling the implementation of another library with the arguments of nnkit."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from nnkit.errors import SpecError

SYNONYMS: dict[str, tuple[str, ...]] = {
    "prediction": ("input", "y_pred", "y_score", "y_prob", "y_proba", "predictions", "logits"),
    "target": ("y_true", "targets", "labels"),
    "weight": ("sample_weight",),
    "weights": ("x", "input"),
    "z": ("x", "input"),
    "x": ("input",),
    "step": ("count",),
    "learning_rate": ("lr",),
    "epsilon": ("eps",),
    "beta1": ("b1", "betas[0]"),
    "beta2": ("b2", "betas[1]"),
}
"""Names that other libraries give to the arguments and hyperparameters of nnkit."""

ANY = "**"
"""The argument of functions that accept any other name."""

OPTIONAL = {"weight"}
"""Inputs that a library need not have."""


def _imported(path: str) -> Any:
    try:
        return pkgutil.resolve_name(path)
    except AttributeError as error:
        raise SpecError(f"{path!r} is not found: {error}") from error
    except (ImportError, ValueError) as error:
        raise SpecError(f"{path!r} cannot be imported; install {path.partition('.')[0]} in this environment") from error


def _argument_names(function: Any) -> list[str] | None:
    """The names of the arguments of ``function``; ``None`` where Python cannot name them."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind in {p.POSITIONAL_ONLY, p.VAR_POSITIONAL} for p in parameters):
        return None
    return [ANY if p.kind is p.VAR_KEYWORD else p.name for p in parameters]


@attrs.frozen(kw_only=True)
class Oracle:
    """The implementation of another library.

    Args:
        library: Its name; ``"torch"`` and ``"optax"`` have arrays and optimizers of their own.
        path: The dotted name of ``target``.
        target: A function, or a class.
        names: The library's names of inputs and hyperparameters by those of nnkit; ``""`` leaves one out.
        more: Further arguments.
        columns: ``"sum"`` or ``"mean"`` for results of one value a column, where one a row is needed.
    """

    library: str
    path: str
    target: Any
    names: Mapping[str, str]
    more: Mapping[str, Any]
    columns: str | None = None

    @classmethod
    def of(cls, source: str, **fields: Any) -> Oracle:
        """The implementation that ``"library:path"`` names.

        Raises:
            SpecError: When it is not written so, or not installed.
        """
        library, separator, path = source.partition(":")
        if not separator or not library or not path:
            raise SpecError(f"{source!r}: expected library:path, such as torch:torch.nn.HuberLoss")
        if library == "optax":
            importlib.import_module("jax").config.update("jax_enable_x64", True)
        return cls(library=library, path=path, target=_imported(path), **fields)

    @property
    def source(self) -> str:
        """The library with its version, and what was called."""
        version = getattr(importlib.import_module(self.path.partition(".")[0]), "__version__", "of unknown version")
        words = ", ".join(f"{name}={value!r}" for name, value in self.more.items())
        return f"{self.library} {version}: {self.path}({words})"

    def result(self, family: str, inputs: Mapping[str, Any], hyperparameters: Mapping[str, Any]) -> Any:
        """What the other implementation returns for the inputs of the kind's first method, as numbers.

        Raises:
            SpecError: When an input or a hyperparameter has no counterpart.
        """
        if family == "optimizer" and not isinstance(self.target, type) and self.library != "optax":
            return np.asarray(self._value(family, inputs, hyperparameters))
        if family == "optimizer":
            return self._path(inputs, self._keywords(self.target, hyperparameters))
        if family == "loss":
            rows = [{name: array[n : n + 1] for name, array in inputs.items()} for n in range(len(inputs["target"]))]
            return np.array([self._one_loss(np.asarray(self._value(family, row, hyperparameters))) for row in rows])
        if family == "metric":
            return self._judgement(dict(inputs), hyperparameters)
        return np.asarray(self._value(family, inputs, hyperparameters), dtype=np.float64)

    def accepts(self, name: str) -> bool:
        """Whether the library has a counterpart of an input."""
        return bool(self._keywords(self.target, {name: None}))

    def _judgement(self, inputs: dict[str, Any], hyperparameters: Mapping[str, Any]) -> float:
        """The value of a metric, for probabilities where it accepts them, else for the classes decided from them."""
        prediction, target = inputs["prediction"], inputs["target"]
        several = target.ndim == 1 and prediction.shape[1] > 1
        if target.ndim == 1 and not several:
            inputs["prediction"] = prediction = prediction[:, 0]
        try:
            return float(self._value("metric", inputs, hyperparameters))
        except ValueError:
            if target.dtype.kind not in "iu" or "y_pred" not in self._keywords(self.target, {"prediction": None}):
                raise
        inputs["prediction"] = prediction.argmax(axis=1) if several else (prediction > 0.5).astype(np.intp)
        return float(self._value("metric", inputs, hyperparameters))

    def _one_loss(self, value: Any) -> float:
        if value.size > 1 and self.columns not in {"sum", "mean"}:
            raise SpecError(f"{self.path} returns {value.size} values for one row; add --columns sum or --columns mean")
        return float(value.mean() if self.columns == "mean" else value.sum())

    def _value(self, family: str, inputs: Mapping[str, Any], hyperparameters: Mapping[str, Any]) -> Any:
        """The result of the function for the inputs, or of what the class, or the factory, makes."""
        arguments, function = dict(inputs), self.target
        if self.library == "torch":
            torch = importlib.import_module("torch")
            arguments = {name: torch.from_numpy(np.array(value)) for name, value in inputs.items()}
        own = {name: value for name, value in hyperparameters.items() if self.names.get(name) != ""}
        if isinstance(self.target, type) or (self.library == "optax" and family == "schedule"):
            function, own = self.target(**self._keywords(self.target, own), **self.more), {}
            called = getattr(function, "forward", function)
        else:
            called, own = self.target, {**own, **self.more}
        names = _argument_names(called)
        if names is None and not own:
            value = function(*arguments.values())
        else:
            value = function(**self._keywords(called, {**arguments, **own}))
        return value.detach().numpy() if self.library == "torch" else value

    def _path(self, inputs: Mapping[str, Any], keywords: dict[str, Any]) -> Any:
        """The parameters after each step of an optimizer of ``torch.optim`` or ``optax``."""
        path, keywords = [], {**keywords, **self.more}
        if self.library == "torch":
            torch = importlib.import_module("torch")
            theta = torch.tensor(inputs["parameters"], requires_grad=True)
            optimizer = self.target([theta], **keywords)
            for gradient in inputs["gradients"]:
                theta.grad = torch.tensor(gradient)
                optimizer.step()
                path.append(theta.detach().numpy().copy())
            return np.array(path)
        optax = importlib.import_module("optax")
        theta, optimizer = np.asarray(inputs["parameters"]), self.target(**keywords)
        state = optimizer.init(theta)
        for gradient in inputs["gradients"]:
            updates, state = optimizer.update(gradient, state, theta)
            theta = optax.apply_updates(theta, updates)
            path.append(np.array(theta))
        return np.array(path)

    def _keywords(self, function: Any, values: Mapping[str, Any]) -> dict[str, Any]:
        """``values`` under the names of the library; those that ``names`` leaves out are absent.

        Raises:
            SpecError: When one has no counterpart.
        """
        accepted = _argument_names(function) or []
        keywords: dict[str, Any] = {}
        for name, value in values.items():
            candidates = (name, *SYNONYMS.get(name, ()))
            own = self.names.get(name, next((word for word in candidates if word.split("[")[0] in accepted), None))
            if own is None and ANY in accepted:
                own = name
            if own is None and name not in OPTIONAL:
                raise SpecError(
                    f"{self.path} has no argument {name!r}; its arguments are {', '.join(accepted) or 'not known'}. "
                    f"Name the one that means the same (--map {name}=NAME), or leave it out (--map {name}=)"
                )
            word, index, _ = (own or "").partition("[")
            if index:  # an entry of a tuple; they come in order
                keywords[word] = (*keywords.get(word, ()), value)
            elif word:
                keywords[word] = value
        return keywords
