"""For every test: Hypothesis measures no time, because machines are shared."""

from hypothesis import HealthCheck, settings

settings.register_profile("shared-machine", deadline=None, suppress_health_check=list(HealthCheck))
# What `make sim-long` runs: --hypothesis-profile=deep
settings.register_profile("deep", settings.get_profile("shared-machine"), max_examples=5_000)
settings.load_profile("shared-machine")
