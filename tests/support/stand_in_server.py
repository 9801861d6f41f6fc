"""A stand-in for an OpenAI-compatible server: real sockets, answers that the test sets, and a list of the requests."""

import json
import re
import threading
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODEL = "stand-in-7b"


@dataclass
class Raw:
    """The server's reaction to one request, instead of a good answer."""

    status: int = 200
    body: bytes | dict = b""
    headers: dict = field(default_factory=dict)  # besides the length; the type is JSON unless given here
    wait: threading.Event | None = None  # answers only when it is set
    drop: bool = False  # closes the connection without a word


class StandIn:
    """The server's state.

    Attributes:
        answer: prompt -> text of a good answer, or Raw.
        models: the list of models, or Raw.
        asked: the requests in order, each {"authorization", "headers", "prompt", and the body}.
    """

    def __init__(self, answer: Callable[[str], str | Raw]):
        self.answer = answer
        self.models: list[dict] | Raw = [{"id": MODEL, "owned_by": "llamacpp"}]
        self.asked: list[dict] = []
        self.url = ""

    def words(self) -> list[str]:
        """The requested words, in order."""
        return [word_of(one["prompt"]) for one in self.asked]


def word_of(prompt: str) -> str:
    """Return the word that a prompt requests."""
    return re.search(r'Each of them uses "(.+?)",', prompt)[1]


def count_of(prompt: str) -> int:
    """Return the number of sentences that a prompt requests."""
    return int(re.match(r"Write (\d+) ", prompt)[1])


def numbered(sentences) -> str:
    return "\n".join(f"{place}. {sentence}" for place, sentence in enumerate(sentences, 1))


@contextmanager
def running(answer: Callable[[str], str | Raw]):
    """A StandIn that listens, at its `url`."""
    stand_in = StandIn(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            models = stand_in.models
            self._send(models if isinstance(models, Raw) else Raw(body={"object": "list", "data": models}))

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            prompt = body["messages"][0]["content"]
            came_with = {"authorization": self.headers["authorization"], "headers": dict(self.headers)}
            stand_in.asked.append({**came_with, "prompt": prompt, **body})
            found = stand_in.answer(prompt)
            if isinstance(found, str):
                message = {"role": "assistant", "content": found}
                usage = {"prompt_tokens": 100, "completion_tokens": 40}
                found = Raw(body={"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage})
            self._send(found)

        def _send(self, raw: Raw):
            if raw.wait is not None:
                raw.wait.wait(30)
            if raw.drop:
                self.close_connection = True
                return
            body = raw.body if isinstance(raw.body, bytes) else json.dumps(raw.body).encode()
            try:
                self.send_response(raw.status)
                told = {"content-length": str(len(body)), "content-type": "application/json", **raw.headers}
                for name, value in told.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
            except OSError:  # the client is gone
                self.close_connection = True

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    stand_in.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield stand_in
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def closed_port() -> int:
    """Return a port on which no program listens."""
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
