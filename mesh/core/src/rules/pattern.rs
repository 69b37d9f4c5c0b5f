//! Regular expressions: Envoy's are RE2, and one that RE2 cannot read makes Envoy refuse every route beside it.
//!
//! The `regex` crate speaks nearly the same language. Nearly: this module reads the expression once, refuses what RE2
//! does not know, and hands the rest to the crate, with those characters escaped that only the crate takes for syntax.
//! What is deliberately absent: how large RE2's program becomes, which only RE2 can tell.

use super::place::Place;

/// The most that RE2 repeats by number.
const MAX_REPEAT: u32 = 1000;
/// Letters that may follow a backslash, besides those that are read apart.
const ESCAPES: &str = "AaBbDdfnrSstvWwz";
/// The same between brackets.
const ESCAPES_IN_CLASS: &str = "aDdfnrSstvWw";

pub(super) fn check(at: &Place, pattern: &str) {
    super::text::plain(at, pattern);
    let compiled = to_crate_syntax(pattern).and_then(|text| match regex::RegexBuilder::new(&text).build() {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("is not a regular expression: {}", last_line(&error.to_string()))),
    });
    if let Err(why) = compiled {
        at.refuse(format!("is `{}`, which {why}", pattern.escape_debug()));
    }
}

/// The crate draws its errors over several lines; the last one says what is wrong.
fn last_line(error: &str) -> &str {
    error.lines().last().unwrap_or(error).trim_start_matches("error: ")
}

/// The expression as the crate writes it, or why RE2 would not read it.
fn to_crate_syntax(pattern: &str) -> Result<String, String> {
    let text = String::with_capacity(pattern.len() + 8);
    let mut reader = Reader { rest: pattern, text, repeats: vec![1], last: 1 };
    let mut repeated = false;
    while let Some(c) = reader.next() {
        let repeats = reader.one(c)?;
        if repeats && repeated {
            return Err("repeats a repetition".into());
        }
        // `a*?` is one repetition, a lazy one.
        if repeats && reader.take("?") {
            reader.text.push('?');
        }
        repeated = repeats;
    }
    Ok(reader.text)
}

struct Reader<'p> {
    rest: &'p str,
    text: String,
    /// How often something is repeated at most, in each open group.
    repeats: Vec<u32>,
    /// The same for the element read last.
    last: u32,
}

