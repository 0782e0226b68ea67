"""nnkit's own parts, registered through the same hook as those of plugins; the only file that names them.

Each table maps a name to its target; an alias is another name for the same part. Nothing is
imported before it is used.
"""

from __future__ import annotations

from collections.abc import Mapping

from nnkit.registry.hooks import Registrar, hookimpl

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
    "gaussian_nll": "nnkit.losses.gaussian_nll:GaussianNLL",
    "gamma": "nnkit.losses.gamma:Gamma",
    "tweedie": "nnkit.losses.tweedie:Tweedie",
    "mean_squared_log_error": "nnkit.losses.mean_squared_log_error:MeanSquaredLogError",
    "mean_absolute_percentage_error": "nnkit.losses.mean_absolute_percentage_error:MeanAbsolutePercentageError",
    "cosine": "nnkit.losses.cosine:Cosine",
    "multi_margin": "nnkit.losses.multi_margin:MultiMargin",
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
    "rprop": "nnkit.optimizers.rprop:Rprop",
    "clip_by_norm": "nnkit.optimizers.clip_by_norm:ClipByNorm",
    "clip_by_value": "nnkit.optimizers.clip_by_value:ClipByValue",
    "per_layer": "nnkit.optimizers.per_layer:PerLayer",
    "accumulate": "nnkit.optimizers.accumulate:Accumulate",
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
    "cyclic": "nnkit.schedules.cyclic:Cyclic",
    "inverse_square_root": "nnkit.schedules.inverse_square_root:InverseSquareRoot",
    "power": "nnkit.schedules.power:Power",
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
    "hamming": "nnkit.metrics.hamming:Hamming",
    "balanced_accuracy": "nnkit.metrics.balanced_accuracy:BalancedAccuracy",
    "matthews_correlation": "nnkit.metrics.matthews_correlation:MatthewsCorrelation",
    "cohen_kappa": "nnkit.metrics.cohen_kappa:CohenKappa",
    "average_precision": "nnkit.metrics.average_precision:AveragePrecision",
    "log_loss": "nnkit.metrics.log_loss:LogLoss",
    "brier": "nnkit.metrics.brier:Brier",
    "expected_calibration_error": "nnkit.metrics.expected_calibration_error:ExpectedCalibrationError",
    "root_mean_squared_error": "nnkit.metrics.root_mean_squared_error:RootMeanSquaredError",
    "mean_absolute_percentage_error": "nnkit.metrics.mean_absolute_percentage_error:MeanAbsolutePercentageError",
    "pinball": "nnkit.metrics.pinball:Pinball",
    "explained_variance": "nnkit.metrics.explained_variance:ExplainedVariance",
}

CALLBACKS = {
    "archiver": "nnkit.callbacks.archiver:Archiver",
    "history": "nnkit.callbacks.history:History",
    "progress": "nnkit.callbacks.progress:Progress",
    "early_stopping": "nnkit.callbacks.early_stopping:EarlyStopping",
    "checkpoint": "nnkit.callbacks.checkpoint:Checkpoint",
    "reduce_on_plateau": "nnkit.callbacks.reduce_on_plateau:ReduceOnPlateau",
    "stop_on_nonfinite": "nnkit.callbacks.stop_on_nonfinite:StopOnNonfinite",
    "max_time": "nnkit.callbacks.max_time:MaxTime",
    "csv_log": "nnkit.callbacks.csv_log:CSVLog",
    "lambda": "nnkit.callbacks.lambda_callback:LambdaCallback",
}

PARTS: Mapping[str, Mapping[str, str]] = {
    "activation": ACTIVATIONS,
    "loss": LOSSES,
    "optimizer": OPTIMIZERS,
    "initializer": INITIALIZERS,
    "layer": LAYERS,
    "schedule": SCHEDULES,
    "regularizer": REGULARIZERS,
    "metric": METRICS,
    "callback": CALLBACKS,
}
"""Every table by its kind."""

ADAPTERS = {
    "activation": "nnkit.activations.function:from_functions",
    "loss": "nnkit.losses.function:from_functions",
    "metric": "nnkit.metrics.function:from_function",
    "optimizer": "nnkit.optimizers.update_only:from_update",
}
"""By kind, the function that makes a part of bare functions or of a foreign object; it returns None for all else."""

