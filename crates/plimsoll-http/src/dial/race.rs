//! Attempts at the addresses of a name, each begun when the previous one takes long.

use super::addresses::{Addresses, RankedAddress};
use futures_util::{StreamExt, stream::FuturesUnordered};
use std::{
    io,
    net::IpAddr,
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};
use tokio::time::{Instant, sleep_until};

/// No attempt has won.
const NONE: usize = usize::MAX;

/// An attempt that was dropped before this time says nothing about its address: the caller has left.
const TELLING: Duration = Duration::from_millis(50);

/// Connects to the first address that responds: each is tried when the one before it has failed, or has not responded within
/// `delay`.
pub(super) async fn race<F, T>(
    addresses: &Addresses,
    delay: Duration,
    connect: impl Fn(IpAddr) -> F,
) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let won = AtomicUsize::new(NONE);
    let mut left = addresses.in_turn().into_iter().enumerate();
    let attempt = |(at, place): (usize, &RankedAddress)| {
        let pending = Pending { place: place.clone(), at, since: Instant::now(), ended: false, won: &won };
        let connected = connect(place.ip());
        async move {
            let connected = connected.await;
            pending.ended(connected.is_ok());
            connected
        }
    };
    let mut running = FuturesUnordered::new();
    running.extend(left.next().map(&attempt));
    let mut next = pin!(sleep_until(Instant::now() + delay));
    let mut failed = None;
    loop {
        tokio::select! {
            biased;
            ended = running.next() => match ended {
                Some(Ok(connection)) => return Ok(connection),
                Some(Err(error)) => failed = Some(more_telling(failed, error)),
                None => return Err(failed.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into())),
            },
            () = next.as_mut(), if left.len() > 0 => {}
        }
        if let Some(one) = left.next() {
            running.push(attempt(one));
            next.as_mut().reset(Instant::now() + delay);
        }
    }
}

/// An attempt in flight. Dropping it records that the address did not respond in time.
struct Pending<'a> {
    place: RankedAddress,
    /// Its place in the order.
    at: usize,
    since: Instant,
    ended: bool,
    won: &'a AtomicUsize,
}

impl Pending<'_> {
    fn ended(mut self, well: bool) {
        self.ended = true;
        if well {
            self.won.store(self.at, Relaxed);
            self.place.responded();
        } else {
            self.place.failed();
        }
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        // An attempt that began after the winner had less time.
        if !self.ended && self.at < self.won.load(Relaxed) && self.since.elapsed() >= TELLING {
            self.place.failed();
        }
    }
}

