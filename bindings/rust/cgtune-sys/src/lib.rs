// SPDX-License-Identifier: LGPL-2.1-or-later
//! cgtune-sys - `cgtune.h` as it is: structs, constants, functions; tests/layout.rs holds them against it
//!
//! The header says what each means. The crate `cgtune` is the one to use.
#![allow(non_camel_case_types)]

use std::os::raw::{c_char, c_int, c_uint, c_void};

pub const CGTUNE_UNLIMITED: u64 = u64::MAX;
pub const CGTUNE_UNKNOWN: u64 = u64::MAX;
pub const CGTUNE_PATH_SIZE: usize = 4096;
pub const CGTUNE_WAIT_SLOTS: usize = 32;

/// Constants of one enum of the header.
macro_rules! constants {
    ($($name:ident = $value:expr),+ $(,)?) => { $(pub const $name: u32 = $value;)+ };
}

constants!(CGTUNE_CPU = 1, CGTUNE_MEMORY = 2, CGTUNE_MOVED = 4);
constants!(
    CGTUNE_SOURCE_NONE = 0,
    CGTUNE_SOURCE_OPTION = 1,
    CGTUNE_SOURCE_CGROUP = 2,
    CGTUNE_SOURCE_AFFINITY = 3,
    CGTUNE_SOURCE_HOST = 4,
    CGTUNE_SOURCE_OFF = 5,
    CGTUNE_SOURCE_CPUS = 6,
    CGTUNE_SOURCE_MEMORY = 7,
    CGTUNE_SOURCE_THREADS = 8,
    CGTUNE_SOURCE_BUDGET = 9,
    CGTUNE_SOURCE_GOMAXPROCS = 10,
    CGTUNE_SOURCE_GOMEMLIMIT = 11,
    CGTUNE_SOURCE_AUTOMEMLIMIT = 12,
);
constants!(CGTUNE_ROUND_DEFAULT = 0, CGTUNE_ROUND_CEIL = 1, CGTUNE_ROUND_FLOOR = 2, CGTUNE_ROUND_NEAREST = 3);
constants!(
    CGTUNE_NO_ENV = 1,
    CGTUNE_NO_APPLY = 2,
    CGTUNE_CALL_RUNTIMES = 4,
    CGTUNE_NO_PROBE = 8,
    CGTUNE_MAPPED = 16,
);
constants!(CGTUNE_REPORT_WARNING = 0, CGTUNE_REPORT_LEVEL = 1, CGTUNE_REPORT_NOTE = 2);
constants!(CGTUNE_THROTTLE_STAT = 0, CGTUNE_THROTTLE_PROBE = 1, CGTUNE_THROTTLE_MAPPED = 2);
constants!(CGTUNE_COUNT_CHI = 0, CGTUNE_COUNT_GTS = 1, CGTUNE_ORDER_FIFO = 0, CGTUNE_ORDER_LIFO = 1);
constants!(CGTUNE_MODE_STATIC = 0, CGTUNE_MODE_ADAPTIVE = 1);
constants!(
    CGTUNE_LIMITER_DRY_RUN = 1,
    CGTUNE_LIMITER_BIND_PROCESS = 2,
    CGTUNE_LIMITER_UNLIMITED = 4,
    CGTUNE_LIMITER_RETRY_AUTO = 8,
);
constants!(CGTUNE_REQUEST_BYPASS = 1, CGTUNE_REQUEST_NOWAIT = 2);
constants!(CGTUNE_OUTCOME_OK = 0, CGTUNE_OUTCOME_IGNORED = 1, CGTUNE_OUTCOME_DROPPED = 2);
constants!(CGTUNE_LOG_ERROR = 1, CGTUNE_LOG_WARNING = 2, CGTUNE_LOG_INFO = 3, CGTUNE_LOG_DEBUG = 4);

/// A struct of the header. All zeroes is a value of each; `sized()` is that with its size set.
macro_rules! structs {
    ($($name:ident { $($member:ident: $type:ty),+ $(,)? })+) => { $(
        #[repr(C)]
        #[derive(Clone, Copy)]
        pub struct $name { $(pub $member: $type,)+ }

        impl $name {
            pub fn zeroed() -> Self {
                // SAFETY: integers, arrays of them, pointers, and functions that may be none.
                unsafe { std::mem::zeroed() }
            }
        }
    )+ };
}

