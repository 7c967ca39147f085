# targets.mk - the tests that make check has not, or has in short: each by a target of its own

# Real kernels, v1, v2 and hybrid, in virtual machines; vm-table makes the table of their logs.
check-vm: all
	$(MAKE) $(AM_MAKEFLAGS) check TESTS="tests/vm.sh tests/vm-programs.sh tests/vm-systemd.sh"

# Those tests that may run beside each other (make -j), and the others: they have cgroups, probes, servers or the build for themselves.
beside_tests = $(unit_programs) $(torture_programs) tests/test-layers.sh tests/test-show.sh tests/test-env.sh \
	tests/test-fuzz.sh tests/test-abi.sh tests/test-manual.sh
check-beside: all
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(beside_tests)'
check-alone: all
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(filter-out $(beside_tests),$(TESTS))'

# For a build with sanitizers: those tests whose memory limits and fault counts leave room for them.
check-sanitized: all
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(unit_programs) tests/test-fuzz.sh tests/test-show.sh tests/test-env.sh tests/real-limits tests/real-usage'

# Those tests in which threads meet, under the thread sanitizer; it wants all of a program compiled for it.
tsan_programs = tests/test-limiter tests/test-limiter-storm tests/test-feedback tests/test-process \
	tests/real-told tests/real-limiter
