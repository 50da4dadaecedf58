//! Where waiting, retrying, limiting, cancelling and concurrency happen