ALIASES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "activation": {"sigmoid": ("logistic",), "identity": ("linear",), "silu": ("swish",)},
    "loss": {
        "mean_squared_error": ("mse",),
        "mean_absolute_error": ("mae",),
        "mean_squared_log_error": ("msle",),
        "mean_absolute_percentage_error": ("mape",),
        "quantile": ("pinball",),
        "kl_divergence": ("kld",),
    },
    "optimizer": {
        "levenberg_marquardt": ("trainlm",),
        "bayesian_regularization": ("trainbr",),
        "rprop": ("trainrp",),
    },
    "layer": {
        "batch_norm": ("batch_normalization",),
        "layer_norm": ("layer_normalization",),
        "rescale": ("rescaling",),
    },
    "schedule": {"inverse_square_root": ("noam",), "power": ("invscaling",)},
    "metric": {
        "mean_squared_error": ("mse",),
        "mean_absolute_error": ("mae",),
        "root_mean_squared_error": ("rmse",),
        "mean_absolute_percentage_error": ("mape",),
        "expected_calibration_error": ("ece",),
        "matthews_correlation": ("mcc",),
        "f1": ("f1_score",),
    },
}
"""Keras' and scikit-learn's names where they differ; few, so that a config reads alike everywhere."""


FOREIGN: Mapping[str, Mapping[str, str]] = {
    "activation": {
        "tansig": "tanh",
        "logsig": "sigmoid",
        "purelin": "identity",
        "poslin": "relu",
        "softmax2d": "softmax",
        "elliotsig": "softsign",
        "none": "identity",
        "exp": "exponential",
        **dict.fromkeys(
            (
                "celu",
                "crelu",
                "prelu",
                "rrelu",
                "relu6",
                "glu",
                "reglu",
                "geglu",
                "swiglu",
                "hard_tanh",
                "hard_swish",
                "hard_silu",
            ),
            "",
        ),
        **dict.fromkeys(("satlin", "satlins", "hardlim", "hardlims", "radbas", "tribas", "sin", "softmin"), ""),
    },
    "loss": {
        "ce": "categorical_crossentropy sparse_categorical_crossentropy",
        "crossentropy": "categorical_crossentropy sparse_categorical_crossentropy binary_crossentropy",
        "crossentropyloss": "sparse_categorical_crossentropy",
        "log_loss": "binary_crossentropy categorical_crossentropy",
        "bce": "binary_crossentropy",
        "bceloss": "binary_crossentropy",
        "nll_loss": "nll",
        "kl_div": "kl_divergence",
        "mse_loss": "mean_squared_error",
        "l2_loss": "mean_squared_error",
        "l1_loss": "mean_absolute_error",
        "smooth_l1": "huber",
        "smooth_l1_loss": "huber",
        "huber_loss": "huber",
        "hinge_loss": "hinge",
        "poisson_nll": "poisson",
        "sse": "squared_error",
        "msle": "mean_squared_logarithmic_error",
        "mape": "mean_absolute_percentage_error",
        "rmse": "root_mean_squared_error",
        "msereg": "",
    },
    "optimizer": {
        "gradient_descent": "sgd",
        "momentum": "sgd",
        "nesterov": "sgd",
        "traingd": "sgd",
        "traingdm": "sgd",
        "lm": "levenberg_marquardt",
        "levenberg": "levenberg_marquardt",
        "trainscg": "scaled_conjugate_gradient",
        "trainbfg": "bfgs lbfgs",
        "l_bfgs_b": "lbfgs",
        "adam_amsgrad": "amsgrad",
        "traincgf": "conjugate_gradient",
        **{word: word for word in ("adan", "radam", "adamax", "rmsprop", "lamb", "lars", "lion", "asgd")},
        **dict.fromkeys(("adai", "adamp", "adopt", "padam", "traingda", "traingdx", "trainoss", "trainr"), ""),
    },
    "initializer": {
        "xavier_uniform": "glorot_uniform",
        "xavier_normal": "glorot_normal",
        "xavier": "glorot_uniform glorot_normal",
        "glorot": "glorot_uniform glorot_normal",
        "kaiming_uniform": "he_uniform",
        "kaiming_normal": "he_normal",
        "kaiming": "he_normal he_uniform",
        "he": "he_normal he_uniform",
        "lecun": "lecun_normal lecun_uniform",
        "random_normal": "normal",
        "random_uniform": "uniform",
        "trunc_normal": "truncated_normal",
    },
    "layer": {
        "fc": "dense",
        "linear": "dense",
        "fullyconnected": "dense",
        "batchnorm1d": "batch_norm",
        "bn": "batch_norm",
        "ln": "layer_norm",
        "normalization": "standardize",
        "standard_scaler": "standardize",
    },
    "schedule": {
        "cosine_annealing": "cosine",
        "cosine_decay": "cosine",
        "exponential_decay": "exponential",
        "polynomial_decay": "polynomial",
        "inverse_time_decay": "inverse_time",
        "step_lr": "step",
        "cyclic_lr": "cyclic",
        "triangular": "cyclic",
        "warm_restarts": "cosine",
        "cosine_annealing_warm_restarts": "cosine",
        "cosine_decay_restarts": "cosine",
        "sgdr": "cosine",
        "warmup": "linear_warmup",
    },
    "regularizer": {"ridge": "l2", "lasso": "l1", "weight_decay": "l2", "l1_l2": "elastic_net", "l1l2": "elastic_net"},
    "metric": {
        "acc": "accuracy",
        "accuracy_score": "accuracy",
        "categorical_accuracy": "accuracy",
        "sparse_categorical_accuracy": "accuracy",
        "binary_accuracy": "accuracy",
        "top_k": "top_k_accuracy",
        "roc_auc": "auc",
        "roc_auc_score": "auc",
        "r2_score": "r2",
        "r_squared": "r2",
        "precision_score": "precision",
        "recall_score": "recall",
        "hamming_loss": "hamming",
        "balanced_accuracy_score": "balanced_accuracy",
        "matthews_corrcoef": "matthews_correlation",
        "kappa": "cohen_kappa",
        "cohen_kappa_score": "cohen_kappa",
        "average_precision_score": "average_precision",
        "pr_auc": "average_precision",
        "brier_score": "brier",
        "brier_score_loss": "brier",
        "calibration_error": "expected_calibration_error",
        "mean_pinball_loss": "pinball",
        "quantile_loss": "pinball",
        "explained_variance_score": "explained_variance",
        "confusion": "confusion_matrix",
        "msle": "mean_squared_logarithmic_error",
        "medae": "median_absolute_error",
    },
    "callback": {
        "model_checkpoint": "checkpoint",
        "csv_logger": "csv_log",
        "terminate_on_nan": "stop_on_nonfinite",
        "reduce_lr_on_plateau": "reduce_on_plateau",
        "progress_bar": "progress",
        "progbar": "progress",
        "tqdm": "progress",
        "verbose": "progress",
        "lambda_callback": "lambda",
    },
    "hyperparameter": {
        "lr": "learning_rate",
        "eta": "learning_rate",
        "step_size": "learning_rate",
        "learning_rate_init": "learning_rate",
        "beta_1": "beta1",
        "beta_2": "beta2",
        "betas": "beta1 beta2",
        "eps": "epsilon",
        "mu": "momentum",
        "rho": "decay",
        "alpha": "negative_slope strength",
        "slope": "negative_slope",
        "lambda": "strength",
        "p": "rate",
        "std": "stddev",
        "sigma": "stddev",
    },
    "argument": {
        "hidden_layer_sizes": "layers",
        "verbose": "callbacks",
        "solver": "optimizer",
        "activation": "hidden_activation",
        "random_state": "seed",
        "max_iter": "epochs",
        "n_epochs": "epochs",
        "nb_epoch": "epochs",
        "num_epochs": "epochs",
        "validation_fraction": "validation_split",
        "kernel_initializer": "initializer",
        "kernel_regularizer": "regularizer",
        "lr": "learning_rate optimizer",
        "learning_rate_init": "learning_rate optimizer",
        "alpha": "regularizer",
        "criterion": "loss",
        "early_stopping": "callbacks",
    },
}
"""Names in other libraries, by kind (and of hyperparameters and arguments), with nnkit's; empty: it has none.

Suggestions come from here first. A name listed here is never taken for a misspelling of another one.
"""


@hookimpl
def nnkit_register(registrar: Registrar) -> None:
    """Register nnkit's parts."""
    for kind, table in PARTS.items():
        for name, target in table.items():
            registrar.add(kind, name, target, ALIASES.get(kind, {}).get(name, ()))
