"""Customers: each order has a key, and is sent under that key until somebody acknowledges it."""

import collections
import http.client
import json
import random
import socket
import threading
import time
import uuid

# The statuses that the service may return while something is down; anything else below 500 is a mistake of the service's.
AGAIN = {408, 409, 425, 429}


class Ledger:
    """What customers were told. Shared by all of them."""

    def __init__(self):
        self.lock = threading.Lock()
        self.placed = {}  # key -> order id
        self.paid = {}  # order id -> payment id
        self.begun = 0
        self.attempts = 0
        self.outcomes = collections.Counter()
        self.acknowledged_at = []
        self.wrong = []
        self.latencies = []


class Customer(threading.Thread):
    def __init__(self, ledger, port, until, patience, seed):
        super().__init__(daemon=True)
        self.ledger, self.port, self.until, self.patience = ledger, port, until, patience
        self.random = random.Random(seed)
        self.connection = None

    def run(self):
        while time.monotonic() < self.until:
            key = str(uuid.UUID(int=self.random.getrandbits(128), version=4))
            with self.ledger.lock:
                self.ledger.begun += 1
            order = self.insist("POST", "/v1/orders", key, self.order(key), 201)
            if order is None:
                return
            with self.ledger.lock:
                self.ledger.placed[key] = order["id"]
                self.ledger.acknowledged_at.append(time.monotonic())
            if self.random.random() < 0.2:
                self.ask_again(key, order["id"])
            if self.random.random() < 0.5:
                receipt = self.insist("POST", f"/v1/orders/{order['id']}/pay", None, None, 200)
                if receipt is None:
                    return
                with self.ledger.lock:
                    self.ledger.paid[order["id"]] = receipt["payment"]

    def order(self, key):
        # What the same customer asks under the same key is the same, byte for byte.
        lines = [{"sku": "ROPE-10", "quantity": 1 + key.encode()[0] % 5, "unit_cents": 1250}]
        return json.dumps({"customer": "chaos", "reference": key, "lines": lines}).encode()

    def ask_again(self, key, order_id):
        """The same key once more, after the response: the same order, not another."""
        again = self.insist("POST", "/v1/orders", key, self.order(key), 201)
        if again is not None and again["id"] != order_id:
            self.complain(f"key {key} gave {order_id}, and later {again['id']}")

    def insist(self, method, path, key, body, wanted):
        """Sends it until it is acknowledged; None if nobody did so for as long as patience lasts."""
        waits = 0
        while time.monotonic() < self.until + self.patience:
            began = time.monotonic()
            outcome, said = self.once(method, path, key, body)
            with self.ledger.lock:
                self.ledger.attempts += 1
                self.ledger.outcomes[outcome] += 1
            if outcome == wanted:
                with self.ledger.lock:
                    self.ledger.latencies.append(time.monotonic() - began)
                return said
            if isinstance(outcome, int) and outcome < 500 and outcome not in AGAIN:
                self.complain(f"{method} {path}: {outcome} {said}")
                return None
            waits += 1
            time.sleep(self.random.uniform(0, min(0.5, 0.02 * 2 ** min(waits, 5))))
        self.complain(f"{method} {path}: nobody acknowledged it")
        return None

    def once(self, method, path, key, body):
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if key is not None:
            headers["Idempotency-Key"] = f'"{key}"'
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            self.connection.request(method, path, body, headers)
            response = self.connection.getresponse()
            text = response.read()
            if response.will_close:
                self.forget()
            return response.status, json.loads(text) if text else {}
        except (OSError, http.client.HTTPException, socket.timeout, ValueError) as error:
            self.forget()
            return type(error).__name__, None

    def forget(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def complain(self, what):
        with self.ledger.lock:
            self.ledger.wrong.append(what)
