# check.mk - make check: its programs, its scripts, and what they need

LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
SH_LOG_DRIVER = $(LOG_DRIVER)
TEST_EXTENSIONS = .sh
# Check's own time-out of 4 s ends tests where others use the CPUs.
AM_TESTS_ENVIRONMENT = top_builddir='$(top_builddir)'; export top_builddir; \
	CC='$(CC)'; export CC; MAKE='$(MAKE)'; export MAKE; CK_DEFAULT_TIMEOUT=60; export CK_DEFAULT_TIMEOUT;
check_PROGRAMS = tests/json tests/untree tests/live-print tests/live-limiter tests/pty tests/signals $(preload_programs)
TESTS = tests/test-layers.sh tests/test-symbols.sh tests/test-show.sh tests/test-env.sh tests/test-run.sh \
	tests/container.sh tests/real-mounts.sh tests/real-run.sh tests/real-stalls.sh tests/programs.sh tests/examples.sh \
	tests/load.sh tests/agent.sh \
	$(preload_tests)
# Programs that run under the preload object, and what runs them.
preload_programs = tests/preload-view tests/preload-follow tests/preload-affinity tests/preload-environ \
	tests/preload-storm tests/preload-sandbox tests/preload-files
preload_tests = tests/test-preload.sh tests/test-preload-affinity.sh tests/test-preload-env.sh \
	tests/test-preload-files.sh tests/test-preload-hazards.sh tests/test-preload-together.sh
unit_programs = tests/test-hostile-reads tests/test-util tests/test-grammar tests/test-plan tests/test-table tests/test-apply \
	tests/test-process tests/test-hostile tests/test-faults tests/test-fixtures tests/test-vectors \
	tests/test-preload-object tests/test-preload-mask \
	tests/test-limiter tests/test-limiter-storm tests/test-adapt tests/test-feedback tests/test-export tests/test-advise
if HAVE_BPF
unit_programs += tests/test-probe-slot tests/test-probe-slot-lock tests/test-top
endif
real_programs = tests/real-steps tests/real-limits tests/real-usage tests/real-live tests/real-told tests/real-limiter tests/real-field tests/real-advise
if HAVE_CHECK
check_PROGRAMS += $(unit_programs)
TESTS += $(unit_programs)
if HAVE_BPF
real_programs += tests/real-probe tests/real-probe-exact tests/real-probe-groups tests/real-probe-race \
	tests/real-probe-memory tests/real-walk tests/real-probe-faults tests/real-probe-rights tests/real-probe-modes tests/real-probe-life \
	tests/real-throttle tests/real-bpfdist
endif
check_PROGRAMS += $(real_programs)
TESTS += $(real_programs)
endif
tests/examples.log tests/load.log: $(noinst_PROGRAMS)
tests/agent.log: cgtune$(EXEEXT) $(noinst_PROGRAMS)
tests/programs.log: cgtune$(EXEEXT) libcgtune-preload.so
tests/container.log tests/real-mounts.log: cgtune$(EXEEXT) tests/live-print$(EXEEXT) tests/live-limiter$(EXEEXT)
tests/test-env.log: cgtune$(EXEEXT) tests/json$(EXEEXT)
tests/test-run.log tests/real-run.log tests/real-stalls.log: cgtune$(EXEEXT) libcgtune-preload.so tests/json$(EXEEXT) tests/pty$(EXEEXT) \
	tests/signals$(EXEEXT)
tests/test-show.log: cgtune$(EXEEXT) tests/json$(EXEEXT) tests/untree$(EXEEXT)

TEST_LIBS = libcgtune-core.la $(CHECK_LIBS)
MACHINE = tests/machine.c tests/machine.h tests/tree.c tests/tree.h tests/suite.h

