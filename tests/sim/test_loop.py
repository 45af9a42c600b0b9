"""The loop under the stories keeps asyncio's promises, and jumps."""

import asyncio

import pytest

from sim.loop import Deadlock, run_virtually


def test_hours_pass_at_once_and_timers_of_one_moment_keep_their_order():
    served = []

    async def wait(seconds, name):
        await asyncio.sleep(seconds)
        served.append(name)

    async def live():
        await asyncio.gather(wait(7_200, "c"), wait(3_600, "a"), wait(3_600, "b"))

    _, virtual_s = run_virtually(live())

    assert (served, virtual_s) == (["a", "b", "c"], 7_200)


def test_a_timeout_ends_what_takes_too_long_and_nothing_else():
    async def live():
        async with asyncio.timeout(5.0):
            await asyncio.sleep(4.0)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.sleep(60.0), 5.0)

    assert run_virtually(live())[1] == 9.0


def test_waiting_for_what_can_never_come_is_a_deadlock():
    async def live():
        await asyncio.Event().wait()

    with pytest.raises(Deadlock):
        run_virtually(live())


def test_what_is_under_way_at_the_end_is_ended():
    ended = []

    async def linger():
        try:
            await asyncio.sleep(60.0)
        finally:
            ended.append(asyncio.get_running_loop().time())

    async def live():
        live.task = asyncio.create_task(linger())
        await asyncio.sleep(1.0)

    run_virtually(live())

    assert ended == [1.0]
