//! What happens to labs and the objects in them, in one sentence each, as `kubectl get events` tells it.

mod difference;
mod facts;
#[cfg(test)]
mod tests;

use std::fmt;

pub use difference::{SAME_MAX, difference, endpoints, shortened};

use crate::{inventory::Kind, name::LabName};

/// Most characters of a message; a longer one ends with `…`. Each event needs little memory so.
pub const MESSAGE_MAX: usize = 1000;

/// Something that has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What it happened to.
    pub object: Object,
    /// What it was, in a word.
    pub reason: Reason,
    /// The same for people: at most [`MESSAGE_MAX`] characters.
    pub message: String,
    /// The numbers in the message, for programs.
    pub counts: Vec<(&'static str, u64)>,
}

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    /// Its kind; [`Kind::Labs`] for the lab as a whole.
    pub kind: Kind,
    /// Its Kubernetes namespace, if it is in one.
    pub namespace: Option<String>,
    /// Its name, as [`crate::inventory::Resource::name`]; empty if several of the kind are meant.
    pub name: String,
}

/// What has happened, in a word. To add one, add it here, and to [`Reason::is_warning`] if it is bad news.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The lab was made or changed as its files say.
    Applied,
    /// It was not; what there is now is in the message.
    ApplyFailed,
    /// The lab was taken away.
    Deleted,
    /// Parts of it are still there.
    DeleteFailed,
    /// The object is new.
    Added,
    /// The object has gone.
    Removed,
    /// Something about the object is different.
    Changed,
    /// The object is somewhere else: a pod on another node, a VM in another subnet.
    Moved,
    /// A route table is attached to the subnet.
    Attached,
    /// A route table is no longer attached to the subnet.
    Detached,
    /// The peering has both halves, and packets flow.
    Connected,
    /// The peering lacks its other half, and nothing flows.
    Initiated,
    /// A Deployment wants another number of pods.
    ScalingReplicaSet,
    /// A Service has other endpoints, or others of them are ready.
    EndpointsChanged,
    /// The pod may get packets of Services again; the node those of the load balancer.
    Ready,
    /// It may not: a probe has failed, or somebody has switched it off.
    Unhealthy,
}

impl Reason {
    /// Whether something went wrong.
    pub fn is_warning(self) -> bool {
        matches!(self, Self::ApplyFailed | Self::DeleteFailed | Self::Unhealthy)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Event {
    /// An event without numbers.
    pub fn new(object: Object, reason: Reason, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if let Some((cut, _)) = message.char_indices().nth(MESSAGE_MAX) {
            message.truncate(cut);
            message.pop();
            message.push('…');
            message.shrink_to_fit();
        }
        Self { object, reason, message, counts: vec![] }
    }

    /// An event about the whole lab.
    pub fn of_lab(lab: &LabName, reason: Reason, message: impl Into<String>) -> Self {
        let object = Object { kind: Kind::Labs, namespace: None, name: lab.to_string() };
        Self::new(object, reason, message)
    }

    /// The same with numbers.
    #[must_use]
    pub fn with_counts(self, counts: impl IntoIterator<Item = (&'static str, u64)>) -> Self {
        Self { counts: counts.into_iter().collect(), ..self }
    }

    /// The lab is as its files say: objects in the kernel that were made, changed in place and taken
    /// away, the lab's generation, and the time it took.
    pub fn applied(
        lab: &LabName,
        is_new: bool,
        [create, change, remove]: [u64; 3],
        generation: u64,
        milliseconds: u64,
    ) -> Self {
        let word = if is_new { "created" } else { "configured" };
        let message = format!(
            "{word}: {create} kernel objects made, {change} changed, {remove} removed \
             (generation {generation}, {milliseconds} ms)"
        );
        Self::of_lab(lab, Reason::Applied, message).with_counts([
            ("create", create),
            ("change", change),
            ("remove", remove),
            ("generation", generation),
            ("milliseconds", milliseconds),
        ])
    }

    /// The lab is gone.
    pub fn deleted(lab: &LabName, milliseconds: u64) -> Self {
        Self::of_lab(lab, Reason::Deleted, format!("deleted ({milliseconds} ms)"))
            .with_counts([("milliseconds", milliseconds)])
    }
}

/// A time as RFC 3339 writes it, in UTC and with microseconds: `2026-05-04T12:15:39.123456Z`.
/// `microseconds` since 1970-01-01 00:00 UTC; what is beyond the years 0 to 9999 becomes 1970.
pub fn rfc_3339(microseconds: i64) -> String {
    let time = k8s_openapi::jiff::Timestamp::from_microsecond(microseconds).unwrap_or_default();
    format!("{time:.6}")
}
