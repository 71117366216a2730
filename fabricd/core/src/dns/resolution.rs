//! One question, from block to block and by way of other servers, until there is an answer.

use super::{
    CHAIN_MAX, Server,
    block::{Forward, Found},
    record::{Answer, Code, Question, Record},
};

/// What is to be done next.
#[derive(Clone, Debug)]
pub enum Step {
    /// This is the answer.
    Done(Answer),
    /// Ask these servers, and go on with [`Pending::answered`].
    Ask(Forward, Pending),
}

/// A question on its way.
#[derive(Clone, Debug)]
pub struct Pending {
    question: Question,
    /// CNAMEs on the way to the name that is asked for now.
    records: Vec<Record>,
    /// Names that were rewritten: what was asked for, and what became of it.
    renamed: Option<(String, String)>,
}

impl Server {
    /// Begins with a question.
    pub fn resolve(&self, question: &Question) -> Step {
        self.go_on(Pending { question: question.clone(), records: vec![], renamed: None })
    }

    fn go_on(&self, mut pending: Pending) -> Step {
        loop {
            let Some(block) = self.block(&pending.question.name) else {
                return Step::Done(pending.finish(Answer::code(Code::Refused)));
            };
            if pending.records.is_empty()
                && let Some(name) = block.rewritten(&pending.question.name)
            {
                let asked = std::mem::replace(&mut pending.question.name, name.clone());
                pending.renamed = Some((asked, name));
            }
            match block.ask(&pending.question) {
                Found::Answer(answer) => return Step::Done(pending.finish(answer)),
                Found::Forward(forward) => return Step::Ask(forward, pending),
                Found::Alias(record, target) => {
                    pending.records.push(record);
                    pending.question.name = target;
                    if pending.records.len() > CHAIN_MAX {
                        return Step::Done(Answer::code(Code::ServFail));
                    }
                }
            }
        }
    }
}

impl Pending {
    /// What is to be asked for now.
    pub const fn question(&self) -> &Question {
        &self.question
    }

    /// Whether the other server's answer is the answer, as it comes.
    pub const fn is_plain(&self) -> bool {
        self.records.is_empty() && self.renamed.is_none()
    }

    /// The answer, from what another server has said; nothing if none has.
    pub fn answered(self, answer: Option<Answer>) -> Answer {
        self.finish(answer.unwrap_or(Answer::code(Code::ServFail)))
    }

    fn finish(self, mut answer: Answer) -> Answer {
        if !self.records.is_empty() {
            answer.answers.splice(0..0, self.records);
        }
        if let Some((asked, became)) = self.renamed {
            let meant = answer.answers.iter_mut().filter(|record| record.name == became);
            meant.for_each(|record| record.name.clone_from(&asked));
        }
        answer
    }
}