tsan_shared = $(filter %.c,$(libcgtune_core_la_SOURCES)) tests/machine.c tests/tree.c tests/real.c tests/follow.c
if HAVE_BPF
# Not test-probe-slot: BPF programs keep to the kernel's memory model, whose plain loads and fences it does not know.
tsan_programs += tests/real-throttle
tsan_shared += $(filter %.c,$(libcgtune_probe_core_la_SOURCES)) tests/bpffs.c
tsan_flags = $(libcgtune_probe_core_la_CPPFLAGS) -Wa,-Iprobes
$(patsubst %.c,tsan/%.o,$(filter %.c,$(libcgtune_probe_core_la_SOURCES))): $(bpf_objects)
endif
tsan_headers = $(wildcard $(srcdir)/lib/*.h $(srcdir)/tests/*.h)
AM_V_TSAN = $(AM_V_TSAN_@AM_V@)
AM_V_TSAN_ = $(AM_V_TSAN_@AM_DEFAULT_V@)
AM_V_TSAN_0 = @echo "  TSAN    " $@;
tsan/%.o: $(srcdir)/%.c $(tsan_headers)
	@$(MKDIR_P) tsan/lib tsan/probes tsan/tests
	$(AM_V_TSAN)$(CC) $(DEFS) $(AM_CPPFLAGS) $(tsan_flags) -std=gnu11 -O1 -g -fsanitize=thread -DTSAN -c $< -o $@
tsan/shared.a: $(tsan_shared:%.c=tsan/%.o)
	$(AM_V_TSAN)$(AR) rc $@ $^
tsan/tests/%: tsan/tests/%.o tsan/shared.a
	$(AM_V_TSAN)$(CC) -fsanitize=thread -o $@ $^ $(CHECK_LIBS) $(CGROUP_LIBS) $(BPF_LIBS) -lpthread
check-tsan: $(tsan_programs:%=tsan/%)
	$(MAKE) $(AM_MAKEFLAGS) check TESTS=tests/tsan.sh CGTUNE_TSAN='$(tsan_programs:tests/%=%)'
.PRECIOUS: tsan/%.o
EXTRA_DIST += tests/tsan.sh
.PHONY: check-vm check-beside check-alone check-sanitized check-tsan

# The long forms.
if HAVE_CHECK
if HAVE_TORTURE
check-torture: all
	TORTURE_ALL=1 FAULTS_ALL=1 HOSTILE_ALL=1 $(MAKE) $(AM_MAKEFLAGS) check \
		TESTS='$(torture_programs) tests/test-faults tests/test-hostile-reads tests/real-steps'
endif
endif
# What kills 20 in make check kills 200.
check-field: all
	CGTUNE_FIELD_ROUNDS=200 $(MAKE) $(AM_MAKEFLAGS) check TESTS=tests/field.sh
	@grep '^# ' tests/field.log
# Of the logs of check-vm.
vm-table:
	sh $(srcdir)/tests/vm/table $(wildcard tests/vm.log tests/vm-systemd.log tests/vm-programs.log) >tests/vm-table.md
	cp tests/vm-table.md $(srcdir)/tests/vm/RESULTS.md
CLEANFILES += tests/vm-table.md
# Containers of podman, which is much to install for every run.
check-podman: all
	$(MAKE) $(AM_MAKEFLAGS) check TESTS=tests/podman.sh
.PHONY: check-torture check-field check-podman vm-table
# Those whose names say it.
check-deploy: all
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='tests/deploy-files.sh tests/deploy-oci.sh tests/deploy-podman.sh \
		tests/deploy-containerd.sh tests/vm-deploy.sh'
.PHONY: check-deploy
check-bindings: all
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(bindings_tests)'
.PHONY: check-bindings

EXTRA_DIST += tests/package.sh
check-package: dist
	srcdir='$(srcdir)' $(SHELL) $(srcdir)/tests/package.sh
.PHONY: check-package

# For what was added to a header on purpose.
abi-baseline:
	CC='$(CC)' $(SHELL) $(srcdir)/tests/abi/abi baseline $(srcdir)/lib/cgtune.h $(srcdir)/tests/abi/cgtune.abi
	CC='$(CC)' $(SHELL) $(srcdir)/tests/abi/abi baseline $(srcdir)/probes/cgtune-probe.h $(srcdir)/tests/abi/cgtune-probe.abi
.PHONY: abi-baseline

# By libFuzzer, FUZZ_SECONDS of processor time each: needs clang with its runtime.
check-fuzz:
	CLANG='$(CLANG)' $(SHELL) $(srcdir)/tests/fuzz/run $(FUZZ_TARGETS)
check-afl:
	FUZZ_AFL=1 FUZZ_DIR=afl-built $(SHELL) $(srcdir)/tests/fuzz/run $(FUZZ_TARGETS)
.PHONY: check-fuzz check-afl

# How much of lib/ the tests reach; and what valgrind finds in the unit programs, the command and the preload object.
EXTRA_DIST += tests/coverage tests/memcheck
coverage:
	$(SHELL) $(srcdir)/tests/coverage/run coverage-built $(unit_programs) tests/test-fuzz.sh tests/real-limits \
		tests/real-usage tests/real-live tests/real-throttle
check-valgrind: cgtune$(EXEEXT) libcgtune-preload.so $(unit_programs) tests/preload-view$(EXEEXT)
	srcdir='$(abs_srcdir)' $(SHELL) $(srcdir)/tests/memcheck . $(unit_programs)
.PHONY: coverage check-valgrind

# By the address and undefined behaviour sanitizers of gcc or clang, in a build of its own; the fuzz targets by clang's
# memory sanitizer, which wants all of a program compiled for it, and Check is not.
sanitizers = -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
check-asan-gcc check-asan-clang:
	@$(MKDIR_P) $@-built
	cd $@-built && { test -f Makefile || $(abs_srcdir)/configure -q CC='$(@:check-asan-%=%)' CFLAGS='$(sanitizers)'; } && \
		$(MAKE) $(AM_MAKEFLAGS) check-sanitized
check-msan:
	CLANG='$(CLANG)' FUZZ_DIR=msan-built FUZZ_SANITIZE=memory $(SHELL) $(srcdir)/tests/fuzz/run $(FUZZ_TARGETS)
.PHONY: check-asan-gcc check-asan-clang check-msan

# Static analysis: what no tool may find (tests/static/run). STATIC: only these of its tools.
EXTRA_DIST += tests/static
check-static:
	$(SHELL) $(srcdir)/tests/static/run $(STATIC)
.PHONY: check-static
