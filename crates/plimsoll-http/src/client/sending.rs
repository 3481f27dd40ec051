//! The request, as every attempt of a call sends it.

use super::{
    origin_state::OriginState,
    propagate,
    upload::{Payload, Upload},
};
use http::{
    HeaderMap, Method, Request, Uri, Version,
    header::{HOST, HeaderValue},
    uri::PathAndQuery,
};
use plimsoll_policy::Instant;

/// A request, and what every attempt adds to it.
#[derive(Debug)]
pub(super) struct Sending {
    method: Method,
    path: PathAndQuery,
    headers: HeaderMap,
    body: Payload,
    /// Whether sending it twice does what sending it once does.
    pub(super) idempotent: bool,
    /// Another attempt may follow, so the head is kept.
    repeats: bool,
    /// The deadline of the call, which is sent to the peer.
    pub(super) deadline: Instant,
    /// Whether gRPC's rules for deadlines hold.
    grpc: bool,
}

impl Sending {
    pub(super) fn new(
        request: Request<Payload>,
        path: PathAndQuery,
        idempotent: bool,
        repeats: bool,
    ) -> Self {
        let (parts, body) = request.into_parts();
        let grpc = propagate::is_grpc(&parts.headers);
        Self {
            method: parts.method,
            path,
            headers: parts.headers,
            body,
            idempotent,
            repeats,
            deadline: Instant::FAR,
            grpc,
        }
    }

    /// Returns whether another attempt could send all of it.
    pub(super) fn is_replayable(&self) -> bool {
        self.repeats && self.body.is_replayable()
    }

    /// The request for one attempt.
    pub(super) fn next(&mut self, host: &OriginState, http2: bool) -> Request<Upload> {
        let mut request = Request::new(self.body.next());
        let headers = if self.repeats { self.headers.clone() } else { std::mem::take(&mut self.headers) };
        *request.headers_mut() = headers;
        request.method_mut().clone_from(&self.method);
        if http2 {
            *request.version_mut() = Version::HTTP_2;
            *request.uri_mut() = host.origin.at(&self.path);
        } else {
            *request.uri_mut() = Uri::from(self.path.clone());
            host.host_header()
                .clone_into(request.headers_mut().entry(HOST).or_insert(HeaderValue::from_static("")));
        }
        if host.settings.propagate_deadline && self.deadline != Instant::FAR {
            propagate::deadline(request.headers_mut(), self.deadline.since(host.now()), self.grpc);
        }
        request
    }
}
