use super::{
    Encode, Format,
    accept::{self, Choice},
    negotiated::{refusal, write},
};
use crate::Problem;
use axum::{extract::FromRequestParts, response::Response};
use http::{HeaderValue, header, request::Parts};
use std::{fmt, marker::PhantomData};

/// The format in which the request accepts a `T`, to respond in.
///
/// As an argument of a handler it refuses with 406 before any work is done; a body is left unread. It needs no layer.
///
/// ```
/// use axum::{Router, response::Response, routing::post};
/// use plimsoll_http::body::Accepted;
///
/// #[derive(serde::Serialize)]
/// struct Receipt { total: u32 }
///
/// async fn pay(accepted: Accepted<Receipt>) -> Response {
///     // … work that must not be done for a client that cannot read the response …
///     accepted.response(&Receipt { total: 12 })
/// }
///
/// let app: Router = Router::new().route("/pay", post(pay));
/// ```
pub struct Accepted<T> {
    choice: Choice,
    of: PhantomData<fn(&T)>,
}

impl<T: Encode> Accepted<T> {
    /// Returns the format of the response.
    pub const fn format(&self) -> Format {
        self.choice.format
    }

    /// Returns the value as a response, with `Content-Type` and `Vary`; a 500 if it cannot be written.
    pub fn response(&self, value: &T) -> Response {
        let mut response = write(value, self.choice);
        response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
        response
    }
}

impl<T, S> FromRequestParts<S> for Accepted<T>
where
    T: Encode,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(head: &mut Parts, _: &S) -> Result<Self, Problem> {
        let choice = accept::choose(&head.headers.get_all(header::ACCEPT), T::FORMATS);
        choice.map(|choice| Self { choice, of: PhantomData }).ok_or_else(refusal::<T>)
    }
}

impl<T> fmt::Debug for Accepted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Accepted").field(&self.choice.format).finish()
    }
}
