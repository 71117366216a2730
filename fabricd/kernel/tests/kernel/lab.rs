//! Blueprints drawn by hand, and what the usual tools say of the result.

use std::{
    collections::BTreeMap,
    process::Command,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use fabric_core::{
    blueprint::Blueprint,
    kernel::{Kernel, StepError},
    name::LabName,
    object::{Key, LinkRef, Mac, Object, Veth, VethPeer},
    place::Place,
    plan::{self, Observed, Plan},
};
use fabric_kernel::{LinuxKernel, NETNS_DIR};

/// The kernel that all tests share.
pub fn kernel() -> &'static LinuxKernel {
    static KERNEL: OnceLock<LinuxKernel> = OnceLock::new();
    KERNEL.get_or_init(|| LinuxKernel::open(NETNS_DIR.into()).unwrap())
}

/// A lab of one test. Its namespaces go with it.
pub struct Lab {
    pub name: LabName,
    pub last: Blueprint,
    kernel: &'static LinuxKernel,
}

impl Lab {
    pub fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = LabName::new(format!("test{}", NUMBER.fetch_add(1, Ordering::Relaxed))).unwrap();
        Self { name, last: Blueprint::default(), kernel: kernel() }
    }

    /// What the plan is that would make the kernel be as `wanted`.
    pub fn plan(&self, wanted: &Blueprint) -> Plan {
        plan::between(&self.observe(), &self.last, wanted)
    }

    /// Makes the kernel be as `wanted`, wave by wave; ends after a wave that failed.
    pub fn apply(&mut self, wanted: Blueprint) -> Result<Plan, Vec<StepError>> {
        let plan = self.plan(&wanted);
        self.last = wanted;
        for wave in &plan.waves {
            let steps: usize = wave.jobs.iter().map(|job| job.steps.len()).sum();
            let count = AtomicUsize::new(0);
            let done = |number| {
                count.fetch_add(number, Ordering::Relaxed);
            };
            self.kernel.execute(&self.name, wave, &done)?;
            assert_eq!(count.into_inner(), steps, "each job is told");
        }
        Ok(plan)
    }

    /// Makes the kernel be as `wanted`, and sees that it then says the same.
    pub fn build(&mut self, wanted: Blueprint) {
        let expected = objects(&wanted);
        self.apply(wanted).unwrap_or_else(|errors| panic!("{}", sentences(&errors)));
        assert_same(&self.observe(), &expected);
        let again = self.plan(&self.last);
        assert!(again.is_empty(), "there is more to do: {again}");
    }

    pub fn observe(&self) -> Observed {
        self.kernel.observe(&self.name).unwrap()
    }

    /// What a program prints in a place.
    pub fn inside(&self, place: &Place, command: &[&str]) -> String {
        let netns = place.netns_name(&self.name);
        run(&[&["ip", "netns", "exec", &netns], command].concat())
    }

    /// What `ip -json` says in a place.
    pub fn ip(&self, place: &Place, arguments: &str) -> serde_json::Value {
        let netns = place.netns_name(&self.name);
        let words = ["ip", "-n", &netns, "-j", "-d"].into_iter().chain(arguments.split(' '));
        let text = run(&words.collect::<Vec<_>>());
        serde_json::from_str(if text.trim().is_empty() { "[]" } else { &text }).unwrap()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let result = self.apply(Blueprint::default());
        if !std::thread::panicking() {
            result.unwrap_or_else(|errors| panic!("{}", sentences(&errors)));
            assert_eq!(self.observe(), Observed::default());
            let prefix = Place::Underlay.netns_name(&self.name).replace("underlay", "");
            let left = std::fs::read_dir(NETNS_DIR).unwrap().map(|entry| entry.unwrap().file_name());
            assert_eq!(left.filter(|file| file.to_str().unwrap().starts_with(&prefix)).count(), 0);
        }
    }
}

pub fn assert_same(observed: &Observed, expected: &BTreeMap<Place, BTreeMap<Key, Object>>) {
    let places = |all: &BTreeMap<Place, _>| all.keys().cloned().collect::<Vec<_>>();
    assert_eq!(places(&observed.places), places(expected).clone());
    for (place, objects) in &observed.places {
        for (key, object) in objects {
            assert_eq!(Some(object), expected[place].get(key), "observed at {place}");
        }
        for key in expected[place].keys() {
            assert!(objects.contains_key(key), "not observed at {place}: {key:?}");
        }
    }
}

pub fn objects(blueprint: &Blueprint) -> BTreeMap<Place, BTreeMap<Key, Object>> {
    let object = |(key, part): (&Key, &fabric_core::blueprint::Part)| (key.clone(), part.object.clone());
    let of_place =
        |(place, parts): (&Place, &BTreeMap<_, _>)| (place.clone(), parts.iter().map(object).collect());
    blueprint.places.iter().map(of_place).collect()
}

pub fn sentences(errors: &[StepError]) -> String {
    errors.iter().map(|error| format!("{error}: {}\n", error.source)).collect()
}

/// A blueprint of these objects; the places are added, those of far ends too.
pub fn draw(objects: impl IntoIterator<Item = (Place, Object)>) -> Blueprint {
    let mut blueprint = Blueprint::default();
    let cause: Arc<str> = "test".into();
    for (place, object) in objects {
        let far = if let Object::Veth(veth) = &object { Some(&veth.peer.place) } else { None };
        for place in [Some(&place), far].into_iter().flatten() {
            if !blueprint.has(place, &Key::Namespace) {
                blueprint.add(place, &cause, Object::Namespace);
            }
        }
        blueprint.add(&place, &cause, object);
    }
    blueprint
}

pub fn node() -> Place {
    Place::Node { name: "aks-nodepool1-11743156-vmss000000".into() }
}

pub fn pod() -> Place {
    Place::Pod { cluster: "aks".into(), namespace: "default".into(), name: "web".into() }
}

/// A pair between [`node`] and [`pod`].
pub fn veth() -> Object {
    Object::Veth(Veth {
        link: LinkRef::fixed("veth0", 7),
        mac: Mac::local("near"),
        mtu: 1450,
        peer: VethPeer { place: pod(), link: eth0(), mac: Mac::local("far") },
    })
}

pub fn eth0() -> LinkRef {
    LinkRef::fixed("eth0", 3)
}

/// What a program prints; it must succeed.
pub fn run(words: &[&str]) -> String {
    let output = Command::new(words[0]).args(&words[1..]).env("PATH", PATH).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{}: {}{error}",
        words.join(" "),
        String::from_utf8_lossy(&output.stdout)
    );
    String::from_utf8(output.stdout).unwrap()
}

pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
