"""Whatever a stranger sends, ingest answers as the contract says, within its memory; see tests/fuzz_ingest.py."""

import tracemalloc

import pytest

from fuzz_ingest import BODY_BYTES_MAX, fuzz

# The gateway may hold a body, its inflated twin, its events and what a thousand earlier requests stored.
MEMORY_BYTES_MAX = 60 * 1024 * 1024 + 10 * BODY_BYTES_MAX


@pytest.mark.parametrize("seed", range(2))
async def test_strangers_get_an_answer_of_the_contract_and_nothing_of_a_refused_request_is_kept(seed):
    tracemalloc.start()
    answered = await fuzz(seed, 1_500)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert all(answered[status] for status in (200, 400, 401, 404, 405, 413))
    assert peak < MEMORY_BYTES_MAX
