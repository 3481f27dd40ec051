-- What others must hear of, written in the same transaction as what happened; its number is the event's.
CREATE TABLE outbox (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id     bigint      NOT NULL REFERENCES orders ON DELETE CASCADE,
    kind         text        NOT NULL,
    attempts     int         NOT NULL DEFAULT 0,
    due_at       timestamptz NOT NULL DEFAULT now(),
    delivered_at timestamptz
);

CREATE INDEX outbox_due ON outbox (due_at) WHERE delivered_at IS NULL;
