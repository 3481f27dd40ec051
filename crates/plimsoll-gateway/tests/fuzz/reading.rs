//! A strict reader of HTTP/1.1, written for these tests alone: what a client has framed, and what an origin has.
//!
//! It shares nothing with the gateway's own, so that both cannot err in the same way.

/// A message as it was framed.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// The words of its first line.
    pub(crate) start: [Vec<u8>; 3],
    /// Names in lower case, values without blanks around them. Trailers too.
    pub(crate) fields: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    /// Whether its end has come.
    pub(crate) whole: bool,
}

/// The bytes behind the last message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rest {
    /// Nothing.
    Nothing,
    /// A beginning.
    Begun,
    /// No message.
    Malformed,
    /// Bytes that belong to nothing: the message before was the last one.
    Beyond,
}

/// The reason for which a reader stops.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stop {
    Short,
    Malformed,
}

type Reading<T> = Result<T, Stop>;

struct Cursor<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Cursor<'b> {
    fn rest(&self) -> &'b [u8] {
        &self.bytes[self.at..]
    }

    /// A line, which CRLF alone ends.
    fn line(&mut self) -> Reading<&'b [u8]> {
        let rest = self.rest();
        let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).ok_or(Stop::Short)?;
        match &rest[end..] {
            [b'\r', b'\n', ..] => {
                self.at += end + 2;
                Ok(&rest[..end])
            }
            [b'\r'] => Err(Stop::Short),
            _ => Err(Stop::Malformed),
        }
    }

    fn take(&mut self, count: usize) -> &'b [u8] {
        let taken = &self.rest()[..count.min(self.rest().len())];
        self.at += taken.len();
        taken
    }
}

fn is_token(bytes: &[u8]) -> bool {
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !bytes.is_empty() && bytes.iter().all(token)
}

fn fields(cursor: &mut Cursor<'_>) -> Reading<Vec<(String, Vec<u8>)>> {
    let mut fields = Vec::new();
    loop {
        let line = cursor.line()?;
        if line.is_empty() {
            return Ok(fields);
        }
        let colon = line.iter().position(|byte| *byte == b':').ok_or(Stop::Malformed)?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        let control = |byte: &u8| matches!(byte, 0..=8 | 10..=31 | 127);
        if !is_token(name) || line[colon + 1..].iter().any(control) {
            return Err(Stop::Malformed);
        }
        fields.push((String::from_utf8_lossy(name).to_ascii_lowercase(), value.to_vec()));
    }
}

impl Message {
    pub(crate) fn all(&self, name: &str) -> Vec<&[u8]> {
        self.fields.iter().filter(|(have, _)| have == name).map(|(_, value)| &**value).collect()
    }

    fn says(&self, option: &str) -> bool {
        let options = self.all("connection");
        let mut options = options.iter().flat_map(|value| value.split(|byte| *byte == b','));
        options.any(|have| have.trim_ascii().eq_ignore_ascii_case(option.as_bytes()))
    }

    /// Reads the body that the header announces; `None` where it announces none.
    fn announced(&mut self, cursor: &mut Cursor<'_>, old: bool) -> Option<Reading<()>> {
        let (codings, lengths) = (self.all("transfer-encoding"), self.all("content-length"));
        match (&codings[..], &lengths[..]) {
            ([], []) => None,
            ([coding], []) if coding.eq_ignore_ascii_case(b"chunked") && !old => Some(self.chunks(cursor)),
            ([], [length]) if !length.is_empty() && length.iter().all(u8::is_ascii_digit) => {
                let length = std::str::from_utf8(length).ok().and_then(|length| length.parse().ok());
                let Some(length) = length else { return Some(Err(Stop::Malformed)) };
                self.body = cursor.take(length).to_vec();
                Some(if self.body.len() == length { Ok(()) } else { Err(Stop::Short) })
            }
            _ => Some(Err(Stop::Malformed)),
        }
    }

