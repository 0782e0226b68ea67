"""Metrics of every epoch in a store of MLflow."""

from __future__ import annotations

import re
import time
from typing import Any, final

import attrs

from nnkit.interfaces import Callback, TrainingView
from nnkit_track._shared import facts, imported, scalars, text


@final
@attrs.frozen(kw_only=True)
class MLflow(Callback):
    """Logs each number of the logs and the learning rate as a metric, with the epoch as its step, in float64.

    A run of ``fit`` is a run of MLflow, also over its resumptions: its parameters are optimizer, loss, epochs and the
    size of the data. What MLflow does not allow in a name is replaced by ``_``. A resumed run logs only epochs that
    the store does not have.

    Args:
        uri: Of the store, ``"sqlite:///mlflow.db"`` or a server; ``None`` is what MLflow is set to.
        experiment: The name of the experiment; it is made where it does not exist.
        run_name: The name of the run; ``None`` is that of the optimizer (MLflow would draw one).

    Raises:
        MissingExtraError: When mlflow is not installed.

    Source:
        Zaharia et al. (2018), "Accelerating the Machine Learning Lifecycle with MLflow".

    Example:
        >>> MLflow(experiment="digits").experiment
        'digits'
    """

    uri: str | None = text(None, "the URI of a store, or None")
    experiment: str = text("nnkit", "the name of an experiment")
    run_name: str | None = text(None, "the name of a run, or None")

    def on_train_begin(self, view: TrainingView) -> None:
        client, state = self._client(), view.state
        if state:
            client.update_run(state["run"], status="RUNNING")
            state["logged"] = max((m.step for m in client.get_metric_history(state["run"], "loss")), default=0)
            return
        experiment = client.get_experiment_by_name(self.experiment)
        identity = client.create_experiment(self.experiment) if experiment is None else experiment.experiment_id
        run = client.create_run(identity, run_name=self.run_name or type(view.optimizer).__name__)
        state.update(run=run.info.run_id, logged=0)
        param = imported("mlflow.entities", "mlflow").Param
        client.log_batch(state["run"], params=[param(name, value) for name, value in facts(view).items()])

    def on_epoch_end(self, view: TrainingView) -> None:
        if view.epoch <= view.state["logged"]:
            return
        metric, now = imported("mlflow.entities", "mlflow").Metric, int(1000 * time.time())
        names = {name: re.sub(r"[^\w\-./ ]", "_", name) for name in scalars(view)}
        metrics = [metric(names[name], value, now, view.epoch) for name, value in scalars(view).items()]
        self._client().log_batch(view.state["run"], metrics=metrics)
        view.state["logged"] = view.epoch

    def on_train_end(self, view: TrainingView) -> None:
        client = self._client()
        if view.stop_reason is not None:
            client.set_tag(view.state["run"], "stop_reason", view.stop_reason)
        finished = view.epoch >= view.last_epoch or view.stop_reason is not None
        client.set_terminated(view.state["run"], "FINISHED" if finished else "KILLED")

    def _client(self) -> Any:  # a class of MLflow, which may not be installed
        return imported("mlflow.tracking", "mlflow").MlflowClient(tracking_uri=self.uri)
