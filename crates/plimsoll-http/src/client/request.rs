use super::{
    Client, Error, RequestError, Response,
    client::target,
    keys::idempotency_key,
    upload::{BoxError, Payload},
};
use crate::{
    body::{self, Decode, Encode, Format},
    idempotency::IDEMPOTENCY_KEY,
};
use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Method, Request,
    header::{ACCEPT, CONTENT_TYPE, Entry},
};
use plimsoll_policy::Priority;
use serde::Serialize;
use std::fmt;

/// A builder of a request. Its errors are returned when it is sent.
#[derive(Debug)]
#[must_use = "a request is not made before it is sent"]
pub struct RequestBuilder {
    client: Client,
    request: Result<Request<Payload>, RequestError>,
}

impl RequestBuilder {
    pub(super) fn new(client: Client, method: Method, text: &str) -> Self {
        let request = target(text).map(|uri| {
            let mut request = Request::new(Payload::Empty);
            *request.method_mut() = method;
            *request.uri_mut() = uri;
            request
        });
        Self { client, request }
    }

    fn change(mut self, change: impl FnOnce(&mut Request<Payload>) -> Result<(), RequestError>) -> Self {
        if let Ok(request) = &mut self.request
            && let Err(invalid) = change(request)
        {
            self.request = Err(invalid);
        }
        self
    }

    /// Adds a header, besides others of its name.
    pub fn header<N, V>(self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName> + fmt::Debug,
        V: TryInto<HeaderValue>,
    {
        // A value may be a secret; a name is not.
        let shown = format!("{name:?}");
        self.change(|request| {
            let (Ok(name), Ok(value)) = (name.try_into(), value.try_into()) else {
                return Err(RequestError::Header(shown));
            };
            request.headers_mut().append(name, value);
            Ok(())
        })
    }

    /// Sets these bytes as its body.
    pub fn body(self, bytes: impl Into<Bytes>) -> Self {
        self.change(|request| {
            *request.body_mut() = Payload::of(bytes.into());
            Ok(())
        })
    }

    /// Sets a streaming body. For a replay it is kept while it is sent, up to the client's bound.
    pub fn stream<B>(self, body: B) -> Self
    where
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        self.change(|request| {
            *request.body_mut() = Payload::stream(body);
            Ok(())
        })
    }

    /// Sets this value as its body, in JSON.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Self {
        self.encoded(value, Format::Json)
    }

    /// Sets this value as its body, in this format.
    pub fn encoded<T: Encode + ?Sized>(self, value: &T, format: Format) -> Self {
        self.change(|request| {
            let encoded =
                body::encode(value, format).map_err(|_| RequestError::Encode(format.media_type()))?;
            *request.body_mut() = Payload::of(encoded.bytes);
            request.headers_mut().insert(CONTENT_TYPE, encoded.content_type);
            Ok(())
        })
    }

    /// Sets `Accept` to the formats of a `T`, in the order of its preference.
    pub fn accepting<T: Decode>(self) -> Self {
        self.header(ACCEPT, body::accept::<T>())
    }

    /// Makes it safe to send twice, by an `Idempotency-Key` that is the same on each attempt. Only for peers that recognize
    /// keys; one that ignores the key may act twice.
    ///
    /// An existing key stays.
    pub fn idempotent(self) -> Self {
        self.change(|request| {
            if let Entry::Vacant(entry) = request.headers_mut().entry(IDEMPOTENCY_KEY) {
                entry.insert(idempotency_key());
            }
            Ok(())
        })
    }

    /// Sets its importance for load shedding.
    pub fn priority(self, priority: Priority) -> Self {
        self.change(|request| {
            request.extensions_mut().insert(priority);
            Ok(())
        })
    }

    /// Sends it under the policy, and waits for the head of the response, whatever its status.
    ///
    /// The deadline of the running task ([`plimsoll_task::Deadline::current`]) applies and is propagated, like the trace.
    ///
    /// # Errors
    /// If it is refused by the policy, times out, fails, or is malformed.
    ///
    /// # Cancel safety
    /// Cancel safe: when it is dropped, the exchange ends and nothing is leaked. The peer may have processed a sent request.
    pub async fn send(self) -> Result<Response, Error> {
        let Self { client, request } = self;
        let request = request?;
        let (host, path) = client.hosts.of(request.uri())?;
        let (origin, limit) = (host.origin.clone(), host.settings.body_limit);
        let response = client.send_to(host, path, request).await?;
        Ok(Response::new(response, origin, limit))
    }
}
