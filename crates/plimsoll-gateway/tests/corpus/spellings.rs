//! Spellings of paths and hosts, and how services read them. Shared with `cargo xtask spellings`, which asks other proxies the
//! same.

/// The routes of the table in the gateway's file, to four upstreams: the origins tell by which one they were reached.
pub(crate) const ROUTES: &str = r#"
    [[route]]
    upstream = "open"
    [[route]]
    path = "/admin"
    upstream = "admin"
    [[route]]
    path = "/@ops"
    upstream = "admin"
    [[route]]
    path = "/api"
    methods = ["POST"]
    upstream = "writes"
    [[route]]
    host = "intern.example"
    upstream = "intern"
"#;

/// A path as a service reads it: its segments.
pub(crate) type Reader = fn(&str) -> Vec<String>;

/// `%XY` decoded once, bytes as characters.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::new();
    let mut at = 0;
    while at < bytes.len() {
        let escape = text.get(at + 1..at + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let escape = escape.filter(|_| bytes[at] == b'%');
        out.push(escape.unwrap_or(bytes[at]).into());
        at += if escape.is_some() { 3 } else { 1 };
    }
    out
}

/// Dot segments resolved, empty ones left out.
fn resolved<'s>(segments: impl IntoIterator<Item = &'s str>) -> Vec<String> {
    let mut path: Vec<String> = Vec::new();
    for segment in segments {
        match segment {
            "" | "." => {}
            ".." => drop(path.pop()),
            name => path.push(name.to_owned()),
        }
    }
    path
}

/// Services that read a path in different ways, each of which is found in practice.
pub(crate) const READERS: [(&str, Reader); 7] = [
    ("splits first", |path| {
        let segments: Vec<String> = path.split('/').map(decoded).collect();
        resolved(segments.iter().map(String::as_str))
    }),
    ("decodes first", |path| resolved(decoded(path).split('/'))),
    ("resolves first", |path| {
        let path = resolved(path.split('/')).join("/");
        resolved(decoded(&path).split('/'))
    }),
    ("cuts parameters off", |path| {
        let segments = path.split('/').map(|segment| segment.split(';').next().unwrap_or_default());
        let path = segments.collect::<Vec<_>>().join("/");
        resolved(decoded(&path).split('/'))
    }),
    ("takes backslashes for slashes", |path| resolved(decoded(path).replace('\\', "/").split('/'))),
    ("ends at a zero", |path| resolved(decoded(path).split('\0').next().unwrap_or_default().split('/'))),
    ("takes overlong UTF-8", |path| {
        let path = decoded(path).replace("\u{c0}\u{af}", "/").replace("\u{c0}\u{ae}", ".");
        resolved(path.split('/'))
    }),
];

/// The route that this reader of the request would take it for.
pub(crate) fn meant(read: Reader, method: &str, host: &str, path: &str) -> &'static str {
    let host = host.split(':').next().unwrap_or_default();
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let segments = read(path);
    match segments.first().map(String::as_str) {
        _ if host == "intern.example" => "intern",
        Some("admin" | "@ops") => "admin",
        Some("api") if method == "POST" => "writes",
        _ => "open",
    }
}

/// Every spelling: what leads up to a word, the word, and what follows.
pub(crate) fn spellings() -> Vec<String> {
    const BEFORE: [&str; 22] = [
        "/",
        "//",
        "///",
        "/./",
        "/%2e/",
        "/x/../",
        "/x/%2e%2E/",
        "/x/.%2e/",
        "/x//../",
        "/x/y/../../",
        "/x/..//",
        "/%2f",
        "/x/..%2f",
        "/x/..;/",
        "/x/..;a=b/",
        "/;/",
        "/\\",
        "/x/..\\",
        "/%5c",
        "/x/..%5c",
        "/x/..%c0%af",
        "/%2E%2E/",
    ];
    const WORDS: [&str; 12] = [
        "admin",
        "%61dmin",
        "admi%6E",
        "%61%64%6d%69%6e",
        "ADMIN",
        "%2561dmin",
        "@ops",
        "%40ops",
        "@%6fps",
        "api",
        "%61pi",
        "other",
    ];
    const AFTER: [&str; 14] = [
        "",
        "/",
        "/x",
        "//x",
        "%2fx",
        ";a",
        "%3ba",
        "%00",
        "%00/x",
        "%20",
        ".",
        "/..;/x",
        "/./",
        "?/../admin",
    ];
    let mut all = Vec::new();
    for before in BEFORE {
        for word in WORDS {
            all.extend(AFTER.map(|after| format!("{before}{word}{after}")));
        }
    }
    all
}

/// Every host: of the open routes, and of the one that is its own.
pub(crate) const HOSTS: [&str; 6] = [
    "a",
    "intern.example",
    "INTERN.example:80",
    "intern.example.",
    "Intern.Example.:8080",
    "intern.example.a",
];

/// The methods that are asked with.
pub(crate) const METHODS: [&str; 3] = ["GET", "POST", "PUT"];
