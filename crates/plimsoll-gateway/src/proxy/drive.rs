//! A request's call over the endpoints of its route, up to the head of its response.

use super::{
    attempt::{Reply, Sending, attempt},
    context::Proxy,
    download::{Download, Proxied, ResponseSource},
    fault::Fault,
    message::{Fields, Response},
    refusal::Refused,
    switched::Switched,
    tunnel::Tunnel,
};
use crate::{
    access_log::Entry,
    route::{Route, RoutePolicy},
    upstream::{Endpoint, Picked},
    why::Why,
};
use http::Version;
use plimsoll::{
    driver::{
        Alarm, Attempts, Begin, BodyGuard, CallError, CallGuard, Marks, ResponseHead,
        classify::{BodyClassifier, response},
        run,
    },
    http::{Kind, Problem, ProblemId},
    policy::{
        AttemptRole, Instant, KeyHash, Limit, Outcome, Settlement,
        call::{AttemptId, Event, Facts},
    },
};
use smallvec::SmallVec;
use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// The attempts of one call, each at an endpoint of the route's upstream.
struct EndpointAttempts<'a, F> {
    route: &'a Arc<Route>,
    /// The hash of the key by which endpoints are chosen, if they are.
    key: Option<KeyHash>,
    sending: Sending<'a>,
    entry: Option<&'a Entry>,
    marks: &'a [Marks; 2],
    /// Begins an attempt at this endpoint, whose marks are in this slot.
    attempt: F,
    picked: SmallVec<[(AttemptId, Picked); 2]>,
    tried: SmallVec<[u32; 4]>,
    /// Endpoints that asked to be left alone, and until when.
    bound: SmallVec<[(u32, Instant); 2]>,
}

impl<F> EndpointAttempts<'_, F> {
    fn take(&mut self, id: AttemptId) -> Option<Picked> {
        let at = self.picked.iter().position(|(of, _)| *of == id)?;
        Some(self.picked.swap_remove(at).1)
    }

    /// An endpoint for this attempt. A hedge goes to one that has not been asked, or does not go. A retry avoids those
    /// that failed, and those that asked to be left alone as long as there is any other.
    fn pick(&self, begin: Begin) -> Option<Picked> {
        let upstream = &self.route.upstream;
        let Begin { now, draw, .. } = begin;
        match begin.role {
            AttemptRole::First => upstream.pick(now, draw, self.key, &[], &[]),
            AttemptRole::Hedge => upstream.pick(now, draw, self.key, &[], &self.tried),
            AttemptRole::Retry => {
                let bound = self.bound_at(now);
                let free = upstream.pick(now, draw, self.key, &self.tried, &bound);
                // All are bound, and the call has waited as long as it waits for such a wish.
                free.or_else(|| upstream.pick(now, draw, self.key, &self.tried, &[]))
            }
        }
    }

    fn bound_at(&self, now: Instant) -> SmallVec<[u32; 2]> {
        self.bound.iter().filter(|(_, until)| now < *until).map(|(endpoint, _)| *endpoint).collect()
    }

    /// `Retry-After` binds the endpoint that said it. While another one is there to be asked, the call need not wait;
    /// where all are bound, it waits for the first that is free.
    fn bind(&mut self, endpoint: u32, now: Instant, settlement: &mut Settlement) {
        let Some(wait) = settlement.retry_after else { return };
        self.bound.retain(|(bound, _)| *bound != endpoint);
        self.bound.push((endpoint, now + wait));
        let bound = self.bound_at(now);
        settlement.retry_after = if self.route.upstream.has_usable(now, &bound) {
            None
        } else {
            self.bound.iter().map(|(_, until)| until.since(now)).min()
        };
    }
}

impl<'a, F, A> Attempts for EndpointAttempts<'a, F>
where
    F: FnMut(&'a Endpoint, usize) -> A,
    A: Future<Output = Result<Reply, Fault>>,
{
    type Response = Reply;
    type Error = Fault;
    type Attempt = A;

    fn begin(&mut self, begin: Begin) -> Option<A> {
        let picked = self.pick(begin)?;
        let index = picked.index();
        self.tried.push(index);
        if let Some(entry) = self.entry {
            entry.attempted(picked.endpoint());
        }
        self.picked.push((begin.id, picked));
        Some((self.attempt)(&self.route.upstream.endpoints[index as usize], begin.slot))
    }

    fn settlement(
        &mut self,
        id: AttemptId,
        now: Instant,
        took: Duration,
        result: Result<&Reply, &Fault>,
    ) -> Settlement {
        let mut settlement = match result {
            Ok(reply) => {
                let head = reply.head();
                response(head.status, &head.fields, SystemTime::now)
            }
            Err(fault) => fault.settlement(),
        };
        let picked = self.picked.iter_mut().find(|(of, _)| *of == id);
        if let Some((_, picked)) = picked {
            picked.settle(now, &settlement, took);
            if matches!(settlement.outcome, Outcome::Failure(_) | Outcome::Local) {
                report(picked, result, self.sending.id(), now);
            }
            let endpoint = picked.index();
            self.bind(endpoint, now, &mut settlement);
        }
        settlement
    }

    fn abort(&mut self, id: AttemptId, slot: Option<usize>, now: Instant, outcome: Outcome) {
        if let Some(slot) = slot
            && outcome == Outcome::Cancelled
        {
            self.marks[slot].spare();
        }
        if let Some(mut picked) = self.take(id) {
            picked.abort(now, outcome);
            // Of one that is over, the verdict has been told.
            if let (Some(_), Outcome::Failure(_)) = (slot, outcome) {
                picked.failed(Why::Timeout(Limit::Attempt), None, None, self.sending.id(), now);
            }
        }
    }

    fn is_replayable(&self) -> bool {
        self.sending.uploads.is_replayable()
    }
}

/// A failure at an endpoint is a line in the log.
#[cold]
fn report(picked: &Picked, result: Result<&Reply, &Fault>, id: ProblemId, now: Instant) {
    match result {
        Ok(reply) => picked.failed(Why::UpstreamStatus, Some(reply.head().status), None, id, now),
        Err(fault) => picked.failed(fault.why(), None, Some(fault), id, now),
    }
}

/// Returns the value of the header by which endpoints are chosen. Several fields of that name are one list, which is spelled
/// as if it had come in one field ([RFC 9110, section 5.3](https://www.rfc-editor.org/rfc/rfc9110#section-5.3)).
fn hash_key<'a>(fields: &'a Fields, name: &str) -> Option<Cow<'a, [u8]>> {
    let mut values = fields.named(name);
    let first = values.next()?;
    let Some(second) = values.next() else { return Some(Cow::Borrowed(first)) };
    let all: Vec<&[u8]> = [first, second].into_iter().chain(values).collect();
    Some(Cow::Owned(all.join(&b", "[..])))
}

