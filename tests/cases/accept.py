"""Rewrites every case's expectations with what convert says now. The diff is the review."""

from cases.runner import MAPPINGS, read_cases, write_case

if __name__ == "__main__":
    for case in read_cases():
        write_case(case, {name: case.actual(name) for name in MAPPINGS})