impl<'p> Reader<'p> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn take(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Reads one element, and answers whether it repeats the one before.
    fn one(&mut self, c: char) -> Result<bool, String> {
        match c {
            '{' => return self.counted(),
            '*' | '+' | '?' => {
                self.text.push(c);
                return Ok(true);
            }
            ')' => {
                self.text.push(c);
                self.last = self.repeats.pop().unwrap_or(1);
                self.repeated(self.last);
                return Ok(false);
            }
            '\\' => self.escape()?,
            '[' => self.class()?,
            '(' => self.group()?,
            c => self.text.push(c),
        }
        self.last = 1;
        Ok(false)
    }

    fn repeated(&mut self, times: u32) {
        if let Some(most) = self.repeats.last_mut() {
            *most = times.max(*most);
        }
    }

    fn escape(&mut self) -> Result<(), String> {
        match self.next() {
            None => return Err("ends in a backslash".into()),
            // Everything up to `\E` is literal.
            Some('Q') => {
                let (literal, rest) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
                self.text.push_str(&regex::escape(literal));
                self.rest = rest;
            }
            Some('C') => self.text.push_str("(?s:.)"),
            Some(c) => self.escaped(c, ESCAPES)?,
        }
        Ok(())
    }

    fn escaped(&mut self, c: char, letters: &str) -> Result<(), String> {
        match c {
            'p' | 'P' => return self.property(c),
            '0' => self.octal(),
            'x' => return self.hexadecimal(),
            '1'..='9' => return Err(format!("refers back by `\\{c}`, and RE2 cannot")),
            c if letters.contains(c) => self.text.extend(['\\', c]),
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => self.text.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => return Err(format!("has `\\{c}`, and RE2 does not know it")),
        }
        Ok(())
    }

    /// `\pL`, `\p{Lu}`, `\p{Greek}`: RE2 knows categories by their letters and scripts by their names, nothing else.
    fn property(&mut self, c: char) -> Result<(), String> {
        let Some((name, rest)) = self.rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) else {
            let letter = self.next();
            self.text.extend(['\\', c].into_iter().chain(letter));
            return Ok(());
        };
        if !name.starts_with(|c: char| c.is_ascii_uppercase())
            || !name.chars().all(|c| c.is_ascii_alphabetic() || c == '_')
        {
            return Err(format!("has `\\{c}{{{name}}}`, and RE2 does not know it"));
        }
        let script = if name.len() > 2 && name != "Any" { "Script=" } else { "" };
        self.text.push_str(&format!("\\{c}{{{script}{name}}}"));
        self.rest = rest;
        Ok(())
    }

    /// `\x41` or `\x{41}`; the braces are no repetition. Envoy's RE2 reads bytes, so there is nothing beyond 255.
    fn hexadecimal(&mut self) -> Result<(), String> {
        self.text.push_str("\\x");
        let Some((digits, rest)) = self.rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) else {
            return Ok(());
        };
        if u32::from_str_radix(digits, 16).is_ok_and(|value| value > 0xff) {
            return Err(format!("has `\\x{{{digits}}}`, and there is nothing beyond `\\x{{ff}}`"));
        }
        self.text.push_str(&format!("{{{digits}}}"));
        self.rest = rest;
        Ok(())
    }

    fn octal(&mut self) {
        let digits = self.rest.chars().take(2).take_while(|c| c.is_digit(8)).count();
        let value = u32::from_str_radix(&self.rest[..digits], 8).unwrap_or(0);
        self.text.push_str(&format!("\\x{value:02x}"));
        self.rest = &self.rest[digits..];
    }

    /// Between brackets `[`, `&`, `~` and `--` are plain characters to RE2 and syntax to the crate.
    fn class(&mut self) -> Result<(), String> {
        self.text.push('[');
        if self.take("^") {
            self.text.push('^');
        }
        let mut first = true;
        while let Some(c) = self.next() {
            match c {
                ']' if !first => {
                    self.text.push(']');
                    return Ok(());
                }
                '[' if self.rest.starts_with(':') && self.rest.contains(":]") => self.named_class(),
                '\\' => match self.next() {
                    Some(c) => self.escaped(c, ESCAPES_IN_CLASS)?,
                    None => return Err("ends in a backslash".into()),
                },
                '[' | ']' | '&' | '~' => self.text.extend(['\\', c]),
                '-' if self.text.ends_with('-') => self.text.push_str("\\-"),
                c => self.text.push(c),
            }
            first = false;
        }
        Err("has a bracket that is not closed".into())
    }

    /// `[:alpha:]`, whose beginning was read.
    fn named_class(&mut self) {
        if let Some((name, rest)) = self.rest.split_once(":]") {
            self.text.push_str(&format!("[{name}:]"));
            self.rest = rest;
        }
    }

    /// A group without a question mark, one with a name, or flags. Everything else, such as looking ahead, RE2 has not.
    fn group(&mut self) -> Result<(), String> {
        self.text.push('(');
        self.repeats.push(1);
        if !self.take("?") {
            return Ok(());
        }
        self.text.push('?');
        let named = self.rest.strip_prefix("P<").or_else(|| self.rest.strip_prefix('<'));
        let flags = self.rest.trim_start_matches(['i', 'm', 's', 'U', '-']);
        if named.is_none_or(|rest| rest.starts_with(['=', '!'])) && !flags.starts_with([':', ')']) {
            let given: String = self.rest.chars().take(2).collect();
            return Err(format!("has a group that begins with `(?{given}`, and RE2 does not know it"));
        }
        Ok(())
    }

    /// `{2}`, `{2,}`, `{2,4}`; any other brace is a plain character to RE2.
    fn counted(&mut self) -> Result<bool, String> {
        let Some((inner, rest)) = self.rest.split_once('}').filter(|(inner, _)| is_count(inner)) else {
            self.text.push_str("\\{");
            return Ok(false);
        };
        let most = inner.split(',').filter(|it| !it.is_empty()).map(|it| it.parse::<u32>().unwrap_or(u32::MAX)).max();
        // Repetitions of repetitions count together.
        let total = self.last.saturating_mul(most.unwrap_or(1).max(1));
        if total > MAX_REPEAT {
            return Err(format!("repeats something more than {MAX_REPEAT} times, and RE2 cannot"));
        }
        self.repeated(total);
        self.text.push_str(&format!("{{{inner}}}"));
        self.rest = rest;
        Ok(true)
    }
}

fn is_count(inner: &str) -> bool {
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let (least, most) = inner.split_once(',').unwrap_or((inner, ""));
    !least.is_empty() && digits(least) && digits(most)
}
