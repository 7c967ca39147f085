// SPDX-License-Identifier: LGPL-2.1-or-later
//! layout - sizes, offsets and constants against the header, by a C program that is made and run here
//!
//! $CC (cc) is the compiler, $CGTUNE_HEADER the header, by default the one of this source tree.

use cgtune_sys::*;
use std::{env, fs, mem, process::Command, ptr};

/// The lines that the C program is to print, and its statements that print them.
#[derive(Default)]
struct Expected {
    lines: Vec<String>,
    statements: String,
}

impl Expected {
    fn add(&mut self, what: &str, value: u64) {
        self.lines.push(format!("{what} {value}"));
        self.statements += &format!("\tprintf(\"%s %llu\\n\", \"{what}\", (unsigned long long)({what}));\n");
    }
}

macro_rules! layout {
    ($expected:ident: $($name:ident { $($member:ident)+ })+) => { $({
        let value = mem::MaybeUninit::<$name>::uninit();
        let base = value.as_ptr();
        let mut end = 0;
        $expected.add(concat!("sizeof(struct ", stringify!($name), ")"), mem::size_of::<$name>() as u64);
        $({
            // SAFETY: the address of a member of a value that is not looked at.
            let member = unsafe { ptr::addr_of!((*base).$member) };
            let offset = member as usize - base as usize;
            assert!(offset >= end, "{} is out of order", stringify!($member));
            end = offset + size_of_pointee(member);
            $expected.add(concat!("offsetof(struct ", stringify!($name), ", ", stringify!($member), ")"), offset as u64);
            $expected.add(concat!("sizeof(((struct ", stringify!($name), " *)0)->", stringify!($member), ")"),
                size_of_pointee(member) as u64);
        })+
        assert_eq!(end, mem::size_of::<$name>(), "{} has members that are not listed", stringify!($name));
    })+ };
}

macro_rules! constants {
    ($expected:ident: $($name:ident)+) => { $($expected.add(stringify!($name), $name as u64);)+ };
}

fn size_of_pointee<T>(_: *const T) -> usize {
    mem::size_of::<T>()
}

fn all() -> Expected {
    let mut expected = Expected::default();
    layout!(expected:
        cgtune_report { size kind resource file variable value text }
        cgtune_options { size root cpu_milli memory permille rounding flags pid cgroup report report_user }
        cgtune_limits { size cpu_quota_us cpu_period_us memory memory_high memory_physical cpus cpus_source cpu_source
            memory_source cpu_hierarchy memory_hierarchy scheduler reserved cpu_from memory_from }
        cgtune_plan { size memory threads limit backlog threads_source memory_source limited tuned cpus flags reserved }
        cgtune_usage { size memory memory_inactive_file cpu_ns }
        cgtune_throttle { size periods throttled throttled_ns local_ns throttles episodes wall_ns max_ns since_ns
            updated_ns source reserved }
        cgtune_change { size resource reserved old_limit new_limit old_value new_value }
        cgtune_limiter_options { size name limit backlog multiplier backlog_timeout_ms retry_after_s counting order mode
            min max status flags mem_per_request }
        cgtune_request { size priority timeout_ms flags reserved }
        cgtune_waiter { request user next prev granted since_ns until_ns result state }
        cgtune_limiter_stats { size name limit limit_static backlog inflight waiting status admitted bypassed waited ok
            ignored dropped cancelled rejected_capacity rejected_timeout rejected_closed rejected_memory resized wait_ns
            wait_hist }
    );
    constants!(expected: CGTUNE_UNLIMITED CGTUNE_UNKNOWN CGTUNE_PATH_SIZE CGTUNE_WAIT_SLOTS
        CGTUNE_CPU CGTUNE_MEMORY CGTUNE_MOVED
        CGTUNE_SOURCE_NONE CGTUNE_SOURCE_OPTION CGTUNE_SOURCE_CGROUP CGTUNE_SOURCE_AFFINITY CGTUNE_SOURCE_HOST
        CGTUNE_SOURCE_OFF CGTUNE_SOURCE_CPUS CGTUNE_SOURCE_MEMORY CGTUNE_SOURCE_THREADS CGTUNE_SOURCE_BUDGET
        CGTUNE_SOURCE_GOMAXPROCS CGTUNE_SOURCE_GOMEMLIMIT CGTUNE_SOURCE_AUTOMEMLIMIT
        CGTUNE_ROUND_DEFAULT CGTUNE_ROUND_CEIL CGTUNE_ROUND_FLOOR CGTUNE_ROUND_NEAREST
        CGTUNE_NO_ENV CGTUNE_NO_APPLY CGTUNE_CALL_RUNTIMES CGTUNE_NO_PROBE CGTUNE_MAPPED
        CGTUNE_REPORT_WARNING CGTUNE_REPORT_LEVEL CGTUNE_REPORT_NOTE
        CGTUNE_THROTTLE_STAT CGTUNE_THROTTLE_PROBE CGTUNE_THROTTLE_MAPPED
        CGTUNE_COUNT_CHI CGTUNE_COUNT_GTS CGTUNE_ORDER_FIFO CGTUNE_ORDER_LIFO
        CGTUNE_MODE_STATIC CGTUNE_MODE_ADAPTIVE
        CGTUNE_LIMITER_DRY_RUN CGTUNE_LIMITER_BIND_PROCESS CGTUNE_LIMITER_UNLIMITED CGTUNE_LIMITER_RETRY_AUTO
        CGTUNE_REQUEST_BYPASS CGTUNE_REQUEST_NOWAIT
        CGTUNE_OUTCOME_OK CGTUNE_OUTCOME_IGNORED CGTUNE_OUTCOME_DROPPED
        CGTUNE_LOG_ERROR CGTUNE_LOG_WARNING CGTUNE_LOG_INFO CGTUNE_LOG_DEBUG);
    expected
}

