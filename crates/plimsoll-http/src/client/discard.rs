//! The unread rest of a dropped response, read to keep its connection.

use super::response_source::ResponseSource;
use std::{
    future::poll_fn,
    task::{Context, Poll, Waker},
    time::Duration,
};

/// The most bytes of a rest that are read: about the cost of a new connection.
const MOST: u64 = 64 * 1024;
/// The longest wait for them.
const PATIENCE: Duration = Duration::from_secs(1);

/// Keeps the connection of a response that is dropped before its end, if little is left of it. The part that has come is
/// read at once, the rest by a separate task if its length is known to be short. Returns whether all of it had come.
///
/// Go's client leaves this to its caller and hyper-util's to a task of each connection; here no task reads the connection
/// once the response is dropped.
pub(super) fn discard(mut source: ResponseSource) -> bool {
    if !source.is_alone() || source.size_hint().lower() > MOST {
        return false;
    }
    let mut left = MOST;
    match poll_rest(&mut source, &mut left, &mut Context::from_waker(Waker::noop())) {
        Poll::Ready(whole) => return whole,
        Poll::Pending if source.size_hint().upper().is_none_or(|rest| rest > left) => return false,
        Poll::Pending => {}
    }
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(tokio::time::timeout(PATIENCE, async move {
            poll_fn(|cx| poll_rest(&mut source, &mut left, cx)).await;
        }));
    }
    false
}

/// Polls until the rest has ended: `true` if it has been read completely, so that the connection is kept.
fn poll_rest(source: &mut ResponseSource, left: &mut u64, cx: &mut Context<'_>) -> Poll<bool> {
    loop {
        if source.is_ended() {
            return Poll::Ready(true);
        }
        match source.poll_frame(cx) {
            Poll::Ready(None) => return Poll::Ready(true),
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                match left.checked_sub(length) {
                    Some(rest) => *left = rest,
                    None => return Poll::Ready(false),
                }
            }
            Poll::Ready(Some(Err(_))) => return Poll::Ready(false),
            Poll::Pending => return Poll::Pending,
        }
    }
}
