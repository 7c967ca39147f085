// SPDX-License-Identifier: LGPL-2.1-or-later
// Owns the Rust row: std::thread::available_parallelism(), measured as bench.h does it.
use std::thread::available_parallelism;
use std::time::Instant;

extern "C" {
    fn getppid() -> i32;
    fn getrusage(who: i32, usage: *mut [i64; 18]) -> i32;
}

// ru_minflt is the ninth long of struct rusage (64-bit Linux).
fn faults() -> i64 {
    let mut usage = [0i64; 18];
    unsafe { getrusage(0, &mut usage) };
    usage[8]
}

fn call() -> usize {
    available_parallelism().map_or(0, |n| n.get())
}

fn main() {
    let _bind = Instant::now().elapsed();
    let before = faults();
    unsafe { getppid() };
    let start = Instant::now();
    let threads = call();
    let cold = start.elapsed().as_nanos();
    unsafe { getppid() };
    let taken = faults() - before;
    let start = Instant::now();
    call();
    let warm = start.elapsed().as_nanos();
    println!("{cold} {warm} {taken} {threads} 0");
}
