"""nnkit's own parts, registered through the same hooks as everybody's; the only file that names them.

Each table maps a name to its target; an alias is another name for the same part. Nothing is
imported before it is used.
"""

from __future__ import annotations

from collections.abc import Mapping

from nnkit.registry.hookspecs import hookimpl
from nnkit.registry.registrar import Registrar

ACTIVATIONS = {
    "identity": "nnkit.activations.identity:Identity",
    "sigmoid": "nnkit.activations.sigmoid:Sigmoid",
    "tanh": "nnkit.activations.tanh:Tanh",
    "relu": "nnkit.activations.relu:ReLU",
    "leaky_relu": "nnkit.activations.leaky_relu:LeakyReLU",
    "elu": "nnkit.activations.elu:ELU",
    "selu": "nnkit.activations.selu:SELU",
    "gelu": "nnkit.activations.gelu:GELU",
    "silu": "nnkit.activations.silu:SiLU",
    "softplus": "nnkit.activations.softplus:Softplus",
    "softsign": "nnkit.activations.softsign:Softsign",
    "mish": "nnkit.activations.mish:Mish",
    "hard_sigmoid": "nnkit.activations.hard_sigmoid:HardSigmoid",
    "exponential": "nnkit.activations.exponential:Exponential",
    "softmax": "nnkit.activations.softmax:Softmax",
    "log_softmax": "nnkit.activations.log_softmax:LogSoftmax",
}

LOSSES = {
    "mean_squared_error": "nnkit.losses.mean_squared_error:MeanSquaredError",
    "squared_error": "nnkit.losses.squared_error:SquaredError",
    "half_squared_error": "nnkit.losses.half_squared_error:HalfSquaredError",
    "mean_absolute_error": "nnkit.losses.mean_absolute_error:MeanAbsoluteError",
    "huber": "nnkit.losses.huber:Huber",
    "log_cosh": "nnkit.losses.log_cosh:LogCosh",
    "quantile": "nnkit.losses.quantile:Quantile",
    "poisson": "nnkit.losses.poisson:Poisson",
    "hinge": "nnkit.losses.hinge:Hinge",
    "binary_crossentropy": "nnkit.losses.binary_crossentropy:BinaryCrossentropy",
    "categorical_crossentropy": "nnkit.losses.categorical_crossentropy:CategoricalCrossentropy",
    "sparse_categorical_crossentropy": "nnkit.losses.sparse_categorical_crossentropy:SparseCategoricalCrossentropy",
    "kl_divergence": "nnkit.losses.kl_divergence:KLDivergence",
    "nll": "nnkit.losses.nll:NegativeLogLikelihood",
}

OPTIMIZERS = {
    "sgd": "nnkit.optimizers.sgd:SGD",
    "adam": "nnkit.optimizers.adam:Adam",
    "amsgrad": "nnkit.optimizers.amsgrad:AMSGrad",
    "adamw": "nnkit.optimizers.adamw:AdamW",
    "nadam": "nnkit.optimizers.nadam:Nadam",
    "rmsprop": "nnkit.optimizers.rmsprop:RMSprop",
    "adagrad": "nnkit.optimizers.adagrad:Adagrad",
    "adadelta": "nnkit.optimizers.adadelta:Adadelta",
    "clip_by_norm": "nnkit.optimizers.clip_by_norm:ClipByNorm",
    "clip_by_value": "nnkit.optimizers.clip_by_value:ClipByValue",
    "levenberg_marquardt": "nnkit.optimizers.levenberg_marquardt:LevenbergMarquardt",
    "bayesian_regularization": "nnkit.optimizers.bayesian_regularization:BayesianRegularization",
    "gauss_newton": "nnkit.optimizers.gauss_newton:GaussNewton",
}

INITIALIZERS = {
    "zeros": "nnkit.initializers.zeros:Zeros",
    "ones": "nnkit.initializers.ones:Ones",
    "constant": "nnkit.initializers.constant:Constant",
    "normal": "nnkit.initializers.normal:Normal",
    "uniform": "nnkit.initializers.uniform:Uniform",
    "truncated_normal": "nnkit.initializers.truncated_normal:TruncatedNormal",
    "variance_scaling": "nnkit.initializers.variance_scaling:VarianceScaling",
    "glorot_normal": "nnkit.initializers.glorot_normal:GlorotNormal",
    "glorot_uniform": "nnkit.initializers.glorot_uniform:GlorotUniform",
    "he_normal": "nnkit.initializers.he_normal:HeNormal",
    "he_uniform": "nnkit.initializers.he_uniform:HeUniform",
    "lecun_normal": "nnkit.initializers.lecun_normal:LecunNormal",
    "lecun_uniform": "nnkit.initializers.lecun_uniform:LecunUniform",
    "xavier_average": "nnkit.initializers.xavier_average:XavierAverage",
    "orthogonal": "nnkit.initializers.orthogonal:Orthogonal",
}

LAYERS = {
    "dense": "nnkit.layers.dense:Dense",
    "dropout": "nnkit.layers.dropout:Dropout",
    "batch_norm": "nnkit.layers.batch_norm:BatchNorm",
    "layer_norm": "nnkit.layers.layer_norm:LayerNorm",
    "rescale": "nnkit.layers.rescale:Rescale",
    "standardize": "nnkit.layers.standardize:Standardize",
    "activation": "nnkit.layers.activation:ActivationLayer",
}

