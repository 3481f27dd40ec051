/// Where a body ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Framing {
    None,
    Length(usize),
    Chunked,
    UntilClose,
}

/// A head taken apart, strictly: whatever the gateway writes must be beyond doubt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Head {
    pub(crate) line: String,
    pub(crate) fields: Vec<(String, String)>,
}

/// A field line without its end; the name in lower case.
pub(crate) fn field(line: &[u8]) -> (String, String) {
    let line = std::str::from_utf8(line).expect("a field in ASCII or UTF-8");
    let (name, value) = line.split_once(':').expect("a field with a colon");
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    assert!(!name.is_empty() && name.bytes().all(token), "a field's name: {name:?}");
    assert!(!value.bytes().any(|byte| byte < b' ' && byte != b'\t'), "a field's value: {value:?}");
    (name.to_ascii_lowercase(), value.trim().to_owned())
}

impl Head {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let lines = bytes.strip_suffix(b"\r\n\r\n").expect("a whole head");
        let mut lines =
            lines.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let line = String::from_utf8(lines.next().unwrap().to_vec()).expect("a first line in ASCII");
        assert!(!line.contains('\r'), "{line:?}");
        Self { line, fields: lines.map(field).collect() }
    }

    /// Every value of a field, in order.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(have, _)| have == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a field that may stand once.
    #[track_caller]
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() < 2, "{name} stands {} times: {all:?}", all.len());
        all.first().copied()
    }

    fn coded_length(&self) -> Option<Framing> {
        let chunked = self.field("transfer-encoding").map(|coding| {
            assert_eq!(coding, "chunked");
            Framing::Chunked
        });
        let length =
            self.field("content-length").map(|length| Framing::Length(length.parse().expect("a length")));
        assert!(chunked.is_none() || length.is_none(), "two framings: {self:?}");
        chunked.or(length)
    }

    pub(crate) fn request_framing(&self) -> Framing {
        self.coded_length().unwrap_or(Framing::None)
    }

    pub(crate) fn status(&self) -> u16 {
        let mut words = self.line.splitn(3, ' ');
        assert_eq!(words.next(), Some("HTTP/1.1"), "{:?}", self.line);
        words.next().and_then(|status| status.parse().ok()).expect("a status")
    }

    pub(crate) fn response_framing(&self, method: &str) -> Framing {
        let status = self.status();
        if method == "HEAD" || status < 200 || status == 204 || status == 304 {
            return Framing::None;
        }
        self.coded_length().unwrap_or(Framing::UntilClose)
    }
}

/// A request as an origin has received it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn target(&self) -> &str {
        let mut words = self.head.line.split(' ');
        let target = words.nth(1).expect("a target");
        assert_eq!((words.next(), words.next()), (Some("HTTP/1.1"), None), "{:?}", self.head.line);
        target
    }

    pub(crate) fn method(&self) -> &str {
        self.head.line.split(' ').next().expect("a method")
    }

    #[track_caller]
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.field(name)
    }
}

/// A response as a client has received it, whole.
#[derive(Clone, Debug)]
pub(crate) struct ClientResponse {
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
}

impl ClientResponse {
    pub(crate) fn status(&self) -> u16 {
        self.head.status()
    }

    #[track_caller]
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.field(name)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    /// The kind of the problem it tells of, everything about its form checked.
    #[track_caller]
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.field("content-type"), Some("application/problem+json"), "{self:?}");
        let json: serde_json::Value = serde_json::from_slice(&self.body).expect("JSON");
        assert_eq!(json["status"], self.status(), "{json}");
        assert!(json["title"].as_str().is_some_and(|title| !title.is_empty()), "{json}");
        let kind = json["type"].as_str().and_then(|kind| kind.strip_prefix("urn:plimsoll:problem:"));
        let kind = kind.expect("a type").to_owned();
        let status = self.field("proxy-status").expect("Proxy-Status on the gateway's own responses");
        assert!(status.starts_with("plimsoll; error="), "{status}");
        assert!(status.contains(&format!("details=\"{kind}\"")), "{status}");
        assert!(!self.text().contains("127."), "an address leaks: {json}");
        kind
    }

    /// Checks that it is this problem.
    #[track_caller]
    pub(crate) fn assert_problem(&self, status: u16, kind: &str) {
        assert_eq!((self.status(), self.problem().as_str()), (status, kind), "{self:?}");
    }
}
