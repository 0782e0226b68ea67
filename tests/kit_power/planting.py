"""How a fault is planted: a sound part, and the members that spoil it."""

from __future__ import annotations

import sys
import types
from typing import Any

import attrs

FAMILIES: dict[str, tuple[str, ...]] = {
    # family of faults -> the checks (by number) that name it
    "wrong factor": (
        "REC-005 MET-013 LOSS-040 LOSS-033 LOSS-039 LOSS-027 PART-025 ACT-002 ACT-003 ACT-005 ACT-006 ACT-007 ACT-008 ACT-009 ACT-012 ACT-013 ACT-018 ACT-019 ACT-REF LOSS-002 LOSS-006 LOSS-007 "
        "LOSS-008 LOSS-009 LOSS-010 LOSS-012 LOSS-018 LOSS-REF OPT-018 OPT-REF INIT-005 INIT-006 INIT-REF LAY-002 LAY-003 "
        "LAY-008 LAY-009 LAY-018 REG-002 REG-004 REG-007 REG-008 REG-REF MET-REF SCH-REF SOL-001 SOL-004 SOL-007 REG-001 SOL-REF"
    ),
    "wrong sign": (
        "LOSS-039 OPT-023 PART-025 LAY-016 ACT-002 ACT-003 ACT-007 ACT-008 ACT-009 ACT-012 ACT-023 LOSS-002 LOSS-004 LOSS-007 LOSS-008 LOSS-009 LOSS-012 OPT-003 "
        "OPT-004 OPT-005 OPT-019 OPT-REF LAY-002 LAY-003 LAY-018 REG-002 REG-005 REG-009 MET-005 MET-007 MET-REF SCH-001 SOL-001 SOL-004 SOL-007"
    ),
    "wrong axis": (
        "LOSS-030 ACT-030 REG-002 PART-015 ACT-001 ACT-014 ACT-026 ACT-027 LOSS-001 LOSS-003 LAY-001 LAY-002 LAY-003 LAY-005 INIT-001 INIT-005 PART-014 "
        "ACT-007 ACT-025 LAY-REF"
    ),
    "transposed": "LAY-019 ACT-007 ACT-008 ACT-009 LOSS-007 LOSS-008 LOSS-012 LAY-002 LAY-003 LAY-009 INIT-001 INIT-005 MET-REF MET-003",
    "bias correction": "OPT-001 OPT-019 OPT-REF OPT-020 OPT-014",
    "lost state": "REC-002 LAY-025 OPT-027 CB-011 CB-010 OPT-008 OPT-010 OPT-024 OPT-011 LAY-016 SOL-009 OPT-012 OPT-016 OPT-020 OPT-REF CB-005 CB-006 CB-007 LAY-006 MET-001 MET-002 MET-003 PART-017 PART-018",
    "aliasing": "REC-002 CB-010 OPT-021 OPT-024 PART-010 PART-011 PART-012 PART-017 OPT-001 OPT-009 OPT-012 INIT-007 MET-001 MET-003 CB-005 SOL-008 ACT-010 ACT-011 LOSS-013 LOSS-014 LAY-007 LAY-010 LAY-012 REG-006 CB-002",
    "in-place differs": "ACT-031 LOSS-026 LAY-020 LAY-017 LAY-018 LOSS-025 ACT-010 ACT-011 LOSS-013 LOSS-014 OPT-010 OPT-024 OPT-011 OPT-013 LAY-009 LAY-010 LAY-011 LAY-013 REG-006 ACT-008 ACT-009",
    "dtype": "REC-001 SCH-004 PART-016 ACT-018 LOSS-023 OPT-001 OPT-015 OPT-017 INIT-001 LAY-014 MET-009 LOSS-016 SOL-002",
    "global random": "REC-002 PART-017 PART-019 INIT-002 INIT-003 INIT-004 LAY-007 LAY-008 LAY-012",
    "global settings": "CB-001 PART-020 PART-021",
    "broadcasting": "LOSS-015 MET-010",
    "extremes": "REC-004 REC-005 REG-002 LOSS-036 LOSS-029 PART-026 LOSS-025 ACT-004 ACT-005 ACT-006 ACT-021 ACT-026 LOSS-010 LOSS-011 LOSS-014 LOSS-017 LOSS-018 OPT-014 SCH-001 REG-003 MET-006 PART-021 ACT-010 ACT-011",
    "small sizes": "REG-013 INIT-009 MET-012 LAY-021 ACT-031 LOSS-026 LAY-020 OPT-007 SOL-002 ACT-001 ACT-007 ACT-008 ACT-014 ACT-015 LOSS-001 LOSS-002 LOSS-003 LAY-001 LAY-002 LAY-005 INIT-001 PART-014 PART-015 MET-002 MET-006 OPT-001 OPT-010 OPT-024 ACT-026 INIT-005 REG-001",
    "order": "LOSS-035 SOL-002 PART-015 PART-017 PART-018 ACT-014 ACT-015 ACT-028 LOSS-003 LOSS-024 OPT-006 OPT-025 OPT-007 MET-002 MET-003 REG-010 SCH-002 LAY-005 LAY-006",
    "false declaration": (
        "REC-003 REC-004 LAY-025 LAY-026 LOSS-030 LOSS-031 LOSS-032 OPT-028 LAY-024 PART-025 OPT-026 REG-012 LOSS-021 SOL-010 LAY-019 ACT-003 ACT-016 ACT-019 ACT-020 ACT-021 ACT-022 ACT-023 ACT-024 ACT-025 ACT-026 ACT-027 LOSS-004 LOSS-005 LOSS-019 "
        "LOSS-020 LOSS-021 OPT-002 OPT-007 INIT-004 INIT-005 INIT-003 LAY-005 LAY-007 MET-005 MET-007 SCH-003 REG-004 REG-009 "
        "CB-002 SOL-005 PART-024 MET-008"
    ),
    "wrong function": "REC-REF LOSS-032 CB-REF ACT-REF LOSS-REF OPT-REF INIT-REF LAY-REF MET-REF SCH-REF REG-REF ACT-005 SOL-REF",
    "hyperparameters": "SOL-013 LAY-023 PART-025 PART-024 PART-001 PART-002 PART-003 PART-004 PART-005 PART-006 PART-007 PART-008 PART-009 SCH-REF OPT-013",
    "schedule": "OPT-002 OPT-013 OPT-018",
    "swallowed": "REC-006 LOSS-037 ACT-032 LOSS-028 SOL-011 SOL-012 CB-009 REG-011 MET-011 OPT-022 CB-008 ACT-017 LOSS-022 LAY-015 CB-003 CB-004 CB-001 SOL-002 SOL-003 SOL-006 PART-021 MET-006 CB-002",
    "locality": "ACT-014 ACT-007 LOSS-020 OPT-007",
    "not descending": "OPT-003 OPT-004 OPT-005 OPT-019 SOL-001 SOL-004 SOL-005 SOL-006 SOL-007",
    "weights": "LOSS-034 MET-004 LAY-012",
    "draws": "LAY-025 LAY-007 LAY-002 INIT-002 INIT-003 INIT-005 INIT-008 LAY-008",
}