/// Those that begin with their size.
macro_rules! sized {
    ($($name:ident)+) => { $(
        impl $name {
            pub fn sized() -> Self {
                Self { size: std::mem::size_of::<Self>(), ..Self::zeroed() }
            }
        }
    )+ };
}

structs! {
    cgtune_report {
        size: usize, kind: u32, resource: u32, file: *const c_char, variable: *const c_char,
        value: *const c_char, text: *const c_char,
    }
    cgtune_options {
        size: usize, root: *const c_char, cpu_milli: u64, memory: u64, permille: u32, rounding: u32, flags: u32,
        pid: i32, cgroup: *const c_char, report: cgtune_report_fn, report_user: *mut c_void,
    }
    cgtune_limits {
        size: usize, cpu_quota_us: u64, cpu_period_us: u64, memory: u64, memory_high: u64, memory_physical: u64,
        cpus: u32, cpus_source: u32, cpu_source: u32, memory_source: u32, cpu_hierarchy: u32, memory_hierarchy: u32,
        scheduler: u32, reserved: u32, cpu_from: [c_char; CGTUNE_PATH_SIZE], memory_from: [c_char; CGTUNE_PATH_SIZE],
    }
    cgtune_plan {
        size: usize, memory: u64, threads: u32, limit: u32, backlog: u32, threads_source: u32, memory_source: u32,
        limited: u32, tuned: u32, cpus: u32, flags: u32, reserved: u32,
    }
    cgtune_usage { size: usize, memory: u64, memory_inactive_file: u64, cpu_ns: u64 }
    cgtune_throttle {
        size: usize, periods: u64, throttled: u64, throttled_ns: u64, local_ns: u64, throttles: u64, episodes: u64,
        wall_ns: u64, max_ns: u64, since_ns: u64, updated_ns: u64, source: u32, reserved: u32,
    }
    cgtune_change {
        size: usize, resource: u32, reserved: u32, old_limit: u64, new_limit: u64, old_value: u64, new_value: u64,
    }
    cgtune_limiter_options {
        size: usize, name: *const c_char, limit: u32, backlog: u32, multiplier: u32, backlog_timeout_ms: u32,
        retry_after_s: u32, counting: u32, order: u32, mode: u32, min: u32, max: u32, status: u32, flags: u32,
        mem_per_request: u64,
    }
    cgtune_request { size: usize, priority: u32, timeout_ms: i32, flags: u32, reserved: u32 }
    cgtune_waiter {
        request: cgtune_request, user: *mut c_void, next: *mut cgtune_waiter, prev: *mut cgtune_waiter,
        granted: cgtune_granted_fn, since_ns: u64, until_ns: u64, result: i32, state: u32,
    }
    cgtune_limiter_stats {
        size: usize, name: *const c_char, limit: u32, limit_static: u32, backlog: u32, inflight: u32, waiting: u32,
        status: u32, admitted: u64, bypassed: u64, waited: u64, ok: u64, ignored: u64, dropped: u64, cancelled: u64,
        rejected_capacity: u64, rejected_timeout: u64, rejected_closed: u64, rejected_memory: u64, resized: u64,
        wait_ns: u64, wait_hist: [u64; CGTUNE_WAIT_SLOTS],
    }
}

sized!(cgtune_report cgtune_options cgtune_limits cgtune_plan cgtune_usage cgtune_throttle cgtune_change
    cgtune_limiter_options cgtune_request cgtune_limiter_stats);

/// Opaque.
#[repr(C)]
pub struct cgtune_limiter {
    _private: [u8; 0],
}

pub type cgtune_report_fn = Option<unsafe extern "C" fn(report: *const cgtune_report, user: *mut c_void)>;
pub type cgtune_change_fn = Option<unsafe extern "C" fn(change: *const cgtune_change, user: *mut c_void)>;
pub type cgtune_granted_fn = Option<unsafe extern "C" fn(waiter: *mut cgtune_waiter, result: c_int)>;
pub type cgtune_log_fn = Option<unsafe extern "C" fn(level: c_int, text: *const c_char, user: *mut c_void)>;

