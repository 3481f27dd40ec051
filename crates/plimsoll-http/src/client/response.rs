use super::{Body, Error, Origin, error::Cause};
use crate::body::{self, BodyLimits, ByteLimit, Decode, DecodeError, Format};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, Version};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// A response, whose body may still be on its way.
#[derive(Debug)]
pub struct Response {
    inner: http::Response<Body>,
    origin: Origin,
    limit: ByteLimit,
}

impl Response {
    pub(super) const fn new(inner: http::Response<Body>, origin: Origin, limit: ByteLimit) -> Self {
        Self { inner, origin, limit }
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.inner.status()
    }

    /// Its headers.
    pub fn headers(&self) -> &HeaderMap {
        self.inner.headers()
    }

    /// The version of HTTP it came over.
    pub fn version(&self) -> Version {
        self.inner.version()
    }

    /// The same, if it is a 2xx.
    ///
    /// # Errors
    /// [`Error::Status`] otherwise.
    pub fn success(self) -> Result<Self, Error> {
        let status = self.status();
        if status.is_success() { Ok(self) } else { Err(Error::Status { status, origin: self.origin }) }
    }

    /// Its whole body, whatever its status, up to the client's limit.
    ///
    /// # Errors
    /// [`Error::TooLarge`] beyond the limit, and then the rest is not read; whatever breaks the body off otherwise.
    ///
    /// # Cancel safety
    /// Cancel safe in that nothing leaks; what was read is lost.
    pub async fn bytes(self) -> Result<Bytes, Error> {
        let Self { inner, origin, limit } = self;
        let (mut body, limit) = (inner.into_body(), limit.get());
        let too_large = || Error::TooLarge { limit, origin: origin.clone() };
        if let Some(whole) = body.take_whole() {
            return if whole.len() <= limit { Ok(whole) } else { Err(too_large()) };
        }
        let hint = http_body::Body::size_hint(&body);
        if hint.lower() > limit as u64 {
            return Err(too_large());
        }
        let mut first = Bytes::new();
        let mut all = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            if first.len() + all.len() + data.len() > limit {
                return Err(too_large());
            }
            if first.is_empty() && all.is_empty() {
                // One chunk is most often all there is, and then nothing is copied.
                first = data;
                continue;
            }
            if all.is_empty() {
                all.reserve((hint.lower() as usize).max(first.len() + data.len()).min(limit));
                all.extend_from_slice(&std::mem::take(&mut first));
            }
            all.extend_from_slice(&data);
        }
        Ok(if all.is_empty() { first } else { all.freeze() })
    }

    /// Its body read in the format that its `Content-Type` names, if it is a 2xx.
    ///
    /// # Errors
    /// [`Error::Status`], [`Error::TooLarge`], [`Error::Decode`], or what breaks the body off.
    ///
    /// # Cancel safety
    /// As [`Response::bytes`].
    pub async fn negotiated<T: Decode>(self) -> Result<T, Error> {
        let mut response = self.success()?;
        let headers = std::mem::take(response.inner.headers_mut());
        response.read(|bytes, limits| body::decode(&headers, bytes, limits)).await
    }

    /// Its body read as JSON, whatever its `Content-Type` says, if it is a 2xx.
    ///
    /// # Errors
    /// As [`Response::negotiated`].
    ///
    /// # Cancel safety
    /// As [`Response::bytes`].
    pub async fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        self.success()?.read(|bytes, limits| T::decode_as(Format::Json, bytes, limits)).await
    }

    async fn read<T>(
        self,
        decode: impl FnOnce(Bytes, &BodyLimits) -> Result<T, DecodeError>,
    ) -> Result<T, Error> {
        let (origin, limits) = (self.origin.clone(), BodyLimits::default().bytes(self.limit));
        decode(self.bytes().await?, &limits).map_err(|error| {
            let source: Cause = Arc::new(error);
            Error::Decode { origin, source }
        })
    }

    /// Its body, as a stream.
    pub fn into_body(self) -> Body {
        self.inner.into_body()
    }

    /// As the `http` crate's own type.
    pub fn into_http(self) -> http::Response<Body> {
        self.inner
    }
}
