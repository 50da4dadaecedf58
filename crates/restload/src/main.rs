//! The restload command.

fn main() {}
