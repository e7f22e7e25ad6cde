//! The checks: what each finds, and what it lets be.

use super::*;

/// Rules with their lines.
#[track_caller]
fn found(text: &str) -> Vec<(&'static str, u32)> {
    let dockerfile = dockerfile(text);
    lint(&dockerfile, &dockerfile.checks).iter().map(|warning| (warning.rule, warning.line)).collect()
}

/// The only message.
#[track_caller]
fn message(text: &str) -> String {
    let dockerfile = dockerfile(text);
    let mut warnings = lint(&dockerfile, &dockerfile.checks);
    assert_eq!(warnings.len(), 1, "{text}: {warnings:?}");
    warnings.remove(0).message
}

#[test]
fn names_and_keywords_are_written_alike() {
    assert_eq!(message("FROM scratch AS Base"), "Stage name 'Base' should be lowercase");
    assert_eq!(message("FROM scratch as base"), "'as' and 'FROM' keywords' casing do not match");
    assert_eq!(message("from scratch AS base"), "'AS' and 'from' keywords' casing do not match");
    assert_eq!(
        message("FROM scratch\ncopy a /b\nCOPY a /c"),
        "Command 'copy' should match the case of the command majority (uppercase)"
    );
    assert_eq!(
        message("From scratch as base\nFROM scratch AS base2"),
        "Command 'From' should match the case of the command majority (uppercase)"
    );
    assert_eq!(
        message("frOM scratch as base\nfrom scratch as base2"),
        "Command 'frOM' should match the case of the command majority (lowercase)"
    );
    assert_eq!(found("from scratch\ncopy a /b\n  COPY a /c"), [("ConsistentInstructionCasing", 3)]);
    assert_eq!(found("FROM scratch AS base\nFROM base\nRUN <<EOT\nenv\nEOT"), []);
}

#[test]
fn stages_have_names_of_their_own() {
    assert_eq!(
        message("FROM scratch AS b\nFROM scratch AS b"),
        "Duplicate stage name \"b\", stage names should be unique"
    );
    assert_eq!(
        message("FROM scratch AS scratch"),
        "Stage name should not use the same name as reserved stage \"scratch\""
    );
    assert_eq!(found("FROM scratch AS context"), [("ReservedStageName", 1)]);
    assert_eq!(found("FROM scratch\nFROM scratch AS a"), []);
}

