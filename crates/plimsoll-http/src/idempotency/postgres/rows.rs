//! The statements.

use super::shares::Shares;
use crate::idempotency::{Begun, Completed, Fingerprint, Lease, Outcome, ScopeId, ScopedKey, StoredResponse};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use sqlx::{
    PgConnection, PgPool, Row,
    postgres::{PgRow, types::PgInterval},
};
use tokio::time::Instant;

/// The most tries for a key that changes between two statements.
const LOOKS: usize = 5;

/// In `status`: done, and the response was not kept.
const UNKEPT: i16 = 0;

const TAKE: &str = "
    INSERT INTO plimsoll_idempotency (key, fingerprint, token, leased_until, forgotten_at, scope)
    VALUES ($1, $2, nextval('plimsoll_idempotency_tokens'), clock_timestamp() + $3, clock_timestamp() + $4, $5)
    ON CONFLICT (key) DO NOTHING
    RETURNING token";

// Read without a lock: a transaction at work under this key is not waited for.
const LOOK: &str = "
    SELECT fingerprint, token, status, header_names, header_values, body,
        forgotten_at <= clock_timestamp() AS forgotten,
        status IS NULL AND leased_until <= clock_timestamp() AS expired
    FROM plimsoll_idempotency WHERE key = $1";

// The token says that nothing has changed since the look; the rest, that nothing was completed under it.
const TAKE_OVER: &str = "
    UPDATE plimsoll_idempotency
    SET fingerprint = $2, token = nextval('plimsoll_idempotency_tokens'),
        leased_until = clock_timestamp() + $3, forgotten_at = clock_timestamp() + $4, scope = $6,
        status = NULL, header_names = NULL, header_values = NULL, body = NULL
    WHERE key = $1 AND token = $5
        AND (forgotten_at <= clock_timestamp()
            OR (status IS NULL AND leased_until <= clock_timestamp() AND fingerprint = $2))
    RETURNING token";

// No further than to the share.
const COUNT: &str = "
    SELECT count(*) FROM (
        SELECT FROM plimsoll_idempotency WHERE scope = $1 AND forgotten_at > clock_timestamp() LIMIT $2) AS live";

const COMPLETE: &str = "
    UPDATE plimsoll_idempotency
    SET status = $3, header_names = $4, header_values = $5, body = $6, forgotten_at = clock_timestamp() + $7
    WHERE key = $1 AND token = $2 AND status IS NULL AND forgotten_at > clock_timestamp()";

const RELEASE: &str = "DELETE FROM plimsoll_idempotency WHERE key = $1 AND token = $2 AND status IS NULL";

const SWEEP: &str = "
    DELETE FROM plimsoll_idempotency WHERE key IN (
        SELECT key FROM plimsoll_idempotency WHERE forgotten_at <= clock_timestamp()
        ORDER BY forgotten_at LIMIT $1 FOR UPDATE SKIP LOCKED)";

/// Returns how many live keys the scope has, at most `most`.
async fn count(connection: &mut PgConnection, scope: &ScopeId, most: u32) -> Result<u32, sqlx::Error> {
    let query = sqlx::query_scalar::<_, i64>(COUNT).bind(scope.as_bytes().as_slice()).bind(i64::from(most));
    Ok(query.fetch_one(connection).await?.try_into().unwrap_or(most))
}

/// Returns whether the scope of this key may have another one.
async fn has_room(
    connection: &mut PgConnection,
    shares: &Shares,
    key: &ScopedKey,
) -> Result<bool, sqlx::Error> {
    let Some(scope) = key.scope() else { return Ok(true) };
    if let Some(room) = shares.has_room(scope, Instant::now()) {
        return Ok(room);
    }
    let keys = count(connection, scope, shares.most).await?;
    shares.counted(*scope, keys, Instant::now());
    Ok(keys < shares.most)
}

