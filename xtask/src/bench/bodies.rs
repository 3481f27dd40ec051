//! `cargo xtask bench bodies`: JSON, MessagePack and Protobuf, in memory and end to end.

use super::{
    claim::Claim,
    divan::{self, Row},
    figures::{Spread, table},
};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};
use std::process::{Command, ExitCode, Stdio};

pub(crate) const LONG_ABOUT: &str = "\
What a body costs in each format: 1, 33 and 3300 orders, which are about 300 bytes, 10 KB and 1 MB of JSON.

End to end: an axum server decodes the request and responds with it, a client decodes the response, over a socket of this machine. \
Formats take turns; what is reported is the CPU time of both ends by the kernel's count, as the median of the ratios to JSON within \
each round. In memory: divan's medians, and readers of JSON beside each other.";

/// Flags of `cargo xtask bench bodies`.
#[derive(Args)]
pub(crate) struct Options {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Exit 1 unless every claimed limit is kept
    #[arg(long)]
    assert: bool,
}

/// One turn of one format.
struct Turn {
    orders: u64,
    round: u64,
    format: String,
    bytes: f64,
    server_us: f64,
    client_us: f64,
}

impl Turn {
    fn both(&self) -> f64 {
        self.server_us + self.client_us
    }
}

/// All turns of one format with bodies of one size.
struct Series<'a> {
    orders: u64,
    format: &'a str,
    turns: Vec<&'a Turn>,
    json: Vec<&'a Turn>,
}

impl Series<'_> {
    fn size(&self) -> f64 {
        self.turns.first().map_or(f64::NAN, |turn| turn.bytes)
    }

    fn size_ratio(&self) -> f64 {
        self.size() / self.json.first().map_or(f64::NAN, |turn| turn.bytes)
    }

    /// Of CPU time to JSON's, round by round.
    fn ratio(&self, of: impl Fn(&Turn) -> f64) -> Option<Spread> {
        Spread::of(self.turns.iter().zip(&self.json).map(|(turn, json)| of(turn) / of(json)))
    }

    fn median(&self, of: impl Fn(&Turn) -> f64) -> f64 {
        Spread::of(self.turns.iter().map(|turn| of(turn))).map_or(f64::NAN, |spread| spread.median)
    }
}

/// Runs the benches.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    eprintln!("in memory …");
    let rows = divan::read(&bench(&[])?, false);
    eprintln!("end to end …");
    let turns = bench(&["--", "--wire"])?.lines().map(turn).collect::<Result<Vec<_>>>()?;
    let series = series(&turns);
    if series.is_empty() || rows.is_empty() {
        bail!("nothing was measured");
    }
    let claims = claims(&series, &rows);
    if options.json {
        println!("{:#}", machine_readable(&series, &rows, &claims));
    } else {
        print!("{}\n{}\n{}", end_to_end(&series), in_memory(&rows), Claim::table(&claims));
    }
    let missed = options.assert && !claims.iter().all(Claim::kept);
    Ok(if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn bench(arguments: &[&str]) -> Result<String> {
    let output = Command::new("cargo")
        .args(["bench", "--quiet", "--package", "plimsoll-http", "--bench", "bodies"])
        .args(["--features", "server,client,msgpack,protobuf"])
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("cargo bench --package plimsoll-http --bench bodies: {}", output.status);
    }
    String::from_utf8(output.stdout).context("the bench does not write text")
}

fn turn(line: &str) -> Result<Turn> {
    let found: Value = serde_json::from_str(line).with_context(|| format!("no turn: {line}"))?;
    let number = |name: &str| found[name].as_u64().with_context(|| format!("no {name}: {line}"));
    let each = |name: &str| Ok::<_, anyhow::Error>(number(name)? as f64 / number("requests")? as f64 / 1e3);
    Ok(Turn {
        orders: number("orders")?,
        round: number("round")?,
        format: found["format"].as_str().with_context(|| format!("no format: {line}"))?.to_owned(),
        bytes: number("bytes")? as f64,
        server_us: each("server_ns")?,
        client_us: each("client_ns")?,
    })
}

fn series(turns: &[Turn]) -> Vec<Series<'_>> {
    let of = |orders: u64, format: &str| -> Vec<&Turn> {
        let mut found: Vec<&Turn> =
            turns.iter().filter(|turn| turn.orders == orders && turn.format == format).collect();
        found.sort_by_key(|turn| turn.round);
        found
    };
    let first = turns.iter().filter(|turn| turn.round == 1);
    first
        .map(|turn| Series {
            orders: turn.orders,
            format: &turn.format,
            turns: of(turn.orders, &turn.format),
            json: of(turn.orders, "JSON"),
        })
        .collect()
}

/// The number of orders in the body of middle size, about which the claims are made.
const MIDDLING: u64 = 33;

