use super::{drained::is_drain_over, line::LogLine, log::AccessLog, summary::ResponseSummary};
use crate::{proxy::RequestHead, route::Route, timestamp::Timestamp, upstream::Endpoint, why::Why};
use http::{Method, StatusCode, Version};
use plimsoll::{
    driver::Time,
    http::{Kind, ProblemId},
    policy::Instant,
};
use std::{
    cell::{Cell, RefCell},
    net::IpAddr,
    sync::Arc,
    time::SystemTime,
};

/// The status in the log of a request whose client left before there was a response. No client ever sees it.
const CLIENT_GONE: u16 = 499;

/// The status in the log of a request that the drain cut off before there was a response. Its client saw the connection close.
const DRAINED: u16 = 503;

/// A request's line in the making. Dropped, it is written: as of a client that has left, or of a drain that was over, unless
/// [`Entry::responded`] was called.
#[derive(Debug)]
pub(crate) struct Entry {
    log: Arc<AccessLog>,
    time: SystemTime,
    clock: Time,
    began: Instant,
    client: Cell<IpAddr>,
    version: Version,
    method: Method,
    host: Option<Box<str>>,
    path: Box<str>,
    route: RefCell<Option<Arc<Route>>>,
    endpoint: RefCell<Option<Arc<Endpoint>>>,
    attempts: Cell<u32>,
    trace: Cell<Option<ProblemId>>,
    summary: Cell<Option<ResponseSummary>>,
    to_endpoint: Cell<Option<u64>>,
}

impl Entry {
    /// Begins the line of a request, if there is a log and the request is in its sample.
    pub(crate) fn begin(
        log: Option<&Arc<AccessLog>>,
        clock: &Time,
        request: &RequestHead,
        client: IpAddr,
        began: Instant,
    ) -> Option<Box<Self>> {
        let log = log.filter(|log| log.takes_next())?;
        let uri = &request.uri;
        let host = request.fields.host();
        let host = uri.authority().map(http::uri::Authority::as_str).or(host);
        Some(Box::new(Self {
            log: Arc::clone(log),
            time: SystemTime::now(),
            clock: clock.clone(),
            began,
            client: Cell::new(client),
            version: request.version,
            method: request.method.clone(),
            host: host.map(Box::from),
            path: uri.path().into(),
            route: RefCell::default(),
            endpoint: RefCell::default(),
            attempts: Cell::new(0),
            trace: Cell::new(None),
            summary: Cell::new(None),
            to_endpoint: Cell::new(None),
        }))
    }

    /// It takes this route.
    pub(crate) fn routed(&self, route: &Arc<Route>, client: IpAddr) {
        self.route.replace(Some(Arc::clone(route)));
        self.client.set(client);
    }

    /// It belongs to this trace.
    pub(crate) fn traced(&self, trace: ProblemId) {
        self.trace.set(Some(trace));
    }

    /// The trace it belongs to, if that is known.
    pub(crate) fn trace(&self) -> Option<ProblemId> {
        self.trace.get()
    }

    /// It is sent to this endpoint.
    pub(crate) fn attempted(&self, endpoint: &Arc<Endpoint>) {
        self.attempts.set(self.attempts.get() + 1);
        self.endpoint.replace(Some(Arc::clone(endpoint)));
    }

    /// The response came from this endpoint.
    pub(crate) fn served_by(&self, endpoint: &Arc<Endpoint>) {
        self.endpoint.replace(Some(Arc::clone(endpoint)));
    }

    /// It has got this response, or, said before the end, has come as far as this.
    pub(crate) fn responded(&self, summary: ResponseSummary) {
        self.summary.set(Some(summary));
    }

    /// It has become a tunnel, which has carried so many bytes so far.
    pub(crate) fn carried(&self, to_client: u64, to_endpoint: u64) {
        let summary = ResponseSummary {
            status: StatusCode::SWITCHING_PROTOCOLS,
            bytes: to_client,
            problem: None,
            whole: false,
            why: None,
        };
        self.summary.set(Some(summary));
        self.to_endpoint.set(Some(to_endpoint));
    }

    /// The tunnel has ended: for this reason, unless both sides were done.
    pub(crate) fn tunnel_ended(&self, why: Option<Why>) {
        let ended = |summary| ResponseSummary { whole: why.is_none(), why, ..summary };
        self.summary.set(self.summary.get().map(ended));
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        thread_local! {
            static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        let (route, endpoint) = (self.route.take(), self.endpoint.take());
        let summary = self.summary.get();
        let took = self.clock.now().since(self.began);
        let whole = summary.is_some_and(|summary| summary.whole);
        let left = || if is_drain_over() { Why::Drained } else { Why::ClientGone };
        let why = summary.and_then(|summary| summary.why).or_else(|| (!whole).then(left));
        let without_response = if why == Some(Why::Drained) { DRAINED } else { CLIENT_GONE };
        let line = LogLine {
            time: Timestamp(self.time),
            client: self.client.get().to_canonical(),
            protocol: Some(protocol(self.version)),
            method: Some(self.method.as_str()),
            host: self.host.as_deref(),
            path: Some(&self.path),
            status: summary.map_or(without_response, |summary| summary.status.as_u16()),
            route: route.as_ref().map(|route| &*route.name),
            upstream: route.as_ref().map(|route| route.upstream.name.as_str()),
            endpoint: endpoint.map(|endpoint| endpoint.address.to_string()),
            attempts: self.attempts.get(),
            bytes: summary.map_or(0, |summary| summary.bytes),
            bytes_to_endpoint: self.to_endpoint.get(),
            broken: summary.is_some_and(|summary| !summary.whole),
            duration_ms: (took.as_secs_f64() * 1e6).round() / 1e3,
            trace_id: self.trace.get().map(|trace| trace.to_string()),
            problem: summary.and_then(|summary| summary.problem).map(Kind::name),
            why: why.map(Why::name),
        };
        LINE.with_borrow_mut(|buffer| {
            buffer.clear();
            if serde_json::to_writer(&mut *buffer, &line).is_ok() {
                self.log.write(buffer);
            }
        });
    }
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/1.1",
    }
}
