//! The driver of a request's call: it does what the machine says, and tells it what happened.

use super::{
    Alarm, Download, Fault,
    attempt::{Marks, Reply, Sending, attempt},
    classify,
    download::Proxied,
    handle::Tunnel,
};
use crate::{access_log::Entry, host::GatewayHost, snapshot::Route, upstream::Picked, worker::Worker};
use http::Response;
use plimsoll::{
    Instant, Outcome, Settlement, Ticket,
    call::{Action, AttemptId, Call, Event, Facts, Finish},
    http::{Kind, Problem},
    tower::driver::{draw, now},
};
use smallvec::SmallVec;
use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

/// A call and its policy. Dropped before the call is closed, it tells the machines that the caller has left.
#[derive(Debug)]
pub(crate) struct Driven {
    pub(crate) call: Call,
    pub(crate) route: Arc<Route>,
}

impl Driven {
    pub(crate) fn next(&mut self, now: Instant, event: Event) -> Action {
        self.call.next(&self.route.policy, now, event, draw())
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        if !self.call.is_closed() {
            let _ = self.next(now(), Event::Gone);
        }
    }
}

/// What an attempt has brought, until the call says what is to become of it.
struct Brought {
    id: AttemptId,
    picked: Option<Picked>,
    result: Result<Reply, Fault>,
}

/// An attempt under way, beside its future.
struct Under {
    id: AttemptId,
    picked: Picked,
}

/// What ended a wait.
enum Happened {
    /// Limits have moved: ask again how long to wait.
    Marked,
    Timer,
    Granted(Ticket),
    Ended(usize, Result<Reply, Fault>),
}

/// Runs the request's call to the head of its answer.
pub(crate) async fn drive(
    worker: &Worker,
    route: &Arc<Route>,
    sending: Sending<'_>,
    facts: Facts,
    entry: Option<&Entry>,
    alarm: &mut Alarm,
) -> Result<(Response<Download>, Option<Tunnel>), Problem> {
    let upstream = &*route.upstream;
    let hash = upstream.hash_header().and_then(|name| sending.parts.headers.get(name));
    let hash = hash.map(|value| upstream.hash(value.as_bytes()));
    let mut driven = Driven { call: Call::new(facts), route: Arc::clone(route) };
    let mut line = Line { host: Arc::clone(route.policy.host()), ticket: None };
    let marks = [Marks::default(), Marks::default()];
    let mut first = pin!(None);
    let mut second = pin!(None);
    let mut under: [Option<Under>; 2] = [None, None];
    let mut brought: SmallVec<[Brought; 2]> = SmallVec::new();
    let mut tried: SmallVec<[u32; 4]> = SmallVec::new();
    let mut replayable = true;

    let mut time = now();
    let mut action = driven.next(time, Event::Start);
    loop {
        action = match action {
            Action::Attempt { id, .. } => {
                let Some(picked) = route.upstream.pick(time, draw(), hash, &tried, &[]) else {
                    brought.push(Brought { id, picked: None, result: Err(Fault::NoEndpoint) });
                    action = driven.next(time, Event::Done(id, Fault::NoEndpoint.settlement()));
                    continue;
                };
                tried.push(picked.index());
                if let Some(entry) = entry {
                    entry.attempted(picked.endpoint());
                }
                let slot = usize::from(under[0].is_some());
                marks[slot].clear();
                let endpoint = &route.upstream.endpoints[picked.index() as usize];
                let future = attempt(worker, upstream, endpoint, sending, &marks[slot]);
                if slot == 0 {
                    first.set(Some(future));
                } else {
                    second.set(Some(future));
                }
                under[slot] = Some(Under { id, picked });
                driven.next(time, Event::Proceed)
            }
            Action::Abort { id, outcome } => {
                for slot in 0..under.len() {
                    if let Some(mut ended) = under[slot].take_if(|under| under.id == id) {
                        if outcome == Outcome::Cancelled {
                            marks[slot].spare();
                        }
                        if slot == 0 {
                            first.set(None);
                        } else {
                            second.set(None);
                        }
                        ended.picked.judge(time, outcome);
                    }
                }
                brought.retain(|brought| brought.id != id);
                driven.next(time, Event::Proceed)
            }
            Action::Wait { until, ticket } => {
                line.stand(ticket);
                let waiting = Waiting { until, ticket, host: &line.host };
                let happened = poll_fn(|cx| {
                    let slots = [first.as_mut().as_pin_mut(), second.as_mut().as_pin_mut()];
                    waiting.poll(cx, slots, &marks, alarm)
                })
                .await;
                time = now();
                for (under, marks) in under.iter().zip(&marks) {
                    let Some(under) = under else { continue };
                    marks.take().for_each(|mark| driven.call.note(time, under.id, mark));
                }
                if replayable && !sending.uploads.is_replayable() {
                    replayable = false;
                    let _ = driven.next(time, Event::Unreplayable);
                }
                match happened {
                    Happened::Marked => driven.next(time, Event::Proceed),
                    Happened::Timer => driven.next(time, Event::Timer),
                    Happened::Granted(ticket) => driven.next(time, Event::Granted(ticket)),
                    Happened::Ended(slot, result) => {
                        if slot == 0 {
                            first.set(None);
                        } else {
                            second.set(None);
                        }
                        let Some(Under { id, mut picked, .. }) = under[slot].take() else {
                            return Err(Problem::new(Kind::Internal));
                        };
                        let event = match &result {
                            Ok(reply) => {
                                let (status, headers) = reply.head();
                                let settlement = classify::head(status, headers);
                                if classify::is_provisional(status, headers) {
                                    picked.judge_provisional(time);
                                } else {
                                    picked.judge(time, settlement.outcome);
                                }
                                Event::Headers(id, settlement)
                            }
                            Err(fault) => {
                                let settlement = fault.settlement();
                                picked.judge(time, settlement.outcome);
                                Event::Done(id, settlement)
                            }
                        };
                        brought.push(Brought { id, picked: Some(picked), result });
                        driven.next(time, event)
                    }
                }
            }
            Action::Finish(Finish::Answer(id)) => {
                let at = brought.iter().position(|brought| brought.id == id);
                let Some(Brought { picked, result, .. }) = at.map(|at| brought.swap_remove(at)) else {
                    return Err(Problem::new(Kind::Internal));
                };
                if let (Some(entry), Some(picked)) = (entry, &picked) {
                    entry.answered_by(picked.endpoint());
                }
                return finish(driven, time, id, picked, result);
            }
            Action::Finish(Finish::Refused(rejected)) => return Err(Problem::from(rejected)),
            Action::Finish(Finish::TimedOut(limit)) => return Err(Problem::from(limit)),
            Action::Finish(Finish::Gone) | Action::Closed => return Err(Problem::new(Kind::Internal)),
        };
    }
}

