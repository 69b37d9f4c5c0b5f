//! Access logs. Their format may be any text, with characters that control as well.

use super::{list, structure, text};
use crate::rules::limits;
use crate::spec::{AccessLog, FileAccessLog, JsonFormatRef, Logging, LoggingFormat};
use proptest::option;
use proptest::prelude::*;

pub(super) fn logging() -> BoxedStrategy<Logging> {
    let file = structure!(FileAccessLog { format: option::of(format()), path: text::plain(limits::FILE_PATH) });
    structure!(Logging { access_log: option::of(file.prop_map(AccessLog::File)) })
}

fn format() -> BoxedStrategy<LoggingFormat> {
    let pair = structure!(JsonFormatRef {
        key: text::anything(limits::JSON_FORMAT),
        value: text::anything(limits::JSON_FORMAT),
    });
    let line = text::anything(limits::TEXT_FORMAT);
    prop_oneof![list(pair, 0..=20).prop_map(LoggingFormat::Json), line.prop_map(LoggingFormat::Text)].boxed()
}
