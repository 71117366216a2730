//! Making and lifting faults, in the words of a user.

use super::{Faults, Impairment, ImpairmentError, LinkEnd, Links, Settings};
use crate::{
    blueprint::Blueprint,
    kernel::Machine,
    name::IfName,
    place::Place,
    target::{self, TargetError, default_interface},
    topology::Topology,
};

/// What a user wants to be otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A link.
    Link {
        /// `TARGET` or `TARGET:INTERFACE`, one of its ends.
        end: String,
        /// What shall become of it.
        change: LinkChange,
    },
    /// A node or VM.
    Machine {
        /// Its name, or `node/NAME`, `vm/NAME`.
        name: String,
        /// Whether it shall run.
        runs: bool,
    },
}

/// What shall become of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkChange {
    /// The named end is set down.
    Down,
    /// Whichever end is set down is no longer.
    Up,
    /// Packets are delayed, lost, held to a rate, in each direction.
    Set(Settings),
    /// They no longer are.
    Clear,
}

/// What a change is made to.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The lab.
    pub topology: &'a Topology,
    /// What is drawn of it, with or without faults.
    pub blueprint: &'a Blueprint,
    /// The kernel that it is in.
    pub machine: Machine,
}

/// What comes of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// All faults of the lab from now on.
    pub faults: Faults,
    /// The full name of the link's end, or of the machine.
    pub subject: String,
    /// How it is from now on: `down`, `up`, `stopped`, `running`, `clear` or `delay 50ms …`.
    pub state: String,
    /// What else the user should know.
    pub notes: Vec<String>,
}

/// Why a change makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// There is no such place.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// There is no such interface at the place.
    #[error("{place} has no interface `{interface}`; it has {}", there.join(", "))]
    Interface {
        /// The place.
        place: Place,
        /// As the user wrote it.
        interface: String,
        /// What it has instead.
        there: Vec<String>,
    },
    /// `lo` joins nothing.
    #[error("`lo` is no link to anywhere; {0} has {there}", there = .1.join(", "))]
    Loopback(Place, Vec<String>),
    /// A bridge or VXLAN device sends for others; netem on it would act on a part of its packets only.
    #[error("{0} is no veth: only a link between two interfaces can be slow or lossy; name one of them")]
    NotAPair(LinkEnd),
    /// The kernel cannot do it.
    #[error(
        "the kernel of this machine has no netem, which delays, loses and holds back packets; load it \
         (modprobe sch_netem) or boot a kernel that has it (CONFIG_NET_SCH_NETEM), then start fabricd anew"
    )]
    NoNetem,
    /// The settings make no impairment.
    #[error(transparent)]
    Impairment(#[from] ImpairmentError),
    /// Only what runs on an Azure host can be stopped.
    #[error("{0} is no node and no VM; `fabctl link down {0}` cuts it off")]
    NotAMachine(Place),
}

impl Faults {
    /// What `change` makes of these faults; a pod's bare name is looked up in `namespace`.
    ///
    /// # Errors
    /// If it is of something that is not there, or that cannot be done to it.
    pub fn changed(&self, scene: Scene<'_>, namespace: &str, change: &Change) -> Result<Changed, FaultError> {
        match change {
            Change::Machine { name, runs } => self.machine_changed(scene.topology, name, *runs),
            Change::Link { end, change } => {
                let links = Links::of(scene.blueprint);
                let end = find(scene.topology, &links, namespace, end)?;
                self.link_changed(scene, &links, end, *change)
            }
        }
    }

    fn machine_changed(&self, topology: &Topology, name: &str, runs: bool) -> Result<Changed, FaultError> {
        let named = topology.azure_vms().find(|(_, own, _)| *own == name).map(|(place, _, _)| place);
        let place = match named {
            Some(place) => place,
            None => target::find(topology, "default", name)?,
        };
        if !matches!(place, Place::Node { .. } | Place::VirtualMachine { .. }) {
            return Err(FaultError::NotAMachine(place));
        }
        let mut faults = self.clone();
        if runs {
            faults.stopped.remove(&place);
        } else {
            faults.stopped.insert(place.clone());
        }
        let notes = match &place {
            _ if runs && faults.cut_off(&place) => {
                vec![format!("{place} is cut off all the same: `fabctl link list` shows by what")]
            }
            _ => vec![],
        };
        let state = if runs { "running" } else { "stopped" }.to_owned();
        Ok(Changed { faults, subject: place.to_string(), state, notes })
    }

