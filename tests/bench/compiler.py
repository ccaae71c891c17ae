"""The parts that have to be faster than what they measure are C."""

import shutil
import subprocess
from pathlib import Path


def compiled(source: Path, target: Path, *options: str) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        raise SystemExit("A C compiler is missing: install gcc.")
    command = [
        compiler,
        "-O2",
        "-Wall",
        "-Wextra",
        "-Werror",
        *options,
        str(source),
        "-o",
        str(target),
    ]
    subprocess.run(command, check=True)
    return target
