//! One attempt.

use super::{
    connect::{Made, make},
    error::{Cause, Error},
    http1::{Broke, Http1Connection},
    http2::StreamPermit,
    origin_state::OriginState,
    sending::Sending,
    upload::{BoxError, Progress, Upload},
};
use crate::http2::is_untouched;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use parking_lot::Mutex;
use plimsoll_driver::{Marks, classify};
use plimsoll_policy::{Failure, Settlement};
use std::{future::poll_fn, pin::pin, sync::Arc, time::SystemTime};

/// A response's head, and where its body comes from.
pub(super) enum Reply {
    Http1(Response<Incoming>, Box<Http1Connection>, Option<Arc<Progress>>),
    Http2(Response<Incoming>, StreamPermit, Option<Arc<Progress>>),
}

impl Reply {
    pub(super) const fn response(&self) -> &Response<Incoming> {
        match self {
            Self::Http1(response, ..) | Self::Http2(response, ..) => response,
        }
    }
}

/// How an attempt can fail.
pub(super) enum AttemptError {
    Connect(BoxError),
    /// The request's own body failed.
    Body(BoxError),
    Broken {
        error: BoxError,
        untouched: bool,
    },
}

impl AttemptError {
    /// Returns the settlement for the policy.
    pub(super) fn settlement(&self) -> Settlement {
        match self {
            Self::Connect(error) => classify::connect(&**error),
            // Our own caller broke off: no fault of the peer's.
            Self::Body(_) => Settlement::CALLER,
            Self::Broken { untouched, .. } => {
                Settlement { untouched: *untouched, ..Settlement::failure(Failure::Broken) }
            }
        }
    }

    pub(super) fn error(self, host: &OriginState) -> Error {
        let origin = host.origin.clone();
        match self {
            Self::Connect(error) => Error::Connect { origin, source: Cause::from(error) },
            Self::Body(error) => Error::Body { origin, source: Cause::from(error) },
            Self::Broken { error, .. } => Error::Broken { origin, source: Cause::from(error) },
        }
    }
}

/// The request, shared with the driver: an attempt whose connection was closed builds it again.
pub(super) type SharedRequest = Mutex<Sending>;

/// Sends the request and waits for the head of its response.
///
/// Dropping it closes an HTTP/1.1 connection, and resets the stream of an HTTP/2 one.
pub(super) async fn attempt(
    host: &OriginState,
    shared: &SharedRequest,
    marks: &Marks,
) -> Result<Reply, AttemptError> {
    let mut request = None;
    if host.settings.connecting.http2_only || host.pool.speaks_http2() {
        if let Some(permit) = host.pool.stream() {
            host.pool.used(true);
            match http2(host, permit, shared, &mut request, marks).await {
                Err(AttemptError::Broken { untouched: true, .. }) if request.is_some() => {}
                result => return result,
            }
        }
    } else {
        while let Some(link) = host.pool.take() {
            host.pool.used(true);
            match http1(host, Kept::Before, link, shared, &mut request, marks).await {
                // The peer closed a kept connection just when it was used, with a 408 or without. That is nobody's
                // failure: the request is sent once more over another connection, since nothing was sent or sending
                // it twice is safe.
                Err(AttemptError::Broken { .. }) if request.is_some() => {}
                result => return result,
            }
        }
    }
    // In a box: it is rare, and large.
    let made = Box::pin(connect(host, marks)).await.map_err(AttemptError::Connect)?;
    host.pool.used(false);
    match made {
        Made::Http1(link) => http1(host, Kept::No, link, shared, &mut request, marks).await,
        Made::Http2(permit) => http2(host, permit, shared, &mut request, marks).await,
    }
}

/// Makes a connection. One that attempts can share is made once for all that wait for it. If all connections of this
/// kind are full and no more may be made, the attempt waits for a stream of one.
async fn connect(host: &OriginState, marks: &Marks) -> Result<Made, BoxError> {
    if !host.settings.connecting.http2_only && !host.pool.speaks_http2() {
        return make(host, marks).await;
    }
    let _one_at_a_time = host.pool.making.lock().await;
    match host.pool.stream().or_else(|| host.pool.stream_where_full()) {
        Some(permit) => Ok(Made::Http2(permit)),
        None => make(host, marks).await,
    }
}

