"""Mutants that behave like the original, each with its reason; they are set aside, not counted as missed.

A key is a regular expression for the mutant's name; line numbers are left out, so that they may move.
"""

from __future__ import annotations

import re

EQUIVALENT: dict[str, str] = {
    r"initializer \w+\.sample\S* (drop copy|False->True)": "one copy more of a fresh array, with the same content",
    r"metric \w+\.add\S* (drop copy|False->True)": "one copy more of the weights, with the same content",
    r"initializer Orthogonal\.sample\S* Mult->Div": "the factor is a sign, and 1 / -1 is -1",
    r"initializer TruncatedNormal\.sample\S* Add->Sub": "the draw is symmetric about its mean: the same law",
    r"loss Hinge\.\w+\S* multiply->divide": "targets are -1 and 1, so dividing by one is multiplying by it",
    r"layer Dropout\.bind\S* 0\.0->1\.0": "a rate of 0 goes through the general code, which keeps everything",
    r"layer (LayerNorm|Standardize|BatchNorm)\.bind\S* drop dtype": "scratch in float64; what leaves it is float32",
    r"metric AUC\.add\S* 2->3": "how much room is made in advance",
    r"metric ConfusionMatrix\.empty\S* 0->1": "the form of a result without any sample, which nothing promises",
    r"metric MeanSquaredError\.add\S* exchange arguments": "the difference is squared",
    r"metric MeanAbsoluteError\.add\S* exchange arguments": "of the difference the absolute value is taken",
    r"loss MeanAbsoluteError\.evaluate_into\S* exchange arguments": "of the difference the absolute value is taken",
    r"regularizer (L2|ElasticNet)\.value\S* exchange arguments": "both factors of the dot product are the same array",
    r"metric (MeanSquaredError|MeanAbsoluteError)\.add\S* drop dtype": "float32 data are then subtracted in float32, exact to their own rounding",
    r"metric AUC\.(add|result)\S* True->False": "zip of sequences of equal length, which it then does not verify",
    r"metric AUC\.start\S* (0->1|drop dtype)": "the form of what the first batch replaces",
    r"metric R2\.start\S* 0->1": "the form of what the first batch replaces",
    r"metric R2\.result:\d+:53 1\.0->1\.5": "only changes the branch that np.where does not take",
    r"optimizer RMSprop\.bind\S* add->subtract": "the mean changes its sign, and only its square is used",
    r"activation (SELU|ELU)\.(second_)?derivative:\d+:(67|69|72) 0\.0->1\.0": "only changes the branch that np.where does not take",
    r"loss LogCosh\.value:\d+:61 1\.0->1\.5": "only changes the branch that np.where does not take",
    r"loss KLDivergence\.value:\d+:5[14] (0\.5->0\.75|Mult->Div)": "only moves the border between two forms of one value",
    r"callback StopOnNonfinite\._look\S* sum->mean": "one number that is not finite if any is; else each is looked at",
    r"callback Progress\._write\S* 1e-09->.*": "guards a division by zero; any tiny number does",
    r"callback Progress\.on_train_begin\S* 1\.0->1\.5": "any negative number says that nothing is written yet",
    r"layer Dense\.backward_rows_into\S* (Lt->Gt|0->1|1->0)": "chooses between two memory orders of one result",
    r"layer Dropout\.forward\S* 0\.0->1\.0": "a rate of 0 goes through the general code, which keeps everything",
    r"activation Softmax\.forward_into\S* (Lt->Gt|-x->x)": "chooses between two code paths of one result, by size",
    r"optimizer \w+\.\w+\S* 0\.0->1\.0": "what a scratch scalar holds before it is first written",
    r"activation ReLU\.vjp_into\S* (GtE->LtE|.*->.*)": "chooses between two code paths of one result, by size",
    r"activation ELU\.derivative\S* 0\.0->1\.0": "only changes the branch that np.where does not take",
    r"activation Softmax\.forward_into\S* Gt->Lt": "chooses between two code paths of one result, by size",
    r"activation LogSoftmax\.forward\S* 1->0": "the content of an array that is written before it is read",
    r"activation ReLU\.forward_into\S* GtE->LtE": "chooses between two code paths of one result, by size",
    r"layer Concatenate\.backward_tangent\S* drop dtype": "inputs have the dtype of gradients",
    r"layer \w+\.typical_inputs\S* .*": "which inputs the kit draws: others serve as well",
    r"loss SparseCategoricalCrossentropy\.value\S* sum->mean": "of zeros, or of NaN: both are the same",
    r"metric (AUC|AveragePrecision)\.of_scores\S* 1\.0->1\.5": "what rounding adds to 1 is cut off, or not",
    r"metric ExpectedCalibrationError\.add\S* Sub->Add": "the upper end of a clip, which no probability reaches",
    r"metric ExpectedCalibrationError\.add\S* 0\.0->1\.0": "NaN makes the sum NaN in whichever bin it stands",
    r"optimizer LevenbergMarquardt\.linearize\S* (LtE->GtE|Mult->Div)": "chooses between two code paths of one result, by size",
    r"callback Archiver\.on_epoch_end\S* 0->1": "counts the rows of the targets, which are as many as those of the inputs",
    r"optimizer BayesianRegularization\._searches\S* True->False": "zip of sequences of equal length, which it then does not verify",
    r"optimizer (Scaled)?ConjugateGradient\.advance:\d+:(17|42) Add->Sub": "counts the same circle backwards; only its 0 is used",
    r"optimizer SGD\.bind\S* True->False": "zip of sequences of equal length, which it then does not verify",
}


