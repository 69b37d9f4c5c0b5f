//! Access logs (§8.8).

use super::place::Place;
use super::{limits, text};
use crate::spec::{AccessLog, JsonFormatRef, Logging, LoggingFormat};

pub(super) fn check(at: &Place, logging: Option<&Logging>) {
    let Some(AccessLog::File(file)) = logging.and_then(|logging| logging.access_log.as_ref()) else { return };
    let at = &at.member("accessLog");
    let at = &at.member("file");
    text::plain(&at.member("path"), &file.path);
    at.member("path").length(&file.path, limits::FILE_PATH);
    let format = &at.member("format");
    match &file.format {
        Some(LoggingFormat::Json(pairs)) => format.member("json").each(pairs, check_pair),
        Some(LoggingFormat::Text(line)) => {
            format.member("text").length(line, limits::TEXT_FORMAT);
        }
        None => {}
    }
}

fn check_pair(at: &Place, pair: &JsonFormatRef) {
    at.member("key").length(&pair.key, limits::JSON_FORMAT);
    at.member("value").length(&pair.value, limits::JSON_FORMAT);
}
