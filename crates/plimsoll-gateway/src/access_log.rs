//! The access log: one JSON object a line for each request, or for a sample of them.
//!
//! | key | what |
//! | --- | --- |
//! | `time` | when the request's head had come, RFC 3339, UTC |
//! | `client` | the client's address, as far as it is believed |
//! | `protocol` | `HTTP/1.1`, `HTTP/2.0`, … |
//! | `method`, `host`, `path` | what was asked for; never the query, where secrets travel |
//! | `status` | the answer's; where there was none, 499 if the client left before, 503 if the drain was over |
//! | `route`, `upstream`, `endpoint` | where it went; the endpoint is the one that answered, else the last one asked |
//! | `attempts` | how often it was sent, hedges included |
//! | `bytes` | of the answer's body, as sent; of a tunnel, what went to the client |
//! | `bytes_to_endpoint` | of a tunnel: what went the other way |
//! | `broken` | `true` where the answer broke off after its head, or a tunnel did not end with both sides done |
//! | `duration_ms` | from the request's head to the answer's last byte, or the tunnel's end |
//! | `trace_id` | of the trace it belongs to, and the id of its problem |
//! | `problem` | what the gateway itself had to say |
//! | `why` | one word of why it did not go well; a failure that the endpoint answered itself has none |
//!
//! Empty fields are omitted. Lines are made by the worker at the end of a request and written by the
//! log's own thread; what that cannot take is dropped and counted (`plimsoll_log_lines_dropped_total`).

use crate::{
    snapshot::{Route, Snapshot},
    spec::AccessLogSpec,
    timestamp::Timestamp,
    upstream::Endpoint,
    why::Why,
    worker::is_cut,
};
use http::{Method, StatusCode, Version, header, request};
use plimsoll::{
    driver::{Time, draw},
    http::{Kind, ProblemId},
    policy::{Instant, units::Ratio},
    telemetry::{Collecting, LineLog, LineLogConfig, Registry, Target},
};
use serde::Serialize;
use std::{
    cell::{Cell, RefCell},
    io,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// The status in the log of a request whose client left before it was answered. No client ever sees it.
const CLIENT_GONE: u16 = 499;

/// The status in the log of a request that the drain cut off before it was answered. Its client saw the connection close.
const DRAINED: u16 = 503;

/// How long the end of the program waits for the last lines.
const LINGER: Duration = Duration::from_secs(2);

/// An open access log and the part of requests that it takes.
#[derive(Debug)]
pub(crate) struct AccessLog {
    file: Arc<File>,
    sample: Ratio,
}

#[derive(Debug)]
struct File {
    path: Option<PathBuf>,
    lines: Option<LineLog>,
    _collecting: Collecting,
}

impl AccessLog {
    /// Opens what `spec` names, or goes on with `old` if that is the same.
    pub(crate) fn open(
        spec: &AccessLogSpec,
        registry: &Registry,
        old: Option<&Arc<Self>>,
    ) -> io::Result<Self> {
        if let Some(old) = old.filter(|old| old.file.path == spec.path) {
            return Ok(Self { file: Arc::clone(&old.file), sample: spec.sample });
        }
        let target = spec.path.clone().map_or(Target::Stdout, Target::File);
        let lines = LineLog::open(target, &LineLogConfig { linger: LINGER, ..LineLogConfig::default() })?;
        let collecting = lines.metrics(registry, "access").map_err(io::Error::other)?;
        let file = File { path: spec.path.clone(), lines: Some(lines), _collecting: collecting };
        Ok(Self { file: Arc::new(file), sample: spec.sample })
    }

    /// Opens the file anew, by its path.
    pub(crate) fn reopen(&self) {
        if let Some(lines) = &self.file.lines {
            lines.reopen();
        }
    }

    /// Waits until the lines so far have been written, though not for long. Blocks.
    pub(crate) fn flush(&self) {
        if let Some(lines) = &self.file.lines
            && !lines.flush(LINGER)
        {
            tracing::warn!("the access log did not take its last lines in time");
        }
    }

    fn write(&self, line: &[u8]) {
        if let Some(lines) = &self.file.lines {
            // What is dropped is counted.
            let _ = lines.try_write(line);
        }
    }
}

impl Drop for File {
    /// The last one to let go may be a worker, which must not wait for a disk.
    fn drop(&mut self) {
        let lines = self.lines.take();
        let _ = std::thread::Builder::new().name("plimsoll-log-end".into()).spawn(move || drop(lines));
    }
}

/// A request's line in the making. Dropped, it is written: as of a client that has left, or of a drain that was over, unless
/// [`Entry::answered`] was called.
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
    answer: Cell<Option<Answer>>,
    to_endpoint: Cell<Option<u64>>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) bytes: u64,
    pub(crate) problem: Option<Kind>,
    /// Whether all of it was sent.
    pub(crate) whole: bool,
    /// Why it is no good one, or not whole, where that is known.
    pub(crate) why: Option<Why>,
}

