use crate::folder::{Folder, WRITTEN, ask, get};
use http::{HeaderMap, Method};
use http_body_util::BodyExt;
use plimsoll_http::files::{Download, Encoding};

const DIGITS: &str = "0123456789";

#[tokio::test]
async fn a_file_with_all_that_is_said_about_it() {
    let folder = Folder::new("whole").with("a.txt", DIGITS);
    let files = folder.files().cache_control("max-age=60".parse().unwrap());
    for method in [Method::GET, Method::HEAD] {
        let response = ask(&files, method.clone(), "/a.txt", &[]).await;
        assert_eq!(response.status, 200);
        assert_eq!(response.header("content-length"), "10");
        assert_eq!(response.header("content-type"), "text/plain; charset=utf-8");
        assert_eq!(response.header("accept-ranges"), "bytes");
        assert_eq!(response.header("last-modified"), WRITTEN);
        assert_eq!(response.header("etag"), "\"de0b6b3a7640000-a\"");
        assert_eq!(response.header("cache-control"), "max-age=60");
        assert_eq!(response.header("x-content-type-options"), "nosniff");
        assert!(!response.headers.contains_key("vary"));
        assert_eq!(response.body, if method == Method::GET { DIGITS } else { "" });
    }
}

#[tokio::test]
async fn conditions_and_ranges_together() {
    let folder = Folder::new("conditions").with("a.txt", DIGITS);
    let files = folder.files();
    let tag = "\"de0b6b3a7640000-a\"";
    let weak = format!("W/{tag}");
    let later = "Sun, 09 Sep 2001 01:46:41 GMT";
    let range = ("range", "bytes=2-4");
    for (headers, status, body) in [
        (&[("if-none-match", tag)][..], 304, ""),
        (&[("if-none-match", "\"x\", *")], 200, DIGITS),
        (&[("if-modified-since", WRITTEN)], 304, ""),
        (&[("if-modified-since", later)], 304, ""),
        (&[range], 206, "234"),
        (&[("range", "bytes=-3")], 206, "789"),
        (&[("range", "bytes=7-")], 206, "789"),
        (&[("range", "bytes=0-")], 206, DIGITS),
        (&[("range", "bytes=7-100")], 206, "789"),
        (&[("range", "bytes=3-2")], 200, DIGITS),
        (&[("range", "pages=1")], 200, DIGITS),
        (&[("range", "bytes=1-2"), ("range", "bytes=4-5")], 200, DIGITS),
        (&[("range", "bytes=1-2,4-5")], 206, "12345"),
        (&[range, ("if-range", tag)], 206, "234"),
        (&[range, ("if-range", &weak)], 200, DIGITS),
        (&[range, ("if-range", "\"other\"")], 200, DIGITS),
        (&[range, ("if-range", WRITTEN)], 206, "234"),
        (&[range, ("if-range", later)], 200, DIGITS),
        // Conditions are looked at before ranges.
        (&[range, ("if-none-match", tag)], 304, ""),
        (&[range, ("if-match", tag)], 206, "234"),
    ] {
        let response = get(&files, "/a.txt", headers).await;
        assert_eq!((response.status.as_u16(), &*response.body), (status, body.as_bytes()), "{headers:?}");
        if status == 304 {
            assert_eq!(response.header("etag"), tag);
            assert!(!response.headers.contains_key("content-type"), "{headers:?}");
        } else {
            assert_eq!(response.header("content-length"), body.len().to_string(), "{headers:?}");
        }
    }
    for (headers, status, kind) in [
        (&[("if-match", "\"x\"")][..], 412, "precondition-failed"),
        (&[("if-match", &weak)], 412, "precondition-failed"),
        (&[("if-unmodified-since", "Sun, 09 Sep 2001 01:46:39 GMT")], 412, "precondition-failed"),
        (&[("range", "bytes=10-")], 416, "range-not-satisfiable"),
        (&[("range", "bytes=-0")], 416, "range-not-satisfiable"),
    ] {
        let response = get(&files, "/a.txt", headers).await;
        assert_eq!((response.status.as_u16(), response.problem().as_str()), (status, kind), "{headers:?}");
        if status == 416 {
            assert_eq!(response.header("content-range"), "bytes */10");
        }
    }
    let head = ask(&files, Method::HEAD, "/a.txt", &[range]).await;
    assert_eq!(
        (head.status.as_u16(), head.header("content-length")),
        (200, "10"),
        "a range is of a GET alone"
    );
}

