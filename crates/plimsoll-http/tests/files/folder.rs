//! A folder of files for one test, and a client for it.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use plimsoll_http::files::Files;
use std::{
    fs::{self, File},
    path::PathBuf,
    time::{Duration, UNIX_EPOCH},
};
use tower::ServiceExt;

/// When every file was last written, unless a test writes it again.
pub(crate) const WRITTEN: &str = "Sun, 09 Sep 2001 01:46:40 GMT";

/// Removed when it is dropped.
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
}

impl Folder {
    pub(crate) fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("plimsoll-files-{}-{test}", std::process::id()));
        fs::remove_dir_all(&path).ok();
        fs::create_dir_all(path.join("root")).unwrap();
        Self { path: path.canonicalize().unwrap() }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.path.join("root")
    }

    /// Writes a file below the root, as if long ago.
    pub(crate) fn with(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.root().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(1_000_000_000)).unwrap();
        self
    }

    pub(crate) fn files(&self) -> Files {
        Files::new(self.root()).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.path).ok();
    }
}

/// A response, read to its end.
#[derive(Debug)]
pub(crate) struct FullResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl FullResponse {
    /// A header that must be there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {self:?}")).to_str().unwrap()
    }

    /// The kind of problem it tells of.
    pub(crate) fn problem(&self) -> String {
        let document: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        document["type"].as_str().unwrap().trim_start_matches("urn:plimsoll:problem:").to_owned()
    }
}

pub(crate) async fn ask(files: &Files, method: Method, path: &str, headers: &[(&str, &str)]) -> FullResponse {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let response = files.clone().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    FullResponse {
        status: head.status,
        headers: head.headers,
        body: body.collect().await.unwrap().to_bytes(),
    }
}

pub(crate) async fn get(files: &Files, path: &str, headers: &[(&str, &str)]) -> FullResponse {
    ask(files, Method::GET, path, headers).await
}