/// Begins the work of a key; `None` if the key is new and its scope's share is full.
pub(super) async fn begin(
    pool: &PgPool,
    shares: &Shares,
    key: ScopedKey,
    fingerprint: Fingerprint,
    lease: PgInterval,
    keep: PgInterval,
) -> Result<Option<Begun>, sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let room = has_room(&mut connection, shares, &key).await?;
    let scope = key.scope().map(|scope| scope.as_bytes().as_slice());
    for _ in 0..LOOKS {
        let taken = if room {
            sqlx::query(TAKE)
                .bind(key.as_bytes().as_slice())
                .bind(fingerprint.as_bytes().as_slice())
                .bind(lease)
                .bind(keep)
                .bind(scope)
                .fetch_optional(&mut *connection)
                .await?
        } else {
            None
        };
        if let Some(row) = taken {
            if let Some(scope) = key.scope() {
                shares.took(scope);
            }
            return Ok(Some(Begun::Ours(Lease { key, token: row.try_get("token")? })));
        }
        let found =
            sqlx::query(LOOK).bind(key.as_bytes().as_slice()).fetch_optional(&mut *connection).await?;
        let Some(row) = found else {
            if room {
                // Freed in between.
                continue;
            }
            return Ok(None);
        };
        let same = row.try_get::<&[u8], _>("fingerprint")? == fingerprint.as_bytes();
        let (forgotten, expired): (bool, bool) = (row.try_get("forgotten")?, row.try_get("expired")?);
        if !forgotten {
            if !same {
                return Ok(Some(Begun::Reused));
            }
            if let Some(outcome) = outcome(&row)? {
                return Ok(Some(Begun::Done(outcome)));
            }
            if !expired {
                return Ok(Some(Begun::InFlight));
            }
        } else if !room {
            return Ok(None);
        }
        let taken_over = sqlx::query(TAKE_OVER)
            .bind(key.as_bytes().as_slice())
            .bind(fingerprint.as_bytes().as_slice())
            .bind(lease)
            .bind(keep)
            .bind(row.try_get::<i64, _>("token")?)
            .bind(scope)
            .fetch_optional(&mut *connection)
            .await?;
        if let Some(row) = taken_over {
            return Ok(Some(Begun::Ours(Lease { key, token: row.try_get("token")? })));
        }
    }
    // If it keeps changing, another process is working on it.
    Ok(Some(Begun::InFlight))
}

pub(super) async fn complete(
    connection: &mut PgConnection,
    lease: &Lease,
    outcome: &Outcome,
    keep: PgInterval,
) -> Result<Completed, sqlx::Error> {
    let (status, names, values, body) = match outcome {
        Outcome::Unkept => (UNKEPT, None, None, None),
        Outcome::Stored(response) => {
            let headers = response.headers().iter();
            let (names, values): (Vec<&str>, Vec<&[u8]>) =
                headers.map(|(name, value)| (name.as_str(), value.as_bytes())).unzip();
            // No status has more than three digits.
            (response.status().as_u16() as i16, Some(names), Some(values), Some(response.body().as_ref()))
        }
    };
    let done = sqlx::query(COMPLETE)
        .bind(lease.key.as_bytes().as_slice())
        .bind(lease.token)
        .bind(status)
        .bind(names)
        .bind(values)
        .bind(body)
        .bind(keep)
        .execute(connection)
        .await?;
    Ok(if done.rows_affected() == 1 { Completed::Kept } else { Completed::Lost })
}

pub(super) async fn release(pool: &PgPool, lease: &Lease) -> Result<(), sqlx::Error> {
    sqlx::query(RELEASE).bind(lease.key.as_bytes().as_slice()).bind(lease.token).execute(pool).await.map(drop)
}

pub(super) async fn sweep(pool: &PgPool, batch: u32) -> Result<u64, sqlx::Error> {
    Ok(sqlx::query(SWEEP).bind(i64::from(batch)).execute(pool).await?.rows_affected())
}

/// Returns the kept outcome, if there is one.
fn outcome(row: &PgRow) -> Result<Option<Outcome>, sqlx::Error> {
    let status = match row.try_get::<Option<i16>, _>("status")? {
        None => return Ok(None),
        Some(UNKEPT) => return Ok(Some(Outcome::Unkept)),
        Some(status) => status,
    };
    let status = StatusCode::from_u16(status as u16).map_err(unreadable)?;
    let body: Option<Vec<u8>> = row.try_get("body")?;
    let names: Option<Vec<String>> = row.try_get("header_names")?;
    let values: Option<Vec<Vec<u8>>> = row.try_get("header_values")?;
    let mut headers = HeaderMap::new();
    for (name, value) in names.unwrap_or_default().into_iter().zip(values.unwrap_or_default()) {
        let name = HeaderName::try_from(name).map_err(unreadable)?;
        headers.append(name, HeaderValue::try_from(value).map_err(unreadable)?);
    }
    let body = Bytes::from(body.unwrap_or_default());
    Ok(Some(Outcome::Stored(StoredResponse { status, headers, body })))
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}