def why_equivalent(key: str) -> str | None:
    """The reason, or ``None`` for a mutant that is not known to be equivalent."""
    return next((reason for pattern, reason in EQUIVALENT.items() if re.fullmatch(pattern, key)), None)


SURVIVORS: dict[str, str] = {
    r"callback Archiver\._figures\S* .*": "a batch of weight 0, which a played training does not have",
    r"callback Archiver\.on_train_begin\S* .*": "widths and rows that only the prediction of the memory uses",
    r"callback Archiver\._write_index\S* .*": "the number of the file's version, which no example names",
    r"callback Progress\.on_train_end\S* .*": "the example that is interrupted begins at epoch 0",
    r"layer Rescale\.bind\S* 0\.0->1\.0": "wrong for an offset of exactly 1, which no variant has",
    r"layer Standardize\.adapt_\S* .*": "adapt is proven pure and weighted, but no law says what the buffers must hold",
    r"layer Standardize\.forward\S* .*": "a column without any deviation, which no figures have",
    r"loss BinaryCrossentropy\.curvature\S* .*": "at a prediction of exactly 1",
    r"loss SparseCategoricalCrossentropy\.fused_into\S* drop dtype": "labels that are no integers yet",
    r"metric R2\.add\S* drop axis": "a column that is constant, next to others that are not, in the first batch alone",
    r"schedule Cosine\._fall\S* .*": "at a border that the logarithm rounds across; 20 seconds of random falls met none",
    r"callback CSVLog\.on_train_begin\S* 0->1": "the last epoch where none is written yet, in a file that is there",
    r"callback Progress\._write\S* .*": "how a bar on a terminal begins; the examples write to a stream",
    r"layer (BatchNorm|LayerNorm)\.bind\S* (0->1|1->0)": "numbers whose squares overflow, in the in-place variant: the example is of forward",
    r"layer Concatenate\.accepts\S* 1->0": "the words of a refusal",
    r"layer Concatenate\.backward_rows_into\S* 1->0": "every branch offers backward_rows, so its inputs are not read",
    r"layer PeriodicEmbedding\.parameter_specs\S* .*": "how far the first weights are apart",
    r"loss BinaryCrossentropy\.minimum_at_target\S* .*": "one promise less",
    r"loss Cosine\.gradient\S* .*": "at a prediction whose norm overflows",
    r"optimizer Accumulate\.evaluation\S* .*": "no optimizer of the core offers evaluation",
    r"metric ExpectedCalibrationError\.add\S* drop dtype": "the sum of weights in float32, which shows after millions of rows",
    r"optimizer PerLayer\.init\S* .*": "the words of a refusal",
}
"""Mutants that are known to get through, and why."""


def why_survives(key: str) -> str:
    """The reason, as far as it is known."""
    return next((reason for pattern, reason in SURVIVORS.items() if re.fullmatch(pattern, key)), "not looked into")
