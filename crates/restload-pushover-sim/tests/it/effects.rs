//! The remaining routes with side effects: groups, teams, licences, subscriptions, glances and devices.

use restload_pushover_sim::Dataset;
use serde_json::{Value, json};

use crate::client::{start, start_with};

#[tokio::test]
async fn groups_are_made_filled_and_renamed() {
    let (simulator, mut connection) = start().await;
    let known = simulator.credentials();
    let token = format!("token={}", known.token);
    let answer = connection.post("/1/groups.json", &format!("{token}&name=Night")).await;
    let key = answer.json()["group"].as_str().unwrap().to_owned();
    let member = format!("user={}", known.user_key);
    let long_memo = "x".repeat(201);
    let group = format!("groups/{key}");
    let cases = [
        ("groups.json", "name=Night".to_owned(), "name has already been taken"),
        ("groups.json", "name=".to_owned(), "name cannot be blank"),
        ("add_user", "user=uWrong".to_owned(), "user key is invalid"),
        ("add_user", format!("{member}&memo={long_memo}"), "memo is too long"),
        ("remove_user", member.clone(), "user is not a member of this group"),
        ("add_user", format!("{member}&memo=Ada&device=phone"), ""),
        (
            "add_user",
            format!("{member}&memo=Ada&device=phone"),
            "user is already a member of this group",
        ),
        ("add_user", member.clone(), ""),
        ("disable_user", format!("{member}&device=phone"), ""),
        ("rename", "name=On call".to_owned(), "name has already been taken"),
        ("rename", "name=Day".to_owned(), ""),
    ];
    for (action, form, error) in cases {
        let path = if action == "groups.json" {
            format!("/1/{action}")
        } else {
            format!("/1/{group}/{action}.json")
        };
        let answer = connection.post(&path, &format!("{token}&{form}")).await;
        let expected = if error.is_empty() {
            (200, Value::Null)
        } else {
            (400, json!(error))
        };
        assert_eq!(
            (answer.status, answer.json()["errors"][0].clone()),
            expected,
            "{action} {form}"
        );
    }
    let show = format!("/1/{group}.json?{token}");
    let body = connection.get(&show).await.json();
    assert_eq!(body["name"], "Day");
    assert_eq!(
        body["users"],
        json!([
            {"user": known.user_key, "device": "phone", "memo": "Ada", "disabled": true},
            {"user": known.user_key, "device": null, "memo": "", "disabled": false},
        ])
    );
    for action in ["enable_user", "delete_user"] {
        connection
            .post(&format!("/1/{group}/{action}.json"), &format!("{token}&{member}"))
            .await;
    }
    assert_eq!(connection.get(&show).await.json()["users"], json!([]));

    let answer = connection.get(&format!("/1/groups/gWrong.json?{token}")).await;
    let text = "group not found or you are not authorized to edit it";
    assert_eq!(
        (&answer.json()["group"], &answer.json()["errors"]),
        (&json!("not found"), &json!([text]))
    );
}

