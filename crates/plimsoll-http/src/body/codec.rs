use super::{
    BodyLimits, DecodeError, EncodeError, Format, accept::choose, error::AcceptedFormats, json,
    media_type::MediaType,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use serde::{Serialize, de::DeserializeOwned};

/// A type that can be written in the formats of [`Encode::FORMATS`].
///
/// A type that is [`Serialize`] can be written as JSON and, with the feature `msgpack`, as MessagePack. Protobuf needs
/// field numbers, which serde does not have: a `prost` message inside [`WithProtobuf`](super::WithProtobuf) has all
/// three.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be written into a negotiated body",
    note = "derive `serde::Serialize`; for `WithProtobuf<T>`, `T` must be a `prost::Message` too"
)]
pub trait Encode {
    /// The formats in the order of preference: a client without a preference gets the first.
    const FORMATS: &'static [Format];

    /// Writes the value in this format.
    fn encode_as(&self, format: Format) -> Result<Bytes, EncodeError>;
}

impl<T: Serialize + ?Sized> Encode for T {
    const FORMATS: &'static [Format] = BY_SERDE;

    fn encode_as(&self, format: Format) -> Result<Bytes, EncodeError> {
        match format {
            Format::Json => json::write(self),
            #[cfg(feature = "msgpack")]
            Format::MessagePack => super::msgpack::write(self),
            #[cfg(feature = "protobuf")]
            Format::Protobuf => Err(EncodeError::NotOffered(format)),
        }
    }
}

/// A type that can be read from the formats of [`Decode::FORMATS`]. See [`Encode`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from a negotiated body",
    note = "derive `serde::Deserialize`; for `WithProtobuf<T>`, `T` must be a `prost::Message` too"
)]
pub trait Decode: Sized {
    /// The formats from which it is read.
    const FORMATS: &'static [Format];

    /// Reads the value of a body in this format. The limit on bytes is not checked: the bytes are in memory already.
    fn decode_as(format: Format, body: Bytes, limits: &BodyLimits) -> Result<Self, DecodeError>;
}

impl<T: DeserializeOwned> Decode for T {
    const FORMATS: &'static [Format] = BY_SERDE;

    fn decode_as(format: Format, body: Bytes, limits: &BodyLimits) -> Result<Self, DecodeError> {
        match format {
            Format::Json => Ok(json::read(&body, limits.depth_limit())?),
            #[cfg(feature = "msgpack")]
            Format::MessagePack => Ok(super::msgpack::read(&body, limits.depth_limit())?),
            #[cfg(feature = "protobuf")]
            Format::Protobuf => Err(DecodeError::Unsupported { taken: AcceptedFormats(BY_SERDE) }),
        }
    }
}

const BY_SERDE: &[Format] = &[
    Format::Json,
    #[cfg(feature = "msgpack")]
    Format::MessagePack,
];

/// A value on the wire.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Encoded {
    /// The value of `Content-Type`.
    pub content_type: HeaderValue,
    /// The bytes of the body.
    pub bytes: Bytes,
}

/// Writes a value as a body of this format.
///
/// ```
/// use plimsoll_http::body::{self, Format};
///
/// let body = body::encode(&["port", "starboard"], Format::Json)?;
/// assert_eq!(body.content_type, "application/json");
/// assert_eq!(body.bytes, r#"["port","starboard"]"#);
/// # Ok::<(), body::EncodeError>(())
/// ```
pub fn encode<T: Encode + ?Sized>(value: &T, format: Format) -> Result<Encoded, EncodeError> {
    let content_type = HeaderValue::from_static(format.media_type());
    Ok(Encoded { content_type, bytes: value.encode_as(format)? })
}

/// Reads a value from a body, in the format that its `Content-Type` names.
///
/// ```
/// use http::{HeaderMap, HeaderValue, header};
/// use plimsoll_http::body::{self, BodyLimits};
///
/// let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
/// let sides: Vec<String> = body::decode(&headers, r#"["port","starboard"]"#.into(), &BodyLimits::default())?;
/// assert_eq!(sides, ["port", "starboard"]);
///
/// let fault = body::decode::<Vec<u8>>(&headers, r#"[1, 2, "hush"]"#.into(), &BodyLimits::default()).unwrap_err();
/// assert!(fault.to_string().contains("line 1"));
/// assert!(!fault.to_string().contains("hush"));
/// # Ok::<(), body::DecodeError>(())
/// ```
pub fn decode<T: Decode>(headers: &HeaderMap, body: Bytes, limits: &BodyLimits) -> Result<T, DecodeError> {
    let format = format_of::<T>(headers)?;
    let limit = limits.byte_limit();
    if body.len() > limit.get() {
        return Err(DecodeError::TooLarge { limit });
    }
    T::decode_as(format, body, limits)
}

