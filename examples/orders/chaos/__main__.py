"""Orders under load while everything around them dies; then the books are compared.

    python3 examples/orders/chaos --binary target/release/orders [--seconds 20]

It shares no code with the service: it makes its own PostgreSQL, plays the payment service, kills the service with
SIGKILL, and compares what customers were told with what psql finds. Exit status 0 if all checks hold, 1 if not.
"""

import argparse
import os
import signal
import sys
import threading
import time

sys.dont_write_bytecode = True

from clients import Customer, Ledger
from payments import Payments
from postgres import Postgres, free_port
from service import Service
from verdict import judge

HERE = os.path.dirname(os.path.abspath(__file__))
# How long customers insist after the load has ended.
PATIENCE = 60
# How long events may take to be heard of: an event that fell often is tried again after a minute, not sooner.
SETTLING = 90


def main():
    options = parse()
    postgres, payments, service = Postgres(), Payments(), None
    try:
        postgres.start()
        service = Service(os.path.abspath(options.binary), postgres.folder, free_port(), free_port(), postgres.url,
                          payments.origin, os.path.join(os.path.dirname(HERE), "policies.toml"))
        service.start()
        ledger, faults = load(options, postgres, payments, service)
        settle(postgres)
        ended = service.end()
        checks = verdict(options.tamper, ledger, postgres, payments)
        checks.append(("exit status after SIGTERM", ended, ended == 0))
    except BaseException:
        if service is not None and os.path.exists(service.log):
            print(service.tail(), file=sys.stderr)
        raise
    finally:
        if service is not None and service.process is not None and service.process.poll() is None:
            service.kill()
        postgres.remove()
    show(options, ledger, payments, faults, checks)
    return 0 if all(holds for _, _, holds in checks) else 1


def parse():
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__.splitlines()[0])
    parser.add_argument("--binary", required=True, help="the service's program")
    parser.add_argument("--seconds", type=float, default=20, help="of load (default 20)")
    parser.add_argument("--customers", type=int, default=16, help="at once (default 16)")
    parser.add_argument("--seed", type=int, default=1, help="of the customers' draws")
    parser.add_argument("--tamper", choices=["lose", "double", "charge"],
                        help="falsify the books before they are compared, to see that the comparison finds it")
    return parser.parse_args()


def load(options, postgres, payments, service):
    """Customers order and pay for as long as was said, while one thing after another goes wrong."""
    began = time.monotonic()
    until = began + options.seconds
    ledger = Ledger()
    customers = [Customer(ledger, service.port, until, PATIENCE, options.seed * 1_000 + each)
                 for each in range(options.customers)]
    for customer in customers:
        customer.start()

    def restart_database():
        postgres.stop_immediately()
        time.sleep(min(1.0, options.seconds * 0.05))
        postgres.start()

    def kill_service():
        service.kill()
        service.start()

    # Each fault at a share of the time, so that a short run sees them all.
    plan = [
        (0.10, "PostgreSQL stopped as by a crash, and started again", restart_database),
        (0.25, "payment service hangs", lambda: payments.become("hanging")),
        (0.40, "payment service is back", lambda: payments.become("fine")),
        (0.45, "service killed (SIGKILL), and started again", kill_service),
        (0.55, "payment service charges, and loses its responses", lambda: payments.become("losing")),
        (0.65, "payment service is back", lambda: payments.become("fine")),
        (0.70, "PostgreSQL stopped as by a crash, and started again", restart_database),
        (0.80, "payment service hangs, and the service is killed meanwhile",
         lambda: (payments.become("hanging"), kill_service())),
        (0.90, "payment service is back", lambda: payments.become("fine")),
    ]
    faults = []
    for share, what, fault in plan:
        time.sleep(max(0.0, began + share * options.seconds - time.monotonic()))
        at = time.monotonic()
        fault()
        faults.append((at - began, time.monotonic() - began, what))
        print(f"{faults[-1][0]:6.1f} s  {what}", flush=True)
    for customer in customers:
        customer.join(options.seconds + 2 * PATIENCE)
    if any(customer.is_alive() for customer in customers):
        ledger.wrong.append("a customer still waits")
    ledger.began = began
    return ledger, faults


def settle(postgres):
    """Waits until every event has been heard of."""
    deadline = time.monotonic() + SETTLING
    while time.monotonic() < deadline:
        if postgres.ask("SELECT count(*) FROM outbox WHERE delivered_at IS NULL")[0] == ["0"]:
            return
        threading.Event().wait(0.1)


def verdict(tamper, ledger, postgres, payments):
    rows = postgres.ask("SELECT id, reference, status, payment FROM orders ORDER BY id")
    rows = [(row + [""] * 4)[:4] for row in rows]
    outbox = postgres.ask("SELECT id, kind, delivered_at IS NOT NULL FROM outbox")
    charges = dict(payments.charges)
    if tamper == "lose":
        rows.pop()
    elif tamper == "double":
        rows.append(["999999", *rows[-1][1:]])
    elif tamper == "charge":
        charges["another"] = ("ch-0", next(iter(charges.values()))[1])
    return judge(ledger, rows, outbox, charges, payments.events)


def show(options, ledger, payments, faults, checks):
    latencies = sorted(ledger.latencies) or [0.0]
    gaps = zip(ledger.acknowledged_at, ledger.acknowledged_at[1:])
    print(f"\n{options.customers} customers, {options.seconds:g} s of load, {len(faults)} faults")
    print(f"{ledger.attempts} requests, {ledger.attempts / options.seconds:.0f} per second of load; acknowledged after "
          f"{1e3 * latencies[len(latencies) // 2]:.1f} ms (median), {1e3 * latencies[-1]:.0f} ms at most; "
          f"nothing acknowledged for {max((b - a for a, b in gaps), default=0):.1f} s at the longest")
    outcomes = ", ".join(f"{outcome}: {count}" for outcome, count in ledger.outcomes.most_common())
    print(f"responses and failures: {outcomes}")
    repeated = sum(times - 1 for times in payments.events.values())
    print(f"payment service: {payments.requests} requests, {len(payments.charges)} charges, "
          f"{repeated} events heard of more than once\n")
    for what, found, holds in checks:
        print(f"{'ok  ' if holds else 'FAIL'}  {found!s:>8}  {what}")
    for complaint in ledger.wrong[:10]:
        print(f"      {complaint}")


if __name__ == "__main__":
    # Ended from outside, it cleans up as it does by itself.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