#[tokio::test]
async fn small_routes_check_their_fields() {
    let (simulator, mut connection) = start().await;
    let known = simulator.credentials();
    let token = format!("token={}", known.token);
    let team = format!("token={}", known.team_token);
    let user = format!("user={}", known.user_key);
    let code = known.subscription_code;
    let secret = format!("secret={}", known.secret);
    let cases = [
        ("glances.json", format!("{token}&{user}&percent=100"), ""),
        ("glances.json", format!("{token}&{user}&text="), ""),
        (
            "glances.json",
            format!("{token}&{user}&percent=101"),
            "percent must be between 0 and 100",
        ),
        (
            "glances.json",
            format!("{token}&{user}&text={}", "x".repeat(101)),
            "text is too long",
        ),
        ("glances.json", format!("{token}&text=hi"), "user key is invalid"),
        (
            "subscriptions/migrate.json",
            format!("{token}&{user}&subscription={code}"),
            "",
        ),
        (
            "subscriptions/migrate.json",
            format!("{token}&{user}&subscription=x"),
            "subscription code is invalid",
        ),
        (
            "subscriptions/migrate.json",
            format!("{token}&user=x&subscription={code}"),
            "user key is not valid for any active user",
        ),
        ("licenses/assign.json", token.clone(), "user or email must be supplied"),
        ("licenses/assign.json", format!("{token}&email=new%40example.com"), ""),
        ("teams/add_user.json", team.clone(), "email must be supplied"),
        (
            "teams/add_user.json",
            format!("{team}&email=new%40example.com&instant=true"),
            "",
        ),
        ("teams/remove_user.json", format!("{team}&email=new%40example.com"), ""),
        ("teams/add_user.json", format!("{team}&email=guest%40example.com"), ""),
        (
            "teams/revoke_invitation.json",
            format!("{team}&email=guest%40example.com"),
            "",
        ),
        ("users/validate.json", format!("{token}&user=x"), "user key is invalid"),
        ("users/validate.json", format!("{token}&{user}&device=phone"), ""),
        (
            "users/validate.json",
            format!("{token}&{user}&device=x"),
            "device name is not valid for this user",
        ),
        (
            "devices/wrong/update_highest_message.json",
            format!("{secret}&message=1"),
            "device_id is invalid",
        ),
    ];
    for (path, form, error) in cases {
        let answer = connection.post(&format!("/1/{path}"), &form).await;
        let expected = if error.is_empty() {
            (200, Value::Null)
        } else {
            (400, json!(error))
        };
        assert_eq!(
            (answer.status, answer.json()["errors"][0].clone()),
            expected,
            "{path} {form}"
        );
    }
    assert_eq!(
        connection.get(&format!("/1/licenses.json?{token}")).await.json()["credits"],
        4
    );
}

#[tokio::test]
async fn running_out_of_credits_has_two_recorded_shapes() {
    for (dataset, has_errors) in [(Dataset::Org, true), (Dataset::Hostile, false)] {
        let (simulator, mut connection) = start_with(|builder| builder.dataset(dataset)).await;
        let form = format!("token={}&email=a%40example.com", simulator.credentials().token);
        let answer = connection.post("/1/licenses/assign.json", &form).await;
        assert_eq!(answer.json()["token"], json!(["is out of available license credits"]));
        assert_eq!(
            (answer.status, answer.json().get("errors").is_some()),
            (400, has_errors)
        );
    }
}

#[tokio::test]
async fn devices_are_registered_under_free_names_only() {
    let (simulator, mut connection) = start_with(|builder| builder.max_devices(4)).await;
    let secret = simulator.credentials().secret;
    let cases = [
        ("name=a%20b&os=O", json!({"name": ["is invalid"]})),
        ("name=abcdefghijklmnopqrstuvwxyz&os=O", json!({"name": ["is invalid"]})),
        ("os=O", json!({"name": ["is invalid"]})),
        ("name=a&os=Android", json!({"os": ["is invalid"]})),
        ("name=phone&os=O", json!({"name": ["has already been taken"]})),
        ("name=a&os=O", Value::Null),
        ("name=a&os=O&force=1", Value::Null),
        ("name=b&os=O", Value::Null),
        ("name=c&os=O", json!(["you have reached the maximum number of devices"])),
    ];
    for (form, errors) in cases {
        let answer = connection
            .post("/1/devices.json", &format!("secret={secret}&{form}"))
            .await;
        assert_eq!(answer.json()["errors"], errors, "{form}");
        assert_eq!(answer.status, if errors.is_null() { 200 } else { 400 }, "{form}");
    }
}

#[tokio::test]
async fn deleting_up_to_a_message_concerns_one_device() {
    let (simulator, mut connection) = start().await;
    let known = simulator.credentials();
    let download = format!("/1/messages.json?secret={}&device_id={}", known.secret, known.device_id);
    let third = connection.get(&download).await.json()["messages"][2]["id"].to_string();
    let path = format!("/1/devices/{}/update_highest_message.json", known.device_id);
    // (message, status, how many are left)
    for (message, status, left) in [
        ("", 400, 5),
        ("x", 400, 5),
        (&*third, 200, 2),
        ("9223372036854775807", 200, 0),
    ] {
        let answer = connection
            .post(&path, &format!("secret={}&message={message}", known.secret))
            .await;
        assert_eq!(answer.status, status, "{message}");
        let body = connection.get(&download).await.json();
        assert_eq!(body["messages"].as_array().unwrap().len(), left, "{message}");
    }
    assert_eq!(simulator.effects(), 4);
}
