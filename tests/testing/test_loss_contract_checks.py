"""The kit accepts sound losses that couple rows or leave out targets; `kit_power.faults.contracts` has the faults."""

import pytest
from kit_power.faults import contracts
from kit_power.sound import Coupled, Masked

from nnkit.testing import check


@pytest.mark.parametrize("cls", [Masked, Coupled])
def test_sound_losses_pass(cls):
    report = check(cls)
    assert report.ok, str(report)


@pytest.mark.parametrize(
    ("cls", "number"),
    [
        (contracts.WideAsEver, "LOSS-030"),
        (contracts.WrongPoint, "LOSS-030"),
        (contracts.NaNs, "LOSS-031"),
        (contracts.NaNGradient, "LOSS-031"),
        (contracts.WithoutReference, "LOSS-032"),
        (contracts.WrongReference, "LOSS-032"),
        (contracts.HalfGradient, "LOSS-033"),
        (contracts.Unweighted, "LOSS-034"),
        (contracts.InOrder, "LOSS-035"),
        (contracts.Overflowing, "LOSS-036"),
        (contracts.Deaf, "LOSS-037"),
    ],
)
def test_faults_are_found(cls, number):
    report = check(cls, only=number)
    assert [failure.id.partition("/")[0] for failure in report.failures][:1] == [number]
