# bench.mk - the benchmarks: cold detection against peers, refresh, getters; what the preload object costs; as root
EXTRA_DIST += bench/RESULTS.md bench/run bench/bench.h bench/floor.c bench/cold.c bench/scene.c bench/scene.h \
	bench/trace.c bench/trace.h bench/refresh.c bench/subject-cgtune.c \
	bench/peer-libuv.c bench/peer-libcgroup.c bench/peer-rust.rs \
	bench/PRELOAD.md bench/preload bench/exec.c bench/calls.c bench/LIMITER.md bench/limiter bench/limiter-rate.c bench/limiter.svg \
	bench/groups bench/walk.c bench/readers bench/READERS.md
# How exact the probe is on a kernel, and other methods beside it: bench/exactness boots them.
if HAVE_CHECK
if HAVE_BPF
EXTRA_PROGRAMS = bench/exact bench/cost
bench_cost_SOURCES = bench/cost.c bench/bench.h
bench_cost_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/probes $(BPF_CFLAGS)
bench_cost_LDADD = libcgtune-probe-core.la libcgtune-core.la
bench/cost.bpf.o: $(srcdir)/bench/cost.bpf.c $(probe_programs) $(probe_headers)
	@$(MKDIR_P) bench
	$(AM_V_BPF)$(bpf_compile) -I$(srcdir)/probes -mcpu=v3
bench_exact_SOURCES = bench/exact.c bench/peers.h $(PROBE_SOURCES)
bench_exact_CPPFLAGS = $(PROBE_CPPFLAGS) $(BPF_CFLAGS) -I$(srcdir)/tests
bench_exact_LDADD = $(PROBE_LIBS)
bench/peers.bpf.o: $(srcdir)/bench/peers.bpf.c $(srcdir)/bench/peers.h $(probe_headers)
	@$(MKDIR_P) bench
	$(AM_V_BPF)$(bpf_compile) -I$(srcdir)/probes -mcpu=v2
CLEANFILES += bench/exact bench/peers.bpf.o bench/cost bench/cost.bpf.o
endif
endif
EXTRA_DIST += bench/exactness bench/exactness.awk bench/EXACTNESS.md bench/exact.c bench/peers.h bench/peers.bpf.c \
	bench/export bench/EXPORT.md bench/probe bench/PROBE.md bench/cost.c bench/cost.bpf.c
bench: libcgtune.la libcgtune-preload.so $(noinst_PROGRAMS)
	BENCH_LIB='$(abs_top_builddir)/.libs' CC='$(CC)' $(SHELL) $(srcdir)/bench/run
	BENCH_PRELOAD='$(abs_top_builddir)/libcgtune-preload.so' CC='$(CC)' $(SHELL) $(srcdir)/bench/preload
	CC='$(CC)' $(srcdir)/bench/limiter '$(abs_top_builddir)' -s 3 -r 5
.PHONY: bench
