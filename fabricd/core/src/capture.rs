//! Captures: tcpdump arguments and the merging of several captures.
