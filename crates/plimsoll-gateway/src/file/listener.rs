//! `[[listener]]`.

use super::{
    array_of_tables::Entry,
    choice::{Choice, Words},
};
use crate::spec::{HeaderNames, ListenerSpec};
use plimsoll::{
    config::{Node, Reader, Rules, Schemas, Shape, Value, section},
    http::path::{Backslash, Controls, Dots, EncodedSlash, Parameters, PathRules, RepeatedSlash},
};
use std::{borrow::Cow, net::SocketAddr};

impl Words for EncodedSlash {
    const WORDS: &'static [(&'static str, Self)] =
        &[("refuse", Self::Refuse), ("decode", Self::Decode), ("pass", Self::Pass)];
}

impl Words for RepeatedSlash {
    const WORDS: &'static [(&'static str, Self)] =
        &[("merge", Self::Merge), ("refuse", Self::Refuse), ("pass", Self::Pass)];
}

impl Words for Backslash {
    const WORDS: &'static [(&'static str, Self)] =
        &[("refuse", Self::Refuse), ("slash", Self::Slash), ("pass", Self::Pass)];
}

impl Words for Parameters {
    const WORDS: &'static [(&'static str, Self)] =
        &[("refuse", Self::Refuse), ("strip", Self::Strip), ("pass", Self::Pass)];
}

impl Words for Controls {
    const WORDS: &'static [(&'static str, Self)] = &[("refuse", Self::Refuse), ("pass", Self::Pass)];
}

impl Words for Dots {
    const WORDS: &'static [(&'static str, Self)] = &[("resolve", Self::Resolve), ("refuse", Self::Refuse)];
}

impl Words for HeaderNames {
    const WORDS: &'static [(&'static str, Self)] =
        &[("drop", Self::Drop), ("refuse", Self::Refuse), ("pass", Self::Pass)];
}

section! {
    /// The treatment of each spelling of a path that two readers interpret differently, before route, log and upstream.
    pub(super) struct Paths {
        /// "%2F": 400, made a slash, or left as a part of a name.
        encoded_slash: Choice<EncodedSlash> = Choice::default(),
        /// "//": made one slash, 400, or left.
        repeated_slash: Choice<RepeatedSlash> = Choice::default(),
        /// A backslash and "%5C": 400, made a slash, or left as a part of a name.
        backslash: Choice<Backslash> = Choice::default(),
        /// ";" and "%3B": 400, cut off with the rest of the segment, or left. A "..;a" is never let through.
        parameters: Choice<Parameters> = Choice::default(),
        /// "%00" and other control characters, and overlong UTF-8: 400, or left as they are.
        controls: Choice<Controls> = Choice::default(),
        /// "." and "..", also as "%2E": resolved, or 400. A path that leads above the root is always 400.
        dots: Choice<Dots> = Choice::default(),
    }
}

impl Rules for Paths {}

section! {
    /// A listener for requests.
    pub(super) struct Listener {
        /// Address and port; port 0 lets the system choose one.
        listen: SocketAddr,
        /// The treatment of each spelling of a path that two readers interpret differently.
        paths: Paths = Paths::from(PathRules::default()),
        /// The treatment of header and trailer names with other characters than letters, digits and dashes, such as "X_User",
        /// which WSGI, CGI and PHP take for "X-User": the field is left out, the request gets 400, or it passes.
        header_names: Choice<HeaderNames> = Choice::default(),
    }
}

impl Rules for Listener {}

impl From<PathRules> for Paths {
    fn from(rules: PathRules) -> Self {
        Self {
            encoded_slash: Choice(rules.encoded_slash),
            repeated_slash: Choice(rules.repeated_slash),
            backslash: Choice(rules.backslash),
            parameters: Choice(rules.parameters),
            controls: Choice(rules.controls),
            dots: Choice(rules.dots),
        }
    }
}

impl From<Paths> for PathRules {
    fn from(written: Paths) -> Self {
        Self {
            encoded_slash: written.encoded_slash.0,
            repeated_slash: written.repeated_slash.0,
            backslash: written.backslash.0,
            parameters: written.parameters.0,
            controls: written.controls.0,
            dots: written.dots.0,
        }
    }
}

impl From<Listener> for ListenerSpec {
    fn from(written: Listener) -> Self {
        Self { listen: written.listen, paths: written.paths.into(), header_names: written.header_names.0 }
    }
}

impl From<&ListenerSpec> for Listener {
    fn from(spec: &ListenerSpec) -> Self {
        Self { listen: spec.listen, paths: spec.paths.into(), header_names: Choice(spec.header_names) }
    }
}

impl Shape for ListenerSpec {
    fn expected() -> Cow<'static, str> {
        Listener::expected()
    }

    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        Listener::read(node, reader).map(Self::from)
    }

    fn schema(schemas: &mut Schemas) -> Value {
        Listener::schema(schemas)
    }

    fn write(&self) -> Value {
        Listener::from(self).write()
    }
}

impl Entry for ListenerSpec {
    const HEADER: &'static str = "[[listener]]";
}
