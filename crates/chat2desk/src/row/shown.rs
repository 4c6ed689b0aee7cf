//! What `Debug` shows of a row: never what a person wrote or is called.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::{Map, Value};

/// A value that knows what of it may be shown.
pub(crate) trait Shown {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// Shows a value as far as it may be.
pub(crate) struct Veiled<'a, T: ?Sized>(pub(crate) &'a T);

impl<T: Shown + ?Sized> fmt::Debug for Veiled<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show(f)
    }
}

macro_rules! plain {
    ($($type:ty),+) => { $(
        impl Shown for $type {
            fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self, f)
            }
        }
    )+ };
}

plain!(u32, u64, f64, bool, DateTime<Utc>, NaiveDateTime, BTreeMap<String, bool>);

impl Shown for String {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Shown for Value {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// The names only.
impl Shown for Map<String, Value> {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.keys()).finish()
    }
}

impl<T: Shown> Shown for Option<T> {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Some(value) => f.debug_tuple("Some").field(&Veiled(value)).finish(),
            None => f.write_str("None"),
        }
    }
}

impl<T: Shown> Shown for Vec<T> {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(Veiled)).finish()
    }
}

/// `Debug` of what a caller writes, with the same restraint.
macro_rules! veiled_debug {
    ($name:ident: $($field:ident),+) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut shown = f.debug_struct(stringify!($name));
                $( shown.field(stringify!($field), &$crate::row::Veiled(&self.$field)); )+
                shown.finish_non_exhaustive()
            }
        }
    };
}

pub(crate) use veiled_debug;
