//! TCP keep-alive: how a silent peer is found to be gone.

use socket2::{SockRef, TcpKeepalive};
use std::{io, time::Duration};
use tokio::net::TcpStream;

/// When a connection on which nothing moves is probed by the kernel, and when it is given up.
///
/// A peer whose machine or network is gone sends no end: without probes its connection stays for ever, or until something
/// is sent. Probes are empty packets, which no program sees; they also keep entries of firewalls and NAT in between.
///
/// On while nothing is unacknowledged. A peer that is gone while something is under way to it is found by the limits on
/// writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeepAlive {
    /// Nothing has moved for so long: the first probe. From a second to [`Self::MOST_TIME`], in whole seconds; what is
    /// less or more is the nearest.
    pub idle: Duration,
    /// From one probe to the next, in the same bounds.
    pub interval: Duration,
    /// After so many probes without a response the connection is broken. From 1 to [`Self::MOST_PROBES`].
    pub probes: u32,
}

impl KeepAlive {
    /// The longest time that Linux takes, about nine hours.
    pub const MOST_TIME: Duration = Duration::from_secs(32_767);
    /// The most probes that Linux takes.
    pub const MOST_PROBES: u32 = 127;

    /// Sets it on a connection.
    ///
    /// # Errors
    /// The system's error.
    pub fn set(&self, socket: &TcpStream) -> io::Result<()> {
        let time = |time: Duration| time.clamp(Duration::from_secs(1), Self::MOST_TIME);
        let wanted = TcpKeepalive::new().with_time(time(self.idle)).with_interval(time(self.interval));
        // Windows has a number of its own.
        #[cfg(unix)]
        let wanted = wanted.with_retries(self.probes.clamp(1, Self::MOST_PROBES));
        SockRef::from(socket).set_tcp_keepalive(&wanted)
    }
}

impl Default for KeepAlive {
    /// The first probe after 30 s, six of them 10 s apart: a peer that is gone is found within a minute and a half.
    fn default() -> Self {
        Self { idle: Duration::from_secs(30), interval: Duration::from_secs(10), probes: 6 }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    async fn stream() -> TcpStream {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        TcpStream::connect(listener.local_addr().unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn the_kernel_takes_what_is_set() {
        let stream = stream().await;
        let socket = SockRef::from(&stream);
        assert!(!socket.keepalive().unwrap());
        KeepAlive::default().set(&stream).unwrap();
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(30));
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(10));
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 6);
    }

    #[tokio::test]
    async fn what_no_kernel_takes_is_the_nearest_that_it_does() {
        let stream = stream().await;
        KeepAlive { idle: Duration::ZERO, interval: Duration::MAX, probes: 0 }.set(&stream).unwrap();
        let socket = SockRef::from(&stream);
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(1));
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), KeepAlive::MOST_TIME);
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 1);
    }
}