tests_json_SOURCES = tests/json.c
tests_pty_SOURCES = tests/pty.c
tests_pty_LDADD = -lutil
tests_signals_SOURCES = tests/signals.c
tests_json_LDADD = $(JSON_LIBS)
tests_untree_SOURCES = tests/untree.c tests/tree.c tests/tree.h
tests_test_util_SOURCES = tests/test-util.c tests/suite.h
tests_test_util_LDADD = $(TEST_LIBS)
tests_test_grammar_SOURCES = tests/test-grammar.c tests/suite.h
tests_test_grammar_LDADD = $(TEST_LIBS)
tests_test_plan_SOURCES = tests/test-plan.c $(MACHINE)
tests_test_plan_LDADD = $(TEST_LIBS)
tests_test_table_SOURCES = tests/test-table.c tests/suite.h
tests_test_table_LDADD = $(TEST_LIBS)
tests_test_apply_SOURCES = tests/test-apply.c $(MACHINE)
tests_test_apply_LDFLAGS = -Wl,--export-dynamic -Wl,--wrap=strdup,--wrap=setenv,--wrap=unsetenv
tests_test_apply_LDADD = $(TEST_LIBS)
tests_test_process_SOURCES = tests/test-process.c $(MACHINE)
tests_test_process_LDADD = $(TEST_LIBS) -lpthread
tests_test_limiter_SOURCES = tests/test-limiter.c tests/visitor.h $(MACHINE)
tests_test_limiter_LDADD = $(TEST_LIBS) -lpthread
tests_test_limiter_storm_SOURCES = tests/test-limiter-storm.c tests/visitor.h tests/suite.h
tests_test_limiter_storm_LDADD = $(TEST_LIBS) -lpthread
tests_test_adapt_SOURCES = tests/test-adapt.c tests/suite.h
tests_test_adapt_LDADD = $(TEST_LIBS) -lpthread
tests_test_feedback_SOURCES = tests/test-feedback.c tests/visitor.h $(MACHINE)
tests_test_feedback_LDADD = $(TEST_LIBS) -lpthread
tests_test_hostile_SOURCES = tests/test-hostile.c $(MACHINE)
tests_test_hostile_LDADD = $(TEST_LIBS)
tests_test_hostile_reads_SOURCES = tests/test-hostile-reads.c $(MACHINE)
tests_test_hostile_reads_LDFLAGS = -Wl,--wrap=sys_call
tests_test_hostile_reads_LDADD = $(TEST_LIBS) -lpthread
tests_test_faults_SOURCES = tests/test-faults.c $(MACHINE)
tests_test_faults_LDFLAGS = -Wl,--wrap=sys_call
tests_test_faults_LDADD = $(TEST_LIBS)
tests_test_fixtures_SOURCES = tests/test-fixtures.c tests/tree.c tests/tree.h tests/suite.h
tests_test_fixtures_LDADD = $(TEST_LIBS)
tests_test_vectors_SOURCES = tests/test-vectors.c tests/row.c tests/row.h \
	tests/tree.c tests/tree.h tests/suite.h
tests_test_vectors_LDADD = $(TEST_LIBS) $(JSON_LIBS)

# The fuzz targets, each with a main() that replays files: what was found once is tried by every make check.
fuzz_programs = tests/fuzz/fuzz-parse tests/fuzz/fuzz-grammar tests/fuzz/fuzz-env tests/fuzz/fuzz-root \
	tests/fuzz/fuzz-live tests/fuzz/fuzz-agent
