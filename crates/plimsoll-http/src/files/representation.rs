//! The response to a request, from a file or bytes.

use super::{
    FileBody,
    buffers::{Buffers, CHUNK},
    conditions::{self, ConditionResult},
    encoding::Encoding,
    multipart::{self, Piece, content_range},
    open::OpenFile,
    ranges::{self, Asked, Span, Spans},
    root::Effort,
    validators::Validators,
};
use crate::{Kind, Problem};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use smallvec::{SmallVec, smallvec};
use std::sync::Arc;

/// The length up to which an exact buffer is cheaper than a chunk of the pool.
const SMALL: usize = 16 << 10;

#[derive(Debug)]
pub(super) enum Content {
    File(OpenFile, Arc<Buffers>),
    Bytes(Bytes),
}

/// A representation of the resource, with its metadata.
#[derive(Debug)]
pub(super) struct Representation {
    pub(super) content: Content,
    pub(super) content_type: HeaderValue,
    pub(super) encoding: Option<Encoding>,
    pub(super) validators: Option<Validators>,
    /// Also in a 304.
    pub(super) cache_control: Option<HeaderValue>,
    pub(super) vary: bool,
    pub(super) disposition: Option<HeaderValue>,
    /// The most ranges in one response; 0 switches ranges off.
    pub(super) most_ranges: usize,
}

impl Content {
    fn len(&self) -> u64 {
        match self {
            Self::File(file, _) => file.seen().len,
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }

    fn span(self, span: Span, effort: Effort) -> FileBody {
        match self {
            Self::File(file, buffers) => read(file, buffers, span, effort),
            Self::Bytes(bytes) => FileBody::whole(bytes.slice(span.start as usize..span.end as usize)),
        }
    }

    fn pieces(self, pieces: Vec<Piece>, len: u64) -> FileBody {
        match self {
            Self::File(file, buffers) => FileBody::pieces(file, buffers, pieces, len),
            Self::Bytes(bytes) => {
                let mut whole = Vec::with_capacity(len as usize);
                for piece in pieces {
                    match piece {
                        Piece::Text(text) => whole.extend_from_slice(&text),
                        Piece::File(span) => {
                            whole.extend_from_slice(&bytes[span.start as usize..span.end as usize]);
                        }
                    }
                }
                FileBody::whole(whole.into())
            }
        }
    }
}

/// Reads a file that fits into a chunk at once, if it need not wait, and closes it; any other is read on demand.
fn read(file: OpenFile, buffers: Arc<Buffers>, span: Span, effort: Effort) -> FileBody {
    let len = span.end - span.start;
    let wanted = usize::try_from(len).ok().filter(|len| *len <= CHUNK);
    let bytes = wanted.and_then(|wanted| {
        let fill = |room: &mut [u8]| {
            let read = match effort {
                Effort::Cached => file.read_cached(room, span.start).ok(),
                Effort::Full => file.read(room, span.start).ok(),
            };
            read == Some(wanted)
        };
        if wanted <= SMALL {
            let mut own = vec![0; wanted];
            fill(&mut own).then(|| Bytes::from(own))
        } else {
            let mut buffer = buffers.take();
            fill(buffer.room(wanted)).then(|| buffer.into_bytes(wanted))
        }
    });
    bytes.map_or_else(|| FileBody::pieces(file, buffers, vec![Piece::File(span)], len), FileBody::whole)
}

impl Representation {
    /// Returns the response to a GET or HEAD with these headers.
    pub(super) fn response(self, method: &Method, request: &HeaderMap, effort: Effort) -> Response<FileBody> {
        if let Some(validators) = &self.validators {
            match conditions::check(request, validators) {
                ConditionResult::Proceed => {}
                ConditionResult::NotModified => {
                    let mut response = Response::new(FileBody::empty());
                    *response.status_mut() = StatusCode::NOT_MODIFIED;
                    self.say_of_every_state(response.headers_mut());
                    return response;
                }
                ConditionResult::PreconditionFailed => {
                    return refusal(Problem::new(Kind::PreconditionFailed));
                }
            }
        }
        let len = self.content.len();
        match self.ranges(method, request, len) {
            Asked::Whole => {
                let mut response = self.head(StatusCode::OK, len);
                if method != Method::HEAD && len > 0 {
                    *response.body_mut() = self.content.span(Span { start: 0, end: len }, effort);
                }
                response
            }
            Asked::Nothing => {
                let problem = Problem::new(Kind::RangeNotSatisfiable);
                refusal(problem.header(header::CONTENT_RANGE, text(format!("bytes */{len}"))))
            }
            Asked::Parts(spans) => match spans[..] {
                [span] => {
                    let mut response = self.head(StatusCode::PARTIAL_CONTENT, span.end - span.start);
                    response.headers_mut().insert(header::CONTENT_RANGE, text(content_range(span, len)));
                    *response.body_mut() = self.content.span(span, effort);
                    response
                }
                _ => self.parts(&spans, len),
            },
        }
    }

