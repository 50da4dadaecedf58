//! The program: prints what to use, and stops at the end of its input.

use std::process::{Command, Output, Stdio};

fn run(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_restload-pushover-sim");
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn prints_the_base_url_and_the_credentials() {
    for dataset in ["tiny", "inbox", "receipts", "org", "hostile"] {
        let output = run(&["--dataset", dataset]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{dataset}");
        assert!(text.contains("base url:         http://127.0.0.1:"), "{text}");
        assert!(
            text.contains("token:            aFakeAppToken0000000000000000A"),
            "{text}"
        );
    }
}

#[test]
fn refuses_arguments_it_does_not_know() {
    for arguments in [
        &["--dataset", "huge"][..],
        &["--port", "x"],
        &["--port"],
        &["--speed", "1"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            String::from_utf8(output.stderr).unwrap().contains("usage: "),
            "{arguments:?}"
        );
    }
}
