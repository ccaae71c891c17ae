"""socket.io's own server with one room, on WebSockets from the start."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tests.bench.peers import FRAME, SENTENCE, Chat

VERSION = "4.8.4"
PROGRAM = """
const { Server } = require("socket.io");
const io = new Server({ transports: ["websocket"], serveClient: false, perMessageDeflate: false });
io.on("connection", (socket) => {
  socket.join("room");
  socket.emit("ready");
  socket.on("say", (text) => io.to("room").emit("said", text));
});
io.listen(Number(process.argv[2]));
"""


@cache
def installed() -> Path:
    """A folder with the package. It stays, so that the next run needs no network."""
    folder = Path(tempfile.gettempdir()) / f"roomful-bench-socket.io-{VERSION}"
    if not (folder / "node_modules" / "socket.io" / "package.json").exists():
        npm = shutil.which("npm")
        if not npm:
            raise SystemExit("The measurements need node and npm, for socket.io's server.")
        folder.mkdir(exist_ok=True)
        package = f"socket.io@{VERSION}"
        options = ["--silent", "--no-audit", "--no-fund", "--no-save", "--prefix", str(folder)]
        subprocess.run([npm, "install", *options, package], check=True)
    return folder


class SocketIO(Chat):
    name = "socket.io"
    path = "/socket.io/?EIO=4&transport=websocket"
    ready = b'42["ready"]'

    def command(self) -> Sequence[str]:
        program = installed() / "server.cjs"
        program.write_text(PROGRAM)
        node = shutil.which("node")
        assert node
        return [node, str(program), str(self.port)]

    def greetings(self) -> Sequence[str]:
        return ["40"]  # enters the default namespace

    def post(self) -> str:
        envelope = len('42["said",""]') + 4
        return "42" + json.dumps(["say", SENTENCE.ljust(FRAME - envelope, ".")])
