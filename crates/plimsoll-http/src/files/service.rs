use super::{
    Download, Encoding, FileBody,
    buffers::Buffers,
    encoding,
    future::FilesFuture,
    name::{self, Name, Unnamed},
    open::OpenFile,
    representation::{Content, Representation, refusal},
    root::{Effort, Entry, Miss, Root},
    types,
    validators::Validators,
};
use crate::{Kind, Problem};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header, request::Parts};
use std::{
    collections::HashMap,
    convert::Infallible,
    fmt, io,
    path::Path,
    sync::Arc,
    task::{Context, Poll},
    time::SystemTime,
};
use tower_service::Service;

/// Files below one folder, as a tower service. See the [module](super). Clones share everything.
#[derive(Clone)]
pub struct Files {
    root: Arc<Root>,
    buffers: Arc<Buffers>,
    options: Arc<Options>,
}

#[derive(Clone, Debug)]
struct Options {
    encodings: Vec<Encoding>,
    index: Option<Vec<u8>>,
    hidden: bool,
    cache_control: Option<HeaderValue>,
    /// By extension in lower case.
    types: HashMap<Vec<u8>, HeaderValue>,
    most_ranges: usize,
}

impl Files {
    /// Creates a service of the files below `root`, which is opened here and stays open: a later rename or link to its path has
    /// no effect.
    ///
    /// # Errors
    /// If `root` cannot be opened as a folder.
    pub fn new(root: impl AsRef<Path>) -> io::Result<Self> {
        Ok(Self::of(Root::open(root.as_ref())?))
    }

    pub(super) fn of(root: Root) -> Self {
        let options = Options {
            encodings: Vec::new(),
            index: Some(b"index.html".to_vec()),
            hidden: false,
            cache_control: None,
            types: HashMap::new(),
            most_ranges: 16,
        };
        Self { root: Arc::new(root), buffers: Arc::default(), options: Arc::new(options) }
    }

    /// Serves precompressed variants with these encodings, among equals in this order. None by default.
    ///
    /// The file `app.js.br` is then served for `app.js` to clients that accept `br`, with its own tag and `Vary`. A variant
    /// must be made anew with the plain file: its age is not compared. Each accepted encoding without a variant costs a
    /// lookup in the folder.
    #[must_use]
    pub fn precompressed(mut self, encodings: impl IntoIterator<Item = Encoding>) -> Self {
        self.options().encodings = encodings.into_iter().collect();
        self
    }

    /// Sets the file that is served for its folder, by default `index.html`; `None` for none.
    ///
    /// A request for a folder without the closing slash is redirected to the path with it (307), so that relative links in the
    /// index work.
    #[must_use]
    pub fn index(mut self, name: Option<&str>) -> Self {
        self.options().index = name.map(|name| name.as_bytes().to_vec());
        self
    }

    /// Also serves names that begin with a dot. Without it only `/.well-known/`
    /// ([RFC 8615](https://www.rfc-editor.org/rfc/rfc8615)) is.
    #[must_use]
    pub fn with_hidden(mut self) -> Self {
        self.options().hidden = true;
        self
    }

    /// Sets the `Cache-Control` of every file, by default none.
    #[must_use]
    pub fn cache_control(mut self, value: HeaderValue) -> Self {
        self.options().cache_control = Some(value);
        self
    }

    /// Sets the media type of an extension (without its dot), which overrides the built-in table.
    #[must_use]
    pub fn content_type(mut self, extension: &str, value: HeaderValue) -> Self {
        self.options().types.insert(extension.to_ascii_lowercase().into_bytes(), value);
        self
    }

    /// Sets the most ranges of one response, by default 16. A request for more gets the whole file; 0 switches ranges off.
    #[must_use]
    pub fn ranges(mut self, most: usize) -> Self {
        self.options().most_ranges = most;
        self
    }

