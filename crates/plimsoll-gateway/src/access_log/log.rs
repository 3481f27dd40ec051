use super::line::LogLine;
use crate::{spec::AccessLogSpec, timestamp::Timestamp, why::Why};
use plimsoll::{
    driver::draw,
    http::{Kind, ProblemId},
    policy::units::Ratio,
    telemetry::{Collecting, LineLog, LineLogConfig, Registry, Target},
};
use std::{
    io,
    net::IpAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// How long the end of the program waits for the last lines.
const LINGER: Duration = Duration::from_secs(2);

/// An open access log and the part of requests that it takes.
#[derive(Debug)]
pub(crate) struct AccessLog {
    file: Arc<File>,
    sample: Ratio,
}

#[derive(Debug)]
struct File {
    path: Option<PathBuf>,
    lines: Option<LineLog>,
    _collecting: Collecting,
}

impl AccessLog {
    /// Opens what `spec` names, or goes on with `old` if that is the same.
    pub(crate) fn open(
        spec: &AccessLogSpec,
        registry: &Registry,
        old: Option<&Arc<Self>>,
    ) -> io::Result<Self> {
        if let Some(old) = old.filter(|old| old.file.path == spec.path) {
            return Ok(Self { file: Arc::clone(&old.file), sample: spec.sample });
        }
        let target = spec.path.clone().map_or(Target::Stdout, Target::File);
        let lines = LineLog::open(target, &LineLogConfig { linger: LINGER, ..LineLogConfig::default() })?;
        let collecting = lines.metrics(registry, "access").map_err(io::Error::other)?;
        let file = File { path: spec.path.clone(), lines: Some(lines), _collecting: collecting };
        Ok(Self { file: Arc::new(file), sample: spec.sample })
    }

    /// Opens the file anew, by its path.
    pub(crate) fn reopen(&self) {
        if let Some(lines) = &self.file.lines {
            lines.reopen();
        }
    }

    /// Waits until the lines so far have been written, though not for long. Blocks.
    pub(crate) fn flush(&self) {
        if let Some(lines) = &self.file.lines
            && !lines.flush(LINGER)
        {
            tracing::warn!("the access log did not take its last lines in time");
        }
    }

    /// Whether the next request is in the sample.
    pub(super) fn takes_next(&self) -> bool {
        self.sample == Ratio::ONE || draw().unit() < self.sample.get()
    }

    pub(super) fn write(&self, line: &[u8]) {
        if let Some(lines) = &self.file.lines {
            // What is dropped is counted.
            let _ = lines.try_write(line);
        }
    }

    /// Writes the line of a request that was refused before it could be read.
    pub(crate) fn refused(&self, client: IpAddr, problem: Kind, why: Why, id: ProblemId) {
        let line = LogLine {
            time: Timestamp(SystemTime::now()),
            client: client.to_canonical(),
            status: problem.status().as_u16(),
            trace_id: Some(id.to_string()),
            problem: Some(problem.name()),
            why: Some(why.name()),
            ..LogLine::EMPTY
        };
        if let Ok(line) = serde_json::to_vec(&line) {
            self.write(&line);
        }
    }
}

impl Drop for File {
    /// The last one to let go may be a worker, which must not wait for a disk.
    fn drop(&mut self) {
        let lines = self.lines.take();
        let _ = std::thread::Builder::new().name("plimsoll-log-end".into()).spawn(move || drop(lines));
    }
}
