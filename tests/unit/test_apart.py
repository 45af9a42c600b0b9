"""A function in a process of its own: its budget is counted, and whatever ends the process otherwise blames nobody."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import planted_functions as planted
from penstock.machine.alone import write_frame
from penstock.machine.apart import Apart, Budget, Died, Pool, Spent

# Lines of `planted.lines(1_000)`: its first, and two for each turn, and the last look at the loop's head, and its last.
LINES = 2_003


@pytest.fixture(autouse=True)
def _children_find_the_planted(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(planted.__file__).parent))


@pytest.fixture
def make():
    """Return a function that makes an Apart; nothing of it is left behind."""
    made: list[Apart] = []

    def begin(lines_max: int | None = None, *, cpu_s_max: float = 30.0, **rest) -> Apart:
        made.append(Apart(Budget(lines_max=lines_max, cpu_s_max=cpu_s_max), **rest))
        return made[-1]

    yield begin
    for each in made:
        each.close()


def test_lines_are_counted_to_the_last_one(make):
    enough, one_less = make(LINES), make(LINES - 1)

    for _ in range(3):
        assert enough.run(planted.lines, 1_000) == sum(range(1_000))
        with pytest.raises(Spent, match=f"{LINES - 1} lines"):
            one_less.run(planted.lines, 1_000)


def test_lines_that_are_counted_need_not_be_fast(make):
    # All the CPU between two counts is allowed, and there are many counts.
    assert make(10_000_000, cpu_s_max=0.5).run(planted.lines, 3_000_000)


def test_a_function_cannot_catch_the_end_of_its_budget(make):
    with pytest.raises(Spent):
        make(100_000).run(planted.swallows_everything)


@pytest.mark.parametrize("lines_max", [None, 1_000])
def test_code_that_counts_no_lines_is_ended_by_the_kernel(make, lines_max):
    with pytest.raises(Spent, match=r"0\.3 s of CPU"):
        make(lines_max, cpu_s_max=0.3).run(planted.endless_in_c)


def test_what_a_function_raises_is_raised_here(make):
    with pytest.raises(ValueError, match="no such thing"):
        make().run(planted.refuse, "no such thing")


def test_a_process_that_is_killed_says_nothing_of_the_function(make):
    apart = make(1_000)
    with pytest.raises(Died):
        apart.run(planted.die)
    assert apart.run(planted.pid)


def test_a_process_that_is_stopped_says_nothing_of_the_function(make):
    with pytest.raises(Died):
        make(1_000, wall_s_max=0.0).run(planted.stop)


def test_a_process_serves_many_calls_unless_it_is_for_one(make):
    apart = make()

    assert apart.run(planted.pid) == apart.run(planted.pid)
    apart.do_once(apart.job(planted.pid))
    assert apart.process is None


def test_a_call_that_is_ended_while_its_process_is_being_started_has_died(make, monkeypatch):
    apart, started = make(), []

    def start_slowly(*arguments, **pipes):
        apart.end()
        started.append(popen(*arguments, **pipes))
        return started[-1]

    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", start_slowly)

    with pytest.raises(Died):
        apart.run(planted.endless_in_c)
    assert started[0].returncode is not None


def test_a_call_is_what_it_was_when_it_was_packed(make):
    apart, named = make(), ["a", "b"]
    job = apart.job(len, named)
    named.clear()

    assert apart.do(job) == 2


def test_a_process_that_had_nothing_to_do_and_ended_is_followed_by_another(make):
    apart = make()
    first = apart.run(planted.ask_no_more)
    apart.process.wait(30)

    assert apart.run(planted.pid) != first


def test_what_is_printed_is_no_answer(make):
    assert make().run(planted.chatter) == "an answer"


def test_one_whose_parent_was_killed_ends_without_a_word():
    child = subprocess.Popen(
        [sys.executable, "-m", "penstock.machine.alone"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with child:
        child.stdout.close()
        write_frame(child.stdin, pickle.dumps((abs, (-1,), None, 60.0)))
        assert child.stderr.read() == b""


def test_a_pool_goes_on_after_a_call_that_spent_its_budget():
    pool = Pool(Budget(cpu_s_max=0.3), size=1)

    with pytest.raises(Spent):
        pool.run(planted.endless_in_c)

    assert pool.run(planted.lines, 10) == 45
    pool.close()
