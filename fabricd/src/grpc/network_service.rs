//! Questions about the network.

use std::{net::Ipv4Addr, sync::Arc};

use fabric_core::{
    effective_routes::{next_hop::Answer, read_back::Row},
    kernel::Kernel,
};
use fabric_proto::v1::{self, network_service_server::NetworkService};
use tonic::{Request, Response, Status};

use super::{ask::ask, status::missing};
use crate::{
    lab::Registry,
    question::{self, EffectiveRoutes},
};

pub struct NetworkApi<K> {
    pub registry: Arc<Registry<K>>,
}

#[tonic::async_trait]
impl<K: Kernel> NetworkService for NetworkApi<K> {
    async fn effective_routes(
        &self,
        request: Request<v1::EffectiveRoutesRequest>,
    ) -> Result<Response<v1::EffectiveRoutesResponse>, Status> {
        let v1::EffectiveRoutesRequest { target } = request.into_inner();
        let target = target.ok_or_else(|| missing("target"))?;
        let answer = ask(&self.registry, target, |kernel, lab, namespace, name| {
            question::effective_routes(kernel, lab, namespace, name)
        });
        let EffectiveRoutes { network_interface, rows, notes } = answer.await?;
        let routes = rows.into_iter().map(route).collect();
        Ok(Response::new(v1::EffectiveRoutesResponse { network_interface, routes, notes }))
    }

    async fn next_hop(
        &self,
        request: Request<v1::NextHopRequest>,
    ) -> Result<Response<v1::NextHopResponse>, Status> {
        let v1::NextHopRequest { source, destination } = request.into_inner();
        let source = source.ok_or_else(|| missing("source"))?;
        let answer = ask(&self.registry, source, move |kernel, lab, namespace, name| {
            question::next_hop(kernel, lab, namespace, name, &destination)
        });
        let Answer { next_hop_type, next_hop_ip_address, route_table_id, address_prefix, origin, notes } =
            answer.await?;
        Ok(Response::new(v1::NextHopResponse {
            next_hop_type: next_hop_type.to_string(),
            next_hop_ip_address: address(next_hop_ip_address),
            route_table_id,
            address_prefix: address_prefix.map(|prefix| prefix.to_string()).unwrap_or_default(),
            origin,
            notes,
        }))
    }
}

fn route(row: Row) -> v1::EffectiveRoute {
    let Row {
        source,
        active,
        address_prefix,
        next_hop_type,
        next_hop_ip_address,
        name,
        disable_bgp_route_propagation,
        origin,
    } = row;
    v1::EffectiveRoute {
        source: source.map_or_else(|| "Unknown".to_owned(), |source| source.to_string()),
        state: if active { "Active" } else { "Invalid" }.to_owned(),
        address_prefix: address_prefix.to_string(),
        next_hop_type: next_hop_type.to_string(),
        next_hop_ip_address: address(next_hop_ip_address),
        name: name.unwrap_or_default(),
        disable_bgp_route_propagation,
        origin,
    }
}

fn address(address: Option<Ipv4Addr>) -> String {
    address.map(|address| address.to_string()).unwrap_or_default()
}
