// SPDX-License-Identifier: LGPL-2.1-or-later
//! limits - facts and decisions: what the kernel grants, what is used, what to do about it

use crate::{error::check, known, sys, text, Error};
use std::ffi::{CStr, CString, OsStr};
use std::os::raw::{c_char, c_int};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// What to read and how to decide; 0 or None is the default. `struct cgtune_options` tells more.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Folder that holds proc/ and sys/.
    pub root: Option<PathBuf>,
    /// Read of this cgroup instead: its path as in /proc/PID/cgroup.
    pub cgroup: Option<PathBuf>,
    /// Process to read of.
    pub pid: i32,
    /// CPU limit instead of the quota; 1000 is one CPU.
    pub cpu_milli: u64,
    /// Memory limit instead of the cgroup's, in bytes.
    pub memory: u64,
    /// Share of the memory limit to budget, 1 to 1000.
    pub permille: u32,
    /// `CGTUNE_ROUND_...`
    pub rounding: u32,
    /// Read no environment variable.
    pub no_env: bool,
}

/// Options as the library takes them, with the strings that they point to.
pub(crate) struct Native {
    pub(crate) options: sys::cgtune_options,
    _strings: [Option<CString>; 2],
}

impl Options {
    pub(crate) fn native(&self) -> Result<Native, Error> {
        let string = |path: &Option<PathBuf>| {
            path.as_ref().map(|path| CString::new(path.as_os_str().as_bytes())).transpose().map_err(|_| Error::Invalid)
        };
        let strings = [string(&self.root)?, string(&self.cgroup)?];
        let pointer = |string: &Option<CString>| string.as_ref().map_or(std::ptr::null(), |string| string.as_ptr());
        let options = sys::cgtune_options {
            root: pointer(&strings[0]),
            cgroup: pointer(&strings[1]),
            pid: self.pid,
            cpu_milli: self.cpu_milli,
            memory: self.memory,
            permille: self.permille,
            rounding: self.rounding,
            flags: if self.no_env { sys::CGTUNE_NO_ENV } else { 0 },
            ..sys::cgtune_options::sized()
        };
        Ok(Native { options, _strings: strings })
    }

    /// Have a function fill a struct that is as the library wants it.
    fn read<T>(
        &self,
        mut value: T,
        function: unsafe extern "C" fn(*const sys::cgtune_options, *mut T) -> c_int,
    ) -> Result<T, Error> {
        let native = self.native()?;
        // SAFETY: both are alive, and the value's size is set where it has one.
        check(unsafe { function(&native.options, &mut value) })?;
        Ok(value)
    }
}

/// What the kernel grants; `struct cgtune_limits`.
#[derive(Clone)]
pub struct Limits(sys::cgtune_limits);

impl Limits {
    /// # Errors
    /// A wrong option; no such process, cgroup or root; no memory or descriptor.
    pub fn read(options: &Options) -> Result<Self, Error> {
        options.read(sys::cgtune_limits::sized(), sys::cgtune_read).map(Self)
    }

    /// Quota and period in microseconds: the exact pair that decided.
    pub fn quota(&self) -> Option<(u64, u64)> {
        Some((self.0.cpu_quota_us, self.0.cpu_period_us)).filter(|pair| pair.1 != 0)
    }

    /// The CPU limit in CPUs.
    pub fn cpu(&self) -> Option<f64> {
        self.quota().map(|(quota, period)| quota as f64 / period as f64)
    }

    /// The hard memory limit in bytes.
    pub fn memory(&self) -> Option<u64> {
        known(self.0.memory)
    }

    /// memory.high in bytes.
    pub fn memory_high(&self) -> Option<u64> {
        known(self.0.memory_high)
    }

    /// CPUs of the affinity mask.
    pub fn cpus(&self) -> usize {
        self.0.cpus as usize
    }

    /// Who gave the quota: "cgroup", "host", ...
    pub fn cpu_source(&self) -> &'static str {
        source_name(self.0.cpu_source)
    }

    /// Who gave the memory limit.
    pub fn memory_source(&self) -> &'static str {
        source_name(self.0.memory_source)
    }

    /// The file that gave the quota.
    pub fn cpu_from(&self) -> Option<PathBuf> {
        path(&self.0.cpu_from)
    }

    /// The file that gave the memory limit.
    pub fn memory_from(&self) -> Option<PathBuf> {
        path(&self.0.memory_from)
    }

    /// All of it.
    pub fn as_raw(&self) -> &sys::cgtune_limits {
        &self.0
    }
}