if HAVE_BPF
fuzz_programs += tests/fuzz/fuzz-probe
endif
check_PROGRAMS += $(fuzz_programs)
TESTS += tests/test-fuzz.sh
tests/test-fuzz.log: $(fuzz_programs:%=%$(EXEEXT))
REPLAY = tests/fuzz/replay.c tests/fuzz/fuzz.h
FAKE = tests/fuzz/fake.c tests/fuzz/fake.h $(REPLAY)
fuzz_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir)/tools -I$(top_srcdir)/probes
tests_fuzz_fuzz_parse_SOURCES = tests/fuzz/fuzz-parse.c $(REPLAY)
tests_fuzz_fuzz_parse_LDADD = libcgtune-core.la
tests_fuzz_fuzz_grammar_SOURCES = tests/fuzz/fuzz-grammar.c tools/run-cpus.c tools/run-cpus.h $(REPLAY)
tests_fuzz_fuzz_grammar_CPPFLAGS = $(fuzz_cppflags)
tests_fuzz_fuzz_grammar_LDADD = libcgtune-core.la
tests_fuzz_fuzz_env_SOURCES = tests/fuzz/fuzz-env.c $(REPLAY)
tests_fuzz_fuzz_env_LDFLAGS = -Wl,--wrap=setenv,--wrap=unsetenv
tests_fuzz_fuzz_env_LDADD = libcgtune-core.la
tests_fuzz_fuzz_root_SOURCES = tests/fuzz/fuzz-root.c $(FAKE)
tests_fuzz_fuzz_root_CPPFLAGS = $(fuzz_cppflags)
tests_fuzz_fuzz_root_LDFLAGS = -Wl,--wrap=sys_call
tests_fuzz_fuzz_root_LDADD = libcgtune-core.la
tests_fuzz_fuzz_live_SOURCES = tests/fuzz/fuzz-live.c $(FAKE)
tests_fuzz_fuzz_live_CPPFLAGS = $(fuzz_cppflags)
tests_fuzz_fuzz_live_LDFLAGS = -Wl,--wrap=sys_call
tests_fuzz_fuzz_live_LDADD = libcgtune-core.la -lpthread
tests_fuzz_fuzz_agent_SOURCES = tests/fuzz/fuzz-agent.c tools/tool-values.c $(REPLAY)
tests_fuzz_fuzz_agent_CPPFLAGS = $(fuzz_cppflags)
tests_fuzz_fuzz_agent_LDADD = libcgtune-core.la -lpthread
tests_fuzz_fuzz_probe_SOURCES = tests/fuzz/fuzz-probe.c $(REPLAY)
tests_fuzz_fuzz_probe_CPPFLAGS = $(fuzz_cppflags) $(BPF_CFLAGS)
tests_fuzz_fuzz_probe_LDADD = libcgtune-probe-core.la libcgtune-core.la
EXTRA_DIST += tests/test-fuzz.sh tests/fuzz/enough.c tests/fuzz/told.c tests/fuzz/run tests/fuzz/README tests/fuzz/env.dict tests/fuzz/root.dict tests/fuzz/corpus

# What programs are compiled against, held against a baseline.
TESTS += tests/test-abi.sh
EXTRA_DIST += tests/test-abi.sh tests/abi

# Torture: every allocation and every system call fails in turn. Here a short form; all of it by check-torture.
TORTURE = tests/torture.c tests/torture.h tests/fail.c tests/fail.h
TORTURE_CALL = tests/torture-call.c tests/torture-call.h
TORTURE_LIB = tests/test-torture.c tests/torture-lib.c tests/torture-lib.h $(TORTURE_CALL)
TORTURE_COMMAND = tests/torture-command.c tests/torture-output.c tests/torture-output.h \
	tests/torture-client.c tests/torture-client.h tests/torture-traces.c tests/torture-traces.h
EXTRA_DIST += $(TORTURE) $(TORTURE_LIB) $(TORTURE_COMMAND) tests/torture-preload.c tests/real-torture-probe.c
if HAVE_CHECK
if HAVE_TORTURE
torture_programs = tests/test-torture
check_PROGRAMS += $(torture_programs)
TESTS += $(torture_programs)
tests_test_torture_SOURCES = $(TORTURE_LIB) $(TORTURE) $(MACHINE)
tests_test_torture_LDADD = $(TEST_LIBS) -lpthread
torture_programs += tests/torture-command
tests_torture_command_SOURCES = $(TORTURE_COMMAND) tests/bpffs.c tests/bpffs.h $(TORTURE) $(MACHINE) $(REAL_SOURCES)
tests_torture_command_LDADD = $(REAL_LIBS) $(JSON_LIBS) -lpthread
EXTRA_tests_torture_command_DEPENDENCIES = cgtune$(EXEEXT) cgtune-export$(EXEEXT) tests/torture-preload.so libcgtune-preload.so
tests/torture-preload.so: tests/torture-preload.c $(TORTURE)
	@$(MKDIR_P) tests
	$(AM_V_CCLD)$(CC) $(DEFS) -D_GNU_SOURCE -std=gnu11 -g -O2 -fPIC -shared $(WARN_CFLAGS) -o $@ \
		$(srcdir)/tests/torture-preload.c $(srcdir)/tests/fail.c
