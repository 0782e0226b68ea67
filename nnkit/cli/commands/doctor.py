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
    now = examination.measured({})
    click.echo(f"{'measured':<16}{now:,.0f} million multiplications and additions a second (float32, 512 x 512)")
    if not examination.could_be_wider(kernels):
        click.echo("The BLAS uses what this CPU can do.")
        return
    wide = examination.measured({examination.VARIABLE: examination.WIDE})
    click.echo(f"\nThis CPU has AVX-512, and the BLAS runs kernels for {kernels.architecture}.")
    click.echo(f"With {examination.VARIABLE}={examination.WIDE}: {wide:,.0f}, {wide / now:.2f} times as fast here.")
    if wide > 1.05 * now:
        click.echo("Set it before Python starts (the nnkit command does so by itself where it is needed):\n")
        click.echo(f"    export {examination.VARIABLE}={examination.WIDE}")
    else:
        click.echo("That is no gain worth a setting.")
