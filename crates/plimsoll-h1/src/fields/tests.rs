//! Fields beside a map of the same bytes, and what is written of them.

use super::*;
use crate::{HeadLimits, RequestHead, error::RequestHeadError, limits::MOST_FIELDS};
use bytes::BytesMut;
use http::header;
use proptest::prelude::*;

fn read(head: &[u8]) -> Result<Fields, RequestHeadError> {
    RequestHead::parse(BytesMut::from(head), &HeadLimits::default()).map(|head| head.fields)
}

/// The fields of a request that has these lines.
fn fields(lines: &str) -> Fields {
    read(format!("GET / HTTP/1.1\r\n{lines}\r\n").as_bytes()).unwrap()
}

fn written(fields: &Fields) -> String {
    let mut out = BytesMut::new();
    write(&mut out, fields.into());
    String::from_utf8(out.to_vec()).unwrap()
}

/// The map that `http` makes of the same bytes, each name and value checked by it; `None` if it refuses one.
fn mapped(head: &[u8]) -> Option<HeaderMap> {
    let mut slots = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut parsed = httparse::Request::new(&mut slots);
    parsed.parse(head).ok()?;
    let mut map = HeaderMap::new();
    for field in parsed.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        map.append(name, HeaderValue::from_bytes(field.value).ok()?);
    }
    Some(map)
}

#[test]
fn every_byte_of_a_name_or_a_value_is_taken_or_refused_as_a_map_does() {
    for byte in 0..=u8::MAX {
        for at in [16, 17, 20, 21, 22] {
            let mut head = b"GET / HTTP/1.1\r\nab: c d\r\nhost: h\r\n\r\n".to_vec();
            head[at] = byte;
            let (ours, theirs) = (read(&head), mapped(&head));
            if let Ok(fields) = &ours {
                assert_eq!(Some(fields.to_map(0)), theirs, "{byte} at {at}");
            } else if let Some(map) = theirs {
                // What is refused beside the parser is refused for what the field says, or for a line end.
                assert!(byte == b'\n' || !map.contains_key(header::HOST), "{byte} at {at}: {ours:?}");
            }
        }
    }
}

#[test]
fn what_came_is_sent_as_it_came_but_for_the_engines_own() {
    let fields = fields(
        "Host: a\r\nConnection: close\r\nX-One: 1\r\nx-two: 2\r\nX-Three:3\r\nX-Four: 4 \r\nX-Five: \r\nX-Six: 6\r\n",
    );
    assert_eq!(
        written(&fields),
        "host: a\r\nx-one: 1\r\nx-two: 2\r\nx-three: 3\r\nx-four: 4\r\nx-five: \r\nx-six: 6\r\n"
    );
}

#[test]
fn fields_of_one_name_stay_in_their_order() {
    let fields = fields("host: h\r\na: 1\r\na:2\r\na: 3\r\nb: x\r\nA: 4\r\n");
    assert_eq!(fields.get_all("a").collect::<Vec<_>>(), [b"1", b"2", b"3", b"4"]);
    assert_eq!(written(&fields), "host: h\r\na: 1\r\na: 2\r\na: 3\r\nb: x\r\na: 4\r\n");
}

#[test]
fn what_is_taken_off_is_gone_and_what_is_added_comes_last() {
    let mut fields = fields("host: h\r\na: 1\r\nb: 2\r\na: 3\r\nc: 4\r\n");
    fields.remove("a");
    fields.insert(HeaderName::from_static("host"), HeaderValue::from_static("other"));
    fields.append(HeaderName::from_static("c"), HeaderValue::from_static("5"));
    assert_eq!(written(&fields), "b: 2\r\nc: 4\r\nhost: other\r\nc: 5\r\n");
    assert_eq!((fields.len(), fields.get("a"), fields.contains("host")), (4, None, true));
    fields.retain(|_, value| value != b"4" && value != b"other");
    assert_eq!(written(&fields), "b: 2\r\nc: 5\r\n");
}

#[test]
fn no_value_is_shown() {
    assert_eq!(
        format!("{:?}", fields("host: h\r\nauthorization: secret\r\n")),
        r#"["host", "authorization"]"#
    );
}

#[test]
fn no_fields() {
    let fields = Fields::new();
    assert!(fields.is_empty() && fields.to_map(0).is_empty() && written(&fields).is_empty());
}

fn pairs() -> impl Strategy<Value = Vec<(String, String)>> {
    let name =
        prop::sample::select(vec!["a", "B", "x-A", "Connection", "keep-alive", "te", "Date", "UPGRADE"]);
    proptest::collection::vec((name.prop_map(str::to_owned), "[ -~]{0,8}"), 0..12)
}

proptest! {
    #[test]
    fn a_map_has_the_same_fields_and_is_written_the_same(
        pairs in pairs(),
        gaps in proptest::collection::vec(prop::sample::select(vec!["", " ", "  ", "\t"]), 12),
        removed in prop::sample::select(vec!["a", "b", "x-a", "te", "none"]),
    ) {
        let line = |((name, value), gap): (&(String, String), &&str)| format!("{name}:{gap}{value}{gap}\r\n");
        let lines = pairs.iter().zip(&gaps).map(line).collect::<Vec<_>>().concat();
        let head = format!("GET / HTTP/1.1\r\nHost: h\r\n{lines}\r\n");
        let (Ok(mut fields), Some(mut map)) = (read(head.as_bytes()), mapped(head.as_bytes())) else { return Ok(()) };
        fields.remove(removed);
        map.remove(removed);
        prop_assert_eq!(&fields.to_map(0), &map);
        prop_assert_eq!(Fields::from(map.clone()).to_map(0), map.clone());
        prop_assert_eq!(fields.len(), map.len());
        for name in map.keys() {
            let values: Vec<&[u8]> = map.get_all(name).iter().map(HeaderValue::as_bytes).collect();
            prop_assert_eq!(fields.get_all(name.as_str()).collect::<Vec<_>>(), values);
        }
        let again = |text: String| mapped(format!("GET / HTTP/1.1\r\n{text}\r\n").as_bytes());
        let mut out = BytesMut::new();
        write(&mut out, (&map).into());
        prop_assert_eq!(again(written(&fields)), again(String::from_utf8(out.to_vec()).unwrap()));
    }
}
