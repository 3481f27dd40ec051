//! The text that scrapers read, read back by a small parser of our own and by `promtool`.
#![cfg(not(loom))]

use plimsoll_policy::{Instant, Observer, PolicyEvent};
use plimsoll_telemetry::{
    Buckets, Desc, Format, LineLog, LineLogConfig, PolicyMetrics, Registry, Target, Unit, process,
};
use proptest::prelude::*;
use std::{
    io::Write,
    process::{Command, Stdio},
};

/// One sample: name, labels, value.
type Sample = (String, Vec<(String, String)>, f64);

fn parse(text: &str) -> Vec<Sample> {
    text.lines().filter(|line| !line.starts_with('#')).map(sample).collect()
}

fn sample(line: &str) -> Sample {
    let Some((name, rest)) = line.split_once('{') else {
        let (name, value) = line.split_once(' ').unwrap();
        return (name.to_owned(), Vec::new(), value.parse().unwrap());
    };
    let (mut labels, mut rest) = (Vec::new(), rest);
    loop {
        let (label, quoted) = rest.split_once("=\"").unwrap();
        let (value, after) = unquote(quoted);
        labels.push((label.to_owned(), value));
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None => return (name.to_owned(), labels, after.strip_prefix("} ").unwrap().parse().unwrap()),
        }
    }
}

/// Up to the closing quote, unescaped, and what is behind it.
fn unquote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.push(match chars.next().unwrap().1 {
                'n' => '\n',
                other => other,
            }),
            _ => value.push(c),
        }
    }
    panic!("no closing quote in {text:?}")
}

proptest! {
    #[test]
    fn labels_and_help_survive_the_text(
        value in "[ -~\\n\\\\\"äß漢\u{2028}]{0,40}",
        help in "[ -~\\n\\\\\"ä]{0,40}",
        open in any::<bool>(),
    ) {
        let format = if open { Format::OpenMetrics } else { Format::Prometheus };
        let registry = Registry::new();
        let family = registry.counter_family(Desc::new("a_total", help.clone()), ["x", "y"]).unwrap();
        family.with(&[&value, "second"]).add(7);
        let text = registry.render(format);
        let labels = vec![("x".to_owned(), value), ("y".to_owned(), "second".to_owned())];
        prop_assert!(parse(&text).contains(&("a_total".to_owned(), labels, 7.0)), "{text}");
        let start = if open { "# HELP a " } else { "# HELP a_total " };
        let line = text.lines().find_map(|line| line.strip_prefix(start)).unwrap();
        let mut read = String::new();
        let mut chars = line.chars();
        while let Some(c) = chars.next() {
            if c != '\\' {
                read.push(c);
                continue;
            }
            let escaped = chars.next().unwrap();
            prop_assert!(escaped != '"' || open);
            read.push(if escaped == 'n' { '\n' } else { escaped });
        }
        prop_assert_eq!(read, help);
    }
}

/// One of everything.
fn everything() -> Registry {
    let registry = Registry::builder().shards(2).build();
    let seconds = Desc::new("app_request_duration_seconds", "How long.").unit(Unit::Seconds);
    let took =
        registry.histogram_family(seconds, &Buckets::latency_at(&[0.005, 1.0, 2.5]), ["route"]).unwrap();
    took.with(&["/b"]).record(5_000_000);
    took.with(&["/b"]).record(5_000_001);
    took.with(&["/b"]).record(90_000_000_000);
    took.with(&["/a"]);
    registry.gauge(Desc::new("app_limit_ratio", "A limit.").unit(Unit::Ratio)).unwrap().set(0.5);
    registry.up_down(Desc::new("app_in_flight", "In flight.")).unwrap().add(-3);
    let read = Desc::new("app_read_bytes_total", "Bytes \"read\".\nAll of them.").unit(Unit::Bytes);
    registry.counter(read).unwrap().add(12);
    registry.gauge_family(Desc::new("app_empty", "Nothing yet."), ["x"]).unwrap();
    registry
}

