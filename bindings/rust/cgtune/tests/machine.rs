// SPDX-License-Identifier: LGPL-2.1-or-later
//! machine - limits, plan and getters: on a machine made of files, and on this one

use cgtune::{Error, Limits, Options, Plan};
use std::{env, fs, path::PathBuf, process};

struct Machine(PathBuf);

impl Machine {
    fn new(name: &str) -> Self {
        let machine = Self(env::temp_dir().join(format!("cgtune-rust-{}-{name}", process::id())));
        machine.write("proc/self/cgroup", "0::/a\n");
        machine.write("proc/self/mountinfo", "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        machine.write("proc/meminfo", "MemTotal: 8388608 kB\n");
        machine.write("sys/devices/system/cpu/online", "0-7\n");
        machine.write("sys/fs/cgroup/a/cpu.max", "150000 100000\n");
        machine.write("sys/fs/cgroup/a/cpu.stat", "usage_usec 17\nnr_periods 7\nnr_throttled 2\nthrottled_usec 6\n");
        machine.write("sys/fs/cgroup/a/memory.max", "536870912\n");
        machine.write("sys/fs/cgroup/a/memory.current", "104857600\n");
        machine
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn options(&self) -> Options {
        Options { root: Some(self.0.clone()), no_env: true, ..Options::default() }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

#[test]
fn facts_and_decisions() {
    let machine = Machine::new("facts");
    let options = machine.options();
    let limits = Limits::read(&options).unwrap();
    assert_eq!((limits.quota(), limits.cpu()), (Some((150000, 100000)), Some(1.5)));
    assert_eq!((limits.memory(), limits.memory_high()), (Some(512 << 20), None));
    assert_eq!(limits.cpu_from(), Some("/sys/fs/cgroup/a/cpu.max".into()));
    assert_eq!((limits.cpu_source(), limits.memory_source()), ("cgroup", "cgroup"));
    let plan = Plan::new(&limits, &options).unwrap();
    assert_eq!((plan.threads(), plan.memory(), plan.admission()), (2, Some(483183820), (16, 128)));
    assert_eq!(plan.limited(), (true, true));
    assert_eq!(Plan::new(&limits, &Options { permille: 500, ..options.clone() }).unwrap().memory(), Some(256 << 20));
    let throttle = cgtune::throttle(&options).unwrap();
    assert_eq!((throttle.periods, throttle.throttled_ns, throttle.throttles), (Some(7), Some(6000), None));
    let usage = cgtune::usage(&options).unwrap();
    assert_eq!((usage.memory, usage.cpu_ns), (Some(100 << 20), Some(17000)));
    assert_eq!(cgtune::memory_available(&options), Ok(Some(412 << 20)));
}

#[test]
fn no_limit_is_none() {
    let machine = Machine::new("none");
    machine.write("sys/fs/cgroup/a/cpu.max", "max 100000\n");
    machine.write("sys/fs/cgroup/a/memory.max", "max\n");
    let limits = Limits::read(&machine.options()).unwrap();
    assert_eq!((limits.cpu(), limits.memory(), limits.cpu_from(), limits.cpus()), (None, None, None, 8));
    assert_eq!(cgtune::memory_available(&machine.options()), Ok(None));
}

#[test]
fn errors_are_told_apart() {
    let machine = Machine::new("errors");
    let read = |options: Options| Limits::read(&options).err();
    assert_eq!(read(Options { permille: 1001, ..machine.options() }), Some(Error::Invalid));
    assert_eq!(read(Options { cgroup: Some("/nowhere".into()), ..machine.options() }), Some(Error::NotFound));
    assert_eq!(read(Options { cgroup: Some("/a\0b".into()), ..machine.options() }), Some(Error::Invalid));
    assert_eq!((Error::NotFound.errno(), Error::Os(5).errno()), (2, 5));
    assert!(!Error::NotFound.to_string().is_empty());
}

#[test]
fn getters_and_the_watcher() {
    cgtune::init(&Options::default()).unwrap();
    assert!(cgtune::threads() >= 1);
    assert_eq!(cgtune::pool_size(4, 1), 4 * cgtune::threads());
    assert_eq!(cgtune::memory_share(1000), cgtune::memory());
    assert_eq!(cgtune::version().split('.').count(), 3);
    for _ in 0..2 {
        let _watch = cgtune::watch(|_| ()).unwrap();
        assert_eq!(cgtune::watch(|_| ()).err(), Some(Error::Watched));
    }
}
