//! What `ip` says of the interface that packets leave by.

use serde_json::Value;

/// The interface in the answer of `ip -j route get ADDRESS`.
pub fn device(answer: &[u8]) -> Option<String> {
    first(answer, "dev")?.as_str().map(str::to_owned)
}

/// The MTU in the answer of `ip -j link show dev NAME`.
pub fn mtu(answer: &[u8]) -> Option<u32> {
    first(answer, "mtu")?.as_u64()?.try_into().ok()
}

fn first(answer: &[u8], key: &str) -> Option<Value> {
    let mut answer: Value = serde_json::from_slice(answer).ok()?;
    Some(answer.get_mut(0)?.get_mut(key)?.take())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interface_and_mtu_are_found() {
        let route = br#"[{"dst":"10.224.1.2","gateway":"10.244.0.1","dev":"eth0","prefsrc":"10.244.0.2","flags":[],"uid":0,"cache":[]}]"#;
        assert_eq!(device(route).as_deref(), Some("eth0"));
        let link = br#"[{"ifindex":3,"link_index":6,"ifname":"eth0","flags":["BROADCAST"],"mtu":1500,"qdisc":"noqueue"}]"#;
        assert_eq!(mtu(link), Some(1500));
        assert_eq!((device(b"[]"), mtu(b"RTNETLINK answers: Network is unreachable")), (None, None));
    }
}
