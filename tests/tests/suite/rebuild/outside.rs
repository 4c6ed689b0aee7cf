//! What others made on the tables: views, grants.