fn source_name(source: u32) -> &'static str {
    // SAFETY: a number.
    text(unsafe { sys::cgtune_source_name(source) })
}

fn path(raw: &[c_char]) -> Option<PathBuf> {
    // SAFETY: the library ends it with NUL.
    let bytes = unsafe { CStr::from_ptr(raw.as_ptr()) }.to_bytes();
    Some(bytes).filter(|bytes| !bytes.is_empty()).map(|bytes| OsStr::from_bytes(bytes).into())
}

/// Decisions; `struct cgtune_plan`.
#[derive(Clone)]
pub struct Plan(sys::cgtune_plan);

impl Plan {
    /// # Errors
    /// A wrong option.
    pub fn new(limits: &Limits, options: &Options) -> Result<Self, Error> {
        let native = options.native()?;
        let mut plan = sys::cgtune_plan::sized();
        // SAFETY: all are alive, and their sizes are set.
        check(unsafe { sys::cgtune_plan(&native.options, &limits.0, &mut plan) })?;
        Ok(Self(plan))
    }

    /// Worker threads to run, at least 1.
    pub fn threads(&self) -> usize {
        self.0.threads as usize
    }

    /// The budget in bytes.
    pub fn memory(&self) -> Option<u64> {
        known(self.0.memory)
    }

    /// Requests to run at once, and requests that may wait.
    pub fn admission(&self) -> (u32, u32) {
        (self.0.limit, self.0.backlog)
    }

    /// Whether a limit of CPU, and one of memory, binds.
    pub fn limited(&self) -> (bool, bool) {
        (self.0.limited & sys::CGTUNE_CPU != 0, self.0.limited & sys::CGTUNE_MEMORY != 0)
    }

    /// All of it.
    pub fn as_raw(&self) -> &sys::cgtune_plan {
        &self.0
    }
}

/// What the cgroup uses now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Bytes.
    pub memory: Option<u64>,
    /// Page cache that reclaim takes first; bytes.
    pub memory_inactive_file: Option<u64>,
    /// CPU time since the cgroup was made.
    pub cpu_ns: Option<u64>,
}

/// # Errors
/// As `Limits::read()`, and `Error::NoData`: the cgroup cannot be found.
pub fn usage(options: &Options) -> Result<Usage, Error> {
    let raw = options.read(sys::cgtune_usage::sized(), sys::cgtune_usage_read)?;
    Ok(Usage {
        memory: known(raw.memory),
        memory_inactive_file: known(raw.memory_inactive_file),
        cpu_ns: known(raw.cpu_ns),
    })
}

/// What the CPU quota has done so far; `struct cgtune_throttle`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// nr_periods
    pub periods: Option<u64>,
    /// nr_throttled
    pub throttled: Option<u64>,
    /// Time stopped, summed over CPUs.
    pub throttled_ns: Option<u64>,
    /// Of a started probe: times that a CPU was stopped.
    pub throttles: Option<u64>,
    /// Of a started probe: time with at least one CPU stopped.
    pub wall_ns: Option<u64>,
    /// Of a started probe: the longest stop.
    pub max_ns: Option<u64>,
}

/// # Errors
/// As `usage()`.
pub fn throttle(options: &Options) -> Result<Throttle, Error> {
    let raw = options.read(sys::cgtune_throttle::sized(), sys::cgtune_throttle_read)?;
    Ok(Throttle {
        periods: known(raw.periods),
        throttled: known(raw.throttled),
        throttled_ns: known(raw.throttled_ns),
        throttles: known(raw.throttles),
        wall_ns: known(raw.wall_ns),
        max_ns: known(raw.max_ns),
    })
}

/// Bytes left below the memory limit; None: there is none.
///
/// # Errors
/// As `usage()`.
pub fn memory_available(options: &Options) -> Result<Option<u64>, Error> {
    options.read(0, sys::cgtune_memory_available_of).map(known)
}
