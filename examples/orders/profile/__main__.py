"""What the report costs, on a database of a known size, for one build of the service beside another.

    python3 examples/orders/profile before=PROGRAM after=PROGRAM [--orders 20000] [--skus 2000] [--flames FOLDER]

Each program is a build of the service. It says what a report costs in time and in the service's own CPU time, that all
builds say the same, and with --flames where the CPU time goes (by perf): a table, and a flame graph in the folder.
"""

import argparse
import hashlib
import http.client
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "chaos")]

import flame
from postgres import Postgres, free_port
from service import Service

FILL = """
    INSERT INTO orders (customer, total_cents) SELECT 'ann', 500 FROM generate_series(1, {orders});
    INSERT INTO order_lines (order_id, position, sku, quantity, unit_cents)
        SELECT id, line, 'SKU-' || ((id * 7919 + line * 104729) % {skus}), 1, 250
        FROM orders, generate_series(1, 2) AS line;
    ANALYZE;
"""
REPORT = "/v1/orders/report"


def main():
    options = parse()
    postgres, results = Postgres(), []
    try:
        postgres.start()
        for name, binary in options.builds:
            results.append((name, *measure(options, postgres, name, binary)))
    finally:
        postgres.remove()
    print(f"\n{options.orders} orders of 2 lines, {options.skus} things, {options.requests} reports each")
    print(f"{'build':>10} {'time/report':>12} {'CPU/report':>12}  report")
    for name, wall, cpu, said in results:
        print(f"{name:>10} {wall * 1e3:>9.1f} ms {cpu * 1e3:>9.1f} ms  {said}")
    same = len({said for *_, said in results}) == 1
    print("all say the same" if same else "FAIL: they do not say the same")
    return 0 if same else 1


def parse():
    parser = argparse.ArgumentParser(prog="profile", description=__doc__.splitlines()[0])
    parser.add_argument("builds", nargs="+", type=lambda text: tuple(text.split("=", 1)), metavar="NAME=PROGRAM")
    parser.add_argument("--orders", type=int, default=20_000)
    parser.add_argument("--skus", type=int, default=2_000)
    parser.add_argument("--requests", type=int, default=5)
    parser.add_argument("--flames", metavar="FOLDER", help="record where the CPU time goes, by perf")
    return parser.parse_args()


def measure(options, postgres, name, binary):
    with tempfile.TemporaryDirectory(prefix="orders-profile-") as folder:
        # Nobody is paid and nobody hears of anything: a port where nobody listens will do.
        nobody = f"http://127.0.0.1:{free_port()}"
        policies = os.path.join(os.path.dirname(HERE), "policies.toml")
        service = Service(os.path.abspath(binary), folder, free_port(), free_port(), postgres.url, nobody, policies)
        service.start()
        try:
            if postgres.ask("SELECT count(*) FROM orders") == [["0"]]:
                postgres.ask(FILL.format(orders=options.orders, skus=options.skus))
            report(service.port)
            recording = record(options, service.process.pid, name)
            began, before = time.monotonic(), cpu(service.process.pid)
            for _ in range(options.requests):
                said = report(service.port)
            took = (time.monotonic() - began, cpu(service.process.pid) - before)
            if recording:
                draw(options, *recording, name)
            return *(each / options.requests for each in took), hashlib.sha256(said).hexdigest()[:16]
        finally:
            service.end()


def report(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request("GET", REPORT, headers={"request-timeout": "600"})
    response = connection.getresponse()
    text = response.read()
    connection.close()
    if response.status != 200:
        raise SystemExit(f"{REPORT}: {response.status} {text!r}")
    return text


def cpu(pid):
    """Seconds of CPU time of a process so far, in user space and in the kernel."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def record(options, pid, name):
    if not options.flames:
        return None
    os.makedirs(options.flames, exist_ok=True)
    data = os.path.join(options.flames, f"{name}.perf")
    command = ["perf", "record", "-F", "999", "-g", "-p", str(pid), "-o", data]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), data


def draw(options, recording, data, name):
    recording.send_signal(2)
    recording.wait()
    script = subprocess.run(["perf", "script", "-i", data], capture_output=True, text=True, check=True).stdout
    counts = flame.stacks(script)
    picture = os.path.join(options.flames, f"{name}.svg")
    with open(picture, "w", encoding="utf-8") as file:
        file.write(flame.svg(counts))
    print(f"\n{name}: {sum(counts.values())} samples, {picture}\n{'alone':>7} {'in all':>7}")
    for function, alone, below in flame.hottest(counts):
        print(f"{100 * alone:>5.1f} % {100 * below:>5.1f} %  {function[:110]}")


if __name__ == "__main__":
    # Ended from outside, it cleans up as it does by itself.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
