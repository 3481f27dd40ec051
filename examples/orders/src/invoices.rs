//! Invoices: files that are made when somebody first asks for them.

use crate::domain::{Order, OrderError, open};
use anyhow::Context;
use plimsoll::http::files::{Download, Files};
use std::{
    fmt::Write,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// A folder of invoices.
#[derive(Clone, Debug)]
pub struct Invoices {
    folder: Arc<Path>,
    files: Files,
}

impl Invoices {
    /// The invoices of a folder, which is made if it is not there.
    ///
    /// # Errors
    /// If it cannot be made or read.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let files = Files::new(folder)?;
        Ok(Self { folder: folder.into(), files })
    }

    /// The invoice of an order as it stands: a file for each status, so that what was downloaded does not change.
    ///
    /// # Errors
    /// If it cannot be written or read.
    ///
    /// # Cancel safety
    /// Cancel safe: an invoice is there as a whole, or not at all.
    pub async fn of(&self, order: &Order) -> Result<Download, OrderError> {
        let name = format!("{}-{}.txt", order.id, open::word(&order.status));
        if !tokio::fs::try_exists(self.folder.join(&name)).await.unwrap_or(false) {
            self.write(&name, text(order))
                .await
                .with_context(|| format!("cannot write the invoice {name}"))?;
        }
        let download = self.files.download(&name).await.map_err(anyhow::Error::from)?;
        Ok(download.named(format!("invoice-{}.txt", order.id)))
    }

    /// Two may write the same one at once; a reader finds one of them, whole.
    async fn write(&self, name: &str, text: String) -> std::io::Result<()> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let unfinished: PathBuf =
            self.folder.join(format!(".{}-{}", std::process::id(), NUMBER.fetch_add(1, Relaxed)));
        tokio::fs::write(&unfinished, text).await?;
        tokio::fs::rename(&unfinished, self.folder.join(name)).await
    }
}

fn text(order: &Order) -> String {
    let ordered = &order.ordered;
    let mut text = format!("INVOICE {}\n{}\n\ncustomer: {}\n", order.id, order.placed_at, ordered.customer());
    if let Some(reference) = &ordered.reference {
        let _infallible = writeln!(text, "reference: {reference}");
    }
    text.push('\n');
    for line in ordered.lines() {
        let _infallible = writeln!(
            text,
            "{:>5} x {:<32} {:>16} {}",
            line.quantity.number(),
            line.sku,
            line.unit.to_string(),
            ordered.currency
        );
    }
    let _infallible =
        writeln!(text, "\n{:<40} {:>16} {}", "total", ordered.total().to_string(), ordered.currency);
    let _infallible = writeln!(text, "status: {}", open::word(&order.status));
    text
}
