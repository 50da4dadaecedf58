//! `restload show`: a local web page over the destination.

use std::io::ErrorKind;
use std::process::ExitCode;

use restload_show::{Hosts, Subject, serve};
use tokio::net::TcpListener;

use super::place::Place;
use super::{CommandError, OK, Outcome};
use crate::cli::ShowArgs;
use crate::terminal::Terminal;

pub(crate) async fn show(args: &ShowArgs, terminal: &Terminal) -> Outcome {
    let place = Place::of(&args.config, args.to.clone(), args.dataset.clone(), terminal)?;
    // A destination that cannot be reached is told here, not on a page.
    match place.inspect().await? {
        Some(inspector) => inspector.close().await,
        None => terminal.say(&format!("{}; the page says how to", place.nothing_yet())),
    }
    let listener = listen(args).await?;
    let address = listener
        .local_addr()
        .map_err(|error| CommandError::failed(format!("error: no address to listen on: {error}")))?;
    if !address.ip().is_loopback() {
        terminal.error(&format!(
            "{} --host {}: whoever can reach this machine can read the tables, and everything else that {} shows to \
             this user, without a password and without encryption",
            terminal.yellow("warning:"),
            args.host,
            place.url.redacted()
        ));
    }
    terminal.say(&format!(
        "showing pipeline {} in {}; Ctrl-C ends it",
        place.pipeline,
        place.url.redacted()
    ));
    terminal.print(&format!("http://{}/", shown_address(&args.host, address)))?;
    let hosts = Hosts::new(&args.host, address.ip());
    let mut run_command = vec![format!("restload run {}", args.config.config.display())];
    if args.to.is_some() {
        run_command.push(format!("--to {}", place.url.redacted()));
    }
    run_command.extend(args.dataset.iter().map(|dataset| format!("--dataset {dataset}")));
    let subject = Subject {
        pipeline: place.pipeline.clone(),
        url: place.url.clone(),
        dataset: place.dataset.clone(),
        redactor: place.redactor.clone(),
        run_command: run_command.join(" "),
    };
    tokio::select! {
        ended = serve(listener, hosts, subject) => {
            ended.map_err(|error| CommandError::failed(format!("error: the server stopped: {error}")))?;
        }
        // Nothing is held that would have to be brought to an end.
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(ExitCode::from(OK))
}

async fn listen(args: &ShowArgs) -> Result<TcpListener, CommandError> {
    TcpListener::bind((args.host.as_str(), args.port))
        .await
        .map_err(|error| {
            let (host, port) = (&args.host, args.port);
            let reason = match error.kind() {
                ErrorKind::AddrInUse => {
                    format!("port {port} of {host} is taken; name another with --port, or any free one with --port 0")
                }
                ErrorKind::PermissionDenied => {
                    format!("this user may not listen on port {port} of {host}; name one above 1023 with --port")
                }
                _ => format!("cannot listen on port {port} of {host}: {error}"),
            };
            CommandError::failed(format!("error: {reason}"))
        })
}

/// What to type into a browser: an address that stands for all of them is none.
fn shown_address(host: &str, address: std::net::SocketAddr) -> String {
    if address.ip().is_unspecified() {
        format!("localhost:{}", address.port())
    } else if host.parse::<std::net::IpAddr>().is_ok() {
        address.to_string()
    } else {
        format!("{host}:{}", address.port())
    }
}
