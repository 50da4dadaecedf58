//! What each dataset holds, by the table of the specification.

use std::collections::HashSet;

use restload_pushover_sim::{Dataset, Running};
use serde_json::{Value, json};

use crate::client::{Connection, start_with};

async fn start(dataset: Dataset) -> (Running, Connection) {
    start_with(|builder| builder.dataset(dataset)).await
}

async fn read(simulator: &Running, connection: &mut Connection, path: &str) -> Value {
    let known = simulator.credentials();
    let query = match path {
        "messages" => format!("secret={}&device_id={}", known.secret, known.device_id),
        "teams" => format!("token={}", known.team_token),
        _ => format!("token={}", known.token),
    };
    let answer = connection.get(&format!("/1/{path}.json?{query}")).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    // A lone surrogate is no JSON that this reader takes.
    serde_json::from_str(&answer.text().replace("\\ud800", "?")).unwrap()
}

fn length(value: &Value) -> usize {
    value
        .as_array()
        .map_or_else(|| value.as_object().unwrap().len(), Vec::len)
}

#[tokio::test]
async fn every_dataset_has_the_expected_rows() {
    // (dataset, sounds, receipts, receipts not found, messages, groups, members, team users, team devices)
    let cases = [
        (Dataset::Tiny, 25, 3, 0, 5, 1, 3, 1, 1),
        (Dataset::Inbox, 23, 12, 0, 1000, 0, 0, 1, 1),
        (Dataset::Receipts, 23, 24, 4, 0, 0, 0, 1, 1),
        (Dataset::Org, 23, 0, 0, 0, 20, 200, 25, 60),
        (Dataset::Hostile, 27, 0, 0, 20, 0, 0, 0, 0),
    ];
    for (dataset, sounds, receipts, missing, messages, groups, members, users, devices) in cases {
        let (simulator, mut connection) = start(dataset).await;
        let known = simulator.credentials();
        let body = read(&simulator, &mut connection, "sounds").await;
        assert_eq!(length(&body["sounds"]), sounds, "{dataset:?} sounds");

        assert_eq!(known.receipts.len(), receipts, "{dataset:?} receipts");
        for id in &known.receipts {
            let body = read(&simulator, &mut connection, &format!("receipts/{id}")).await;
            assert_eq!(length(&body), 11, "{dataset:?}: nine fields and the envelope's two");
        }
        assert_eq!(known.missing_receipts.len(), missing, "{dataset:?} receipts not found");
        for id in &known.missing_receipts {
            let answer = connection
                .get(&format!("/1/receipts/{id}.json?token={}", known.token))
                .await;
            assert_eq!(
                (answer.status, &answer.json()["receipt"]),
                (400, &json!("not found")),
                "{id}"
            );
        }

        let body = read(&simulator, &mut connection, "messages").await;
        assert_eq!(length(&body["messages"]), messages, "{dataset:?} messages");

        let body = read(&simulator, &mut connection, "groups").await;
        assert_eq!(length(&body["groups"]), groups, "{dataset:?} groups");
        let mut member_count = 0;
        for group in body["groups"].as_array().unwrap() {
            let path = format!("groups/{}", group["group"].as_str().unwrap());
            member_count += length(&read(&simulator, &mut connection, &path).await["users"]);
        }
        assert_eq!(member_count, members, "{dataset:?} members");

        let body = read(&simulator, &mut connection, "teams").await;
        let team = body["users"].as_array().unwrap();
        let device_count: usize = team.iter().map(|user| length(&user["devices"])).sum();
        assert_eq!((team.len(), device_count), (users, devices), "{dataset:?} team");
        assert_eq!(simulator.effects(), 0, "{dataset:?}");
        simulator.assert_polite();
    }
}

