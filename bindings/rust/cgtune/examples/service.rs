// SPDX-License-Identifier: LGPL-2.1-or-later
//! service - as many threads as the container has CPUs for, and no more requests than they can do

fn main() -> Result<(), Box<dyn std::error::Error>> {
    cgtune::init(&cgtune::Options::default())?;
    let _watch = cgtune::watch(|change| println!("{change:?}"))?;
    let limiter = cgtune::Limiter::new(&cgtune::LimiterOptions::default())?;
    let work = || {
        (0..1000).filter(|_| match limiter.acquire() {
            Ok(_permit) => true, // given back here
            Err(rejected) => {
                println!("503, {:?}, {}", limiter.retry_after(), rejected.reason());
                false
            }
        })
    };
    let served: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cgtune::threads()).map(|_| scope.spawn(|| work().count())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    println!("{} threads: {served} served", cgtune::threads());
    Ok(())
}
