use crate::timestamp::Timestamp;
use serde::Serialize;
use std::{
    net::{IpAddr, Ipv4Addr},
    time::SystemTime,
};

/// A line as it is written. Empty fields are omitted.
#[derive(Serialize)]
pub(super) struct LogLine<'a> {
    pub(super) time: Timestamp,
    pub(super) client: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) protocol: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) host: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<&'a str>,
    pub(super) status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) route: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) upstream: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) endpoint: Option<String>,
    pub(super) attempts: u32,
    pub(super) bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bytes_to_endpoint: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) broken: bool,
    pub(super) duration_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) trace_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) problem: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<&'a str>,
}

impl LogLine<'_> {
    pub(super) const EMPTY: Self = Self {
        time: Timestamp(SystemTime::UNIX_EPOCH),
        client: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        protocol: None,
        method: None,
        host: None,
        path: None,
        status: 0,
        route: None,
        upstream: None,
        endpoint: None,
        attempts: 0,
        bytes: 0,
        bytes_to_endpoint: None,
        broken: false,
        duration_ms: 0.0,
        trace_id: None,
        problem: None,
        why: None,
    };
}