/// Returns the more specific of two errors: a missing route to a family is common, and the same for every host.
fn more_telling(before: Option<io::Error>, now: io::Error) -> io::Error {
    use io::ErrorKind::{AddrNotAvailable, NetworkUnreachable};
    let of_family = |error: &io::Error| matches!(error.kind(), NetworkUnreachable | AddrNotAvailable);
    before.filter(|before| of_family(&now) && !of_family(before)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;
    use std::future::pending;
    use tokio::time::{sleep, timeout};

    const DELAY: Duration = Duration::from_millis(250);

    fn addresses(last: &[u8]) -> Addresses {
        Addresses::new(last.iter().map(|last| ip(*last)).collect(), None).unwrap()
    }

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// Connects to an address that responds after so many milliseconds; any other address never responds.
    async fn connect(
        address: IpAddr,
        script: &[(u8, u64, Result<(), io::ErrorKind>)],
        tried: &Mutex<Vec<IpAddr>>,
    ) -> io::Result<IpAddr> {
        tried.lock().push(address);
        match script.iter().find(|(last, ..)| ip(*last) == address) {
            Some((_, after, how)) => {
                sleep(Duration::from_millis(*after)).await;
                how.map(|()| address).map_err(io::Error::from)
            }
            None => pending().await,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_first_address_costs_one_delay_and_then_nothing() {
        let (addresses, tried) = (addresses(&[1, 2]), Mutex::default());
        let began = Instant::now();
        let script = [(2, 5, Ok(()))];
        let won = race(&addresses, DELAY, |ip| connect(ip, &script, &tried)).await.unwrap();
        assert_eq!((won, began.elapsed()), (ip(2), DELAY + Duration::from_millis(5)));
        for _ in 0..5 {
            let began = Instant::now();
            let won = race(&addresses, DELAY, |ip| connect(ip, &script, &tried)).await.unwrap();
            assert_eq!((won, began.elapsed()), (ip(2), Duration::from_millis(5)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_not_waited_for() {
        let (addresses, tried) = (addresses(&[1, 2, 3]), Mutex::default());
        let refused = Err(io::ErrorKind::ConnectionRefused);
        let script = [(1, 1, refused), (2, 1, refused), (3, 1, Ok(()))];
        let began = Instant::now();
        let won = race(&addresses, DELAY, |ip| connect(ip, &script, &tried)).await.unwrap();
        assert_eq!((won, began.elapsed()), (ip(3), Duration::from_millis(3)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_to_respond_wins_even_if_a_later_one_has_begun() {
        let (addresses, tried) = (addresses(&[1, 2]), Mutex::default());
        let script = [(1, 300, Ok(())), (2, 100, Ok(()))];
        let won = race(&addresses, DELAY, |ip| connect(ip, &script, &tried)).await.unwrap();
        assert_eq!(won, ip(1));
        // The second had less time than the winner: it is as good as before.
        assert_eq!(addresses.in_turn()[0].ip(), ip(2));
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_without_a_response_within_a_callers_limit_is_tried_last_by_the_next() {
        let (addresses, tried) = (addresses(&[1, 2]), Mutex::default());
        let script = [(2, 5, Ok(()))];
        let short = Duration::from_millis(100);
        assert!(timeout(short, race(&addresses, DELAY, |ip| connect(ip, &script, &tried))).await.is_err());
        let won = timeout(short, race(&addresses, DELAY, |ip| connect(ip, &script, &tried))).await;
        assert_eq!(won.unwrap().unwrap(), ip(2), "a limit shorter than the delay reaches the second address");
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_leaves_at_once_says_nothing_of_the_address() {
        let (addresses, tried) = (addresses(&[1]), Mutex::default());
        let soon = Duration::from_millis(1);
        assert!(timeout(soon, race(&addresses, DELAY, |ip| connect(ip, &[], &tried))).await.is_err());
        let more = Addresses::new(vec![ip(1), ip(2)], Some(&addresses)).unwrap();
        assert_eq!(more.in_turn().last().unwrap().ip(), ip(1), "only by its turn");
        assert_eq!(more.in_turn()[0].ip(), ip(1));
    }

    #[tokio::test(start_paused = true)]
    async fn where_all_fail_the_error_is_the_peers() {
        use io::ErrorKind::{AddrNotAvailable, ConnectionRefused, NetworkUnreachable};
        let tried = Mutex::default();
        for (first, second) in [
            (NetworkUnreachable, ConnectionRefused),
            (ConnectionRefused, NetworkUnreachable),
            (AddrNotAvailable, ConnectionRefused),
            (ConnectionRefused, AddrNotAvailable),
        ] {
            let script = [(1, 1, Err(first)), (2, 1, Err(second))];
            let failed = race(&addresses(&[1, 2]), DELAY, |ip| connect(ip, &script, &tried)).await;
            assert_eq!(failed.unwrap_err().kind(), ConnectionRefused);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn all_are_tried_and_no_more_at_once_than_the_delay_allows() {
        let (addresses, tried) = (addresses(&[1, 2, 3, 4]), Mutex::default());
        let limit = DELAY * 2 + Duration::from_millis(1);
        assert!(timeout(limit, race(&addresses, DELAY, |ip| connect(ip, &[], &tried))).await.is_err());
        assert_eq!(*tried.lock(), [ip(1), ip(2), ip(3)]);
    }
}
