"""One abstract class per kind of part: shapes, units and promises are stated here, once."""

from nnkit.interfaces.activation import Activation, Elementwise
from nnkit.interfaces.block import Block, one_block
from nnkit.interfaces.block_optimizer import BlockOptimizer
from nnkit.interfaces.callback import Callback, LayerValues, TrainingView
from nnkit.interfaces.closure_optimizer import ClosureOptimizer
from nnkit.interfaces.description import DataDescription, Label
from nnkit.interfaces.epoch_kernel import EpochKernel, ManySteps
from nnkit.interfaces.initializer import Distribution, Initializer
from nnkit.interfaces.layer import BoundLayer, Layer, Parameters, ParameterSpec, Workspace
from nnkit.interfaces.layer_rows import layer_rows
from nnkit.interfaces.loss import LocationLoss, Loss
from nnkit.interfaces.metric import MeanMetric, Metric, MetricValue
from nnkit.interfaces.optimizer import BLOCKS, Evaluate, Optimizer, State
from nnkit.interfaces.part import Example, Part, PartSpec, UpdateLike
from nnkit.interfaces.recipe import COMBINE, Choices, Recipe, TableDescription
from nnkit.interfaces.regularizer import Regularizer
from nnkit.interfaces.schedule import Schedule, rate_at
from nnkit.interfaces.shards import Shards
from nnkit.interfaces.solver import ObjectiveLike, Solver, SolverStep
from nnkit.interfaces.source import Inputs, RowReader, Source, TrainingData
from nnkit.interfaces.task import Task, TaskName
from nnkit.interfaces.wrapper import Wrapper

__all__ = [
    "BLOCKS",
    "COMBINE",
    "Activation",
    "Block",
    "BlockOptimizer",
    "BoundLayer",
    "Callback",
    "Choices",
    "ClosureOptimizer",
    "DataDescription",
    "Distribution",
    "Elementwise",
    "EpochKernel",
    "Evaluate",
    "Example",
    "Initializer",
    "Inputs",
    "Label",
    "Layer",
    "LayerValues",
    "LocationLoss",
    "Loss",
    "ManySteps",
    "MeanMetric",
    "Metric",
    "MetricValue",
    "ObjectiveLike",
    "Optimizer",
    "ParameterSpec",
    "Parameters",
    "Part",
    "PartSpec",
    "Recipe",
    "Regularizer",
    "RowReader",
    "Schedule",
    "Shards",
    "Solver",
    "SolverStep",
    "Source",
    "State",
    "TableDescription",
    "Task",
    "TaskName",
    "TrainingData",
    "TrainingView",
    "UpdateLike",
    "Workspace",
    "Wrapper",
    "layer_rows",
    "one_block",
    "rate_at",
]
