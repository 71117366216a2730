//! The half of fabricd that touches the kernel.
