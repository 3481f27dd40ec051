//! The store in PostgreSQL: the model, processes beside each other, and work and response in one transaction.

use crate::{
    model::{deeds, follow},
    support::{Sent, ask, post},
};
use http::StatusCode;
use http_body_util::Full;
use plimsoll_http::{
    Problem,
    idempotency::{
        Begun, Claim, Fingerprint, IdempotencyKey, IdempotencyLayer, Outcome, PostgresStore,
        PostgresStoreError, ScopedKey, Store, StoredResponse,
    },
};
use plimsoll_testkit::{Database, Postgres};
use proptest::test_runner::{Config, TestRunner};
use sqlx::{PgPool, postgres::PgPoolOptions};
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;
use tower::{Service, service_fn};

const LEASE: Duration = Duration::from_secs(60);
const KEEP: Duration = Duration::from_secs(3600);

async fn store() -> Option<(PostgresStore, Database)> {
    let database = Postgres::shared().await?.create_database().await;
    let pool = PgPoolOptions::new().max_connections(8).connect(database.url()).await.unwrap();
    let store = PostgresStore::new(pool);
    store.migrate().await.unwrap();
    sqlx::query("CREATE TABLE orders (id bigserial PRIMARY KEY)").execute(store.pool()).await.unwrap();
    Some((store, database))
}

/// Lets time go by, for the rows.
async fn wait(pool: &PgPool, time: Duration) {
    const AGE: &str = "UPDATE plimsoll_idempotency SET
        leased_until = leased_until - make_interval(secs => $1), forgotten_at = forgotten_at - make_interval(secs => $1)";
    sqlx::query(AGE).bind(time.as_secs_f64()).execute(pool).await.unwrap();
}

async fn orders(pool: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM orders").fetch_one(pool).await.unwrap()
}

