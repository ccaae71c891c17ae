"""A loop in C that writes a prebuilt frame to every socket."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.bench.compiler import compiled
from tests.bench.peers import FRAME, SENTENCE, Chat


class Bare(Chat):
    name = "bare loop"
    path = "/"

    def command(self) -> Sequence[str]:
        return [
            str(compiled(Path(__file__).with_suffix(".c"), self.folder / "bare")),
            str(self.port),
        ]

    def post(self) -> str:
        return SENTENCE.ljust(FRAME - 4, ".")
