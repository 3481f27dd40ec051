"""The service as a process: started, killed without a word, started again."""

import http.client
import os
import signal
import subprocess
import time

CONFIG = """
listen = "127.0.0.1:{port}"
admin = "127.0.0.1:{admin}"
policies = "{policies}"
invoices = "{invoices}"

[database]
url = "{database}"

[payments]
origin = "{payments}"

[notifications]
origin = "{payments}"

[outbox]
poll = "100ms"
hold = "1s"

[idempotency]
run = "1500ms"
lease = "2s"
"""


class Service:
    def __init__(self, binary, folder, port, admin, database, payments, policies):
        self.binary, self.port, self.admin = binary, port, admin
        self.config = os.path.join(folder, "orders.toml")
        self.log = os.path.join(folder, "service.log")
        self.process = None
        invoices = os.path.join(folder, "invoices")
        os.makedirs(invoices)
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(port=port, admin=admin, policies=policies, invoices=invoices,
                                     database=database, payments=payments))

    def start(self):
        environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.binary, self.config], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env=environment)
        for _ in range(3_000):
            if self.process.poll() is not None:
                raise SystemExit(f"the service ended by itself:\n{self.tail()}")
            if self.ready():
                return
            time.sleep(0.02)
        raise SystemExit(f"the service does not come up:\n{self.tail()}")

    def ready(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=1)
        try:
            connection.request("GET", "/livez")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self, patience=30):
        """Asks it to end, as an orchestrator does; its exit status, or None if it does not end."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def tail(self, lines=40):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return "".join(log.readlines()[-lines:])
