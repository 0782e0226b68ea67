"""``nnkit train``: an experiment file in; a model, pictures and values out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from nnkit.cli.building import Samples
    from nnkit.cli.experiment import Experiment
    from nnkit.cli.report import Evaluation
    from nnkit.cli.tables import Content
    from nnkit.data.columns import ColumnPlan
    from nnkit.network.network import Network

__all__ = ["command"]


@click.command("train")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--resume",
    "resumed",
    metavar="MODEL",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Go on with the last run of this model, with the experiment that it was trained by.",
)
@click.option("--epochs", type=click.IntRange(min=1), help="Instead of the file's own; of the run that is resumed.")
@click.option("--seed", type=click.IntRange(min=0), help="Of the network, instead of the file's own.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="SECTION.KEY=VALUE",
    help="A value instead of the file's own (network.seed=3); may be repeated.",
)
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), help="Folder for what is written.")
@click.option(
    "--checkpoint",
    "stored",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the training to this file after each epoch, and go on from it where it exists; removed at the end.",
)
@click.option("--quiet", is_flag=True, help="Write the files, print nothing.")
@click.pass_context
def command(context: click.Context, /, *, file: Path | None, resumed: Path | None, quiet: bool, **options: Any) -> None:
    """Train the network that the experiment FILE (TOML) describes, or go on with a training (--resume MODEL)."""
    import signal
    import time
    from functools import partial

    from nnkit.cli.building import by_recipe, learn_plan, load_samples, read_rows, with_target_scaling
    from nnkit.cli.console import progress_console
    from nnkit.cli.progress import EpochRecord, ProgressBar, ReportBefore
    from nnkit.cli.report import evaluated
    from nnkit.cli.targets import labelled
    from nnkit.core.interrupt import DeferredSignals
    from nnkit.core.processes import PROCESSES
    from nnkit.errors import NNKitError
    from nnkit.network.composition import DEFAULTS

    leads, checkpoint = PROCESSES.get().leads, options["stored"]
    experiment, network = _begin(file, resumed, options)
    interrupted_before = checkpoint is not None and checkpoint.exists()
    if interrupted_before:
        network = _saved_by(checkpoint, experiment)
    before_epoch = network.epoch
    content = read_rows(experiment, experiment.data.file, network)
    samples = load_samples(experiment, content, network)
    chosen = by_recipe(experiment, network, samples)
    if chosen is None:
        network = with_target_scaling(experiment, network, samples)
    elif network.epoch == 0:
        network = chosen.networks()[0]
    plan = learn_plan(experiment, samples, network)
    outputs = _outputs(experiment, samples, network, options["output"], resumed, checkpoint, write=leads)
    network.notes.update(_notes(experiment, content, outputs["model"]))
    training: dict[str, Any] = {**(chosen.choices.training if chosen else {}), **experiment.training}
    if "class_weight" in training:
        training["class_weight"] = labelled(training["class_weight"], samples.train.y)
    if samples.validation is not None:
        training["validation_data"] = (samples.validation.X, samples.validation.y)
    bar, record = ProgressBar(console=progress_console(), scaled=_scales(network)), EpochRecord()
    before = ReportBefore(report=partial(_report_data, content, samples, plan))
    training["callbacks"] = [*_listed(training.get("callbacks", [])), record, *([] if quiet else [before, bar])]
    if checkpoint is not None:
        training["callbacks"].append({"name": DEFAULTS["saving"], "path": str(checkpoint)})
    began = time.perf_counter()
    with DeferredSignals() as signals:
        interrupted = False
        try:
            resume = interrupted_before or resumed is not None
            network.fit(samples.train.X, samples.train.y, **training, resume=resume)
        except KeyboardInterrupt:
            interrupted = True
        except NNKitError as error:
            if samples.validation is None and "'val_" in str(error):
                error.add_note("in an experiment, rows to validate on come from [data.split] validation = 0.2")
            if any(key.removesuffix("s") in str(error) for key in experiment.training):
                error.add_note(f"in [training] of {experiment.path}")
            raise
        finally:
            bar.close()
        seconds = time.perf_counter() - began
        if leads:
            network.save(outputs["model"])
        if interrupted or signals.number is not None:
            if leads:
                model = outputs["model"]
                click.echo(f"Stopped after {network.epoch} epochs; {model} holds the network as it was then.", err=True)
            context.exit(128 + (signals.number or signal.SIGINT))
    if not leads:
        return
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    evaluation = evaluated(network, samples.judged.X, samples.judged.y)
    _draw(outputs, network, f"{experiment.path.stem}: learning curve", evaluation.matrix)
    if not quiet:
        if chosen is not None:
            click.echo(chosen.describe())
        elif "hidden" in experiment.network:
            _report_choices(network)
        loss = float(network.history["loss"][-1])
        if resumed is not None and network.epoch == before_epoch:
            click.echo(f"no epoch was left to train of the run in {resumed}: state more of them, --epochs")
        _report(network, samples, loss, seconds, record.epoch_of(network.parameters), evaluation)
        click.echo("wrote " + ", ".join(map(str, outputs.values())))
        for name, value in evaluation.labelled().items():
            click.echo(f"{samples.judged.name} {name} {value:.4f}")


def _begin(file: Path | None, resumed: Path | None, options: dict[str, Any]) -> tuple[Experiment, Network]:
    """The experiment, with the values of the command line; and its network, or that whose training goes on."""
    from nnkit.cli.building import build_network
    from nnkit.cli.experiment import read_experiment, setting
    from nnkit.cli.sections import ExperimentError
    from nnkit.network.network import Network

    settings = dict(map(setting, options["settings"]))
    for key, name in (("training.epochs", "epochs"), ("network.seed", "seed")):
        if options[name] is not None:
            settings[key] = options[name]
    if resumed is None:
        if file is None:
            raise click.UsageError("name the experiment file, or a model to go on with: nnkit train --resume MODEL")
        experiment = read_experiment(file, settings=settings)
        return experiment, build_network(experiment)
    fixed = sorted(key for key in settings if key.startswith("network."))
    if fixed:
        raise click.UsageError(f"--resume goes on with the network of {resumed}; {fixed[0]} cannot be set any more")
    network = Network.load(resumed)
    text = network.notes.get("experiment")
    if file is None and not isinstance(text, str):
        raise ExperimentError(f"{resumed} was not trained by nnkit train: name its experiment file beside --resume")
    path = file or resumed.parent / network.notes.get("experiment_file", "experiment.toml")
    settings = {**network.notes.get("settings", {}), **settings}
    return read_experiment(path, None if file else text, settings), network


def _saved_by(checkpoint: Path, experiment: Experiment) -> Network:
    """The network of a training that did not come to its end, which must be that of this experiment."""
    from nnkit.cli.sections import ExperimentError
    from nnkit.network.network import Network

    network = Network.load(checkpoint)
    notes = network.notes.get("experiment"), network.notes.get("settings")
    if notes != (experiment.text, experiment.settings):
        raise ExperimentError(
            f"{checkpoint} is the checkpoint of another experiment than {experiment.path}, or of one with other "
            "options: remove it to train anew, or name another file"
        )
    return network


def _outputs(
    experiment: Experiment,
    samples: Samples,
    network: Network,
    output: Path | None,
    resumed: Path | None,
    checkpoint: Path | None,
    *,
    write: bool,
) -> dict[str, Path]:
    """The path of each output, checked before training, with their folders made."""
    import attrs

    from nnkit.cli.outputs import prepare_outputs
    from nnkit.cli.sections import ExperimentError
    from nnkit.cli.targets import class_codes

    section, folder = experiment.output, output or Path()
    if section.confusion_matrix and class_codes(samples.train.y, network) is None:
        raise ExperimentError(f"{experiment.path}: [output] confusion_matrix needs class targets; these are numeric")
    model = folder / (section.model or f"{experiment.path.stem}-model.npz")
    if resumed is not None and output is None:
        model = resumed
    names = {name: path for name, path in attrs.asdict(section).items() if path is not None}
    pictures = {name: folder / path for name, path in names.items() if name != "model"}
    data = experiment.data
    files = [
        experiment.beside(name) for name in (data.file, data.validation_file, data.test_file) if name not in {None, "-"}
    ]
    inputs = [experiment.path, *files, *(path for path in (resumed, checkpoint) if path is not None)]
    outputs = {"model": model, **pictures}
    if write:
        prepare_outputs(outputs, inputs, pictures=pictures, replaced=resumed)
    return outputs


def _notes(experiment: Experiment, content: Content, model: Path) -> dict[str, Any]:
    """What the model file records of the experiment, for the commands that read further data."""
    import attrs

    reading = attrs.asdict(experiment.data.reading)
    return {
        "experiment": experiment.text,
        "experiment_file": os.path.relpath(experiment.path, model.parent),
        "settings": dict(experiment.settings),
        "x": experiment.data.x,
        "y": experiment.data.y,
        "target": content.targets,
        "missing_target": experiment.data.missing_target,
        "reading": {key: list(v) if isinstance(v, tuple) else v for key, v in reading.items() if v is not None},
    }


def _scales(network: Network) -> bool:
    """Whether the loss is that of scaled targets."""
    return network.composition.target_scaling is not None


def _draw(outputs: dict[str, Path], network: Network, title: str, matrix: Any) -> None:
    from nnkit.network.composition import DEFAULTS

    if "learning_curve" in outputs:
        from nnkit.plot import learning_curve

        learning_curve(network.history, outputs["learning_curve"], title=title)
    if DEFAULTS["confusion"] in outputs:
        from nnkit.plot import confusion_matrix

        confusion_matrix(matrix, tuple(map(str, network.classes or ())), outputs[DEFAULTS["confusion"]])


def _report_data(content: Content, samples: Samples, plan: ColumnPlan | None) -> None:
    """What was read, and what becomes of each column."""
    from nnkit.cli.console import print_table, result_console
    from nnkit.cli.report import counted, plan_table
    from nnkit.interfaces.description import listed

    if plan is None:
        return
    how = "" if content.layout is None else f", {content.layout}"
    click.echo(f"{content.source}: {counted(len(content), 'row')}{how}")
    table, more = plan_table(plan, samples.train.X)
    print_table(result_console(), table)
    if more:
        click.echo(f"{counted(more, 'more column')} of numbers without missing values")
    names = [name or "the column without a name" for name in content.unused]
    unused = f"; not used: {listed(names)}" if names else ""
    targets = content.targets if isinstance(content.targets, str) else listed(content.targets or ())
    click.echo(f"{counted(len(plan.outputs), 'input')}; target: {targets}{unused}\n")


def _report_choices(network: Network) -> None:
    """What was chosen for the data and the task, where the experiment left it open."""
    from nnkit.cli.report import counted
    from nnkit.registry import name_of

    head = network.model.head
    standardized = " (standardized)" if network.layers[0].offers("adapt_start") else ""
    inputs, outputs = counted(network.inputs or 0, "input"), counted(network.outputs, "output")
    parts = [f"task {network.task}", inputs + standardized, outputs]
    activation = "none" if head is None else str(name_of(head)).removeprefix("nnkit/")
    if network.composition.target_scaling is not None:
        parts[-1] += f" (target_scaling {network.composition.target_scaling})"
    parts += [f"output activation {activation}", f"loss {str(name_of(network.loss)).removeprefix('nnkit/')}"]
    click.echo(f"chosen for the data: {', '.join(parts)}")


def _report(
    network: Network, samples: Samples, loss: float, seconds: float, epoch: int | None, evaluation: Evaluation
) -> None:
    """What was trained on what, why it ended, and the values of each class."""
    from nnkit.cli.console import print_table, result_console
    from nnkit.cli.report import class_table, counted

    parts = [part for part in (samples.train, samples.validation, samples.test) if part]
    click.echo(f"{', '.join(f'{len(part):,} {part.name}' for part in parts)} rows")
    click.echo(
        f"{network.parameters.size:,} parameters, {counted(network.epoch, 'epoch')} in {seconds:.1f} s, ", nl=False
    )
    click.echo(f"training {network.history.label('loss')} {loss:.4g}")
    if network.stop_reason is not None:
        click.echo(f"stopped after epoch {network.epoch}: {network.stop_reason}")
    if epoch is None:
        click.echo("the parameters are those that a callback set at the end")
    elif epoch != network.epoch:
        click.echo(f"the parameters are those of epoch {epoch}")
    click.echo()
    if evaluation.left_out:
        click.echo(f"{evaluation.left_out:,} {samples.judged.name} rows with missing values are left out")
    if evaluation.matrix is not None:
        print_table(result_console(), class_table(evaluation.matrix, tuple(map(str, network.classes or ()))))
        click.echo()


def _listed(callbacks: Any) -> list[Any]:
    return callbacks if isinstance(callbacks, list) else [callbacks]
