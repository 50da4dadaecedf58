//! The restload command.

#[expect(dead_code, reason = "the commands that read a config are not built yet")]
mod load;

fn main() {}
