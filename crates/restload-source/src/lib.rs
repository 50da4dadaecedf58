//! Everything about REST that can be decided without a socket
