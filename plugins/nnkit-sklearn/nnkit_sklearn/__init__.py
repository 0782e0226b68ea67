"""Networks of nnkit as estimators of scikit-learn."""

from nnkit_sklearn.classifier import NetworkClassifier
from nnkit_sklearn.conversion import from_sklearn, to_sklearn
from nnkit_sklearn.onnx_conversion import register_onnx_converters
from nnkit_sklearn.regressor import NetworkRegressor

__all__ = ["NetworkClassifier", "NetworkRegressor", "from_sklearn", "register_onnx_converters", "to_sklearn"]
