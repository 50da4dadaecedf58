//! The same seed gives the same bytes.

use restload_pushover_sim::Dataset;

use crate::client::start_with;

/// Everything a client can see of a session, as text.
async fn session(dataset: Dataset, seed: u64) -> String {
    let (simulator, mut connection) = start_with(|builder| builder.dataset(dataset).seed(seed)).await;
    let known = simulator.credentials();
    let mut transcript = vec![format!("{known:?}")];
    let message = format!(
        "token={}&user={}&message=hi&priority=2&retry=60&expire=600",
        known.token, known.user_key
    );
    let answers = [
        connection.get(&format!("/1/sounds.json?token={}", known.token)).await,
        connection
            .get(&format!(
                "/1/messages.json?secret={}&device_id={}",
                known.secret, known.device_id
            ))
            .await,
        connection
            .get(&format!("/1/teams.json?token={}", known.team_token))
            .await,
        connection.post("/1/messages.json", &message).await,
        connection.get("/1/nothing").await,
    ];
    for answer in answers {
        transcript.push(format!("{:?} {}", answer.headers, answer.text()));
    }
    transcript.join("\n")
}

#[tokio::test]
async fn a_seed_decides_every_byte() {
    for (_, dataset) in Dataset::NAMES {
        let first = session(dataset, 1).await;
        assert!(
            first == session(dataset, 1).await,
            "{dataset:?}: the same seed gives the same answers"
        );
        assert!(
            first != session(dataset, 2).await,
            "{dataset:?}: another seed gives others"
        );
    }
}

#[tokio::test]
async fn answers_do_not_depend_on_the_order_of_other_requests() {
    let mut bodies = Vec::new();
    for paths in [["sounds", "apps/limits"], ["apps/limits", "sounds"]] {
        let (simulator, mut connection) = start_with(|builder| builder).await;
        let mut answers = Vec::new();
        for path in paths {
            answers.push(
                connection
                    .get(&format!("/1/{path}.json?token={}", simulator.credentials().token))
                    .await
                    .text(),
            );
        }
        answers.sort();
        bodies.push(answers);
    }
    assert_eq!(bodies[0], bodies[1]);
}
