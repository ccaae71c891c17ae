"""A machine's clock that a test can set, for the processes that it starts and for nobody else."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.bench.compiler import compiled


class Clock:
    """`variables` go into the environment of whatever is to live by this clock."""

    def __init__(self) -> None:
        # Not where tests have their files: PostgreSQL runs as another user, and programs can't be loaded
        # from some memory disks.
        self.folder = Path(tempfile.mkdtemp(prefix="roomful-clock-", dir="/var/tmp"))
        self.folder.chmod(0o755)
        self._file = self.folder / "seconds"
        self.set(0)
        source = Path(__file__).with_suffix(".c")
        self._code = compiled(source, self.folder / "clock.so", "-shared", "-fPIC")
        for file in (self._file, self._code):
            file.chmod(0o755)
        self.variables = {"LD_PRELOAD": str(self._code), "CLOCK_FILE": str(self._file)}

    def set(self, seconds: int) -> None:
        """So many seconds from the machine's own."""
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(seconds.to_bytes(8, "little", signed=True))

    def governs(self, process: subprocess.Popen[bytes] | None) -> bool:
        """Whether the process lives by it; what can't be loaded is left out with a warning."""
        assert process, "it does not run"
        return str(self._code) in Path(f"/proc/{process.pid}/maps").read_text()

    def remove(self) -> None:
        shutil.rmtree(self.folder)
