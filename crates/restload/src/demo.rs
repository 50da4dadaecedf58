//! `--demo`: the pipeline against a simulator of its API on the loopback interface.

use std::collections::BTreeMap;

use restload_pushover_sim::{Dataset, Running, Simulator};

use crate::pipeline::Demo;

/// A simulator under way. It stops when this is dropped.
pub(crate) struct Simulation {
    pub(crate) running: Running,
    pub(crate) demo: Demo,
}

/// Starts the simulator of the API at an address.
pub(crate) async fn start(base_url: &str) -> Result<Simulation, String> {
    if !base_url.contains("api.pushover.net") {
        return Err(format!(
            "there is no simulator for {base_url}; `--demo` works with configs of https://api.pushover.net, such as \
             configs/pushover.yaml"
        ));
    }
    let running = Simulator::builder()
        .dataset(Dataset::Tiny)
        .start()
        .await
        .map_err(|error| format!("the simulator cannot listen on the loopback interface: {error}"))?;
    let given = running.credentials();
    let mut secrets = BTreeMap::from([
        ("pushover_token".to_owned(), given.token),
        ("pushover_team_token".to_owned(), given.team_token),
        ("pushover_secret".to_owned(), given.secret),
        ("pushover_device_id".to_owned(), given.device_id),
        ("pushover_email".to_owned(), given.email),
        ("pushover_password".to_owned(), given.password),
        ("pushover_user".to_owned(), given.user_key),
    ]);
    secrets.extend(given.twofa.map(|code| ("pushover_twofa".to_owned(), code)));
    let vars = BTreeMap::from([
        ("receipts".to_owned(), given.receipts.into()),
        ("user_keys".to_owned(), given.user_keys.into()),
    ]);
    let demo = Demo {
        base_url: running.base_url(),
        secrets,
        vars,
    };
    Ok(Simulation { running, demo })
}
