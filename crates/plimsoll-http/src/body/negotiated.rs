use super::{
    BodyLimits, Decode, DecodeError, Encode, ReadError,
    accept::{self, Choice},
    codec,
    error::AcceptedFormats,
    read,
    wanted::{self, Wanted},
};
use crate::{Kind, Problem};
use axum::{
    body::Body,
    extract::{FromRequest, OptionalFromRequest, Request},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderValue, header};
use http_body_util::BodyExt;

/// A body in the format of the other side: as an extractor by `Content-Type`, as a response by `Accept`.
///
/// A type that implements serde's traits is JSON and, with the feature `msgpack`, MessagePack; inside
/// [`WithProtobuf`](super::WithProtobuf) a `prost` message is Protobuf too.
///
/// ```
/// use axum::{Router, routing::post};
/// use plimsoll_http::{Problem, body::{Negotiated, NegotiateLayer}};
///
/// #[derive(serde::Deserialize)]
/// struct Order { item: String, pieces: u32 }
/// #[derive(serde::Serialize)]
/// struct Receipt { total: u32 }
///
/// async fn order(Negotiated(order): Negotiated<Order>) -> Result<Negotiated<Receipt>, Problem> {
///     Ok(Negotiated(Receipt { total: order.pieces * 3 }))
/// }
///
/// let app: Router = Router::new().route("/orders", post(order)).layer(NegotiateLayer::new());
/// ```
///
/// # As an extractor
/// It refuses with a [`Problem`]: 415 for an unsupported format, 413 over the limit (before reading, if the length is
/// declared), 400 for a body that is malformed or of another type, with the position. [`BodyLimits`] sets the limits.
/// `Option<Negotiated<T>>` is `None` for a request without a `Content-Type` whose body is empty, also if it is chunked
/// and ends at once.
///
/// # As a response
/// It needs [`NegotiateLayer`](super::NegotiateLayer) around the route to know what the request accepts; without it the
/// response has the type's first format, JSON. If nothing fits, `GET` and `HEAD` get 406. For other methods
/// the work is done by then, and a refusal would hide that: the response has the first format, as
/// [RFC 9110, 12.5.1](https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1) permits. To refuse before any work, take
/// [`Accepted`](super::Accepted) as an argument.
///
/// # Cancel safety
/// Dropping the extractor loses the read bytes, and the request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Negotiated<T>(pub T);

impl<T, S> FromRequest<S> for Negotiated<T>
where
    T: Decode,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (head, body) = request.into_parts();
        let limits = head.extensions.get::<BodyLimits>().copied().unwrap_or_default();
        let format = codec::format_of::<T>(&head.headers)?;
        let body = read::collect(body, limits.byte_limit()).await?;
        Ok(Self(T::decode_as(format, body, &limits)?))
    }
}

impl<T, S> OptionalFromRequest<S> for Negotiated<T>
where
    T: Decode,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Problem> {
        if request.headers().contains_key(header::CONTENT_TYPE) {
            return <Self as FromRequest<S>>::from_request(request, state).await.map(Some);
        }
        // Only its end shows that a chunked body is empty.
        match first_data(request.into_body()).await? {
            None => Ok(None),
            // There is a body without a type.
            Some(_) => Err(DecodeError::Unnamed { taken: AcceptedFormats(T::FORMATS) }.into()),
        }
    }
}

/// The first bytes of a body, if it has any.
async fn first_data(mut body: Body) -> Result<Option<Bytes>, Problem> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(ReadError::Body)?;
        if let Ok(data) = frame.into_data()
            && !data.is_empty()
        {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

impl<T: Encode> IntoResponse for Negotiated<T> {
    fn into_response(self) -> Response {
        match wanted::current(|wanted| choose::<T>(wanted)) {
            Some(Ok(choice)) => {
                let mut response = write(&self.0, choice);
                response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
                response
            }
            Some(Err(problem)) => problem.into_response(),
            // The format was not negotiated, so the response does not vary.
            None => {
                accept::first(T::FORMATS).map_or_else(not_acceptable::<T>, |choice| write(&self.0, choice))
            }
        }
    }
}

fn choose<T: Encode>(wanted: &Wanted) -> Result<Choice, Problem> {
    accept::choose(wanted.lines(), T::FORMATS)
        .or_else(|| accept::first(T::FORMATS).filter(|_| !wanted.is_safe()))
        .ok_or_else(refusal::<T>)
}

/// Returns 406, with the available formats.
pub(super) fn refusal<T: Encode>() -> Problem {
    Problem::new(Kind::NotAcceptable).detail(format!("offered here: {}", AcceptedFormats(T::FORMATS)))
}

fn not_acceptable<T: Encode>() -> Response {
    refusal::<T>().into_response()
}

pub(super) fn write<T: Encode>(value: &T, choice: Choice) -> Response {
    match value.encode_as(choice.format) {
        Ok(bytes) => {
            let mut response = Response::new(Body::from(bytes));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(choice.media_type));
            response
        }
        Err(error) => Problem::from(error).into_response(),
    }
}
