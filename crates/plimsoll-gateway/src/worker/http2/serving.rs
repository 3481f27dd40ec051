//! A client's connection.

use super::{
    respond::respond,
    streams::{Look, Streams},
    taken::Part,
};
use crate::{
    http2::{ERRORS, FRAME, KeepAlive, ListLimits, Wired},
    proxy::Alarm,
    spec::LimitsSpec,
    worker::{accepted::Accepted, state::Worker},
};
use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, Stream as _};
use h2::{Reason, server};
use plimsoll::{
    http::http2::{SEND_BUFFER, connection_window},
    policy::Instant,
};
use std::{
    future::poll_fn,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll},
};
use tokio::net::TcpStream;

/// Serves an HTTP/2 connection of which `read` has been read already.
///
/// It ends when nothing has been asked for as long as a connection may be idle, be it that the client never came so far
/// as to ask, or when its client has taken nothing of what was there for it as long as that may last.
pub(in crate::worker) async fn serve(
    worker: &Rc<Worker>,
    stream: TcpStream,
    read: Bytes,
    accepted: Accepted,
) {
    let limits = worker.shared.snapshot.load().spec.limits;
    let most = limits.head.max(limits.trailers);
    let lists = ListLimits::above(most);
    let (io, wire) = Wired::to_client(read, stream, lists);
    let mut alarm = Alarm::default();
    let mut shaken = {
        let until = worker.now() + limits.idle_time;
        tokio::select! {
            shaken = builder(&limits, lists).handshake(io) => match shaken {
                Ok(shaken) => shaken,
                Err(_) => return,
            },
            () = alarm.wait(worker.time(), until) => return,
        }
    };
    let pings = limits.ping.zip(shaken.ping_pong());
    let time = worker.time().clone();
    let slow = worker.shared.metrics.slow_downloads.clone();
    let streams = Streams::new(time.clone(), slow, Rc::clone(&wire), &worker.unsent);
    let mut serving = Serving {
        worker,
        accepted,
        most,
        pings: pings.map(|(every, pings)| KeepAlive::new(pings, every, wire, time)),
        tasks: FuturesUnordered::new(),
        connection: shaken,
        streams: Rc::clone(&streams),
    };
    let _left = Left(Rc::clone(&streams));
    let mut draining = pin!(worker.drain.begun());
    let mut drains = false;
    // When it is cut off, once it has been told that it was idle for too long.
    let mut cut: Option<Instant> = None;
    loop {
        let limits = worker.shared.snapshot.load().spec.limits;
        worker.unsent.set_limit(limits.unsent / worker.of as u64);
        let next = streams.next_look(worker.now(), limits.idle_time, limits.write_time, limits.min_rate);
        tokio::select! {
            () = poll_fn(|cx| serving.poll(cx)) => return,
            () = streams.closed() => return,
            () = draining.as_mut(), if !drains => {
                drains = true;
                serving.connection.graceful_shutdown();
            }
            () = alarm.wait(worker.time(), cut.map_or(next, |cut| cut.earliest(next))) => {
                let now = worker.now();
                if streams.look(now, limits.write_time) == Look::Stuck || cut.is_some_and(|cut| now >= cut) {
                    return;
                }
                if cut.is_none() && streams.is_idle(now, limits.idle_time) {
                    serving.connection.graceful_shutdown();
                    cut = Some(now + limits.write_time);
                }
            }
        }
    }
}

fn builder(limits: &LimitsSpec, lists: ListLimits) -> server::Builder {
    let mut builder = server::Builder::new();
    builder
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(lists.list)
        .initial_window_size(limits.window)
        .initial_connection_window_size(connection_window(limits.window, limits.streams))
        .max_frame_size(FRAME)
        .max_local_error_reset_streams(Some(ERRORS))
        .max_send_buffer_size(SEND_BUFFER);
    builder
}

/// A connection and all that its streams do, in one task.
struct Serving<'w> {
    worker: &'w Rc<Worker>,
    accepted: Accepted,
    /// Bytes of a list of fields that are taken on it at most, whatever is taken of those to come.
    most: usize,
    pings: Option<KeepAlive>,
    // Before the connection: what the streams hold of it goes first.
    tasks: FuturesUnordered<Pin<Box<dyn Future<Output = ()>>>>,
    connection: server::Connection<Wired<TcpStream>, Part>,
    streams: Rc<Streams>,
}

impl Serving<'_> {
    /// Ready once the connection has ended.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(pings) = &mut self.pings
            && pings.poll(cx, false).is_ready()
        {
            self.pings = None;
            self.connection.abrupt_shutdown(Reason::NO_ERROR);
        }
        loop {
            // What the streams have to say is written by the connection, which brings new ones: it goes last, and first
            // again where it has brought any.
            while let Poll::Ready(Some(())) = Pin::new(&mut self.tasks).poll_next(cx) {}
            let mut brought = false;
            loop {
                match self.connection.poll_accept(cx) {
                    Poll::Ready(Some(Ok((request, responding)))) => {
                        let (worker, open) = (Rc::clone(self.worker), self.streams.open());
                        // Written into the box, since the future is some kilobytes large: made on the stack, all of them
                        // would be copied.
                        let task = Box::write(
                            Box::new_uninit(),
                            respond(worker, request, responding, self.accepted, self.most, open),
                        );
                        self.tasks.push(Box::into_pin(task));
                        brought = true;
                    }
                    Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(()),
                    Poll::Pending => break,
                }
            }
            if !brought {
                return Poll::Pending;
            }
        }
    }
}

/// A connection that nobody may close any more once this is dropped.
struct Left(Rc<Streams>);

impl Drop for Left {
    fn drop(&mut self) {
        self.0.leave();
    }
}
