//! How large the program is that RE2 makes of an expression, at most: Envoy compares this number with a limit.
//!
//! RE2's program has a step for each byte, each range of bytes in a class, each assertion, and two for each group that
//! captures. What is repeated by number is there as often. Choices and loops are laid flat and cost a jump, where the way
//! goes on without having read anything. What RE2 makes simpler before, such as beginnings that alternatives share, is
//! counted as it is written: the number here may be larger than RE2's, never smaller.

use super::unicode;
use regex_syntax::ast::{
    Ast, ClassAsciiKind, ClassBracketed, ClassPerl, ClassPerlKind, ClassSet, ClassSetItem, ClassUnicode, Flag, Flags,
    FlagsItemKind, Group, GroupKind, Repetition, RepetitionKind, RepetitionRange,
};

/// What every program has around the expression: it fails, it has matched, it begins further on.
const AROUND: u32 = 4;

/// The steps of the program, at most.
pub(super) fn steps(ast: &Ast) -> u32 {
    Walk::default().steps(ast).saturating_add(AROUND)
}

/// How often something is repeated by number, repetitions of repetitions counted together.
pub(super) fn repeats(ast: &Ast) -> u32 {
    let most = |asts: &[Ast]| asts.iter().map(repeats).max().unwrap_or(1);
    match ast {
        Ast::Repetition(repetition) => times(&repetition.op.kind).saturating_mul(repeats(&repetition.ast)),
        Ast::Group(group) => repeats(&group.ast),
        Ast::Alternation(choice) => most(&choice.asts),
        Ast::Concat(row) => most(&row.asts),
        _ => 1,
    }
}

fn times(kind: &RepetitionKind) -> u32 {
    match kind {
        RepetitionKind::Range(RepetitionRange::Exactly(n) | RepetitionRange::AtLeast(n)) => (*n).max(1),
        RepetitionKind::Range(RepetitionRange::Bounded(_, most)) => (*most).max(1),
        _ => 1,
    }
}

/// Whether it may match without reading anything: RE2 makes a loop of this one that cannot run for ever.
fn may_be_empty(ast: &Ast) -> bool {
    match ast {
        Ast::Empty(_) | Ast::Flags(_) | Ast::Assertion(_) => true,
        Ast::Repetition(repetition) => least(&repetition.op.kind) == 0 || may_be_empty(&repetition.ast),
        Ast::Group(group) => may_be_empty(&group.ast),
        Ast::Alternation(choice) => choice.asts.iter().any(may_be_empty),
        Ast::Concat(row) => row.asts.iter().all(may_be_empty),
        _ => false,
    }
}

fn least(kind: &RepetitionKind) -> u32 {
    match kind {
        RepetitionKind::ZeroOrOne | RepetitionKind::ZeroOrMore => 0,
        RepetitionKind::OneOrMore => 1,
        RepetitionKind::Range(
            RepetitionRange::Exactly(n) | RepetitionRange::AtLeast(n) | RepetitionRange::Bounded(n, _),
        ) => *n,
    }
}

/// Whether its first step may be one that others lead to as well, such as the head of a loop.
fn begins_with_a_jump(ast: &Ast) -> bool {
    match ast {
        Ast::Empty(_) | Ast::Flags(_) | Ast::Repetition(_) => true,
        Ast::Group(group) => begins_with_a_jump(&group.ast),
        Ast::Alternation(choice) => choice.asts.iter().any(begins_with_a_jump),
        Ast::Concat(row) => row.asts.first().is_none_or(begins_with_a_jump),
        _ => false,
    }
}

/// The flags as they stand where the walk is.
#[derive(Default, Clone, Copy)]
struct Walk {
    /// `i`: letters of either case.
    fold: bool,
    /// `s`: a dot is a newline as well.
    dot_all: bool,
}

impl Walk {
    fn steps(&mut self, ast: &Ast) -> u32 {
        match ast {
            Ast::Empty(_) => 1,
            Ast::Flags(set) => {
                self.set(&set.flags);
                1
            }
            Ast::Literal(literal) => self.literal(literal.c),
            Ast::Dot(_) => 2 - u32::from(self.dot_all),
            Ast::Assertion(_) => 1,
            Ast::ClassUnicode(class) => self.class(&self.property(class)),
            Ast::ClassPerl(class) => self.class(&perl(class)),
            Ast::ClassBracketed(class) => self.class(&self.bracketed(class)),
            Ast::Repetition(repetition) => self.repetition(repetition),
            Ast::Group(group) => self.group(group),
            Ast::Alternation(choice) => {
                let jumps = choice.asts.iter().filter(|ast| begins_with_a_jump(ast)).count();
                self.all(&choice.asts).saturating_add(u32::try_from(jumps).unwrap_or(u32::MAX)).saturating_add(1)
            }
            Ast::Concat(row) => self.all(&row.asts),
        }
    }

