//! Lines that are redrawn in place, below what the terminal already shows.
//!
//! No full screen: what was printed before stays, can be selected and copied, and the last figures remain after the end.
//! Only lines that differ are written, so that a selection survives the redrawing.

use crossterm::cursor::{Hide, MoveToColumn, MoveUp, Show};
use crossterm::style::Print;
use crossterm::terminal::{self, Clear, ClearType};
use crossterm::{execute, queue};
use std::io::{self, Stdout, Write};

/// A part of the terminal; dropping it gives the terminal back as it was.
#[derive(Debug)]
pub struct Screen {
    out: Stdout,
    shown: Vec<String>,
    raw: bool,
}

impl Screen {
    /// Takes the lines below the cursor. Keys are no longer echoed, where there is a keyboard.
    pub fn open() -> io::Result<Self> {
        let mut screen = Self { out: io::stdout(), shown: Vec::new(), raw: false };
        screen.raw = terminal::enable_raw_mode().is_ok();
        execute!(screen.out, Hide)?;
        Ok(screen)
    }

    /// Shows these lines instead of the ones before, each cut to the terminal's width.
    pub fn draw(&mut self, lines: Vec<String>) -> io::Result<()> {
        let (width, _) = terminal::size().unwrap_or((80, 24));
        let lines: Vec<String> = lines.iter().map(|line| cut(line, usize::from(width))).collect();
        self.rewind()?;
        for (number, line) in lines.iter().enumerate() {
            if self.shown.get(number) != Some(line) {
                queue!(self.out, MoveToColumn(0), Print(line), Clear(ClearType::UntilNewLine))?;
            }
            queue!(self.out, Print("\r\n"))?;
        }
        self.shown = lines;
        self.out.flush()
    }

    /// Forgets what is shown: a terminal of another size has broken the lines anew.
    pub fn resized(&mut self) -> io::Result<()> {
        self.rewind()?;
        self.shown.clear();
        execute!(self.out, Clear(ClearType::FromCursorDown))
    }

    fn rewind(&mut self) -> io::Result<()> {
        match u16::try_from(self.shown.len()) {
            Ok(lines) if lines > 0 => queue!(self.out, MoveUp(lines), MoveToColumn(0)),
            _ => Ok(()),
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that is gone.
        let _ = execute!(self.out, Show);
        if self.raw {
            let _ = terminal::disable_raw_mode();
        }
    }
}

/// One column is left free: writing into the last one moves some terminals to the next line.
fn cut(line: &str, width: usize) -> String {
    line.chars().take(width.saturating_sub(1)).collect()
}
