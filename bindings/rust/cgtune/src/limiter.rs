// SPDX-License-Identifier: LGPL-2.1-or-later
//! limiter - admission: permits that give themselves back, by threads and by futures of any executor

use crate::{error::check, milliseconds, sys, Error, Rejected};
use std::ffi::CString;
use std::future::Future;
use std::os::raw::c_int;
use std::pin::Pin;
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Sizes and rules; 0 is the default. `struct cgtune_limiter_options` tells more.
#[derive(Clone, Debug, Default)]
pub struct LimiterOptions {
    /// For metrics.
    pub name: Option<String>,
    /// Requests at once; 0: of the size that the limits of the process give, which is followed.
    pub limit: u32,
    /// Requests that may wait; with a limit taken as given.
    pub backlog: u32,
    /// How often the threads the limit is, and the limit the backlog.
    pub multiplier: u32,
    /// How long to wait.
    pub backlog_timeout: Duration,
    /// For the header Retry-After.
    pub retry_after_s: u32,
    /// `CGTUNE_ORDER_...`
    pub order: u32,
    /// `CGTUNE_MODE_...`
    pub mode: u32,
    /// HTTP status of a refusal.
    pub status: u32,
    /// `CGTUNE_LIMITER_...`
    pub flags: u32,
    /// Bytes that a request needs.
    pub mem_per_request: u64,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    Ok,
    /// It says nothing about the load.
    Ignored,
    /// It failed for overload.
    Dropped,
}

/// What a limiter does, and has done; `struct cgtune_limiter_stats`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Stats {
    pub limit: u32,
    pub backlog: u32,
    pub inflight: u32,
    pub waiting: u32,
    pub admitted: u64,
    pub waited: u64,
    pub ok: u64,
    pub ignored: u64,
    pub dropped: u64,
    pub cancelled: u64,
    pub rejected_capacity: u64,
    pub rejected_timeout: u64,
    pub rejected_closed: u64,
    pub rejected_memory: u64,
    pub wait_ns: u64,
}

/// The C object; it is freed when neither a limiter nor a permit nor a waiter has it any more.
struct Inner(*mut sys::cgtune_limiter);

// SAFETY: its functions may be called from any thread.
unsafe impl Send for Inner {}
unsafe impl Sync for Inner {}

impl Drop for Inner {
    fn drop(&mut self) {
        // SAFETY: nobody is in a call of it: each has this, and so has each that waits.
        unsafe { sys::cgtune_limiter_free(self.0) }
    }
}

/// Admits so many requests at once, lets so many wait, and refuses the rest. Clones are the same limiter.
#[derive(Clone)]
pub struct Limiter(Arc<Inner>);

/// A request that was admitted; it is given back when this is dropped.
#[must_use = "it is given back when it is dropped"]
pub struct Permit(Arc<Inner>);

impl Permit {
    /// Give it back, and say how it ended.
    pub fn finish(self, outcome: Outcome) {
        let this = std::mem::ManuallyDrop::new(self);
        // SAFETY: it is not dropped, so this is the only one that has the Arc.
        let inner = unsafe { ptr::read(&this.0) };
        inner.leave(outcome);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let outcome = if std::thread::panicking() { Outcome::Ignored } else { Outcome::Ok };
        self.0.leave(outcome);
    }
}

impl Inner {
    fn leave(&self, outcome: Outcome) {
        // SAFETY: it is alive as long as self; the slot is the caller's.
        unsafe { sys::cgtune_limiter_finish(self.0, outcome as c_int) }
    }
}

