"""For every test: Hypothesis measures no time, because machines are shared; and what takes long begins first."""

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("shared-machine", deadline=None, suppress_health_check=list(HealthCheck))
# What `make sim-long` runs: --hypothesis-profile=deep
settings.register_profile("deep", settings.get_profile("shared-machine"), max_examples=5_000)
settings.load_profile("shared-machine")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put those that start servers or tell stories first: at the end, no worker then waits long for the other."""
    items.sort(key=lambda item: not {"acceptance", "sim"}.intersection(item.path.parts))
