"""``nnkit train``: an experiment file in; a model, pictures and figures out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from nnkit.cli.building import Samples
    from nnkit.cli.experiment import Experiment
    from nnkit.network.network import Network

__all__ = ["command"]


@click.command("train")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--epochs", type=click.IntRange(min=1), help="Instead of the file's own.")
@click.option("--seed", type=click.IntRange(min=0), help="Of the network, instead of the file's own.")
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), help="Folder for what is written.")
@click.option("--quiet", is_flag=True, help="Write the files, print nothing.")
@click.pass_context
def command(
    context: click.Context, *, file: Path, epochs: int | None, seed: int | None, output: Path | None, quiet: bool
) -> None:
    """Train the network that the experiment FILE (TOML) describes."""
    import signal
    import time

    import attrs

    from nnkit.cli.building import build_network, load_samples, read_rows
    from nnkit.cli.console import progress_console
    from nnkit.cli.experiment import read_experiment
    from nnkit.cli.progress import ProgressBar
    from nnkit.core.interrupt import DeferredSignals

    experiment = read_experiment(file)
    training: dict[str, Any] = dict(experiment.training) | ({} if epochs is None else {"epochs": epochs})
    if seed is not None:
        experiment = attrs.evolve(experiment, network={**experiment.network, "seed": seed})
    table = read_rows(experiment, experiment.data.file)
    network = build_network(experiment, table.X.shape[1], table.source)
    samples = load_samples(experiment, table, network)
    _check_outputs(experiment, samples)
    folder = output or Path()
    folder.mkdir(parents=True, exist_ok=True)
    model = folder / (experiment.output.model or f"{file.stem}-model.npz")
    network.notes.update(
        experiment=file.read_text(encoding="utf-8"),
        features=list(table.features) if table.named else None,
        classes=None if samples.classes is None else list(samples.classes),
        x=experiment.data.x,
    )
    if samples.validation is not None:
        training["validation_data"] = (samples.validation.X, samples.validation.y)
    bar = ProgressBar(console=progress_console())
    if not quiet:
        training["callbacks"] = [*_listed(training.get("callbacks", [])), bar]
    began = time.perf_counter()
    with DeferredSignals() as signals:
        interrupted = False
        try:
            network.fit(samples.train.X, samples.train.y, **training)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            bar.close()
        seconds = time.perf_counter() - began
        network.save(model)
        if interrupted or signals.number is not None:
            click.echo(f"Stopped after {network.epoch} epochs; {model} holds the network as it was then.", err=True)
            context.exit(128 + (signals.number or signal.SIGINT))
    history = network.history
    written = [model]
    figures, matrix = _judged(network, samples)
    if experiment.output.learning_curve is not None:
        from nnkit.plot import learning_curve

        written.append(folder / experiment.output.learning_curve)
        learning_curve(history, written[-1], title=f"{file.stem}: learning curve")
    if experiment.output.confusion_matrix is not None:
        from nnkit.plot import confusion_matrix

        written.append(folder / experiment.output.confusion_matrix)
        confusion_matrix(matrix, samples.classes, written[-1])
    if not quiet:
        _report(network, samples, float(history["loss"][-1]), seconds, matrix)
        click.echo("wrote " + ", ".join(map(str, written)))
        for name, value in figures.items():
            click.echo(f"{samples.judged.name} {name.replace('_', ' ')} {value:.4f}")


def _report(network: Network, samples: Samples, loss: float, seconds: float, matrix: Any) -> None:
    """What was trained on what, and how each class fared."""
    from nnkit.cli.console import print_table, result_console
    from nnkit.cli.report import class_table

    parts = [part for part in (samples.train, samples.validation, samples.test) if part]
    click.echo(f"{', '.join(f'{len(part.X):,} {part.name}' for part in parts)} rows")
    click.echo(f"{network.parameters.size:,} parameters, {network.epoch} epochs in {seconds:.1f} s, ", nl=False)
    click.echo(f"training loss {loss:.4g}\n")
    if matrix is not None and samples.classes is not None:
        print_table(result_console(), class_table(matrix, samples.classes))
        click.echo()


def _listed(callbacks: Any) -> list[Any]:
    return callbacks if isinstance(callbacks, list) else [callbacks]


def _check_outputs(experiment: Experiment, samples: Samples) -> None:
    """Refuse before training what could only fail after it."""
    from importlib.util import find_spec

    from nnkit.cli.sections import ExperimentError
    from nnkit.errors import MissingExtraError

    output = experiment.output
    if (output.learning_curve or output.confusion_matrix) and find_spec("matplotlib") is None:
        raise MissingExtraError(f'the pictures of {experiment.path} need matplotlib: pip install "nnkit-core[plot]"')
    if output.confusion_matrix and samples.classes is None:
        raise ExperimentError(
            f"{experiment.path}: [output] confusion_matrix: the targets are numbers, and only classes can be confused"
        )


def _judged(network: Network, samples: Samples) -> tuple[dict[str, float], Any]:
    """The figures of the rows that were seen least, the one that counts last; and their confusion matrix."""
    from nnkit.network.composition import DEFAULTS

    part = samples.judged
    if samples.classes is None:
        values = network.evaluate(part.X, part.y, metrics=[DEFAULTS["regression_score"], DEFAULTS["explained"]])
        return {name: float(value) for name, value in values.items()}, None
    values = network.evaluate(part.X, part.y, metrics=[DEFAULTS["confusion"], DEFAULTS["score"]])
    matrix = values.pop(DEFAULTS["confusion"])
    return {name: float(value) for name, value in values.items()}, matrix
