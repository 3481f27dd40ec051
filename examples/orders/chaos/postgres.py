"""A PostgreSQL of the run's own, made of Debian's programs, and psql to ask it."""

import glob
import os
import random
import secrets
import shutil
import socket
import subprocess
import tempfile

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # What a commit has been given to the kernel survives the server's death, which is what is tried here.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "on",
    "max_connections": "100",
}


def programs():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda path: int(path.split("/")[4]))
    initdb = found[-1] if found else shutil.which("initdb")
    if not initdb:
        raise SystemExit("PostgreSQL is not installed: apt-get install postgresql")
    return os.path.dirname(initdb)


def free_port():
    """Below what the kernel gives to outgoing connections: the port must be free again after a restart."""
    while True:
        port = random.randrange(15_000, 32_000)
        with socket.socket() as taken:
            try:
                taken.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Postgres:
    def __init__(self):
        self.bin = programs()
        # The server refuses to run as root.
        self.user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"] if os.geteuid() == 0 else []
        self.folder = tempfile.mkdtemp(prefix="orders-chaos-")
        if self.user:
            shutil.chown(self.folder, "postgres", "postgres")
        self.data = os.path.join(self.folder, "data")
        self.port = free_port()
        self.password = secrets.token_hex(16)
        secret = os.path.join(self.folder, "password")
        self._run(["sh", "-c", f'umask 077 && printf %s "$PGPASSWORD" > {secret}'])
        self._run(
            [f"{self.bin}/initdb", "--pgdata", self.data, "--username", "orders", "--pwfile", secret]
            + ["--auth", "password", "--encoding", "UTF8", "--locale", "C", "--no-sync"]
        )

    @property
    def url(self):
        return f"postgres://orders:{self.password}@127.0.0.1:{self.port}/postgres"

    def start(self):
        options = f"-p {self.port} -k {self.folder} " + " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())
        self._run([f"{self.bin}/pg_ctl", "start", "-w", "-s", "-D", self.data, "-l", f"{self.folder}/log", "-o", options])

    def stop_immediately(self):
        """As a crash does it: nobody is told, nothing is finished."""
        self._run([f"{self.bin}/pg_ctl", "stop", "-w", "-s", "-D", self.data, "-m", "immediate"])

    def ask(self, statement):
        """Rows of a statement, by psql: a list of lists of text."""
        done = subprocess.run(
            [f"{self.bin}/psql", "-X", "-q", "-t", "-A", "-F", "\t", "-c", statement, self.url],
            capture_output=True, text=True, check=True,
        )
        return [line.split("\t") for line in done.stdout.splitlines() if line]

    def remove(self):
        subprocess.run(
            [*self.user, f"{self.bin}/pg_ctl", "stop", "-w", "-s", "-D", self.data, "-m", "immediate"],
            stderr=subprocess.DEVNULL, cwd="/", check=False,
        )
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, command):
        environment = {**os.environ, "PGPASSWORD": self.password}
        # The server keeps what it inherits open for as long as it runs: a pipe would never end.
        with tempfile.TemporaryFile() as said:
            done = subprocess.run([*self.user, *command], stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                                  env=environment, cwd="/", check=False)
            if done.returncode != 0:
                said.seek(0)
                raise SystemExit(f"{command[0]}: {said.read().decode(errors='replace')}")
