//! Answers, counted: when somebody becomes healthy or unhealthy.

use std::collections::{BTreeMap, BTreeSet};

use fabric_core::{
    condition::Conditions,
    health_probe::{HealthProbe, Rhythm, Subject as Asked},
};

use super::{Finding, Subject};

/// All that is asked in one lab, what came of it, and what has been told of it.
#[derive(Debug, Default)]
pub struct Health {
    probes: Vec<(HealthProbe, Tally)>,
    /// What is wrong with each subject that is not well: the cause and its reason.
    wrong: BTreeMap<Subject, BTreeMap<String, String>>,
    /// Those of whom it is known that they are not well.
    told: BTreeSet<Subject>,
}

/// How causes begin that are programs.
const PROGRAM: &str = "program ";

/// One probe's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    healthy: bool,
    /// Answers one after the other that say otherwise.
    against: u32,
}

impl Tally {
    /// Takes one more answer; says whether the probe has become healthy or unhealthy by it.
    fn count(&mut self, good: bool, rhythm: Rhythm) -> Option<bool> {
        if good == self.healthy {
            self.against = 0;
            return None;
        }
        self.against += 1;
        let threshold = if good { rhythm.success_threshold } else { rhythm.failure_threshold };
        if self.against < threshold {
            return None;
        }
        *self = Self { healthy: good, against: 0 };
        Some(good)
    }
}

/// Whom the probe is about, and which of several causes for it this is.
fn subject(probe: &HealthProbe) -> (Subject, String) {
    match &probe.subject {
        Asked::Pod { pod, container } => (Subject::Pod(pod.clone()), format!("probe of {container}")),
        Asked::Backend { rule, node } => {
            (Subject::Backend { rule: rule.clone(), node: node.clone() }, String::new())
        }
    }
}

impl Health {
    /// What is asked from now on, of a lab with these conditions. A probe that was asked `before` goes on counting.
    /// What is not asked any more is well.
    pub fn new(probes: BTreeSet<HealthProbe>, conditions: &Conditions, before: Self) -> Self {
        let pods = conditions.unready.iter().cloned().map(Subject::Pod);
        let backends = conditions.unhealthy.iter().flat_map(|(rule, nodes)| {
            nodes.iter().map(|node| Subject::Backend { rule: rule.clone(), node: node.clone() })
        });
        let told: BTreeSet<Subject> = pods.chain(backends).collect();
        let known: BTreeMap<HealthProbe, Tally> = before.probes.into_iter().collect();
        let mut health = Self { told, ..Self::default() };
        for probe in probes {
            let (subject, cause) = subject(&probe);
            let tally = known.get(&probe).copied().unwrap_or_else(|| {
                // A pod that is not ready may be so for another reason.
                Tally { healthy: !health.told.contains(&subject), against: 0 }
            });
            if !tally.healthy {
                let reason = before.wrong.get(&subject).and_then(|causes| causes.get(&cause));
                let reason = reason.cloned().unwrap_or_default();
                health.wrong.entry(subject).or_default().insert(cause, reason);
            }
            health.probes.push((probe, tally));
        }
        health
    }

    /// Whether nothing is asked, and nothing is left to be told.
    pub fn is_empty(&self) -> bool {
        self.probes.is_empty() && self.told.is_empty()
    }

    /// Everything that is asked; its index is its number.
    pub fn probes(&self) -> impl Iterator<Item = &HealthProbe> {
        self.probes.iter().map(|(probe, _)| probe)
    }

    /// The probe of this number.
    pub fn probe(&self, number: usize) -> &HealthProbe {
        &self.probes[number].0
    }

    /// Takes an answer to the probe of this number.
    pub fn count(&mut self, number: usize, answer: Result<(), String>) {
        let (probe, tally) = &mut self.probes[number];
        let (subject, cause) = subject(probe);
        match (tally.count(answer.is_ok(), probe.rhythm), answer) {
            (Some(false), Err(reason)) => self.set_wrong(subject, cause, reason),
            (Some(true), _) => self.set_right(&subject, &cause),
            _ => {}
        }
    }

    /// Takes which programs of containers do not run: pod, container and reason.
    pub fn programs(&mut self, down: Vec<(String, String, String)>) {
        let down: BTreeMap<(Subject, String), String> = down
            .into_iter()
            .map(|(pod, name, why)| {
                ((Subject::Pod(pod), format!("{PROGRAM}{name}")), format!("container {name} {why}"))
            })
            .collect();
        let over: Vec<(Subject, String)> = self
            .wrong
            .iter()
            .flat_map(|(subject, causes)| causes.keys().map(move |cause| (subject.clone(), cause.clone())))
            .filter(|it| it.1.starts_with(PROGRAM) && !down.contains_key(it))
            .collect();
        for (subject, cause) in over {
            self.set_right(&subject, &cause);
        }
        for ((subject, cause), reason) in down {
            self.set_wrong(subject, cause, reason);
        }
    }

