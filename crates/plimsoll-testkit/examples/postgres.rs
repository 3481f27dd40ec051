//! A PostgreSQL for as long as its stdin stays open: prints a superuser's URL, and is gone afterwards.
//!
//! ```sh
//! cargo run -p plimsoll-testkit --features postgres --example postgres
//! ```

use plimsoll_testkit::Postgres;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    if let Some(server) = Postgres::start().await {
        println!("{}", server.url());
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    }
    Ok(())
}