#[test]
fn prometheus_text_to_the_letter() {
    let expected = r#"# HELP app_in_flight In flight.
# TYPE app_in_flight gauge
app_in_flight -3
# HELP app_limit_ratio A limit.
# TYPE app_limit_ratio gauge
app_limit_ratio 0.5
# HELP app_read_bytes_total Bytes "read".\nAll of them.
# TYPE app_read_bytes_total counter
app_read_bytes_total 12
# HELP app_request_duration_seconds How long.
# TYPE app_request_duration_seconds histogram
app_request_duration_seconds_bucket{route="/a",le="0.005"} 0
app_request_duration_seconds_bucket{route="/a",le="1.0"} 0
app_request_duration_seconds_bucket{route="/a",le="2.5"} 0
app_request_duration_seconds_bucket{route="/a",le="+Inf"} 0
app_request_duration_seconds_sum{route="/a"} 0
app_request_duration_seconds_count{route="/a"} 0
app_request_duration_seconds_bucket{route="/b",le="0.005"} 1
app_request_duration_seconds_bucket{route="/b",le="1.0"} 2
app_request_duration_seconds_bucket{route="/b",le="2.5"} 2
app_request_duration_seconds_bucket{route="/b",le="+Inf"} 3
app_request_duration_seconds_sum{route="/b"} 90.010000001
app_request_duration_seconds_count{route="/b"} 3
# HELP plimsoll_telemetry_label_overflows_total Label sets beyond the limit of their family, which share one series.
# TYPE plimsoll_telemetry_label_overflows_total counter
plimsoll_telemetry_label_overflows_total 0
"#;
    let registry = everything();
    assert_eq!(registry.render(Format::Prometheus), expected);
    assert_eq!(registry.render(Format::Prometheus), expected);
}

#[test]
fn open_metrics_names_units_and_ends() {
    let text = everything().render(Format::OpenMetrics);
    for part in [
        "# HELP app_read_bytes Bytes \\\"read\\\".\\nAll of them.\n# TYPE app_read_bytes counter\n# UNIT app_read_bytes bytes\n\
         app_read_bytes_total 12\n",
        "# TYPE app_request_duration_seconds histogram\n# UNIT app_request_duration_seconds seconds\n",
        "# UNIT app_limit_ratio ratio\n",
    ] {
        assert!(text.contains(part), "{part}\nin\n{text}");
    }
    assert!(text.ends_with("\n# EOF\n"));
    assert_eq!(text.matches("# EOF").count(), 1);
}

#[test]
fn odd_numbers_have_their_names() {
    let registry = Registry::new();
    let family = registry.gauge_family(Desc::new("a", "help"), ["x"]).unwrap();
    family.with(&["1"]).set(f64::INFINITY);
    family.with(&["2"]).set(f64::NEG_INFINITY);
    family.with(&["3"]).set(f64::NAN);
    let text = registry.render(Format::Prometheus);
    assert!(text.contains("\na{x=\"1\"} +Inf\na{x=\"2\"} -Inf\na{x=\"3\"} NaN\n"), "{text}");
}

/// One of everything, and everything of this crate's own.
fn everything_of_ours() -> (Registry, Vec<Box<dyn std::any::Any>>) {
    let registry = everything();
    process::metrics(&registry).unwrap().keep();
    let log = LineLog::open(Target::Writer(Box::new(std::io::sink())), &LineLogConfig::default()).unwrap();
    log.metrics(&registry, "access").unwrap().keep();
    let policy = PolicyMetrics::new(&registry, "standard", "users").unwrap();
    policy.breaker_is(Instant::ORIGIN, plimsoll_policy::BreakerState::Closed);
    policy.on(Instant::ORIGIN, &PolicyEvent::Call);
    (registry, vec![Box::new(log), Box::new(policy)])
}

#[test]
fn the_table_in_the_docs_is_complete_and_true() {
    let (registry, _held) = everything_of_ours();
    let text = registry.render(Format::Prometheus);
    let ours = |name: &str| !name.starts_with("app_");
    let mut shown: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .filter(|(name, _)| ours(name))
        .collect();
    let docs = include_str!("../src/lib.rs");
    let mut told: Vec<(&str, &str)> = docs
        .lines()
        .filter_map(|line| line.strip_prefix("//! | `")?.split_once("` | "))
        .filter_map(|(name, rest)| Some((name, rest.split_once(" |")?.0)))
        .collect();
    shown.sort_unstable();
    told.sort_unstable();
    if cfg!(target_os = "linux") {
        assert_eq!(shown, told);
    }
}

#[test]
fn promtool_finds_nothing_to_complain_about() {
    let (registry, _held) = everything_of_ours();
    let text = registry.render(Format::Prometheus);
    let started = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut promtool = match started {
        Ok(promtool) => promtool,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("skipped: promtool (of Debian's package `prometheus`) is not installed");
            return;
        }
        Err(error) => panic!("promtool: {error}"),
    };
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let said = promtool.wait_with_output().unwrap();
    let output =
        [said.stdout, said.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(said.status.success() && output.trim().is_empty(), "{output}\n{text}");
}