#[tokio::test]
async fn several_ranges_in_one_response() {
    let content: Vec<u8> = (0..400_000_u32).map(|at| (at % 251) as u8).collect();
    let folder = Folder::new("several").with("a.bin", &content);
    let files = folder.files().ranges(3);
    let response = get(&files, "/a.bin", &[("range", "bytes=300000-399999, 0-9, 1000-1009")]).await;
    assert_eq!(response.status, 206);
    assert_eq!(response.header("content-length"), response.body.len().to_string());
    let boundary = response.header("content-type").strip_prefix("multipart/byteranges; boundary=").unwrap();
    let mut expected = Vec::new();
    for (at, (start, end)) in [(300_000, 400_000), (0, 10), (1000, 1010)].into_iter().enumerate() {
        let line = if at == 0 { "" } else { "\r\n" };
        let head = format!(
            "{line}--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes {start}-{}/400000\r\n\r\n",
            end - 1
        );
        expected.extend_from_slice(head.as_bytes());
        expected.extend_from_slice(&content[start..end]);
    }
    expected.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    assert!(response.body == expected);

    let four = "bytes=0-0,1000-1000,2000-2000,3000-3000";
    assert_eq!(get(&files, "/a.bin", &[("range", four)]).await.status, 200, "more than are served");
    let overlapping = get(&files, "/a.bin", &[("range", "bytes=0-399999,0-399999,5-")]).await;
    assert_eq!((overlapping.status.as_u16(), overlapping.body.len()), (206, content.len()));
    assert_eq!(overlapping.header("content-range"), "bytes 0-399999/400000");
    let none = get(&folder.files().ranges(0), "/a.bin", &[("range", "bytes=0-0")]).await;
    assert_eq!(none.status, 200);
    assert!(!none.headers.contains_key("accept-ranges"));
}

#[tokio::test]
async fn every_length_comes_whole() {
    // Around each border at which something else reads it.
    for len in [0, 1, 16 << 10, (16 << 10) + 1, 128 << 10, (128 << 10) + 1, 3 << 20] {
        let content: Vec<u8> = (0..len).map(|at| (at % 249) as u8).collect();
        let folder = Folder::new("lengths").with("a", &content);
        let files = folder.files();
        assert!(get(&files, "/a", &[]).await.body == content, "{len}");
        if len > 10 {
            let response = get(&files, "/a", &[("range", "bytes=7-")]).await;
            assert!(response.body == content[7..], "{len}");
        }
    }
}

/// Without a runtime: whatever left this thread would panic.
#[cfg(target_os = "linux")]
#[test]
fn a_file_in_the_page_cache_is_sent_without_a_blocking_thread() {
    use std::{future::Future as _, task};
    use tower::Service as _;
    let folder = Folder::new("spot").with("a.txt", DIGITS);
    let request = http::Request::get("/a.txt").body(()).unwrap();
    let future = std::pin::pin!(folder.files().call(request));
    let mut context = task::Context::from_waker(task::Waker::noop());
    assert!(matches!(future.poll(&mut context), task::Poll::Ready(Ok(response)) if response.status() == 200));
}

/// As after a restart of the machine: the kernel has none of it in memory.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_that_only_the_disk_has_comes_whole() {
    use rustix::fs::{Advice, fadvise};
    let content: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 241) as u8).collect();
    let folder = Folder::new("cold").with("a.bin", &content).with("b.txt", DIGITS);
    for name in ["a.bin", "b.txt"] {
        let file = std::fs::File::open(folder.root().join(name)).unwrap();
        file.sync_all().unwrap();
        fadvise(&file, 0, None, Advice::DontNeed).unwrap();
    }
    let files = folder.files();
    assert!(get(&files, "/a.bin", &[]).await.body == content);
    assert_eq!(get(&files, "/b.txt", &[("range", "bytes=2-3")]).await.body, "23");
}

