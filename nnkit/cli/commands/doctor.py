"""``nnkit doctor``: what this machine computes with, and whether it could be faster."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("doctor")
@click.option("--no-measurement", "still", is_flag=True, help="Only look; measure nothing.")
def command(*, still: bool) -> None:
    """Show Python, numpy, its BLAS, the CPU and the plugins; measure, and say what would make it faster."""
    from nnkit.cli import examination

    for label, value in examination.versions():
        click.echo(f"{label:<16}{value}")
    kernels = examination.kernels()
    click.echo(f"{'BLAS':<16}{kernels.described}")
    click.echo(f"{'CPU':<16}{examination.cpu()}")
    for label, value in examination.providers():
        click.echo(f"{label:<16}{value}")
    if still:
        return
    click.echo(f"{'steps':<16}{examination.steps()}")
    now, others = "as it is", examination.alternatives(kernels)
    found = examination.by_turns({now: {}} | others)
    unit = "million multiplications and additions a second (float32, 512 x 512)"
    click.echo(f"{'measured':<16}{found[now]:,.0f} {unit}")
    for name in others:
        click.echo(f"{'':<16}{found[name]:,.0f} with {name}, {found[name] / found[now]:.2f} times as fast")
    kinds = [name for name in others if name != examination.ONE_THREAD]
    best = max(kinds, key=found.__getitem__, default=now)
    if found[best] > examination.WORTH * found[now]:
        click.echo(
            f"\nOther kernels are {found[best] / found[now]:.2f} times as fast here. Set this before Python starts:\n"
        )
        click.echo(f"    export {best}")
    else:
        click.echo("\nThe BLAS runs the kernels that are the fastest of those it has for this CPU.")
    if found.get(examination.ONE_THREAD, 0.0) > found[now]:
        click.echo(
            f"\n{kernels.threads} threads are slower than one: something else keeps the cores busy, and the threads of "
            "the BLAS wait for each other.\nWhile that lasts, set before Python starts:\n"
        )
        click.echo(f"    export {examination.ONE_THREAD}")
