/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-plan - limits, options and environment to decisions, rule by rule */
#include "machine.h"
#include "suite.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>

#define NONE CGTUNE_UNLIMITED
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MOST_VARIABLES 4

/* A machine, what its user asks for, and what must come of it. */
struct row {
	const char *rule;
	const char *cpu_max, *memory_max, *memory_high;	/* of the cgroup /a; NULL: no such file */
	const char *environment[MOST_VARIABLES];	/* "NAME=value" */
	struct cgtune_options options;
	uint32_t threads, threads_source;
	uint64_t budget;
	uint32_t budget_source, limited, tuned;
};

#define CPU CGTUNE_CPU
#define MEM CGTUNE_MEMORY
#define BOTH (CGTUNE_CPU | CGTUNE_MEMORY)
#define CGROUP CGTUNE_SOURCE_CGROUP
#define HOST CGTUNE_SOURCE_HOST
#define OPTION CGTUNE_SOURCE_OPTION
#define V(...) { __VA_ARGS__ }

#define CPU_2_5 "250000 100000"
#define MEM_1G "1073741824"
#define BUDGET_1G UINT64_C(966367641)		/* 966367641.6 */

/* On 8 CPUs and 64 GiB. */
static const struct row cpu_rows[] = {
	{ "nothing limits", NULL, NULL, NULL, V(NULL), { 0 }, 8, HOST, NONE, HOST, 0, 0 },
	{ "max is no limit", "max 100000", "max", "max", V(NULL), { 0 }, 8, HOST, NONE, HOST, 0, 0 },
	/* Rounding: of the exact pair, up by default. */
	{ "up", CPU_2_5, NULL, NULL, V(NULL), { 0 }, 3, CGROUP, NONE, HOST, CPU, CPU },
	{ "whole", "200000 100000", NULL, NULL, V(NULL), { 0 }, 2, CGROUP, NONE, HOST, CPU, CPU },
	{ "a microsecond more", "200001 100000", NULL, NULL, V(NULL), { 0 }, 3, CGROUP, NONE, HOST, CPU, CPU },
	{ "below one", "1000 100000", NULL, NULL, V(NULL), { 0 }, 1, CGROUP, NONE, HOST, CPU, CPU },
	{ "a third above", "1000001 1000000", NULL, NULL, V(NULL), { 0 }, 2, CGROUP, NONE, HOST, CPU, CPU },
	{ "odd period", "6000001 3000000", NULL, NULL, V(NULL), { 0 }, 3, CGROUP, NONE, HOST, CPU, CPU },
	{ "floor", CPU_2_5, NULL, NULL, V("CGTUNE_ROUND=floor"), { 0 }, 2, CGROUP, NONE, HOST, CPU, CPU },
	{ "floor is at least 1", "50000 100000", NULL, NULL, V("CGTUNE_ROUND=floor"), { 0 },
	  1, CGROUP, NONE, HOST, CPU, CPU },
	{ "nearest, half", CPU_2_5, NULL, NULL, V("CGTUNE_ROUND=nearest"), { 0 }, 3, CGROUP, NONE, HOST, CPU, CPU },
	{ "nearest, below half", "249999 100000", NULL, NULL, V("CGTUNE_ROUND=nearest"), { 0 },
	  2, CGROUP, NONE, HOST, CPU, CPU },
	{ "nearest is at least 1", "10000 100000", NULL, NULL, V("CGTUNE_ROUND=nearest"), { 0 },
	  1, CGROUP, NONE, HOST, CPU, CPU },
	{ "ceil by name", CPU_2_5, NULL, NULL, V("CGTUNE_ROUND=ceil"), { 0 }, 3, CGROUP, NONE, HOST, CPU, CPU },
	{ "option before CGTUNE_ROUND", CPU_2_5, NULL, NULL, V("CGTUNE_ROUND=ceil"),
	  { .rounding = CGTUNE_ROUND_FLOOR }, 2, CGROUP, NONE, HOST, CPU, CPU },
	{ "refused rounding is ceil", CPU_2_5, NULL, NULL, V("CGTUNE_ROUND=up"), { 0 },
	  3, CGROUP, NONE, HOST, CPU, CPU },
	/* The affinity mask caps; a quota at or above it does not bind. */
	{ "at the mask", "800000 100000", NULL, NULL, V(NULL), { 0 }, 8, HOST, NONE, HOST, 0, 0 },
	{ "above the mask", "1200000 100000", NULL, NULL, V(NULL), { 0 }, 8, HOST, NONE, HOST, 0, 0 },
	{ "just below the mask", "799999 100000", NULL, NULL, V(NULL), { 0 }, 8, CGROUP, NONE, HOST, CPU, 0 },
	{ "far above the mask", "18446744073709551615 1", NULL, NULL, V(NULL), { 0 }, 8, HOST, NONE, HOST, 0, 0 },
	/* The reserve goes off before rounding. */
	{ "reserve", "400000 100000", NULL, NULL, V("CGTUNE_CPUS_RESERVE=0.5"), { 0 },
	  4, CGROUP, NONE, HOST, CPU, CPU },
	{ "reserve of one", "400000 100000", NULL, NULL, V("CGTUNE_CPUS_RESERVE=1"), { 0 },
	  3, CGROUP, NONE, HOST, CPU, CPU },
	{ "reserve in millis", "400000 100000", NULL, NULL, V("CGTUNE_CPUS_RESERVE=1001m"), { 0 },
	  3, CGROUP, NONE, HOST, CPU, CPU },
	{ "reserve, exactly", "6000001 3000000", NULL, NULL, V("CGTUNE_CPUS_RESERVE=1"), { 0 },
	  2, CGROUP, NONE, HOST, CPU, CPU },
	{ "reserve above the limit", CPU_2_5, NULL, NULL, V("CGTUNE_CPUS_RESERVE=99"), { 0 },
	  1, CGROUP, NONE, HOST, CPU, CPU },
	{ "reserve and floor", CPU_2_5, NULL, NULL, V("CGTUNE_CPUS_RESERVE=0.6", "CGTUNE_ROUND=floor"), { 0 },
	  1, CGROUP, NONE, HOST, CPU, CPU },
	{ "reserve of a quota at the mask", "800000 100000", NULL, NULL, V("CGTUNE_CPUS_RESERVE=1"), { 0 },
	  7, CGROUP, NONE, HOST, 0, 0 },
	{ "reserve of no limit", NULL, NULL, NULL, V("CGTUNE_CPUS_RESERVE=2"), { 0 }, 8, HOST, NONE, HOST, 0, 0 },
	/* Who decides: options, CGTUNE_THREADS, CGTUNE_CPUS, GOMAXPROCS, cgroup, host. */
	{ "GOMAXPROCS before the cgroup", CPU_2_5, NULL, NULL, V("GOMAXPROCS=5"), { 0 },
	  5, CGTUNE_SOURCE_GOMAXPROCS, NONE, HOST, CPU, CPU },
	{ "GOMAXPROCS before the host", NULL, NULL, NULL, V("GOMAXPROCS=5"), { 0 },
	  5, CGTUNE_SOURCE_GOMAXPROCS, NONE, HOST, 0, 0 },
	{ "GOMAXPROCS above the mask", CPU_2_5, NULL, NULL, V("GOMAXPROCS=100"), { 0 },
	  100, CGTUNE_SOURCE_GOMAXPROCS, NONE, HOST, CPU, 0 },
	{ "GOMAXPROCS at its most", NULL, NULL, NULL, V("GOMAXPROCS=2147483647"), { 0 },
	  INT32_MAX, CGTUNE_SOURCE_GOMAXPROCS, NONE, HOST, 0, 0 },
	{ "GOMAXPROCS of 2^31 is refused", CPU_2_5, NULL, NULL, V("GOMAXPROCS=2147483648"), { 0 },
	  3, CGROUP, NONE, HOST, CPU, CPU },
	{ "GOMAXPROCS is not rounded, reserved or capped", CPU_2_5, NULL, NULL,
	  V("GOMAXPROCS=9", "CGTUNE_CPUS_RESERVE=2", "CGTUNE_ROUND=floor"), { 0 },
	  9, CGTUNE_SOURCE_GOMAXPROCS, NONE, HOST, CPU, 0 },
	{ "CGTUNE_THREADS before GOMAXPROCS", CPU_2_5, NULL, NULL, V("GOMAXPROCS=5", "CGTUNE_THREADS=6"), { 0 },
	  6, CGTUNE_SOURCE_THREADS, NONE, HOST, CPU, CPU },
	{ "CGTUNE_THREADS above the mask", NULL, NULL, NULL, V("CGTUNE_THREADS=64"), { 0 },
	  64, CGTUNE_SOURCE_THREADS, NONE, HOST, 0, 0 },
	{ "CGTUNE_THREADS below the mask is applied", NULL, NULL, NULL, V("CGTUNE_THREADS=4"), { 0 },
	  4, CGTUNE_SOURCE_THREADS, NONE, HOST, 0, CPU },
	{ "CGTUNE_THREADS before CGTUNE_CPUS", CPU_2_5, NULL, NULL, V("CGTUNE_CPUS=1", "CGTUNE_THREADS=6"), { 0 },
	  6, CGTUNE_SOURCE_THREADS, NONE, HOST, CPU, CPU },
	{ "CGTUNE_CPUS before GOMAXPROCS", CPU_2_5, NULL, NULL, V("CGTUNE_CPUS=4", "GOMAXPROCS=5"), { 0 },
	  4, CGTUNE_SOURCE_CPUS, NONE, HOST, CPU, CPU },
	{ "CGTUNE_CPUS downwards", CPU_2_5, NULL, NULL, V("CGTUNE_CPUS=1.5"), { 0 },
	  2, CGTUNE_SOURCE_CPUS, NONE, HOST, CPU, CPU },
	{ "CGTUNE_CPUS upwards", CPU_2_5, NULL, NULL, V("CGTUNE_CPUS=4500m"), { 0 },
	  5, CGTUNE_SOURCE_CPUS, NONE, HOST, CPU, CPU },
	{ "CGTUNE_CPUS is capped", CPU_2_5, NULL, NULL, V("CGTUNE_CPUS=12"), { 0 }, 8, HOST, NONE, HOST, 0, 0 },
	{ "CGTUNE_CPUS is rounded like a quota", CPU_2_5, NULL, NULL, V("CGTUNE_CPUS=1.5", "CGTUNE_ROUND=floor"), { 0 },
	  1, CGTUNE_SOURCE_CPUS, NONE, HOST, CPU, CPU },
	{ "CGTUNE_CPUS where nothing limits", NULL, NULL, NULL, V("CGTUNE_CPUS=0.000001"), { 0 },
	  1, CGTUNE_SOURCE_CPUS, NONE, HOST, CPU, CPU },
	{ "option before all", CPU_2_5, NULL, NULL, V("CGTUNE_CPUS=1", "CGTUNE_THREADS=6", "GOMAXPROCS=5"),
	  { .cpu_milli = 3500 }, 4, OPTION, NONE, HOST, CPU, CPU },
	{ "option of a milli-CPU", NULL, NULL, NULL, V(NULL), { .cpu_milli = 2001 }, 3, OPTION, NONE, HOST, CPU, CPU },
	{ "option is capped", NULL, NULL, NULL, V(NULL), { .cpu_milli = UINT64_MAX / 1000 },
	  8, HOST, NONE, HOST, 0, 0 },
	{ "GOMAXPROCS of 0 is refused", CPU_2_5, NULL, NULL, V("GOMAXPROCS=0"), { 0 }, 3, CGROUP, NONE, HOST, CPU, CPU },
	{ "set but empty is unset", CPU_2_5, NULL, NULL, V("GOMAXPROCS=", "CGTUNE_THREADS=", "CGTUNE_CPUS=", "CGTUNE="),
	  { 0 }, 3, CGROUP, NONE, HOST, CPU, CPU },
	{ "the environment does not count", CPU_2_5, NULL, NULL, V("GOMAXPROCS=5", "CGTUNE=off", "CGTUNE_CPUS=1"),
	  { .flags = CGTUNE_NO_ENV }, 3, CGROUP, NONE, HOST, CPU, CPU },
	/* Runtimes' own variables that are not overrides. */
	{ "OMP_NUM_THREADS is not read", CPU_2_5, NULL, NULL, V("OMP_NUM_THREADS=5", "OMP_THREAD_LIMIT=1"), { 0 },
	  3, CGROUP, NONE, HOST, CPU, CPU },
	{ "LOKY, DOTNET and GODEBUG are not read", CPU_2_5, NULL, NULL,
	  V("LOKY_MAX_CPU_COUNT=1", "DOTNET_PROCESSOR_COUNT=1", "GODEBUG=containermaxprocs=0"), { 0 },
	  3, CGROUP, NONE, HOST, CPU, CPU },
	/* What cgtune wrote itself. */
	{ "own value is no override", CPU_2_5, NULL, NULL, V("GOMAXPROCS=5", "CGTUNE_SET=GOMAXPROCS=5;"), { 0 },
	  3, CGROUP, NONE, HOST, CPU, CPU },
	{ "own value without its semicolon", CPU_2_5, NULL, NULL, V("GOMAXPROCS=5", "CGTUNE_SET=GOMAXPROCS=5"), { 0 },
	  3, CGROUP, NONE, HOST, CPU, CPU },
	{ "own value behind others", CPU_2_5, NULL, NULL, V("GOMAXPROCS=5", "CGTUNE_SET=A=1;;GOMAXPROCS=5;B=2;"), { 0 },
	  3, CGROUP, NONE, HOST, CPU, CPU },
	{ "changed since by the user", CPU_2_5, NULL, NULL, V("GOMAXPROCS=5", "CGTUNE_SET=GOMAXPROCS=4;"), { 0 },
	  5, CGTUNE_SOURCE_GOMAXPROCS, NONE, HOST, CPU, CPU },
	{ "a longer value in the marker", CPU_2_5, NULL, NULL, V("GOMAXPROCS=5", "CGTUNE_SET=GOMAXPROCS=55;"), { 0 },
	  5, CGTUNE_SOURCE_GOMAXPROCS, NONE, HOST, CPU, CPU },
	{ "a longer name in the marker", CPU_2_5, NULL, NULL, V("GOMAXPROCS=5", "CGTUNE_SET=XGOMAXPROCS=5;"), { 0 },
	  5, CGTUNE_SOURCE_GOMAXPROCS, NONE, HOST, CPU, CPU },
	/* The switch. */
	{ "off", CPU_2_5, MEM_1G, NULL, V("CGTUNE=off"), { 0 }, 8, CGTUNE_SOURCE_OFF, NONE, CGTUNE_SOURCE_OFF, 0, 0 },
	{ "0", CPU_2_5, MEM_1G, NULL, V("CGTUNE=0"), { 0 }, 8, CGTUNE_SOURCE_OFF, NONE, CGTUNE_SOURCE_OFF, 0, 0 },
	{ "false", CPU_2_5, MEM_1G, NULL, V("CGTUNE=false"), { 0 }, 8, CGTUNE_SOURCE_OFF, NONE, CGTUNE_SOURCE_OFF, 0, 0 },
	{ "no", CPU_2_5, MEM_1G, NULL, V("CGTUNE=no"), { 0 }, 8, CGTUNE_SOURCE_OFF, NONE, CGTUNE_SOURCE_OFF, 0, 0 },
	{ "off before every other variable", CPU_2_5, MEM_1G, NULL,
	  V("CGTUNE=off", "GOMAXPROCS=2", "CGTUNE_THREADS=3", "CGTUNE_BUDGET=1G"), { 0 },
	  8, CGTUNE_SOURCE_OFF, NONE, CGTUNE_SOURCE_OFF, 0, 0 },
	{ "OFF is refused", CPU_2_5, NULL, NULL, V("CGTUNE=OFF"), { 0 }, 3, CGROUP, NONE, HOST, CPU, CPU },
};