impl Limiter {
    /// # Errors
    /// `Error::Invalid`: options that are none; `Error::NoMemory`.
    pub fn new(options: &LimiterOptions) -> Result<Self, Error> {
        let name = options.name.clone().map(CString::new).transpose().map_err(|_| Error::Invalid)?;
        let follow = if options.limit == 0 { sys::CGTUNE_LIMITER_BIND_PROCESS } else { 0 };
        let raw = sys::cgtune_limiter_options {
            name: name.as_ref().map_or(ptr::null(), |name| name.as_ptr()),
            limit: options.limit,
            backlog: options.backlog,
            multiplier: options.multiplier,
            backlog_timeout_ms: milliseconds(options.backlog_timeout) as u32,
            retry_after_s: options.retry_after_s,
            order: options.order,
            mode: options.mode,
            status: options.status,
            flags: options.flags | follow,
            mem_per_request: options.mem_per_request,
            ..sys::cgtune_limiter_options::sized()
        };
        let mut made = ptr::null_mut();
        // SAFETY: both are alive, and the name is copied.
        check(unsafe { sys::cgtune_limiter_new(&raw, &mut made) })?;
        Ok(Self(Arc::new(Inner(made))))
    }

    fn raw(&self) -> *mut sys::cgtune_limiter {
        (self.0).0
    }

    fn permit(&self, result: c_int) -> Result<Permit, Rejected> {
        if result == 0 {
            Ok(Permit(self.0.clone()))
        } else {
            Err(Rejected::new(result))
        }
    }

    /// Be admitted, now or after waiting for the backlog timeout.
    ///
    /// # Errors
    /// Why it was refused.
    pub fn acquire(&self) -> Result<Permit, Rejected> {
        // SAFETY: it is alive, here and below.
        self.permit(unsafe { sys::cgtune_limiter_acquire(self.raw(), -1) })
    }

    /// Be admitted, after waiting for at most so long.
    ///
    /// # Errors
    /// Why it was refused.
    pub fn acquire_timeout(&self, timeout: Duration) -> Result<Permit, Rejected> {
        self.permit(unsafe { sys::cgtune_limiter_acquire(self.raw(), milliseconds(timeout)) })
    }

    /// Be admitted now or not at all.
    ///
    /// # Errors
    /// Why it was refused.
    pub fn try_acquire(&self) -> Result<Permit, Rejected> {
        self.permit(unsafe { sys::cgtune_limiter_try(self.raw()) })
    }

    /// Be admitted above the limit if need be: a health check.
    ///
    /// # Errors
    /// `Rejected::Closed`
    pub fn bypass(&self) -> Result<Permit, Rejected> {
        let request = sys::cgtune_request { flags: sys::CGTUNE_REQUEST_BYPASS, ..sys::cgtune_request::sized() };
        self.permit(unsafe { sys::cgtune_limiter_acquire_as(self.raw(), &request) })
    }

    /// Be admitted without blocking a thread. Dropping the future leaves the queue. Who waits too long is told
    /// when somebody leaves, or by `expire()`.
    pub fn acquire_async(&self) -> Acquire {
        Acquire { limiter: self.clone(), node: None }
    }

    /// Tell every future whose time is up; when the next one's is. For a timer of the executor's.
    pub fn expire(&self) -> Option<Duration> {
        let milliseconds = unsafe { sys::cgtune_limiter_expire(self.raw()) };
        u64::try_from(milliseconds).ok().map(Duration::from_millis)
    }

    /// Set both; from now on the limits of the process are not followed.
    ///
    /// # Errors
    /// `Error::Invalid`: a limit of 0.
    pub fn resize(&self, limit: u32, backlog: u32) -> Result<(), Error> {
        check(unsafe { sys::cgtune_limiter_resize(self.raw(), limit, backlog) }).map(drop)
    }

    /// Refuse from now on, and tell all who wait.
    pub fn close(&self) {
        unsafe { sys::cgtune_limiter_close(self.raw()) }
    }

    /// Close, and wait until nobody is in; false: somebody still is.
    pub fn drain(&self, timeout: Duration) -> bool {
        unsafe { sys::cgtune_limiter_drain(self.raw(), milliseconds(timeout)) == 0 }
    }

    /// For the header Retry-After.
    pub fn retry_after(&self) -> Duration {
        Duration::from_secs(unsafe { sys::cgtune_limiter_retry_after(self.raw()) }.max(0) as u64)
    }