    fn set_wrong(&mut self, subject: Subject, cause: String, reason: String) {
        self.wrong.entry(subject).or_default().insert(cause, reason);
    }

    fn set_right(&mut self, subject: &Subject, cause: &str) {
        if let Some(causes) = self.wrong.get_mut(subject) {
            causes.remove(cause);
            if causes.is_empty() {
                self.wrong.remove(subject);
            }
        }
    }

    /// Whether there is something to tell.
    pub fn has_news(&self) -> bool {
        self.told.len() != self.wrong.len() || !self.wrong.keys().all(|subject| self.told.contains(subject))
    }

    /// What has changed since this was asked last.
    pub fn news(&mut self) -> Vec<Finding> {
        let well = self.told.iter().filter(|subject| !self.wrong.contains_key(*subject));
        let well =
            well.map(|subject| Finding { subject: subject.clone(), healthy: true, reason: String::new() });
        let wrong = self.wrong.iter().filter(|(subject, _)| !self.told.contains(*subject));
        let wrong = wrong.map(|(subject, causes)| {
            let reason = causes.values().cloned().collect::<Vec<_>>().join("; ");
            Finding { subject: subject.clone(), healthy: false, reason }
        });
        let news = well.chain(wrong).collect();
        self.told = self.wrong.keys().cloned().collect();
        news
    }
}

#[cfg(test)]
mod tests {
    use fabric_core::{health_probe::Question, place::Place};

    use super::*;

    fn probe(container: &str, failures: u32, successes: u32) -> HealthProbe {
        HealthProbe {
            subject: Asked::Pod { pod: "aks/default/a".into(), container: container.into() },
            from: Place::Node { name: "n".into() },
            source: None,
            to: "10.0.0.4:80".parse().expect("an address"),
            question: Question::Tcp,
            rhythm: Rhythm {
                initial_delay: 0,
                period: 1,
                timeout: 1,
                failure_threshold: failures,
                success_threshold: successes,
            },
        }
    }

    fn told(health: &mut Health) -> Vec<(bool, String)> {
        assert_eq!(health.has_news(), !health.wrong.keys().eq(health.told.iter()));
        health.news().into_iter().map(|finding| (finding.healthy, finding.reason)).collect()
    }

    fn failed() -> Result<(), String> {
        Err("it failed".to_owned())
    }

    #[test]
    fn thresholds_count_answers_one_after_the_other() {
        let mut health = Health::new([probe("c", 3, 2)].into(), &Conditions::default(), Health::default());
        let wrong = vec![(false, "it failed".to_owned())];
        let well = vec![(true, String::new())];
        let steps = [
            (failed(), vec![]),
            (failed(), vec![]),
            (Ok(()), vec![]),
            (failed(), vec![]),
            (failed(), vec![]),
            (failed(), wrong),
            (failed(), vec![]),
            (Ok(()), vec![]),
            (failed(), vec![]),
            (Ok(()), vec![]),
            (Ok(()), well),
        ];
        for (number, (answer, expected)) in steps.into_iter().enumerate() {
            health.count(0, answer);
            assert_eq!(told(&mut health), expected, "answer {number}");
        }
    }

    #[test]
    fn a_pod_is_well_when_all_of_it_is() {
        let probes = [probe("c", 1, 1), probe("d", 1, 1)];
        let mut health = Health::new(probes.into(), &Conditions::default(), Health::default());
        health.count(0, failed());
        assert_eq!(told(&mut health).len(), 1);
        let down = |name: &str| vec![("aks/default/a".to_owned(), name.to_owned(), "ended".to_owned())];
        health.count(1, failed());
        health.programs(down("e"));
        assert_eq!(told(&mut health), []);
        health.count(0, Ok(()));
        health.programs(vec![]);
        assert_eq!(told(&mut health), []);
        health.count(1, Ok(()));
        assert_eq!(told(&mut health), [(true, String::new())]);
        health.programs(down("e"));
        assert_eq!(told(&mut health), [(false, "container e ended".to_owned())]);
    }

    #[test]
    fn what_is_asked_no_more_is_well_and_what_stays_goes_on() {
        let mut before = Health::new([probe("c", 1, 1)].into(), &Conditions::default(), Health::default());
        before.count(0, failed());
        assert_eq!(told(&mut before).len(), 1);
        let conditions = Conditions { unready: ["aks/default/a".to_owned()].into(), ..Conditions::default() };
        let mut after = Health::new([probe("c", 1, 1)].into(), &conditions, before);
        assert_eq!(told(&mut after), []);
        let mut gone = Health::new([].into(), &conditions, after);
        assert_eq!(told(&mut gone), [(true, String::new())]);
        // A daemon that takes the lab over knows only what it is like.
        let mut anew = Health::new([probe("c", 1, 1)].into(), &conditions, Health::default());
        assert_eq!(told(&mut anew), []);
        anew.count(0, Ok(()));
        assert_eq!(told(&mut anew), [(true, String::new())]);
    }
}