/// Runs the request's call to the head of its response.
pub(crate) async fn drive(
    proxy: &Proxy,
    route: &Arc<Route>,
    sending: Sending<'_>,
    facts: Facts,
    began: Instant,
    entry: Option<&Entry>,
    alarm: &mut Alarm,
) -> Result<(Response, Option<Box<Tunnel>>), Refused> {
    let upstream = &*route.upstream;
    let key = upstream.hash_header().and_then(|name| hash_key(&sending.head.fields, name));
    let mut guard = CallGuard::new(RoutePolicy(Arc::clone(route)), facts);
    let marks = [Marks::new(), Marks::new()];
    let mut attempts = EndpointAttempts {
        route,
        key: key.map(|value| upstream.hash(&value)),
        sending,
        entry,
        marks: &marks,
        attempt: |endpoint, slot: usize| attempt(proxy, upstream, endpoint, sending, &marks[slot]),
        picked: SmallVec::new(),
        tried: SmallVec::new(),
        bound: SmallVec::new(),
    };
    let ended = run(&mut guard, began, &mut attempts, &marks, alarm, facts.replayable).await;
    match ended {
        Ok(head) => {
            sending.uploads.response_begun();
            let picked = attempts.take(head.id);
            if let (Some(entry), Some(picked)) = (entry, &picked) {
                entry.served_by(picked.endpoint());
            }
            let multiplexed = sending.head.version == Version::HTTP_2;
            Ok(respond(guard, head, picked, sending.id(), multiplexed))
        }
        Err(CallError::Attempt(id, fault)) => {
            if fault.is_slow_client() {
                proxy.metrics.slow_uploads.inc();
            }
            if let (Some(entry), Some(picked)) = (entry, attempts.take(id)) {
                entry.served_by(picked.endpoint());
            }
            let why = fault.why();
            Err(Refused { problem: fault.problem(), why })
        }
        Err(CallError::Refused(rejected)) => {
            Err(Refused { why: Why::Policy(rejected.reason), problem: Problem::from(rejected) })
        }
        Err(CallError::TimedOut(limit)) => {
            Err(Refused { problem: Problem::from(limit), why: Why::Timeout(limit) })
        }
        Err(CallError::CallerTimedOut(_)) => {
            Err(Refused { problem: Problem::new(Kind::RequestTimeout), why: Why::ClientSlow })
        }
    }
}

/// The response goes to the client; its body settles the call when it ends.
fn respond(
    guard: CallGuard<RoutePolicy>,
    head: ResponseHead<Reply>,
    picked: Option<Picked>,
    request: ProblemId,
    multiplexed: bool,
) -> (Response, Option<Box<Tunnel>>) {
    let ResponseHead { id, response, head } = head;
    match response {
        Reply::Http1(reply, body) => {
            let source = ResponseSource::Http1(body);
            let body = proxied(guard, id, picked, source, &head, request, multiplexed);
            (Response { head: reply, body }, None)
        }
        Reply::Http2(reply, body, progress, limits) => {
            let source = ResponseSource::Http2(body, progress, limits);
            let body = proxied(guard, id, picked, source, &head, request, multiplexed);
            (Response { head: reply, body }, None)
        }
        Reply::Switched { head: reply, io, leftover } => {
            let switched = Switched::new(BodyGuard::new(guard, id, &head), picked);
            let response = Response { head: reply, body: Download::Empty };
            (response, Some(Box::new(Tunnel { io, leftover, switched })))
        }
    }
}

fn proxied(
    mut guard: CallGuard<RoutePolicy>,
    id: AttemptId,
    picked: Option<Picked>,
    mut source: ResponseSource,
    head: &Settlement,
    request: ProblemId,
    multiplexed: bool,
) -> Download {
    // Most responses are small and have come with their head: the call is over, and nothing has to be kept for it.
    let whole = source.whole();
    if source.is_ended() {
        // Over HTTP/1.1 it goes out with the head in one write; a stream of HTTP/2 may wait for its client.
        if multiplexed && let Some(whole) = whole {
            return Download::Proxied(Box::new(Proxied::whole(
                whole,
                BodyGuard::new(guard, id, head),
                picked,
                request,
            )));
        }
        let end = BodyClassifier::after(head).settlement();
        let _ = guard.next(guard.last(), Event::Done(id, end));
        if let Some(mut picked) = picked {
            picked.settle_late(guard.last(), end.outcome);
        }
        return whole.map_or(Download::Empty, Download::whole);
    }
    let call = BodyGuard::new(guard, id, head);
    Download::Proxied(Box::new(Proxied::new(source, call, picked, request)))
}
