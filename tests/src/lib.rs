//! End-to-end tests are in `tests/`.