CLEANFILES += tests/torture-preload.so
if HAVE_BPF
torture_programs += tests/real-torture-probe
tests_real_torture_probe_SOURCES = tests/real-torture-probe.c $(TORTURE_CALL) tests/bpffs.c tests/bpffs.h $(TORTURE) $(MACHINE)
tests_real_torture_probe_CPPFLAGS = $(PROBE_CPPFLAGS)
tests_real_torture_probe_LDADD = libcgtune-probe-core.la $(TEST_LIBS) -lpthread
endif
endif
endif

# The preload object. What runs under it needs nothing but libc.
$(preload_tests:.sh=.log): libcgtune-preload.so $(preload_programs:%=%$(EXEEXT))
CASES = tests/case.h tests/preload-calls.h
tests_preload_view_SOURCES = tests/preload-view.c
tests_preload_follow_SOURCES = tests/preload-follow.c
tests_preload_affinity_SOURCES = tests/preload-affinity.c $(CASES)
tests_preload_affinity_LDADD = -lpthread
tests_preload_environ_SOURCES = tests/preload-environ.c $(CASES)
tests_preload_storm_SOURCES = tests/preload-storm.c $(CASES)
tests_preload_storm_LDADD = -lpthread
tests_preload_sandbox_SOURCES = tests/preload-sandbox.c $(CASES)
tests_preload_sandbox_LDADD = -lpthread
tests_preload_files_SOURCES = tests/preload-files.c $(CASES)
EXTRA_DIST += tests/preload.sh tests/libc tests/apt.sh $(preload_tests)
tests_test_preload_mask_SOURCES = tests/test-preload-mask.c lib/preload-mask.c lib/preload-mask.h tests/suite.h
tests_test_preload_mask_LDADD = $(CHECK_LIBS)
tests_test_preload_object_SOURCES = tests/test-preload-object.c tests/object.c tests/object.h tests/suite.h
tests_test_preload_object_CFLAGS = $(AM_CFLAGS) $(ELF_CFLAGS)
tests_test_preload_object_LDADD = $(CHECK_LIBS) $(ELF_LIBS)

# Real cgroups: they skip themselves where not root, or where no hierarchy can be written.
REAL_SOURCES = tests/real.c tests/real.h tests/suite.h
FOLLOW_SOURCES = tests/follow.c tests/follow.h $(REAL_SOURCES)
REAL_LIBS = $(TEST_LIBS) $(CGROUP_LIBS)
tests_real_limits_SOURCES = tests/real-limits.c $(REAL_SOURCES)
tests_real_limits_LDADD = $(REAL_LIBS)
tests_real_steps_SOURCES = tests/real-steps.c $(MACHINE) $(REAL_SOURCES)
tests_real_steps_LDFLAGS = -Wl,--wrap=sys_call
tests_real_steps_LDADD = $(REAL_LIBS)
tests_real_usage_SOURCES = tests/real-usage.c $(REAL_SOURCES)
tests_real_usage_LDADD = $(REAL_LIBS)
tests_real_live_SOURCES = tests/real-live.c $(FOLLOW_SOURCES)
tests_real_live_LDADD = $(REAL_LIBS)
tests_real_told_SOURCES = tests/real-told.c $(FOLLOW_SOURCES)
tests_real_told_LDADD = $(REAL_LIBS)
tests_real_limiter_SOURCES = tests/real-limiter.c tests/visitor.h $(FOLLOW_SOURCES)
tests_real_limiter_LDADD = $(REAL_LIBS) -lpthread
tests_real_field_SOURCES = tests/real-field.c $(FOLLOW_SOURCES)
tests_real_field_LDADD = $(REAL_LIBS)
PROBE_SOURCES = tests/probe-rungs.c tests/probe-rungs.h tests/probe-work.c tests/probe-work.h \
	tests/bpffs.c tests/bpffs.h $(REAL_SOURCES)