#[test]
fn postgres_is_what_a_store_is() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let Some((store, _database)) = runtime.block_on(store()) else { return };
    let case = std::cell::Cell::new(0_u32);
    TestRunner::new(Config::with_cases(48))
        .run(&deeds(), |deeds| {
            case.set(case.get() + 1);
            let wait = async |time| wait(store.pool(), time).await;
            runtime.block_on(follow(&store, &case.get().to_be_bytes(), &deeds, wait));
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn many_at_once_and_one_has_it() {
    let Some((store, _database)) = store().await else { return };
    let key = ScopedKey::new(None, &IdempotencyKey::try_from("k").unwrap());
    let print = Fingerprint::from_bytes([1; 32]);
    for round in 0..5 {
        let tries = (0..8).map(|_| store.begin(key, print, LEASE, KEEP));
        let begun = futures_util::future::join_all(tries).await;
        let ours = begun.iter().filter(|begun| matches!(begun, Ok(Begun::Ours(_)))).count();
        let others = begun.iter().filter(|begun| matches!(begun, Ok(Begun::InFlight))).count();
        assert_eq!((ours, others), (1, 7), "round {round}: {begun:?}");
        // The next round finds a lease that has run out.
        wait(store.pool(), LEASE).await;
    }
}

#[tokio::test]
async fn migrations_may_run_beside_each_other_and_again() {
    let Some(server) = Postgres::shared().await else { return };
    let database = server.create_database().await;
    let pool = PgPoolOptions::new().max_connections(4).connect(database.url()).await.unwrap();
    let store = PostgresStore::new(pool);
    let migrations = futures_util::future::join_all((0..4).map(|_| store.migrate())).await;
    assert!(migrations.iter().all(Result::is_ok), "{migrations:?}");
}

#[tokio::test]
async fn one_scope_leaves_room_for_all_others() {
    let Some((store, _database)) = store().await else { return };
    let store = store.share(2);
    let begin = async |scope: Option<&str>, number: u32| {
        let key = IdempotencyKey::try_from(number.to_string().as_str()).unwrap();
        let key = ScopedKey::new(scope.map(str::as_bytes), &key);
        store.begin(key, Fingerprint::from_bytes([1; 32]), LEASE, KEEP).await
    };
    for number in 0..2 {
        assert!(matches!(begin(Some("loud"), number).await, Ok(Begun::Ours(_))), "{number}");
    }
    let refused = begin(Some("loud"), 2).await.unwrap_err();
    assert!(matches!(refused, PostgresStoreError::Share), "{refused:?}");
    let problem = Problem::from(refused);
    assert_eq!((problem.status().as_u16(), problem.own_code()), (429, Some("idempotency-keys")));
    assert_eq!(begin(Some("loud"), 1).await.unwrap(), Begun::InFlight, "a key that is there stays there");
    for scope in [None, Some("quiet")] {
        for number in 0..2 {
            assert!(matches!(begin(scope, number).await, Ok(Begun::Ours(_))), "{scope:?} {number}");
        }
    }
    // Another process, which has counted nothing yet.
    let other = PostgresStore::new(store.pool().clone()).share(2);
    let key = ScopedKey::new(Some(b"loud"), &IdempotencyKey::try_from("3").unwrap());
    let print = Fingerprint::from_bytes([1; 32]);
    assert!(matches!(other.begin(key, print, LEASE, KEEP).await, Err(PostgresStoreError::Share)));
    // Keys that are forgotten make room.
    wait(store.pool(), KEEP).await;
    let third = PostgresStore::new(store.pool().clone()).share(2);
    assert!(matches!(third.begin(key, print, LEASE, KEEP).await, Ok(Begun::Ours(_))));
}

#[tokio::test]
async fn what_is_over_is_swept_in_batches() {
    let Some((store, _database)) = store().await else { return };
    let begin = async |number: u32| {
        let key = ScopedKey::new(None, &IdempotencyKey::try_from(number.to_string().as_str()).unwrap());
        store.begin(key, Fingerprint::from_bytes([1; 32]), LEASE, KEEP).await.unwrap()
    };
    for number in 0..5 {
        begin(number).await;
    }
    assert_eq!(store.sweep(10).await.unwrap(), 0);
    wait(store.pool(), KEEP).await;
    begin(5).await;
    assert_eq!(store.sweep(3).await.unwrap(), 3);
    assert_eq!(store.sweep(3).await.unwrap(), 2);
    assert_eq!(store.sweep(3).await.unwrap(), 0);
    assert_eq!(begin(5).await, Begun::InFlight);
}

/// The handler's action between its work and its response.
#[derive(Clone)]
enum Then {
    Commit,
    PanicBefore,
    PanicAfter,
    WaitBefore(Arc<Semaphore>),
}

/// One order for each call, and the response in the same transaction.
fn ordering(
    store: &PostgresStore,
    then: Then,
) -> impl Service<Sent, Response = http::Response<Full<bytes::Bytes>>, Error = Problem, Future: Send>
+ Clone
+ Send
+ 'static {
    let store = store.clone();
    service_fn(move |request: Sent| {
        let (store, then) = (store.clone(), then.clone());
        async move {
            let claim = request.extensions().get::<Claim>().cloned().expect("the layer puts it there");
            let mut work = store.pool().begin().await.map_err(Problem::internal)?;
            const INSERT: &str = "INSERT INTO orders DEFAULT VALUES RETURNING id";
            let id: i64 =
                sqlx::query_scalar(INSERT).fetch_one(&mut *work).await.map_err(Problem::internal)?;
            if let Then::WaitBefore(gate) = &then {
                gate.acquire().await.unwrap().forget();
            }
            let response = StoredResponse::json(StatusCode::CREATED, &id).map_err(Problem::internal)?;
            store.complete_in(&mut work, &claim, &response).await?;
            assert!(!matches!(then, Then::PanicBefore), "before the commit");
            work.commit().await.map_err(Problem::internal)?;
            assert!(!matches!(then, Then::PanicAfter), "after the commit");
            Ok(response.into_http().map(Full::new))
        }
    })
}

#[tokio::test]
async fn work_and_response_are_committed_together() {
    let Some((store, _database)) = store().await else { return };
    let layer = IdempotencyLayer::new(store.clone());
    let first = ask(&layer, &ordering(&store, Then::Commit), post("k", "{}")).await;
    assert_eq!((first.status, first.is_replayed()), (201, false));
    let again = ask(&layer, &ordering(&store, Then::Commit), post("k", "{}")).await;
    assert_eq!(again.seen(), (201, first.body.as_str(), true));
    assert_eq!(again.headers["content-type"], "application/json");
    assert_eq!(orders(store.pool()).await, 1);
}

#[tokio::test]
async fn a_panic_before_the_commit_undoes_both_and_one_after_it_neither() {
    let Some((store, _database)) = store().await else { return };
    let layer = IdempotencyLayer::new(store.clone());
    for (key, then, stored) in [("before", Then::PanicBefore, 0), ("after", Then::PanicAfter, 1)] {
        sqlx::query("TRUNCATE orders").execute(store.pool()).await.unwrap();
        let failing = {
            let (layer, service) = (layer.clone(), ordering(&store, then));
            tokio::spawn(async move { ask(&layer, &service, post(key, "{}")).await })
        };
        assert!(failing.await.unwrap_err().is_panic());
        assert_eq!(orders(store.pool()).await, stored, "{key}");
        let again = ask(&layer, &ordering(&store, Then::Commit), post(key, "{}")).await;
        assert_eq!((again.status, again.is_replayed()), (201, stored == 1), "{key}");
        assert_eq!(orders(store.pool()).await, 1, "{key}: once");
    }
}

#[tokio::test]
async fn after_a_crash_the_lease_is_waited_for_and_taken_over() {
    let Some((store, _database)) = store().await else { return };
    let layer = IdempotencyLayer::new(store.clone());
    // A process that died at work: its transaction is gone, its lease is not.
    let request = post("k", "{}");
    let (parts, _) = request.into_parts();
    let print = Fingerprint::of(&parts, &[http::header::CONTENT_TYPE], b"{}");
    let key = ScopedKey::new(None, &IdempotencyKey::try_from("k").unwrap());
    assert!(matches!(store.begin(key, print, LEASE, KEEP).await, Ok(Begun::Ours(_))));

    let service = ordering(&store, Then::Commit);
    assert_eq!(ask(&layer, &service, post("k", "{}")).await.problem().0, 409);
    wait(store.pool(), LEASE).await;
    assert_eq!(ask(&layer, &service, post("k", "[]")).await.problem().0, 422, "not by another request");
    assert_eq!(ask(&layer, &service, post("k", "{}")).await.status, 201);
    assert!(ask(&layer, &service, post("k", "{}")).await.is_replayed());
    assert_eq!(orders(store.pool()).await, 1);
}

#[tokio::test]
async fn whoever_lost_the_lease_rolls_back() {
    let Some((store, _database)) = store().await else { return };
    let layer = IdempotencyLayer::new(store.clone());
    let gate = Arc::new(Semaphore::new(0));
    let late = {
        let (layer, service) = (layer.clone(), ordering(&store, Then::WaitBefore(Arc::clone(&gate))));
        tokio::spawn(async move { ask(&layer, &service, post("k", "{}")).await })
    };
    while sqlx::query_scalar::<_, i64>("SELECT count(*) FROM plimsoll_idempotency")
        .fetch_one(store.pool())
        .await
        .unwrap()
        == 0
    {
        tokio::task::yield_now().await;
    }
    wait(store.pool(), LEASE).await;
    let taker = ask(&layer, &ordering(&store, Then::Commit), post("k", "{}")).await;
    assert_eq!((taker.status, taker.is_replayed()), (201, false));
    gate.add_permits(1);
    let late = late.await.unwrap();
    assert_eq!(late.problem(), (409, "idempotency-key-in-flight".to_owned()));
    assert_eq!(orders(store.pool()).await, 1, "the late one's order was rolled back");
    assert_eq!(
        ask(&layer, &ordering(&store, Then::Commit), post("k", "{}")).await.seen(),
        (201, taker.body.as_str(), true)
    );
}

#[tokio::test]
async fn a_database_that_is_gone_is_told_as_unavailable() {
    let Some(server) = Postgres::start().await else { return };
    let database = server.create_database().await;
    let pool =
        PgPoolOptions::new().acquire_timeout(Duration::from_secs(2)).connect(database.url()).await.unwrap();
    let store = PostgresStore::new(pool);
    store.migrate().await.unwrap();
    let layer = IdempotencyLayer::new(store.clone());
    server.stop_immediately().await;
    let service = service_fn(|_: Sent| async {
        Ok::<_, Problem>(http::Response::new(Full::<bytes::Bytes>::default()))
    });
    let response = ask(&layer, &service, post("k", "{}")).await;
    assert!(matches!(response.status, 500 | 503), "{response:?}");
    assert!(!response.body.contains("127.0.0.1"), "{response:?}");
    server.start_again().await;
    // A pool on a busy machine may need more than one of its waits to find the server again.
    let mut again = ask(&layer, &service, post("k", "{}")).await;
    for _ in 0..30 {
        if again.status == 200 {
            break;
        }
        again = ask(&layer, &service, post("k", "{}")).await;
    }
    assert_eq!(again.status, 200, "{again:?}");
    let kept = store.complete(&begun(&store).await, &Outcome::Unkept, KEEP).await;
    assert!(kept.is_ok());
}

async fn begun(store: &PostgresStore) -> plimsoll_http::idempotency::Lease {
    let key = ScopedKey::new(Some(b"another"), &IdempotencyKey::try_from("k").unwrap());
    match store.begin(key, Fingerprint::from_bytes([1; 32]), LEASE, KEEP).await.unwrap() {
        Begun::Ours(lease) => lease,
        begun => panic!("{begun:?}"),
    }
}
