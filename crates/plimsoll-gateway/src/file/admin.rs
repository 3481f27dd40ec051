//! `[admin]`.

use crate::spec::{AdminSpec, Secret};
use plimsoll::config::{self, Node, Reader, Rules, Schemas, Section, Shape, section};
use serde_json::Value;
use std::{borrow::Cow, net::SocketAddr};

section! {
    /// The admin API: health, metrics, and what the gateway is told.
    for AdminSpec {
        /// Address and port; not loopback only with a `token`.
        listen: SocketAddr = Self::default().listen,
        /// What a caller must show as a bearer token. Left out, whoever reaches the address may call.
        token?: Secret,
    }
}

impl Rules for AdminSpec {
    fn apply(&mut self, section: &mut Section<'_, '_>) {
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

impl Shape for Secret {
    fn expected() -> Cow<'static, str> {
        config::Secret::expected()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let secret = config::Secret::read(node, reader)?;
        // A line's end that came along from where the secret is kept would lock everyone out.
        if secret.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Some(Self::new(secret.expose()));
        }
        let fault = reader.fault(node, "there is a character in it that no bearer token can have");
        reader.push(fault.expecting("letters, digits and signs of ASCII, without blanks and ends of lines"));
        None
    }

    fn schema(schemas: &mut Schemas) -> Value {
        config::Secret::schema(schemas)
    }

    fn write(&self) -> Value {
        super::HIDDEN.into()
    }
}
