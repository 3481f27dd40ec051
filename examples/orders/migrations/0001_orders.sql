-- Text where the set of values may grow: a version that does not know a value yet must be able to keep it.
CREATE TABLE orders (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer    text        NOT NULL CHECK (length(customer) BETWEEN 1 AND 64),
    reference   text        CHECK (length(reference) BETWEEN 1 AND 64),
    status      text        NOT NULL DEFAULT 'placed' CHECK (length(status) BETWEEN 1 AND 32),
    total_cents bigint      NOT NULL CHECK (total_cents >= 0),
    payment     text        CHECK (length(payment) <= 128),
    placed_at   timestamptz NOT NULL DEFAULT now(),
    CHECK (status <> 'paid' OR payment IS NOT NULL)
);

CREATE TABLE order_lines (
    order_id   bigint NOT NULL REFERENCES orders ON DELETE CASCADE,
    position   int    NOT NULL,
    sku        text   NOT NULL CHECK (length(sku) BETWEEN 1 AND 32),
    quantity   int    NOT NULL CHECK (quantity > 0),
    unit_cents bigint NOT NULL CHECK (unit_cents >= 0),
    PRIMARY KEY (order_id, position)
);