impl Entry {
    /// Begins the line of a request, if there is a log and the request is in its sample.
    pub(crate) fn begin(
        snapshot: &Snapshot,
        request: &request::Parts,
        client: IpAddr,
        began: Instant,
    ) -> Option<Box<Self>> {
        let log = snapshot.access_log.as_ref()?;
        if log.sample != Ratio::ONE && draw().unit() >= log.sample.get() {
            return None;
        }
        let uri = &request.uri;
        let host = request.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = uri.authority().map(http::uri::Authority::as_str).or(host);
        Some(Box::new(Self {
            log: Arc::clone(log),
            time: SystemTime::now(),
            clock: snapshot.time.clone(),
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
            answer: Cell::new(None),
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

    /// The answer came from this endpoint.
    pub(crate) fn answered_by(&self, endpoint: &Arc<Endpoint>) {
        self.endpoint.replace(Some(Arc::clone(endpoint)));
    }

    /// It is answered so, or, said before the end, has been as far as this.
    pub(crate) fn answered(&self, answer: Answer) {
        self.answer.set(Some(answer));
    }

    /// It has become a tunnel, which has carried so many bytes so far.
    pub(crate) fn carried(&self, to_client: u64, to_endpoint: u64) {
        let answer = Answer {
            status: StatusCode::SWITCHING_PROTOCOLS,
            bytes: to_client,
            problem: None,
            whole: false,
            why: None,
        };
        self.answer.set(Some(answer));
        self.to_endpoint.set(Some(to_endpoint));
    }

    /// The tunnel has ended: for this reason, unless both sides were done.
    pub(crate) fn tunnel_ended(&self, why: Option<Why>) {
        self.answer.set(self.answer.get().map(|answer| Answer { whole: why.is_none(), why, ..answer }));
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        thread_local! {
            static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        let (route, endpoint) = (self.route.take(), self.endpoint.take());
        let answer = self.answer.get();
        let took = self.clock.now().since(self.began);
        let whole = answer.is_some_and(|answer| answer.whole);
        let left = || if is_cut() { Why::Drained } else { Why::ClientGone };
        let why = answer.and_then(|answer| answer.why).or_else(|| (!whole).then(left));
        let unanswered = if why == Some(Why::Drained) { DRAINED } else { CLIENT_GONE };
        let line = LogLine {
            time: Timestamp(self.time),
            client: self.client.get().to_canonical(),
            protocol: Some(protocol(self.version)),
            method: Some(self.method.as_str()),
            host: self.host.as_deref(),
            path: Some(&self.path),
            status: answer.map_or(unanswered, |answer| answer.status.as_u16()),
            route: route.as_ref().map(|route| &*route.name),
            upstream: route.as_ref().map(|route| route.upstream.name.as_str()),
            endpoint: endpoint.map(|endpoint| endpoint.address.to_string()),
            attempts: self.attempts.get(),
            bytes: answer.map_or(0, |answer| answer.bytes),
            bytes_to_endpoint: self.to_endpoint.get(),
            broken: answer.is_some_and(|answer| !answer.whole),
            duration_ms: (took.as_secs_f64() * 1e6).round() / 1e3,
            trace_id: self.trace.get().map(|trace| trace.to_string()),
            problem: answer.and_then(|answer| answer.problem).map(Kind::name),
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

/// Writes the line of a request that was refused before it could be read.
pub(crate) fn refused(snapshot: &Snapshot, client: IpAddr, problem: Kind, why: Why, id: ProblemId) {
    let Some(log) = &snapshot.access_log else { return };
    let line = LogLine {
        time: Timestamp(SystemTime::now()),
        client: client.to_canonical(),
        status: problem.status().as_u16(),
        trace_id: Some(id.to_string()),
        problem: Some(problem.name()),
        why: Some(why.name()),
        ..LogLine::EMPTY
    };
    if let Ok(line) = serde_json::to_vec(&line) {
        log.write(&line);
    }
}

#[derive(Serialize)]
struct LogLine<'a> {
    time: Timestamp,
    client: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    attempts: u32,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_to_endpoint: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    broken: bool,
    duration_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
}

impl LogLine<'_> {
    const EMPTY: Self = Self {
        time: Timestamp(SystemTime::UNIX_EPOCH),
        client: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        protocol: None,
        method: None,
        host: None,
        path: None,
        status: 0,
        route: None,
        upstream: None,
        endpoint: None,
        attempts: 0,
        bytes: 0,
        bytes_to_endpoint: None,
        broken: false,
        duration_ms: 0.0,
        trace_id: None,
        problem: None,
        why: None,
    };
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/1.1",
    }
}
