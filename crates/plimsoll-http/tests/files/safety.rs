use crate::folder::{Folder, get};
use std::{fs, os::unix::fs::symlink, process::Command};

/// Spellings of ways out; the secret lies beside the root.
const WAYS_OUT: &[&str] = &[
    "/../secret",
    "/a/../../secret",
    "/%2e%2e/secret",
    "/.%2e/secret",
    "/%2E%2E%2Fsecret",
    "/..%2fsecret",
    "/..%5csecret",
    "/%2e%2e%5csecret",
    "/..\\secret",
    "/a/..%2f..%2fsecret",
    "/....//secret",
    "//secret",
    "///secret",
    "/./../secret",
    "/a/%2e%2e/%2e%2e/secret",
    "/%252e%252e/secret",
    "/..%00/secret",
    "/secret%00.txt",
    "/%c0%ae%c0%ae/secret",
    "/..;/secret",
    "/out/secret",
    "/out-relative",
    "/out-absolute",
    "/out-twice",
    "/a/up/secret",
    "/self/root/etc/passwd",
];

fn outside() -> Folder {
    let folder = Folder::new("outside").with("a/in.txt", "inside");
    let root = folder.root();
    fs::write(folder.path.join("secret"), "secret").unwrap();
    symlink(&folder.path, root.join("out")).unwrap();
    symlink("../secret", root.join("out-relative")).unwrap();
    symlink(folder.path.join("secret"), root.join("out-absolute")).unwrap();
    symlink("out-relative", root.join("out-twice")).unwrap();
    symlink("../..", root.join("a/up")).unwrap();
    symlink("/proc/self", root.join("self")).unwrap();
    symlink("a/in.txt", root.join("within")).unwrap();
    symlink("loop", root.join("loop")).unwrap();
    folder
}

#[tokio::test]
async fn nothing_outside_the_folder() {
    let folder = outside();
    for files in [folder.files(), folder.files().with_hidden()] {
        for path in WAYS_OUT {
            let response = get(&files, path, &[]).await;
            assert!(matches!(response.status.as_u16(), 400 | 404), "{path}: {response:?}");
            assert!(matches!(response.problem().as_str(), "bad-request" | "not-found"), "{path}");
        }
        assert_eq!(get(&files, "/within", &[]).await.body, "inside", "a link that stays within is followed");
        assert_eq!(get(&files, "/loop", &[]).await.status, 404);
    }
}

#[tokio::test]
async fn a_link_that_turns_while_it_is_asked_for() {
    let folder = outside();
    let (root, files) = (folder.root(), folder.files());
    let turning = std::thread::spawn(move || {
        for turn in 0..2000 {
            let target = if turn % 2 == 0 { "a/in.txt" } else { "../secret" };
            symlink(target, root.join("next")).unwrap();
            fs::rename(root.join("next"), root.join("turning")).unwrap();
        }
    });
    while !turning.is_finished() {
        let response = get(&files, "/turning", &[]).await;
        assert!(response.status == 404 || response.body == "inside", "{response:?}");
    }
    turning.join().unwrap();
}

#[tokio::test]
async fn hidden_files_and_the_well_known() {
    let folder = Folder::new("hidden")
        .with(".env", "secret")
        .with(".git/config", "secret")
        .with("a/.htpasswd", "secret")
        .with(".well-known/security.txt", "contact");
    for path in ["/.env", "/.git/config", "/a/.htpasswd", "/%2eenv", "/a/../.env"] {
        assert_eq!(get(&folder.files(), path, &[]).await.status, 404, "{path}");
        assert_eq!(get(&folder.files().with_hidden(), path, &[]).await.body, "secret", "{path}");
    }
    assert_eq!(get(&folder.files(), "/.well-known/security.txt", &[]).await.body, "contact");
}

#[tokio::test]
async fn what_is_no_file_is_not_waited_for() {
    let folder = Folder::new("special");
    assert!(Command::new("mkfifo").arg(folder.root().join("fifo")).status().unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(folder.root().join("socket")).unwrap();
    symlink("/dev/zero", folder.root().join("zero")).unwrap();
    for path in ["/fifo", "/socket", "/zero"] {
        assert_eq!(get(&folder.files(), path, &[]).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn names_too_long_for_any_file() {
    let folder = Folder::new("long");
    for path in [format!("/{}", "a".repeat(300)), "/a".repeat(4000)] {
        assert_eq!(get(&folder.files(), &path, &[]).await.status, 404);
    }
}
