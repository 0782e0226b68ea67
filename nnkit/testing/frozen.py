"""The ids of released profiles."""

FROZEN: dict[str, tuple[str, ...]] = {"2026.1": ("OPT-012/resume-equals-continuous",)}
