//! While a rebuild is under way.