/// A place in the bulkhead's line; its waker is forgotten when it is left.
struct Line {
    host: Arc<GatewayHost>,
    ticket: Option<Ticket>,
}

impl Line {
    fn stand(&mut self, ticket: Option<Ticket>) {
        if self.ticket != ticket {
            if let Some(left) = self.ticket {
                self.host.waiters.forget(left);
            }
            self.ticket = ticket;
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.stand(None);
    }
}

struct Waiting<'a> {
    until: Instant,
    ticket: Option<Ticket>,
    host: &'a GatewayHost,
}

impl Waiting<'_> {
    fn poll<F: Future<Output = Result<Reply, Fault>>>(
        &self,
        cx: &mut Context<'_>,
        slots: [Option<Pin<&mut F>>; 2],
        marks: &[Marks; 2],
        alarm: &mut Alarm,
    ) -> Poll<Happened> {
        let mut marked = false;
        for (at, slot) in slots.into_iter().enumerate() {
            let Some(future) = slot else { continue };
            if let Poll::Ready(result) = future.poll(cx) {
                return Poll::Ready(Happened::Ended(at, result));
            }
            marked |= marks[at].any();
        }
        if marked {
            return Poll::Ready(Happened::Marked);
        }
        // Registered before the machine is asked: a grant between the two finds the waker.
        if let Some(ticket) = self.ticket.filter(|ticket| self.host.waiters.register(*ticket, cx.waker())) {
            return Poll::Ready(Happened::Granted(ticket));
        }
        alarm.poll(cx, self.until).map(|()| Happened::Timer)
    }
}

/// The answer goes to the caller; its body settles the call when it ends.
fn finish(
    mut driven: Driven,
    now: Instant,
    id: AttemptId,
    picked: Option<Picked>,
    result: Result<Reply, Fault>,
) -> Result<(Response<Download>, Option<Tunnel>), Problem> {
    match result.map_err(Fault::problem)? {
        Reply::Http1(response) => {
            Ok((response.map(|body| proxied(driven, now, id, picked, super::Source::Http1(body))), None))
        }
        Reply::Http2(response) => {
            Ok((response.map(|body| proxied(driven, now, id, picked, super::Source::Http2(body))), None))
        }
        Reply::Switched { response, io, leftover } => {
            // A tunnel outlives the call: neither deadline nor bulkhead holds for what it carries.
            let _ = driven.next(now, Event::Done(id, Settlement::SUCCESS));
            Ok((response.map(|()| Download::Empty), Some(Tunnel { io, leftover })))
        }
    }
}

fn proxied(
    mut driven: Driven,
    now: Instant,
    id: AttemptId,
    picked: Option<Picked>,
    mut source: super::Source,
) -> Download {
    // Most answers are small and have come with their head: the call is over, and nothing has to be kept for it.
    let whole = source.whole();
    if source.is_ended() {
        let _ = driven.next(now, Event::Done(id, Settlement::SUCCESS));
        return whole.map_or(Download::Empty, Download::whole);
    }
    Download::Proxied(Box::new(Proxied::new(source, driven, id, picked)))
}
