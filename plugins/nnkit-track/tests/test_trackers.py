"""What each tool's own reader reads back is the history, bit for bit."""

import json
import math
import struct
from types import SimpleNamespace

import numpy as np
import optuna
import pytest
from mlflow.tracking import MlflowClient
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

import nnkit
from nnkit.errors import MissingExtraError, UnknownNameError
from nnkit.interfaces import Callback
from nnkit_track import _shared
from nnkit_track.optuna import Optuna

# MLflow's own use of SQLAlchemy 2.1.
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2))
y = X[:, 0] * X[:, 1]


class Failing(Callback):
    """Raises once, after some epochs."""

    def belongs_to_run(self):
        return False

    def on_epoch_end(self, view):
        if view.epoch == 3:
            raise RuntimeError("power failure")


def network(dtype=None):
    return nnkit.Network([2, 4, 1], optimizer="adam(learning_rate='exponential')", seed=0, dtype=dtype)


def trained(*callbacks, epochs=5, net=None, **options):
    net = network() if net is None else net
    options = {"validation_split": 0.25, "metrics": ["r2"]} | options
    return net.fit(X, y, epochs=epochs, callbacks=["history(seconds=True, learning_rate=True)", *callbacks], **options)


def bits(values):
    return [struct.pack("<d", value) for value in values]


def cut_short(callback, tmp_path):
    """A run that fails after three epochs, of which the file of the second is resumed in a new process' network."""
    net = network()
    with pytest.raises(RuntimeError, match="power failure"):
        trained(callback, "checkpoint(path='c-{epoch}.npz')", Failing(), net=net)
    return nnkit.Network.load("c-2.npz")


def scalars_of(folder):
    reader = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    reader.Reload()
    tensors = {tag: reader.Tensors(tag) for tag in reader.Tags()["tensors"] if tag != "run"}
    return {
        tag: ([event.step for event in events], [make_ndarray(event.tensor_proto) for event in events])
        for tag, events in tensors.items()
    }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tensorboard_reads_every_number(tmp_path, dtype):
    history = trained({"name": "tensorboard", "folder": str(tmp_path / "runs")}, net=network(dtype))
    read = scalars_of(tmp_path / "runs")
    names = {"loss/training": "loss", "loss/validation": "val_loss", "r2/training": "r2", "r2/validation": "val_r2"}
    names |= {"learning_rate": "learning_rate", "seconds/training": "seconds"}
    assert set(names) == set(read)
    for tag, name in names.items():
        steps, values = read[tag]
        assert history["epoch"] == steps
        assert {np.dtype(np.float64)} == {value.dtype for value in values}
        assert bits(history[name]) == bits(value.item() for value in values)


def test_tensorboard_shows_them_as_scalars_of_runs(tmp_path):
    from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
    from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
    from tensorboard.context import RequestContext

    for run in ("first", "second"):
        history = trained({"name": "tensorboard", "folder": str(tmp_path / run)})
    multiplexer = EventMultiplexer(tensor_size_guidance={"scalars": 0})
    multiplexer.AddRunsFromDirectory(str(tmp_path))
    multiplexer.Reload()
    provider = MultiplexerDataProvider(multiplexer, str(tmp_path))
    listed = provider.list_scalars(RequestContext(), experiment_id="", plugin_name="scalars")
    assert {"first", "second"} == set(listed)
    assert 4 == listed["first"]["loss/validation"].max_step - 1
    read = provider.read_scalars(RequestContext(), experiment_id="", plugin_name="scalars", downsample=100)
    values = [point.value for point in read["second"]["loss/training"]]
    assert bits(history["loss"]) == bits(values)


def test_a_resumed_run_continues_the_same_file(tmp_path):
    whole = trained({"name": "jsonl", "path": "whole.jsonl"}, {"name": "tensorboard", "folder": "whole"})
    for tracker in ({"name": "jsonl", "path": "cut.jsonl"}, {"name": "tensorboard", "folder": "cut"}):
        net = cut_short(tracker, tmp_path)
        net.fit(
            X,
            y,
            epochs=5,
            validation_split=0.25,
            metrics=["r2"],
            callbacks=[tracker, "checkpoint(path='c-{epoch}.npz')"],
            resume=True,
        )
    lines = [json.loads(line) for line in (tmp_path / "cut.jsonl").read_text().splitlines()]
    assert whole["epoch"] == [line["epoch"] for line in lines]
    assert bits(whole["val_loss"]) == bits(line["val_loss"] for line in lines)
    assert 1 == len(list((tmp_path / "cut").iterdir()))
    steps, values = scalars_of(tmp_path / "cut")["loss/validation"]
    assert whole["epoch"] == steps
    assert bits(whole["val_loss"]) == bits(value.item() for value in values)


def test_json_lines_have_no_nan_and_are_read_back(tmp_path):
    net = nnkit.Network([2, 1], optimizer="sgd(learning_rate=1e200)", seed=0)
    with pytest.warns(nnkit.errors.TrainingWarning):
        history = net.fit(X, y, epochs=3, callbacks=["jsonl"])
    values = [
        float(json.loads(line, parse_constant=pytest.fail)["loss"])
        for line in (tmp_path / "training.jsonl").read_text().splitlines()
    ]
    assert [math.isfinite(value) for value in history["loss"]] == [math.isfinite(value) for value in values]
    assert not all(map(math.isfinite, values))


