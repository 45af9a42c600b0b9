"""What a bench says: rows of figures, each beside its limit, its target, and what was recorded of it before."""

import dataclasses
import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

COMPARISONS = {">=": operator.ge, "<=": operator.le}
HEADS = ("measure", "figure", "beside it", "ratio", "target", "", "CPU", "written", "recorded")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure, and what it is compared with in the same run."""

    #: What is measured, in words that stay: a recorded row is found again by them.
    name: str
    unit: str
    figure: float
    #: What the limit is, and how much of it there is, in the unit of the figure; None where nothing limits.
    beside: str = ""
    limit: float | None = None
    #: Such as ">= 0.3": of the ratio where there is a limit, else of the figure. Empty for what is only told.
    target: str = ""
    #: CPU microseconds, and bytes written, for each event.
    cpu_us: float | None = None
    written_bytes: float | None = None
    #: What must be known to read the figure.
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Return the figure as a share of its limit."""
        return self.figure / self.limit if self.limit else None

    @property
    def holds(self) -> bool | None:
        """Return whether the target is met; None where there is none."""
        if not self.target:
            return None
        comparison, bound = self.target.split()
        return bool(COMPARISONS[comparison](self.compared, float(bound)))

    @property
    def compared(self) -> float:
        """Return what is held against the target."""
        return self.figure if self.ratio is None else self.ratio

    def as_json(self) -> dict[str, Any]:
        """Return all that is known of it, so that whoever reads the record need not compute."""
        return dataclasses.asdict(self) | {"ratio": self.ratio, "holds": self.holds}


def row_of(told: Mapping[str, Any]) -> Row:
    """Return a row as it was written by `as_json`."""
    return Row(**{field.name: told[field.name] for field in dataclasses.fields(Row)})


def number(value: float | None) -> str:
    """Return a number as people read it: three digits that count."""
    if value is None:
        return ""
    if abs(value) >= 1_000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def cells(row: Row, recorded: Row | None = None) -> list[str]:
    """Return a row as it stands in a table."""
    beside = f"{row.beside} {number(row.limit)}".strip()
    holds = {None: "", True: "holds", False: "MISSED"}[row.holds]
    cpu = "" if row.cpu_us is None else f"{number(row.cpu_us)} µs"
    written = "" if row.written_bytes is None else f"{number(row.written_bytes)} B"
    figure = f"{number(row.figure)} {row.unit}".strip()
    return [row.name, figure, beside, number(row.ratio), row.target, holds, cpu, written, against(row, recorded)]


def against(row: Row, recorded: Row | None) -> str:
    """Return what was recorded, and how much of it there is now; by the ratio where there is one."""
    if recorded is None or not recorded.compared:
        return ""
    return f"{number(recorded.compared)} ({row.compared / recorded.compared - 1:+.0%})"


def table(rows: Iterable[Row], recorded: Mapping[str, Row]) -> str:
    """Return rows for a terminal, in columns."""
    return in_columns([list(HEADS), *(cells(row, recorded.get(row.name)) for row in rows)])


def in_columns(lines: Sequence[Sequence[str]]) -> str:
    """Return cells under one another."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
