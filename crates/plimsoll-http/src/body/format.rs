use std::fmt;

/// A format of values on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Format {
    /// `application/json` ([RFC 8259](https://www.rfc-editor.org/rfc/rfc8259)).
    Json,
    /// `application/msgpack` ([the specification](https://github.com/msgpack/msgpack/blob/master/spec.md)); structures
    /// as maps by name, so that fields can come and go.
    #[cfg(feature = "msgpack")]
    MessagePack,
    /// `application/protobuf` ([the encoding](https://protobuf.dev/programming-guides/encoding/)).
    #[cfg(feature = "protobuf")]
    Protobuf,
}

impl Format {
    /// Returns its media type for `Content-Type`.
    pub const fn media_type(self) -> &'static str {
        self.media_types()[0]
    }

    /// Returns all its media types, its own first. A response has the one that the client named.
    pub const fn media_types(self) -> &'static [&'static str] {
        match self {
            Self::Json => &["application/json"],
            #[cfg(feature = "msgpack")]
            Self::MessagePack => &["application/msgpack", "application/vnd.msgpack", "application/x-msgpack"],
            #[cfg(feature = "protobuf")]
            Self::Protobuf => {
                &["application/protobuf", "application/x-protobuf", "application/vnd.google.protobuf"]
            }
        }
    }

    /// Returns the format of a media type without parameters, in any case. All that end in `+json` are JSON.
    pub fn of_media_type(essence: &str) -> Option<Self> {
        let known = Self::ALL.iter().copied().find(|format| {
            format.media_types().iter().any(|media_type| media_type.eq_ignore_ascii_case(essence))
        });
        known.or_else(|| {
            let suffix = essence.len().checked_sub("+json".len()).and_then(|at| essence.get(at..))?;
            (suffix.eq_ignore_ascii_case("+json") && essence.contains('/')).then_some(Self::Json)
        })
    }

    const ALL: &[Self] = &[
        Self::Json,
        #[cfg(feature = "msgpack")]
        Self::MessagePack,
        #[cfg(feature = "protobuf")]
        Self::Protobuf,
    ];
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "JSON",
            #[cfg(feature = "msgpack")]
            Self::MessagePack => "MessagePack",
            #[cfg(feature = "protobuf")]
            Self::Protobuf => "Protobuf",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_any_case() {
        assert_eq!(Format::of_media_type("Application/JSON"), Some(Format::Json));
        assert_eq!(Format::of_media_type("application/vnd.acme.order+json"), Some(Format::Json));
        assert_eq!(Format::of_media_type("application/problem+JSON"), Some(Format::Json));
        assert_eq!(Format::of_media_type("+json"), None);
        assert_eq!(Format::of_media_type("text/json"), None);
        assert_eq!(Format::of_media_type("application/jsonp"), None);
        assert_eq!(Format::of_media_type("é+json"), None);
        assert_eq!(Format::of_media_type(""), None);
    }

    #[test]
    fn every_name_leads_to_its_format() {
        for format in Format::ALL {
            for media_type in format.media_types() {
                assert_eq!(Format::of_media_type(media_type), Some(*format));
            }
        }
    }
}