    fn all(&mut self, asts: &[Ast]) -> u32 {
        asts.iter().fold(0, |sum: u32, ast| sum.saturating_add(self.steps(ast)))
    }

    fn set(&mut self, flags: &Flags) {
        let mut on = true;
        for item in &flags.items {
            match item.kind {
                FlagsItemKind::Negation => on = false,
                FlagsItemKind::Flag(Flag::CaseInsensitive) => self.fold = on,
                FlagsItemKind::Flag(Flag::DotMatchesNewLine) => self.dot_all = on,
                FlagsItemKind::Flag(_) => {}
            }
        }
    }

    /// Flags end with the group that they are set in.
    fn group(self, group: &Group) -> u32 {
        let mut inside = self;
        let captures = match &group.kind {
            GroupKind::NonCapturing(flags) => {
                inside.set(flags);
                0
            }
            GroupKind::CaptureIndex(_) | GroupKind::CaptureName { .. } => 2,
        };
        inside.steps(&group.ast).saturating_add(captures)
    }

    fn repetition(self, repetition: &Repetition) -> u32 {
        let mut inside = self;
        let one = inside.steps(&repetition.ast);
        let jumps = begins_with_a_jump(&repetition.ast);
        let optional = one.saturating_add(if jumps { 3 } else { 1 });
        // RE2 may lay out the choices of a loop within a loop for each of the two.
        let twice = if jumps { one } else { 0 };
        let looped = one.saturating_add(twice).saturating_add(if may_be_empty(&repetition.ast) { 5 } else { 2 });
        match &repetition.op.kind {
            RepetitionKind::ZeroOrOne => optional,
            RepetitionKind::ZeroOrMore | RepetitionKind::OneOrMore => looped,
            RepetitionKind::Range(RepetitionRange::Exactly(n)) => one.saturating_mul(*n).max(1),
            RepetitionKind::Range(RepetitionRange::AtLeast(n)) => {
                one.saturating_mul(n.saturating_sub(1)).saturating_add(looped)
            }
            RepetitionKind::Range(RepetitionRange::Bounded(least, most)) => {
                let maybe = optional.saturating_mul(most.saturating_sub(*least));
                one.saturating_mul(*least).saturating_add(maybe).max(1)
            }
        }
    }

    /// Both cases of an ASCII letter are one step; those of other letters are a class of two.
    fn literal(self, c: char) -> u32 {
        let other = u8::try_from(c).ok().and_then(other_case);
        1 + u32::from(self.fold && !c.is_ascii() && other.is_some())
    }

    /// A step for each range of bytes, and one where there is none. Letters of both cases are compared in one.
    fn class(self, class: &Class) -> u32 {
        let folds = (b'A'..=b'Z').all(|c| class.has(c) == class.has(c.to_ascii_lowercase()));
        let ranges = class.ranges().filter(|(first, last)| !folds || *first < b'A' || *last > b'Z').count();
        u32::try_from(ranges).unwrap_or(u32::MAX).saturating_add(class.more).max(1)
    }

    fn property(self, class: &ClassUnicode) -> Class {
        let name = match &class.kind {
            regex_syntax::ast::ClassUnicodeKind::OneLetter(letter) => letter.to_string(),
            regex_syntax::ast::ClassUnicodeKind::Named(name)
            | regex_syntax::ast::ClassUnicodeKind::NamedValue { name, .. } => name.clone(),
        };
        // Some letters beyond the bytes have their other case among them: those of `µ`, `ß`, `ÿ`, `k` and `s`.
        let more = if self.fold { 5 } else { 0 };
        let mut set = Class { more, ..Class::default() };
        unicode::ranges(&name).for_each(|(first, last)| set.add_range(*first, *last));
        set.not_if(class.negated)
    }

    /// What is written as single bytes and ranges has its other case added once, at the end.
    fn bracketed(self, class: &ClassBracketed) -> Class {
        let (mut written, mut named) = (Class::default(), Class::default());
        if let ClassSet::Item(item) = &class.kind {
            self.add(&mut written, &mut named, item);
        }
        if self.fold {
            written.add(&Class::of(|byte| other_case(byte).is_some_and(|other| written.has(other))));
        }
        named.add(&written);
        named.not_if(class.negated)
    }

