use super::{
    Encode, Format,
    accept::{self, Choice},
    negotiated::{refusal, write},
};
use crate::Problem;
use axum::{extract::FromRequestParts, response::Response};
use http::{HeaderValue, header, request::Parts};
use std::{fmt, marker::PhantomData};

/// That the request accepts a `T`, in which format, and the way to answer in it.
///
/// As an argument of a handler it refuses with 406 before any work is done; the body, where there is one, is unread.
/// Needs no layer.
///
/// ```
/// use axum::{Router, response::Response, routing::post};
/// use plimsoll_http::body::Accepted;
///
/// #[derive(serde::Serialize)]
/// struct Receipt { total: u32 }
///
/// async fn pay(accepted: Accepted<Receipt>) -> Response {
///     // … what must not happen for a client that cannot read the response …
///     accepted.answer(&Receipt { total: 12 })
/// }
///
/// let app: Router = Router::new().route("/pay", post(pay));
/// ```
pub struct Accepted<T> {
    choice: Choice,
    of: PhantomData<fn(&T)>,
}

impl<T: Encode> Accepted<T> {
    /// The format of the response.
    pub const fn format(&self) -> Format {
        self.choice.format
    }

    /// The value as a response, with `Content-Type` and `Vary`; a 500 if it cannot be written.
    pub fn answer(&self, value: &T) -> Response {
        let mut answer = write(value, self.choice);
        answer.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
        answer
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
