//! The programs of other people that our checks and benches drive, and where to find them.

use std::{env, fs, path::PathBuf};

/// A program, the Debian package that brings it, and what is skipped without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tool {
    pub(crate) program: &'static str,
    pub(crate) package: &'static str,
    pub(crate) purpose: &'static str,
}

const CURL: Tool = tool("curl", "curl", "requests as a user makes them; downloads of large bodies");
const PROMTOOL: Tool = tool("promtool", "prometheus", "checks that /metrics is well formed");
const H2LOAD: Tool = tool("h2load", "nghttp2-client", "HTTP/2 load");
const VALGRIND: Tool = tool("valgrind", "valgrind", "instruction counts that repeat exactly");
const NGINX: Tool = tool("nginx", "nginx", "the origin of every comparison, and a peer");
const HAPROXY: Tool = tool("haproxy", "haproxy", "a peer");
const POSTGRES: Tool =
    tool("postgres", "postgresql", "idempotency keys and the example service on a database");
const WRK: Tool = tool("wrk", "wrk", "HTTP/1.1 load");

/// The programs that `cargo xtask test` uses.
pub(crate) const FOR_TESTS: &[Tool] = &[CURL, PROMTOOL, H2LOAD, POSTGRES];
/// The programs that the rest of `cargo xtask ci` uses.
pub(crate) const FOR_CI: &[Tool] = &[VALGRIND, H2LOAD, NGINX];
/// The programs that the side-by-side benches use.
pub(crate) const FOR_BENCHES: &[Tool] = &[NGINX, HAPROXY, WRK, CURL, H2LOAD];
/// Everything, for `cargo xtask setup`.
pub(crate) const ALL: &[Tool] = &[CURL, PROMTOOL, H2LOAD, VALGRIND, POSTGRES, NGINX, HAPROXY, WRK];

const fn tool(program: &'static str, package: &'static str, purpose: &'static str) -> Tool {
    Tool { program, package, purpose }
}

/// Finds a program on `PATH`, and in the folders that a plain user's `PATH` leaves out on Debian: `sbin`, and PostgreSQL's,
/// one for each version.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
        .chain(versions.map(|version| version.path().join("bin")))
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

/// True on a build machine, where a skipped check is an error.
pub(crate) fn on_build_machine() -> bool {
    env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_every_machine_has_and_not_what_none_has() {
        assert!(find("sh").is_some());
        assert_eq!(find("no-such-program-anywhere"), None);
    }
}
