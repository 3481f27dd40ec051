//! Connection slots, and connections that make room.

use crate::{
    client::{PATIENCE, Raw},
    stand::Stand,
};
use plimsoll_http::serve::{AdminToken, Limits, WhenFull};
use std::num::NonZeroU32;
use tokio::time::timeout;

const ASK: &str = "GET /metrics HTTP/1.1\r\nhost: a\r\nauthorization: Bearer 0123456789abcdef\r\n\r\n";

async fn stand(limits: Limits) -> Stand {
    Stand::with(|server| server.limits(Limits { shedding: None, ..limits })).await
}

#[tokio::test]
async fn a_client_has_so_many_connections_and_no_more() {
    let stand = stand(Limits { connections_per_client: NonZeroU32::new(2), ..Limits::default() }).await;
    let mut own = [Raw::to(stand.address).await, Raw::to(stand.address).await];
    for raw in &mut own {
        assert_eq!(raw.get("/").await.unwrap().status, 200);
    }
    assert!(Raw::to(stand.address).await.rest().await.is_empty(), "closed at once");
    stand.until("plimsoll_server_connections_cut_total{door=\"app\",reason=\"no-place\"}", 1.0).await;
    drop(own);
    stand.until("plimsoll_server_connections{door=\"app\"}", 0.0).await;
    assert_eq!(Raw::to(stand.address).await.get("/").await.unwrap().status, 200);
}

#[tokio::test]
async fn silent_connections_make_room_and_requests_under_way_do_not() {
    let limits =
        Limits { connections: NonZeroU32::new(3), when_full: WhenFull::MakeRoom, ..Limits::default() };
    let stand = stand(limits).await;
    let mut held = Raw::to(stand.address).await;
    held.send("GET /held HTTP/1.1\r\nhost: a\r\n\r\n").await;
    stand.until("plimsoll_server_requests_in_flight", 1.0).await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(Raw::to(stand.address).await);
    }
    assert_eq!(Raw::to(stand.address).await.get("/").await.unwrap().status, 200);
    stand.gate.add_permits(1);
    assert_eq!(held.answer().await.unwrap().body, "released");
}

#[tokio::test]
async fn strangers_keep_nobody_out_of_the_admin() {
    let token = AdminToken::try_from("0123456789abcdef").unwrap();
    let stand = Stand::with(|server| server.admin_token(token)).await;
    let mut known = Raw::to(stand.admin).await;
    known.send(ASK).await;
    assert_eq!(known.answer().await.unwrap().status, 200);
    let mut strangers = Vec::new();
    for _ in 0..200 {
        strangers.push(Raw::to(stand.admin).await);
    }
    let probed = async { Raw::to(stand.admin).await.get("/livez").await.unwrap().status };
    assert_eq!(timeout(PATIENCE, probed).await.unwrap(), 200);
    known.send(ASK).await;
    assert_eq!(known.answer().await.unwrap().status, 200, "whoever has shown the token keeps its place");
}
