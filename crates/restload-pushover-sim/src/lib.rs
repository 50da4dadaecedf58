//! A faithful Pushover server on the loopback interface, for tests and the demo