#[tokio::test]
async fn tiny_shows_its_quota_and_credits_and_moves_on() {
    let (simulator, mut connection) = start(Dataset::Tiny).await;
    let body = read(&simulator, &mut connection, "apps/limits").await;
    assert_eq!(
        (&body["limit"], &body["remaining"], &body["reset"]),
        (&json!(10_000), &json!(7496), &json!(1_764_568_800))
    );
    let body = read(&simulator, &mut connection, "licenses").await;
    assert_eq!(body["credits"], 5);

    let state = |body: Value| {
        (
            body["acknowledged"].as_i64().unwrap(),
            body["expired"].as_i64().unwrap(),
        )
    };
    let mut states = Vec::new();
    for generation in 0..2 {
        for id in simulator.credentials().receipts {
            states.push(state(
                read(&simulator, &mut connection, &format!("receipts/{id}")).await,
            ));
        }
        if generation == 0 {
            simulator.next_generation();
            simulator.advance(60);
        }
    }
    assert_eq!(states, [(1, 1), (0, 0), (0, 1), (1, 1), (1, 0), (0, 1)]);

    simulator.add_sound("gong", "Gong");
    simulator.remove_sound("kettle");
    let sounds = read(&simulator, &mut connection, "sounds").await["sounds"].clone();
    let labels = ["whistle", "gong", "doorbell", "kettle"].map(|name| sounds[name].clone());
    assert_eq!(
        labels,
        [json!("Whistle"), json!("Gong"), json!("Doorbell"), Value::Null]
    );
    assert_eq!(length(&sounds), 26);
}