static const struct row memory_rows[] = {
	{ "ratio of the limit, truncated", NULL, MEM_1G, NULL, V(NULL), { 0 }, 8, HOST, BUDGET_1G, CGROUP, MEM, MEM },
	{ "both limits", CPU_2_5, MEM_1G, "max", V(NULL), { 0 }, 3, CGROUP, BUDGET_1G, CGROUP, BOTH, BOTH },
	/* Physical memory is 68719476736. */
	{ "a page below physical", NULL, "68719472640", NULL, V(NULL), { 0 },
	  8, HOST, UINT64_C(61847525376), CGROUP, MEM, MEM },
	{ "at physical", NULL, "68719476736", NULL, V(NULL), { 0 }, 8, HOST, NONE, HOST, 0, 0 },
	{ "above physical", NULL, "68719480832", NULL, V(NULL), { 0 }, 8, HOST, NONE, HOST, 0, 0 },
	/* memory.high */
	{ "high alone", NULL, "max", "536870912", V(NULL), { 0 }, 8, HOST, 512 * MIB, CGROUP, MEM, MEM },
	{ "high without max", NULL, NULL, "536870912", V(NULL), { 0 }, 8, HOST, 512 * MIB, CGROUP, MEM, MEM },
	{ "high below ratio x max", NULL, MEM_1G, "536870912", V(NULL), { 0 }, 8, HOST, 512 * MIB, CGROUP, MEM, MEM },
	{ "high above ratio x max", NULL, MEM_1G, "1000000000", V(NULL), { 0 }, 8, HOST, BUDGET_1G, CGROUP, MEM, MEM },
	{ "high at physical", NULL, NULL, "68719476736", V(NULL), { 0 }, 8, HOST, NONE, HOST, 0, 0 },
	{ "the ratio does not touch high", NULL, NULL, "536870912", V("CGTUNE_MEMORY_RATIO=0.1"), { 0 },
	  8, HOST, 512 * MIB, CGROUP, MEM, MEM },
	{ "the reserve does not touch high", NULL, NULL, "536870912", V("CGTUNE_MEMORY_RESERVE=256MiB"), { 0 },
	  8, HOST, 512 * MIB, CGROUP, MEM, MEM },
	/* Ratio and reserve: the smaller result; neither is a source. */
	{ "ratio", NULL, MEM_1G, NULL, V("CGTUNE_MEMORY_RATIO=0.5"), { 0 }, 8, HOST, 512 * MIB, CGROUP, MEM, MEM },
	{ "ratio of 1", NULL, MEM_1G, NULL, V("CGTUNE_MEMORY_RATIO=1"), { 0 }, 8, HOST, GIB, CGROUP, MEM, MEM },
	{ "ratio, exactly", NULL, "68719472640", NULL, V("CGTUNE_MEMORY_RATIO=0.333333333333333333"), { 0 },
	  8, HOST, UINT64_C(22906490879), CGROUP, MEM, MEM },
	{ "refused ratio", NULL, MEM_1G, NULL, V("CGTUNE_MEMORY_RATIO=90%"), { 0 }, 8, HOST, BUDGET_1G, CGROUP, MEM, MEM },
	{ "ratio of 0 is refused", NULL, MEM_1G, NULL, V("CGTUNE_MEMORY_RATIO=0"), { 0 }, 8, HOST, BUDGET_1G, CGROUP, MEM, MEM },
	{ "permille before the ratio", NULL, MEM_1G, NULL, V("CGTUNE_MEMORY_RATIO=0.9", "AUTOMEMLIMIT=0.9"),
	  { .permille = 500 }, 8, HOST, 512 * MIB, CGROUP, MEM, MEM },
	{ "permille of 1000", NULL, MEM_1G, NULL, V(NULL), { .permille = 1000 }, 8, HOST, GIB, CGROUP, MEM, MEM },
	{ "AUTOMEMLIMIT's ratio", NULL, MEM_1G, NULL, V("AUTOMEMLIMIT=0.5"), { 0 }, 8, HOST, 512 * MIB, CGROUP, MEM, MEM },
	{ "CGTUNE's ratio before AUTOMEMLIMIT's", NULL, MEM_1G, NULL, V("AUTOMEMLIMIT=0.5", "CGTUNE_MEMORY_RATIO=0.25"),
	  { 0 }, 8, HOST, 256 * MIB, CGROUP, MEM, MEM },
	{ "reserve below a tenth", NULL, MEM_1G, NULL, V("CGTUNE_MEMORY_RESERVE=64MiB"), { 0 },
	  8, HOST, BUDGET_1G, CGROUP, MEM, MEM },
	{ "reserve above a tenth", NULL, MEM_1G, NULL, V("CGTUNE_MEMORY_RESERVE=512MiB"), { 0 },
	  8, HOST, 512 * MIB, CGROUP, MEM, MEM },
	{ "reserve beside a ratio of 1", NULL, MEM_1G, NULL, V("CGTUNE_MEMORY_RESERVE=64MiB", "CGTUNE_MEMORY_RATIO=1"), { 0 },
	  8, HOST, 960 * MIB, CGROUP, MEM, MEM },
	{ "reserve of no limit", NULL, NULL, NULL, V("CGTUNE_MEMORY_RESERVE=64MiB"), { 0 }, 8, HOST, NONE, HOST, 0, 0 },
	/* The floor. */
	{ "limit of 0", NULL, "0", NULL, V(NULL), { 0 }, 8, HOST, 4 * MIB, CGROUP, MEM, MEM },
	{ "limit below 4 MiB", NULL, "1048576", NULL, V(NULL), { 0 }, 8, HOST, 4 * MIB, CGROUP, MEM, MEM },
	{ "limit just above 4 MiB", NULL, "4198400", NULL, V(NULL), { 0 }, 8, HOST, 4 * MIB, CGROUP, MEM, MEM },
	{ "reserve above the limit", NULL, MEM_1G, NULL, V("CGTUNE_MEMORY_RESERVE=2GiB"), { 0 },
	  8, HOST, 4 * MIB, CGROUP, MEM, MEM },
	{ "tiny ratio", NULL, MEM_1G, NULL, V("CGTUNE_MEMORY_RATIO=0.001"), { 0 }, 8, HOST, 4 * MIB, CGROUP, MEM, MEM },
	{ "high below 4 MiB", NULL, NULL, "4096", V(NULL), { 0 }, 8, HOST, 4 * MIB, CGROUP, MEM, MEM },
	{ "at 4 MiB", NULL, "4194304", NULL, V("CGTUNE_MEMORY_RATIO=1"), { 0 }, 8, HOST, 4 * MIB, CGROUP, MEM, MEM },
	/* Who decides: option, CGTUNE_BUDGET, CGTUNE_MEMORY, GOMEMLIMIT, AUTOMEMLIMIT, cgroup. */
	{ "GOMEMLIMIT is exact", NULL, MEM_1G, NULL, V("GOMEMLIMIT=123456789"), { 0 },
	  8, HOST, 123456789, CGTUNE_SOURCE_GOMEMLIMIT, MEM, MEM },
	{ "GOMEMLIMIT above the limit", NULL, MEM_1G, NULL, V("GOMEMLIMIT=2GiB"), { 0 },
	  8, HOST, 2 * GIB, CGTUNE_SOURCE_GOMEMLIMIT, MEM, MEM },
	{ "GOMEMLIMIT below 4 MiB", NULL, MEM_1G, NULL, V("GOMEMLIMIT=1KiB"), { 0 },
	  8, HOST, KIB, CGTUNE_SOURCE_GOMEMLIMIT, MEM, MEM },
	{ "GOMEMLIMIT=off", NULL, MEM_1G, NULL, V("GOMEMLIMIT=off"), { 0 }, 8, HOST, NONE, CGTUNE_SOURCE_GOMEMLIMIT, MEM, 0 },
	{ "GOMEMLIMIT where nothing limits", NULL, NULL, NULL, V("GOMEMLIMIT=1GiB"), { 0 },
	  8, HOST, GIB, CGTUNE_SOURCE_GOMEMLIMIT, 0, 0 },
	{ "GOMEMLIMIT in cgtune's grammar is refused", NULL, MEM_1G, NULL, V("GOMEMLIMIT=1G"), { 0 },
	  8, HOST, BUDGET_1G, CGROUP, MEM, MEM },
	{ "AUTOMEMLIMIT=off", NULL, MEM_1G, NULL, V("AUTOMEMLIMIT=off"), { 0 },
	  8, HOST, NONE, CGTUNE_SOURCE_AUTOMEMLIMIT, MEM, 0 },
	{ "AUTOMEMLIMIT=OFF is refused", NULL, MEM_1G, NULL, V("AUTOMEMLIMIT=OFF"), { 0 }, 8, HOST, BUDGET_1G, CGROUP, MEM, MEM },
	{ "GOMEMLIMIT before AUTOMEMLIMIT=off", NULL, MEM_1G, NULL, V("AUTOMEMLIMIT=off", "GOMEMLIMIT=1GiB"), { 0 },
	  8, HOST, GIB, CGTUNE_SOURCE_GOMEMLIMIT, MEM, MEM },
	{ "CGTUNE_BUDGET before GOMEMLIMIT", NULL, MEM_1G, NULL, V("GOMEMLIMIT=1GiB", "CGTUNE_BUDGET=100M"), { 0 },
	  8, HOST, 100 * MIB, CGTUNE_SOURCE_BUDGET, MEM, MEM },
	{ "CGTUNE_BUDGET is exact", NULL, MEM_1G, "4096", V("CGTUNE_BUDGET=3.5GiB", "CGTUNE_MEMORY_RATIO=0.1",
	  "CGTUNE_MEMORY_RESERVE=1GiB"), { 0 }, 8, HOST, 3 * GIB + 512 * MIB, CGTUNE_SOURCE_BUDGET, MEM, MEM },
	{ "CGTUNE_BUDGET where nothing limits", NULL, NULL, NULL, V("CGTUNE_BUDGET=1G"), { 0 },
	  8, HOST, GIB, CGTUNE_SOURCE_BUDGET, 0, MEM },
	{ "CGTUNE_BUDGET=off", NULL, MEM_1G, NULL, V("CGTUNE_BUDGET=off"), { 0 }, 8, HOST, NONE, CGTUNE_SOURCE_BUDGET, MEM, 0 },
	{ "CGTUNE_BUDGET before AUTOMEMLIMIT=off", NULL, MEM_1G, NULL, V("AUTOMEMLIMIT=off", "CGTUNE_BUDGET=1G"), { 0 },
	  8, HOST, GIB, CGTUNE_SOURCE_BUDGET, MEM, MEM },
	{ "CGTUNE_MEMORY downwards", NULL, MEM_1G, NULL, V("CGTUNE_MEMORY=512MiB"), { 0 },
	  8, HOST, UINT64_C(483183820), CGTUNE_SOURCE_MEMORY, MEM, MEM },
	{ "CGTUNE_MEMORY upwards", NULL, MEM_1G, NULL, V("CGTUNE_MEMORY=2GiB"), { 0 },
	  8, HOST, UINT64_C(1932735283), CGTUNE_SOURCE_MEMORY, MEM, MEM },
	{ "CGTUNE_MEMORY is capped", NULL, MEM_1G, NULL, V("CGTUNE_MEMORY=64GiB"), { 0 }, 8, HOST, NONE, HOST, 0, 0 },
	{ "CGTUNE_MEMORY where nothing limits", NULL, NULL, NULL, V("CGTUNE_MEMORY=1G"), { 0 },
	  8, HOST, BUDGET_1G, CGTUNE_SOURCE_MEMORY, MEM, MEM },
	{ "CGTUNE_MEMORY of 0", NULL, NULL, NULL, V("CGTUNE_MEMORY=0"), { 0 }, 8, HOST, 4 * MIB, CGTUNE_SOURCE_MEMORY, MEM, MEM },
	{ "CGTUNE_MEMORY before GOMEMLIMIT", NULL, NULL, NULL, V("CGTUNE_MEMORY=1G", "GOMEMLIMIT=5GiB"), { 0 },
	  8, HOST, BUDGET_1G, CGTUNE_SOURCE_MEMORY, MEM, MEM },
	{ "CGTUNE_MEMORY before AUTOMEMLIMIT=off", NULL, NULL, NULL, V("CGTUNE_MEMORY=1G", "AUTOMEMLIMIT=off"), { 0 },
	  8, HOST, BUDGET_1G, CGTUNE_SOURCE_MEMORY, MEM, MEM },
	{ "CGTUNE_BUDGET before CGTUNE_MEMORY", NULL, NULL, NULL, V("CGTUNE_MEMORY=1G", "CGTUNE_BUDGET=2G"), { 0 },
	  8, HOST, 2 * GIB, CGTUNE_SOURCE_BUDGET, MEM, MEM },
	{ "option before all", NULL, "536870912", NULL, V("CGTUNE_MEMORY=2G", "CGTUNE_BUDGET=3G", "GOMEMLIMIT=4GiB",
	  "AUTOMEMLIMIT=off"), { .memory = GIB }, 8, HOST, BUDGET_1G, OPTION, MEM, MEM },
	{ "set but empty is unset", NULL, MEM_1G, NULL, V("GOMEMLIMIT=", "AUTOMEMLIMIT=", "CGTUNE_BUDGET=", "CGTUNE_MEMORY="),
	  { 0 }, 8, HOST, BUDGET_1G, CGROUP, MEM, MEM },
	{ "own GOMEMLIMIT is no override", NULL, MEM_1G, NULL,
	  V("GOMEMLIMIT=77MiB", "CGTUNE_SET=OMP_NUM_THREADS=2;GOMEMLIMIT=77MiB;"), { 0 }, 8, HOST, BUDGET_1G, CGROUP, MEM, MEM },
	{ "changed since by the user", NULL, MEM_1G, NULL, V("GOMEMLIMIT=78MiB", "CGTUNE_SET=GOMEMLIMIT=77MiB;"), { 0 },
	  8, HOST, 78 * MIB, CGTUNE_SOURCE_GOMEMLIMIT, MEM, MEM },
	{ "AUTOMEMLIMIT_EXPERIMENT is not read", NULL, MEM_1G, NULL, V("AUTOMEMLIMIT_EXPERIMENT=system"), { 0 },
	  8, HOST, BUDGET_1G, CGROUP, MEM, MEM },
};

