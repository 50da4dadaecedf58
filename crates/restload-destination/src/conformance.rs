//! One suite that every writer passes.

mod altered;
mod dispositions;
mod divided;
mod durability;
mod evolution;
mod lifecycle;
mod merging;
mod support;
mod unchanged;

/// Makes a test for each writer of each function of a module.
macro_rules! conformance {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $test() {
                super::$test(&super::super::support::Database::new(crate::Kind::Sqlite)).await;
            })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $test() {
                super::$test(&super::super::support::Database::new(crate::Kind::Postgres)).await;
            })*
        }
    };
}
use conformance;
