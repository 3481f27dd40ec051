//! `[admin]`.

use crate::spec::AdminSpec;
use plimsoll::config::{Rules, Secret, Section, section};
use std::net::SocketAddr;

section! {
    /// The admin API: health, metrics, and what the gateway is told.
    for AdminSpec {
        /// Address and port; not loopback only with a `token`.
        listen: SocketAddr = Self::default().listen,
        /// The bearer token that a caller must send. Left out, everyone who reaches the address may call.
        token?: Secret,
    }
}

impl Rules for AdminSpec {
    fn apply(&mut self, section: &mut Section<'_, '_>) {
        // A line's end that came along from where the secret is kept would lock everyone out.
        let sendable = |token: &Secret| token.expose().bytes().all(|byte| byte.is_ascii_graphic());
        if !self.token.as_ref().is_none_or(sendable) {
            let fault = section.fault(&["token"], "there is a character in it that no bearer token can have");
            section.push(
                fault.expecting("letters, digits and signs of ASCII, without blanks and ends of lines"),
            );
        }
        if self.token.is_some() || self.listen.ip().to_canonical().is_loopback() {
            return;
        }
        let shown = section.shown(&["listen"], self.listen);
        let problem = format!("{shown} is not loopback, and there is no token");
        let fault = section.fault(&["listen"], problem);
        section
            .push(fault.expecting("a loopback address such as \"127.0.0.1:9901\", or \"token\" beside it"));
    }
}