static void set_environment(const char *const environment[MOST_VARIABLES])
{
	environment_clear();
	for (int i = 0; i < MOST_VARIABLES && environment[i]; i++)
		ck_assert_int_eq(putenv((char *)environment[i]), 0);
}

static void write_limit(const struct machine *machine, const char *path, const char *text)
{
	if (text)
		machine_write(machine, path, text);
}

static void check_number(const char *rule, const char *member, uint64_t got, uint64_t want)
{
	if (got != want)
		ck_abort_msg("%s: %s is %" PRIu64 ", expected %" PRIu64, rule, member, got, want);
}

static void check_source(const char *rule, const char *member, uint32_t got, uint32_t want)
{
	if (got != want)
		ck_abort_msg("%s: %s is %s, expected %s", rule, member, cgtune_source_name(got),
			     cgtune_source_name(want));
}

static void check_row(const struct row *row)
{
	struct cgtune_limits limits = { .size = sizeof(limits) };
	struct cgtune_plan plan = { .size = sizeof(plan) };
	struct machine machine;
	struct cgtune_options options = row->options;

	machine_make(&machine);
	write_limit(&machine, CPU_MAX, row->cpu_max);
	write_limit(&machine, MEMORY_MAX, row->memory_max);
	write_limit(&machine, MEMORY_HIGH, row->memory_high);
	set_environment(row->environment);
	options.size = sizeof(options);
	options.root = machine.root;
	ck_assert_int_eq(cgtune_read(&options, &limits), 0);
	ck_assert_int_eq(cgtune_plan(&options, &limits, &plan), 0);
	machine_remove(&machine);
	check_number(row->rule, "threads", plan.threads, row->threads);
	check_source(row->rule, "threads_source", plan.threads_source, row->threads_source);
	check_number(row->rule, "budget", plan.memory, row->budget);
	check_source(row->rule, "budget's source", plan.memory_source, row->budget_source);
	check_number(row->rule, "limited", plan.limited, row->limited);
	check_number(row->rule, "tuned", plan.tuned, row->tuned);
	check_number(row->rule, "cpus", plan.cpus, MACHINE_CPUS);
}

