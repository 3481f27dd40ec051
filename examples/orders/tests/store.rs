//! The statements on a real PostgreSQL.
#![allow(missing_docs)]

mod support;

use futures_util::TryStreamExt;
use orders::{
    domain::{
        Cents, Currency, CustomerId, Line, NewOrder, Note, Open, Quantity, Reference, Sku, Status, open,
    },
    store::{self, EventKind, Store, StoreError},
};
use plimsoll_testkit::Postgres;
use std::{collections::HashSet, time::Duration};
use support::database_config;

fn order(customer: &str) -> NewOrder {
    let line = |sku: &str, quantity, cents| Line {
        sku: Sku::try_from(sku).unwrap(),
        quantity: Quantity::try_from(quantity).unwrap(),
        unit: Cents::try_from(cents).unwrap(),
    };
    let lines = vec![line("ROPE", 2, 1_250), line("ANCHOR", 1, 9_900), line("ROPE", 1, 1_200)];
    let mut order = NewOrder::new(CustomerId::try_from(customer).unwrap(), lines).unwrap();
    order.reference = Some(Reference::try_from("ours-7").unwrap());
    order.currency = Currency::try_from("SEK").unwrap();
    order.delivery = open::read("by-drone").unwrap();
    order.note = Some(Note::try_from("ring twice,\nor knock").unwrap());
    order
}

async fn filled(store: &Store, number: usize) {
    let mut transaction = store.begin().await.unwrap();
    for _ in 0..number {
        let placed = store::insert(&mut transaction, &order("ann")).await.unwrap();
        store::add(&mut transaction, placed.id, EventKind::Placed).await.unwrap();
    }
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn an_order_comes_back_as_it_went_in() {
    let Some(server) = Postgres::shared().await else { return };
    let database = server.create_database().await;
    let store = Store::new(&database_config(database.url(), 4));
    store.migrate().await.unwrap();
    store.migrate().await.unwrap();

    let mut transaction = store.begin().await.unwrap();
    let placed = store::insert(&mut transaction, &order("ann")).await.unwrap();
    assert_eq!(placed.ordered.total().number(), 13_600);
    transaction.commit().await.unwrap();

    let mut connection = store.connection().await.unwrap();
    assert_eq!(store::get(&mut connection, placed.id).await.unwrap(), Some(placed.clone()));
    assert!(placed.placed_at.ends_with('Z') && placed.placed_at.len() == 20, "{}", placed.placed_at);

    assert!(store::set_paid(&mut connection, placed.id, "ch-1").await.unwrap());
    assert!(!store::set_paid(&mut connection, placed.id, "ch-2").await.unwrap(), "paid once");
    let paid = store::get(&mut connection, placed.id).await.unwrap().unwrap();
    assert_eq!((paid.status, paid.payment.as_deref()), (Open::Known(Status::Paid), Some("ch-1")));
}

#[tokio::test]
async fn what_was_not_committed_was_not() {
    let Some(server) = Postgres::shared().await else { return };
    let database = server.create_database().await;
    let store = Store::new(&database_config(database.url(), 4));
    store.migrate().await.unwrap();
    let mut transaction = store.begin().await.unwrap();
    store::insert(&mut transaction, &order("ann")).await.unwrap();
    drop(transaction);
    assert_eq!(database.psql("SELECT count(*) FROM orders").await, "0");
}

#[tokio::test]
async fn an_export_has_every_order_once_however_many_pages_it_takes() {
    let Some(server) = Postgres::shared().await else { return };
    let database = server.create_database().await;
    let store = Store::new(&database_config(database.url(), 1));
    store.migrate().await.unwrap();
    for number in [0, 200, 1, 300] {
        filled(&store, number).await;
        let rows: Vec<_> = store::all(store.clone()).try_collect().await.unwrap();
        let ids: HashSet<_> = rows.iter().map(|row| row.id).collect();
        assert_eq!(rows.len(), ids.len());
        assert_eq!(rows.len().to_string(), database.psql("SELECT count(*) FROM orders").await);
        assert!(rows.iter().all(|row| row.ordered.lines().len() == 3));
    }
}

#[tokio::test]
async fn workers_take_different_events_and_one_that_dies_has_only_borrowed_them() {
    let Some(server) = Postgres::shared().await else { return };
    let database = server.create_database().await;
    let store = Store::new(&database_config(database.url(), 4));
    store.migrate().await.unwrap();
    filled(&store, 30).await;

    let hold = Duration::from_secs(3600);
    let (mut one, mut two) = (store.begin().await.unwrap(), store.begin().await.unwrap());
    let first = store::claim(&mut one, 20, hold).await.unwrap();
    let second = store::claim(&mut two, 20, hold).await.unwrap();
    assert_eq!((first.len(), second.len()), (20, 10));
    let all: HashSet<_> = first.iter().chain(&second).map(|event| event.id).collect();
    assert_eq!(all.len(), 30);
    store::delivered(&mut one, &[first[0].id]).await.unwrap();
    one.commit().await.unwrap();
    // Waited for: a transaction that is dropped is rolled back some time later.
    two.rollback().await.unwrap();

    let mut connection = store.connection().await.unwrap();
    assert_eq!(store::undelivered(&mut connection).await.unwrap(), 29);
    assert_eq!(store::claim(&mut connection, 100, hold).await.unwrap().len(), 10, "what nobody committed to");
    database.psql("UPDATE outbox SET due_at = now()").await;
    let again = store::claim(&mut connection, 100, hold).await.unwrap();
    assert_eq!(again.len(), 29);
    assert!(again.iter().all(|event| event.attempts == 2));
}

#[tokio::test]
async fn a_pool_that_is_out_says_so_within_the_wait() {
    let Some(server) = Postgres::shared().await else { return };
    let database = server.create_database().await;
    let store = Store::new(&database_config(database.url(), 1));
    store.migrate().await.unwrap();
    let held = store.begin().await.unwrap();
    assert!(matches!(store.begin().await, Err(StoreError::Busy)));
    drop(held);
    store.begin().await.unwrap();
}

#[tokio::test]
async fn a_database_that_dies_is_away_and_then_back() {
    let Some(server) = Postgres::start().await else { return };
    let database = server.create_database().await;
    let store = Store::new(&database_config(database.url(), 2));
    store.migrate().await.unwrap();

    let mut transaction = store.begin().await.unwrap();
    store::insert(&mut transaction, &order("ann")).await.unwrap();
    server.stop_immediately().await;
    let error = StoreError::from(transaction.commit().await.unwrap_err());
    assert!(matches!(error, StoreError::Away(_)), "{error:?}");
    let error = store.begin().await.map(drop).unwrap_err();
    assert!(matches!(error, StoreError::Away(_) | StoreError::Busy), "{error:?}");

    server.start_again().await;
    let mut transaction = store.begin().await.unwrap();
    store::insert(&mut transaction, &order("ann")).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(database.psql("SELECT count(*) FROM orders").await, "1");
}
