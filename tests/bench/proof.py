"""Before anything is measured: would a lost, a doubled or a disordered delivery be noticed?"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Sequence

from tests.bench.crowd import Crowd, Failure, Pace
from tests.bench.peers import SENTENCE, Chat
from tests.bench.wire import Wire

CLIENTS, WRONG = 3, 2  # how many, and which of them is sent something wrong
HEADER = 6  # bytes before what a client's short frame holds: two, and the mask

Fault = Callable[[list[bytes]], Sequence[bytes]]

FAULTS: dict[str, Fault] = {
    "lost": lambda frames: [frames[0], frames[2]],
    "doubled": lambda frames: [frames[0], frames[1], frames[1], frames[2]],
    "disordered": lambda frames: [frames[1], frames[0], frames[2]],
}


class Faulty(Chat):
    """Three messages go to everybody, and wrongly to one."""

    name = "a faulty server"

    def __init__(self, fault: Fault) -> None:
        super().__init__()
        pairs = [socket.socketpair() for _ in range(CLIENTS)]
        self.clients = [client for client, _server in pairs]
        self.servers = [server for _client, server in pairs]
        self.fault = fault

    @property
    def pid(self) -> int:
        return os.getpid()

    def command(self) -> Sequence[str]:
        raise NotImplementedError("it is a thread")

    def post(self) -> str:
        return SENTENCE

    def serve(self) -> None:
        frames = []
        for number in range(1, CLIENTS + 1):  # in turn, as the crowd posts
            text = self.servers[number % CLIENTS].recv(4096)[HEADER:]
            frames.append(bytes([0x81, len(text)]) + text)
        for client, server in enumerate(self.servers):
            said = self.fault(frames) if client == WRONG else frames
            server.sendall(b"".join(said))
        for server in self.servers:
            server.close()


def _noticed(fault: Fault) -> bool:
    chat = Faulty(fault)
    crowd = Crowd(chat)
    for client in chat.clients:
        crowd.add(Wire(client))
    serving = threading.Thread(target=chat.serve)
    serving.start()
    try:
        crowd.run(Pace("at once", CLIENTS), 0.0005)
    except Failure as failure:
        return "got message" in str(failure)
    finally:
        serving.join()
        crowd.close()
        chat.stop()
    return False


def check() -> None:
    assert not _noticed(lambda frames: frames), "the faultless is taken for faulty"
    for name, fault in FAULTS.items():
        assert _noticed(fault), f"a {name} message would not be noticed"