START_TEST(cpu)
{
	check_row(&cpu_rows[_i]);
}
END_TEST

START_TEST(memory)
{
	check_row(&memory_rows[_i]);
}
END_TEST

/*
 * Refused values: one warning, which names the variable, its value, and what
 * was used instead, be it the decision of another variable.
 */
static const struct {
	const char *variable, *value, *instead, *also;
} refused[] = {
	{ "CGTUNE", "maybe", "on", NULL },
	{ "CGTUNE", "OFF", "on", NULL },
	{ "CGTUNE_CPUS", "many", "2.5 CPUs (cgroup)", NULL },
	{ "CGTUNE_CPUS", "0", "2.5 CPUs (cgroup)", NULL },
	{ "CGTUNE_CPUS", "-1", "2.5 CPUs (cgroup)", NULL },
	{ "CGTUNE_MEMORY", "lots", "1073741824 bytes (cgroup)", NULL },
	{ "CGTUNE_MEMORY", "99999999T", "1073741824 bytes (cgroup)", NULL },
	{ "CGTUNE_THREADS", "0", "3 threads (cgroup)", NULL },
	{ "CGTUNE_THREADS", "2147483648", "5 threads (GOMAXPROCS)", "GOMAXPROCS=5" },
	{ "CGTUNE_BUDGET", "OFF", "966367641 bytes (cgroup)", NULL },
	{ "CGTUNE_BUDGET", "-1", "1048576 bytes (GOMEMLIMIT)", "GOMEMLIMIT=1MiB" },
	{ "CGTUNE_MEMORY_RATIO", "1.5", "0.9", NULL },
	{ "CGTUNE_MEMORY_RATIO", "NaN", "0.25", "AUTOMEMLIMIT=0.25" },
	{ "CGTUNE_MEMORY_RESERVE", "-1", "no reserve", NULL },
	{ "CGTUNE_CPUS_RESERVE", "half", "no reserve", NULL },
	{ "CGTUNE_ROUND", "up", "ceil", NULL },
	{ "CGTUNE_THROTTLE_MULTIPLIER", "many", "8", NULL },
	{ "CGTUNE_THROTTLE_RETRY_AFTER", "soon", "30", NULL },
	{ "GOMAXPROCS", "many", "3 threads (cgroup)", NULL },
	{ "GOMAXPROCS", "0", "7 threads (CGTUNE_THREADS)", "CGTUNE_THREADS=7" },
	{ "GOMAXPROCS", "1e3", "2 threads (CGTUNE_CPUS)", "CGTUNE_CPUS=1.5" },
	{ "GOMEMLIMIT", "1G", "966367641 bytes (cgroup)", NULL },
	{ "GOMEMLIMIT", "1.5GiB", "2097152 bytes (CGTUNE_BUDGET)", "CGTUNE_BUDGET=2M" },
	{ "AUTOMEMLIMIT", "OFF", "0.9", NULL },
	{ "AUTOMEMLIMIT", "2", "0.5", "CGTUNE_MEMORY_RATIO=0.5" },
	{ "CGTUNE_LOG", "loud", "off", NULL },
};

