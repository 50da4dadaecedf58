//! The connection count and what it is judged by.

use restload_pushover_sim::{Fault, Matcher, Rule, Running, When};

use crate::client::{Connection, start, start_with};

fn rules(simulator: &Running) -> Vec<Rule> {
    simulator.violations().iter().map(|violation| violation.rule).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_connections_at_once_are_too_many() {
    let (simulator, mut first) = start().await;
    let path = format!("/1/sounds.json?token={}", simulator.credentials().token);
    let mut second = Connection::open(&simulator).await;
    first.get(&path).await;
    second.get(&path).await;
    assert_eq!(rules(&simulator), []);

    // A connection that takes the place of a closed one is not one too many.
    first.close().await;
    let mut third = Connection::open(&simulator).await;
    third.get(&path).await;
    second.get(&path).await;
    assert_eq!(rules(&simulator), []);

    let mut fourth = Connection::open(&simulator).await;
    fourth.get(&path).await;
    // Connections are judged in the order they are accepted, so a fifth answered means the fourth was judged.
    let mut fifth = Connection::open(&simulator).await;
    fifth.get(&path).await;
    assert!(rules(&simulator).contains(&Rule::TooManyConnections));
    let numbers: Vec<usize> = simulator.requests().iter().map(|request| request.connection).collect();
    assert_eq!(numbers, [1, 2, 3, 2, 4, 5]);
}

#[tokio::test]
async fn a_connection_for_each_request_is_waste() {
    let (simulator, mut connection) = start().await;
    let path = format!("/1/sounds.json?token={}", simulator.credentials().token);
    for _ in 0..5 {
        connection.get(&path).await;
        connection = Connection::open(&simulator).await;
    }
    connection.get(&path).await;
    assert!(rules(&simulator).contains(&Rule::NoReuse));
    for _ in 0..6 {
        connection.get(&path).await;
    }
    assert!(!rules(&simulator).contains(&Rule::NoReuse));
}

#[tokio::test]
async fn a_connection_that_the_server_ended_is_not_held_against_the_client() {
    let (simulator, mut connection) =
        start_with(|builder| builder.fault(Matcher::any(), Fault::Drop, When::First(8))).await;
    let path = format!("/1/sounds.json?token={}", simulator.credentials().token);
    for _ in 0..8 {
        assert!(connection.try_get(&path).await.is_err());
        connection = Connection::open(&simulator).await;
        simulator.advance(5);
    }
    connection.get(&path).await;
    assert_eq!(rules(&simulator), []);
}

#[tokio::test]
async fn dropping_the_handle_stops_the_server() {
    let (simulator, mut connection) = start().await;
    let path = format!("/1/sounds.json?token={}", simulator.credentials().token);
    connection.get(&path).await;
    let address = simulator.address();
    drop(simulator);
    assert!(connection.try_get(&path).await.is_err());
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
