"""Networks of MATLAB's toolbox, from a struct with the properties of ``net`` in a MAT-file of version 7."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

import nnkit
from nnkit.arrays import Array
from nnkit.data.scaling import TargetScaling
from nnkit.errors import brief
from nnkit.interfaces import DataDescription, PartSpec
from nnkit_export.assembly import Assembly, numbers
from nnkit_export.errors import NetworkImportError
from nnkit_export.matfile import Unread, Value, read_mat
from nnkit_export.reading import checked_file, reading

__all__ = ["from_matlab"]

ACTIVATIONS: Final = {
    "purelin": "identity",
    "tansig": "tanh",
    "logsig": "sigmoid",
    "poslin": "relu",
    "softmax": "softmax",
    "elliotsig": "softsign",
}
"""The activation of each transfer function."""

ODD: Final = {"identity", "tanh", "relu", "softsign"}
"""Activations that are 0 at 0, so that an output that was constant can be one of weight 0."""


def from_matlab(
    path: str | os.PathLike[str], *, variable: str | None = None, loss: PartSpec | None = None
) -> nnkit.Network:
    """The network of a struct with the properties of ``net`` in MATLAB; predictions are equal.

    A ``network`` object itself is code. In MATLAB, write its properties as a struct::

        plain = @(list) cellfun(@struct, list, 'UniformOutput', false);
        s.IW = net.IW; s.LW = net.LW; s.b = net.b;
        s.layers = plain(net.layers); s.inputs = plain(net.inputs); s.outputs = plain(net.outputs);
        save('net.mat', '-struct', 's', '-v7')

    Layers follow each other, with the transfer functions purelin, tansig, logsig, poslin, softmax and elliotsig, and
    the processing functions removeconstantrows, fixunknowns (without unknown values), mapminmax and mapstd. The
    processing of inputs becomes a layer ``standardize``, that of outputs the scale of the targets.

    Args:
        path: The file.
        variable: The name of the struct, where the file has one and not its fields as variables.
        loss: For later training; by default the one that fits the output activation.

    Raises:
        NetworkImportError: Names the function or connection that has no equal here.
        FileFormatError: When the file is damaged or something else.
    """
    file = checked_file(path, ".mat")
    with reading(file, "a MAT-file of version 7"):
        content: Mapping[str, Value] = read_mat(file)
        if variable is not None:
            if variable not in content:
                raise NetworkImportError(f"variable is {variable!r}; the file has {_names(content)}")
            content = _fields(content[variable], variable)
        return _network(content, loss)


# -- structs and cells ---------------------------------------------------------------------------------


def _fields(value: Value, what: str) -> Mapping[str, Value]:
    """The fields of a struct."""
    if not isinstance(value, dict):
        shown = f"{value.kind} of MATLAB" if isinstance(value, Unread) else brief(value)
        raise NetworkImportError(
            f"{what} is {shown}; expected a struct: see the three lines for MATLAB in the description of from_matlab"
        )
    return value


def _cells(value: Value, what: str) -> list[Value]:
    """The entries of a cell array, column by column."""
    if not isinstance(value, list):
        raise NetworkImportError(f"{what} is {brief(value)}; expected a cell array")
    return value


def _text(value: Value, what: str) -> str:
    if not isinstance(value, str):
        raise NetworkImportError(f"{what} is {brief(value)}; expected a text")
    return value


def _present(value: Value) -> bool:
    """Whether a value is more than an empty array, cell array or text."""
    return bool(np.size(value)) if isinstance(value, np.ndarray) else bool(value)


def _names(content: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in content if name)


def _column(settings: Mapping[str, Any], name: str, count: int, where: str) -> Array:
    """A setting with one number a row, or one for all of them."""
    if name not in settings:
        raise NetworkImportError(f"{where} has no {name}; expected the settings of MATLAB")
    values = np.ravel(settings[name])
    return numbers(where, name, np.repeat(values, count) if values.size == 1 else values, (count,)).astype(np.float64)


# -- the network ---------------------------------------------------------------------------------------


def _network(content: Mapping[str, Any], loss: PartSpec | None) -> nnkit.Network:
    missing = [name for name in ("IW", "LW", "b", "layers", "inputs", "outputs") if name not in content]
    if missing:
        present = sorted(name for name in content if name)
        raise NetworkImportError(
            f"there is no {', '.join(missing)} among {present}; pass variable='name of the struct'"
        )
    layers = [_fields(layer, f"layers{{{k}}}") for k, layer in enumerate(_cells(content["layers"], "layers"), 1)]
    weights = _weights(content, len(layers))
    inputs = _cells(content["inputs"], "inputs")
    outputs = [entry for entry in _cells(content["outputs"], "outputs") if _present(entry)]
    if len(inputs) != 1 or len(outputs) != 1:
        raise NetworkImportError(
            f"the network has {len(inputs)} inputs and {len(outputs)} outputs; expected one of each"
        )
    size = weights[0][0].shape[1]
    scale, offset, rows = _processing(_fields(inputs[0], "inputs{1}"), size, "the input")
    weights[0] = (_spread(weights[0][0], rows, len(scale)), weights[0][1])
    assembly = Assembly(len(scale))
    assembly.affine("the processing of the input", scale, offset)
    last = _text(layers[-1].get("transferFcn", ""), "the last transferFcn")
    weights[-1], scaling, description = _outputs(_fields(outputs[0], "outputs{end}"), *weights[-1], last)
    for index, (layer, (weight, bias)) in enumerate(zip(layers, weights, strict=True), 1):
        where = f"layers{{{index}}}"
        transfer = _text(layer.get("transferFcn", ""), f"{where}.transferFcn")
        if transfer not in ACTIVATIONS:
            known = ", ".join(ACTIVATIONS)
            raise NetworkImportError(f"{where} has the transfer function {transfer!r}; there are {known}")
        for option, expected in (("netInputFcn", "netsum"), ("weightFcn", "dotprod")):
            value = _text(layer.get(option, expected), f"{where}.{option}")
            if value != expected:
                raise NetworkImportError(f"{where} has {option}={value!r}; nnkit has {expected!r} only")
        assembly.dense(where, weight.T, bias)
        assembly.activation(where, ACTIVATIONS[transfer])
    return assembly.network(loss=loss, dtype=np.float64, description=description, target_scaling=scaling)


def _weights(content: Mapping[str, Any], count: int) -> list[tuple[Array, Array]]:
    """Weight ``(outputs, inputs)`` and bias of each layer of a chain."""
    sizes = {name: _cells(content[name], name) for name in ("IW", "LW", "b")}
    if count < 1 or len(sizes["IW"]) != count or len(sizes["LW"]) != count * count or len(sizes["b"]) != count:
        raise NetworkImportError(f"IW, LW and b have {[len(v) for v in sizes.values()]} entries for {count} layers")
    links = {(k + 1, 0): weight for k, weight in enumerate(sizes["IW"]) if _present(weight)}
    links |= {(k % count + 1, k // count + 1): weight for k, weight in enumerate(sizes["LW"]) if _present(weight)}
    others = sorted(links.keys() - {(k, k - 1) for k in range(1, count + 1)})
    if others or len(links) != count:
        raise NetworkImportError(
            f"layers are connected (to, from) as {sorted(links)}; expected a chain {[(k + 1, k) for k in range(count)]}"
        )
    result = []
    for k in range(1, count + 1):
        weight = numbers(f"layer {k}", "the weight", links[k, k - 1], (None, None))
        bias = sizes["b"][k - 1]
        values = np.ravel(bias) if _present(bias) else np.zeros(len(weight))
        result.append((weight, numbers(f"layer {k}", "the bias", values, (len(weight),))))
    return result


def _processing(entry: Mapping[str, Any], size: int, where: str) -> tuple[Array, Array, Array]:
    """``scale``, ``offset`` (by column of the data) and the columns that are used, of all processing functions.

    Args:
        entry: The struct of an input or output.
        size: Number of columns after the processing.
        where: For messages.
    """
    names = [_text(cell, f"processFcns of {where}") for cell in _list(entry, "processFcns", where)]
    steps = [_fields(cell, f"processSettings of {where}") for cell in _list(entry, "processSettings", where)]
    if len(names) != len(steps):
        raise NetworkImportError(f"{where} has {len(names)} processing functions and {len(steps)} settings")
    removed = [_removed(settings, f"{name} of {where}") for name, settings in zip(names, steps, strict=True)]
    count = size + sum(map(len, removed))
    scale, offset, rows = np.ones(count), np.zeros(count), np.arange(count)
    for name, settings, gone in zip(names, steps, removed, strict=True):
        label = f"{name} of {where}"
        if name == "fixunknowns" and not _present(settings.get("unknown")):
            continue
        if name == "removeconstantrows":
            if len(gone) and not 0 <= gone.min() <= gone.max() < len(rows):
                raise NetworkImportError(f"{label} removes rows that do not exist: {gone[:5] + 1}")
            rows = np.delete(rows, gone)
            continue
        factor, shift = _affine(name, settings, len(rows), label)
        scale[rows], offset[rows] = scale[rows] * factor, offset[rows] * factor + shift
    return scale, offset, rows


def _removed(settings: Mapping[str, Any], label: str) -> Array:
    """The rows that removeconstantrows removes, from 0."""
    values = np.ravel(settings.get("remove", settings.get("remove_ind", ())))
    return numbers(label, "remove", values, (None,)).astype(np.int64) - 1 if values.size else np.zeros(0, np.int64)


def _list(entry: Mapping[str, Any], name: str, where: str) -> Sequence[Any]:
    return _cells(entry[name], f"{name} of {where}") if _present(entry.get(name)) else []


def _affine(name: str, settings: Mapping[str, Any], count: int, where: str) -> tuple[Array, Array]:
    """Factor and offset of mapminmax or mapstd."""
    if np.any(settings.get("no_change", False)):
        return np.ones(count), np.zeros(count)
    if name == "mapminmax":
        factor = _column(settings, "gain", count, where)
        return factor, _column(settings, "ymin", count, where) - factor * _column(settings, "xoffset", count, where)
    if name == "mapstd":
        deviation = _column(settings, "xstd", count, where)
        factor = _column(settings, "ystd", count, where) / np.where(deviation == 0.0, 1.0, deviation)
        return factor, _column(settings, "ymean", count, where) - factor * _column(settings, "xmean", count, where)
    raise NetworkImportError(f"{where} has no equal in nnkit; there are mapminmax, mapstd, removeconstantrows")


def _spread(weight: Array, rows: Array, count: int) -> Array:
    """The weight of all columns: 0 for those that are not used."""
    full = np.zeros((len(weight), count))
    full[:, rows] = weight
    return full


def _outputs(
    entry: Mapping[str, Any], weight: Array, bias: Array, transfer: str
) -> tuple[tuple[Array, Array], TargetScaling | None, DataDescription | None]:
    """The last layer with a row for each target, and the scale of the targets."""
    scale, offset, rows = _processing(entry, len(weight), "the output")
    gone = np.setdiff1d(np.arange(len(scale)), rows)
    if not len(gone) and (scale == 1.0).all() and (offset == 0.0).all():
        return (weight, bias), None, None
    if (scale == 0.0).any():
        raise NetworkImportError("the processing of the output multiplies by 0")
    if len(gone) and ACTIVATIONS.get(transfer) not in ODD:
        raise NetworkImportError(f"the output has constant rows behind {transfer!r}; remove them in MATLAB")
    full, biases = np.zeros((len(scale), weight.shape[1])), np.zeros(len(scale))
    full[rows], biases[rows] = weight, bias
    shift = -offset / scale
    names = [_text(name, "processFcns of the output") for name in _list(entry, "processFcns", "the output")]
    if len(gone):
        if names.count("removeconstantrows") > 1:
            raise NetworkImportError("the output has removeconstantrows twice; expected it once")
        settings = _fields(_list(entry, "processSettings", "the output")[names.index("removeconstantrows")], "settings")
        constants = _column(settings, "value", len(gone), "removeconstantrows of the output")
        shift[gone] = (constants - offset[gone]) / scale[gone]
    description = DataDescription(shift=tuple(shift.tolist()), scale=tuple((1.0 / scale).tolist()))
    return (full, biases), "standardize" if "mapstd" in names else "minmax", description