PROBE_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/probes
PROBE_LIBS = libcgtune-probe-core.la $(REAL_LIBS) -lpthread
tests_real_probe_SOURCES = tests/real-probe.c $(PROBE_SOURCES)
tests_real_probe_CPPFLAGS = $(PROBE_CPPFLAGS)
tests_real_probe_LDADD = $(PROBE_LIBS)
tests_real_probe_exact_SOURCES = tests/real-probe-exact.c $(PROBE_SOURCES)
tests_real_probe_exact_CPPFLAGS = $(PROBE_CPPFLAGS)
tests_real_probe_exact_LDADD = $(PROBE_LIBS)
tests_real_probe_groups_SOURCES = tests/real-probe-groups.c $(PROBE_SOURCES)
tests_real_probe_groups_CPPFLAGS = $(PROBE_CPPFLAGS)
tests_real_probe_groups_LDADD = $(PROBE_LIBS)
tests_real_probe_memory_SOURCES = tests/real-probe-memory.c tests/hungry.c tests/hungry.h $(PROBE_SOURCES)
tests_real_probe_memory_CPPFLAGS = $(PROBE_CPPFLAGS)
tests_real_probe_memory_LDADD = $(PROBE_LIBS)
tests_real_walk_SOURCES = tests/real-walk.c $(REAL_SOURCES)
tests_real_walk_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/probes
tests_real_walk_LDADD = libcgtune-probe-core.la $(REAL_LIBS)
tests_real_probe_race_SOURCES = tests/real-probe-race.c $(PROBE_SOURCES)
tests_real_probe_race_CPPFLAGS = $(PROBE_CPPFLAGS)
tests_real_probe_race_LDADD = $(PROBE_LIBS)
tests_real_probe_faults_SOURCES = tests/real-probe-faults.c tests/bpffs.c tests/bpffs.h tests/suite.h
tests_real_probe_faults_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/probes $(BPF_CFLAGS)
tests_real_probe_faults_LDADD = libcgtune-probe-core.la $(TEST_LIBS)
tests_real_throttle_SOURCES = tests/real-throttle.c tests/bpffs.c tests/bpffs.h $(REAL_SOURCES)
tests_real_throttle_CPPFLAGS = $(AM_CPPFLAGS) $(BPF_CFLAGS)
tests_real_throttle_LDADD = libcgtune-probe-core.la $(REAL_LIBS) -lpthread
# The programs' own code, with fetching atomics and with the lock that stands for them.
tests_test_probe_slot_SOURCES = tests/test-probe-slot.c tests/suite.h
tests_test_probe_slot_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/probes
tests_test_probe_slot_LDADD = $(CHECK_LIBS) -lpthread
tests_test_probe_slot_lock_SOURCES = tests/test-probe-slot.c tests/suite.h
tests_test_probe_slot_lock_CPPFLAGS = $(tests_test_probe_slot_CPPFLAGS) -DNO_FETCH
tests_test_probe_slot_lock_LDADD = $(CHECK_LIBS) -lpthread
tests_real_probe_rights_SOURCES = tests/real-probe-rights.c tests/bpffs.c tests/bpffs.h tests/suite.h
tests_real_probe_rights_CPPFLAGS = $(PROBE_CPPFLAGS)
tests_real_probe_rights_LDADD = libcgtune-probe-core.la $(TEST_LIBS)
tests_real_probe_modes_SOURCES = tests/real-probe-modes.c tests/bpffs.c tests/bpffs.h tests/suite.h
tests_real_probe_modes_CPPFLAGS = $(PROBE_CPPFLAGS) $(BPF_CFLAGS)
tests_real_probe_modes_LDADD = libcgtune-probe-core.la $(TEST_LIBS)
tests_real_probe_life_SOURCES = tests/real-probe-life.c $(PROBE_SOURCES)
tests_real_probe_life_CPPFLAGS = $(PROBE_CPPFLAGS)
tests_real_probe_life_LDADD = $(PROBE_LIBS)
tests_real_bpfdist_SOURCES = tests/real-bpfdist.c $(REAL_SOURCES)
tests_real_bpfdist_CPPFLAGS = $(AM_CPPFLAGS) $(BPF_CFLAGS)
tests_real_bpfdist_LDADD = libcgtune-probe-core.la $(REAL_LIBS) -lpthread
tests_live_limiter_SOURCES = tests/live-limiter.c
tests_live_limiter_LDADD = libcgtune.la
tests_live_print_SOURCES = tests/live-print.c
tests_live_print_LDADD = libcgtune.la

