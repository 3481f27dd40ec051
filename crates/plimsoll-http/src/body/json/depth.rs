use memchr::memchr2;

/// Returns the offset of the bracket that opens one level more than `limit`, if there is one.
///
/// It checks brackets outside of strings alone; the reader finds whether they match. Nesting above the limit is found before
/// anything recurses into it, also in fields that are not read.
pub(super) fn exceeds(body: &[u8], limit: usize) -> Option<usize> {
    // The compiler vectorizes this. Most bodies have fewer brackets in all than the allowed levels.
    let opening = body.iter().map(|byte| u8::from(byte | 0x20 == b'{'));
    if body.len() <= SMALL && opening.fold(0_u32, |sum, one| sum + u32::from(one)) as usize <= limit {
        return None;
    }
    walk(body, limit)
}

/// The length up to which counting pays: longer bodies have more brackets anyway.
const SMALL: usize = 2048;

fn walk(body: &[u8], limit: usize) -> Option<usize> {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = body.get(at) {
        match byte {
            b'"' => at = past_string(body, at + 1),
            b'[' | b'{' => {
                depth += 1;
                if depth > limit {
                    return Some(at);
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    None
}

/// Returns the offset of the closing quote of the string that begins at `at`; the end of the body if it has none.
fn past_string(body: &[u8], mut at: usize) -> usize {
    while let Some(rest) = body.get(at..) {
        let Some(found) = memchr2(b'"', b'\\', rest) else { break };
        if rest[found] == b'"' {
            return at + found;
        }
        at += found + 2;
    }
    body.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn brackets_are_counted_outside_of_strings() {
        assert_eq!(exceeds(b"[]", 1), None);
        assert_eq!(exceeds(b"[[]]", 1), Some(1));
        assert_eq!(exceeds(br#"{"a[[[":"{{\"[["}"#, 1), None);
        assert_eq!(exceeds(br#"{"a":"\\","b":[{}]}"#, 2), Some(15));
        assert_eq!(exceeds(br#"[1,[2],{"x":[]}]"#, 2), Some(12));
        assert_eq!(exceeds(br#"["open [[[[["#, 1), None);
        assert_eq!(exceeds(br#"["\"#, 1), None);
    }

    #[test]
    fn a_long_body_is_walked() {
        let mut body = vec![b'['; 100_000];
        assert_eq!(exceeds(&body, 64), Some(64));
        body = b"[],".repeat(100_000);
        assert_eq!(exceeds(&body, 1), None);
    }

    proptest! {
        #[test]
        fn agrees_with_the_depth_of_a_value(levels in 1_usize..80, limit in 1_usize..80, pad in 0_usize..3000) {
            let body = format!("{}{}\"{}\"{}", " ".repeat(pad), "[".repeat(levels), "]".repeat(9), "]".repeat(levels));
            prop_assert_eq!(exceeds(body.as_bytes(), limit), (levels > limit).then_some(pad + limit));
        }

        #[test]
        fn any_bytes_are_borne(body in proptest::collection::vec(any::<u8>(), 0..200), limit in 1_usize..9) {
            if let Some(at) = exceeds(&body, limit) {
                prop_assert_eq!(body[at] | 0x20, b'{');
            }
        }
    }
}
