//! Failures to connect that are local shortages, not the peer's failures.

use crate::chain;
use plimsoll_policy::{Failure, Outcome, Settlement};
use std::{error::Error, io};

/// A host name that could not be looked up: a failure of our resolver, since the peer was never reached.
#[derive(Debug, thiserror::Error)]
#[error("the name could not be looked up")]
pub struct ResolveError(#[from] io::Error);

/// Classifies a failure to connect by the error and its sources.
///
/// A local shortage of descriptors, ports, buffers or memory, and a name that could not be looked up, are
/// [`Outcome::Local`]: a retry may succeed, but no breaker opens and no endpoint is ejected. Anything else is a failure
/// of the peer or of the network.
pub fn connect(error: &(dyn Error + 'static)) -> Settlement {
    let failed = Settlement::failure(Failure::Connect);
    if is_our_lack(error) { Settlement { outcome: Outcome::Local, ..failed } } else { failed }
}

/// Returns whether this error, or one of its sources, is a local shortage.
pub fn is_our_lack(error: &(dyn Error + 'static)) -> bool {
    chain(error).any(|error| {
        let resolve = |error: &io::Error| {
            // An I/O error around another error returns that error's source as its own, and so skips it.
            let within = error.get_ref().and_then(|within| within.downcast_ref::<ResolveError>());
            within.is_some() || is_exhaustion(error)
        };
        error.is::<ResolveError>() || error.downcast_ref::<io::Error>().is_some_and(resolve)
    })
}

/// Returns whether descriptors, ports, buffers or memory of this machine are exhausted.
pub fn is_exhaustion(error: &io::Error) -> bool {
    // The numbers of ENFILE and EMFILE are the same on every Unix; that of ENOBUFS is not.
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    const ENOBUFS: i32 = if cfg!(any(target_os = "linux", target_os = "android")) { 105 } else { 55 };
    match error.kind() {
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse | io::ErrorKind::OutOfMemory => true,
        _ => cfg!(unix) && matches!(error.raw_os_error(), Some(ENFILE | EMFILE | ENOBUFS)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_lack_opens_no_breaker() {
        for code in [23, 24] {
            let lack = io::Error::from_raw_os_error(code);
            assert_eq!(connect(&lack).outcome, Outcome::Local, "{lack}");
        }
        let wrapped = io::Error::other(ResolveError(io::Error::other("no such host")));
        assert_eq!(connect(&wrapped).outcome, Outcome::Local);
        assert!(connect(&wrapped).cause.is_some() && connect(&wrapped).untouched, "it may be tried again");
        assert_eq!(connect(&io::Error::from(io::ErrorKind::AddrNotAvailable)).outcome, Outcome::Local);
    }

    #[test]
    fn a_peer_that_refuses_has_failed() {
        for kind in
            [io::ErrorKind::ConnectionRefused, io::ErrorKind::HostUnreachable, io::ErrorKind::TimedOut]
        {
            assert_eq!(connect(&io::Error::from(kind)).outcome, Outcome::Failure(Failure::Connect));
        }
    }
}