# The screen of cgtune top: its table alone, and the whole of it on a terminal.
check_PROGRAMS += tests/screen
tests_screen_SOURCES = tests/screen.c tests/vt.c tests/vt.h
tests_screen_LDADD = -lutil
tests_test_top_SOURCES = tests/test-top.c tools/top-lines.c tools/top-columns.c tools/counts.c tools/rows.c tools/groups.c \
	tools/names.c tools/tool.c tests/suite.h
tests_test_top_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tools -I$(top_srcdir)/probes
tests_test_top_LDADD = libcgtune-probe-core.la $(REAL_LIBS)
TESTS += tests/real-top.sh
tests_real_advise_SOURCES = tests/real-advise.c $(REAL_SOURCES)
tests_real_advise_LDADD = $(REAL_LIBS) $(JSON_LIBS) -lpthread
tests_test_advise_SOURCES = tests/test-advise.c tools/advise-rules.c tools/advise-commands.c tools/tool.c tests/suite.h
tests_test_advise_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tools -I$(top_srcdir)/probes
tests_test_advise_LDADD = $(TEST_LIBS)
tests/real-top.log: cgtune$(EXEEXT) tests/screen$(EXEEXT) tests/json$(EXEEXT) tests/pty$(EXEEXT)
EXTRA_DIST += tests/real-top.sh

# What examples/deploy has, in the engines and under the service manager that it is for.
TESTS += tests/deploy-files.sh tests/deploy-oci.sh tests/deploy-podman.sh
EXTRA_DIST += tests/deploy-files.sh tests/deploy-oci.sh tests/deploy-podman.sh tests/deploy-kube.py \
	tests/deploy-containerd.sh tests/deploy-cri.py tests/vm-deploy.sh
tests/deploy-files.log tests/deploy-oci.log tests/deploy-podman.log: cgtune$(EXEEXT) cgtune-export$(EXEEXT) \
	libcgtune-preload.so tests/json$(EXEEXT)

EXTRA_DIST += tests/fixtures tests/vectors tests/vm tests/vm.sh tests/vm-programs.sh tests/vm-systemd.sh \
	tests/container.sh tests/tap.sh tests/test-layers.sh tests/test-symbols.sh tests/test-show.sh \
	tests/test-env.sh tests/test-run.sh tests/command.sh tests/real-run.sh tests/real-stalls.sh tests/real-mounts.sh tests/programs tests/programs.sh \
	tests/examples.sh tests/load.sh tests/agent.sh
EXTRA_DIST += tests/hostile-clients.py tests/field.sh tests/field-kill.py tests/setuid.sh
TESTS += tests/field.sh tests/setuid.sh
tests/field.log: cgtune$(EXEEXT)
tests/setuid.log: cgtune$(EXEEXT) libcgtune.la libcgtune-preload.so
EXTRA_DIST += tests/container-crun.sh tests/podman.sh
TESTS += tests/container-crun.sh
tests/container-crun.log tests/podman.log: cgtune$(EXEEXT) tests/live-print$(EXEEXT) tests/live-limiter$(EXEEXT) tests/json$(EXEEXT)
# make(1) knows how to make tests/programs, which is a folder, of tests/programs.sh: it is not to.
%: %.sh