static void read_and_plan(struct machine *machine, struct heard *heard, struct cgtune_plan *plan)
{
	struct cgtune_limits limits = { .size = sizeof(limits) };

	machine->options.report = heard_report;
	machine->options.report_user = heard;
	ck_assert_int_eq(cgtune_read(&machine->options, &limits), 0);
	ck_assert_int_eq(cgtune_plan(&machine->options, &limits, plan), 0);
}

START_TEST(refused_value_is_one_warning)
{
	struct cgtune_plan plan = { .size = sizeof(plan) };
	struct heard heard = { 0 };
	struct machine machine;
	char instead[128];

	machine_make(&machine);
	machine_limit(&machine);
	environment_clear();
	setenv(refused[_i].variable, refused[_i].value, 1);
	if (refused[_i].also)
		putenv((char *)refused[_i].also);
	read_and_plan(&machine, &heard, &plan);
	machine_remove(&machine);
	ck_assert_uint_eq(heard.warnings, 1);
	ck_assert_str_eq(heard.variable, refused[_i].variable);
	ck_assert_str_eq(heard.value, refused[_i].value);
	ck_assert_str_eq(heard.file, "");
	snprintf(instead, sizeof(instead), "; used instead: %s", refused[_i].instead);
	ck_assert_msg(strlen(heard.text) > strlen(instead) &&
		      strcmp(heard.text + strlen(heard.text) - strlen(instead), instead) == 0,
		      "%s: does not end in \"%s\"", heard.text, instead);
}
END_TEST

