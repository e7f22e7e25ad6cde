//! The whole run: every driver, every case, and the rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};

use crate::Result;
use crate::case::{Case, read_all};
use crate::driver::Driver;
use crate::ops::Ops;
use crate::rules::{coverage_problems, hello_problems};
use crate::run::{Problem, Same, run_case};

/// What to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Languages and the command lines of their drivers.
    pub drivers: Vec<(String, String)>,
    /// The folder with `ops.json`.
    pub suite: PathBuf,
    /// The folder of the cases.
    pub cases: PathBuf,
    /// Only cases whose name contains this.
    pub filter: Option<String>,
    /// Only cases with a `same`.
    pub same_build: bool,
    /// A language without a driver is no failure.
    pub allow_missing: bool,
    /// A static busybox.
    pub busybox: PathBuf,
    /// Name every case, with the time it took.
    pub verbose: bool,
}

/// How many checks passed, failed and could not be made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Cases, once for each driver, and rules.
    pub passed: usize,
    /// The same.
    pub failed: usize,
    /// Cases that this machine or language cannot do.
    pub skipped: usize,
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// What one driver's run showed.
#[derive(Default)]
struct Report {
    lines: Vec<String>,
    totals: Totals,
    same: BTreeMap<String, Same>,
}

impl Report {
    fn fail(&mut self, language: &str, what: &str, why: &str) {
        self.totals.failed += 1;
        self.lines.push(format!("FAILED {language}: {what}\n    {}", why.replace('\n', "\n    ")));
    }
}

/// Runs everything; tells `print` line by line what failed. An error is one of the suite itself: a case that cannot be read.
pub fn run_suite(options: &Options, print: &mut dyn FnMut(&str)) -> Result<Totals> {
    let ops = Ops::read(&options.suite)?;
    let all = read_all(&options.cases)?;
    let cases: Vec<Case> = all
        .into_iter()
        .filter(|case| options.filter.as_ref().is_none_or(|filter| case.name.contains(filter)))
        .filter(|case| !options.same_build || !case.same.is_empty())
        .collect();
    if cases.is_empty() {
        return Err("there is no such case".to_owned());
    }
    unknown_names(&ops, &cases)?;
    let reports: Vec<Report> = std::thread::scope(|scope| {
        let runs: Vec<_> = options
            .drivers
            .iter()
            .map(|(language, command)| scope.spawn(|| run_driver(&ops, &cases, language, command, options)))
            .collect();
        runs.into_iter().map(|run| run.join().unwrap_or_else(|_| broken_runner())).collect()
    });
    let mut rules = rules(&ops, &cases, options, &reports);
    let mut totals = Totals::default();
    for report in reports.into_iter().chain([std::mem::take(&mut rules)]) {
        report.lines.iter().for_each(|line| print(line));
        totals.passed += report.totals.passed;
        totals.failed += report.totals.failed;
        totals.skipped += report.totals.skipped;
    }
    Ok(totals)
}

fn broken_runner() -> Report {
    let mut report = Report::default();
    report.fail("runner", "a thread of the runner", "it panicked");
    report
}

/// A call that no driver can know is a mistake in a case, not a failure of every driver.
fn unknown_names(ops: &Ops, cases: &[Case]) -> Result<()> {
    for case in cases {
        for call in case.calls() {
            let Some(operation) = ops.operations.get(&call.call) else {
                return Err(format!("{}: {:?} is no operation of ops.json", case.name, call.call));
            };
            if let Some(missing) = operation.args.iter().find(|name| !call.args.contains_key(*name)) {
                return Err(format!("{}: {} without {missing:?}", case.name, call.call));
            }
            if operation.options.is_none() && call.args.len() > operation.args.len() {
                return Err(format!("{}: {} takes only {:?}", case.name, call.call, operation.args));
            }
            if let Some(fails) = call.fails.filter(|fails| !ops.errors.contains_key(&fails.code)) {
                return Err(format!("{}: {:?} is no error code of ops.json", case.name, fails.code));
            }
        }
    }
    Ok(())
}

/// A driver that is ready for cases.
struct Started {
    driver: Driver,
    /// What is wrong with its `hello`.
    problems: Vec<String>,
    /// What cases may need: `root` or `user`, and `run` where steps can run.
    can: Vec<&'static str>,
}

/// Starts a driver, has it say who it is and do a little, so that what its language loads late is loaded.
fn start(ops: &Ops, language: &str, command: &str, home: &Path) -> Result<Started> {
    let mut driver = Driver::start(command, home)?;
    let hello = driver.must(json!({ "op": "hello" }))?;
    let problems = hello_problems(ops, language, &hello);
    let root = home.join("warm-up");
    driver.must(json!({ "op": "engine_open", "engine": "w", "args": { "root": root } }))?;
    let import = json!({ "op": "images_import", "engine": "w", "events": true,
        "args": { "source": { "stream": "/dev/null" } } });
    if let Value::Object(import) = import {
        // Whether it succeeds is for the cases to say.
        let _ = driver.ask(import)?;
    }
    let mut can = vec![if rustix::process::geteuid().is_root() { "root" } else { "user" }];
    if let Value::Object(info) = json!({ "op": "system_info", "engine": "w" }) {
        let answer = driver.ask(info)?;
        if answer.outcome.is_ok_and(|info| info["run_mode"] != "none") {
            can.push("run");
        }
    }
    for op in ["engine_close", "forget"] {
        driver.must(json!({ "op": op, "engine": "w" }))?;
    }
    Ok(Started { driver, problems, can })
}