fn next(
    host: &OriginState,
    shared: &SharedRequest,
    request: &mut Option<Request<Upload>>,
    http2: bool,
) -> Request<Upload> {
    // A request that came back unsent may have been built for the other protocol.
    request
        .take()
        .filter(|request| (request.version() == http::Version::HTTP_2) == http2)
        .unwrap_or_else(|| shared.lock().next(host, http2))
}

/// Whether a connection was kept idle since its last exchange.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Before,
    No,
}

async fn http1(
    host: &OriginState,
    kept: Kept,
    mut link: Box<Http1Connection>,
    shared: &SharedRequest,
    request: &mut Option<Request<Upload>>,
    marks: &Marks,
) -> Result<Reply, AttemptError> {
    marks.connected();
    let sent = next(host, shared, request, false);
    let body = sent.body().progress();
    match link.exchange(sent, marks).await {
        // The peer has waited long enough for a request on this connection (RFC 9110, section 15.5.9). Its response
        // crossed our request.
        Ok(response) if kept == Kept::Before && response.status() == StatusCode::REQUEST_TIMEOUT => {
            let mut sending = shared.lock();
            if !(sending.idempotent && sending.is_replayable()) {
                return Ok(Reply::Http1(response, link, body));
            }
            *request = Some(sending.next(host, false));
            Err(AttemptError::Broken { error: "a 408 on a kept connection".into(), untouched: false })
        }
        Ok(response) => Ok(Reply::Http1(response, link, body)),
        Err(Broke { error, unsent, wrote }) => {
            let user = error.as_ref().is_some_and(hyper::Error::is_user);
            let closed = error.as_ref().is_none_or(is_close);
            *request = unsent.filter(|_| !wrote).or_else(|| {
                let mut sending = shared.lock();
                (closed && (!wrote || sending.idempotent) && sending.is_replayable())
                    .then(|| sending.next(host, false))
            });
            let error: BoxError = error.map_or_else(|| "the connection was closed".into(), Into::into);
            Err(if user {
                AttemptError::Body(error)
            } else {
                AttemptError::Broken { error, untouched: !wrote }
            })
        }
    }
}

/// Returns whether the peer closed the connection instead of responding.
fn is_close(error: &hyper::Error) -> bool {
    let gone = |error: &std::io::Error| {
        use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
        matches!(error.kind(), ConnectionReset | ConnectionAborted | BrokenPipe | NotConnected)
    };
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref());
    error.is_incomplete_message() || error.is_canceled() || error.is_closed() || source.is_some_and(gone)
}

async fn http2(
    host: &OriginState,
    permit: StreamPermit,
    shared: &SharedRequest,
    request: &mut Option<Request<Upload>>,
    marks: &Marks,
) -> Result<Reply, AttemptError> {
    marks.connected();
    let sent = next(host, shared, request, true);
    let body = sent.body().progress();
    marks.sent();
    if body.is_none() {
        marks.flushed();
    }
    let mut frames = 0;
    let mut sender = permit.sender();
    let mut response = pin!(sender.try_send_request(sent));
    let result = poll_fn(|cx| {
        let polled = response.as_mut().poll(cx);
        if let Some(body) = &body {
            body.listen(cx);
            look(body, &mut frames, marks);
        }
        polled
    });
    match result.await {
        Ok(response) => Ok(Reply::Http2(response, permit, body)),
        Err(mut refused) => {
            *request = refused.take_message();
            let error = refused.into_error();
            let untouched = request.is_some() || is_untouched(&error);
            if error.is_user() {
                return Err(AttemptError::Body(error.into()));
            }
            Err(AttemptError::Broken { error: error.into(), untouched })
        }
    }
}

/// Reports the progress of the request's body, which wakes the attempt when the side that it waits for changes.
fn look(body: &Arc<Progress>, frames: &mut u32, marks: &Marks) {
    if body.frames() != *frames {
        *frames = body.frames();
        marks.moved();
    }
    marks.waits_for_caller(body.is_waited_for());
    if body.has_ended() {
        marks.flushed();
    }
}

/// Returns the settlement that a response's head leads to.
pub(super) fn settlement(head: &Response<Incoming>) -> Settlement {
    classify::response(head.status(), head.headers(), SystemTime::now)
}