START_TEST(two_refused_values_are_two_warnings)
{
	struct cgtune_plan plan = { .size = sizeof(plan) };
	struct heard heard = { 0 };
	struct machine machine;

	machine_make(&machine);
	environment_clear();
	setenv("GOMAXPROCS", "many", 1);
	setenv("CGTUNE_CPUS", "many", 1);
	read_and_plan(&machine, &heard, &plan);
	machine_remove(&machine);
	ck_assert_uint_eq(heard.warnings, 2);
}
END_TEST

/* Nothing to say: an override that was obeyed, an empty one, our own, no limits, missing files. */
static const char *const silent[][MOST_VARIABLES] = {
	{ NULL },
	{ "GOMAXPROCS=5", "GOMEMLIMIT=1GiB", "AUTOMEMLIMIT=off", "CGTUNE_ROUND=floor" },
	{ "CGTUNE_CPUS=1", "CGTUNE_MEMORY=1G", "CGTUNE_THREADS=99", "CGTUNE_BUDGET=off" },
	{ "CGTUNE_MEMORY_RATIO=1", "CGTUNE_MEMORY_RESERVE=1M", "CGTUNE_CPUS_RESERVE=1", "CGTUNE_LOG=off" },
	{ "CGTUNE=", "GOMAXPROCS=", "GOMEMLIMIT=", "CGTUNE_MEMORY_RATIO=" },
	{ "CGTUNE=off", "GOMAXPROCS=many", "CGTUNE_CPUS=many" },
	{ "GOMAXPROCS=2x", "CGTUNE_SET=GOMAXPROCS=2x;" },
	{ "OMP_NUM_THREADS=many", "OMP_THREAD_LIMIT=many", "DOTNET_PROCESSOR_COUNT=many" },
};

START_TEST(nothing_to_warn_of)
{
	struct cgtune_plan plan = { .size = sizeof(plan) };
	struct heard heard = { 0 };
	struct machine machine;

	machine_make(&machine);
	set_environment(silent[_i]);
	read_and_plan(&machine, &heard, &plan);
	machine_remove(&machine);
	ck_assert_msg(!heard.warnings, "%s=%s %s", heard.variable, heard.value, heard.text);
}
END_TEST

START_TEST(no_cpu_list_is_no_warning)
{
	struct cgtune_plan plan = { .size = sizeof(plan) };
	struct heard heard = { 0 };
	struct machine machine;
	char path[TREE_PATH_SIZE + 64];

	machine_make(&machine);
	environment_clear();
	snprintf(path, sizeof(path), "%s/sys/devices/system/cpu/online", machine.root);
	ck_assert_int_eq(remove(path), 0);
	read_and_plan(&machine, &heard, &plan);
	machine_remove(&machine);
	ck_assert_uint_ge(plan.threads, 1);
	ck_assert_msg(!heard.warnings, "%s %s", heard.file, heard.text);
}
END_TEST

START_TEST(floor_of_4_mib_is_one_warning)
{
	struct cgtune_plan plan = { .size = sizeof(plan) };
	struct heard heard = { 0 };
	struct machine machine;

	machine_make(&machine);
	machine_write(&machine, MEMORY_MAX, "1048576\n");
	environment_clear();
	read_and_plan(&machine, &heard, &plan);
	machine_remove(&machine);
	ck_assert_uint_eq(plan.memory, 4 * MIB);
	ck_assert_uint_eq(heard.warnings, 1);
	ck_assert_str_eq(heard.file, MEMORY_MAX);
	ck_assert_ptr_nonnull(strstr(heard.text, "4 MiB is used instead"));
}
END_TEST

/* A sentence needs a subject: the variable, where no file decided. */
START_TEST(floor_under_a_variable_names_it)
{
	struct cgtune_plan plan = { .size = sizeof(plan) };
	struct heard heard = { 0 };
	struct machine machine;

	machine_make(&machine);
	environment_clear();
	setenv("CGTUNE_MEMORY", "1M", 1);
	read_and_plan(&machine, &heard, &plan);
	machine_remove(&machine);
	ck_assert_uint_eq(plan.memory, 4 * MIB);
	ck_assert_uint_eq(heard.warnings, 1);
	ck_assert_str_eq(heard.variable, "CGTUNE_MEMORY");
}
END_TEST

/* The figure of the limits: CGTUNE_CPUS and CGTUNE_MEMORY stand in it, with no file. */
START_TEST(variables_stand_in_for_the_limits)
{
	struct cgtune_limits limits = { .size = sizeof(limits) };
	struct machine machine;

	machine_make(&machine);
	machine_limit(&machine);
	environment_clear();
	setenv("CGTUNE_CPUS", "4.25", 1);
	setenv("CGTUNE_MEMORY", "2GiB", 1);
	ck_assert_int_eq(cgtune_read(&machine.options, &limits), 0);
	machine_remove(&machine);
	ck_assert_uint_eq(limits.cpu_quota_us * 100, limits.cpu_period_us * 425);
	ck_assert_str_eq(limits.cpu_from, "");
	ck_assert_uint_eq(limits.cpu_source, CGTUNE_SOURCE_CPUS);
	ck_assert_uint_eq(limits.memory, 2 * GIB);
	ck_assert_str_eq(limits.memory_from, "");
	ck_assert_uint_eq(limits.memory_source, CGTUNE_SOURCE_MEMORY);
}
END_TEST

START_TEST(limits_are_shown_when_off)
{
	struct cgtune_limits limits = { .size = sizeof(limits) };
	struct machine machine;

	machine_make(&machine);
	machine_limit(&machine);
	environment_clear();
	setenv("CGTUNE", "off", 1);
	setenv("CGTUNE_CPUS", "1", 1);
	ck_assert_int_eq(cgtune_read(&machine.options, &limits), 0);
	machine_remove(&machine);
	ck_assert_uint_eq(limits.cpu_quota_us, 250000);
	ck_assert_uint_eq(limits.cpu_period_us, 100000);
	ck_assert_uint_eq(limits.memory, GIB);
	ck_assert_str_eq(limits.cpu_from, CPU_MAX);
}
END_TEST

