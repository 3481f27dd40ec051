//! The host that is asked: in `Host` alone, in its one spelling.

use super::stop::Stop;
use crate::{
    hostname::{canonical_authority, is_plain},
    proxy::RequestHead,
};
use http::{HeaderValue, Uri, header, uri::PathAndQuery};
use plimsoll::driver::{Fields as _, FieldsMut as _};
use std::{borrow::Cow, net::SocketAddr};

/// Writes the authority of the target, or else what the client has connected to, into `Host`. Where there is a `Host`, it
/// names the same as the target: both protocols refuse anything else.
pub(super) fn settle(head: &mut RequestHead, local: &dyn Fn() -> Option<SocketAddr>) -> Result<(), Stop> {
    let one = match (head.fields.value_of(&header::HOST), head.uri.authority()) {
        (Some(host), _) if is_plain(host) => None,
        (Some(host), _) => {
            let host = str::from_utf8(host).map_err(|_| Stop::Target)?;
            match canonical_authority(host).map_err(Stop::Host)? {
                Cow::Borrowed(_) => None,
                Cow::Owned(host) => Some(host),
            }
        }
        (None, Some(authority)) => {
            Some(canonical_authority(authority.as_str()).map_err(Stop::Host)?.into_owned())
        }
        (None, None) => local().map(|local| local.to_string()),
    };
    if let Some(host) = one {
        let host = HeaderValue::try_from(host).map_err(|_| Stop::Target)?;
        head.fields.set(header::HOST, host);
    }
    if head.uri.authority().is_some() {
        // An absolute target may begin with its query: it is given the path that it means.
        let target = head.uri.path_and_query().cloned();
        let target = target.unwrap_or_else(|| PathAndQuery::from_static("/"));
        let target = if target.as_str().starts_with('?') {
            PathAndQuery::try_from(format!("/{target}")).map_err(|_| Stop::Target)?
        } else {
            target
        };
        head.uri = Uri::from(target);
    }
    Ok(())
}
