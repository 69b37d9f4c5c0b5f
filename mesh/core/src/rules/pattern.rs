//! Regular expressions: Envoy's are RE2, and one that RE2 cannot take makes Envoy refuse every route beside it.
//!
//! Three things are asked, and none of them builds anything that could match: whether RE2 knows what is written
//! (`dialect`), whether it is well-formed, and how large RE2's program becomes at most (`program`). All three cost no more
//! than reading the text. Envoy's RE2 reads bytes, so here every byte is a character: `é` is two.

mod dialect;
mod program;
mod unicode;

use super::place::Place;
use regex_syntax::ast::{Ast, parse::Parser};

/// The most that RE2 repeats by number, repetitions of repetitions counted together.
const MAX_REPEAT: u32 = 1000;
/// The most steps that the program of an expression may have: what `remesh bootstrap` and App Mesh's own agent set as
/// Envoy's `re2.max_program_size.error_level` (§12.1). A bootstrap that leaves it out has Envoy's default, which is 100.
const MAX_PROGRAM: u32 = 1000;

pub(super) fn check(at: &Place, pattern: &str) {
    super::text::plain(at, pattern);
    if let Err(why) = taken(pattern) {
        at.refuse(format!("is `{}`, which {why}", pattern.escape_debug()));
    }
}

fn taken(pattern: &str) -> Result<(), String> {
    let ast = read(pattern).map_err(|why| as_written(&why))?;
    if program::repeats(&ast) > MAX_REPEAT {
        return Err(format!("repeats something more than {MAX_REPEAT} times, and RE2 cannot"));
    }
    let steps = program::steps(&ast);
    if steps > MAX_PROGRAM {
        return Err(format!("needs a program of {steps} steps, and Envoy takes {MAX_PROGRAM} at most"));
    }
    Ok(())
}

fn read(pattern: &str) -> Result<Ast, String> {
    let bytes: String = pattern.bytes().map(char::from).collect();
    let text = dialect::translated(&bytes)?;
    Parser::new().parse(&text).map_err(|error| format!("is not a regular expression: {}", error.kind()))
}

/// Turns characters that are bytes back into the text they were.
fn as_written(why: &str) -> String {
    let bytes: Option<Vec<u8>> = why.chars().map(|c| u8::try_from(c).ok()).collect();
    bytes.map_or_else(|| why.to_owned(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}
