//! `fabctl run` and `fabctl learn` on documents that need no lab.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::yield_now,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{fabctl, shown};

/// A folder with a document, and a place for temporary files that is looked at afterwards.
struct Lab {
    folder: TempDir,
}

impl Lab {
    fn new(document: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tmp")).unwrap();
        fs::write(folder.path().join("README.md"), document).unwrap();
        Self { folder }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self) -> String {
        fs::read_to_string(self.at("README.md")).unwrap()
    }

    fn command(&self, line: &str) -> Command {
        let mut command = fabctl();
        command.args(line.split(' ')).current_dir(self.folder.path());
        command.env("TMPDIR", self.at("tmp")).env("XDG_STATE_HOME", self.at("state")).env("SHELL", "/bin/sh");
        command
    }

    /// Runs fabctl, and shows what came with times taken out.
    fn run(&self, line: &str) -> String {
        let shown = shown(&self.command(line).output().unwrap());
        assert_eq!(fs::read_dir(self.at("tmp")).unwrap().count(), 0, "something is left: {shown}");
        without_times(&shown)
    }
}

fn without_times(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        match line.rsplit_once(" (").filter(|(_, time)| time.ends_with(" ms)")) {
            Some((before, _)) => out += before,
            None => out += line,
        }
        out.push('\n');
    }
    out
}