FAULTS: list[Fault] = []
HOME = types.ModuleType("kit_power_planted")
sys.modules["kit_power_planted"] = HOME


@attrs.frozen(kw_only=True)
class Fault:
    """One planted fault; ``registered`` under a name where the name matters."""

    name: str
    family: str
    kind: str
    cls: type
    registered: str | None = None

    @property
    def names(self) -> frozenset[str]:
        """The numbers of the checks that would name its family."""
        return frozenset(FAMILIES[self.family].split())


def settle(cls: type, name: str) -> type:
    """Give a class made at run time a home, so that it can be pickled."""
    cls.__module__, cls.__qualname__, cls.__name__ = HOME.__name__, name, name
    setattr(HOME, name, cls)
    return cls


def plant(family: str, base: type, name: str, *, figures: bool = False, **members: Any) -> None:
    """Spoil ``base`` with ``members``; without ``figures`` the part's examples and reference are taken away.

    Without them the derivatives, shapes and laws must find the fault by themselves, as they must for
    the parts of authors who give none.
    """
    if family not in FAMILIES:
        raise KeyError(family)
    if not figures:
        members = {"examples": (), "reference": None, **members}
    body = {"__doc__": f"Planted: {family}.", **members}
    unique = f"{base.__name__}_{name}".replace("-", "_").replace(" ", "_")
    if hasattr(HOME, unique):
        unique = f"{unique}_{family}".replace(" ", "_")
    if hasattr(HOME, unique):
        raise ValueError(f"two faults are called {unique}")
    cls = type(base)(unique, (base,), body)
    settle(cls, unique)
    FAULTS.append(Fault(name=unique, family=family, kind=base.kind, cls=cls))


def plant_class(family: str, cls: type) -> type:
    """A fault that is written out as a class of its own."""
    if family not in FAMILIES:
        raise KeyError(family)
    FAULTS.append(Fault(name=cls.__name__, family=family, kind=cls.kind, cls=cls))
    return cls


def slip(family: str) -> Any:
    """Plant the decorated class, made an attrs class."""
    return lambda cls: plant_class(family, attrs.frozen(kw_only=True)(cls))


def plant_registered(family: str, name: str, cls: type) -> None:
    """A fault in how a part can be named: it is tried as ``kit-power/<name>``."""
    if family not in FAMILIES:
        raise KeyError(family)
    FAULTS.append(Fault(name=cls.__name__, family=family, kind=cls.kind, cls=cls, registered=name))
