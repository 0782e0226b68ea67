"""Conversion of the estimators, alone or in a pipeline, to ONNX by skl2onnx."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs
import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from nnkit import Network
from nnkit.arrays import Array
from nnkit.errors import DataError, MissingExtraError
from nnkit_sklearn import compat
from nnkit_sklearn.classifier import NetworkClassifier
from nnkit_sklearn.regressor import NetworkRegressor

__all__ = ["register_onnx_converters"]

PROBABILITIES = {"unit", "simplex", "log_simplex"}
"""The domains of predictions that are probabilities, or their logarithms."""

OPTIONS = {"zipmap": [True, False, "columns"], "output_class_labels": [False, True], "nocl": [True, False]}
"""The options of skl2onnx that every classifier has."""


def register_onnx_converters() -> None:
    """Let skl2onnx convert the estimators of this package, alone and as steps of a pipeline.

    The nodes of the network are those that ``nnkit_export.to_onnx`` writes, in the dtype of the network; the outputs
    have the dtype of the inputs. A repeated call changes nothing.

    Raises:
        MissingExtraError: Without skl2onnx or nnkit-export.

    Example:
        >>> from skl2onnx import to_onnx
        >>> register_onnx_converters()
        >>> X = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
        >>> model = NetworkRegressor((4,), max_iter=2, random_state=0).fit(X, X[:, 0])
        >>> [output.name for output in to_onnx(model, X[:1]).graph.output]
        ['variable']
    """
    try:
        from skl2onnx import update_registered_converter

        import nnkit_export  # noqa: F401  # the converters need it
    except ImportError as error:
        raise MissingExtraError(
            f"register_onnx_converters needs {error.name}: pip install 'nnkit-sklearn[onnx]'"
        ) from error
    for classifier in (NetworkClassifier, compat.MLPClassifier):
        update_registered_converter(
            classifier,
            f"Nnkit{classifier.__name__}",
            _classifier_shapes,
            _convert_classifier,
            parser=_parse_classifier,
            options=OPTIONS,
        )
    for regressor in (NetworkRegressor, compat.MLPRegressor):
        update_registered_converter(regressor, f"Nnkit{regressor.__name__}", _regressor_shapes, _convert_regressor)


# -- what can be converted -----------------------------------------------------------------------


def _require(estimator: Any) -> Network:
    """The network of an estimator that can be converted.

    Raises:
        DataError: For several columns of classes, a single class, labels that ONNX has no type for, and predictions
            that are no probabilities.
    """
    check_is_fitted(estimator)
    name = type(estimator).__name__
    if not is_classifier(estimator):
        network: Network = estimator.network_
        return network
    classes = estimator.classes_
    if isinstance(classes, list):
        raise DataError(
            f"this {name} has {len(classes)} columns of classes (multiclass-multioutput), which cannot be converted to "
            f"ONNX: use sklearn.multioutput.MultiOutputClassifier({name}(…)), which skl2onnx converts"
        )
    network = estimator.network_
    if len(classes) < 2:
        raise DataError(
            f"this {name} was trained with one class, {classes.tolist()[0]!r}, which cannot be converted to ONNX"
        )
    if network.model.task.prediction_domain not in PROBABILITIES:
        raise DataError(
            f"this {name} predicts no probabilities, which are an output of the ONNX model: its loss is "
            f"{network.loss!r}; use loss=None, or another output activation"
        )
    _label_values(classes, name)
    return network


def _label_values(classes: Array, name: str) -> Array:
    """The classes as int64, or as an array of str.

    Raises:
        DataError: For other labels, such as 0.5.
    """
    if all(isinstance(label, str) for label in classes.tolist()):
        return classes
    if classes.dtype.kind in "biuf" and (classes.astype(np.int64) == classes).all():
        return classes.astype(np.int64)
    raise DataError(
        f"this {name} has the classes {classes.tolist()} of dtype {classes.dtype}; ONNX has integers "
        "or str as labels: convert y before fit"
    )


def _point_columns(network: Network) -> Array:
    """The columns of the network's outputs that are the point prediction.

    Raises:
        DataError: When the point prediction is computed from the outputs in another way.
    """
    outputs = network.model.outputs
    columns: Array = network.loss.point(np.arange(outputs, dtype=np.float64)[None])[0]
    rows = np.random.default_rng(0).normal(size=(4, outputs))
    point = network.loss.point(rows)
    selected = np.isin(columns, np.arange(outputs)).all()
    if selected and np.array_equal(point, rows[:, columns.astype(np.intp)]):
        return columns.astype(np.int64)
    raise DataError(
        f"the loss {network.loss!r} computes the point prediction from the outputs of the network, which cannot be "
        "converted to ONNX: only a selection of the outputs can"
    )


# -- shapes of the outputs -----------------------------------------------------------------------


def _parse_classifier(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
    """The parser of every classifier, after what it would fail on has been refused by name."""
    from skl2onnx._parse import _parse_sklearn_classifier  # the parser that custom classifiers get by default

    _require(model)
    return _parse_sklearn_classifier(scope, model, inputs, custom_parsers)


def _input_type(operator: Any, outputs: int) -> tuple[Any, Any]:
    """The type of real outputs, and the number of rows.

    Raises:
        RuntimeError: For several inputs, or text.
    """
    from skl2onnx.common import data_types
    from skl2onnx.common.utils import check_input_and_output_numbers, check_input_and_output_types

    check_input_and_output_numbers(operator, input_count_range=1, output_count_range=outputs)
    numbers = ["BooleanTensorType", "DoubleTensorType", "FloatTensorType", "Int32TensorType", "Int64TensorType"]
    check_input_and_output_types(operator, good_input_types=[getattr(data_types, name) for name in numbers])
    source = operator.inputs[0]
    return type(data_types.guess_tensor_type(source.type)), source.get_first_dimension()


def _classifier_shapes(operator: Any) -> None:
    """Labels ``(N,)``, or 0 and 1 ``(N, K)``, and probabilities ``(N, C)``."""
    from skl2onnx.common.data_types import Int64TensorType, StringTensorType

    estimator = operator.raw_operator
    multilabel = _require(estimator).task == "multilabel"
    real, rows = _input_type(operator, 2)
    count = len(estimator.classes_)
    label = Int64TensorType if _classes(operator.scope_inst, estimator).dtype == np.int64 else StringTensorType
    operator.outputs[0].set_type(label([rows, count] if multilabel else [rows]))
    operator.outputs[1].set_type(real([rows, count]))


def _regressor_shapes(operator: Any) -> None:
    """Predictions ``(N, K)``."""
    real, rows = _input_type(operator, 1)
    operator.outputs[0].set_type(real([rows, len(_point_columns(_require(operator.raw_operator)))]))


def _classes(scope: Any, estimator: Any) -> Array:
    """The labels of the ONNX model, which are numbered with the option ``nocl``."""
    from skl2onnx.common.utils_classifier import get_label_classes

    return _label_values(get_label_classes(scope, estimator), type(estimator).__name__)


# -- nodes ---------------------------------------------------------------------------------------


@attrs.frozen(eq=False)
class Nodes:
    """Adds nodes to the model that skl2onnx builds.

    Args:
        scope: Gives unique names.
        container: Of nodes and constants.
    """

    scope: Any
    container: Any

    def add(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Add an operator; returns the name of its output."""
        name: str = output or self.scope.get_unique_variable_name(operator.lower())
        node = self.scope.get_unique_operator_name(operator)
        self.container.add_node(operator, list(inputs), [name], name=node, **attributes)
        return name

    def constant(self, values: Array) -> str:
        """The name of a constant."""
        from onnx import TensorProto, numpy_helper

        name: str = self.scope.get_unique_variable_name("constant")
        if values.dtype.kind in "OU":
            texts = [str(text).encode() for text in values.tolist()]
            self.container.add_initializer(name, TensorProto.STRING, list(values.shape), texts)
        else:
            tensor = numpy_helper.from_array(values)
            self.container.add_initializer(name, tensor.data_type, list(values.shape), tensor)
        return name

    def cast(self, name: str, kind: int, output: str | None = None) -> str:
        """Add a conversion to a type of ONNX."""
        return self.add("Cast", name, output=output, to=kind)

    def prediction(self, network: Network, inputs: str) -> str:
        """Add the network; returns the name of its point prediction ``(N, K)``, in the dtype of the network.

        Raises:
            DataError: When the model is of an older opset than the nodes.
        """
        from onnx import helper, numpy_helper

        model = _exported(network)
        opset = model.opset_import[0].version
        if self.container.target_opset_any_domain("") < opset:
            raise DataError(
                f"target_opset is {self.container.target_opset_any_domain('')}; the networks of nnkit need {opset} or "
                "newer"
            )
        names = {"x": self.cast(inputs, model.graph.input[0].type.tensor_type.elem_type)}
        for tensor in model.graph.initializer:
            names[tensor.name] = self.constant(numpy_helper.to_array(tensor))
        for node in model.graph.node:
            attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
            names[node.output[0]] = self.add(node.op_type, *(names[name] for name in node.input), **attributes)
        columns = _point_columns(network)
        prediction = names["prediction"]
        if np.array_equal(columns, np.arange(network.model.outputs)):
            return prediction
        return self.add("Gather", prediction, self.constant(columns), axis=1)


