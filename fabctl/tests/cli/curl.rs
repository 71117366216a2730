use crate::{fabctl, fake::Fake, run, shown};

#[test]
fn one_request_prints_its_answer_and_ends_as_curl() {
    let fake = Fake::start();
    insta::assert_snapshot!(run(&fake, "curl a http://10.0.0.1/x -n web --lab x"), @"
    x:web:a curl -q --silent --show-error --globoff --proto =http,https --connect-timeout 5.000 --max-time 10.000 --url http://10.0.0.1/x
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "curl a -ik -m 2 --connect-timeout 500ms --resolve w:80:10.0.0.1 w"), @"
    ::a curl -q --silent --show-error --globoff --proto =http,https --connect-timeout 0.500 --max-time 2.000 --resolve w:80:10.0.0.1 --url http://w --include --insecure
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "curl a http://nowhere"), @"
    ! curl: (6) Could not resolve host: nowhere
    [6]
    ");
    let mut header = fabctl();
    header.arg("--socket").arg(fake.socket()).args(["curl", "a", "w", "-H", "Host: $(x) -o /y"]);
    insta::assert_snapshot!(shown(&header.output().unwrap()), @"
    ::a curl -q --silent --show-error --globoff --proto =http,https --connect-timeout 5.000 --max-time 10.000 --header Host: $(x) -o /y --url http://w
    [0]
    ");
}

#[test]
fn several_requests_are_counted() {
    let fake = Fake::start();
    insta::assert_snapshot!(run(&fake, "curl a http://web --count 8"), @"
    POD                    REQUESTS
    web-0                  2
    web-1                  2
    web-2                  2
    (connection refused)   2
    [1]
    ");
    insta::assert_snapshot!(run(&fake, "curl a http://web --count 4 --by client -o json"), @r#"
    {
      "requests": 4,
      "answers": [
        {
          "client": "10.0.0.0",
          "requests": 1
        },
        {
          "client": "10.0.0.1",
          "requests": 1
        },
        {
          "client": "10.0.0.2",
          "requests": 1
        }
      ],
      "failures": [
        {
          "failure": "connection refused",
          "exitCode": 7,
          "requests": 1
        }
      ]
    }
    [1]
    "#);
    insta::assert_snapshot!(run(&fake, "curl a http://nowhere -c 2 -o yaml"), @"
    requests: 2
    answers: []
    failures:
    - failure: could not resolve host
      exitCode: 6
      requests: 2
    [1]
    ");
    insta::assert_snapshot!(run(&fake, "curl a http://wrong --count 2"), @"
    ! error: curl: (3) URL using bad/illegal format or missing URL
    [1]
    ");
    // What no server of ours says stands under its first line, and a header of the user's counts.
    insta::assert_snapshot!(run(&fake, "curl a http://other -c 2 --by body"), @"
    BODY                                                                                                   REQUESTS
    ::a curl -q --silent --show-error --globoff --proto =http,https --connect-timeout 5.000 --max-time 1   2
    [0]
    ");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let fake = Fake::start();
    for line in [
        "curl a http://web --count 0",
        "curl a http://web --count 10001",
        "curl a file:///etc/passwd",
        "curl a -H @/etc/passwd http://web",
        "curl a http://web --max-time 0",
        "curl a http://web -i --count 2",
        "curl a",
    ] {
        let shown = run(&fake, line);
        assert!(shown.starts_with("! error: ") && shown.ends_with("[64]\n"), "{line}: {shown}");
    }
}
