//! `token create`: asks the running server, or opens the store when none runs.

use super::{Failure, TokenArgs, TokenKind, environment, load};
use crate::admin::{self, Ask, TokenMaker, Told};
use crate::app;
use crate::ca::Authority;
use crate::config::Config;
use crate::data_directory::DataDirectory;
use crate::store::StoreError;
use crate::store::sled::SledStore;
use clap::CommandFactory;
use clap::error::ErrorKind;
use rollcall_domain::actor::Role;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

pub(super) const EXAMPLES: &str = "\
Examples:
  One machine, approved by hand:      rollcall-server token create --data DIR --kind join
  A rack being imaged, for 4 hours:   rollcall-server token create --data DIR --kind join --uses 40 --ttl 4h --auto-approve
  A dashboard that only reads:        rollcall-server token create --data DIR --kind api --name dashboard
  Yourself:                           rollcall-server token create --data DIR --kind api --role admin --ttl 12h

Standard output is the token and nothing else. It is stored as a hash: nobody can show it again.";

const JOIN_TTL: Duration = Duration::from_secs(3_600);
const API_TTL: Duration = Duration::from_secs(30 * 86_400);

/// A server that is just starting holds the store but does not answer yet: how often and how long it is waited for.
const ATTEMPTS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);

pub(super) fn create(args: TokenArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let config = load(&args.data)?;
    let ask = ask(args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let token = runtime.block_on(token(&config, ask))?;
    writeln!(out, "{token}")?;
    Ok(())
}

fn ask(args: TokenArgs) -> Result<Ask, clap::Error> {
    let refuse = |option: &str, kind: &str| {
        let text = format!("{option} cannot be used with --kind {kind}");
        Err(super::Line::command().error(ErrorKind::ArgumentConflict, text))
    };
    match args.kind {
        TokenKind::Join => {
            if args.role.is_some() {
                return refuse("--role", "join");
            }
            if args.name.is_some() {
                return refuse("--name", "join");
            }
            let ttl_s = args.ttl.unwrap_or(JOIN_TTL).as_secs();
            Ok(Ask::CreateJoinToken { uses: args.uses.unwrap_or(1), ttl_s, auto_approve: args.auto_approve })
        }
        TokenKind::Api => {
            if args.uses.is_some() {
                return refuse("--uses", "api");
            }
            if args.auto_approve {
                return refuse("--auto-approve", "api");
            }
            let (role, ttl_s) = (args.role.unwrap_or(Role::Viewer), args.ttl.unwrap_or(API_TTL).as_secs());
            Ok(Ask::CreateApiToken { name: args.name.unwrap_or_else(|| "cli".into()), role, ttl_s })
        }
    }
}

pub(super) async fn token(config: &Config, ask: Ask) -> Result<String, Failure> {
    let directory = DataDirectory::open(&config.data)?;
    for _ in 0..ATTEMPTS {
        let socket = directory.admin_socket();
        match admin::ask(&socket, &ask).await.map_err(|error| format!("{}: {error}", socket.display()))? {
            Some(Told::Token(token)) => return Ok(token),
            Some(Told::Error(reason)) => return Err(reason.into()),
            None => {}
        }
        match SledStore::open(&directory.store()) {
            Ok(store) => return alone(config, &directory, store, ask).await,
            Err(StoreError::InUse(_)) => tokio::time::sleep(PAUSE).await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(format!("{} is in use by a process that does not answer on {}", directory.store().display(), directory.admin_socket().display())
        .into())
}

async fn alone(config: &Config, directory: &DataDirectory, store: SledStore, ask: Ask) -> Result<String, Failure> {
    let join = matches!(ask, Ask::CreateJoinToken { .. });
    if join && config.listen.port() == 0 && config.public_url.is_none() {
        return Err("`listen` has port 0, so a join token's URL is only known while the server runs; start it, or set public_url".into());
    }
    let environment = environment();
    let authority = Authority::open(directory)?;
    let engine = app::start_engine(config, Arc::new(store), &environment).await?;
    let maker = TokenMaker {
        engine: engine.clone(),
        entropy: environment.entropy,
        ca_pin: authority.pin().to_owned(),
        url: config.public_url(config.listen.port(), app::hostname().as_deref()),
    };
    let made = maker.create(ask).await;
    drop(maker);
    engine.shutdown().await;
    Ok(made?)
}