def _exported(network: Network) -> Any:
    """The model of nnkit-export with the output ``prediction`` only."""
    import onnx

    from nnkit_export import to_onnx

    with TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        to_onnx(network, path)
        model = onnx.load(path)
    return onnx.utils.Extractor(model).extract_model(["x"], ["prediction"])


def _convert_classifier(scope: Any, operator: Any, container: Any) -> None:
    from onnx import TensorProto
    from skl2onnx.common.data_types import guess_proto_type

    estimator = operator.raw_operator
    network = _require(estimator)
    task, nodes = network.model.task, Nodes(scope, container)
    label, probability = (output.full_name for output in operator.outputs)
    probabilities = nodes.prediction(network, operator.inputs[0].full_name)
    if task.prediction_domain == "log_simplex":
        probabilities = nodes.add("Exp", probabilities)
    if task.name == "multiclass":
        index = nodes.add("ArgMax", probabilities, axis=1, keepdims=0)
    else:
        above = nodes.add("Greater", probabilities, nodes.constant(np.array(task.threshold, dtype=network.dtype)))
        index = nodes.cast(above, TensorProto.INT64, output=label if task.name == "multilabel" else None)
    if task.name == "binary":
        index = nodes.add("Reshape", index, nodes.constant(np.array([-1])))
        other = nodes.add("Sub", nodes.constant(np.ones(1, dtype=network.dtype)), probabilities)
        probabilities = nodes.add("Concat", other, probabilities, axis=1)
    if task.name != "multilabel":
        nodes.add("Gather", nodes.constant(_classes(scope, estimator)), index, output=label, axis=0)
    nodes.cast(probabilities, guess_proto_type(operator.outputs[1].type), output=probability)


def _convert_regressor(scope: Any, operator: Any, container: Any) -> None:
    from skl2onnx.common.data_types import guess_proto_type

    output, nodes = operator.outputs[0], Nodes(scope, container)
    prediction = nodes.prediction(_require(operator.raw_operator), operator.inputs[0].full_name)
    nodes.cast(prediction, guess_proto_type(output.type), output=output.full_name)