#[test]
fn a_document_passes_if_all_is_as_it_says() {
    let lab = Lab::new(
        "# Lab\n\n```console\n$ echo one; echo two >&2\none\ntwo\n$ seq 5\n1\n...\n5\n```\n\n\
         ```console exit=3\n$ echo $(basename $PWD | cut -c1) $HOME; exit 3\n[..]\n```\n\n\
         ```console unordered\n$ printf 'b\\na\\n'\na\nb\n```\n\n<!--\n```console\n$ touch $TMPDIR/x\n$ ls $TMPDIR\nx\n```\n-->\n\n\
         ```console skip-unless=program:no-such-program\n$ no-such-program\n```\n",
    );
    insta::assert_snapshot!(lab.run("run ."), @r#"
    ! ok    ./README.md:3  echo one; echo two >&2
    ! ok    ./README.md:13  echo $(basename $PWD | cut -c1) $HOME; exit 3
    ! ok    ./README.md:18  printf 'b\na\n'
    ! ok    ./README.md:25  touch $TMPDIR/x
    ! skip  ./README.md:32  no-such-program: needs program:no-such-program
    ! 1 passed, 0 failed, of 5 steps 1 skipped
    [0]
    "#);
}

#[test]
fn a_difference_is_shown_where_it_is_and_the_rest_is_not_run() {
    let lab = Lab::new(
        "```console\n$ printf 'a\\nx\\nc\\n'\na\nb\nc\n```\n\n```console\n$ echo no | tee ran\n```\n",
    );
    insta::assert_snapshot!(lab.run("run README.md"), @r#"
    ! FAIL  README.md:1  printf 'a\nx\nc\n'
    !   README.md:2
    !   $ printf 'a\nx\nc\n'
    !    a
    !   -b
    !   +x
    !    c
    ! 0 passed, 1 failed, of 2 steps 0 skipped
    [1]
    "#);
    assert!(!lab.at("ran").exists());
    assert!(lab.run("run README.md --filter nothing").contains("0 passed, 0 failed"));
}

#[test]
fn a_wrong_exit_code_is_a_failure_whatever_was_printed() {
    let lab = Lab::new("```console\n$ echo a; exit 4\na\n```\n");
    insta::assert_snapshot!(lab.run("run ."), @"
    ! FAIL  ./README.md:1  echo a; exit 4
    !   ./README.md:2
    !   $ echo a; exit 4
    !   it ended with exit code 4, not 0
    ! 0 passed, 1 failed, of 1 steps 0 skipped
    [1]
    ");
    let lab = Lab::new("```console exit=1\n$ true\n```\n");
    assert!(lab.run("run .").contains("it ended with exit code 0, not 1"));
    let before = lab.text();
    assert!(lab.run("run . --update").contains("1 failed"));
    assert_eq!(lab.text(), before);
}

#[test]
fn what_takes_a_while_is_awaited_and_what_takes_too_long_is_ended() {
    let lab = Lab::new(
        "```console\n$ (sleep 0.3; echo done > $TMPDIR/f) &\n```\n\n```console eventually=20s\n$ cat $TMPDIR/f\ndone\n```\n",
    );
    assert!(lab.run("run .").contains("1 passed"));
    let lab = Lab::new("```console eventually=200ms\n$ echo a\nb\n```\n");
    assert!(lab.run("run .").contains("+a"));
    let lab = Lab::new("```console\n$ echo a; sleep 63\na\n```\n");
    let begin = Instant::now();
    assert!(lab.run("run . --timeout 200ms").contains("it did not end within 0.2 s"));
    assert!(begin.elapsed() < Duration::from_secs(30));
}

#[test]
fn an_update_writes_what_differs_and_nothing_else() {
    let before = "Text  \r\n\r\n```console\r\n$ echo 'time=3 ms'\r\ntime=2 ms\r\n```\r\n\n- list\n\n  ```console\n  $ seq 2\n  old\n  $ echo '$ x'\n  ```\n\nend";
    let lab = Lab::new(before);
    assert!(
        lab.run("run . --update").contains("1 passed, 0 failed, of 2 steps 0 skipped, 2 outputs updated")
    );
    let after = before.replace("  old\n", "  1\n  2\n").replace("'$ x'\n", "'$ x'\n  [..] x\n");
    assert_eq!(lab.text(), after);
    assert!(lab.run("run . --update").contains("1 passed, 0 failed, of 2 steps 0 skipped\n"));
    assert_eq!(lab.text(), after);
}

const EXERCISE: &str = "```exercise\nMake a file.\n```\n\n```console check\n$ cat $TMPDIR/file\nhello\n```\n\n```console solution\n$ echo hello > $TMPDIR/file\n```\n";

#[test]
fn an_exercise_must_fail_before_and_pass_after() {
    assert!(Lab::new(EXERCISE).run("run .").contains("1 passed"));
    let vain = EXERCISE.replace("cat $TMPDIR/file", "echo hello");
    assert!(Lab::new(&vain).run("run .").contains("its checks pass before it is solved"));
    let wrong = EXERCISE.replace("echo hello", "echo other");
    assert!(Lab::new(&wrong).run("run .").contains("  +other"));
    let unsolved = EXERCISE.replace(" solution", "");
    assert!(
        Lab::new(&unsolved)
            .run("run .")
            .contains("README.md:1: this exercise has no `console solution` block")
    );
}

#[test]
fn reports_are_written_for_programs() {
    let lab = Lab::new("```console\n$ echo '<a>'\n<b>\n```\n");
    let json = lab.run("run . -o json --junit results.xml");
    for part in ["\"result\": \"failed\"", "\"line\": 2", "\"<b>\"", "\"reason\": null"] {
        assert!(json.contains(part), "{part}: {json}");
    }
    let xml = fs::read_to_string(lab.at("results.xml")).unwrap();
    for part in [
        "tests=\"1\" failures=\"1\" errors=\"0\" skipped=\"0\"",
        "message=\"the output differs\"",
        "+&lt;a&gt;",
    ] {
        assert!(xml.contains(part), "{part}: {xml}");
    }
}

#[test]
fn documents_do_not_meet() {
    let lab = Lab::new("");
    for name in ["a", "b"] {
        fs::create_dir_all(lab.at("labs").join(name)).unwrap();
        let text = format!(
            "```console\n$ echo {name} > $TMPDIR/x; sleep 0.2; cat $TMPDIR/x; basename $PWD\n{name}\n{name}\n```\n"
        );
        fs::write(lab.at("labs").join(name).join("README.md"), text).unwrap();
    }
    assert!(lab.run("run labs --jobs 2").contains("2 passed, 0 failed"));
}

fn wait_for(file: &Path) -> String {
    let begin = Instant::now();
    loop {
        match fs::read_to_string(file) {
            Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
            _ => assert!(begin.elapsed() < Duration::from_secs(30), "{} does not come", file.display()),
        }
        yield_now();
    }
}

fn is_running(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

/// Sends Ctrl-C when the document has come to its `sleep`, and looks whether anything is left.
fn interrupt(lab: &Lab, mut child: Child) {
    let background = wait_for(&lab.at("background"));
    let foreground = wait_for(&lab.at("foreground"));
    assert!(is_running(&background) && is_running(&foreground));
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let begin = Instant::now();
    while is_running(&background) || is_running(&foreground) {
        assert!(begin.elapsed() < Duration::from_secs(30));
        yield_now();
    }
    assert_eq!(fs::read_dir(lab.at("tmp")).unwrap().count(), 0);
}

const LONG: &str = "```console\n$ sleep 64 & echo $! > background\n```\n\n```console\n$ sleep 65 & echo $! > foreground; wait\n```\n";

#[test]
fn ctrl_c_leaves_nothing_behind() {
    let lab = Lab::new(LONG);
    let child = lab.command("run .").stderr(Stdio::null()).spawn().unwrap();
    interrupt(&lab, child);

    let lab = Lab::new(LONG);
    let mut child = lab
        .command("learn .")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"\n\n").unwrap();
    interrupt(&lab, child);
}

/// A lesson with everything that the learner types.
fn learn(lab: &Lab, typed: &str) -> String {
    let mut child = lab
        .command("learn .")
        // It reads no further than it must, so what stands behind `exit` is the lesson's again.
        .env("SHELL", "/bin/bash")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
    let shown = shown(&child.wait_with_output().unwrap());
    assert_eq!(fs::read_dir(lab.at("tmp")).unwrap().count(), 0, "{shown}");
    shown
}

#[test]
fn a_lesson_shows_runs_checks_and_remembers() {
    let lab = Lab::new(&format!(
        "# Lesson\n\nFirst **this**.\n\n```console\n$ echo one\none\n```\n\n<!--\n```console hidden\n$ echo secret > $TMPDIR/secret\n```\n-->\n\nThen an exercise.\n\n{EXERCISE}\nThe end.\n"
    ));
    let first = learn(&lab, "\n\nh\ns\necho hello > $TMPDIR/file; cat $TMPDIR/secret\nexit\nq\n");
    insta::assert_snapshot!(first, @"
    Lesson

    First this.

    $ echo one
    [Enter] run  [s] shell  [n] next  [q] quit > one

    Then an exercise.

    Exercise
    Make a file.
    (s opens a shell in the lab, Enter checks, h shows a solution, n goes on)
    [Enter] check  [s] shell  [n] next  [q] quit > $ cat $TMPDIR/file
    cat: $TMPDIR/file: No such file or directory
    Not yet.
    [Enter] check  [s] shell  [n] next  [q] quit > $ echo hello > $TMPDIR/file
    [Enter] check  [s] shell  [n] next  [q] quit > A shell in the lab; `exit` comes back here.
    secret
    [Enter] check  [s] shell  [n] next  [q] quit > [0]
    ");
    let second = learn(&lab, "\ns\necho hello > $TMPDIR/file\nexit\n\n");
    insta::assert_snapshot!(second, @"
    You have done 2 of 3 steps. Enter goes on there, n begins anew.
    [Enter] continue  [s] shell  [n] next  [q] quit > 
    Then an exercise.

    Exercise
    Make a file.
    (s opens a shell in the lab, Enter checks, h shows a solution, n goes on)
    [Enter] check  [s] shell  [n] next  [q] quit > A shell in the lab; `exit` comes back here.
    [Enter] check  [s] shell  [n] next  [q] quit > Solved.

    The end.
    That was all of it.
    [0]
    ");
}
