//! tinyproxy, on a VM that is an HTTP proxy.

use super::{Program, Restart};
use crate::{
    place::Place,
    topology::{HttpProxyServer, VirtualMachine},
};

/// A file of its own: `/etc/tinyproxy` is not on every machine, and this must be on none.
const CONFIGURATION: &str = "/etc/tinyproxy-fabric.conf";

/// The proxy of `vm`, if it is one.
pub(super) fn of(vm: &VirtualMachine) -> Option<Program> {
    let server = vm.http_proxy?;
    Some(Program {
        place: Place::VirtualMachine { name: vm.name.clone() },
        name: "tinyproxy".to_owned(),
        command: ["tinyproxy", "-d", "-c", CONFIGURATION].map(str::to_owned).to_vec(),
        files: vec![(CONFIGURATION.to_owned(), configuration(server))],
        port: Some(server.port),
        package: Some("tinyproxy-bin".to_owned()),
        environment: None,
        restart: Restart::Always,
        pod: None,
    })
}

/// Source: tinyproxy.conf(5). Without `Allow` it serves everybody, without `ConnectPort` to every port, and
/// without `LogFile` it prints its log. 65534 is nobody and nogroup.
fn configuration(HttpProxyServer { port }: HttpProxyServer) -> String {
    format!("Port {port}\nUser 65534\nGroup 65534\nTimeout 600\nMaxClients 100\nLogLevel Connect\n")
}
