//! Failures to connect that are our own lack, not the peer's.

use plimsoll_policy::{Failure, Outcome, Settlement};
use std::{error::Error, io};

/// A host name that could not be looked up. That is our resolver's failure: the peer was never asked.
#[derive(Debug, thiserror::Error)]
#[error("the name could not be looked up")]
pub struct ResolveError(#[from] io::Error);

/// The verdict on a connection that did not come about, by the error and what is behind it.
///
/// No descriptors, ports, buffers or memory here, and a name that could not be looked up, are [`Outcome::Local`]: a retry
/// may go better, but no breaker opens and nobody is ejected. Anything else is the peer's failure, or the way's to it.
pub fn connect(error: &(dyn Error + 'static)) -> Settlement {
    let failed = Settlement::failure(Failure::Connect);
    if is_our_lack(error) { Settlement { outcome: Outcome::Local, ..failed } } else { failed }
}

/// Whether this error, or one behind it, says that something lacks here.
pub fn is_our_lack(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<ResolveError>() {
            return true;
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            // An I/O error around another one gives that one's source for its own, and leaves it out.
            let within = error.get_ref().and_then(|within| within.downcast_ref::<ResolveError>());
            if within.is_some() || is_exhaustion(error) {
                return true;
            }
        }
        next = error.source();
    }
    false
}

/// Whether descriptors, ports, buffers or memory of this machine are used up.
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
