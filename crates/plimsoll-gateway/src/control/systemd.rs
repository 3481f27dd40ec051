//! Telling the service manager how things stand (`sd_notify`): `Type=notify` in a systemd unit.

use std::{
    env,
    os::unix::net::{SocketAddr, UnixDatagram},
};

/// The gateway serves.
pub(super) const READY: &str = "READY=1";
/// The gateway drains.
pub(super) const STOPPING: &str = "STOPPING=1";

/// Tells it, if there is one to tell. Nothing depends on whether it hears.
pub(super) fn notify(state: &str) {
    let Some(path) = env::var_os("NOTIFY_SOCKET") else { return };
    let told = address(path.as_encoded_bytes())
        .and_then(|address| UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address));
    if let Err(error) = told {
        tracing::warn!(%error, state, "cannot tell the service manager");
    }
}

#[cfg(target_os = "linux")]
fn address(path: &[u8]) -> std::io::Result<SocketAddr> {
    use std::os::{linux::net::SocketAddrExt, unix::ffi::OsStrExt};
    match path.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(path)),
    }
}

#[cfg(not(target_os = "linux"))]
fn address(path: &[u8]) -> std::io::Result<SocketAddr> {
    use std::os::unix::ffi::OsStrExt;
    SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(path))
}
