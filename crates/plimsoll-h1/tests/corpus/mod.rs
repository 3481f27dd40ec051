//! Reads the corpus of requests that must be refused.

/// A request that must be refused, and why.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) bytes: Vec<u8>,
}

/// All of `requests.txt`.
pub(crate) fn requests() -> Vec<Entry> {
    let lines = include_str!("requests.txt").lines();
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(entry).collect()
}

fn entry(line: &'static str) -> Entry {
    let (name, rest) = line.split_once(' ').expect("a name");
    let rest = rest.trim_start();
    let (reason, _) = rest.split_once(' ').expect("a reason");
    // Bytes may begin with a space, so they begin at a fixed column.
    Entry { name, reason, bytes: unescape(&line[52..]) }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first != b'\\' {
            bytes.push(first);
            rest = after;
            continue;
        }
        let (&kind, after) = after.split_first().expect("an escape");
        rest = after;
        match kind {
            b'r' => bytes.push(b'\r'),
            b'n' => bytes.push(b'\n'),
            b't' => bytes.push(b'\t'),
            b'0' => bytes.push(0),
            b'\\' => bytes.push(b'\\'),
            b'x' => {
                let digits = std::str::from_utf8(&rest[..2]).expect("two digits");
                bytes.push(u8::from_str_radix(digits, 16).expect("hexadecimal digits"));
                rest = &rest[2..];
            }
            b'{' => {
                let end = rest.iter().position(|byte| *byte == b'}').expect("a closing brace");
                let [count @ .., b'*', byte] = &rest[..end] else { panic!("a repetition: {text}") };
                let count: usize = std::str::from_utf8(count).unwrap().parse().expect("a count");
                bytes.extend(std::iter::repeat_n(*byte, count));
                rest = &rest[end + 1..];
            }
            other => panic!("unknown escape {}", other as char),
        }
    }
    bytes
}
