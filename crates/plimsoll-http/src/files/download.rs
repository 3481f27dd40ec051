use super::{
    FileBody,
    buffers::Buffers,
    disposition::disposition,
    open::OpenFile,
    representation::{Content, Representation},
    root::Effort,
    validators::Validators,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, header};
use http_body::Body;
use std::{error::Error, fmt, sync::Arc, time::SystemTime};

/// A download: a file, bytes or a stream, with a name that is safe to save under.
///
/// Made by [`Files::download`](super::Files::download) for a file on disk. As an axum response it is sent whole;
/// [`Download::response`] honours the request's conditions and ranges, so that an interrupted download can be resumed.
///
/// ```
/// use plimsoll_http::files::Download;
///
/// let download = Download::bytes("a;b\n1;2\n").named("Umsätze.csv").content_type("text/csv".parse().unwrap());
/// let response = download.response(&http::Method::GET, &http::HeaderMap::new());
/// assert_eq!(
///     response.headers()["content-disposition"],
///     "attachment; filename=\"Ums_tze.csv\"; filename*=UTF-8''Ums%C3%A4tze.csv"
/// );
/// ```
pub struct Download {
    what: What,
    name: String,
    content_type: HeaderValue,
    cache_control: Option<HeaderValue>,
    inline: bool,
}

enum What {
    Held(Content, Option<Validators>),
    Stream(FileBody),
}

impl Download {
    fn new(what: What) -> Self {
        Self {
            what,
            name: "download".to_owned(),
            content_type: HeaderValue::from_static("application/octet-stream"),
            cache_control: None,
            inline: false,
        }
    }

    pub(super) fn of_file(
        file: OpenFile,
        buffers: Arc<Buffers>,
        name: &str,
        content_type: HeaderValue,
    ) -> Self {
        let validators = Validators::new(file.seen(), None, SystemTime::now());
        let what = What::Held(Content::File(file, buffers), Some(validators));
        Self { name: name.to_owned(), content_type, ..Self::new(what) }
    }

    /// Creates a download of bytes in memory. It serves ranges but no conditions, since the time of the last change is unknown.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self::new(What::Held(Content::Bytes(bytes.into()), None))
    }

    /// Creates a download of a body that is made while it is sent, with neither ranges nor conditions.
    pub fn stream<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        use http_body_util::BodyExt as _;
        Self::new(What::Stream(FileBody::stream(Box::pin(body.map_err(Into::into)))))
    }

    /// Sets the name to save it under. Any text is safe: only the last segment of a path is used, without characters that
    /// could mislead a browser or a shell. The default is a file's own name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets its media type, by default that of a file's name, otherwise `application/octet-stream`.
    #[must_use]
    pub fn content_type(mut self, value: HeaderValue) -> Self {
        self.content_type = value;
        self
    }

    /// Sets `Cache-Control`. A response for one user alone should have `private` or `no-store`.
    #[must_use]
    pub fn cache_control(mut self, value: HeaderValue) -> Self {
        self.cache_control = Some(value);
        self
    }

    /// Shows it in the browser instead of saving it. Only for content that the service itself made: a page uploaded by a
    /// user would run with the service's own origin.
    #[must_use]
    pub const fn inline(mut self) -> Self {
        self.inline = true;
        self
    }

    /// Returns the response to a GET or HEAD with these headers.
    pub fn response(self, method: &Method, headers: &HeaderMap) -> Response<FileBody> {
        let disposition = disposition(self.inline, &self.name);
        match self.what {
            What::Held(content, validators) => Representation {
                content,
                content_type: self.content_type,
                encoding: None,
                validators,
                cache_control: self.cache_control,
                vary: false,
                disposition: Some(disposition),
                most_ranges: 16,
            }
            .response(method, headers, Effort::Cached),
            What::Stream(body) => {
                let mut response =
                    Response::new(if method == Method::HEAD { FileBody::empty() } else { body });
                let headers = response.headers_mut();
                headers.insert(header::CONTENT_TYPE, self.content_type);
                headers.insert(header::CONTENT_DISPOSITION, disposition);
                headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
                if let Some(value) = self.cache_control {
                    headers.insert(header::CACHE_CONTROL, value);
                }
                response
            }
        }
    }
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(feature = "server")]
impl axum::response::IntoResponse for Download {
    /// Returns all of it, whatever the request's conditions.
    fn into_response(self) -> axum::response::Response {
        self.response(&Method::GET, &HeaderMap::new()).map(axum::body::Body::new)
    }
}
