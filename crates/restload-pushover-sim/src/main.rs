//! Demo mode: serves a dataset, prints where and what to log in with, and stops at the end of its input.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program talks to its terminal"
)]

use std::process::ExitCode;

use restload_pushover_sim::{Builder, Dataset, Running, Simulator};

const USAGE: &str = "usage: restload-pushover-sim [--dataset tiny|inbox|receipts|org|hostile] [--port PORT]";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["--help"] {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let builder = match read_arguments(&arguments) {
        Ok(builder) => builder,
        Err(problem) => {
            eprintln!("{problem}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    // Somebody tries things by hand here, so waiting is measured by their clock.
    match builder.real_time_politeness(true).start().await {
        Ok(simulator) => {
            print_credentials(&simulator);
            wait_for_end_of_input().await;
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("could not listen: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn read_arguments(arguments: &[String]) -> Result<Builder, String> {
    let mut builder = Simulator::builder();
    for pair in arguments.chunks(2) {
        let [name, value] = pair else {
            return Err(format!("`{}` needs a value", pair[0]));
        };
        builder = match name.as_str() {
            "--dataset" => builder.dataset(Dataset::from_name(value).ok_or(format!("no dataset `{value}`"))?),
            "--port" => builder.port(value.parse().map_err(|_| format!("`{value}` is not a port"))?),
            _ => return Err(format!("unknown argument `{name}`")),
        };
    }
    Ok(builder)
}

fn print_credentials(simulator: &Running) {
    let credentials = simulator.credentials();
    let twofa = credentials.twofa.unwrap_or_default();
    let lists = [
        ("receipts", credentials.receipts),
        ("missing receipts", credentials.missing_receipts),
        ("group keys", credentials.group_keys),
        ("user keys", credentials.user_keys),
    ];
    println!("base url:         {}", simulator.base_url());
    println!("token:            {}", credentials.token);
    println!("team token:       {}", credentials.team_token);
    println!("user key:         {}", credentials.user_key);
    println!("email:            {}", credentials.email);
    println!("password:         {}", credentials.password);
    println!("twofa:            {twofa}");
    println!("secret:           {}", credentials.secret);
    println!("device id:        {}", credentials.device_id);
    println!("subscription:     {}", credentials.subscription_code);
    for (name, values) in lists {
        println!("{:17} {}", format!("{name}:"), values.join(","));
    }
    println!("All of it is invented. End the input (Ctrl-D) to stop.");
}

async fn wait_for_end_of_input() {
    let read_all = || std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    // However the reading ends, there is nothing more to wait for.
    let _ = tokio::task::spawn_blocking(read_all).await;
}