    fn link_changed(
        &self,
        scene: Scene<'_>,
        links: &Links,
        end: LinkEnd,
        change: LinkChange,
    ) -> Result<Changed, FaultError> {
        let mut faults = self.clone();
        let mut notes = vec![];
        let other = links.other(&end);
        let state = match change {
            LinkChange::Down => {
                faults.down.insert(end.clone());
                if is_of_the_underlay(&end, other.as_ref()) {
                    notes.push(format!("{end} is below the VNets: what its tunnels carry is lost too"));
                }
                "down".to_owned()
            }
            LinkChange::Up => {
                faults.down.remove(&end);
                if let Some(other) = other.as_ref().filter(|other| faults.down.remove(other)) {
                    notes.push(format!("it was down at its other end, {other}, which is up again"));
                }
                notes.extend(stopped_there(&faults, [Some(&end), other.as_ref()].into_iter().flatten()));
                "up".to_owned()
            }
            LinkChange::Set(settings) => {
                if !scene.machine.netem {
                    return Err(FaultError::NoNetem);
                }
                let other = other.ok_or_else(|| FaultError::NotAPair(end.clone()))?;
                let before = faults.impaired.remove(&other);
                let before = faults.impaired.remove(&end).or(before).unwrap_or_default();
                let impairment = before.with(settings)?;
                if is_of_the_underlay(&end, Some(&other)) {
                    notes.push(format!("{end} is below the VNets: it acts on what tunnels carry too"));
                }
                if impairment.is_none() {
                    "clear".to_owned()
                } else {
                    faults.impaired.insert(end.clone(), impairment);
                    impairment.to_string()
                }
            }
            LinkChange::Clear => {
                faults.impaired.remove(&end);
                if let Some(other) = &other {
                    faults.impaired.remove(other);
                }
                "clear".to_owned()
            }
        };
        Ok(Changed { faults, subject: end.to_string(), state, notes })
    }

    /// What happens to the packets of the link with this end, named by either.
    pub fn impairment(&self, links: &Links, end: &LinkEnd) -> Impairment {
        let other = links.other(end);
        let by_other = || self.impaired.get(other.as_ref()?);
        self.impaired.get(end).or_else(by_other).copied().unwrap_or_default()
    }
}

fn find(topology: &Topology, links: &Links, namespace: &str, text: &str) -> Result<LinkEnd, FaultError> {
    let (name, interface) = match text.split_once(':') {
        Some((name, interface)) => (name, Some(interface)),
        None => (text, None),
    };
    let place = target::find(topology, namespace, name)?;
    let interface = interface.unwrap_or_else(|| default_interface(&place));
    let there = links.names(&place);
    if interface == "lo" {
        return Err(FaultError::Loopback(place, there));
    }
    let end = IfName::new(interface).ok().map(|interface| LinkEnd { place: place.clone(), interface });
    end.filter(|end| links.get(end).is_some()).ok_or_else(|| FaultError::Interface {
        place,
        interface: interface.chars().take(40).collect(),
        there,
    })
}

fn is_of_the_underlay(end: &LinkEnd, other: Option<&LinkEnd>) -> bool {
    end.place == Place::Underlay || other.is_some_and(|other| other.place == Place::Underlay)
}

/// That a machine at one of these ends is stopped, which keeps its link down.
fn stopped_there<'a>(faults: &Faults, ends: impl Iterator<Item = &'a LinkEnd>) -> Option<String> {
    let mut ends = ends.filter(|end| faults.is_stopped(&end.place));
    ends.next().map(|end| {
        let place = &end.place;
        format!("{place} is stopped, so this link stays down; `fabctl node start {place}` starts it")
    })
}
