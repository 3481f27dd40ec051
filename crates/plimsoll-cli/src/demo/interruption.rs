//! The user's interruption of the demo.

use super::keys::Keys;

/// An interruption: the key `q`, Ctrl-C, SIGTERM, or the loss of the terminal.
pub(super) async fn interruption(keys: &Keys) {
    tokio::select! {
        () = keys.quit() => {}
        () = signal() => {}
    }
}

async fn signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [Ok(mut one), Ok(mut two), Ok(mut three)] = kinds.map(signal) else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = one.recv() => {}
            _ = two.recv() => {}
            _ = three.recv() => {}
        }
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