START_TEST(quota_above_the_cpus_stays_in_the_limits)
{
	struct cgtune_limits limits = { .size = sizeof(limits) };
	struct machine machine;

	machine_make(&machine);
	machine_write(&machine, CPU_MAX, "6400000 100000\n");
	environment_clear();
	ck_assert_int_eq(cgtune_read(&machine.options, &limits), 0);
	machine_remove(&machine);
	ck_assert_uint_eq(limits.cpu_quota_us, 6400000);
	ck_assert_str_eq(limits.cpu_from, CPU_MAX);
	ck_assert_uint_eq(limits.cpu_source, CGROUP);
}
END_TEST

/* One level that cannot be read: the others count, and one warning names it. */
START_TEST(bad_level_does_not_hide_a_good_one)
{
	struct cgtune_plan plan = { .size = sizeof(plan) };
	struct heard heard = { 0 };
	struct machine machine;

	machine_make(&machine);
	machine_write(&machine, CPU_MAX, "rubbish 100000\n");
	machine_write(&machine, TOP_CPU_MAX, "200000 100000\n");
	environment_clear();
	read_and_plan(&machine, &heard, &plan);
	machine_remove(&machine);
	ck_assert_uint_eq(plan.threads, 2);
	ck_assert_uint_eq(heard.warnings, 1);
	ck_assert_str_eq(heard.file, CPU_MAX);
	ck_assert_str_eq(heard.value, "rubbish 100000");
}
END_TEST

START_TEST(unreadable_level_does_not_hide_a_good_one)
{
	struct cgtune_plan plan = { .size = sizeof(plan) };
	struct heard heard = { 0 };
	struct machine machine;

	machine_make(&machine);
	ck_assert_int_eq(tree_write(machine.root, MEMORY_MAX, NULL, 0), 0);
	machine_write(&machine, TOP_MEMORY_MAX, "1073741824\n");
	environment_clear();
	read_and_plan(&machine, &heard, &plan);
	machine_remove(&machine);
	ck_assert_uint_eq(plan.memory, BUDGET_1G);
	ck_assert_uint_eq(heard.warnings, 1);
	ck_assert_str_eq(heard.file, MEMORY_MAX);
}
END_TEST

/* Limits that a test builds by hand, as a caller may. */
static struct cgtune_limits by_hand(void)
{
	return (struct cgtune_limits){
		.size = sizeof(struct cgtune_limits), .cpu_quota_us = 250000, .cpu_period_us = 100000,
		.cpus = 8, .cpus_source = HOST, .cpu_source = CGROUP, .memory = GIB, .memory_source = CGROUP,
		.memory_high = NONE, .memory_physical = MACHINE_MEMORY,
	};
}

static const struct {
	uint32_t scheduler, threads, limited, warnings;
} classes[] = {
	{ SCHED_OTHER, 3, BOTH, 0 },
	{ SCHED_BATCH, 3, BOTH, 0 },
	{ SCHED_IDLE, 3, BOTH, 0 },
	{ SCHED_FIFO, 8, MEM, 1 },
	{ SCHED_RR, 8, MEM, 1 },
	{ SCHED_DEADLINE, 8, MEM, 1 },
};

START_TEST(scheduling_class)
{
	struct cgtune_limits limits = by_hand();
	struct cgtune_plan plan = { .size = sizeof(plan) };
	struct heard heard = { 0 };
	struct cgtune_options options = { .size = sizeof(options), .report = heard_report, .report_user = &heard };

	environment_clear();
	limits.scheduler = classes[_i].scheduler;
	ck_assert_int_eq(cgtune_plan(&options, &limits, &plan), 0);
	ck_assert_uint_eq(plan.threads, classes[_i].threads);
	ck_assert_uint_eq(plan.limited, classes[_i].limited);
	ck_assert_uint_eq(plan.tuned, classes[_i].limited);
	ck_assert_uint_eq(heard.warnings, classes[_i].warnings);
	ck_assert_uint_eq(plan.memory, BUDGET_1G);
}
END_TEST

/* An explicit count decides for a real-time thread too: nothing to warn of. */
START_TEST(explicit_count_of_a_fifo_thread)
{
	struct cgtune_limits limits = by_hand();
	struct cgtune_plan plan = { .size = sizeof(plan) };
	struct heard heard = { 0 };
	struct cgtune_options options = { .size = sizeof(options), .report = heard_report, .report_user = &heard };

	environment_clear();
	setenv("GOMAXPROCS", "5", 1);
	limits.scheduler = SCHED_FIFO;
	ck_assert_int_eq(cgtune_plan(&options, &limits, &plan), 0);
	ck_assert_uint_eq(plan.threads, 5);
	ck_assert_uint_eq(heard.warnings, 0);
}
END_TEST

START_TEST(affinity_alone_is_a_source_but_no_limit)
{
	struct cgtune_limits limits = by_hand();
	struct cgtune_plan plan = { .size = sizeof(plan) };

	environment_clear();
	limits.cpu_quota_us = limits.cpu_period_us = 0;
	limits.cpus = 2;
	limits.cpus_source = limits.cpu_source = CGTUNE_SOURCE_AFFINITY;
	limits.memory = NONE;
	limits.memory_source = HOST;
	ck_assert_int_eq(cgtune_plan(NULL, &limits, &plan), 0);
	ck_assert_uint_eq(plan.threads, 2);
	ck_assert_uint_eq(plan.threads_source, CGTUNE_SOURCE_AFFINITY);
	ck_assert_uint_eq(plan.limited, 0);
	ck_assert_uint_eq(plan.tuned, 0);
}
END_TEST

START_TEST(mask_of_more_than_1024_cpus)
{
	struct cgtune_limits limits = by_hand();
	struct cgtune_plan plan = { .size = sizeof(plan) };

	environment_clear();
	limits.cpus = 8192;
	limits.cpu_quota_us = UINT64_C(500000050000);
	limits.cpu_period_us = 100000000;
	ck_assert_int_eq(cgtune_plan(NULL, &limits, &plan), 0);
	ck_assert_uint_eq(plan.threads, 5001);
}
END_TEST

/* The pair is rounded, never a rounded figure: just above and at whole CPUs with odd periods. */
START_TEST(rounding_of_exact_pairs)
{
	static const uint64_t periods[] = { 1, 3, 7, 999, 100000, 999983, 1000000, UINT64_C(1) << 40 };
	uint64_t period = periods[_i];
	struct cgtune_limits limits = by_hand();
	struct cgtune_plan plan = { .size = sizeof(plan) };
	struct cgtune_options options = { .size = sizeof(options) };

	environment_clear();
	limits.cpus = 100;
	limits.cpu_period_us = period;
	for (uint32_t whole = 1; whole < 100; whole++) {
		for (int64_t off = -1; off <= 1; off++) {
			uint64_t quota = whole * period + (uint64_t)off;
			uint64_t up = quota / period + (quota % period != 0), down = quota / period;

			if (!quota)
				continue;
			limits.cpu_quota_us = quota;
			options.rounding = CGTUNE_ROUND_CEIL;
			ck_assert_int_eq(cgtune_plan(&options, &limits, &plan), 0);
			ck_assert_uint_eq(plan.threads, up < 100 ? up : 100);
			options.rounding = CGTUNE_ROUND_FLOOR;
			ck_assert_int_eq(cgtune_plan(&options, &limits, &plan), 0);
			ck_assert_uint_eq(plan.threads, down < 1 ? 1 : down);
			options.rounding = CGTUNE_ROUND_NEAREST;
			ck_assert_int_eq(cgtune_plan(&options, &limits, &plan), 0);
			ck_assert_uint_eq(plan.threads, (quota % period * 2 >= period ? down + 1 : down < 1 ? 1 : down));
		}
	}
}
END_TEST