    /// Returns the file of this name (relative, as on the disk, not percent-encoded) as a [`Download`].
    ///
    /// Names may come from outside, from a database or a form: the same names are refused as in a path.
    ///
    /// # Errors
    /// [`Kind::NotFound`] if there is no such file or it may not be served, [`Kind::Overloaded`] if the process can open no more
    /// files, [`Kind::Internal`] if the system fails otherwise.
    ///
    /// # Cancel safety
    /// Cancel safe: the file may still be opened and closed in the background.
    pub async fn download(&self, name: &str) -> Result<Download, Problem> {
        let found = match self.named(name, Effort::Cached) {
            Err(Miss::Cold) => {
                let (files, name) = (self.clone(), name.to_owned());
                let opened = tokio::task::spawn_blocking(move || files.named(&name, Effort::Full));
                opened.await.map_err(Problem::internal)?
            }
            found => found,
        };
        let file = found.map_err(missed)?;
        let content_type = self.type_of(name.as_bytes());
        Ok(Download::of_file(file, Arc::clone(&self.buffers), name, content_type))
    }

    fn named(&self, name: &str, effort: Effort) -> Result<OpenFile, Miss> {
        name::check(name.as_bytes(), self.options.hidden).map_err(|_| Miss::Absent)?;
        match self.root.entry(name.as_bytes(), effort)? {
            Entry::File(file) => Ok(file),
            Entry::Folder => Err(Miss::Absent),
        }
    }

    fn options(&mut self) -> &mut Options {
        Arc::make_mut(&mut self.options)
    }

    fn type_of(&self, name: &[u8]) -> HeaderValue {
        if !self.options.types.is_empty()
            && let Some(extension) = types::extension(name)
            && let Some(own) = self.options.types.get(&extension.to_ascii_lowercase())
        {
            return own.clone();
        }
        types::of(name)
    }

    /// [`Miss::Cold`] is the only miss that is returned.
    fn response(&self, request: &Parts, effort: Effort) -> Result<Response<FileBody>, Miss> {
        if request.method != Method::GET && request.method != Method::HEAD {
            let problem = Problem::new(Kind::MethodNotAllowed);
            return Ok(refusal(problem.header(header::ALLOW, HeaderValue::from_static("GET, HEAD"))));
        }
        let Name { bytes, is_folder } = match name::read(request.uri.path(), self.options.hidden) {
            Ok(name) => name,
            Err(Unnamed::Malformed) => {
                let problem = Problem::new(Kind::BadRequest);
                return Ok(refusal(problem.detail("the path leaves the root or has a broken escape")));
            }
            Err(Unnamed::Refused) => return Ok(refusal(Problem::new(Kind::NotFound))),
        };
        let mut name = bytes;
        let asked = asked(request);
        // A router that removed the whole path has put the slash there.
        if is_folder && !asked.path().ends_with('/') {
            return Ok(match &self.options.index {
                Some(_) => with_slash(asked),
                None => refusal(Problem::new(Kind::NotFound)),
            });
        }
        if is_folder {
            let Some(index) = &self.options.index else { return Ok(refusal(Problem::new(Kind::NotFound))) };
            let name = name.to_mut();
            if !name.is_empty() {
                name.push(b'/');
            }
            name.extend_from_slice(index);
        }
        match self.find(&name, &request.headers, effort) {
            Ok(Found::File(file, encoding)) => {
                let now = SystemTime::now();
                let representation = Representation {
                    validators: Some(Validators::new(file.seen(), encoding, now)),
                    content: Content::File(file, Arc::clone(&self.buffers)),
                    content_type: self.type_of(&name),
                    encoding,
                    cache_control: self.options.cache_control.clone(),
                    vary: !self.options.encodings.is_empty(),
                    disposition: None,
                    most_ranges: self.options.most_ranges,
                };
                Ok(representation.response(&request.method, &request.headers, effort))
            }
            Ok(Found::Folder) if !is_folder && self.options.index.is_some() => Ok(with_slash(asked)),
            Ok(Found::Folder) => Ok(refusal(Problem::new(Kind::NotFound))),
            Err(Miss::Cold) => Err(Miss::Cold),
            Err(miss) => Ok(refusal(missed(miss))),
        }
    }

