"""Stores of the tests alone: nothing is written outside of temporary folders, or sent over the network."""

import os

import pytest

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # before it is imported, which sets a variable, too
import mlflow.tracking  # noqa: F401


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """The URI of a store of MLflow; it takes seconds to make one."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch, store):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    monkeypatch.setenv("WANDB_MODE", "disabled")
    monkeypatch.setenv("WANDB_SILENT", "true")
