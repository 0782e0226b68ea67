"""How Hypothesis draws: without a limit of time, which on a busy machine says nothing about a test."""

from hypothesis import HealthCheck, settings

settings.register_profile("nnkit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("nnkit")
