//! Shared forms of in- and output.

use fabric_core::{
    dns::is_coredns,
    spec::{Diagnostic, Source, load},
    topology::{ManagedCluster, Pod, Topology},
};

/// Loads one file; panics with its mistakes.
pub fn topology(text: &str) -> Topology {
    match load(&source(text)) {
        Ok(topology) => topology,
        Err(diagnostics) => panic!("{}", rendered(&diagnostics)),
    }
}

/// The pods of the lab file: all but CoreDNS'.
pub fn written(cluster: &ManagedCluster) -> impl Iterator<Item = &Pod> {
    cluster.pods.iter().filter(|pod| !is_coredns(pod))
}

/// The mistakes of one file, as text.
pub fn mistakes(text: &str) -> String {
    match load(&source(text)) {
        Ok(_) => "no mistakes\n".to_owned(),
        Err(diagnostics) => rendered(&diagnostics),
    }
}

/// One file.
pub fn source(text: &str) -> [Source; 1] {
    [Source { name: "lab.yaml".to_owned(), text: text.to_owned() }]
}

/// As rustc would show them.
pub fn rendered(diagnostics: &[Diagnostic]) -> String {
    let mut text = String::new();
    for Diagnostic { message, help, file, line, column, length, line_text } in diagnostics {
        let (number, margin) = (line.to_string(), " ".repeat(line.to_string().len()));
        let marks = " ".repeat(*column as usize - 1) + &"^".repeat(*length as usize);
        text += &format!("error: {message}\n{margin}--> {file}:{line}:{column}\n{margin} |\n");
        text += &format!("{number} | {line_text}\n{margin} | {marks}\n");
        if let Some(help) = help {
            text += &format!("{margin} = help: {help}\n");
        }
        text.push('\n');
    }
    text
}
