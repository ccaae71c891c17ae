"""How much a run takes upon itself, and what is made of repeated rounds."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Effort:
    rounds: int
    seconds: float  # of one run
    warm_up: float  # seconds
    room_sizes: Sequence[int]
    crowd: int  # people in one room, or connections
    idle: float  # seconds
    past: int  # messages of a long past


FULL = Effort(3, 2.0, 0.5, (50, 500, 2000), 1000, 20.0, 5_000_000)
QUICK = Effort(1, 0.5, 0.1, (50,), 100, 3.0, 100_000)

Figures = dict[str, Any]


def plain(result: Any) -> Figures:
    """A result's numbers, to four digits."""
    return {name: rounded(value) for name, value in asdict(result).items()}


def rounded(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value


def median(rounds: Sequence[Figures]) -> Figures:
    """Of each number by itself; what is no number is taken from the last round."""
    return {
        name: _median([figures[name] for figures in rounds])
        if isinstance(value, int | float)
        else value
        for name, value in rounds[-1].items()
    }


def _median(values: list[Any]) -> Any:
    if isinstance(values[0], int):
        return statistics.median_low(values)  # a count stays one
    return rounded(statistics.median(values))


def medians(rounds: Sequence[Mapping[str, Figures]]) -> dict[str, Figures]:
    """Of what several rounds gave under the same names."""
    names = dict.fromkeys(name for figures in rounds for name in figures)
    return {name: median([found[name] for found in rounds if name in found]) for name in names}


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201  # it takes minutes: say what it does


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown, the numbers to the right."""
    lines = [
        "| " + " | ".join(head) + " |",
        "|---|" + "---:|" * (len(head) - 1),
        *("| " + " | ".join(row) + " |" for row in rows),
    ]
    return "\n".join(lines)


def number(value: float) -> str:
    """As people read it: three digits that mean something."""
    if value >= 1000:
        return f"{round(value, 3 - len(str(int(value)))):,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
