"""What a process leaves for the one after it."""

import os

import pytest

from penstock.machine.handed_on import VARIABLE, HandedOn, piece_of_memory

FACTS = {"table": {"sources": {"web": {"write_key": "k"}}}, "variables": ["KEY"]}


@pytest.fixture
def memory():
    descriptor = piece_of_memory()
    yield descriptor
    os.close(descriptor)


def of(memory) -> HandedOn:
    return HandedOn({VARIABLE: str(memory)})


def test_what_was_left_last_is_found(memory):
    assert of(memory).read() == {}
    of(memory).leave(FACTS | {"more": "x" * 10_000})

    of(memory).leave(FACTS)

    assert of(memory).read() == FACTS


def test_what_was_left_half_is_nothing(memory):
    of(memory).leave(FACTS)

    os.ftruncate(memory, os.fstat(memory).st_size - 1)

    assert of(memory).read() == {}


def test_a_process_without_a_supervisor_finds_and_leaves_nothing():
    alone = HandedOn({})

    alone.leave(FACTS)

    assert alone.read() == {}
