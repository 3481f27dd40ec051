//! The proxies, each with the same routes.

use super::{origin::ORIGINS, table::ROUTES};
use crate::{
    bench::contenders::{Contender, Place, envoy_program, free_ports, nginx_command},
    workspace::Workspace,
};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::{
    fmt::Write as _,
    path::Path,
    process::{Command, Stdio},
};

/// A running proxy.
pub(crate) struct Proxy {
    pub(crate) name: &'static str,
    pub(crate) port: u16,
    _running: Contender,
}

impl Proxy {
    fn start(place: &Place, name: &'static str, command: Command, port: u16) -> Result<Self> {
        Ok(Self { name, port, _running: Contender::start(place, name, command, [port; 2])? })
    }
}

/// Starts the gateway, and the others beside it as they come and with what they have against strays.
pub(crate) fn start(workspace: &Workspace, folder: &Path, origins: [u16; 4]) -> Result<Vec<Proxy>> {
    let place = Place::new(folder, [origins[0]; 3]);
    Ok(vec![
        plimsoll(workspace, &place, origins)?,
        nginx(&place, origins)?,
        envoy(&place, "Envoy", origins, &json!({}))?,
        envoy(&place, "Envoy, hardened", origins, &hardened())?,
    ])
}

fn plimsoll(workspace: &Workspace, place: &Place, origins: [u16; 4]) -> Result<Proxy> {
    let mut build = Command::new("cargo");
    build.args(["build", "--quiet", "--package", "plimsoll-cli"]).stdin(Stdio::null());
    ensure!(build.status().context("cannot start cargo")?.success(), "the gateway does not build");
    let [port] = free_ports()?;
    let mut file = format!(
        r#"version = 1
workers = 1
admin = "off"
listener = [{{ listen = "127.0.0.1:{port}" }}]
{ROUTES}"#
    );
    for (route, port) in ORIGINS.iter().zip(origins) {
        let _ = write!(file, "[upstream.{route}]\nendpoints = [\"127.0.0.1:{port}\"]\n");
    }
    let path = place.write("plimsoll.toml", &file)?;
    let mut command = Command::new(workspace.target.join("debug/plimsoll"));
    command.arg("run").arg(path);
    Proxy::start(place, "Plimsoll", command, port)
}

fn nginx(place: &Place, [open, admin, writes, intern]: [u16; 4]) -> Result<Proxy> {
    let [port] = free_ports()?;
    let pass = |port: u16| format!("proxy_pass http://127.0.0.1:{port};");
    let (open, admin, writes, intern) = (pass(open), pass(admin), pass(writes), pass(intern));
    // A location without a slash at its end would take `/administrator` as well.
    let http = format!(
        "proxy_http_version 1.1;
    proxy_set_header Connection '';
    proxy_set_header Host $http_host;
    server {{
        listen 127.0.0.1:{port} default_server;
        server_name _;
        location / {{ {open} }}
        location = /admin {{ {admin} }}
        location /admin/ {{ {admin} }}
        location = /@ops {{ {admin} }}
        location /@ops/ {{ {admin} }}
        location = /api {{ error_page 418 = @writes; if ($request_method = POST) {{ return 418; }} {open} }}
        location /api/ {{ error_page 418 = @writes; if ($request_method = POST) {{ return 418; }} {open} }}
        location @writes {{ {writes} }}
    }}
    server {{
        listen 127.0.0.1:{port};
        server_name intern.example;
        location / {{ {intern} }}
    }}"
    );
    Proxy::start(place, "nginx", nginx_command(place, "nginx", &http)?, port)
}

/// Settings that Envoy's documentation advises for an edge.
fn hardened() -> Value {
    json!({
        "normalize_path": true,
        "merge_slashes": true,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "strip_any_host_port": true,
        "strip_trailing_host_dot": true,
    })
}

fn envoy(place: &Place, name: &'static str, origins: [u16; 4], with: &Value) -> Result<Proxy> {
    let program = envoy_program(place)?;
    let [port] = free_ports()?;
    let path =
        place.write(&format!("{name}.yaml"), &format!("{:#}\n", configuration(port, origins, with)))?;
    let mut command = Command::new(program);
    command.arg("-c").arg(path);
    command.args(["--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]);
    Proxy::start(place, name, command, port)
}

fn configuration(port: u16, origins: [u16; 4], with: &Value) -> Value {
    let to = |cluster: &str| json!({"cluster": cluster});
    let prefix = |prefix: &str| json!({"path_separated_prefix": prefix});
    let routes = json!([
        {"match": prefix("/admin"), "route": to("admin")},
        {"match": prefix("/@ops"), "route": to("admin")},
        {
            "match": {
                "path_separated_prefix": "/api",
                "headers": [{"name": ":method", "string_match": {"exact": "POST"}}],
            },
            "route": to("writes"),
        },
        {"match": {"prefix": "/"}, "route": to("open")},
    ]);
    let all = json!([{"match": {"prefix": "/"}, "route": to("intern")}]);
    let mut manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "front",
        "route_config": {"name": "all", "virtual_hosts": [
            {"name": "intern", "domains": ["intern.example", "intern.example:*"], "routes": all},
            {"name": "rest", "domains": ["*"], "routes": routes},
        ]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
        }}],
    });
    if let (Some(manager), Some(with)) = (manager.as_object_mut(), with.as_object()) {
        manager.extend(with.clone());
    }
    let clusters: Vec<Value> = ORIGINS.iter().zip(origins).map(|(name, port)| cluster(name, port)).collect();
    json!({"static_resources": {
        "listeners": [{
            "name": "front",
            "address": address(port),
            "filter_chains": [{"filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": manager,
            }]}],
        }],
        "clusters": clusters,
    }})
}

fn cluster(name: &str, port: u16) -> Value {
    json!({
        "name": name,
        "type": "STATIC",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [
            {"endpoint": {"address": address(port)}},
        ]}]},
    })
}

fn address(port: u16) -> Value {
    json!({"socket_address": {"address": "127.0.0.1", "port_value": port}})
}
