"""A server on this machine that answers as badly as servers do."""

from __future__ import annotations

import io
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTENT = bytes(range(256)) * 4000


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(self)
        answers = self.server.answers[self.path]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        answer(self)
        self.close_connection = True

    def head(self, status=200, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.flush()

    def log_message(self, *args):
        pass


def whole(content=CONTENT, **headers):
    def answer(handler):
        handler.head(Content_Length=len(content), **headers)
        handler.wfile.write(content)

    return answer


def without_length(handler):
    handler.head()
    handler.wfile.write(CONTENT)


def truncated(handler):
    handler.head(Content_Length=2_000)
    handler.wfile.write(CONTENT[:1_000])


def dropped(handler):
    handler.head(Content_Length=len(CONTENT))
    handler.wfile.write(CONTENT[:1_000])
    # Closed at once with what is unsent thrown away, a socket sends a reset.
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.wfile = handler.rfile = io.BytesIO()


def silent(handler):
    handler.server.released.wait()


def stalled(handler):
    handler.head(Content_Length=len(CONTENT))
    handler.wfile.write(CONTENT[:1_000])
    handler.server.released.wait()


def dribbling(handler):
    handler.head(Content_Length=len(CONTENT))
    for start in range(0, len(CONTENT), len(CONTENT) // 10):
        handler.wfile.write(CONTENT[start : start + len(CONTENT) // 10])
        time.sleep(0.1)


def status(code, **headers):
    return lambda handler: handler.head(code, Content_Length=0, **headers)


class Server(ThreadingHTTPServer):
    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.requests, self.released = {}, [], threading.Event()

    def handle_error(self, request, client_address):
        """Keep silent about clients that went away."""

    def url(self, *answers, path="/x.tar.gz"):
        """Give the answers one after the other, the last for ever."""
        self.answers[path] = list(answers)
        return f"http://127.0.0.1:{self.server_port}{path}"
