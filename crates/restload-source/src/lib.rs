//! Everything about REST that can be decided without a socket.

pub mod auth;
pub mod choice;
pub mod config;
pub mod decoders;
pub mod discovery;
pub mod examination;
pub mod extraction;
pub mod incremental;
pub mod json_path;
pub mod paginators;
pub mod parent_fields;
pub mod plan;
pub mod request;
pub mod response_actions;
pub mod steps;
pub mod table_name;
pub mod template;