def test_mlflow_reads_every_number_and_what_the_run_was(tmp_path):
    history = trained("mlflow(experiment='digits')")
    client = MlflowClient()
    (run,) = client.search_runs([client.get_experiment_by_name("digits").experiment_id])
    assert "FINISHED" == run.info.status
    assert "45" == run.data.params["samples"]
    assert run.data.params["optimizer"].startswith("Adam(")
    for name in ("loss", "val_loss", "r2", "val_r2", "learning_rate", "seconds"):
        metrics = client.get_metric_history(run.info.run_id, name)
        assert history["epoch"] == [metric.step for metric in metrics]
        assert bits(history[name]) == bits(metric.value for metric in metrics)


def test_a_resumed_run_is_one_run_of_mlflow(tmp_path):
    whole = trained()
    net = cut_short("mlflow(experiment='resumed')", tmp_path)
    checkpoint = "checkpoint(path='c-{epoch}.npz')"
    options = {"validation_split": 0.25, "metrics": ["r2"], "resume": True}
    net.fit(X, y, epochs=5, callbacks=["mlflow(experiment='resumed')", checkpoint], **options)
    client = MlflowClient()
    (run,) = client.search_runs([client.get_experiment_by_name("resumed").experiment_id])
    metrics = client.get_metric_history(run.info.run_id, "val_loss")
    assert whole["epoch"] == [metric.step for metric in metrics]
    assert bits(whole["val_loss"]) == bits(metric.value for metric in metrics)
    assert "FINISHED" == run.info.status


def test_mlflow_notes_why_a_training_stopped():
    trained("mlflow(experiment='stopped')", "early_stopping(monitor='loss', patience=1, min_delta=1e9)")
    client = MlflowClient()
    (run,) = client.search_runs([client.get_experiment_by_name("stopped").experiment_id])
    assert ("FINISHED", True) == (run.info.status, "loss" in run.data.tags["stop_reason"])


def log_records(data, block=32768):
    """The records of a file in LevelDB's log format, behind seven bytes of wandb's; its reader is not in Python."""
    place, parts = 7, b""
    while place < len(data):
        if block - place % block < 7:
            place += block - place % block
            continue
        _, size, kind = struct.unpack_from("<IHB", data, place)
        parts += data[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in {1, 4}:  # complete, or the last part
            yield parts
            parts = b""


def test_wandb_writes_every_number_offline(tmp_path):
    from wandb.proto import wandb_internal_pb2

    history = trained({"name": "wandb", "folder": str(tmp_path), "mode": "offline"})
    (file,) = tmp_path.rglob("*.wandb")
    rows = []
    for data in log_records(file.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        if record.WhichOneof("record_type") == "history":
            items = {(item.key or ".".join(item.nested_key)): item.value_json for item in record.history.item}
            rows.append({key: json.loads(value) for key, value in items.items()})
    assert history["epoch"] == [row["_step"] for row in rows]
    for name in ("loss", "val_loss", "r2", "learning_rate", "seconds"):
        assert bits(history[name]) == bits(row[name] for row in rows)


def test_tqdm_shows_epochs_and_values(capsys):
    trained("tqdm")
    assert not capsys.readouterr().err
    history = trained("tqdm(force=True)")
    shown = capsys.readouterr().err
    assert "5/5" in shown
    assert f"val_loss={history['val_loss'][-1]:.4g}" in shown


def study(pruner):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0), pruner=pruner)


def test_optuna_reads_every_number_and_prunes_what_is_hopeless():
    histories, seen = [], []

    class Last(Callback):
        def on_train_end(self, view):
            seen.append(view.epoch)

    def objective(trial):
        net = network()
        histories.append(net)
        return trained(Last(), Optuna(trial=trial), net=net)["val_loss"][-1]

    kept = study(optuna.pruners.NopPruner())
    kept.optimize(objective, n_trials=1)
    values = kept.trials[0].intermediate_values
    assert histories[0].history["epoch"] == list(values)
    assert bits(histories[0].history["val_loss"]) == bits(values.values())
    pruned = study(optuna.pruners.ThresholdPruner(upper=0.0, n_warmup_steps=2))
    pruned.optimize(objective, n_trials=1)
    assert optuna.trial.TrialState.PRUNED == pruned.trials[0].state
    assert (2, [5, 2]) == (histories[1].epoch, seen)
    assert histories[1].stop_reason.startswith("Optuna pruned the trial: val_loss is ")


def test_a_value_that_is_not_logged_is_refused():
    trial = study(optuna.pruners.NopPruner()).ask()
    with pytest.raises(UnknownNameError, match=r"logs no such value; it logs loss, seconds"):
        trained(Optuna(trial=trial), validation_split=0.0, metrics=[])


def test_a_missing_tool_names_its_extra(monkeypatch):
    monkeypatch.setattr(_shared, "importlib", SimpleNamespace(import_module=_missing))
    for name in ("tensorboard", "mlflow", "wandb", "tqdm"):
        with pytest.raises(MissingExtraError, match=rf'pip install "nnkit-track\[{name}\]"'):
            trained(name)


def _missing(module):
    raise ModuleNotFoundError(f"No module named {module!r}", name=module)
