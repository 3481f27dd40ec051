//! Over real sockets: readers that stop, files that change, clients that leave.

use crate::folder::Folder;
use axum::Router;
use plimsoll_http::files::Files;
use std::{
    fs::{self, File},
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
};

const PATIENCE: Duration = Duration::from_secs(60);

/// Larger than what all the buffers between two sockets hold.
const BIG: u64 = 64 << 20;

async fn serve(files: Files) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback_service(files)).await });
    address
}

async fn request(address: SocketAddr, path: &str) -> TcpStream {
    // Small buffers, so that a reader that stops stops the server soon.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(32 << 10).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// The head's length and what came of the body, to the end of the connection.
async fn read_all(stream: &mut TcpStream) -> (String, u64) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let mut buffer = vec![0; 256 << 10];
    let mut body = 0;
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        body += read as u64;
    }
    (String::from_utf8(head).unwrap(), body)
}

/// How often this process holds the file open.
fn opened(path: &Path) -> usize {
    let entries = fs::read_dir("/proc/self/fd").unwrap().flatten();
    entries.filter(|entry| fs::read_link(entry.path()).is_ok_and(|target| target == path)).count()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        tokio::task::yield_now().await;
    }
}

fn sparse(folder: &Folder, name: &str) -> std::path::PathBuf {
    let path = folder.root().join(name);
    let file = File::create(&path).unwrap();
    file.set_len(BIG).unwrap();
    file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000)).unwrap();
    path
}

#[tokio::test]
async fn a_big_file_comes_whole_and_is_closed() {
    let folder = Folder::new("big");
    let path = sparse(&folder, "big");
    let address = serve(folder.files()).await;
    let (head, body) = read_all(&mut request(address, "/big").await).await;
    assert!(head.starts_with("HTTP/1.1 200") && head.contains(&format!("content-length: {BIG}")), "{head}");
    assert_eq!(body, BIG);
    until("the file is closed", || opened(&path) == 0).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_client_that_leaves_takes_its_file_along() {
    let folder = Folder::new("leaves");
    let path = sparse(&folder, "big");
    let address = serve(folder.files()).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = request(address, "/big").await;
        client.read_exact(&mut [0; 1000]).await.unwrap();
        clients.push(client);
    }
    assert_eq!(opened(&path), 20);
    drop(clients);
    until("every file is closed", || opened(&path) == 0).await;
}

#[tokio::test]
async fn a_file_cut_short_has_no_proper_end() {
    let folder = Folder::new("cut");
    let path = sparse(&folder, "big");
    let address = serve(folder.files()).await;
    let mut client = request(address, "/big").await;
    client.read_exact(&mut [0; 16]).await.unwrap();
    File::options().write(true).open(&path).unwrap().set_len(1000).unwrap();
    let (_, body) = read_all(&mut client).await;
    assert!(body < BIG, "a body of its full length was made up");
}

#[tokio::test]
async fn a_file_written_over_has_no_proper_end() {
    let folder = Folder::new("over");
    let path = sparse(&folder, "big");
    let address = serve(folder.files()).await;
    let mut client = request(address, "/big").await;
    client.read_exact(&mut [0; 16]).await.unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_at(&file, b"changed", BIG - 100).unwrap();
    let (_, body) = read_all(&mut client).await;
    assert!(body < BIG, "two states of the file were passed off as one");
}

#[tokio::test]
async fn a_file_replaced_goes_on_as_it_was() {
    let folder = Folder::new("replaced");
    let path = sparse(&folder, "big");
    let address = serve(folder.files()).await;
    let mut client = request(address, "/big").await;
    client.read_exact(&mut [0; 16]).await.unwrap();
    fs::write(folder.root().join("new"), "new").unwrap();
    fs::rename(folder.root().join("new"), &path).unwrap();
    let (_, body) = read_all(&mut client).await;
    assert_eq!(body, BIG);
    let (_, body) = read_all(&mut request(address, "/big").await).await;
    assert_eq!(body, 3);
}

#[tokio::test]
async fn a_log_that_grows_is_sent_as_far_as_it_was_promised() {
    let folder = Folder::new("grows");
    let path = sparse(&folder, "big");
    let address = serve(folder.files()).await;
    let mut client = request(address, "/big").await;
    client.read_exact(&mut [0; 16]).await.unwrap();
    File::options().write(true).open(&path).unwrap().set_len(BIG + 1000).unwrap();
    assert_eq!(read_all(&mut client).await.1, BIG);
}

/// Bytes this process holds in memory that is its own, as the kernel counts them.
#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn readers_that_stop_hold_a_bounded_part_of_the_file() {
    const READERS: u64 = 32;
    let folder = Folder::new("slow");
    let path = sparse(&folder, "big");
    let address = serve(folder.files()).await;
    let before = resident();
    let mut clients = Vec::new();
    for _ in 0..READERS {
        let mut client = request(address, "/big").await;
        client.read_exact(&mut [0; 1000]).await.unwrap();
        clients.push(client);
    }
    // Until every socket is full, which shows in that nothing is read any more.
    let mut last = 0;
    until("the server stops reading", || {
        let now = resident();
        let still = now == last;
        last = now;
        still
    })
    .await;
    assert_eq!(opened(&path) as u64, READERS);
    let each = resident().saturating_sub(before) / READERS;
    assert!(each < 2 << 20, "{each} bytes for each reader of {BIG}");
    drop(clients);
}
