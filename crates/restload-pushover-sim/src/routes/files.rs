//! Icons and sound files, which lie at the host's root and need no credential.

use super::Route;
use crate::answer::Rendered;

/// A transparent image of one pixel.
const ICON: &[u8] = include_bytes!("icon.png");

pub(super) fn find(method: &str, path: &str) -> Option<Route> {
    if method != "GET" {
        return None;
    }
    let (folder, file) = path.strip_prefix('/')?.split_once('/')?;
    match (folder, file.rsplit_once('.')?.1) {
        ("icons", "png") => Some(Route::Icon),
        ("sounds", "mp3") => Some(Route::SoundFile),
        _ => None,
    }
}

pub(super) fn answer(route: &Route) -> Option<Rendered> {
    match route {
        Route::Icon => Some(Rendered::new(200, "image/png", ICON)),
        Route::SoundFile => Some(Rendered::new(200, "audio/mpeg", Vec::new())),
        _ => None,
    }
}
