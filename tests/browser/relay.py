"""A proxy between browser and server that does to connections what networks do."""

import socket
import threading
from contextlib import suppress

CHUNK = 65536  # bytes
HEAD_LIMIT = 65536  # bytes; the server itself takes no longer heads

REFUSAL = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Relay:
    """Forwards `url` to the server at `target`; the switches hold for connections to come.

    `refuse_sockets`: answers a WebSocket's handshake with 403, as proxies do that know none.
    `down`: closes every connection at once, as if there were no network.
    """

    def __init__(self, target: int, *, refuse_sockets: bool = False) -> None:
        self.target = target
        self.refuse_sockets = refuse_sockets
        self.down = False
        self._pairs: list[tuple[socket.socket, socket.socket, bool]] = []
        self._silent: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, *, only_sockets: bool = False) -> None:
        """Breaks the connections there are."""
        for client, server, is_socket in self._taken():
            if is_socket or not only_sockets:
                _close(client)
                _close(server)

    def silence_sockets(self) -> None:
        """Lets nothing through on the sockets there are, but leaves them open: half-open."""
        for client, server, is_socket in self._taken():
            if is_socket:
                self._silent |= {client, server}

    def close(self) -> None:
        self.down = True
        _close(self._listener)
        self.cut()

    def _taken(self) -> list[tuple[socket.socket, socket.socket, bool]]:
        with self._lock:
            return list(self._pairs)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """The browser opens a connection of its own for each WebSocket: its first head tells."""
        with client, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head and len(head) < HEAD_LIMIT:
                if not (data := client.recv(CHUNK)):
                    return
                head += data
            is_socket = b"upgrade: websocket" in head.lower()
            if self.down:
                return
            if is_socket and self.refuse_sockets:
                client.sendall(REFUSAL)
                return
            with socket.create_connection(("127.0.0.1", self.target)) as server:
                pair = (client, server, is_socket)
                with self._lock:
                    self._pairs.append(pair)
                server.sendall(head)
                back = threading.Thread(target=self._pump, args=[server, client], daemon=True)
                back.start()
                self._pump(client, server)
                back.join()
                with self._lock:
                    self._pairs.remove(pair)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                if source not in self._silent:
                    sink.sendall(data)
        if source in self._silent:
            return  # nor does the other side learn of an end
        _close(source)
        _close(sink)


def _close(connection: socket.socket) -> None:
    # Closing alone would not wake the thread that reads from it.
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    if connection.type == socket.SOCK_STREAM:
        with suppress(OSError):
            connection.close()
