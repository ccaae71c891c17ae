"""The chat of the Channels tutorial (part 3, asynchronous), on daphne and Redis, word for word but for
the room's page, which nobody asks for here."""

from __future__ import annotations

import json

from tests.bench.peers import FRAME, SENTENCE, Chat, Daphne


class Tutorial(Daphne, Chat):
    name = "Channels tutorial"
    path = "/ws/chat/lobby/"
    application = "tests.bench.peers.tutorial.asgi:application"

    def __init__(self, redis_url: str) -> None:
        super().__init__()
        self.redis_url = redis_url

    def variables(self) -> dict[str, str]:
        return {"REDIS_URL": self.redis_url, "DATABASE": str(self.folder / "db.sqlite3")}

    def post(self) -> str:
        envelope = len('{"message": ""}') + 4
        return json.dumps({"message": SENTENCE.ljust(FRAME - envelope, ".")})
