//! Which requests go where, and with which target.

use crate::support::{Origin, Setup};

/// Says where it was asked, and for what.
fn naming(name: &'static str) -> Origin {
    Origin::serving(move |request, wire| {
        wire.respond(&format!("{name} {}", request.target()));
        Ok(())
    })
}

fn upstream(name: &str, origin: &Origin) -> String {
    format!("[upstream.{name}]\nendpoints = [\"{}\"]\n", origin.address)
}

#[test]
fn the_most_specific_route_wins() {
    let [all, api, shop, below, posts, beta] =
        ["all", "api", "shop", "below", "posts", "beta"].map(|name| (name, naming(name)));
    let mut sections = String::from(
        r#"
        [[route]]
        upstream = "all"
        [[route]]
        path = "/api"
        upstream = "api"
        [[route]]
        host = "shop.example"
        upstream = "shop"
        [[route]]
        host = "*.example"
        path = "/only"
        upstream = "below"
        [[route]]
        path = "/api"
        methods = ["POST", "PUT"]
        upstream = "posts"
        [[route]]
        path = "/api"
        headers = { x-beta = "1" }
        upstream = "beta"
        "#,
    );
    for (name, origin) in [&all, &api, &shop, &below, &posts, &beta] {
        sections.push_str(&upstream(name, origin));
    }
    let gateway = Setup::to(&all.1).routes(&sections).start();
    let mut client = gateway.client();
    let mut ask = |method: &str, host: &str, path: &str, fields: &str| {
        let response = client
            .ask(format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n{fields}\r\n"));
        response.text().to_owned()
    };
    assert_eq!(ask("GET", "a", "/", ""), "all /");
    assert_eq!(ask("GET", "a", "/api", ""), "api /api");
    assert_eq!(ask("GET", "a", "/api/7?q=/../x", ""), "api /api/7?q=/../x");
    assert_eq!(ask("GET", "a", "/apix", ""), "all /apix");
    assert_eq!(ask("POST", "a", "/api", ""), "posts /api");
    assert_eq!(ask("GET", "a", "/api", "X-Beta: 1\r\n"), "beta /api");
    assert_eq!(ask("GET", "a", "/api", "X-Beta: 2\r\n"), "api /api");
    assert_eq!(ask("POST", "a", "/api", "X-Beta: 1\r\n"), "posts /api");
    assert_eq!(ask("GET", "SHOP.Example:8080", "/api", ""), "shop /api");
    assert_eq!(ask("GET", "deep.er.example", "/only", ""), "below /only");
    // A host whose routes do not take the path falls through to those for any host.
    assert_eq!(ask("GET", "deep.er.example", "/api", ""), "api /api");
    // By the absolute target where there is one.
    assert_eq!(ask("GET", "shop.example", "http://shop.example/x", ""), "shop /x");
}

#[test]
fn what_no_route_takes_is_told_so() {
    let origin = naming("origin");
    let gateway = Setup::to(&origin)
        .routes("[[route]]\nhost = \"a\"\npath = \"/x\"\nupstream = \"origin\"\npolicy = \"p\"\n")
        .start();
    let mut client = gateway.client();
    assert_eq!(client.get("/x").status(), 200);
    client.get("/y").assert_problem(404, "no-route");
    client.ask("GET /x HTTP/1.1\r\nHost: b\r\n\r\n").assert_problem(404, "no-route");
    client.ask("GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").assert_problem(404, "no-route");
    assert_eq!(gateway.metric("plimsoll_problems_total", &["kind=\"no-route\""]), 3);
    assert_eq!(origin.requests(), 1);
}

#[test]
fn dots_are_resolved_before_anything_is_decided() {
    let (public, secret) = (naming("public"), naming("secret"));
    let sections = format!(
        "[[route]]\npath = \"/public\"\nupstream = \"public\"\n[[route]]\npath = \"/secret\"\nupstream = \"secret\"\n{}{}",
        upstream("public", &public),
        upstream("secret", &secret),
    );
    let gateway = Setup::to(&public).routes(&sections).start();
    let mut client = gateway.client();
    for (path, expected) in [
        ("/public/../secret", "secret /secret"),
        ("/public/%2e%2E/secret", "secret /secret"),
        ("/public/./a/../b/.?c=..", "public /public/b/?c=.."),
        ("/public//..//secret", "secret /secret"),
        ("/public/...", "public /public/..."),
        ("/%70ublic", "public /public"),
        ("/publi", "no route"),
    ] {
        let response = client.get(path);
        let got = if response.status() == 404 { "no route".to_owned() } else { response.text().to_owned() };
        assert_eq!(got, expected, "{path}");
    }
    for path in
        ["/..", "/public/../../secret", "/public/%2e%2e/%2e%2e/x", "/public/%", "/public/%4", "/public/%zz"]
    {
        client.get(path).assert_problem(400, "bad-request");
    }
}

#[test]
fn a_prefix_is_rewritten() {
    let origin = naming("origin");
    let route = |path: &str, rewrite: &str| {
        format!(
            "[[route]]\npath = \"{path}\"\nrewrite = \"{rewrite}\"\nupstream = \"origin\"\npolicy = \"p\"\n"
        )
    };
    let sections = route("/old", "/new") + &route("/cut", "/") + &route("/below/", "/deep/er/");
    let gateway = Setup::to(&origin).routes(&sections).start();
    let mut client = gateway.client();
    for (path, expected) in [
        ("/old", "/new"),
        ("/old/", "/new/"),
        ("/old/x?y=/old/z", "/new/x?y=/old/z"),
        ("/old/a/../b", "/new/b"),
        ("/cut", "/"),
        ("/cut/x", "/x"),
        ("/cut//evil.example/x", "/evil.example/x"),
        ("/below/x", "/deep/er/x"),
    ] {
        assert_eq!(client.get(path).text(), format!("origin {expected}"), "{path}");
    }
}