    fn find(&self, name: &[u8], headers: &HeaderMap, effort: Effort) -> Result<Found, Miss> {
        for encoding in encoding::accepted(headers, &self.options.encodings) {
            let beside = [name, encoding.suffix().as_bytes()].concat();
            match self.root.entry(&beside, effort) {
                Ok(Entry::File(file)) => return Ok(Found::File(file, Some(encoding))),
                Ok(Entry::Folder) | Err(Miss::Absent) => {}
                Err(miss) => return Err(miss),
            }
        }
        Ok(match self.root.entry(name, effort)? {
            Entry::File(file) => Found::File(file, None),
            Entry::Folder => Found::Folder,
        })
    }
}

enum Found {
    File(OpenFile, Option<Encoding>),
    Folder,
}

/// Returns the target as the client wrote it, with any prefix that a router removed.
#[cfg(feature = "server")]
fn asked(request: &Parts) -> &Uri {
    request.extensions.get::<axum::extract::OriginalUri>().map_or(&request.uri, |original| &original.0)
}

#[cfg(not(feature = "server"))]
const fn asked(request: &Parts) -> &Uri {
    &request.uri
}

/// Redirects to the same path with a slash, relative to it: a prefix that a router or proxy removed is kept, and no path can
/// name another host.
fn with_slash(uri: &Uri) -> Response<FileBody> {
    let last = uri.path().rsplit('/').next().unwrap_or_default();
    // "./" keeps a colon in the name from being read as a scheme.
    let location = match uri.query() {
        Some(query) => format!("./{last}/?{query}"),
        None => format!("./{last}/"),
    };
    let mut response = Response::new(FileBody::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// Returns the same 404 for a missing file and for one that may not be served.
pub(super) fn missed(miss: Miss) -> Problem {
    use rustix::io::Errno;
    match miss {
        Miss::Failed(error) => match Errno::from_io_error(&error) {
            Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => Problem::new(Kind::Overloaded).because(error),
            _ => Problem::internal(error),
        },
        Miss::Absent | Miss::Cold => Problem::new(Kind::NotFound),
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").field("options", &self.options).finish_non_exhaustive()
    }
}

impl<B> Service<Request<B>> for Files {
    type Response = Response<FileBody>;
    type Error = Infallible;
    type Future = FilesFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    /// The request's body is dropped unread.
    fn call(&mut self, request: Request<B>) -> FilesFuture {
        #[cfg(feature = "server")]
        crate::serve::single();
        let (request, _) = request.into_parts();
        if let Ok(response) = self.response(&request, Effort::Cached) {
            return FilesFuture::ready(response);
        }
        let files = self.clone();
        let response = tokio::task::spawn_blocking(move || {
            // With full effort nothing is cold.
            files.response(&request, Effort::Full).unwrap_or_else(|miss| refusal(missed(miss)))
        });
        FilesFuture::elsewhere(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use std::fs;
    use tower::ServiceExt;

    /// As where the kernel cannot say whether it would wait: everything by way of the blocking pool.
    #[tokio::test]
    async fn without_caches_to_ask_it_is_the_same() {
        let folder = std::env::temp_dir().join(format!("plimsoll-service-{}", std::process::id()));
        fs::create_dir_all(folder.join("a")).unwrap();
        fs::write(folder.join("a/index.html"), "index").unwrap();
        let files = Files::of(Root::open_for_steps(&folder).unwrap());
        for (path, status, body) in [("/a/", 200, Some("index")), ("/a", 307, None), ("/none", 404, None)] {
            let request = Request::get(path).body(()).unwrap();
            let response = files.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), status, "{path}");
            if let Some(body) = body {
                assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), body, "{path}");
            }
        }
        assert!(files.download("a/index.html").await.is_ok());
        fs::remove_dir_all(folder).unwrap();
    }
}
