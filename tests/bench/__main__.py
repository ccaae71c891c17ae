"""Measures all parts, or those named, and writes what was found.

The figures go into one JSON file, in which parts that are not measured stay as they were. Where that is
the repository's own, docs/performance.md and its picture are made anew from it.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import signal
import traceback
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from tests.bench import (
    chart,
    fanout,
    history,
    idle,
    machine,
    pages,
    posting,
    proof,
    restart,
    search,
    storm,
    tokens,
)
from tests.bench.effort import FULL, QUICK, Figures, tell
from tests.process import REPOSITORY

PARTS: dict[str, ModuleType] = {
    "fanout": fanout,
    "posting": posting,
    "pages": pages,
    "idle": idle,
    "storm": storm,
    "restart": restart,
    "history": history,
    "search": search,
    "tokens": tokens,
}
RESULTS = REPOSITORY / "tests" / "bench" / "results" / "figures.json"
DOCUMENT = REPOSITORY / "docs" / "performance.md"
PICTURE = REPOSITORY / "docs" / "pictures" / "fan-out.svg"
CHARTED_SIZE = "500"
BEGIN, END = "<!-- figures: made by make bench -->", "<!-- end of figures -->"
BUSY = 0.2  # of the server's core; some of it the kernel uses itself, for sockets
ABOUT = ("processor", "cores", "system", "python", "node")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="a try: short, small, one round")
    parser.add_argument("--rounds", type=int, help="of which the median is taken")
    parser.add_argument("--rooms", type=int, nargs="+", help="how many people are in each")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the figures are kept")
    parser.add_argument("--draw", action="store_true", help="measure nothing, only write the page")
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    if options.quick and options.out == RESULTS:
        parser.error("--quick is only a try: name another file with --out")
    failed: list[str] = []
    figures = json.loads(options.out.read_text()) if options.out.exists() else {}
    if not options.draw:
        # By itself Python would end at once on SIGTERM and leave the servers running.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        machine.prepare()
        _allow_many_files()
        proof.check()
        effort = QUICK if options.quick else FULL
        effort = replace(
            effort,
            rounds=options.rounds or effort.rounds,
            room_sizes=options.rooms or effort.room_sizes,
        )
        for name in options.parts or PARTS:
            try:
                measured = PARTS[name].measure(effort)
            except Exception as error:  # noqa: BLE001 - the other parts are measured all the same
                traceback.print_exception(_first(error))
                failed.append(name)
                continue
            about = {**machine.describe(), "rounds": effort.rounds}
            figures[name] = {"machine": about, "figures": measured}
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(json.dumps(figures, indent=1) + "\n")
    if options.out == RESULTS:
        DOCUMENT.write_text(_with_figures(DOCUMENT.read_text(), figures))
        charted = figures.get("fanout", {}).get("figures", {}).get(CHARTED_SIZE)
        if charted:
            PICTURE.write_text(chart.drawn(charted, CHARTED_SIZE))
    else:
        print(_report(figures))  # noqa: T201  # what a try is for
    failed += [
        name for name in options.parts or PARTS if '"failure"' in json.dumps(figures.get(name))
    ]
    if failed:
        tell(f"FAILED: {', '.join(failed)}")
    return 1 if failed else 0


def _first(error: BaseException) -> BaseException:
    """Of the same thing happening to a thousand clients, one will do."""
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def _allow_many_files() -> None:
    """A socket is a file; servers inherit the limit."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _report(figures: Figures) -> str:
    sections = []
    for name, part in PARTS.items():
        if name in figures:
            about = figures[name]["machine"]
            taken = f"Commit {about['commit']}, {about['date']}; rounds: {about['rounds']}."
            others = _others(figures[name]["figures"])
            if others > BUSY:
                taken += (
                    f"\n**Others took up to {others:.0%} of the server's core: compare CPU only.**"
                )
            report = part.report(figures[name]["figures"])
            sections.append(f"### {part.TITLE}\n\n{report}\n\n{taken}")
    return "\n\n".join(sections)


def _others(figures: object) -> float:
    """The most that others took of the server's core in any of these measurements."""
    if not isinstance(figures, dict):
        return 0.0
    inner = max(map(_others, figures.values()), default=0.0)
    return max(inner, float(figures.get("foreign", 0.0)))


def _with_figures(document: str, figures: Figures) -> str:
    newest = max((part["machine"] for part in figures.values()), key=lambda about: about["date"])
    about = "\n".join(f"- {name}: {newest[name]}" for name in ABOUT)
    made = f"{BEGIN}\n\nTaken on:\n\n{about}\n\n{_report(figures)}\n\n{END}"
    replaced, count = re.subn(
        f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: made, document, flags=re.DOTALL
    )
    assert count == 1, f"{DOCUMENT} has lost the marks of its figures"
    return replaced


if __name__ == "__main__":
    raise SystemExit(main())
