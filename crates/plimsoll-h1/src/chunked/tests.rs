use super::*;
use proptest::prelude::*;

type Decoded = Result<(Vec<u8>, Option<HeaderMap>, Vec<u8>), Option<ChunkedError>>;

/// Feeds `input` in pieces that end at `cuts`; `Err(None)` when it never comes to an end.
fn decode(input: &[u8], cuts: &[usize]) -> Decoded {
    let limits = HeadLimits { trailer_bytes: 64, trailer_fields: 2, ..HeadLimits::default() };
    let mut decoder = Decoder::new(&limits);
    let mut buffer = ReadBuffer::new();
    let mut data = Vec::new();
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (input.len() + 1)).collect();
    cuts.push(input.len());
    cuts.sort_unstable();
    let mut from = 0;
    for cut in cuts {
        let mut whole = buffer.as_slice().to_vec();
        whole.extend_from_slice(&input[from..cut]);
        buffer = ReadBuffer::from_slice(&whole);
        from = cut;
        loop {
            let rest = |buffer: &ReadBuffer| {
                let mut rest = buffer.as_slice().to_vec();
                rest.extend_from_slice(&input[from..]);
                rest
            };
            match decoder.step(&mut buffer).map_err(Some)? {
                Step::Data(bytes) => {
                    assert!(!bytes.is_empty());
                    data.extend_from_slice(&bytes);
                }
                Step::Trailers(map) => return Ok((data, Some(map), rest(&buffer))),
                Step::End => return Ok((data, None, rest(&buffer))),
                Step::More => break,
            }
        }
    }
    Err(None)
}

#[test]
fn good_bodies() {
    for (input, body, rest) in [
        ("0\r\n\r\n", "", ""),
        ("3\r\nabc\r\n0\r\n\r\nGET", "abc", "GET"),
        ("a\r\n0123456789\r\nA;x=\"y z\"\r\n0123456789\r\n000\r\n\r\n", "01234567890123456789", ""),
        ("1\r\na\r\n1\r\nb\r\n0;ext\r\n\r\n", "ab", ""),
    ] {
        let (data, trailers, left) = decode(input.as_bytes(), &[]).unwrap();
        assert_eq!((data, left), (body.into(), rest.into()), "{input}");
        assert!(trailers.is_none());
    }
}

#[test]
fn trailers_pass_but_for_the_forbidden() {
    let input = b"0\r\nX-Sum: 1\r\nContent-Length: 5\r\n\r\n";
    let (_, trailers, _) = decode(input, &[]).unwrap();
    let trailers = trailers.unwrap();
    assert_eq!(trailers.len(), 1);
    assert_eq!(trailers["x-sum"], "1");
    assert!(decode(b"0\r\nHost: a\r\n\r\n", &[]).unwrap().1.is_none());
}

#[test]
fn bad_bodies() {
    let long = format!("1;{}\r\na\r\n", "x".repeat(300));
    let many = "1;xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\na\r\n".repeat(300);
    let trailer = format!("0\r\na: {}\r\n\r\n", "x".repeat(64));
    for (input, error) in [
        ("+3\r\nabc\r\n", ChunkedError::Size),
        ("-1\r\nabc\r\n", ChunkedError::Size),
        ("0x3\r\nabc\r\n", ChunkedError::Size),
        (" 3\r\nabc\r\n", ChunkedError::Size),
        ("3 \r\nabc\r\n", ChunkedError::Size),
        ("3 ;a\r\nabc\r\n", ChunkedError::Size),
        ("\r\nabc\r\n", ChunkedError::Size),
        (";a\r\nabc\r\n", ChunkedError::Size),
        ("g\r\n", ChunkedError::Size),
        ("3_0\r\n", ChunkedError::Size),
        ("11111111111111111\r\n", ChunkedError::Size),
        ("00000000000000003\r\nabc\r\n", ChunkedError::Size),
        ("3\nabc\r\n", ChunkedError::LineEnd),
        ("3;a\nb\r\nabc\r\n", ChunkedError::LineEnd),
        ("3;a\rb\r\nabc\r\n", ChunkedError::Extension),
        ("3;\0\r\nabc\r\n", ChunkedError::Extension),
        ("3\r\nabcd\r\n", ChunkedError::LineEnd),
        ("3\r\nabc\n0\r\n\r\n", ChunkedError::LineEnd),
        ("3\r\nabc\rx", ChunkedError::LineEnd),
        ("0\r\n\n", ChunkedError::LineEnd),
        ("0\r\na: b\n\r\n", ChunkedError::LineEnd),
        ("0\r\n a: b\r\n\r\n", ChunkedError::Trailer),
        ("0\r\na : b\r\n\r\n", ChunkedError::Trailer),
        ("0\r\na: b\rc\r\n\r\n", ChunkedError::Trailer),
        ("0\r\na: b\r\n c\r\n\r\n", ChunkedError::Trailer),
        ("0\r\n: b\r\n\r\n", ChunkedError::Trailer),
        ("0\r\na: 1\r\nb: 2\r\nc: 3\r\n\r\n", ChunkedError::TrailerTooLarge),
        (&long, ChunkedError::Extension),
        (&many, ChunkedError::Extension),
        (&trailer, ChunkedError::TrailerTooLarge),
    ] {
        assert_eq!(decode(input.as_bytes(), &[]).unwrap_err(), Some(error), "{input}");
    }
}

#[test]
fn a_truncated_body_never_ends() {
    let whole = b"3\r\nabc\r\n0\r\na: b\r\n\r\n";
    for cut in 0..whole.len() {
        assert_eq!(decode(&whole[..cut], &[]).unwrap_err(), None, "{cut}");
    }
}

#[test]
fn bytes_beyond_the_trailer_limit_are_not_looked_at() {
    let input = format!("0\r\na: {}\nb: c\r\n\r\n", "x".repeat(64));
    let every: Vec<usize> = (0..input.len()).collect();
    for cuts in [&[][..], &every] {
        assert_eq!(decode(input.as_bytes(), cuts).unwrap_err(), Some(ChunkedError::TrailerTooLarge));
    }
}

#[test]
fn sizes_are_written_as_they_are_read() {
    for size in [0, 1, 15, 16, 255, 4096, usize::MAX] {
        let mut out = BytesMut::new();
        put_size(&mut out, size);
        assert_eq!(&out[..], format!("{size:x}\r\n").as_bytes());
    }
}

proptest! {
    #[test]
    fn reads_may_be_cut_anywhere(
        chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..6),
        trailer in any::<bool>(),
        cuts in proptest::collection::vec(any::<usize>(), 0..8),
    ) {
        let mut input = BytesMut::new();
        for chunk in &chunks {
            put_size(&mut input, chunk.len());
            input.extend_from_slice(chunk);
            input.extend_from_slice(b"\r\n");
        }
        input.extend_from_slice(if trailer { b"0\r\na: b\r\n\r\n" } else { b"0\r\n\r\n" });
        input.extend_from_slice(b"next");
        let (data, trailers, rest) = decode(&input, &cuts).unwrap();
        prop_assert_eq!(data, chunks.concat());
        prop_assert_eq!(trailers.is_some(), trailer);
        prop_assert_eq!(rest, b"next".to_vec());
    }

    #[test]
    fn any_bytes_give_the_same_however_cut(
        input in proptest::collection::vec(
            prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'0'), Just(b'1'), Just(b';'), Just(b':'), any::<u8>()],
            0..80,
        ),
        cuts in proptest::collection::vec(any::<usize>(), 0..8),
    ) {
        prop_assert_eq!(decode(&input, &[]), decode(&input, &cuts));
    }
}