    fn chunks(&mut self, cursor: &mut Cursor<'_>) -> Reading<()> {
        loop {
            let line = cursor.line()?;
            let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
            let after = line[digits..].trim_ascii_start();
            let control = line.iter().any(|byte| matches!(byte, 0..=8 | 10..=31 | 127));
            if digits == 0 || digits > 16 || control || !matches!(after.first(), None | Some(b';')) {
                return Err(Stop::Malformed);
            }
            let digits = String::from_utf8_lossy(&line[..digits]).into_owned();
            let size = usize::from_str_radix(&digits, 16).map_err(|_| Stop::Malformed)?;
            if size == 0 {
                let trailers = fields(cursor)?;
                self.fields.extend(trailers);
                return Ok(());
            }
            let data = cursor.take(size);
            self.body.extend_from_slice(data);
            if data.len() < size {
                return Err(Stop::Short);
            }
            match cursor.take(2) {
                b"\r\n" => {}
                b"" | b"\r" => return Err(Stop::Short),
                _ => return Err(Stop::Malformed),
            }
        }
    }
}

/// Every request in a client's bytes. The last one may lack its end.
pub(crate) fn requests(bytes: &[u8]) -> (Vec<Message>, Rest) {
    let mut cursor = Cursor { bytes, at: 0 };
    let mut found = Vec::new();
    loop {
        // Empty lines before a request are nobody's.
        while cursor.rest().starts_with(b"\r\n") {
            cursor.at += 2;
        }
        if cursor.rest().is_empty() {
            return (found, Rest::Nothing);
        }
        let mut message = match request_head(&mut cursor) {
            Ok(message) => message,
            Err(Stop::Short) => return (found, Rest::Begun),
            Err(Stop::Malformed) => return (found, Rest::Malformed),
        };
        let old = message.start[2] == b"HTTP/1.0";
        let body = message.announced(&mut cursor, old).unwrap_or(Ok(()));
        message.whole = body.is_ok();
        let last = message.says("close") || old && !message.says("keep-alive");
        found.push(message);
        match body {
            Ok(()) if last && !cursor.rest().is_empty() => return (found, Rest::Beyond),
            Ok(()) => {}
            Err(Stop::Short) => return (found, Rest::Begun),
            Err(Stop::Malformed) => return (found, Rest::Malformed),
        }
    }
}

fn request_head(cursor: &mut Cursor<'_>) -> Reading<Message> {
    let line = cursor.line()?;
    let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let [method, target, version] = words[..] else { return Err(Stop::Malformed) };
    let shows = |byte: &u8| matches!(byte, 0x21..=0x7e | 0x80..);
    let known = matches!(version, b"HTTP/1.1" | b"HTTP/1.0");
    if !is_token(method) || target.is_empty() || !target.iter().all(shows) || !known {
        return Err(Stop::Malformed);
    }
    let start = [method.to_vec(), target.to_vec(), version.to_vec()];
    Ok(Message { start, fields: fields(cursor)?, body: Vec::new(), whole: false })
}

/// A final response in an origin's bytes, or as much of one as there is; `None` where there is not even a head.
/// `ended`: whether the connection has ended behind them. Interim responses before it are passed over.
pub(crate) fn response(bytes: &[u8], method: &[u8], ended: bool) -> (Option<Message>, Rest, usize) {
    let mut cursor = Cursor { bytes, at: 0 };
    loop {
        let mut message = match response_head(&mut cursor) {
            Ok(message) => message,
            Err(Stop::Short) => return (None, Rest::Begun, cursor.at),
            Err(Stop::Malformed) => return (None, Rest::Malformed, cursor.at),
        };
        let status = status(&message);
        if (100..200).contains(&status) && status != 101 {
            continue;
        }
        let bodiless = method == b"HEAD" || matches!(status, 101 | 204 | 304);
        let body = if bodiless {
            Ok(())
        } else {
            let old = message.start[0] == b"HTTP/1.0";
            message.announced(&mut cursor, old).unwrap_or_else(|| {
                message.body = cursor.take(usize::MAX).to_vec();
                if ended { Ok(()) } else { Err(Stop::Short) }
            })
        };
        message.whole = body.is_ok();
        let rest = match body {
            Ok(()) if cursor.rest().is_empty() => Rest::Nothing,
            Ok(()) => Rest::Beyond,
            Err(Stop::Short) => Rest::Begun,
            Err(Stop::Malformed) => Rest::Malformed,
        };
        return (Some(message), rest, cursor.at);
    }
}

