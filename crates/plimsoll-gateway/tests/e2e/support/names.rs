use plimsoll::http::dial::{Resolve, Resolved, Resolving};
use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    sync::{Arc, Mutex},
};

/// Names and their addresses, as a test tells them. Clones are one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(Arc<Mutex<HashMap<String, Vec<IpAddr>>>>);

impl Names {
    pub(crate) fn set(&self, name: &str, addresses: impl IntoIterator<Item = IpAddr>) {
        self.0.lock().unwrap().insert(name.to_owned(), addresses.into_iter().collect());
    }
}

impl Resolve for Names {
    fn resolve(&self, host: &str) -> Resolving {
        let found = self.0.lock().unwrap().get(host).cloned();
        Box::pin(async move {
            let addresses = found.ok_or_else(|| io::Error::other("no such name"))?;
            Ok(Resolved { addresses, ttl: None })
        })
    }
}
