// SPDX-License-Identifier: LGPL-2.1-or-later
//! watch - a thread of the library's that follows the limits as long as its guard lives

use crate::{error::check, known, sys, Error};
use std::os::raw::c_void;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};

/// A limit or a decision changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// CPU limits in milli-CPUs, old and new, and threads, old and new.
    Cpu {
        /// Limit before and after.
        limit: [Option<u64>; 2],
        /// Threads before and after.
        threads: [u64; 2],
    },
    /// Memory limits in bytes, old and new, and budgets, old and new.
    Memory {
        /// Limit before and after.
        limit: [Option<u64>; 2],
        /// Budget before and after.
        budget: [Option<u64>; 2],
    },
}

type Handler = Box<dyn Fn(Change) + Send + Sync>;

/// The process has one.
static WATCHED: AtomicBool = AtomicBool::new(false);

/// What `watch()` began; it ends with this.
pub struct Watch {
    // Boxed twice: a pointer to this one goes through C.
    handler: Option<Box<Handler>>,
}

/// Follow the limits; handler is called on another thread, where a panic of it is dropped.
///
/// # Errors
/// `Error::Watched`; no thread or descriptor is to be had; the limits cannot be read.
pub fn watch(handler: impl Fn(Change) + Send + Sync + 'static) -> Result<Watch, Error> {
    if WATCHED.swap(true, Ordering::Acquire) {
        return Err(Error::Watched);
    }
    let handler: Box<Handler> = Box::new(Box::new(handler));
    let user = &*handler as *const Handler as *mut c_void;
    let watch = Watch { handler: Some(handler) };
    // SAFETY: the handler lives until the watcher has ended: drop() sees to that.
    unsafe {
        sys::cgtune_on_change(Some(changed), user);
        check(sys::cgtune_watch_start())?;
    }
    Ok(watch)
}

impl Drop for Watch {
    fn drop(&mut self) {
        // SAFETY: no pointer; when it has ended nobody is in the handler.
        unsafe {
            if sys::cgtune_watch_stop() < 0 {
                // Dropped within the handler: that is left to run, and so is the watcher.
                std::mem::forget(self.handler.take());
                return;
            }
            sys::cgtune_on_change(None, std::ptr::null_mut());
        }
        WATCHED.store(false, Ordering::Release);
    }
}

unsafe extern "C" fn changed(raw: *const sys::cgtune_change, user: *mut c_void) {
    let (raw, handler) = (&*raw, &*(user as *const Handler));
    let limit = [known(raw.old_limit), known(raw.new_limit)];
    let change = if raw.resource == sys::CGTUNE_CPU {
        Change::Cpu { limit, threads: [raw.old_value, raw.new_value] }
    } else {
        Change::Memory { limit, budget: [known(raw.old_value), known(raw.new_value)] }
    };
    // No panic passes through C.
    let _ = catch_unwind(AssertUnwindSafe(|| handler(change)));
}
