//! `users/login`: mail and password for a session secret.

use crate::answer::{Answer, Handled, Refusal};
use crate::request::Request;
use crate::state::{Session, State, User};

const SECRET_LENGTH: usize = 60;

pub(super) fn login(state: &mut State, request: &Request) -> Handled {
    let email = request.filled("email").unwrap_or_default();
    let password = request.parameter("password").unwrap_or_default();
    let is_known = |user: &&User| user.email == email && !email.is_empty() && user.password == password;
    let Some(user) = state.users.iter().find(is_known) else {
        return Err(Refusal::text("invalid email and/or password"));
    };
    if user.two_factor_code.is_some() && user.two_factor_code.as_deref() != request.filled("twofa") {
        let text = "two factor auth required";
        return Err(Refusal::because("totp", text, text).with_status(412));
    }
    let key = user.key.clone();
    let secret = state.generator.identifier("sFake", SECRET_LENGTH);
    let user = state.user_with_key(&key).unwrap_or_default();
    state.sessions.push(Session {
        secret: secret.clone(),
        user,
        device_name: String::new(),
    });
    Ok(Answer::success().with("id", key).with("secret", secret))
}
