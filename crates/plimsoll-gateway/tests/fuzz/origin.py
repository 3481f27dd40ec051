"""An origin on Python's http.server, which reads requests in its own way. Tells on standard output what it has read."""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

said = threading.Lock()


def hexed(text):
    return text.encode("latin-1", "surrogateescape").hex()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def __getattr__(self, name):
        # Every method gets the same response.
        if name.startswith("do_"):
            return self.response
        raise AttributeError(name)

    def read_body(self):
        """The body as far as it comes, and whether it came whole."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            body = b""
            while True:
                size = int(self.rfile.readline().split(b";")[0], 16)
                data = self.rfile.read(size)
                body += data
                if len(data) < size:
                    return body, False
                if size == 0:
                    while True:
                        line = self.rfile.readline()
                        if line in (b"\r\n", b"\n"):
                            return body, True
                        if not line:
                            return body, False
                self.rfile.readline()
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        return body, len(body) == length

    def response(self):
        try:
            body, whole = self.read_body()
        except (ValueError, OSError):
            body, whole = b"", False
        record = {
            "method": hexed(self.command),
            "target": hexed(self.path),
            "fields": [[name.lower(), hexed(value.strip(" \t"))] for name, value in self.headers.items()],
            "body": body.hex(),
            "whole": whole,
        }
        with said:
            print(json.dumps(record), flush=True)
        if not whole:
            self.close_connection = True
            return
        echo = (hexed(self.command) + "-" + hexed(self.path)).encode()
        self.send_response(200)
        self.send_header("X-Echo", echo.decode())
        self.send_header("Content-Length", str(len(echo)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(echo)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 1024

    def handle_error(self, *_):
        # A connection that broke.
        pass


server = Server(("127.0.0.1", 0), Handler)
print(json.dumps({"port": server.server_address[1]}), flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
# Ends with whoever started it.
sys.stdin.read()
