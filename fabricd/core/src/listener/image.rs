//! Images that are known by name, and what their programs answer on.
//!
//! No image is ever fetched: its name alone says what the built-in responder stands in for. To add one, add a
//! line to `IMAGES` and to the table in `docs/workloads.md`.

/// What stands behind an image's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Image {
    /// Tools and a shell: it serves nothing by itself, and what its container says it shall run (`args` too, as
    /// these images have no entry point) is a program.
    Shell,
    /// A server with its ports, for a container that names none.
    Server(&'static [(u16, Speech)]),
    /// The test image of Kubernetes: its first argument says what it is.
    Agnhost,
    /// Says what its argument `-text` holds.
    HttpEcho,
    /// Of the container's ports nothing is known but what the manifest says of them.
    Unknown,
}

/// What is spoken on a port of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Speech {
    /// HTTP/1.1.
    Http,
    /// The same inside TLS.
    Https,
    /// TCP that gives back what comes: for a port that speaks something that is not emulated.
    Tcp,
    /// UDP that gives back what comes.
    Udp,
}

use Speech::{Http, Https, Tcp};

/// Names without registry and tag; one fits every repository that ends with it, the longer one first.
/// Ports are those that the images document.
const IMAGES: &[(&str, Image)] = &[
    ("agnhost", Image::Agnhost),
    ("hashicorp/http-echo", Image::HttpEcho),
    // Web servers and what answers like one.
    ("nginx", Image::Server(&[(80, Http)])),
    ("nginxinc/nginx-unprivileged", Image::Server(&[(8080, Http)])),
    ("nginxdemos/hello", Image::Server(&[(80, Http)])),
    ("httpd", Image::Server(&[(80, Http)])),
    ("caddy", Image::Server(&[(80, Http), (443, Https)])),
    ("traefik/whoami", Image::Server(&[(80, Http)])),
    ("containous/whoami", Image::Server(&[(80, Http)])),
    ("google-samples/hello-app", Image::Server(&[(8080, Http)])),
    ("mendhak/http-https-echo", Image::Server(&[(8080, Http), (8443, Https)])),
    ("ealen/echo-server", Image::Server(&[(80, Http)])),
    ("jmalloc/echo-server", Image::Server(&[(8080, Http)])),
    ("echoserver", Image::Server(&[(8080, Http)])),
    ("kennethreitz/httpbin", Image::Server(&[(80, Http)])),
    ("kong/httpbin", Image::Server(&[(80, Http)])),
    ("mccutchen/go-httpbin", Image::Server(&[(8080, Http)])),
    ("azuredocs/aks-helloworld", Image::Server(&[(80, Http)])),
    ("azuredocs/azure-vote-front", Image::Server(&[(80, Http)])),
    ("azuredocs/aci-helloworld", Image::Server(&[(80, Http)])),
    ("aks/fundamental/base-ubuntu", Image::Shell),
    ("stefanprodan/podinfo", Image::Server(&[(9898, Http)])),
    ("paulbouwer/hello-kubernetes", Image::Server(&[(8080, Http)])),
    ("aspnetapp", Image::Server(&[(8080, Http)])),
    // Other protocols: the connection stands, and what is sent comes back.
    ("redis", Image::Server(&[(6379, Tcp)])),
    ("valkey", Image::Server(&[(6379, Tcp)])),
    ("memcached", Image::Server(&[(11211, Tcp)])),
    ("mysql", Image::Server(&[(3306, Tcp)])),
    ("mariadb", Image::Server(&[(3306, Tcp)])),
    ("postgres", Image::Server(&[(5432, Tcp)])),
    ("mongo", Image::Server(&[(27017, Tcp)])),
    ("rabbitmq", Image::Server(&[(5672, Tcp)])),
    ("mssql/server", Image::Server(&[(1433, Tcp)])),
    // Tools.
    ("busybox", Image::Shell),
    ("alpine", Image::Shell),
    ("ubuntu", Image::Shell),
    ("debian", Image::Shell),
    ("fedora", Image::Shell),
    ("bash", Image::Shell),
    ("netshoot", Image::Shell),
    ("curlimages/curl", Image::Shell),
    ("curl", Image::Shell),
    ("jessie-dnsutils", Image::Shell),
    ("dnsutils", Image::Shell),
    ("network-multitool", Image::Shell),
    ("pause", Image::Shell),
];

/// What is known of the image `reference`, such as `registry.k8s.io/e2e-test-images/agnhost:2.47`.
pub fn image(reference: &str) -> Image {
    let repository = repository(reference);
    let fits =
        |name: &str| repository.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'));
    let found = IMAGES.iter().filter(|(name, _)| fits(name)).max_by_key(|(name, _)| name.len());
    found.map_or(Image::Unknown, |(_, image)| *image)
}

/// The reference without its tag and digest.
fn repository(reference: &str) -> &str {
    let name = reference.split('@').next().unwrap_or_default();
    match name.rsplit_once(':') {
        // Not the port of a registry.
        Some((name, tag)) if !tag.contains('/') => name,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registry_and_tag_do_not_matter() {
        let web = Image::Server(&[(80, Http)]);
        for (reference, expected) in [
            ("nginx", web),
            ("nginx:1.27-alpine", web),
            ("docker.io/library/nginx@sha256:0123", web),
            ("localhost:5000/nginx", web),
            ("localhost:5000/nginx:1", web),
            ("mcr.microsoft.com/azuredocs/aks-helloworld:v1", web),
            ("registry.k8s.io/e2e-test-images/agnhost:2.47", Image::Agnhost),
            ("ealen/echo-server", web),
            ("jmalloc/echo-server", Image::Server(&[(8080, Http)])),
            ("gcr.io/google-samples/hello-app:2.0", Image::Server(&[(8080, Http)])),
            ("curlimages/curl", Image::Shell),
            ("busybox:1.36", Image::Shell),
            ("mynginx", Image::Unknown),
            ("nginx/ingress", Image::Unknown),
            ("", Image::Unknown),
        ] {
            assert_eq!(image(reference), expected, "{reference}");
        }
    }

    #[test]
    fn no_name_is_there_twice() {
        let names: std::collections::BTreeSet<&str> = IMAGES.iter().map(|(name, _)| *name).collect();
        assert_eq!(names.len(), IMAGES.len());
    }
}
