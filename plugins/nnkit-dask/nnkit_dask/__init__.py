"""Data of nnkit in shards on the workers of a Dask cluster."""

from nnkit_dask.shards import DaskShards

__all__ = ["DaskShards"]