#[test]
fn platforms_are_for_the_caller_to_say() {
    assert_eq!(
        message("FROM --platform=$TARGETPLATFORM scratch"),
        "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior"
    );
    assert_eq!(found("FROM --platform=${TARGETPLATFORM} scratch"), [("RedundantTargetPlatform", 1)]);
    assert_eq!(
        message("FROM --platform=linux/amd64 scratch"),
        "FROM --platform flag should not use constant value \"linux/amd64\""
    );
    for text in [
        "FROM --platform=linux/amd64 scratch AS my_amd64_stage",
        "FROM --platform=linux/amd64 scratch AS linux",
        "FROM --platform=$BUILDPLATFORM scratch",
        "ARG BUILDPLATFORM=linux/amd64\nFROM --platform=$BUILDPLATFORM scratch",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn what_counts_once_is_said_once() {
    let text = "FROM scratch\nENTRYPOINT [\"/a\"]\nENTRYPOINT [\"/b\"]\nCMD [\"/a\"]\nCMD [\"/b\"]\n\
                HEALTHCHECK CMD [\"/a\"]\nHEALTHCHECK CMD [\"/b\"]";
    let rule = "MultipleInstructionsDisallowed";
    assert_eq!(found(text), [(rule, 2), (rule, 4), (rule, 6)]);
    assert_eq!(found("FROM scratch AS a\nCMD [\"/a\"]\nFROM a\nCMD [\"/b\"]"), []);
}

#[test]
fn commands_are_json_unless_a_shell_was_chosen() {
    assert_eq!(
        message("FROM scratch\nCMD a"),
        "JSON arguments recommended for CMD to prevent unintended behavior related to OS signals"
    );
    assert_eq!(found("FROM scratch\nENTRYPOINT a"), [("JSONArgsRecommended", 2)]);
    for text in [
        "FROM scratch\nSHELL [\"/x\"]\nCMD a",
        "FROM scratch AS b\nSHELL [\"/x\"]\nFROM b\nENTRYPOINT a",
        "FROM scratch\nCMD [\"a\"]",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn old_forms_are_told_from_new_ones() {
    assert_eq!(
        message("FROM scratch\nMAINTAINER me"),
        "Maintainer instruction is deprecated in favor of using label"
    );
    assert_eq!(
        message("FROM scratch\nENV a b"),
        "\"ENV key=value\" should be used instead of legacy \"ENV key value\" format"
    );
    assert_eq!(found("FROM scratch\nLABEL a b"), [("LegacyKeyValueFormat", 2)]);
    assert_eq!(found("FROM scratch\nENV a=b\nLABEL \"a b\"=c"), []);
    assert_eq!(found("FROM scratch\nCOPY a \\\n\n /b"), [("NoEmptyContinuation", 3)]);
}

#[test]
fn secrets_are_known_by_their_names() {
    let rule = "SecretsUsedInArgOrEnv";
    assert_eq!(
        message("FROM scratch\nARG SECRET_PASSPHRASE"),
        "Do not use ARG or ENV instructions for sensitive data (ARG \"SECRET_PASSPHRASE\")"
    );
    let text = "FROM scratch\nENV SUPER_Secret=foo\nENV password=bar secret=baz\nENV apikey=bar sunflower=foo\nENV git_key=\n";
    assert_eq!(found(text), [(rule, 2), (rule, 3), (rule, 3), (rule, 4), (rule, 5)]);
    assert_eq!(found("FROM scratch\nENV PUBLIC_KEY=\nARG public_token\nARG TOKEN_FILE\nENV monkey=1"), []);
}

#[test]
fn arguments_in_from_are_declared_and_make_a_name() {
    assert_eq!(
        message("FROM --platform=$BULIDPLATFORM scratch"),
        "FROM argument 'BULIDPLATFORM' is not declared (did you mean BUILDPLATFORM?)"
    );
    assert_eq!(
        message("ARG tag=latest\nFROM busybox:${tag}${version} AS b"),
        "FROM argument 'version' is not declared"
    );
    assert_eq!(
        message("ARG VERSION\nFROM busybox:$VERSION"),
        "Default value for ARG busybox:$VERSION results in empty or invalid base image name"
    );
    assert_eq!(found("ARG IMAGE\nFROM $IMAGE"), [("InvalidDefaultArgInFrom", 2)]);
    assert_eq!(found("ARG SFX=\"box:\"\nFROM busy${SFX}"), [("InvalidDefaultArgInFrom", 2)]);
    for text in [
        "ARG base=scratch\nFROM $base",
        "FROM --platform=$BUILDPLATFORM scratch",
        "ARG DEBUG\nFROM scratch${DEBUG}",
        "ARG DEBUG\nFROM scra${DEBUG:-tch}",
        "FROM scra${DEBUG:-tch}",
        "ARG VERSION=\"latest\"\nFROM busybox:${VERSION}",
        "ARG VARIANT\nFROM busybox:stable${VARIANT}",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn variables_are_set_before_they_are_used() {
    let undefined = |text: &str| message(&format!("FROM scratch\n{text}"));
    assert_eq!(undefined("COPY $foo ."), "Usage of undefined variable '$foo'");
    assert_eq!(undefined("ENV a=$PAHT"), "Usage of undefined variable '$PAHT' (did you mean $PATH?)");
    assert_eq!(found("FROM alpine\nCOPY $foo .\nARG foo=bar"), [("UndefinedVar", 2)]);
    assert_eq!(found("FROM alpine\nARG DIR_ASSETS=x\nCOPY $DIR_ASSET ."), [("UndefinedVar", 3)]);
    for text in [
        // What an image sets is not known.
        "FROM golang\nCOPY a $GOPATH/src",
        "FROM scratch\nARG foo\nCOPY a${foo} .",
        "FROM scratch AS base\nARG foo=a\nFROM base\nCOPY $foo .",
        "FROM scratch\nRUN echo $x",
        "FROM scratch\nENV a=$PATH b=$http_proxy",
        "FROM scratch\nENV a=${b:-c} d=${e+f}",
        "FROM scratch\nENV a='$b' c=\\$d",
        "FROM scratch\nENV a=1\nENV b=$a",
        "FROM scratch\nCOPY <<'EOF' /x\n$a\nEOF",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
    assert_eq!(found("FROM scratch\nENV a=1 b=$a"), [("UndefinedVar", 2)]);
    assert_eq!(found("FROM scratch\nCOPY <<EOF /x\n$a\nEOF"), [("UndefinedVar", 2)]);
}

#[test]
fn the_first_working_directory_is_absolute() {
    assert_eq!(
        message("FROM scratch\nWORKDIR app/"),
        "Relative workdir \"app/\" can have unexpected results if the base image changes"
    );
    assert_eq!(found("FROM scratch\nARG a=b\nWORKDIR $a\nWORKDIR c"), [("WorkdirRelativePath", 3)]);
    for text in [
        "FROM scratch AS a\nWORKDIR /app\nFROM a\nWORKDIR sub",
        "FROM scratch\nENV A=/a\nWORKDIR $A",
        "FROM scratch\nARG A\nWORKDIR $A",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn ports_are_numbers_and_protocols_lower_case() {
    assert_eq!(
        message("FROM scratch\nEXPOSE 80/TCP"),
        "Defined protocol '80/TCP' in EXPOSE instruction should be lowercase"
    );
    assert_eq!(
        message("FROM scratch\nEXPOSE 127.0.0.1:80:80"),
        "EXPOSE instruction should not define an IP address or host-port mapping, found '127.0.0.1:80:80'"
    );
    assert_eq!(found("FROM scratch\nEXPOSE 80 443/udp 8000-8080"), []);
}

#[test]
fn comments_above_describe_when_that_is_asked_for() {
    let text =
        "# bar is\nARG foo=1\n# BasE is\nFROM scratch AS base\n# bad\nARG version=1\n# bad\nARG a=1 b=2\n";
    assert_eq!(found(text), []);
    let asked = format!("# check=experimental=InvalidDefinitionDescription\n{text}");
    let rule = "InvalidDefinitionDescription";
    assert_eq!(found(&asked), [(rule, 3), (rule, 5), (rule, 7), (rule, 9)]);
    assert_eq!(
        found("# check=experimental=all\n# foo is\nARG foo\n\n# b x\nARG a=1 b=2\nFROM scratch\n"),
        []
    );
    assert_eq!(
        message("# check=experimental=all;skip=all\n# x\nARG a=1 b=2\nFROM scratch"),
        "Comment for ARG should follow the format: `# <arg_key> <description>`"
    );
}

#[test]
fn a_directive_says_which_checks_hold() {
    let text = "FROM scratch as base\ncopy a /b\n";
    let with = |check: &str| found(&format!("#check={check}\n{text}")).len();
    assert_eq!(with("skip=all"), 0);
    assert_eq!(with("skip=ConsistentInstructionCasing, FromAsCasing"), 0);
    assert_eq!(with("skip=ConsistentInstructionCasing;error=true"), 1);
    assert_eq!(failure(&format!("# check=skp=all\n{text}")).field("line"), Some(&Field::Int(1)));
    for wrong in ["x", "skp=all", "error=perhaps"] {
        let message = failure(&format!("# check={wrong}\n{text}")).to_string();
        assert_eq!(message, format!("Dockerfile parse error line 1: invalid check option {wrong:?}"));
    }
}

#[test]
fn a_warning_is_a_failure_where_that_is_asked_for() {
    let verdict = |check: &str| {
        let dockerfile = dockerfile(&format!("# check={check}\nFROM scratch AS Base\n MAINTAINER me\n"));
        dockerfile.checks.verdict(&lint(&dockerfile, &dockerfile.checks))
    };
    let error = verdict("error=true").unwrap_err();
    assert_eq!(
        error.to_string(),
        "Dockerfile parse error line 2: lint violation found for rules: MaintainerDeprecated, StageNameCasing: \
         Stage name 'Base' should be lowercase"
    );
    assert_eq!(error.field("rule"), Some(&Field::Text("StageNameCasing".into())));
    assert_eq!(error.field("column"), Some(&Field::Int(1)));
    assert!(verdict("error=true;skip=all").is_ok());
    assert!(verdict("error=false").is_ok());
}
