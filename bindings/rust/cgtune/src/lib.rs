// SPDX-License-Identifier: LGPL-2.1-or-later
//! cgtune - size thread pools and memory budgets from cgroup limits; admit requests or refuse them
//!
//! `threads()` and `memory()` are what most programs need; `Limits` and `Plan` tell why; `watch()` follows
//! changes; a `Limiter` admits. No limit, or what is not known, is `None`. No dependency but libcgtune.so.
#![warn(missing_docs)]

mod error;
mod limiter;
mod limits;
mod watch;

pub use error::{Error, Rejected};
pub use limiter::{Acquire, Limiter, LimiterOptions, Outcome, Permit, Stats};
pub use limits::{memory_available, throttle, usage, Limits, Options, Plan, Throttle, Usage};
pub use watch::{watch, Change, Watch};

use cgtune_sys as sys;
use std::ffi::CStr;
use std::os::raw::{c_char, c_int};

/// Read the limits and plan, once per process. The mask of what a limit binds is in `Plan`.
///
/// # Errors
/// The limits could not be read; the getters answer with the host's values.
pub fn init(options: &Options) -> Result<(), Error> {
    init_with(options, sys::CGTUNE_NO_APPLY)
}

/// `init()`, and set OMP_NUM_THREADS, GOMAXPROCS and GOMEMLIMIT for this process's libraries and children.
///
/// # Errors
/// As `init()`.
///
/// # Safety
/// As setenv(3): nobody else may read or write the environment meanwhile, so call it before the first thread.
pub unsafe fn init_and_apply(options: &Options) -> Result<(), Error> {
    init_with(options, 0)
}

fn init_with(options: &Options, flags: u32) -> Result<(), Error> {
    let raw = Box::leak(Box::new(options.native()?)); // the library goes on reading its strings
    raw.options.flags |= flags;
    // SAFETY: it and what it points to stay.
    error::check(unsafe { sys::cgtune_init_with(&raw.options) }).map(drop)
}

/// Worker threads to run, at least 1.
pub fn threads() -> usize {
    // SAFETY: no arguments.
    unsafe { sys::cgtune_threads() as usize }
}

/// The memory budget in bytes.
pub fn memory() -> Option<u64> {
    // SAFETY: no arguments.
    known(unsafe { sys::cgtune_memory() })
}

/// For a pool that waits more than it computes: multiplier x `threads()`, at least minimum.
pub fn pool_size(multiplier: u32, minimum: u32) -> usize {
    // SAFETY: numbers.
    unsafe { sys::cgtune_pool_size(multiplier, minimum) as usize }
}

/// A part of the budget, for a cache.
pub fn memory_share(permille: u32) -> Option<u64> {
    // SAFETY: a number.
    known(unsafe { sys::cgtune_memory_share(permille) })
}

/// The library's version.
pub fn version() -> &'static str {
    // SAFETY: a string of the library's.
    text(unsafe { sys::cgtune_version() })
}

/// None for CGTUNE_UNLIMITED and CGTUNE_UNKNOWN.
fn known(value: u64) -> Option<u64> {
    Some(value).filter(|&value| value != sys::CGTUNE_UNLIMITED)
}

/// A string that the library never frees.
fn text(string: *const c_char) -> &'static str {
    // SAFETY: it ends in NUL and stays.
    unsafe { CStr::from_ptr(string) }.to_str().unwrap_or("")
}

/// Milliseconds rounded up, so that the shortest time is not none.
fn milliseconds(time: std::time::Duration) -> c_int {
    c_int::try_from((time.as_nanos() + 999_999) / 1_000_000).unwrap_or(c_int::MAX)
}
