//! `feed create`: as `token create`, for other people's agents.

use super::{Failure, FeedArgs, load, token};
use crate::admin::Ask;
use std::io::Write;

pub(super) const EXAMPLES: &str = "\
Examples:
  GLPI agents, from anywhere:      rollcall-server feed create --data DIR --name glpi --kind glpi
  OCS agents of a branch, a year:  rollcall-server feed create --data DIR --name branch --kind ocs --network 10.7.0.0/16 --ttl 365d

Standard output is the secret and nothing else. It is stored as a hash: nobody can show it again.
Give the agents the feed's name as user and the secret as password (realm rollcall):
  glpi-agent            --server https://HOST:8443/glpi --user glpi --password SECRET --ca-cert-file ca.crt
  fusioninventory-agent --server https://HOST:8443/plugins/fusioninventory/ --user NAME --password SECRET --ca-cert-file ca.crt
  ocsinventory-agent    --server https://HOST:8443/ocsinventory --realm rollcall --ca ca.crt \\
                        --user $(printf NAME | base64) --password $(printf SECRET | base64)
The last one wants name and secret in base64 from version 2.9 on, and as they are before.";

pub(super) fn create(args: FeedArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let config = load(&args.data)?;
    let ask = Ask::CreateFeed { name: args.name, kind: args.kind, networks: args.network, ttl_s: args.ttl.map(|ttl| ttl.as_secs()) };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let secret = runtime.block_on(token::token(&config, ask))?;
    writeln!(out, "{secret}")?;
    Ok(())
}
