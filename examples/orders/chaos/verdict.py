"""What was acknowledged beside what is stored and what was charged. Asks psql and the payment service's book alone."""


def judge(ledger, rows, outbox, charges, events):
    """Each check as (what, what was found, whether it holds).

    rows: (id, reference, status, payment) of every order; outbox: (id, kind, delivered) of every event;
    charges: key -> (charge, order); events: event id -> how often it was heard of.
    """
    stored = {reference: f"o-{number}" for number, reference, _, _ in rows}
    references = [reference for _, reference, _, _ in rows]
    twice = len(references) - len(set(references))
    lost = [key for key, order in ledger.placed.items() if stored.get(key) != order]
    unknown = [key for key in stored if key not in ledger.placed]

    orders_charged = [order for _, order in charges.values()]
    charged_twice = len(orders_charged) - len(set(orders_charged))
    charge_of = {order: charge for charge, order in charges.values()}
    paid = {f"o-{number}": payment for number, _, status, payment in rows if status == "paid"}
    paid_wrong = [order for order, payment in ledger.paid.items() if paid.get(order) != payment]
    paid_free = [order for order, payment in paid.items() if charge_of.get(order) != payment]

    undelivered = [event for event, _, delivered in outbox if delivered != "t"]
    unheard = [event for event, _, _ in outbox if int(event) not in events]
    expected = len(rows) + len(paid)

    return [
        ("orders acknowledged", len(ledger.placed), len(ledger.placed) > 0),
        ("orders stored", len(rows), len(rows) == len(ledger.placed)),
        ("acknowledged, and not stored under that number", len(lost), not lost),
        ("stored, and never acknowledged", len(unknown), not unknown),
        ("stored twice", twice, twice == 0),
        ("payments acknowledged", len(ledger.paid), len(ledger.paid) > 0),
        ("orders charged more than once", charged_twice, charged_twice == 0),
        ("paid for the customer, not in the database", len(paid_wrong), not paid_wrong),
        ("paid in the database, not in the payment service's book", len(paid_free), not paid_free),
        ("events", len(outbox), len(outbox) == expected),
        ("events not delivered", len(undelivered), not undelivered),
        ("events that nobody heard of", len(unheard), not unheard),
        ("responses that no customer should get", len(ledger.wrong), not ledger.wrong),
    ]
