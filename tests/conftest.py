"""For every test: Hypothesis measures no time, because machines are shared."""

from hypothesis import HealthCheck, settings

settings.register_profile("shared-machine", deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile("shared-machine")
