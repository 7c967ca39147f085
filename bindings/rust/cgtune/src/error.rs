// SPDX-License-Identifier: LGPL-2.1-or-later
//! error - what the library could not do, and what a limiter refused

use crate::{sys, text};
use std::fmt;
use std::os::raw::c_int;

const ENOENT: c_int = 2;
const ESRCH: c_int = 3;
const E2BIG: c_int = 7;
const ENOMEM: c_int = 12;
const EBUSY: c_int = 16;
const EINVAL: c_int = 22;
const ENODATA: c_int = 61;
const ESHUTDOWN: c_int = 108;
const ETIMEDOUT: c_int = 110;

/// What the library could not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// An option that is none.
    Invalid,
    /// An option that this library does not know yet.
    TooNew,
    /// Out of memory.
    NoMemory,
    /// No such process.
    NoProcess,
    /// No such cgroup or root.
    NotFound,
    /// The kernel does not tell it.
    NoData,
    /// There is one watcher already.
    Watched,
    /// Another errno.
    Os(i32),
}

impl Error {
    fn new(result: c_int) -> Self {
        match -result {
            EINVAL => Self::Invalid,
            E2BIG => Self::TooNew,
            ENOMEM => Self::NoMemory,
            ESRCH => Self::NoProcess,
            ENOENT => Self::NotFound,
            ENODATA => Self::NoData,
            other => Self::Os(other),
        }
    }

    /// The errno.
    pub fn errno(self) -> i32 {
        match self {
            Self::Invalid => EINVAL,
            Self::TooNew => E2BIG,
            Self::NoMemory => ENOMEM,
            Self::NoProcess => ESRCH,
            Self::NotFound => ENOENT,
            Self::NoData => ENODATA,
            Self::Watched => EBUSY,
            Self::Os(number) => number,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::Watched {
            return f.write_str("the limits are watched already");
        }
        // SAFETY: a number.
        f.write_str(text(unsafe { sys::cgtune_strerror(-self.errno()) }))
    }
}

impl std::error::Error for Error {}

/// Why a limiter refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// The limiter is full, and so is its backlog.
    Capacity,
    /// It waited too long.
    Timeout,
    /// The limiter was closed.
    Closed,
    /// It is full because memory is.
    Memory,
}

impl Rejected {
    pub(crate) fn new(result: c_int) -> Self {
        match -result {
            ETIMEDOUT => Self::Timeout,
            ESHUTDOWN => Self::Closed,
            ENOMEM => Self::Memory,
            _ => Self::Capacity,
        }
    }

    fn errno(self) -> c_int {
        match self {
            Self::Capacity => EBUSY,
            Self::Timeout => ETIMEDOUT,
            Self::Closed => ESHUTDOWN,
            Self::Memory => ENOMEM,
        }
    }

    /// "capacity", "timeout", "closed" or "memory": the header X-Cgtune-Reject.
    pub fn reason(self) -> &'static str {
        // SAFETY: a number.
        text(unsafe { sys::cgtune_limiter_reason(-self.errno()) })
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: a number.
        f.write_str(text(unsafe { sys::cgtune_strerror(-self.errno()) }))
    }
}

impl std::error::Error for Rejected {}

pub(crate) fn check(result: c_int) -> Result<c_int, Error> {
    if result < 0 {
        Err(Error::new(result))
    } else {
        Ok(result)
    }
}
