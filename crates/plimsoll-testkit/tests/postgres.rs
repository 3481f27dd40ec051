//! A server for tests: its databases, its death, and what it leaves behind.
#![allow(missing_docs)]

use plimsoll_testkit::Postgres;
use std::{net::TcpStream, path::PathBuf, process::Command, time::Duration};

/// The folder that the server keeps its files in.
async fn folder(server: &Postgres) -> PathBuf {
    let database = server.create_database().await;
    let data = database.psql("SHOW data_directory").await;
    PathBuf::from(data).parent().unwrap().to_path_buf()
}

fn port(url: &str) -> u16 {
    let (_, address) = url.rsplit_once('@').unwrap();
    address.split([':', '/']).nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn each_database_is_empty_and_gone_when_dropped() {
    let Some(server) = Postgres::shared().await else { return };
    let (one, two) = (server.create_database().await, server.create_database().await);
    one.psql("CREATE TABLE mine (id int)").await;
    assert_eq!(two.psql("SELECT count(*) FROM pg_tables WHERE tablename = 'mine'").await, "0");
    let name = one.url().rsplit_once('/').unwrap().1.to_owned();
    drop(one);
    assert_eq!(two.psql(&format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'")).await, "0");
}

#[tokio::test]
async fn what_was_committed_survives_an_immediate_stop() {
    let Some(server) = Postgres::start().await else { return };
    let database = server.create_database().await;
    database.psql("CREATE TABLE kept AS SELECT 1 AS id, 'x' AS name").await;
    server.stop_immediately().await;
    TcpStream::connect(("127.0.0.1", port(&server.url()))).expect_err("refused");
    server.start_again().await;
    assert_eq!(database.psql("SELECT * FROM kept").await, "1|x");
    let folder = folder(&server).await;
    assert!(folder.exists());
    drop(database);
    drop(server);
    assert!(!folder.exists());
}

/// Nothing of ours may be left when a test run is killed.
#[tokio::test]
async fn its_starter_may_be_killed() {
    if std::env::var_os("PLIMSOLL_TEST_TO_BE_KILLED").is_some() {
        let server = Postgres::start().await.unwrap();
        println!("{} {}", port(&server.url()), folder(&server).await.display());
        std::io::Write::flush(&mut std::io::stdout()).unwrap();
        std::future::pending::<()>().await;
    }
    if Postgres::shared().await.is_none() {
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "its_starter_may_be_killed"])
        .env("PLIMSOLL_TEST_TO_BE_KILLED", "1")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let line = lines.map_while(Result::ok).find(|line| line.contains("plimsoll-postgres-")).unwrap();
    // The runner may have begun the line with the test's name.
    let mut words = line.rsplit(' ');
    let folder = PathBuf::from(words.next().unwrap());
    let port: u16 = words.next().unwrap().parse().unwrap();
    TcpStream::connect(("127.0.0.1", port)).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let gone = async {
        while folder.exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), gone).await.expect("the guard removes the folder");
    TcpStream::connect(("127.0.0.1", port)).expect_err("and the server is gone");
}