# The tracepoints, as tools find them and as the kernel sees them passed.
TESTS += tests/usdt.sh tests/bpftrace.sh
EXTRA_DIST += tests/usdt.sh tests/usdt.bpf.c tests/bpftrace.sh
tests/usdt.log: libcgtune.la libcgtune-preload.so
tests/bpftrace.log: cgtune$(EXEEXT) libcgtune.la $(noinst_PROGRAMS)
if HAVE_CHECK
if HAVE_BPF
check_PROGRAMS += tests/real-usdt
TESTS += tests/real-usdt
tests_real_usdt_SOURCES = tests/real-usdt.c tests/usdt-seen.h $(REAL_SOURCES)
tests_real_usdt_CPPFLAGS = $(PROBE_CPPFLAGS) $(BPF_CFLAGS)
tests_real_usdt_CFLAGS = $(AM_CFLAGS) -Wa,-Itests
tests_real_usdt_LDADD = libcgtune.la $(CHECK_LIBS) $(CGROUP_LIBS) $(BPF_LIBS)
tests/usdt.bpf.o: $(srcdir)/tests/usdt.bpf.c $(srcdir)/tests/usdt-seen.h
	@$(MKDIR_P) tests
	$(AM_V_BPF)$(bpf_compile) -mcpu=v2 -idirafter /usr/include/$$($(CC) -print-multiarch)
$(tests_real_usdt_OBJECTS): tests/usdt.bpf.o
CLEANFILES += tests/usdt.bpf.o
endif
endif

# How both kinds of users find what is installed: pkg-config and CMake.
TESTS += tests/project.sh
EXTRA_DIST += tests/project.sh tests/project

# The bindings, against the built library.
bindings_tests = tests/bindings-python.sh tests/bindings-cpp.sh tests/bindings-rust.sh tests/bindings-go.sh
TESTS += $(bindings_tests)
$(bindings_tests:.sh=.log): libcgtune.la cgtune$(EXEEXT) tests/json$(EXEEXT)
EXTRA_DIST += $(bindings_tests)

# cgtune export: what needs no cgroup; and real ones, over HTTP, and a Prometheus where there is one.
export_core = tools/export.h tools/export-write.c tools/export-text.c tools/export-proto.c tools/export-labels.c \
	tools/export-filter.c tools/export-request.c tools/tool.c tools/tool.h
tests_test_export_SOURCES = tests/test-export.c tests/suite.h $(export_core)
tests_test_export_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tools
tests_test_export_LDADD = $(TEST_LIBS)
check_PROGRAMS += tests/fuzz/fuzz-export
tests_fuzz_fuzz_export_SOURCES = tests/fuzz/fuzz-export.c $(REPLAY) $(export_core)
tests_fuzz_fuzz_export_CPPFLAGS = $(fuzz_cppflags)
tests_fuzz_fuzz_export_LDADD = libcgtune-core.la
tests/test-fuzz.log: tests/fuzz/fuzz-export$(EXEEXT)
TESTS += tests/real-export.sh tests/export.sh tests/prometheus.sh
EXTRA_DIST += tests/real-export.sh tests/export.sh tests/prometheus.sh tests/metrics.py tests/dashboard.py
tests/real-export.log tests/export.log tests/prometheus.log: cgtune$(EXEEXT) cgtune-export$(EXEEXT) tests/json$(EXEEXT)

# The manual and the completion, against the command; the installed whole.
TESTS += tests/test-manual.sh tests/test-install.sh
EXTRA_DIST += tests/test-manual.sh tests/test-install.sh
tests/test-manual.log: cgtune$(EXEEXT) $(noinst_PROGRAMS)
TESTS += tests/test-complete.sh
EXTRA_DIST += tests/test-complete.sh tests/complete.zsh
tests/test-complete.log: cgtune$(EXEEXT)

# What the rows of programs/ build.
clean-local:
	rm -rf tests/programs-built tsan rust-built static-built coverage-built check-asan-gcc-built check-asan-clang-built
