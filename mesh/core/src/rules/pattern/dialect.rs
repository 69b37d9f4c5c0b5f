//! The expression as RE2 reads it, written as the `regex-syntax` crate reads it, or why RE2 would not read it.
//!
//! The two languages are nearly the same. Nearly: this module reads the expression once, refuses what RE2 does not know,
//! and escapes those characters that only the crate takes for syntax. Whether the rest is well-formed the crate tells.

use super::unicode;

/// Letters that may follow a backslash, besides those that are read apart.
const ESCAPES: &str = "AaBbDdfnrSstvWwz";
/// The same between brackets.
const ESCAPES_IN_CLASS: &str = "aDdfnrSstvWw";
/// The classes that have a name between `[:` and `:]`.
const NAMED_CLASSES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

/// The expression as the crate writes it. Every character is a byte of the original.
pub(super) fn translated(pattern: &str) -> Result<String, String> {
    let text = String::with_capacity(pattern.len() + 8);
    let mut reader = Reader { rest: pattern, text };
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
            '{' => return Ok(self.counted()),
            '*' | '+' | '?' => {
                self.text.push(c);
                return Ok(true);
            }
            '\\' => self.escape()?,
            '[' => self.class()?,
            '(' => self.group()?,
            c => self.text.push(c),
        }
        Ok(false)
    }

    fn escape(&mut self) -> Result<(), String> {
        match self.next() {
            None => return Err("ends in a backslash".into()),
            // Everything up to `\E` is literal.
            Some('Q') => {
                let (literal, rest) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
                self.text.push_str(&regex_syntax::escape(literal));
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

    /// `\pL`, `\p{Lu}`, `\p{Greek}`, `\p{^Greek}`.
    fn property(&mut self, c: char) -> Result<(), String> {
        let unknown = |name: &str| Err(format!("has `\\{c}{name}`, and RE2 does not know it"));
        if !self.take("{") {
            let letter = self.next().map(String::from).unwrap_or_default();
            if !unicode::knows(&letter) {
                return unknown(&letter);
            }
            self.text.push_str(&format!("\\{c}{letter}"));
            return Ok(());
        }
        let Some((name, rest)) = self.rest.split_once('}') else { return unknown("{") };
        let (c, known) = match name.strip_prefix('^') {
            Some(name) => (if c == 'p' { 'P' } else { 'p' }, name),
            None => (c, name),
        };
        if !unicode::knows(known) {
            return unknown(&format!("{{{name}}}"));
        }
        self.text.push_str(&format!("\\{c}{{{known}}}"));
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
                '[' if self.rest.starts_with(':') && self.rest.contains(":]") => self.named_class()?,
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

    /// `[:alpha:]` or `[:^alpha:]`, whose beginning was read.
    fn named_class(&mut self) -> Result<(), String> {
        let Some((named, rest)) = self.rest.split_once(":]") else { return Ok(()) };
        let name = named.trim_start_matches(':');
        if !NAMED_CLASSES.contains(&name.strip_prefix('^').unwrap_or(name)) {
            return Err(format!("has `[{named}:]`, and RE2 does not know it"));
        }
        self.text.push_str(&format!("[{named}:]"));
        self.rest = rest;
        Ok(())
    }

    /// A group without a question mark, one with a name, or flags. Everything else, such as looking ahead, RE2 has not.
    fn group(&mut self) -> Result<(), String> {
        self.text.push('(');
        if !self.take("?") {
            return Ok(());
        }
        self.text.push('?');
        let named = self.rest.strip_prefix("P<").or_else(|| self.rest.strip_prefix('<'));
        match named.filter(|rest| !rest.starts_with(['=', '!'])) {
            Some(named) => check_group_name(named),
            None => self.check_flags(),
        }
    }

    fn check_flags(&self) -> Result<(), String> {
        let flags = self.rest.trim_start_matches(['i', 'm', 's', 'U', '-']);
        if flags.starts_with([':', ')']) {
            return Ok(());
        }
        let given: String = self.rest.chars().take(2).collect();
        Err(format!("has a group that begins with `(?{given}`, and RE2 does not know it"))
    }

    /// `{2}`, `{2,}`, `{2,4}`; any other brace is a plain character to RE2.
    fn counted(&mut self) -> bool {
        let Some((inner, rest)) = self.rest.split_once('}').filter(|(inner, _)| is_count(inner)) else {
            self.text.push_str("\\{");
            return false;
        };
        self.text.push_str(&format!("{{{inner}}}"));
        self.rest = rest;
        true
    }
}

fn check_group_name(text: &str) -> Result<(), String> {
    let name = text.split_once('>').map_or(text, |(name, _)| name);
    if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Ok(());
    }
    Err(format!("names a group `{name}`, and RE2 takes letters, digits and `_` only"))
}

fn is_count(inner: &str) -> bool {
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let (least, most) = inner.split_once(',').unwrap_or((inner, ""));
    !least.is_empty() && digits(least) && digits(most)
}
