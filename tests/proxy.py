"""nginx as docs/deploy/ sets it up, in front of processes that a test has started."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
from typing import TYPE_CHECKING

from tests.process import REPOSITORY
from tests.services import Service, free_port, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SHIPPED = REPOSITORY / "docs" / "deploy"


class Proxy(Service):
    """The shipped files with other addresses and paths; nothing else of them is changed."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__("nginx")
        self.http_port, self.https_port = self.port, free_port()
        self.url = f"https://localhost:{self.https_port}"
        self.data_dir = data_dir
        self.access_log = self.folder / "access.log"
        (self.folder / "conf.d").mkdir()
        self._make_certificate()
        self.tls = ssl.create_default_context(cafile=self.folder / "fullchain.pem")

    def _make_certificate(self) -> None:
        command = (
            "openssl req -x509 -nodes -days 2 -newkey ec -pkeyopt ec_paramgen_curve:P-256"
            " -subj /CN=localhost -addext subjectAltName=DNS:localhost"
            " -keyout privkey.pem -out fullchain.pem"
        )
        subprocess.run(command.split(), cwd=self.folder, check=True, capture_output=True)

    def set_up(self, ports: Iterable[int]) -> None:
        """Writes its files, for Roomfuls at these ports of this machine."""
        # As root, nginx would have its workers be somebody who may not look into pytest's folders.
        user = {"user www-data;": "user root;" if os.geteuid() == 0 else ""}
        self._write(
            "nginx.conf",
            "nginx.conf",
            user
            | {
                "/run/nginx.pid": f"{self.folder}/pid",
                "/var/log/nginx/": f"{self.folder}/",
                "/etc/nginx/conf.d/": f"{self.folder}/conf.d/",
            },
        )
        servers = " ".join(f"server 127.0.0.1:{port} fail_timeout=3s;" for port in ports)
        self._write(
            "roomful.conf.template",
            "conf.d/roomful.conf",
            {
                "${ROOMFUL_HOST}": "localhost",
                "${ROOMFUL_TLS}": str(self.folder),
                "${ROOMFUL_DATA}": str(self.data_dir),
                "${ROOMFUL_SERVERS}": servers,
                "listen 80": f"listen 127.0.0.1:{self.http_port}",
                "listen 443": f"listen 127.0.0.1:{self.https_port}",
                "listen [::]:80": f"listen [::1]:{self.http_port}",
                "listen [::]:443": f"listen [::1]:{self.https_port}",
            },
        )
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        paths = "".join(f"{kind}_temp_path {self.folder}/{kind};\n" for kind in kinds)
        (self.folder / "conf.d" / "paths.conf").write_text(paths)

    def _write(self, shipped: str, name: str, changes: dict[str, str]) -> None:
        text = (SHIPPED / shipped).read_text()
        for here, there in changes.items():
            assert here in text, f"{shipped} no longer has {here}"
            text = text.replace(here, there)
        (self.folder / name).write_text(text)

    def command(self) -> str:
        program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
        assert program, "nginx is missing: tests/prepare.sh installs it"
        return f"{program} -p {self.folder} -c {self.folder}/nginx.conf -g 'daemon off;'"

    def answers(self) -> bool:
        assert self.process
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            with socket.create_connection(("127.0.0.1", self.https_port), timeout=1):
                return True
        except OSError:
            return False

    def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        super().stop(by)  # SIGKILL would leave its workers

    def upstreams(self, request: str, count: int) -> list[str]:
        """Which process answered each of the `count` times that this was asked, "-" being nginx."""

        def found() -> list[str]:
            lines = [line.split('"') for line in self.access_log.read_text().splitlines()]
            return [after.split()[-1] for _, asked, after in lines if asked == request]

        # It writes the line when it has sent the answer, and a client may have read that by then.
        wait_until(lambda: len(found()) >= count, f"logging {request}")
        return found()
