"""What the measurements show: how many times as fast each peer is."""

from __future__ import annotations

from collections.abc import Mapping

from turns import Measured
from workloads import LARGEST, TRAININGS

OURS = ("nnkit", "nnkit-numba")
PEERS = ("scikit-learn", "torch", "torch fused", "torch compiled", "jax", "jax scan", "onnxruntime")


def ahead(rows: Mapping[str, Measured], *labels: str) -> list[str]:
    """A line for each of our ``labels`` and each peer: on how many rows it is faster, and how many times as fast."""
    lines = []
    for ours in labels:
        for peer in PEERS:
            ratios = {name: value for name, row in rows.items() if (value := ratio(row, peer, ours)) is not None}
            if ratios:
                text = ", ".join(f"{name} {value:.2f}" for name, value in ratios.items())
                won = sum(value > 1.0 for value in ratios.values())
                lines.append(f"{ours} is faster than {peer} on {won} of {len(ratios)} (times as fast: {text})")
    return lines


def ratio(row: Measured, one: str, other: str) -> float | None:
    """The median of ``one`` divided by that of the ``other``."""
    if "median" not in row.get(one, {}) or "median" not in row.get(other, {}):
        return None
    return float(row[one]["median"] / row[other]["median"])


def of_trainings(training: Mapping[str, Measured]) -> list[str]:
    """Beside each peer, and beside the products alone."""
    lines = ahead(training, *OURS)
    for ours in OURS:
        near = {name: ratio(training.get(name, {}), ours, "products") for name in LARGEST}
        text = ", ".join(f"{name} {value:.2f}" for name, value in near.items() if value is not None)
        if text:
            lines.append(f"{ours} over the products alone, the largest: {text}")
    smallest, steps = training.get("2-8-4-2", {}), TRAININGS["2-8-4-2"].steps
    return lines + [
        f"2-8-4-2, one step: {label} {1e6 * smallest[label]['median'] / steps:.1f} us"
        for label in ("products", *OURS)
        if "median" in smallest.get(label, {})
    ]


def watching(both: Measured) -> list[str]:
    """What history and a progress line cost the smallest network."""
    values = {ours: ratio(both, f"{ours}: train_watched", f"{ours}: train") for ours in OURS}
    return [
        f"2-8-4-2 with history and a progress line, {ours}: {value:.3f} of the time without"
        for ours, value in values.items()
        if value is not None
    ]