#[tokio::test]
async fn a_variant_that_the_caller_takes() {
    let folder = Folder::new("variants")
        .with("app.js", "plain")
        .with("app.js.br", "brotli")
        .with("app.js.gz", "gzip")
        .with("only.css", "plain");
    let files = folder.files().precompressed([Encoding::Brotli, Encoding::Zstd, Encoding::Gzip]);
    for (accept, body, encoding) in [
        ("gzip, br", "brotli", Some("br")),
        ("gzip, br;q=0.5", "gzip", Some("gzip")),
        ("zstd", "plain", None),
        ("zstd, gzip;q=0.1", "gzip", Some("gzip")),
        ("br;q=0, gzip;q=0", "plain", None),
    ] {
        let response = get(&files, "/app.js", &[("accept-encoding", accept)]).await;
        assert_eq!(response.body, body, "{accept}");
        assert_eq!(response.headers.get("content-encoding").map(|value| value.to_str().unwrap()), encoding);
        assert_eq!(response.header("content-type"), "text/javascript; charset=utf-8");
        assert_eq!(response.header("vary"), "accept-encoding");
        let again = [("accept-encoding", accept), ("if-none-match", response.header("etag"))];
        let response = get(&files, "/app.js", &again).await;
        assert_eq!((response.status.as_u16(), response.header("vary")), (304, "accept-encoding"));
    }
    let tags = ["br", "gzip", "identity"].map(|accept| {
        let files = files.clone();
        async move { get(&files, "/app.js", &[("accept-encoding", accept)]).await.header("etag").to_owned() }
    });
    let tags = futures_util::future::join_all(tags).await;
    assert!(tags[0] != tags[1] && tags[1] != tags[2] && tags[0] != tags[2], "{tags:?}");
    let response = get(&files, "/app.js", &[("accept-encoding", "br"), ("range", "bytes=1-2")]).await;
    assert_eq!((response.status.as_u16(), &*response.body), (206, &b"ro"[..]), "a part of what is sent");
    let response = get(&files, "/only.css", &[("accept-encoding", "br")]).await;
    assert_eq!((&*response.body, response.header("vary")), (&b"plain"[..], "accept-encoding"));
}

#[tokio::test]
async fn folders_and_their_index() {
    let folder =
        Folder::new("index").with("index.html", "root").with("a/index.html", "a").with("b/c.txt", "c");
    let files = folder.files();
    for (path, body) in [("/", "root"), ("/a/", "a"), ("/a/index.html", "a"), ("/b/../a/", "a")] {
        let response = get(&files, path, &[]).await;
        assert_eq!((response.status.as_u16(), &*response.body), (200, body.as_bytes()), "{path}");
        assert!(path.ends_with("html") || response.header("content-type").starts_with("text/html"));
    }
    for (path, location) in [("/a", "./a/"), ("/a?x=1", "./a/?x=1"), ("/b", "./b/")] {
        let response = get(&files, path, &[]).await;
        assert_eq!((response.status.as_u16(), response.header("location")), (307, location), "{path}");
    }
    for path in ["/b/", "/c/", "/b/c.txt/", "/b/c.txt/d"] {
        assert_eq!(get(&files, path, &[]).await.status, 404, "{path}");
    }
    let none = folder.files().index(None);
    for path in ["/", "/a", "/a/"] {
        assert_eq!(get(&none, path, &[]).await.status, 404, "{path}");
    }
    let own = folder.files().index(Some("c.txt")).content_type("TXT", "text/x-own".parse().unwrap());
    assert_eq!(get(&own, "/b/", &[]).await.header("content-type"), "text/x-own");
}

#[tokio::test]
async fn only_get_and_head() {
    let folder = Folder::new("methods").with("a.txt", DIGITS);
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let response = ask(&folder.files(), method, "/a.txt", &[]).await;
        assert_eq!((response.status.as_u16(), response.header("allow")), (405, "GET, HEAD"));
        assert_eq!(response.problem(), "method-not-allowed");
    }
}

#[tokio::test]
async fn a_download_goes_on_where_it_stopped() {
    let folder = Folder::new("download").with("invoices/7.pdf", DIGITS);
    let files = folder.files();
    let download = files.download("invoices/7.pdf").await.unwrap().named("Rechnung 7.pdf");
    let mut headers = HeaderMap::new();
    headers.insert("range", "bytes=4-".parse().unwrap());
    headers.insert("if-range", "\"de0b6b3a7640000-a\"".parse().unwrap());
    let response = download.response(&Method::GET, &headers);
    assert_eq!(response.status(), 206);
    assert_eq!(response.headers()["content-disposition"], "attachment; filename=\"Rechnung 7.pdf\"");
    assert_eq!(response.headers()["content-type"], "application/pdf");
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "456789");
    for name in ["../root/invoices/7.pdf", "/etc/passwd", "invoices", "none", "", "a\0b"] {
        assert_eq!(files.download(name).await.unwrap_err().status(), 404, "{name:?}");
    }

    let mut headers = HeaderMap::new();
    headers.insert("range", "bytes=0-1,-1".parse().unwrap());
    let bytes: Vec<u8> = DIGITS.bytes().cycle().take(1000).collect();
    let response = Download::bytes(bytes).response(&Method::GET, &headers);
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("multipart/byteranges"));
    let length: usize = response.headers()["content-length"].to_str().unwrap().parse().unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes().len(), length);

    let stream = Download::stream(http_body_util::Full::new(bytes::Bytes::from(DIGITS)));
    let response = stream.named("a.txt").response(&Method::GET, &headers);
    assert_eq!(response.status(), 200);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), DIGITS);
}
