"""Stories that fill real files."""

from pathlib import Path

import pytest

from contract.worlds import quick_folder


@pytest.fixture
def folder():
    """A folder on a disk whose syncs cost nothing: hours of virtual time are full of them."""
    with quick_folder() as name:
        yield Path(name)
