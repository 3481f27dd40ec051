//! Clock, timers and seeds as one parameter of every driver.

use crate::{from_tokio, now, random, to_tokio};
use plimsoll_policy::{Draw, Instant, Seed};
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// A wait of a [`TimeSource`].
pub type BoxSleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A source of time and randomness other than tokio's clock and the thread's generator: virtual time, a replay.
pub trait TimeSource: Send + Sync + fmt::Debug {
    /// The time now. Never goes back.
    fn now(&self) -> Instant;

    /// A future that is ready once this instant has come. `at` is never [`Instant::FAR`].
    fn sleep_until(&self, at: Instant) -> BoxSleep;

    /// The seed of one call.
    fn seed(&self) -> Seed;
}

/// Where a driver has its clock, its timers and its seeds from: by default tokio's clock and a generator of the thread.
///
/// Cloning shares the source. The default costs a branch over calling tokio directly.
#[derive(Clone, Default)]
pub struct Time(Option<Arc<dyn TimeSource>>);

impl Time {
    /// Tokio's clock and timers (of 1 ms), and the thread's generator.
    pub const TOKIO: Self = Self(None);

    /// Another source.
    pub fn from_source(source: impl TimeSource + 'static) -> Self {
        Self(Some(Arc::new(source)))
    }

    /// The time now.
    #[inline]
    pub fn now(&self) -> Instant {
        match &self.0 {
            None => now(),
            Some(source) => source.now(),
        }
    }

    /// A time of tokio's clock on this one.
    pub fn convert(&self, at: tokio::time::Instant) -> Instant {
        match &self.0 {
            None => from_tokio(at),
            Some(source) => source.now() + at.saturating_duration_since(tokio::time::Instant::now()),
        }
    }

    /// The seed of one call.
    #[inline]
    pub fn seed(&self) -> Seed {
        match &self.0 {
            None => random::draw().into(),
            Some(source) => source.seed(),
        }
    }

    /// A draw that nobody outside can guess, to key a hash with. From a source it is as guessable as its seeds are.
    pub fn secret(&self) -> Draw {
        match &self.0 {
            None => random::secret(),
            Some(source) => source.seed().draw(plimsoll_policy::Purpose::Endpoint, u8::MAX),
        }
    }

    fn sleep_until(&self, at: Instant) -> Option<Sleep> {
        match &self.0 {
            None => Some(Sleep::Tokio { sleep: tokio::time::sleep_until(to_tokio(at)?) }),
            Some(_) if at == Instant::FAR => None,
            Some(source) => Some(Sleep::Source { sleep: source.sleep_until(at) }),
        }
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("Time(tokio)"),
            Some(source) => write!(f, "Time({source:?})"),
        }
    }
}

pin_project_lite::pin_project! {
    #[project = SleepProjection]
    enum Sleep {
        Tokio { #[pin] sleep: tokio::time::Sleep },
        Source { sleep: BoxSleep },
    }
}

impl Sleep {
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.project() {
            SleepProjection::Tokio { sleep } => sleep.poll(cx),
            SleepProjection::Source { sleep } => sleep.as_mut().poll(cx),
        }
    }
}

pin_project_lite::pin_project! {
    /// One timer for many waits, made when it is first needed.
    ///
    /// Most waits end long before their limit, and the next one's limit lies later. So a timer that is armed for an
    /// earlier instant stays as it is; when it fires early it is armed anew.
    #[derive(Default)]
    pub struct Timer {
        #[pin]
        sleep: Option<Sleep>,
        armed: Option<Instant>,
    }
}

impl Timer {
    /// A timer that nobody waits for.
    pub const fn new() -> Self {
        Self { sleep: None, armed: None }
    }

    /// Ready once `until` has come. Pending for ever for [`Instant::FAR`].
    ///
    /// # Panics
    /// Outside a tokio runtime with its time driver, where `time` is tokio's.
    pub fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>, time: &Time, until: Instant) -> Poll<()> {
        let mut this = self.project();
        loop {
            if this.armed.is_none_or(|armed| armed > until) {
                let reset = match this.sleep.as_mut().as_pin_mut().map(Sleep::project) {
                    Some(SleepProjection::Tokio { sleep }) => {
                        let Some(at) = to_tokio(until) else { return Poll::Pending };
                        sleep.reset(at);
                        true
                    }
                    _ => false,
                };
                if !reset {
                    let Some(sleep) = time.sleep_until(until) else { return Poll::Pending };
                    this.sleep.set(Some(sleep));
                }
                *this.armed = Some(until);
            }
            let Some(sleep) = this.sleep.as_mut().as_pin_mut() else { return Poll::Pending };
            if sleep.poll(cx).is_pending() {
                return Poll::Pending;
            }
            *this.armed = None;
            if time.now() >= until {
                return Poll::Ready(());
            }
        }
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").field("armed", &self.armed).finish_non_exhaustive()
    }
}

/// A [`Timer`] in a box of its own, made when it is first needed: for an owner that outlives one call.
#[derive(Debug, Default)]
pub struct Alarm(Option<Pin<Box<Timer>>>);

impl Alarm {
    /// As [`Timer::poll`].
    ///
    /// # Panics
    /// As [`Timer::poll`].
    pub fn poll(&mut self, cx: &mut Context<'_>, time: &Time, until: Instant) -> Poll<()> {
        if until == Instant::FAR {
            return Poll::Pending;
        }
        self.0.get_or_insert_with(|| Box::pin(Timer::new())).as_mut().poll(cx, time, until)
    }

    /// Waits until `until`. Cancel safe.
    ///
    /// # Panics
    /// As [`Timer::poll`].
    pub async fn wait(&mut self, time: &Time, until: Instant) {
        std::future::poll_fn(|cx| self.poll(cx, time, until)).await;
    }
}

/// A timer as the [loop](crate::run()) uses it.
pub trait PollUntil {
    /// Ready once `until` has come.
    fn poll_until(&mut self, cx: &mut Context<'_>, time: &Time, until: Instant) -> Poll<()>;
}

impl PollUntil for Alarm {
    fn poll_until(&mut self, cx: &mut Context<'_>, time: &Time, until: Instant) -> Poll<()> {
        self.poll(cx, time, until)
    }
}

impl PollUntil for Pin<&mut Timer> {
    fn poll_until(&mut self, cx: &mut Context<'_>, time: &Time, until: Instant) -> Poll<()> {
        self.as_mut().poll(cx, time, until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{future::poll_fn, time::Duration};

    #[tokio::test(start_paused = true)]
    async fn keeps_every_limit_whatever_was_armed_before() {
        let (mut alarm, time) = (Alarm::default(), Time::TOKIO);
        let start = time.now();
        for millis in [500, 100, 700, 50] {
            let until = time.now() + Duration::from_millis(millis);
            // Armed for later, and given up: like the timer of a request whose response has come.
            let later = until + Duration::from_secs(1);
            let _ = poll_fn(|cx| Poll::Ready(alarm.poll(cx, &time, later))).await;
            alarm.wait(&time, until).await;
            assert!(time.now() >= until && time.now().since(until) < Duration::from_millis(3));
        }
        assert!(time.now().since(start) < Duration::from_millis(1400));
    }
}
