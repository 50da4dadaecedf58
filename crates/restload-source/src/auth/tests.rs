//! Credentials as configs have them.
