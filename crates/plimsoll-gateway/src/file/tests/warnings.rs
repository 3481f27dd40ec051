use super::read;

/// The warnings of a right file, one a line.
fn warned(text: &str) -> String {
    let loaded = read(text).unwrap();
    loaded.warnings.iter().fold(String::new(), |told, warning| told + &warning.to_string() + "\n")
}

#[test]
fn what_nothing_uses_is_warned_of() {
    let text = r#"
version = 1
listener = [{ listen = "127.0.0.1:80" }]
[[route]]
upstream = "a"
policy = "used"
[upstream.a]
endpoints = ["a:1"]
[upstream.b]
endpoints = ["b:1"]
[policy.used]
[policy.left]
retry = "off"
"#;
    let expected = "\
f:9:1: upstream.b: no route leads to the upstream \"b\", expected a route with this upstream, or no such upstream
f:12:1: policy.left: no route has the policy \"left\", expected a route with this policy, or no such policy
";
    assert_eq!(warned(text), expected);
    let rendered = read(text).unwrap().render_warnings();
    let first = "\
warning: no route leads to the upstream \"b\"
 --> f:9:1 (upstream.b)
  |
9 | [upstream.b]
  | ^^^^^^^^^^^^
  = expected a route with this upstream, or no such upstream

warning: ";
    assert!(rendered.starts_with(first), "{rendered}");
}

#[test]
fn the_default_policy_is_used_by_routes_that_name_none() {
    let text = |policy: &str| {
        format!(
            "version = 1\nlistener = [{{ listen = \"127.0.0.1:80\" }}]\nroute = [{{ upstream = \"a\"{policy} }}]\n\
             upstream.a.endpoints = [\"a:1\"]\npolicy.other.retry = \"off\"\npolicy.default.retry = \"off\"\n"
        )
    };
    assert!(!warned(&text("")).contains("policy.default"));
    assert!(warned(&text(", policy = \"other\"")).contains("policy.default"));
}

#[test]
fn a_gateway_without_a_route_is_warned_of() {
    for route in ["", "route = []\n"] {
        let text = format!("version = 1\nlistener = [{{ listen = \"127.0.0.1:80\" }}]\n{route}");
        let expected = "f:1:1: there is no route: every request gets a 404, expected a [[route]]\n";
        assert_eq!(warned(&text), expected);
    }
}

#[test]
fn ejection_that_the_panic_threshold_overrides_is_warned_of() {
    let text = |endpoints: usize, keys: &str| {
        let endpoints: Vec<String> = (1..=endpoints).map(|port| format!("\"a:{port}\"")).collect();
        format!(
            "version = 1\nlistener = [{{ listen = \"127.0.0.1:80\" }}]\nroute = [{{ upstream = \"a\" }}]\n\
             [upstream.a]\nendpoints = [{}]\n{keys}\n",
            endpoints.join(", ")
        )
    };
    let expected = "f:4:1: upstream.a: ejection may leave out 2 of 3 endpoints (\"at-most\" is 67%), but below a \
                    \"panic-threshold\" of 50% all of them are asked, the ejected ones too, expected a \
                    \"panic-threshold\" of at most 33%, or a smaller \"at-most\"\n";
    assert_eq!(warned(&text(3, "ejection = { at-most = \"67%\" }")), expected);
    // One of two is half of them.
    assert!(warned(&text(2, "panic-threshold = \"51%\"")).contains("1 of 2"));
    for (endpoints, keys) in [
        (1, "panic-threshold = \"100%\""),
        (2, ""),
        (3, ""),
        (3, "ejection = { at-most = \"67%\" }\npanic-threshold = \"33%\""),
        (3, "ejection = \"off\"\npanic-threshold = \"100%\""),
        (10, "ejection = { at-most = \"50%\" }"),
    ] {
        assert_eq!(warned(&text(endpoints, keys)), "", "{endpoints} {keys}");
    }
}

#[test]
fn an_endpoint_that_is_the_gateway_itself_is_warned_of() {
    let text = r#"
version = 1
listener = [{ listen = "127.0.0.1:80" }, { listen = "127.0.0.1:0" }]
route = [{ upstream = "a" }]
upstream.a.endpoints = ["127.0.0.1:81", "127.0.0.1:80"]
"#;
    let expected = "f:5:41: upstream.a.endpoints[1]: \"127.0.0.1:80\" is this gateway's own listener at f:3:24, \
                    expected a replica: requests to itself would go round\n";
    assert_eq!(warned(text), expected);
}

#[test]
fn a_route_that_no_listener_lets_a_request_through_to_is_warned_of() {
    let text = |listener: &str| {
        format!(
            "version = 1\nlistener = [{{ listen = \"127.0.0.1:80\"{listener} }}]\nroute = [\n\
             {{ upstream = \"a\", path = \"/a;b\" }},\n{{ upstream = \"a\", path = \"/a//b\" }},\n\
             {{ upstream = \"a\", headers = {{ x_beta = \"1\" }} }},\n{{ upstream = \"a\", methods = [\"TRACE\"] }},\n\
             ]\nupstream.a.endpoints = [\"a:1\"]\n"
        )
    };
    let expected = "\
f:4:1: route[0]: no listener lets a request through to \"/a;b\": the path has a semicolon, which is refused here, expected another path, or \"paths\" of a listener that lets it pass
f:5:1: route[1]: no listener lets a request through to \"/a//b\": it comes as \"/a/b\", expected another path, or \"paths\" of a listener that lets it pass
f:6:1: route[2]: no listener lets the header \"x_beta\" pass, expected a name of letters, digits and dashes, or header-names = \"pass\" of a listener
f:7:1: route[3]: TRACE is refused by every listener, expected other methods
";
    assert_eq!(warned(&text("")), expected);
    let lenient = ", header-names = \"pass\", paths = { parameters = \"pass\", repeated-slash = \"pass\" }";
    assert_eq!(warned(&text(lenient)).lines().count(), 1);
}