    fn ranges(&self, method: &Method, asked: &HeaderMap, len: u64) -> Asked {
        // RFC 9110, section 14.2: ranges are defined for GET only.
        if method != Method::GET || self.most_ranges == 0 {
            return Asked::Whole;
        }
        let mut fields = asked.get_all(header::RANGE).iter();
        let (Some(range), None) = (fields.next(), fields.next()) else { return Asked::Whole };
        let holds = match &self.validators {
            Some(validators) => conditions::range_holds(asked, validators),
            None => !asked.contains_key(header::IF_RANGE),
        };
        if holds { ranges::read(range.as_bytes(), len, self.most_ranges) } else { Asked::Whole }
    }

    fn parts(self, spans: &Spans, of: u64) -> Response<FileBody> {
        let parts = multipart::parts(spans, of, &self.content_type);
        let mut response = self.head(StatusCode::PARTIAL_CONTENT, parts.len);
        response.headers_mut().insert(header::CONTENT_TYPE, parts.content_type);
        *response.body_mut() = self.content.pieces(parts.pieces, parts.len);
        response
    }

    fn head(&self, status: StatusCode, len: u64) -> Response<FileBody> {
        let mut response = Response::new(FileBody::empty());
        *response.status_mut() = status;
        let headers = response.headers_mut();
        // With the full capacity: growing a map hashes all entries again.
        headers.reserve(12);
        headers.insert(header::CONTENT_TYPE, self.content_type.clone());
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(len));
        if self.most_ranges > 0 {
            headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(encoding) = self.encoding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding.token()));
        }
        if let Some(disposition) = &self.disposition {
            headers.insert(header::CONTENT_DISPOSITION, disposition.clone());
        }
        self.say_of_every_state(headers);
        response
    }

    /// Sets the fields that a 304 has too ([RFC 9110, section
    /// 15.4.5](https://www.rfc-editor.org/rfc/rfc9110#section-15.4.5)).
    fn say_of_every_state(&self, headers: &mut HeaderMap) {
        let mut fields: SmallVec<[(HeaderName, HeaderValue); 4]> = smallvec![];
        if let Some(validators) = &self.validators {
            fields.push((header::ETAG, validators.etag()));
            fields.extend(validators.last_modified().map(|date| (header::LAST_MODIFIED, date)));
        }
        fields.extend(self.cache_control.clone().map(|value| (header::CACHE_CONTROL, value)));
        if self.vary {
            fields.push((header::VARY, HeaderValue::from_static("accept-encoding")));
        }
        headers.extend(fields);
    }
}

/// Returns a refusal with a body of this module's type.
pub(super) fn refusal(problem: Problem) -> Response<FileBody> {
    problem.into_http().map(FileBody::whole)
}

/// Digits, slashes and letters: always a value.
fn text(value: String) -> HeaderValue {
    HeaderValue::try_from(value).unwrap_or_else(|_| HeaderValue::from_static(""))
}