SCHEDULES = {
    "constant": "nnkit.schedules.constant:Constant",
    "step": "nnkit.schedules.step:Step",
    "exponential": "nnkit.schedules.exponential:Exponential",
    "inverse_time": "nnkit.schedules.inverse_time:InverseTime",
    "polynomial": "nnkit.schedules.polynomial:Polynomial",
    "cosine": "nnkit.schedules.cosine:Cosine",
    "one_cycle": "nnkit.schedules.one_cycle:OneCycle",
    "linear_warmup": "nnkit.schedules.linear_warmup:LinearWarmup",
}

REGULARIZERS = {
    "l1": "nnkit.regularizers.l1:L1",
    "l2": "nnkit.regularizers.l2:L2",
    "elastic_net": "nnkit.regularizers.elastic_net:ElasticNet",
}

METRICS = {
    "accuracy": "nnkit.metrics.accuracy:Accuracy",
    "top_k_accuracy": "nnkit.metrics.top_k_accuracy:TopKAccuracy",
    "precision": "nnkit.metrics.precision:Precision",
    "recall": "nnkit.metrics.recall:Recall",
    "f1": "nnkit.metrics.f1:F1",
    "auc": "nnkit.metrics.auc:AUC",
    "confusion_matrix": "nnkit.metrics.confusion_matrix:ConfusionMatrix",
    "mean_absolute_error": "nnkit.metrics.mean_absolute_error:MeanAbsoluteError",
    "mean_squared_error": "nnkit.metrics.mean_squared_error:MeanSquaredError",
    "r2": "nnkit.metrics.r2:R2",
}

CALLBACKS = {
    "archiver": "nnkit.callbacks.archiver:Archiver",
    "history": "nnkit.callbacks.history:History",
    "progress": "nnkit.callbacks.progress:Progress",
    "early_stopping": "nnkit.callbacks.early_stopping:EarlyStopping",
    "checkpoint": "nnkit.callbacks.checkpoint:Checkpoint",
    "reduce_on_plateau": "nnkit.callbacks.reduce_on_plateau:ReduceOnPlateau",
    "stop_on_nonfinite": "nnkit.callbacks.stop_on_nonfinite:StopOnNonfinite",
    "csv_log": "nnkit.callbacks.csv_log:CSVLog",
    "lambda": "nnkit.callbacks.lambda_callback:LambdaCallback",
}

ADAPTERS = {
    "activation": "nnkit.activations.function:from_functions",
    "loss": "nnkit.losses.function:from_functions",
    "optimizer": "nnkit.optimizers.update_only:from_update",
}
"""By kind, the function that makes a part of bare functions or of a foreign object; it returns None for all else."""

ALIASES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "activation": {"sigmoid": ("logistic",), "identity": ("linear",), "silu": ("swish",)},
    "loss": {
        "mean_squared_error": ("mse",),
        "mean_absolute_error": ("mae",),
        "quantile": ("pinball",),
        "kl_divergence": ("kld",),
    },
    "optimizer": {"levenberg_marquardt": ("trainlm",), "bayesian_regularization": ("trainbr",)},
    "layer": {
        "batch_norm": ("batch_normalization",),
        "layer_norm": ("layer_normalization",),
        "rescale": ("rescaling",),
    },
    "metric": {"mean_squared_error": ("mse",), "mean_absolute_error": ("mae",), "f1": ("f1_score",)},
}
"""Keras' and scikit-learn's names where they differ; few, so that a config reads alike everywhere."""


def _add_all(registrar: Registrar, table: Mapping[str, str]) -> None:
    aliases = ALIASES.get(registrar.kind, {})
    for name, target in table.items():
        registrar.add(name, target, aliases=aliases.get(name, ()))


@hookimpl
def nnkit_register_activations(registrar: Registrar) -> None:
    """Register nnkit's activations."""
    _add_all(registrar, ACTIVATIONS)


@hookimpl
def nnkit_register_losses(registrar: Registrar) -> None:
    """Register nnkit's losses."""
    _add_all(registrar, LOSSES)


@hookimpl
def nnkit_register_optimizers(registrar: Registrar) -> None:
    """Register nnkit's optimizers and solvers."""
    _add_all(registrar, OPTIMIZERS)


@hookimpl
def nnkit_register_initializers(registrar: Registrar) -> None:
    """Register nnkit's initializers."""
    _add_all(registrar, INITIALIZERS)


@hookimpl
def nnkit_register_layers(registrar: Registrar) -> None:
    """Register nnkit's layers."""
    _add_all(registrar, LAYERS)


@hookimpl
def nnkit_register_schedules(registrar: Registrar) -> None:
    """Register nnkit's schedules."""
    _add_all(registrar, SCHEDULES)


@hookimpl
def nnkit_register_regularizers(registrar: Registrar) -> None:
    """Register nnkit's regularizers."""
    _add_all(registrar, REGULARIZERS)


@hookimpl
def nnkit_register_metrics(registrar: Registrar) -> None:
    """Register nnkit's metrics."""
    _add_all(registrar, METRICS)


@hookimpl
def nnkit_register_callbacks(registrar: Registrar) -> None:
    """Register nnkit's callbacks."""
    _add_all(registrar, CALLBACKS)


DEFAULTS = {
    "layer": "dense",
    "loss": "mean_squared_error",
    "optimizer": "adam",
    "initializer": "glorot_uniform",
    "bias_initializer": "zeros",
    "hidden_activation": "relu",
    "callback": "history",
    "archive": "archiver",
    "functional_activation": "sigmoid",
    "functional_loss": "half_squared_error",
    "functional_initializer": "normal(stddev=1.0)",
    "score": "accuracy",
    "regression_score": "mean_absolute_error",
    "explained": "r2",
    "confusion": "confusion_matrix",
    "divided_inputs": "rescale",
    "standardized_inputs": "standardize",
}
"""What is used where nobody names anything: by a network, and in the functional style."""