/// The status of a response.
pub(crate) fn status(message: &Message) -> u16 {
    std::str::from_utf8(&message.start[1]).ok().and_then(|status| status.parse().ok()).unwrap_or(0)
}

fn response_head(cursor: &mut Cursor<'_>) -> Reading<Message> {
    let line = cursor.line()?;
    let mut words = line.splitn(3, |byte| *byte == b' ');
    let (version, status) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let reason = words.next().unwrap_or_default();
    let known = matches!(version, b"HTTP/1.1" | b"HTTP/1.0");
    let control = |byte: &u8| matches!(byte, 0..=8 | 10..=31 | 127);
    let digits = status.len() == 3 && status.iter().all(u8::is_ascii_digit) && status[0] != b'0';
    if !known || !digits || reason.iter().any(control) {
        return Err(Stop::Malformed);
    }
    let start = [version.to_vec(), status.to_vec(), reason.to_vec()];
    Ok(Message { start, fields: fields(cursor)?, body: Vec::new(), whole: false })
}

/// The one spelling of a target, as far as these tests tell targets apart: origin form, unreserved characters decoded, empty
/// and dot segments resolved, no slash at the end of the path.
pub(crate) fn canonical(target: &[u8]) -> Vec<u8> {
    let scheme = target.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"http://"));
    let target = if scheme {
        let rest = &target[7..];
        let path = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
        &rest[path..]
    } else {
        target
    };
    let end = target.iter().position(|byte| *byte == b'?').unwrap_or(target.len());
    let (path, query) = target.split_at(end);
    let path = decoded(path);
    let mut segments: Vec<&[u8]> = Vec::new();
    for segment in path.split(|byte| *byte == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => drop(segments.pop()),
            name => segments.push(name),
        }
    }
    let mut one = b"/".to_vec();
    one.extend(segments.join(&b'/'));
    one.extend_from_slice(query);
    one
}

/// Unreserved characters decoded; other escapes in upper case.
fn decoded(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut at = 0;
    while at < path.len() {
        let escape = path.get(at..at + 3).filter(|escape| {
            escape[0] == b'%' && escape[1].is_ascii_hexdigit() && escape[2].is_ascii_hexdigit()
        });
        let Some(escape) = escape else {
            out.push(path[at]);
            at += 1;
            continue;
        };
        at += 3;
        let digits = String::from_utf8_lossy(&escape[1..]).into_owned();
        let byte = u8::from_str_radix(&digits, 16).unwrap_or_default();
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte);
        } else {
            out.extend(escape.to_ascii_uppercase());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_from_what_is_behind_them() {
        let (found, rest) = requests(
            b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhiGET /b HTTP/1.1\r\nHost: a\r\n\r\nGET /c HTTP/1.1\nHost: a\n\n",
        );
        assert_eq!((found.len(), &*found[0].body, rest), (2, &b"hi"[..], Rest::Malformed));
        let (found, rest) =
            requests(b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nhi\r\n0\r\nt: u\r\n\r\n");
        assert_eq!((&*found[0].body, found[0].whole, rest), (&b"hi"[..], true, Rest::Nothing));
        let (found, rest) =
            requests(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n");
        assert_eq!((found[0].whole, rest), (false, Rest::Malformed));
        assert_eq!(requests(b"GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n").1, Rest::Beyond);
    }

    #[test]
    fn targets_have_one_spelling() {
        for (target, one) in [
            ("http://a/%61//b/../c/?%61", "/a/c?%61"),
            ("/x%2fy", "/x%2Fy"),
            ("http://a", "/"),
            ("http://a?b", "/?b"),
        ] {
            assert_eq!(canonical(target.as_bytes()), one.as_bytes(), "{target}");
        }
    }
}