    /// Read the counters.
    pub fn stats(&self) -> Stats {
        let mut raw = sys::cgtune_limiter_stats::sized();
        unsafe { sys::cgtune_limiter_stats(self.raw(), &mut raw) };
        Stats {
            limit: raw.limit,
            backlog: raw.backlog,
            inflight: raw.inflight,
            waiting: raw.waiting,
            admitted: raw.admitted,
            waited: raw.waited,
            ok: raw.ok,
            ignored: raw.ignored,
            dropped: raw.dropped,
            cancelled: raw.cancelled,
            rejected_capacity: raw.rejected_capacity,
            rejected_timeout: raw.rejected_timeout,
            rejected_closed: raw.rejected_closed,
            rejected_memory: raw.rejected_memory,
            wait_ns: raw.wait_ns,
        }
    }
}

/// What a waiting future and the callback share. The library points to the waiter within; the callback owns one
/// count of the Arc until it is made, or until the waiter was cancelled.
struct Node {
    waiter: std::cell::UnsafeCell<sys::cgtune_waiter>,
    answer: Mutex<Answer>,
    limiter: Arc<Inner>,
}

#[derive(Default)]
struct Answer {
    result: Option<c_int>,
    waker: Option<Waker>,
    abandoned: bool,
}

// SAFETY: the waiter is the library's, under its lock; all else is Sync by itself.
unsafe impl Send for Node {}
unsafe impl Sync for Node {}

impl Node {
    fn answer(&self) -> MutexGuard<'_, Answer> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

unsafe extern "C" fn granted(waiter: *mut sys::cgtune_waiter, result: c_int) {
    let node = Arc::from_raw((*waiter).user as *const Node);
    let (waker, abandoned) = {
        let mut answer = node.answer();
        answer.result = Some(result);
        (answer.waker.take(), answer.abandoned)
    };
    if abandoned && result == 0 {
        node.limiter.leave(Outcome::Ignored);
    } else if let Some(waker) = waker {
        waker.wake();
    }
}

/// The future of `Limiter::acquire_async()`.
#[must_use = "futures do nothing unless they are polled"]
pub struct Acquire {
    limiter: Limiter,
    node: Option<Arc<Node>>,
}

impl Acquire {
    fn submit(&self) -> Result<Arc<Node>, Rejected> {
        let node = Arc::new(Node {
            waiter: std::cell::UnsafeCell::new(sys::cgtune_waiter::zeroed()),
            answer: Mutex::default(),
            limiter: self.limiter.0.clone(),
        });
        let waiter = node.waiter.get();
        let callbacks = Arc::into_raw(node.clone());
        // SAFETY: nobody else has the waiter yet; it stays where it is as long as the callback's count.
        let result = unsafe {
            (*waiter).user = callbacks as *mut _;
            sys::cgtune_limiter_async(self.limiter.raw(), waiter, Some(granted))
        };
        if result < 0 {
            // SAFETY: the callback will not be made.
            drop(unsafe { Arc::from_raw(callbacks) });
            return Err(Rejected::new(result));
        }
        Ok(node)
    }
}

impl Future for Acquire {
    type Output = Result<Permit, Rejected>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let node = match self.node.take() {
            Some(node) => node,
            None => match self.submit() {
                Ok(node) => node,
                Err(rejected) => return Poll::Ready(Err(rejected)),
            },
        };
        let result = {
            let mut answer = node.answer();
            if answer.result.is_none() {
                answer.waker = Some(context.waker().clone());
            }
            answer.result
        };
        match result {
            Some(result) => Poll::Ready(self.limiter.permit(result)),
            None => {
                self.node = Some(node);
                Poll::Pending
            }
        }
    }
}

impl Drop for Acquire {
    fn drop(&mut self) {
        let node = match self.node.take() {
            Some(node) => node,
            None => return,
        };
        // SAFETY: the waiter is alive: node is.
        if unsafe { sys::cgtune_limiter_cancel(self.limiter.raw(), node.waiter.get()) } == 1 {
            // SAFETY: the callback will not be made: its count is left to us.
            unsafe { Arc::decrement_strong_count(Arc::as_ptr(&node)) };
            return;
        }
        let answered = {
            let mut answer = node.answer();
            answer.abandoned = true;
            answer.result
        };
        if answered == Some(0) {
            node.limiter.leave(Outcome::Ignored);
        }
    }
}
