"""The payment service's stand-in, which also hears of events: it charges once per key, and keeps a book of it."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Payments:
    """Outlives every kill of the service, so its book is the truth about money."""

    def __init__(self):
        self.lock = threading.Lock()
        self.charges = {}  # key -> (charge id, order)
        self.events = {}  # event id -> how often it was heard of
        self.requests = 0
        self.mood = "fine"
        self.changed = threading.Condition(self.lock)
        payments = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                payments.respond(self)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                """A service that is killed breaks its connections off; that is what is tried here."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def become(self, mood):
        """`fine`, `hanging` (takes requests, says nothing), or `losing` (does the work and loses the response)."""
        with self.lock:
            self.mood = mood
            self.changed.notify_all()

    def respond(self, handler):
        body = json.loads(handler.rfile.read(int(handler.headers.get("Content-Length", 0))) or b"{}")
        key = handler.headers.get("Idempotency-Key", "")
        with self.lock:
            self.requests += 1
            if self.mood == "hanging":
                # Longer than any client waits; then the connection ends without a response.
                self.changed.wait_for(lambda: self.mood != "hanging", timeout=60)
                handler.close_connection = True
                return
            if handler.path == "/charges":
                charge, _ = self.charges.setdefault(key, (f"ch-{len(self.charges) + 1}", body["order"]))
                said = {"id": charge}
            else:
                self.events[body["id"]] = self.events.get(body["id"], 0) + 1
                said = {}
            losing = self.mood == "losing"
        if losing:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        text = json.dumps(said).encode()
        handler.send_response(201)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)
