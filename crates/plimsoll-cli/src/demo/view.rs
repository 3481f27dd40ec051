//! The display of a running demo.

use super::{
    board::Board,
    paint::Line,
    screen::{Screen, Stream},
    story::Story,
};
use std::time::Duration;

/// The form of the display: a screen, or a line now and then.
pub(super) enum View {
    Screen(Screen, Stream),
    Lines { stream: Stream, told: usize, next: Duration },
}

impl View {
    pub(super) fn new(stream: Stream) -> Self {
        if stream.is_screen() {
            Self::Screen(Screen::enter(stream), stream)
        } else {
            Self::Lines { stream, told: 0, next: Duration::from_secs(1) }
        }
    }

    pub(super) fn show(&mut self, board: &Board<'_>) {
        match self {
            Self::Screen(screen, _) => screen.draw(|rows| board.lines(rows)),
            Self::Lines { stream, told, next } => {
                let events = &board.story.events;
                events[*told..].iter().for_each(|event| stream.write(&format!("{event}\n")));
                *told = events.len();
                if board.elapsed >= *next {
                    stream.write(&format!("{}\n", board.plain()));
                    *next += Duration::from_secs(1);
                }
            }
        }
    }

    /// Restores the screen and leaves the log of events on the terminal.
    pub(super) fn end(self, story: &Story) {
        if let Self::Screen(screen, stream) = self {
            drop(screen);
            let colours = stream.has_colours();
            for event in &story.events {
                let line = Line::new().with(event.tone.into(), event.to_string());
                stream.write(&format!("{}\n", line.render(usize::MAX, colours)));
            }
        }
    }
}
