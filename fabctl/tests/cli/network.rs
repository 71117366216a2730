use crate::{fake::Fake, run};

#[test]
fn effective_routes_look_as_in_az() {
    let fake = Fake::start();
    insta::assert_snapshot!(run(&fake, "effective-routes a -n web --lab x"), @"
    Source                 State    Address Prefix    Next Hop Type          Next Hop IP
    ---------------------  -------  ----------------  ---------------------  -------------
    Default                Active   10.224.0.0/12     VnetLocal
    VirtualNetworkGateway  Active   10.1.0.0/16       VirtualNetworkGateway  10.225.0.4
    Default                Invalid  0.0.0.0/0         Internet
    User                   Active   0.0.0.0/0         VirtualAppliance       10.0.1.4
    ! asked about x:web:a
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "effective-routes vm/device -o wide"), @"
    Source                 State    Address Prefix    Next Hop Type          Next Hop IP    Origin
    ---------------------  -------  ----------------  ---------------------  -------------  ------------------------------
    Default                Active   10.224.0.0/12     VnetLocal                             systemRoute/aks-vnet
    VirtualNetworkGateway  Active   10.1.0.0/16       VirtualNetworkGateway  10.225.0.4     virtualNetworkGateway/vpn/site
    Default                Invalid  0.0.0.0/0         Internet                              systemRoute/aks-vnet
    User                   Active   0.0.0.0/0         VirtualAppliance       10.0.1.4       routeTable/rt/all
    ! asked about ::vm/device
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "effective-routes vm/device -o json"), @r#"
    {
      "value": [
        {
          "addressPrefix": [
            "10.224.0.0/12"
          ],
          "disableBgpRoutePropagation": true,
          "hasBgpOverride": false,
          "name": null,
          "nextHopIpAddress": [],
          "nextHopType": "VnetLocal",
          "source": "Default",
          "state": "Active"
        },
        {
          "addressPrefix": [
            "10.1.0.0/16"
          ],
          "disableBgpRoutePropagation": true,
          "hasBgpOverride": false,
          "name": null,
          "nextHopIpAddress": [
            "10.225.0.4"
          ],
          "nextHopType": "VirtualNetworkGateway",
          "source": "VirtualNetworkGateway",
          "state": "Active"
        },
        {
          "addressPrefix": [
            "0.0.0.0/0"
          ],
          "disableBgpRoutePropagation": true,
          "hasBgpOverride": false,
          "name": null,
          "nextHopIpAddress": [],
          "nextHopType": "Internet",
          "source": "Default",
          "state": "Invalid"
        },
        {
          "addressPrefix": [
            "0.0.0.0/0"
          ],
          "disableBgpRoutePropagation": true,
          "hasBgpOverride": false,
          "name": "all",
          "nextHopIpAddress": [
            "10.0.1.4"
          ],
          "nextHopType": "VirtualAppliance",
          "source": "User",
          "state": "Active"
        }
      ]
    }
    ! asked about ::vm/device
    [0]
    "#);
    insta::assert_snapshot!(run(&fake, "effective-routes vm/device -o yaml"), @r#"
    value:
    - addressPrefix:
      - 10.224.0.0/12
      disableBgpRoutePropagation: true
      hasBgpOverride: false
      name: null
      nextHopIpAddress: []
      nextHopType: VnetLocal
      source: Default
      state: Active
    - addressPrefix:
      - 10.1.0.0/16
      disableBgpRoutePropagation: true
      hasBgpOverride: false
      name: null
      nextHopIpAddress:
      - "10.225.0.4"
      nextHopType: VirtualNetworkGateway
      source: VirtualNetworkGateway
      state: Active
    - addressPrefix:
      - 0.0.0.0/0
      disableBgpRoutePropagation: true
      hasBgpOverride: false
      name: null
      nextHopIpAddress: []
      nextHopType: Internet
      source: Default
      state: Invalid
    - addressPrefix:
      - 0.0.0.0/0
      disableBgpRoutePropagation: true
      hasBgpOverride: false
      name: all
      nextHopIpAddress:
      - "10.0.1.4"
      nextHopType: VirtualAppliance
      source: User
      state: Active
    ! asked about ::vm/device
    [0]
    "#);
}

#[test]
fn a_next_hop_looks_as_in_az() {
    let fake = Fake::start();
    insta::assert_snapshot!(run(&fake, "next-hop a 10.1.2.3 -n web --lab x"), @"
    NextHopIpAddress    NextHopType       RouteTableId
    ------------------  ----------------  --------------
    10.0.1.4            VirtualAppliance  /rt
    ! asked about x:web:a to 10.1.2.3
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "next-hop a 10.1.2.3 -o wide"), @"
    NextHopIpAddress    NextHopType       RouteTableId    AddressPrefix    Origin
    ------------------  ----------------  --------------  ---------------  -----------------
    10.0.1.4            VirtualAppliance  /rt             10.0.0.0/8       routeTable/rt/all
    ! asked about ::a to 10.1.2.3
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "next-hop a 10.1.2.3 -o json"), @r#"
    {
      "nextHopIpAddress": "10.0.1.4",
      "nextHopType": "VirtualAppliance",
      "routeTableId": "/rt"
    }
    ! asked about ::a to 10.1.2.3
    [0]
    "#);
    insta::assert_snapshot!(run(&fake, "next-hop a 8.8.8.8"), @"
    NextHopType    RouteTableId
    -------------  --------------
    Internet       System Route
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "next-hop a 8.8.8.8 -o yaml"), @"
    nextHopIpAddress: null
    nextHopType: Internet
    routeTableId: System Route
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "next-hop a 10.9.9.9 -o wide"), @"
    NextHopType    RouteTableId
    -------------  --------------
    None           System Route
    ! no effective route matches
    [0]
    ");
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let fake = Fake::start();
    insta::assert_snapshot!(run(&fake, "effective-routes machine/server"), @"
    ! error: `machine/server` has no Azure network interface
    [1]
    ");
    for (line, reason) in [
        ("effective-routes", "<TARGET>"),
        ("effective-routes a b", "unexpected argument 'b'"),
        ("effective-routes a -o name", "possible values: table, wide, json, yaml"),
        ("next-hop a", "<DESTINATION>"),
        ("next-hop a b c", "unexpected argument 'c'"),
    ] {
        let said = run(&fake, line);
        assert!(said.contains(reason) && said.ends_with("[64]\n"), "{line}: {said}");
    }
}
