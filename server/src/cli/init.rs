//! `init`: makes a data directory, once.

use super::{Failure, InitArgs};
use crate::app::{self, Environment};
use crate::ca::Authority;
use crate::config::{self, Config};
use crate::data_directory::{self, DataDirectory, Secrecy};
use crate::store::sled::SledStore;
use std::io::Write;

pub(super) const EXAMPLES: &str = "\
Examples:
  rollcall-server init --data ./data
  rollcall-server init --data /var/lib/rollcall --listen 0.0.0.0:8443 --agent-listen 0.0.0.0:8444 \\
      --name rollcall.example --name 192.0.2.7

Never overwrites: a directory that holds anything is left as it is.";

pub(super) fn init(args: &InitArgs, environment: &Environment, out: &mut dyn Write) -> Result<(), Failure> {
    let (listen, agent_listen) = (args.listen.map(|a| a.to_string()), args.agent_listen.map(|a| a.to_string()));
    let text = config::render(listen.as_deref(), agent_listen.as_deref(), &args.name);
    let directory = DataDirectory::create(&args.data)?;
    let config = Config::parse(&directory.config(), &text)?;
    let now = environment.clock.now();
    let authority = Authority::create(&directory, now, &*environment.entropy)?;
    authority.server_identity(&directory, &app::certificate_names(&config), now, &*environment.entropy)?;
    drop(SledStore::create(&directory.store())?);
    // Last: a directory with a configuration is a finished one.
    data_directory::write_atomically(&directory.config(), text.as_bytes(), Secrecy::Open)?;
    explain(&config, &authority, out)?;
    Ok(())
}

fn explain(config: &Config, authority: &Authority, out: &mut dyn Write) -> std::io::Result<()> {
    let data = config.data.display();
    let url = config.public_url(config.listen.port(), app::hostname().as_deref());
    writeln!(out, "Made {data}: rollcall.toml, ca/, store/. Public key pin of the authority: {}", authority.pin())?;
    writeln!(out)?;
    writeln!(out, "Next:")?;
    writeln!(out, "  rollcall-server run --data {data}")?;
    writeln!(out, "  rollcall-server token create --data {data} --kind api --role admin          # for {url}")?;
    writeln!(out, "  rollcall-server token create --data {data} --kind join --auto-approve > join.token")?;
    writeln!(out, "  rollcall-agent enrol --server {url} --token-file join.token --state ./agent-state")?;
    writeln!(out)?;
    writeln!(out, "Programs that talk to {url} trust {data}/ca/ca.crt.")
}
