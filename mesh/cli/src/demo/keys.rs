//! What a person presses while the demo runs.

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::io::IsTerminal;
use std::time::Duration;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

/// How soon the reading thread notices that nobody listens any more.
const GLANCE: Duration = Duration::from_millis(200);

/// A wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// End the demo.
    Quit,
    /// So many tenths for the second version.
    Tenths(u32),
    /// So many tenths more for the second version.
    Shift(i32),
    /// The terminal has another size.
    Resized,
}

/// The keys pressed from now on.
#[derive(Debug)]
pub struct Keys(UnboundedReceiver<Key>);

impl Keys {
    /// Reads the keyboard, where there is one.
    pub fn listen() -> Self {
        let (send, receive) = mpsc::unbounded_channel();
        if std::io::stdin().is_terminal() {
            std::thread::spawn(move || read(&send));
        }
        Self(receive)
    }

    /// The next wish; never, where there is no keyboard.
    pub async fn next(&mut self) -> Key {
        match self.0.recv().await {
            Some(key) => key,
            None => std::future::pending().await,
        }
    }
}

fn read(send: &UnboundedSender<Key>) {
    while !send.is_closed() {
        match event::poll(GLANCE) {
            Ok(true) => {}
            Ok(false) => continue,
            Err(_) => return,
        }
        let Ok(event) = event::read() else { return };
        if let Some(key) = wish(&event) {
            let _ = send.send(key);
        }
    }
}

fn wish(event: &Event) -> Option<Key> {
    match event {
        Event::Resize(..) => Some(Key::Resized),
        Event::Key(key) if key.kind != KeyEventKind::Release => key_wish(key),
        _ => None,
    }
}

fn key_wish(key: &KeyEvent) -> Option<Key> {
    match key.code {
        KeyCode::Char('c' | 'd') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Key::Quit),
        KeyCode::Char('q') | KeyCode::Esc => Some(Key::Quit),
        KeyCode::Char(digit) => digit.to_digit(10).map(Key::Tenths),
        KeyCode::Left => Some(Key::Shift(-1)),
        KeyCode::Right => Some(Key::Shift(1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_mean_what_the_screen_says() {
        let press = |code, modifiers| wish(&Event::Key(KeyEvent::new(code, modifiers)));
        assert_eq!(press(KeyCode::Char('q'), KeyModifiers::NONE), Some(Key::Quit));
        assert_eq!(press(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Key::Quit));
        assert_eq!(press(KeyCode::Char('c'), KeyModifiers::NONE), None);
        assert_eq!(press(KeyCode::Char('5'), KeyModifiers::NONE), Some(Key::Tenths(5)));
        assert_eq!(press(KeyCode::Left, KeyModifiers::NONE), Some(Key::Shift(-1)));
    }
}