fn run_driver(ops: &Ops, cases: &[Case], language: &str, command: &str, options: &Options) -> Report {
    let mut report = Report::default();
    let home = match tempfile::Builder::new().prefix("conformance-home-").tempdir() {
        Ok(home) => home,
        Err(error) => {
            report.fail(language, "a home for the driver", &error.to_string());
            return report;
        }
    };
    let Started { mut driver, problems, can } = match start(ops, language, command, home.path()) {
        Ok(started) => started,
        Err(why) => {
            report.fail(language, "the driver starts", &why);
            return report;
        }
    };
    match problems.is_empty() {
        true => report.totals.passed += 1,
        false => report.fail(language, "the driver knows what ops.json lists", &problems.join("\n")),
    }
    for case in cases {
        if let Some(reason) = why_not(ops, case, language, &can) {
            report.totals.skipped += 1;
            report.lines.push(format!("skipped {language}: {}: {reason}", case.name));
            continue;
        }
        let began = Instant::now();
        let outcome = run_case(case, &mut driver, language, &options.busybox);
        let broken = matches!(&outcome, Err(problem) if problem.broken);
        judge(&mut report, case, language, outcome);
        if options.verbose {
            report.lines.push(format!("{:>6} ms {language}: {}", began.elapsed().as_millis(), case.name));
        }
        if broken {
            match start(ops, language, command, home.path()) {
                Ok(next) => driver = next.driver,
                Err(why) => {
                    report.fail(language, "the driver starts again", &why);
                    return report;
                }
            }
        }
    }
    match driver.end() {
        Ok(()) => report.totals.passed += 1,
        Err(why) => report.fail(language, "the driver ends with its input", &why),
    }
    report
}

fn judge(report: &mut Report, case: &Case, language: &str, outcome: Result<Same, Problem>) {
    match (outcome, &case.known_failure) {
        (Ok(same), None) => {
            report.totals.passed += 1;
            report.same.insert(case.name.clone(), same);
        }
        (Ok(_), Some(reason)) => {
            report.fail(language, &case.name, &format!("passes, and is marked as a known failure: {reason}"));
        }
        (Err(problem), None) => report.fail(language, &case.name, &problem.text),
        (Err(_), Some(_)) => report.totals.passed += 1,
    }
}

/// Why this case cannot be run here.
fn why_not(ops: &Ops, case: &Case, language: &str, can: &[&str]) -> Option<String> {
    if let Some(need) = case.needs.iter().find(|need| !can.contains(&need.as_str())) {
        return Some(format!("needs {need}"));
    }
    let keys = case.calls().into_iter().flat_map(|call| call.request_keys());
    keys.filter_map(|key| ops.cannot.get(key)?.get(language)).next().cloned()
}

/// The rules on all drivers and cases together.
fn rules(ops: &Ops, cases: &[Case], options: &Options, reports: &[Report]) -> Report {
    let mut report = Report::default();
    let mut check = |what: &str, problems: Vec<String>| match problems.is_empty() {
        true => report.totals.passed += 1,
        false => report.fail("all", what, &problems.join("\n")),
    };
    if !options.allow_missing {
        let missing = ops.languages.iter().filter(|name| !options.drivers.iter().any(|(n, _)| n == *name));
        let problems = missing.map(|name| format!("no driver for {name}")).collect();
        check("every language has a driver", problems);
    }
    let names: Vec<&str> = options.drivers.iter().map(|(name, _)| name.as_str()).collect();
    check("every language shows the same", different(&names, reports));
    if options.filter.is_none() && !options.same_build {
        check("the cases cover every operation and code", coverage_problems(ops, &wanted_failures(cases)));
    }
    report
}

/// Operations and the codes that cases want them to fail with. A case that does not come out so fails itself; one that is known to fail proves nothing.
fn wanted_failures(cases: &[Case]) -> BTreeSet<(String, String)> {
    let calls = cases.iter().filter(|case| case.known_failure.is_none()).flat_map(Case::calls);
    calls.filter_map(|call| Some((call.call, call.fails?.code))).collect()
}

/// Values of `same` that are not the same in all languages.
fn different(names: &[&str], reports: &[Report]) -> Vec<String> {
    let mut problems = Vec::new();
    let Some(first) = reports.first() else { return problems };
    for (case, wanted) in &first.same {
        for (report, name) in reports.iter().zip(names).skip(1) {
            match report.same.get(case) {
                Some(got) if got != wanted => problems.push(format!(
                    "{case}: {} in {}, {} in {name}",
                    json!(wanted),
                    names[0],
                    json!(got)
                )),
                _ => {}
            }
        }
    }
    problems
}
