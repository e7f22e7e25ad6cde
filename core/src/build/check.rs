//! What the checks of a Dockerfile find: told before the first step, and a failure where `error=true` asks for it.

use std::path::Path;

use super::Build;
use super::context::Files;
use crate::dockerfile::{Command, Warning, ignored_copy};
use crate::error::Result;
use crate::event::Event;

impl Build<'_> {
    /// Tells the warnings. `dockerfile_syntax` when there are any and the Dockerfile wants none.
    pub(super) fn tell_warnings(&self) -> Result<()> {
        let mut warnings = self.plan.warnings.clone();
        if self.plan.before == 0 {
            // Of several platforms the first tells what is of the text and the context.
            warnings.extend(self.ignored_copies());
        }
        warnings.sort_by_key(|warning| (warning.line, warning.column));
        for Warning { rule, message, line, column } in warnings.clone() {
            self.task.emit(&Event::Warning { message, line, column, rule })?;
        }
        self.plan.check.verdict(&warnings)
    }

    /// Sources of COPY and ADD that the ignore file leaves out. Those with variables or wildcards are not looked at.
    fn ignored_copies(&self) -> Vec<Warning> {
        let mut found = Vec::new();
        for instruction in self.plan.stages.iter().flat_map(|stage| &stage.instructions) {
            let (Command::Copy(args) | Command::Add(args)) = &instruction.command else { continue };
            if args.from.is_some() {
                continue;
            }
            let literal =
                args.sources.iter().filter(|source| !source.contains(['$', '*', '?', '[', '\\', ':']));
            for source in literal {
                let path = source.trim_start_matches("./").trim_start_matches('/').trim_end_matches('/');
                if self.context.excluded(Path::new(path)) {
                    found.extend(ignored_copy(&self.plan.check, instruction, source));
                }
            }
        }
        found
    }
}