fn claims(series: &[Series<'_>], rows: &[Row]) -> Vec<Claim> {
    let middling = |format: &str| series.iter().find(|each| each.orders == MIDDLING && each.format == format);
    let cpu = |format| middling(format)?.ratio(Turn::both).map(|ratio| ratio.median);
    let size = |format| middling(format).map(Series::size_ratio);
    let median = |path: &str| rows.iter().find(|row| row.path == path).map(|row| row.median_ns);
    let checked = median("parsers/ours/33").zip(median("parsers/serde_json/33"));
    let claim = |what: &str, limit, found| Claim { what: what.to_owned(), limit, found };
    vec![
        claim("MessagePack ÷ JSON, bytes", 0.85, size("MessagePack")),
        claim("Protobuf ÷ JSON, bytes", 0.5, size("Protobuf")),
        claim("MessagePack ÷ JSON, CPU of both ends", 0.85, cpu("MessagePack")),
        claim("Protobuf ÷ JSON, CPU of both ends", 0.7, cpu("Protobuf")),
        claim("JSON with our checks ÷ serde_json alone", 1.2, checked.map(|(ours, bare)| ours / bare)),
    ]
}

fn end_to_end(series: &[Series<'_>]) -> String {
    let spread = |ratio: Option<Spread>| {
        ratio.map_or_else(
            || "?".to_owned(),
            |ratio| format!("{:.2} ({:.2}–{:.2})", ratio.median, ratio.least, ratio.greatest),
        )
    };
    let row = |each: &Series<'_>| {
        vec![
            format!("{} × {}", each.orders, each.format),
            format!("{:.0}", each.size()),
            format!("{:.2}", each.size_ratio()),
            format!("{:.1}", each.median(|turn| turn.server_us)),
            format!("{:.1}", each.median(|turn| turn.client_us)),
            spread(each.ratio(|turn| turn.server_us)),
            spread(each.ratio(Turn::both)),
        ]
    };
    let heading = [
        "orders",
        "bytes",
        "÷ JSON",
        "server µs",
        "client µs",
        "server ÷ JSON",
        "both ÷ JSON (least–greatest)",
    ];
    table(&heading, &series.iter().map(row).collect::<Vec<_>>())
}

fn in_memory(rows: &[Row]) -> String {
    let row = |row: &Row| vec![row.path.clone(), format!("{:.2}", row.median_ns / 1e3)];
    table(&["in memory", "µs"], &rows.iter().map(row).collect::<Vec<_>>())
}

fn machine_readable(series: &[Series<'_>], rows: &[Row], claims: &[Claim]) -> Value {
    let each = |each: &Series<'_>| {
        json!({
            "orders": each.orders, "format": each.format, "bytes": each.size(), "size_ratio": each.size_ratio(),
            "server_us": each.median(|turn| turn.server_us), "client_us": each.median(|turn| turn.client_us),
            "cpu_ratio": each.ratio(Turn::both).map(|ratio| ratio.median),
        })
    };
    let row = |row: &Row| json!({"bench": row.path, "median_ns": row.median_ns});
    json!({
        "end_to_end": series.iter().map(each).collect::<Value>(),
        "in_memory": rows.iter().map(row).collect::<Value>(),
        "claims": Claim::machine_readable(claims),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TURNS: &str = r#"
{"orders":33,"round":1,"format":"JSON","bytes":1000,"requests":10,"server_ns":200000,"client_ns":200000}
{"orders":33,"round":1,"format":"Protobuf","bytes":400,"requests":10,"server_ns":100000,"client_ns":100000}
{"orders":33,"round":2,"format":"JSON","bytes":1000,"requests":10,"server_ns":400000,"client_ns":400000}
{"orders":33,"round":2,"format":"Protobuf","bytes":400,"requests":10,"server_ns":240000,"client_ns":240000}
"#;

    #[test]
    fn turns_are_paired_with_those_of_json() {
        let turns: Vec<Turn> = TURNS.trim().lines().map(|line| turn(line).unwrap()).collect();
        let series = series(&turns);
        let protobuf = &series[1];
        assert_eq!((series.len(), protobuf.format), (2, "Protobuf"));
        assert!((protobuf.size_ratio() - 0.4).abs() < 1e-9);
        let ratio = protobuf.ratio(Turn::both).unwrap();
        assert!((ratio.least - 0.5).abs() < 1e-9 && (ratio.greatest - 0.6).abs() < 1e-9);
        assert!((protobuf.median(|turn| turn.server_us) - 17.0).abs() < 1e-9);
        let claims = claims(&series, &[]);
        assert!(claims.iter().any(Claim::kept), "of what was measured");
        assert!(!claims.iter().all(Claim::kept), "and of nothing else");
    }

    #[test]
    fn what_is_no_turn_is_an_error() {
        assert!(turn("warming up").is_err());
        assert!(turn(r#"{"orders":1}"#).is_err());
    }
}