extern "C" {
    pub fn cgtune_init() -> c_int;
    pub fn cgtune_init_with(options: *const cgtune_options) -> c_int;
    pub fn cgtune_threads() -> c_uint;
    pub fn cgtune_memory() -> u64;
    pub fn cgtune_fd() -> c_int;
    pub fn cgtune_dispatch() -> c_int;
    pub fn cgtune_set_interval(milliseconds: c_uint);
    pub fn cgtune_on_change(changed: cgtune_change_fn, user: *mut c_void);
    pub fn cgtune_watch_start() -> c_int;
    pub fn cgtune_watch_stop() -> c_int;
    pub fn cgtune_undo() -> c_int;
    pub fn cgtune_read(options: *const cgtune_options, ret: *mut cgtune_limits) -> c_int;
    pub fn cgtune_plan(
        options: *const cgtune_options,
        limits: *const cgtune_limits,
        ret: *mut cgtune_plan,
    ) -> c_int;
    pub fn cgtune_apply(plan: *const cgtune_plan) -> c_int;
    pub fn cgtune_usage_read(options: *const cgtune_options, ret: *mut cgtune_usage) -> c_int;
    pub fn cgtune_throttle_read(options: *const cgtune_options, ret: *mut cgtune_throttle) -> c_int;
    pub fn cgtune_pool_size(multiplier: c_uint, minimum: c_uint) -> c_uint;
    pub fn cgtune_memory_share(permille: c_uint) -> u64;
    pub fn cgtune_memory_available(ret: *mut u64) -> c_int;
    pub fn cgtune_memory_available_of(options: *const cgtune_options, ret: *mut u64) -> c_int;
    pub fn cgtune_limiter_new(options: *const cgtune_limiter_options, ret: *mut *mut cgtune_limiter) -> c_int;
    pub fn cgtune_limiter_free(limiter: *mut cgtune_limiter);
    pub fn cgtune_limiter_acquire(limiter: *mut cgtune_limiter, timeout_ms: c_int) -> c_int;
    pub fn cgtune_limiter_acquire_as(limiter: *mut cgtune_limiter, request: *const cgtune_request) -> c_int;
    pub fn cgtune_limiter_try(limiter: *mut cgtune_limiter) -> c_int;
    pub fn cgtune_limiter_async(
        limiter: *mut cgtune_limiter,
        waiter: *mut cgtune_waiter,
        granted: cgtune_granted_fn,
    ) -> c_int;
    pub fn cgtune_limiter_cancel(limiter: *mut cgtune_limiter, waiter: *mut cgtune_waiter) -> c_int;
    pub fn cgtune_limiter_expire(limiter: *mut cgtune_limiter) -> c_int;
    pub fn cgtune_limiter_release(limiter: *mut cgtune_limiter);
    pub fn cgtune_limiter_finish(limiter: *mut cgtune_limiter, outcome: c_int);
    pub fn cgtune_limiter_resize(limiter: *mut cgtune_limiter, limit: u32, backlog: u32) -> c_int;
    pub fn cgtune_limiter_close(limiter: *mut cgtune_limiter);
    pub fn cgtune_limiter_drain(limiter: *mut cgtune_limiter, timeout_ms: c_int) -> c_int;
    pub fn cgtune_limiter_stats(limiter: *mut cgtune_limiter, ret: *mut cgtune_limiter_stats) -> c_int;
    pub fn cgtune_limiter_retry_after(limiter: *mut cgtune_limiter) -> c_int;
    pub fn cgtune_limiter_reason(error: c_int) -> *const c_char;
    pub fn cgtune_source_name(source: u32) -> *const c_char;
    pub fn cgtune_strerror(error: c_int) -> *const c_char;
    pub fn cgtune_version() -> *const c_char;
    pub fn cgtune_set_logger(log: cgtune_log_fn, user: *mut c_void);
}
