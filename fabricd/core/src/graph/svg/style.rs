//! The style sheet. Colours have meanings: blue is the VNet, green a pod that the VNet knows, violet an
//! overlay, orange what decides about ways, teal what leads out of Azure, brown what is on premises, grey the internet.

/// All rules. Fonts are those of the system; sizes are those of [`super::text::Style::size`].
pub(super) const SHEET: &str = "\
text{font-family:'Segoe UI',Roboto,'Helvetica Neue',Arial,'Liberation Sans',sans-serif;fill:#1b2733}
.t1{font-size:22px;font-weight:700}
.t2{font-size:16px;font-weight:700}
.t3{font-size:13px;font-weight:700}
.t4{font-size:12px;font-weight:700}
.t5{font-size:11px;font-weight:700}
.note{font-size:11px;font-weight:400;fill:#5d6b7a}
.mono{font-family:ui-monospace,'Cascadia Mono',Consolas,Menlo,'Liberation Mono','DejaVu Sans Mono',monospace;\
font-size:11px;font-weight:400;fill:#33414f}
.small{font-size:10px}
.out{font-size:11px;font-weight:700;fill:#17807b}
.label{font-size:12px;font-weight:700;fill:#33414f}
.label-note{font-size:11px;fill:#5d6b7a}
.network{fill:#eef5fc;stroke:#2b7cc9;stroke-width:1.5}
.subnet{fill:#ffffff;stroke:#a9c8e8}
.cluster{fill:#f7f8fa;stroke:#b9c3ce}
.cluster-line{stroke:#8a63c9;stroke-width:1.5;stroke-dasharray:3 3;fill:none}
.node{fill:#ffffff;stroke:#6b7a8a}
.node-line{stroke:#d5dbe1;fill:none}
.pod{fill:#e3f3e6;stroke:#5da56c}
.overlay-pod{fill:#efe8fa;stroke:#8a63c9}
.host-pod{fill:#ffffff;stroke:#6b7a8a;stroke-dasharray:3 2}
.domain{fill:#f6f1fd;stroke:#8a63c9;stroke-dasharray:5 3}
.machine{fill:#ffffff;stroke:#6b7a8a}
.appliance{fill:#fdf1e7;stroke:#c8641b}
.table{fill:#fffaf2;stroke:#d9a15f}
.table-line{stroke:#ecd3b0;fill:none}
.gateway{fill:#e4f4f3;stroke:#17807b}
.device{fill:#e4f4f3;stroke:#17807b}
.public{fill:#ffffff;stroke:#17807b}
.internet{fill:#f3f5f8;stroke:#55637a;stroke-width:1.5}
.site{fill:#f8f4ee;stroke:#8d7350;stroke-width:1.5}
.more{fill:#f1f3f5;stroke:#c5ccd4;stroke-dasharray:2 2}
.connected,.initiated,.outside{fill:none;stroke-width:2}
.way-out{fill:none;stroke:#17807b;stroke-width:1.5}
.way-out-end{fill:#17807b}
.connected{stroke:#2b7cc9}
.initiated{stroke:#8b97a4;stroke-dasharray:6 4}
.outside{stroke:#17807b}
.connected-end{fill:#2b7cc9}
.initiated-end{fill:#8b97a4}
.outside-end{fill:#17807b}
";
