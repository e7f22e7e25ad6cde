//! A build's events as the output of Docker's classic builder.
//!
//! Stages are built at the same time, so steps go on side by side. One of them is shown while it goes on, and the others are held
//! back until it is their turn: the text reads as if one had been built after the other.

use std::collections::BTreeMap;

use layerkit::Event;

use super::super::pull;
use crate::render::listing::shown_id;

/// Turns events into text.
pub struct Steps {
    /// Say why a step is not in the cache.
    explain: bool,
    /// The step that is shown while it goes on.
    live: u32,
    /// That one, and those whose turn has not come.
    under_way: BTreeMap<u32, Step>,
    /// Of base images.
    pulled: pull::Lines,
}

/// A step under way.
#[derive(Default)]
struct Step {
    /// What it said and nobody saw yet.
    said: String,
    /// The command's output stands in the middle of a line.
    open: bool,
    /// Its line in the Dockerfile.
    line: u32,
    done: bool,
}

impl Steps {
    /// Nothing was told yet.
    pub fn new(explain: bool) -> Self {
        Steps { explain, live: 1, under_way: BTreeMap::new(), pulled: pull::Lines::default() }
    }

    /// What there is to write now.
    pub fn text_of(&mut self, event: &Event) -> String {
        let mut text = String::new();
        if let Event::StepStarted { n, .. } = event
            && *n < self.live
        {
            // The next platform: its steps are counted from the beginning.
            text = self.rest();
            self.live = *n;
        }
        let words = self.words(event);
        // What has no number, or comes late, belongs to the step that is shown.
        let n = number(event).unwrap_or(self.live).max(self.live);
        let step = self.under_way.entry(n).or_default();
        match event {
            Event::StepStarted { line, .. } => step.line = *line,
            Event::StepDone { .. } => step.done = true,
            _ => {}
        }
        step.say(&words, matches!(event, Event::StepLog { .. }));
        text + &self.shown()
    }

    /// What there is to write when the build failed in this line: what was held back of that step.
    pub fn failed(&mut self, line: u32) -> String {
        let mut text = self.shown();
        let is_shown = |step: &Step| step.line == line;
        if self.under_way.get(&self.live).is_some_and(is_shown) {
            return text + self.line_end();
        }
        if let Some(step) = self.under_way.values().find(|step| step.line == line) {
            let said = step.said.clone();
            text = text + self.line_end() + &said;
            if step_is_open(&said) {
                text.push('\n');
            }
        }
        text
    }

    /// The end of a line that stands open.
    fn line_end(&self) -> &'static str {
        if self.under_way.get(&self.live).is_some_and(|step| step.open) { "\n" } else { "" }
    }

    /// What the live step has said, and those behind it as far as they are done.
    fn shown(&mut self) -> String {
        let mut text = String::new();
        while let Some(step) = self.under_way.get_mut(&self.live) {
            text += &std::mem::take(&mut step.said);
            if !step.done {
                break;
            }
            self.under_way.remove(&self.live);
            self.live += 1;
        }
        text
    }

    /// Whatever was held back, in the order of the steps.
    fn rest(&mut self) -> String {
        std::mem::take(&mut self.under_way).into_values().map(|step| step.said).collect()
    }

    fn words(&mut self, event: &Event) -> String {
        match event {
            Event::StepLog { text, .. } => text.clone(),
            Event::StepStarted { n, total, text, .. } => format!("Step {n}/{total} : {text}\n"),
            Event::StepMissed { reason, .. } if self.explain => format!(" ---> Not in the cache: {reason}\n"),
            Event::StepCached { .. } => " ---> Using cache\n".to_owned(),
            Event::Triggers { count, .. } => {
                format!("# Executing {count} build trigger{}\n", if *count == 1 { "" } else { "s" })
            }
            Event::StepRunning { container, .. } => {
                format!(" ---> Running in {}\n", shown_id(container, false))
            }
            Event::ContainerRemoved { container, .. } => {
                format!("Removing intermediate container {}\n", shown_id(container, false))
            }
            Event::StepDone { image, .. } => format!(" ---> {}\n", shown_id(image, false)),
            Event::Warning { message, .. } => format!("[Warning] {message}\n"),
            Event::Built { id } => format!("Successfully built {}\n", shown_id(id, false)),
            Event::Tagged { name } => format!("Successfully tagged {name}\n"),
            event => self
                .pulled
                .told_of(event)
                .iter()
                .filter_map(|said| said.plain().map(|line| line + "\n"))
                .collect(),
        }
    }
}

impl Step {
    fn say(&mut self, words: &str, log: bool) {
        if words.is_empty() {
            return;
        }
        if self.open && !log {
            self.said.push('\n');
        }
        self.said += words;
        self.open = step_is_open(words);
    }
}

fn step_is_open(words: &str) -> bool {
    !words.is_empty() && !words.ends_with('\n')
}

