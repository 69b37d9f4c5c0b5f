//! Envoy's reason for a refusal in one line, for logs: its own message may hold the whole resource, over many lines.

/// How long a line of a log may get.
const LENGTH: usize = 300;

/// What a validation begins with, and where the dump of the resource begins.
const VALIDATION: (&str, &str) = ("Proto constraint validation failed (", "): ");

/// The reason in Envoy's message: of a validation the innermost cause, else all of it; cut where it is very long.
pub fn reason(message: &str) -> String {
    let reason = validation(message).unwrap_or_else(|| message.to_owned());
    let line = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// `LDS: a: Proto constraint validation failed (A.B: embedded message failed validation | caused by C.D: too short): name…`
/// is about `C.D: too short`.
fn validation(message: &str) -> Option<String> {
    let (before, rest) = message.split_once(VALIDATION.0)?;
    let causes = rest.split_once(VALIDATION.1).map_or(rest, |(causes, _)| causes);
    let cause = causes.rsplit_once("caused by ").map_or(causes, |(_, cause)| cause);
    Some(format!("{before}{cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_validation_the_innermost_cause_is_said_and_not_the_resource() {
        let message = "Error adding/updating listener(s) edge: Proto constraint validation failed \
            (HttpConnectionManagerValidationError.RouteConfig: embedded message failed validation | caused by \
            RouteValidationError.Name: value length must be at least 1 (bytes)): name: \"edge\"\naddress {\n  caused by x\n}\n";
        let expected = "Error adding/updating listener(s) edge: RouteValidationError.Name: value length must be at least 1 (bytes)";
        assert_eq!(reason(message), expected);
        let alone = "Proto constraint validation failed (ClusterValidationError.Name: too short): name: \"\"\n";
        assert_eq!(reason(alone), "ClusterValidationError.Name: too short");
    }

    #[test]
    fn every_reason_is_one_line_of_bearable_length() {
        assert_eq!(reason("no such\ncluster"), "no such cluster");
        assert_eq!(reason(""), "");
        let long = reason(&"é\n".repeat(1000));
        assert_eq!((long.chars().count(), long.ends_with('…')), (LENGTH + 1, true));
    }
}
