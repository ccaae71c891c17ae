"""A program at the other end of an outgoing webhook: SECRET=... python3 receiver.py 8123"""

import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def genuine(headers: dict[str, str], body: bytes) -> bool:
    """Whether it comes from Roomful, within five minutes of now."""
    timestamp = headers.get("Roomful-Timestamp", "")
    signed = timestamp.encode() + b"." + body
    expected = "v1=" + hmac.new(os.environ["SECRET"].encode(), signed, hashlib.sha256).hexdigest()
    told = headers.get("Roomful-Signature", "")
    same = hmac.compare_digest(told.encode(), expected.encode())
    return same and abs(time.time() - int(timestamp)) < 300


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not genuine(dict(self.headers), body):
            self.send_error(401)
            return
        event = json.loads(body)
        said = {} if event["type"] == "test" else {"text": f"Heard: {event['message']['text']}"}
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(said).encode())


if __name__ == "__main__":
    ThreadingHTTPServer(("", int(sys.argv[1])), Receiver).serve_forever()