fn header() -> String {
    env::var("CGTUNE_HEADER").unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../lib/cgtune.h").into())
}

#[test]
fn as_the_c_compiler_has_them() {
    let expected = all();
    let folder = env::temp_dir().join(format!("cgtune-layout-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    let (source, program) = (folder.join("layout.c"), folder.join("layout"));
    let code = format!(
        "#include \"{}\"\n#include <stdio.h>\n\nint main(void)\n{{\n{}\treturn 0;\n}}\n",
        header(),
        expected.statements
    );
    fs::write(&source, code).unwrap();
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".into());
    let mut words = compiler.split_whitespace();
    let compiled = Command::new(words.next().unwrap()).args(words).arg("-o").arg(&program).arg(&source).status();
    let said = Command::new(&program).output();
    fs::remove_dir_all(&folder).unwrap();
    assert!(compiled.unwrap().success());
    let said = String::from_utf8(said.unwrap().stdout).unwrap();
    assert_eq!(said.lines().collect::<Vec<_>>(), expected.lines);
}

/// Each name of the header is one of this crate's: what was added there is missed here.
#[test]
fn nothing_of_the_header_is_missing() {
    let ours = include_str!("../src/lib.rs");
    let header = fs::read_to_string(header()).unwrap();
    let names = header.lines().filter_map(|line| {
        let constant = line.strip_prefix('\t').filter(|name| name.starts_with("CGTUNE_"));
        let function = line.split_once('(').and_then(|(before, _)| before.rsplit([' ', '*']).next());
        let declared = line.starts_with(|c: char| c.is_ascii_lowercase()) && !line.starts_with("typedef");
        constant
            .and_then(|name| name.split([' ', ',']).next())
            .or_else(|| function.filter(|name| declared && name.starts_with("cgtune_")))
            .or_else(|| line.strip_prefix("struct ").and_then(|rest| rest.strip_suffix(" {")))
    });
    let names: Vec<_> = names.collect();
    assert!(names.len() > 90, "{names:?}");
    for name in names {
        assert!(ours.contains(&format!("{name} ")) || ours.contains(&format!("fn {name}(")), "{name} is missing");
    }
}
