//! A request's body that may not keep the gateway waiting for ever.

use super::inbound::{Inbound, InboundError};
use crate::{h1::Pace, spec::LimitsSpec};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use plimsoll::{
    driver::{Alarm, Time},
    policy::Instant,
};
use std::{
    cell::Cell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

/// How long the client of one request may be waited for. Shared by its body and the call that sends it.
///
/// Only a body that has nothing reads the clock or arms a timer. The limits hold until the response begins: what is sent
/// after that may react to the response (a stream of messages both ways), and 408 can be said no more.
#[derive(Debug)]
pub(crate) struct Pacing {
    time: Time,
    silence: Duration,
    pace: Cell<Option<Pace>>,
    /// Since when the client is waited for.
    since: Cell<Option<Instant>>,
    lifted: Cell<bool>,
}

impl Pacing {
    pub(crate) fn new(limits: &LimitsSpec, time: &Time) -> Rc<Self> {
        Rc::new(Self {
            time: time.clone(),
            silence: limits.body_time,
            pace: Cell::new(limits.min_rate.map(Pace::new)),
            since: Cell::new(None),
            lifted: Cell::new(false),
        })
    }

    /// Another attempt begins to send the body. Nobody has waited for it since the one before.
    pub(crate) fn begin(&self) {
        self.since.set(None);
    }

    /// The response has begun.
    pub(crate) fn lift(&self) {
        self.lifted.set(true);
    }

    fn came(&self, bytes: u64) {
        let since = self.since.take();
        if let Some(mut pace) = self.pace.get() {
            if let Some(since) = since {
                pace.waited(self.time.now().since(since));
            }
            pace.moved(bytes);
            self.pace.set(Some(pace));
        }
    }

    /// Nothing has come. Ready once that has lasted too long.
    fn poll_slow(&self, alarm: &mut Alarm, cx: &mut Context<'_>) -> Poll<()> {
        if self.lifted.get() {
            return Poll::Pending;
        }
        let since = self.since.get().unwrap_or_else(|| self.time.now());
        self.since.set(Some(since));
        let left = self.pace.get().map_or(self.silence, |pace| pace.left().min(self.silence));
        alarm.poll(cx, &self.time, since + left)
    }
}

/// A request's body within its [`Pacing`].
#[derive(Debug)]
pub(crate) struct Paced {
    body: Inbound,
    pacing: Rc<Pacing>,
    alarm: Alarm,
}

impl Paced {
    pub(crate) fn new(body: Inbound, pacing: &Rc<Pacing>) -> Self {
        Self { body, pacing: Rc::clone(pacing), alarm: Alarm::default() }
    }
}

impl Body for Paced {
    type Data = Bytes;
    type Error = InboundError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, InboundError>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                this.pacing.came(frame.data_ref().map_or(0, |data| data.len() as u64));
            }
            Poll::Ready(_) => {}
            Poll::Pending => {
                return this.pacing.poll_slow(&mut this.alarm, cx).map(|()| Some(Err(InboundError::TooSlow)));
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        h1::{
            Drain,
            server::{Idle, ServerConfig, ServerConn},
        },
        proxy::Trailing,
        spec::HeaderNames,
    };
    use http_body_util::BodyExt as _;
    use std::num::NonZeroU64;
    use tokio::io::{AsyncWriteExt as _, DuplexStream};

    /// A request with a chunked body, and where its client writes it.
    async fn body(limits: LimitsSpec) -> (ServerConn<DuplexStream>, DuplexStream, Paced, Rc<Pacing>) {
        let (near, mut client) = tokio::io::duplex(64 * 1024);
        let mut connection = ServerConn::new(near, Rc::new(ServerConfig::default()), &Drain::new());
        client.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").await.unwrap();
        assert_eq!(connection.idle(std::future::pending()).await, Idle::Ready);
        let request = connection.next_request(std::future::pending()).await.unwrap().unwrap();
        let pacing = Pacing::new(&limits, &Time::TOKIO);
        let trailing = Trailing { names: HeaderNames::Drop, bytes: 8192, fields: 32 };
        let paced = Paced::new(Inbound::http1(request.body, trailing), &pacing);
        (connection, client, paced, pacing)
    }

    fn limits(rate: Option<u64>) -> LimitsSpec {
        LimitsSpec {
            body_time: Duration::from_secs(5),
            min_rate: rate.and_then(NonZeroU64::new),
            ..LimitsSpec::default()
        }
    }

    /// Sends this chunk again and again, with a pause before each.
    async fn trickle(client: &mut DuplexStream, chunk: &str, pause: Duration, times: usize) {
        for _ in 0..times {
            tokio::time::sleep(pause).await;
            if client.write_all(format!("{:x}\r\n{chunk}\r\n", chunk.len()).as_bytes()).await.is_err() {
                return;
            }
        }
        let _ = client.write_all(b"0\r\n\r\n").await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_nothing_is_given_up() {
        let (_connection, _client, mut paced, _) = body(limits(None)).await;
        let began = tokio::time::Instant::now();
        let error = paced.frame().await.unwrap().unwrap_err();
        assert!(matches!(error, InboundError::TooSlow));
        assert!(began.elapsed() >= Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn every_byte_gives_it_the_whole_time_again() {
        let (_connection, mut client, paced, _) = body(limits(None)).await;
        let sending = trickle(&mut client, "x", Duration::from_secs(4), 20);
        let (read, ()) = tokio::join!(paced.collect(), sending);
        assert_eq!(read.unwrap().to_bytes().len(), 20);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_below_the_rate_is_given_up_after_the_grace() {
        let (_connection, mut client, paced, _) = body(limits(Some(1000))).await;
        let began = tokio::time::Instant::now();
        let sending = trickle(&mut client, "hundred", Duration::from_secs(1), 100);
        let (read, ()) = tokio::join!(
            async {
                assert!(matches!(paced.collect().await, Err(InboundError::TooSlow)));
                began.elapsed()
            },
            sending
        );
        assert!((10..12).contains(&read.as_secs()), "{read:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_at_the_rate_is_not() {
        let (_connection, mut client, paced, _) = body(limits(Some(7))).await;
        let sending = trickle(&mut client, "hundred", Duration::from_secs(1), 100);
        let (read, ()) = tokio::join!(paced.collect(), sending);
        assert_eq!(read.unwrap().to_bytes().len(), 700);
    }

    /// Time in which nobody asks for the body is not the client's.
    #[tokio::test(start_paused = true)]
    async fn a_slow_endpoint_costs_it_nothing() {
        let (_connection, mut client, mut paced, _) = body(limits(Some(1000))).await;
        trickle(&mut client, "x", Duration::ZERO, 20).await;
        let mut frames = 0;
        while let Some(frame) = paced.frame().await {
            frame.unwrap();
            frames += 1;
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        assert!(frames >= 1);
    }

    #[tokio::test(start_paused = true)]
    async fn between_attempts_nobody_waits_for_it() {
        let (_connection, mut client, mut paced, pacing) = body(limits(None)).await;
        assert!(tokio::time::timeout(Duration::from_secs(4), paced.frame()).await.is_err());
        tokio::time::sleep(Duration::from_secs(10)).await;
        pacing.begin();
        let sending = trickle(&mut client, "x", Duration::from_secs(4), 1);
        let (read, ()) = tokio::join!(paced.collect(), sending);
        assert_eq!(read.unwrap().to_bytes(), "x");
    }

    #[tokio::test(start_paused = true)]
    async fn once_the_response_has_begun_it_may_take_its_time() {
        let (_connection, mut client, mut paced, pacing) = body(limits(Some(1000))).await;
        assert!(tokio::time::timeout(Duration::from_secs(1), paced.frame()).await.is_err());
        pacing.lift();
        let sending = trickle(&mut client, "x", Duration::from_secs(100), 2);
        let (read, ()) = tokio::join!(paced.collect(), sending);
        assert_eq!(read.unwrap().to_bytes(), "xx");
    }
}
