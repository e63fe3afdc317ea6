//! An embedded, stateful simulator of the platform.