    fn add(self, written: &mut Class, named: &mut Class, item: &ClassSetItem) {
        let byte = |c: char| u8::try_from(c).unwrap_or(u8::MAX);
        match item {
            ClassSetItem::Empty(_) => {}
            ClassSetItem::Literal(literal) => written.add_range(byte(literal.c), byte(literal.c)),
            ClassSetItem::Range(range) => written.add_range(byte(range.start.c), byte(range.end.c)),
            ClassSetItem::Ascii(class) => named.add(&self.ascii(&class.kind).not_if(class.negated)),
            ClassSetItem::Unicode(class) => named.add(&self.property(class)),
            ClassSetItem::Perl(class) => named.add(&perl(class)),
            ClassSetItem::Bracketed(class) => named.add(&self.bracketed(class)),
            ClassSetItem::Union(union) => union.items.iter().for_each(|item| self.add(written, named, item)),
        }
    }

    fn ascii(self, kind: &ClassAsciiKind) -> Class {
        match kind {
            ClassAsciiKind::Lower | ClassAsciiKind::Upper if self.fold => ascii(&ClassAsciiKind::Alpha),
            kind => ascii(kind),
        }
    }
}

/// The same letter in its other case, where that is a byte as well.
fn other_case(byte: u8) -> Option<u8> {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | 0xc0..=0xd6 | 0xd8..=0xde | 0xe0..=0xf6 | 0xf8..=0xfe => Some(byte ^ 0x20),
        _ => None,
    }
}

fn perl(class: &ClassPerl) -> Class {
    let bytes = match class.kind {
        ClassPerlKind::Digit => Class::of(|byte| byte.is_ascii_digit()),
        ClassPerlKind::Space => Class::of(|byte| byte.is_ascii_whitespace()),
        ClassPerlKind::Word => Class::of(is_word),
    };
    bytes.not_if(class.negated)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn ascii(kind: &ClassAsciiKind) -> Class {
    Class::of(|byte| match kind {
        ClassAsciiKind::Alnum => byte.is_ascii_alphanumeric(),
        ClassAsciiKind::Alpha => byte.is_ascii_alphabetic(),
        ClassAsciiKind::Ascii => byte.is_ascii(),
        ClassAsciiKind::Blank => matches!(byte, b' ' | b'\t'),
        ClassAsciiKind::Cntrl => byte.is_ascii_control(),
        ClassAsciiKind::Digit => byte.is_ascii_digit(),
        ClassAsciiKind::Graph => byte.is_ascii_graphic(),
        ClassAsciiKind::Lower => byte.is_ascii_lowercase(),
        ClassAsciiKind::Print => byte.is_ascii_graphic() || byte == b' ',
        ClassAsciiKind::Punct => byte.is_ascii_punctuation(),
        ClassAsciiKind::Space => byte.is_ascii_whitespace() || byte == 0x0b,
        ClassAsciiKind::Upper => byte.is_ascii_uppercase(),
        ClassAsciiKind::Word => is_word(byte),
        ClassAsciiKind::Xdigit => byte.is_ascii_hexdigit(),
    })
}

/// A set of bytes: a bit for each.
#[derive(Default)]
struct Class {
    bits: [u128; 2],
    /// Ranges there may be besides.
    more: u32,
}

impl Class {
    fn of(has: impl Fn(u8) -> bool) -> Self {
        let half = |from: u8| (0..128).filter(|bit| has(from + bit)).fold(0, |bits, bit| bits | 1_u128 << bit);
        Self { bits: [half(0), half(128)], more: 0 }
    }

    fn has(&self, byte: u8) -> bool {
        let [low, high] = self.bits;
        let half = if byte < 128 { low } else { high };
        half >> (byte % 128) & 1 == 1
    }

    fn add_range(&mut self, first: u8, last: u8) {
        (first..=last).for_each(|byte| {
            let [low, high] = &mut self.bits;
            *(if byte < 128 { low } else { high }) |= 1 << (byte % 128);
        });
    }

    fn add(&mut self, other: &Self) {
        let ([low, high], [more_low, more_high]) = (self.bits, other.bits);
        self.bits = [low | more_low, high | more_high];
        self.more = self.more.saturating_add(other.more);
    }

    fn not_if(self, negated: bool) -> Self {
        let [low, high] = self.bits;
        if negated { Self { bits: [!low, !high], ..self } } else { self }
    }

    /// The first and the last of each run of bytes.
    fn ranges(&self) -> impl Iterator<Item = (u8, u8)> {
        let first = (0..=u8::MAX).filter(|byte| self.has(*byte) && !byte.checked_sub(1).is_some_and(|it| self.has(it)));
        let last = (0..=u8::MAX).filter(|byte| self.has(*byte) && !byte.checked_add(1).is_some_and(|it| self.has(it)));
        first.zip(last)
    }
}