#[tokio::test]
async fn inbox_is_repeatable_and_its_second_generation_overlaps() {
    let (simulator, mut connection) = start(Dataset::Inbox).await;
    let ids = |body: &Value| -> Vec<i64> {
        body["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|message| message["id"].as_i64().unwrap())
            .collect()
    };
    let first = read(&simulator, &mut connection, "messages").await;
    let size = serde_json::to_string(&first["messages"]).unwrap().len();
    assert!((400_000..600_000).contains(&size), "{size} bytes");
    assert!(ids(&first).is_sorted());
    assert_eq!(ids(&first), ids(&read(&simulator, &mut connection, "messages").await));

    let with = |name: &str| {
        first["messages"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|row| !row[name].is_null())
            .count()
    };
    assert_eq!(["title", "url", "receipt"].map(with), [333, 333, 12]);
    let apps: HashSet<String> = first["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["app"].to_string())
        .collect();
    assert_eq!(apps.len(), 3);

    simulator.next_generation();
    let second = read(&simulator, &mut connection, "messages").await;
    let merged: HashSet<i64> = ids(&first).into_iter().chain(ids(&second)).collect();
    assert_eq!((ids(&second).len(), merged.len()), (940, 1040));
}

#[tokio::test]
async fn receipts_are_in_every_state_of_their_life() {
    let (simulator, mut connection) = start(Dataset::Receipts).await;
    let names = ["acknowledged", "expired", "called_back"];
    // Just sent, three retries, near expiry, expired, acknowledged, acknowledged then expired, canceled, called back.
    let life = [
        [0, 0, 0],
        [0, 0, 0],
        [0, 0, 0],
        [0, 1, 0],
        [1, 0, 0],
        [1, 1, 0],
        [0, 1, 0],
        [1, 0, 1],
    ];
    for (number, id) in simulator.credentials().receipts.iter().enumerate() {
        let body = read(&simulator, &mut connection, &format!("receipts/{id}")).await;
        assert_eq!(
            names.map(|name| body[name].as_i64().unwrap()),
            life[number % 8],
            "receipt {number}: {body}"
        );
    }
    simulator.assert_polite();
}

#[tokio::test]
async fn org_has_the_awkward_memberships_and_users_to_validate() {
    let (simulator, mut connection) = start(Dataset::Org).await;
    let known = simulator.credentials();
    let mut disabled = 0;
    let mut empty_groups = 0;
    for key in &known.group_keys {
        let body = read(&simulator, &mut connection, &format!("groups/{key}")).await;
        let members = body["users"].as_array().unwrap();
        disabled += members.iter().filter(|member| member["disabled"] == true).count();
        empty_groups += usize::from(members.is_empty());
        if let Some(first) = members.first() {
            let devices: Vec<&Value> = members
                .iter()
                .filter(|member| member["user"] == first["user"])
                .map(|member| &member["device"])
                .collect();
            assert_eq!(devices, ["phone", "tablet"], "{key}: the same person with two devices");
            assert!(
                members.iter().any(|member| member["device"].is_null()),
                "{key}: all devices"
            );
        }
    }
    assert_eq!((disabled, empty_groups), (3, 1));

    let mut outcomes = Vec::new();
    for key in &known.user_keys {
        let answer = connection
            .post("/1/users/validate.json", &format!("token={}&user={key}", known.token))
            .await;
        outcomes.push((answer.status, answer.json()["group"].as_i64()));
    }
    let count = |outcome| outcomes.iter().filter(|known| **known == outcome).count();
    assert_eq!([(200, Some(0)), (200, Some(1)), (400, None)].map(count), [9, 1, 2]);

    let names = |body: Value| -> Vec<String> {
        body["groups"]
            .as_array()
            .unwrap()
            .iter()
            .map(|group| group["name"].to_string())
            .collect()
    };
    let before = names(read(&simulator, &mut connection, "groups").await);
    simulator.next_generation();
    let after = names(read(&simulator, &mut connection, "groups").await);
    assert_eq!(
        before
            .iter()
            .zip(&after)
            .filter(|(before, after)| before != after)
            .count(),
        1
    );
}

#[tokio::test]
async fn hostile_text_goes_over_the_wire_as_escapes_and_ids_stay_exact() {
    let (simulator, mut connection) = start(Dataset::Hostile).await;
    let known = simulator.credentials();
    let path = format!("/1/messages.json?secret={}&device_id=", known.secret);
    let text = connection.get(&format!("{path}{}", known.device_id)).await.text();
    assert!(text.contains("before\\u0000after") && text.contains("before\\ud800after"));
    assert!(text.contains("'; DROP TABLE"));

    let body: Value = serde_json::from_str(&text.replace("\\ud800", "?")).unwrap();
    let messages = body["messages"].as_array().unwrap();
    let ids: Vec<i64> = messages.iter().map(|message| message["id"].as_i64().unwrap()).collect();
    for (id, message) in ids.iter().zip(messages) {
        assert_eq!(message["id_str"], id.to_string());
    }
    assert_eq!(
        ids.iter().collect::<HashSet<_>>().len(),
        19,
        "one message appears twice"
    );
    assert!(ids.windows(2).any(|pair| pair[0] + 1 == pair[1]));
    assert_eq!(ids.last(), Some(&(i64::MAX - 1)));
    let longest = messages
        .iter()
        .map(|message| message["message"].as_str().unwrap().len())
        .max();
    assert_eq!(longest, Some(200 * 1024));
    let count = |is_wanted: fn(&Value) -> bool| messages.iter().filter(|message| is_wanted(message)).count();
    assert_eq!(count(|message| message["priority"] == "2"), 1);
    assert_eq!(count(|message| message.get("acked").is_none()), 1);
    assert_eq!(count(|message| message["encrypted"] == 1), 1);
    assert_eq!(count(|message| message["date"].as_i64() <= Some(0)), 2);
    assert!(body["user"]["badges"].is_array());

    let empty = connection
        .get(&format!("{path}{}", known.empty_device_id.unwrap()))
        .await
        .json();
    assert_eq!(empty["messages"], json!([]));
    let second = known.second_token.unwrap();
    let groups = connection.get(&format!("/1/groups.json?token={second}")).await.json();
    let names: Vec<&Value> = groups["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| &group["name"])
        .collect();
    assert_eq!(names, ["Ops/Night \"shift\"", "Nobody"]);
}
