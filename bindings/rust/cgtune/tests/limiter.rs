// SPDX-License-Identifier: LGPL-2.1-or-later
//! limiter - permits and futures: none is lost, whoever gives up when

use cgtune::{Error, Limiter, LimiterOptions, Outcome, Rejected};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

fn limiter(limit: u32, backlog: u32) -> Limiter {
    Limiter::new(&LimiterOptions { limit, backlog, retry_after_s: 7, ..LimiterOptions::default() }).unwrap()
}

/// Counts wakes, and unparks the thread that made it.
struct Woken(AtomicUsize, thread::Thread);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
        self.1.unpark();
    }
}

fn woken() -> Arc<Woken> {
    Arc::new(Woken(AtomicUsize::new(0), thread::current()))
}

fn poll<F: Future + Unpin>(future: &mut F, woken: &Arc<Woken>) -> Poll<F::Output> {
    let waker = Waker::from(woken.clone());
    Pin::new(future).poll(&mut Context::from_waker(&waker))
}

fn block_on<F: Future + Unpin>(mut future: F) -> F::Output {
    let woken = woken();
    loop {
        match poll(&mut future, &woken) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn permits_are_given_back_once() {
    let limiter = limiter(1, 1);
    let permit = limiter.acquire().unwrap();
    assert_eq!(limiter.try_acquire().err(), Some(Rejected::Capacity));
    assert_eq!(limiter.acquire_timeout(Duration::from_nanos(1)).err(), Some(Rejected::Timeout));
    limiter.bypass().unwrap().finish(Outcome::Ignored);
    permit.finish(Outcome::Dropped);
    drop(limiter.acquire().unwrap());
    let stats = limiter.stats();
    assert_eq!((stats.inflight, stats.ok, stats.ignored, stats.dropped), (0, 1, 1, 1));
    assert_eq!(limiter.retry_after(), Duration::from_secs(7));
    assert_eq!((Rejected::Capacity.reason(), Rejected::Memory.reason()), ("capacity", "memory"));
    assert_eq!(limiter.resize(0, 0), Err(Error::Invalid));
    assert!(limiter.drain(Duration::ZERO));
    assert_eq!(limiter.acquire().err(), Some(Rejected::Closed));
}

#[test]
fn the_size_is_that_of_the_process() {
    let limiter = Limiter::new(&LimiterOptions::default()).unwrap();
    assert_eq!(limiter.stats().limit as usize, 8 * cgtune::threads());
}

#[test]
fn a_panic_gives_it_back() {
    let limiter = limiter(1, 0);
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _permit = limiter.acquire().unwrap();
        std::panic::resume_unwind(Box::new(()));
    }));
    assert!(result.is_err());
    assert_eq!((limiter.stats().inflight, limiter.stats().ignored), (0, 1));
}

#[test]
fn a_future_waits_and_is_woken() {
    let limiter = limiter(1, 1);
    let permit = limiter.acquire().unwrap();
    let (mut future, woken) = (limiter.acquire_async(), woken());
    assert!(poll(&mut future, &woken).is_pending());
    assert!(poll(&mut future, &woken).is_pending());
    assert_eq!(limiter.stats().waiting, 1);
    assert_eq!(block_on(limiter.acquire_async()).err(), Some(Rejected::Capacity));
    drop(permit);
    assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    let second = match poll(&mut future, &woken) {
        Poll::Ready(Ok(permit)) => permit,
        _ => panic!("not admitted"),
    };
    assert_eq!(limiter.stats().inflight, 1);
    drop(second);
    drop(block_on(limiter.acquire_async()).unwrap());
    assert_eq!(limiter.stats().inflight, 0);
}

#[test]
fn a_future_that_is_dropped_leaves_nothing() {
    let limiter = limiter(1, 2);
    let permit = limiter.acquire().unwrap();
    let woken = woken();
    let mut futures = [limiter.acquire_async(), limiter.acquire_async()];
    for future in &mut futures {
        assert!(poll(future, &woken).is_pending());
    }
    let [first, second] = futures;
    drop(first);
    assert_eq!((limiter.stats().waiting, limiter.stats().cancelled), (1, 1));
    drop(permit); // granted to the second, which nobody polls
    assert_eq!(limiter.stats().inflight, 1);
    drop(second);
    assert_eq!((limiter.stats().inflight, limiter.stats().waiting), (0, 0));
}

#[test]
fn time_outs_by_expire() {
    let options = LimiterOptions {
        limit: 1,
        backlog: 1,
        backlog_timeout: Duration::from_millis(1),
        ..LimiterOptions::default()
    };
    let limiter = Limiter::new(&options).unwrap();
    let _permit = limiter.acquire().unwrap();
    let (mut future, woken) = (limiter.acquire_async(), woken());
    assert!(poll(&mut future, &woken).is_pending());
    while let Some(time) = limiter.expire() {
        thread::sleep(time);
    }
    assert!(matches!(poll(&mut future, &woken), Poll::Ready(Err(Rejected::Timeout))));
}

#[test]
fn a_future_outlives_every_other_handle() {
    let limiter = limiter(1, 1);
    let permit = limiter.acquire().unwrap();
    let mut future = limiter.acquire_async();
    assert!(poll(&mut future, &woken()).is_pending());
    drop(limiter);
    drop(permit);
    drop(future);
}

#[test]
fn a_storm_of_threads_and_futures_loses_no_slot() {
    let limiter = limiter(3, 100);
    thread::scope(|scope| {
        for number in 0..6 {
            let limiter = limiter.clone();
            scope.spawn(move || {
                let woken = woken();
                for round in 0..500 {
                    if number % 3 == 0 {
                        drop(limiter.acquire());
                    } else if (number + round) % 3 == 0 {
                        let mut future = limiter.acquire_async();
                        let _ = poll(&mut future, &woken);
                    } else {
                        drop(block_on(limiter.acquire_async()));
                    }
                }
            });
        }
    });
    let stats = limiter.stats();
    assert_eq!((stats.inflight, stats.waiting), (0, 0));
    assert_eq!(stats.admitted, stats.ok + stats.ignored + stats.dropped);
}