/// The number of the step that an event belongs to.
fn number(event: &Event) -> Option<u32> {
    match event {
        Event::StepStarted { n, .. }
        | Event::StepMissed { n, .. }
        | Event::Triggers { n, .. }
        | Event::StepCached { n }
        | Event::StepRunning { n, .. }
        | Event::StepLog { n, .. }
        | Event::ContainerRemoved { n, .. }
        | Event::StepDone { n, .. } => Some(*n),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use layerkit::LogStream;

    fn started(n: u32, total: u32, text: &str) -> Event {
        Event::StepStarted { n, total, text: text.into(), line: n * 10, stage: "0".into() }
    }

    fn log(n: u32, text: &str) -> Event {
        Event::StepLog { n, stream: LogStream::Stdout, text: text.into() }
    }

    fn done(n: u32) -> Event {
        Event::StepDone { n, image: format!("sha256:{n}00000000000") }
    }

    fn told(steps: &mut Steps, events: impl IntoIterator<Item = Event>) -> String {
        events.into_iter().map(|event| steps.text_of(&event)).collect()
    }

    #[test]
    fn a_build_reads_as_dockers_classic_builder_wrote_it() {
        let container = "9842ff5f06aa00112233";
        let events = [
            started(1, 2, "FROM ubuntu:16.04"),
            Event::Triggers { n: 1, count: 1 },
            Event::StepDone { n: 1, image: "sha256:e4415b714b624040".into() },
            started(2, 2, "RUN printf one"),
            Event::StepRunning { n: 2, container: container.into() },
            log(2, "one\n"),
            Event::StepLog { n: 2, stream: LogStream::Stderr, text: "two".into() },
            Event::ContainerRemoved { n: 2, container: container.into() },
            Event::StepCached { n: 2 },
            Event::StepDone { n: 2, image: "sha256:8e20ce3c9c8d0000".into() },
            Event::warning("One or more build-args [a] were not consumed"),
            Event::Built { id: "sha256:8e20ce3c9c8d0000".into() },
            Event::Tagged { name: "a:latest".into() },
        ];
        assert_eq!(
            told(&mut Steps::new(false), events),
            "Step 1/2 : FROM ubuntu:16.04\n# Executing 1 build trigger\n ---> e4415b714b62\n\
             Step 2/2 : RUN printf one\n ---> Running in 9842ff5f06aa\none\ntwo\n\
             Removing intermediate container 9842ff5f06aa\n ---> Using cache\n ---> 8e20ce3c9c8d\n\
             [Warning] One or more build-args [a] were not consumed\n\
             Successfully built 8e20ce3c9c8d\nSuccessfully tagged a:latest\n"
        );
    }

    #[test]
    fn steps_that_go_on_side_by_side_read_as_if_they_had_come_one_after_the_other() {
        let mut steps = Steps::new(false);
        let first = [started(1, 4, "FROM a"), started(3, 4, "FROM b"), done(3), log(1, "x"), log(1, "y\n")];
        assert_eq!(told(&mut steps, first), "Step 1/4 : FROM a\nxy\n", "step 3 waits");
        let second = [started(4, 4, "RUN four"), log(4, "half a "), done(1)];
        assert_eq!(told(&mut steps, second), " ---> 100000000000\n", "steps 3 and 4 wait for 2");
        let third = [started(2, 4, "RUN two"), log(4, "line"), done(2)];
        assert_eq!(
            told(&mut steps, third),
            "Step 2/4 : RUN two\n ---> 200000000000\nStep 3/4 : FROM b\n ---> 300000000000\n\
             Step 4/4 : RUN four\nhalf a line"
        );
        assert_eq!(told(&mut steps, [done(4)]), "\n ---> 400000000000\n");
    }

    #[test]
    fn a_step_that_failed_before_its_turn_is_shown_and_others_are_not() {
        let mut steps = Steps::new(false);
        let events = [
            started(1, 3, "FROM a"),
            log(1, "open"),
            started(2, 3, "RUN two"),
            log(2, "nobody asks"),
            started(3, 3, "RUN three"),
            log(3, "why"),
        ];
        assert_eq!(told(&mut steps, events), "Step 1/3 : FROM a\nopen");
        assert_eq!(steps.failed(30), "\nStep 3/3 : RUN three\nwhy\n");
        assert_eq!(steps.failed(10), "\n", "it was shown as it went");
        assert_eq!(steps.failed(0), "", "no step of this build");
    }

    #[test]
    fn steps_that_are_counted_anew_follow_those_before() {
        let mut steps = Steps::new(false);
        let events = [started(1, 1, "FROM a"), done(1), started(1, 1, "FROM a"), done(1)];
        let once = "Step 1/1 : FROM a\n ---> 100000000000\n";
        assert_eq!(told(&mut steps, events), once.repeat(2));
    }

    #[test]
    fn why_a_step_is_made_anew_is_told_when_that_is_asked() {
        let missed = || Event::StepMissed { n: 1, reason: "COPY: a.txt: content".into() };
        assert_eq!(told(&mut Steps::new(false), [missed()]), "");
        assert_eq!(told(&mut Steps::new(true), [missed()]), " ---> Not in the cache: COPY: a.txt: content\n");
    }
}
