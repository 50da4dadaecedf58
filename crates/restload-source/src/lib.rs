//! Everything about REST that can be decided without a socket.

pub mod auth;
pub mod choice;
pub mod json_path;
pub mod paginators;
pub mod request;
pub mod template;
