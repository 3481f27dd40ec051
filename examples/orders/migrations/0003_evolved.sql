-- Version 2 of the interface. The defaults say what version 1 always meant.
ALTER TABLE orders
    ADD COLUMN currency text NOT NULL DEFAULT 'EUR' CHECK (currency ~ '^[A-Z]{3}$'),
    ADD COLUMN delivery text NOT NULL DEFAULT 'post' CHECK (length(delivery) BETWEEN 1 AND 32),
    ADD COLUMN note     text CHECK (length(note) <= 500);