static const struct {
	const char *multiplier;		/* NULL: unset */
	uint32_t limit, backlog;
} admissions[] = {
	{ NULL, 24, 192 },
	{ "1", 3, 3 },
	{ "10", 30, 300 },
	{ "0", UINT32_MAX, UINT32_MAX },
	{ "-5", UINT32_MAX, UINT32_MAX },
	{ "2147483647", UINT32_MAX, UINT32_MAX },
	{ "100000", 300000, UINT32_MAX },
	{ "many", 24, 192 },
};

START_TEST(admission)
{
	struct cgtune_limits limits = by_hand();
	struct cgtune_plan plan = { .size = sizeof(plan) };

	environment_clear();
	if (admissions[_i].multiplier)
		setenv("CGTUNE_THROTTLE_MULTIPLIER", admissions[_i].multiplier, 1);
	ck_assert_int_eq(cgtune_plan(NULL, &limits, &plan), 0);
	ck_assert_uint_eq(plan.limit, admissions[_i].limit);
	ck_assert_uint_eq(plan.backlog, admissions[_i].backlog);
}
END_TEST

/* Structs and bounds. */
static const struct {
	const char *rule;
	struct cgtune_options options;
	int result;
} bounds[] = {
	{ "permille of 1000", { .permille = 1000 }, 0 },
	{ "permille of 1001", { .permille = 1001 }, -EINVAL },
	{ "rounding that is none", { .rounding = CGTUNE_ROUND_NEAREST + 1 }, -EINVAL },
	{ "flag that is none", { .flags = 1u << 31 }, -EINVAL },
	{ "negative pid", { .pid = -1 }, -EINVAL },
	{ "relative cgroup", { .cgroup = "a" }, -EINVAL },
	{ "most milli-CPUs", { .cpu_milli = UINT64_MAX / 1000 }, 0 },
	{ "more milli-CPUs", { .cpu_milli = UINT64_MAX / 1000 + 1 }, -EINVAL },
	{ "unlimited as a limit", { .memory = CGTUNE_UNLIMITED }, -EINVAL },
};

START_TEST(options_out_of_bounds)
{
	struct cgtune_limits limits = by_hand();
	struct cgtune_plan plan = { .size = sizeof(plan), .threads = 77 };
	struct cgtune_options options = bounds[_i].options;
	int r;

	environment_clear();
	options.size = sizeof(options);
	r = cgtune_plan(&options, &limits, &plan);
	ck_assert_msg(r == bounds[_i].result, "%s: %d, expected %d", bounds[_i].rule, r, bounds[_i].result);
	if (r < 0) {
		ck_assert_uint_eq(plan.threads, 77);
		ck_assert_int_eq(cgtune_read(&options, &limits), r);
		ck_assert_uint_eq(limits.cpu_quota_us, 250000);
	}
}
END_TEST

START_TEST(sizes_of_structs)
{
	struct { struct cgtune_options options; uint64_t tail; } newer = { .options.size = sizeof(newer) };
	struct cgtune_limits limits = by_hand();
	struct cgtune_plan plan = { .size = sizeof(plan), .threads = 77 };

	environment_clear();
	ck_assert_int_eq(cgtune_plan(&newer.options, &limits, &plan), 0);
	plan.threads = 77;
	newer.tail = 1;
	ck_assert_int_eq(cgtune_plan(&newer.options, &limits, &plan), -E2BIG);
	newer.options.size = sizeof(newer.options) - 1;
	ck_assert_int_eq(cgtune_plan(&newer.options, &limits, &plan), -EINVAL);
	limits.size--;
	ck_assert_int_eq(cgtune_plan(NULL, &limits, &plan), -EINVAL);
	ck_assert_int_eq(cgtune_read(NULL, &limits), -EINVAL);
	limits.size++;
	ck_assert_int_eq(cgtune_plan(NULL, NULL, &plan), -EINVAL);
	ck_assert_int_eq(cgtune_plan(NULL, &limits, NULL), -EINVAL);
	ck_assert_int_eq(cgtune_read(NULL, NULL), -EINVAL);
	plan.size--;
	ck_assert_int_eq(cgtune_plan(NULL, &limits, &plan), -EINVAL);
	ck_assert_uint_eq(plan.threads, 77);
}
END_TEST

START_TEST(limits_that_cannot_be)
{
	struct cgtune_limits limits = by_hand();
	struct cgtune_plan plan = { .size = sizeof(plan), .threads = 77 };

	environment_clear();
	limits.cpus = 0;
	ck_assert_int_eq(cgtune_plan(NULL, &limits, &plan), -EINVAL);
	limits = by_hand();
	limits.cpu_period_us = 0;
	ck_assert_int_eq(cgtune_plan(NULL, &limits, &plan), -EINVAL);
	limits = by_hand();
	limits.cpu_quota_us = 0;
	ck_assert_int_eq(cgtune_plan(NULL, &limits, &plan), -EINVAL);
	ck_assert_uint_eq(plan.threads, 77);
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *test, int count)
{
	TCase *tcase = tcase_create(name);

	tcase_add_loop_test(tcase, test, 0, count);
	suite_add_tcase(suite, tcase);
}

int main(void)
{
	Suite *suite = suite_create("plan");
	TCase *rest = tcase_create("rest");

	add(suite, "cpu", cpu, ARRAY_SIZE(cpu_rows));
	add(suite, "memory", memory, ARRAY_SIZE(memory_rows));
	add(suite, "refused", refused_value_is_one_warning, ARRAY_SIZE(refused));
	add(suite, "silent", nothing_to_warn_of, ARRAY_SIZE(silent));
	add(suite, "classes", scheduling_class, ARRAY_SIZE(classes));
	add(suite, "rounding", rounding_of_exact_pairs, 8);
	add(suite, "admission", admission, ARRAY_SIZE(admissions));
	add(suite, "bounds", options_out_of_bounds, ARRAY_SIZE(bounds));
	tcase_add_test(rest, two_refused_values_are_two_warnings);
	tcase_add_test(rest, no_cpu_list_is_no_warning);
	tcase_add_test(rest, floor_of_4_mib_is_one_warning);
	tcase_add_test(rest, floor_under_a_variable_names_it);
	tcase_add_test(rest, variables_stand_in_for_the_limits);
	tcase_add_test(rest, limits_are_shown_when_off);
	tcase_add_test(rest, quota_above_the_cpus_stays_in_the_limits);
	tcase_add_test(rest, bad_level_does_not_hide_a_good_one);
	tcase_add_test(rest, unreadable_level_does_not_hide_a_good_one);
	tcase_add_test(rest, explicit_count_of_a_fifo_thread);
	tcase_add_test(rest, affinity_alone_is_a_source_but_no_limit);
	tcase_add_test(rest, mask_of_more_than_1024_cpus);
	tcase_add_test(rest, sizes_of_structs);
	tcase_add_test(rest, limits_that_cannot_be);
	suite_add_tcase(suite, rest);
	return suite_run(suite);
}
