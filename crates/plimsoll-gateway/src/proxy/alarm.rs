//! One timer for many waits.

use plimsoll::{
    Instant,
    tower::driver::{now, to_tokio},
};
use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::time::Sleep;

/// A timer that is rarely moved.
///
/// Most waits end long before their limit, and the next one's limit lies later. So a timer that is armed for an earlier
/// instant stays as it is; when it fires early it is armed anew. A connection arms it about once a limit's length
/// instead of once a request. Made when first needed.
#[derive(Default)]
pub(crate) struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    armed: Option<Instant>,
}

impl Alarm {
    /// Ready once `until` has come. Pending for ever for [`Instant::FAR`].
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, until: Instant) -> Poll<()> {
        loop {
            if self.armed.is_none_or(|armed| armed > until) {
                let Some(at) = to_tokio(until) else { return Poll::Pending };
                match &mut self.sleep {
                    Some(sleep) => sleep.as_mut().reset(at),
                    none => *none = Some(Box::pin(tokio::time::sleep_until(at))),
                }
                self.armed = Some(until);
            }
            let Some(sleep) = &mut self.sleep else { return Poll::Pending };
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.armed = None;
            if now() >= until {
                return Poll::Ready(());
            }
        }
    }

    /// Waits until `until`. Cancel safe.
    pub(crate) async fn wait(&mut self, until: Instant) {
        poll_fn(|cx| self.poll(cx, until)).await;
    }
}

impl fmt::Debug for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alarm").field("armed", &self.armed).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn keeps_every_limit_whatever_was_armed_before() {
        let mut alarm = Alarm::default();
        let start = now();
        for millis in [500, 100, 700, 50] {
            let until = now() + Duration::from_millis(millis);
            // Armed for later, and given up: as a request that is answered.
            let _ = poll_fn(|cx| Poll::Ready(alarm.poll(cx, until + Duration::from_secs(1)))).await;
            alarm.wait(until).await;
            assert!(now() >= until && now().since(until) < Duration::from_millis(3));
        }
        assert!(now().since(start) < Duration::from_millis(1400));
    }
}