/// Returns the format of a body with these headers.
pub(super) fn format_of<T: Decode>(headers: &HeaderMap) -> Result<Format, DecodeError> {
    let taken = AcceptedFormats(T::FORMATS);
    if let Some(coding) = headers.get(header::CONTENT_ENCODING)
        && !coding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        return Err(DecodeError::Coded);
    }
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(DecodeError::Unnamed { taken });
    };
    // By far the most frequent case, without parsing.
    if value == Format::Json.media_type() && T::FORMATS.contains(&Format::Json) {
        return Ok(Format::Json);
    }
    let media_type = value.to_str().ok().and_then(MediaType::parse).ok_or(DecodeError::Unnamed { taken })?;
    let foreign =
        media_type.parameters().any(|(name, value)| name.eq_ignore_ascii_case("charset") && !is_utf8(value));
    Format::of_media_type(media_type.essence)
        .filter(|format| T::FORMATS.contains(format) && !foreign)
        .ok_or(DecodeError::Unsupported { taken })
}

/// ASCII is a part of it.
fn is_utf8(charset: &str) -> bool {
    ["utf-8", "utf8", "us-ascii"].iter().any(|name| name.eq_ignore_ascii_case(charset))
}

/// Returns the `Accept` of a client for a `T`: all its formats, the compact ones first.
pub fn accept<T: Decode>() -> HeaderValue {
    // At most three formats: each ordering is a constant.
    let has = |name: &str| T::FORMATS.iter().any(|format| format.media_type() == name);
    HeaderValue::from_static(
        match (has("application/protobuf"), has("application/msgpack"), has("application/json")) {
            (true, true, true) => "application/protobuf, application/msgpack;q=0.9, application/json;q=0.8",
            (true, true, false) => "application/protobuf, application/msgpack;q=0.9",
            (true, false, true) => "application/protobuf, application/json;q=0.8",
            (true, false, false) => "application/protobuf",
            (false, true, true) => "application/msgpack, application/json;q=0.8",
            (false, true, false) => "application/msgpack",
            (false, false, _) => "application/json",
        },
    )
}

/// Returns the format of the response to a request with these headers; `None` if none of `T`'s formats is acceptable.
///
/// ```
/// use http::{HeaderMap, HeaderValue, header};
/// use plimsoll_http::body::{self, Format};
///
/// let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("text/html, */*;q=0.1"))]);
/// assert_eq!(body::acceptable::<u32>(&headers), Some(Format::Json));
/// let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("text/html"))]);
/// assert_eq!(body::acceptable::<u32>(&headers), None);
/// ```
pub fn acceptable<T: Encode + ?Sized>(headers: &HeaderMap) -> Option<Format> {
    choose(&headers.get_all(header::ACCEPT), T::FORMATS).map(|choice| choice.format)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(header::HeaderName, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    fn named(content_type: &str) -> Result<Format, DecodeError> {
        format_of::<u32>(&headers(&[(header::CONTENT_TYPE, content_type)]))
    }

    #[test]
    fn content_types_are_read() {
        assert_eq!(named("application/json"), Ok(Format::Json));
        assert_eq!(named("APPLICATION/JSON; Charset=UTF-8"), Ok(Format::Json));
        assert_eq!(named("application/vnd.acme+json;v=2"), Ok(Format::Json));
        assert!(matches!(named("application/json; charset=utf-16"), Err(DecodeError::Unsupported { .. })));
        assert!(matches!(named("text/plain"), Err(DecodeError::Unsupported { .. })));
        assert!(matches!(named("json"), Err(DecodeError::Unnamed { .. })));
        #[cfg(feature = "msgpack")]
        assert_eq!(named("application/x-msgpack"), Ok(Format::MessagePack));
        #[cfg(feature = "protobuf")]
        assert!(matches!(named("application/protobuf"), Err(DecodeError::Unsupported { .. })));
    }

    #[test]
    fn one_content_type_and_no_coding() {
        let json = (header::CONTENT_TYPE, "application/json");
        assert!(matches!(format_of::<u32>(&headers(&[])), Err(DecodeError::Unnamed { .. })));
        let twice = headers(&[json.clone(), json.clone()]);
        let mut twice_kept = twice.clone();
        twice_kept.append(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        assert!(matches!(format_of::<u32>(&twice_kept), Err(DecodeError::Unnamed { .. })));
        let coded = headers(&[json.clone(), (header::CONTENT_ENCODING, "gzip")]);
        assert_eq!(format_of::<u32>(&coded), Err(DecodeError::Coded));
        let plain = headers(&[json, (header::CONTENT_ENCODING, "identity")]);
        assert_eq!(format_of::<u32>(&plain), Ok(Format::Json));
    }

    #[test]
    fn a_body_over_the_limit_is_not_read() {
        let headers = headers(&[(header::CONTENT_TYPE, "application/json")]);
        let limits = BodyLimits::default().bytes(super::super::ByteLimit::new(3).unwrap());
        assert_eq!(decode::<u32>(&headers, "123".into(), &limits), Ok(123));
        assert!(matches!(decode::<u32>(&headers, "1234".into(), &limits), Err(DecodeError::TooLarge { .. })));
    }

    #[test]
    fn what_a_client_accepts_is_what_it_can_read() {
        let headers = headers(&[(header::ACCEPT, accept::<u32>().to_str().unwrap())]);
        let best = acceptable::<u32>(&headers).unwrap();
        assert!(<u32 as Decode>::FORMATS.contains(&best));
        assert_eq!(<u32 as Decode>::FORMATS.last(), Some(&best), "the most compact");
    }
}
