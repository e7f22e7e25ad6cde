"""A TCP proxy on loopback in front of a registry, which slows its answers down and counts them."""

import re
import socket
import threading
import time
from dataclasses import dataclass

#: Bytes that are passed on at once: what a client that dies has not read is at most this and what the kernel holds.
PIECE = 4096
REQUEST = re.compile(rb"^([A-Z]+) (\S+) HTTP/1\.1\r\n", re.MULTILINE)


@dataclass
class Request:
    method: str
    path: str
    ranged: bool
    #: Bytes that went to the client from this request to the next of its connection, headers included.
    bytes: int = 0

    @property
    def blob(self) -> str | None:
        """The digest, of a GET of a blob."""
        found = re.search(r"/blobs/(sha256:[0-9a-f]{64})$", self.path)
        return found[1] if found and self.method == "GET" else None


class SlowProxy:
    """`host` is what stands in front of an image's name. Every connection gets `rate` bytes in a second."""

    def __init__(self, port: int, rate: float) -> None:
        self.upstream, self.rate = port, rate
        self.lock = threading.Lock()
        self.requests: list[Request] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        self.listener.close()

    def take(self) -> list[Request]:
        """The requests since the last time."""
        with self.lock:
            taken, self.requests = self.requests, []
            return taken

    def sent(self) -> int:
        """Bytes that went to clients since then."""
        with self.lock:
            return sum(request.bytes for request in self.requests)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PIECE)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        current: list[Request] = []
        with client, socket.create_connection(("127.0.0.1", self.upstream)) as server:
            answers = threading.Thread(target=self._answer, args=(server, client, current), daemon=True)
            answers.start()
            try:
                while data := client.recv(65536):
                    # Our requests are small and one after another: each begins a packet.
                    for method, path in REQUEST.findall(data):
                        request = Request(method.decode(), path.decode(), b"\r\nrange:" in data.lower())
                        with self.lock:
                            self.requests.append(request)
                        current[:] = [request]
                    server.sendall(data)
            except OSError:
                pass
            for end in (client, server):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
            answers.join()

    def _answer(self, server: socket.socket, client: socket.socket, current: list[Request]) -> None:
        try:
            while data := server.recv(PIECE):
                client.sendall(data)
                if current:
                    current[0].bytes += len(data)
                time.sleep(len(data) / self.rate)
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass
