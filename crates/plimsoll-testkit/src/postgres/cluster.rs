use plimsoll_driver::{draw, random_id};
use std::{
    env, fs, io,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

/// Where Debian keeps each version's programs, out of everybody's `PATH`.
const DEBIAN: &str = "/usr/lib/postgresql";

/// Below what Linux gives to outgoing connections: a port from there may be somebody's by the time it is started again,
/// and a client that knocks on its own port is let in by itself.
const PORTS: std::ops::Range<u16> = 15_000..32_000;

/// Somebody else may be as quick to take a port.
const TRIES: u64 = 8;

/// Without `fsync` a commit costs no disk; what the kernel has been given survives the server's own death.
const SETTINGS: &[&str] = &[
    "listen_addresses=127.0.0.1",
    "fsync=off",
    "full_page_writes=off",
    "max_connections=300",
    "shared_buffers=32MB",
    "max_wal_size=256MB",
    "logging_collector=off",
    "log_min_messages=warning",
];

/// Ends with the pipe on its stdin, and takes the server and its folder along.
const GUARD: &str = r#"
cat > /dev/null
while "$1/pg_ctl" status --silent --pgdata "$2/data" > /dev/null 2>&1; do
    "$1/pg_ctl" stop --silent --mode immediate --pgdata "$2/data"
done
rm -rf "$2"
"#;

/// A data folder, and the server that runs on it or does not.
pub(super) struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    password: String,
    guard: Child,
}

/// The newest version's folder of programs.
pub(super) fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir(DEBIAN).into_iter().flatten().flatten().filter_map(|entry| {
        let version: u32 = entry.file_name().to_str()?.parse().ok()?;
        Some((version, entry.path().join("bin")))
    });
    let debian =
        versions.filter(|(_, folder)| folder.join("initdb").is_file()).max().map(|(_, folder)| folder);
    debian.or_else(|| env::split_paths(&env::var_os("PATH")?).find(|folder| folder.join("initdb").is_file()))
}

impl Cluster {
    pub(super) fn start(programs: PathBuf) -> Self {
        let temporary = env::temp_dir().join("plimsoll-postgres-XXXXXXXX");
        let made =
            run(command("mktemp").arg("--directory").arg(temporary)).expect("a folder for temporary files");
        let folder = PathBuf::from(String::from_utf8_lossy(&made.stdout).trim());
        // A group of its own: what ends the tests' group must not end it.
        let mut guard = command("sh");
        std::os::unix::process::CommandExt::process_group(&mut guard, 0);
        guard.args(["-c", GUARD, "guard"]).args([&programs, &folder]);
        // It outlives a test, and must not keep the runner waiting for the test's output to end.
        guard.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let guard = guard.spawn().expect("a guard for PostgreSQL");
        let password = format!("{:032x}", random_id());
        let mut cluster = Self { programs, folder, port: 0, password, guard };
        cluster.initialise();
        for attempt in 0..TRIES {
            cluster.port = free_port(draw().bits());
            match cluster.launch() {
                Ok(()) => return cluster,
                Err(error) if attempt + 1 == TRIES => panic!("PostgreSQL does not start: {error}"),
                Err(_port_taken) => {}
            }
        }
        unreachable!("the last attempt returns or panics")
    }

    fn initialise(&self) {
        // By way of a file, so that no list of processes shows it.
        let script = r#"umask 077 && printf %s "$PGPASSWORD" > "$2/password" && "$1/initdb" --pgdata "$2/data" \
            --username plimsoll --pwfile "$2/password" --auth password --encoding UTF8 --locale C --no-sync"#;
        let mut initdb = command("sh");
        initdb
            .args(["-c", script, "initdb"])
            .args([&self.programs, &self.folder])
            .env("PGPASSWORD", &self.password);
        run(&mut initdb).expect("initdb makes a data folder");
    }

    /// Starts the server and waits until it takes connections.
    pub(super) fn launch(&self) -> io::Result<()> {
        let mut options = format!("-p {} -k {}", self.port, self.folder.display());
        for setting in SETTINGS {
            options.push_str(" -c ");
            options.push_str(setting);
        }
        let mut start = self.pg_ctl("start");
        start.arg("--log").arg(self.log()).arg("--options").arg(options);
        // The server would keep a pipe open for as long as it runs.
        start.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if start.status()?.success() {
            return Ok(());
        }
        Err(io::Error::other(fs::read_to_string(self.log()).unwrap_or_default()))
    }

    /// Stops it without a word to its clients, and waits until it is gone.
    pub(super) fn stop(&self) {
        run(self.pg_ctl("stop").args(["--mode", "immediate"])).expect("PostgreSQL stops");
    }

    pub(super) fn url(&self) -> String {
        format!("postgres://plimsoll:{}@{}:{}/postgres", self.password, Ipv4Addr::LOCALHOST, self.port)
    }

    fn pg_ctl(&self, verb: &str) -> Command {
        let mut command = command(self.programs.join("pg_ctl"));
        command.args([verb, "--silent", "--wait", "--pgdata"]).arg(self.folder.join("data"));
        command
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The guard does the same work whether this runs or the process is killed before it could.
        drop(self.guard.stdin.take());
        self.guard.wait().ok();
    }
}

/// A program run as a user that PostgreSQL accepts.
pub(super) fn command(program: impl AsRef<Path>) -> Command {
    let root = run(Command::new("id").arg("-u")).is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    let mut command = if root {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "--"]).arg(program.as_ref());
        command
    } else {
        Command::new(program.as_ref())
    };
    // Its own complaint about a folder that this user may not enter would come first.
    command.current_dir("/");
    command
}

/// Runs a program to its end; what it complained of is the error.
pub(super) fn run(command: &mut Command) -> io::Result<Output> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(output);
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{}: {}: {complaint}", command.get_program().display(), output.status)))
}

/// A port where nobody listens at this moment, from `draw` on.
fn free_port(draw: u64) -> u16 {
    let size = u64::from(PORTS.end - PORTS.start);
    (0..size)
        .map(|step| PORTS.start + (draw.wrapping_add(step) % size) as u16)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("a free port")
}
