/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * torture-command - every allocation and every system call of the command `cgtune` fails in turn
 *
 * Those of json-c, libcgroup, libbpf, libelf and libc too. It ends with one of
 * its statuses and a line that says what failed, or with the right output; never
 * by a signal, never with half a JSON as if it were whole, and no cgroup and no
 * record is left that it does not tell of; a server goes on to answer, or ends. The
 * short form tries few points of each command, TORTURE_ALL all of them; of a command
 * with more than POINTS_LONG of a kind every so manieth, in ways that take turns.
 * TORTURE_ONLY: only commands in whose words that is.
 */
#include "bpffs.h"
#include "machine.h"
#include "real.h"
#include "suite.h"
#include "torture.h"
#include "torture-client.h"
#include "torture-output.h"
#include "torture-traces.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MOST_WORDS 16
/* Of a command, of each kind and mode, in the short form. */
#define POINTS_SHORT 3
#define POINTS_LONG 400

/* Words that stand for what is known when it runs. */
#define ROOT "@root"
#define BPFFS "@bpffs"
#define NAME "@name"
#define TEXTFILE "@textfile"
#define SOCKET "@socket"
#define SELF "@self"

#define SCRAPE "GET /metrics HTTP/1.0\r\n\r\n"

static const struct command {
	const char *words[MOST_WORDS];
	enum output output;
	int failed;			/* its status when it failed */
	int status;			/* its status else */
	bool probe;			/* it takes one that can be started here */
	long waits;			/* see struct torture */
	const struct traces *traces;	/* what it may leave; NULL: nothing */
	const char *request, *begins;	/* of a server: what it is asked, and how the answer begins */
} commands[] = {
	{ { "show", "--json", "--root", ROOT }, OUTPUT_JSON_STEADY, .failed = 1 },
	{ { "show", "--why", "--root", ROOT }, OUTPUT_STEADY, .failed = 1 },
	{ { "show", "--json", "--why" }, OUTPUT_JSON, .failed = 1 },
	{ { "env", "--json" }, OUTPUT_JSON_STEADY, .failed = 1 },
	{ { "env", "--format=export", "--runtime=java,node" }, OUTPUT_STEADY, .failed = 1 },
	{ { "run", "--", "true" }, .failed = 125, .traces = &traces_of_run },
	{ { "run", "--", "false" }, .failed = 125, .status = 1, .traces = &traces_of_run },
	{ { "run", "--cpus=0.5", "--memory=64M", "--summary", "--why", "--name", NAME, "--", "true" }, .failed = 125,
	  .traces = &traces_of_run },
	{ { "run", "--cpus=0.5", "--memory=64M", "--dry-run", "--name", NAME, "--", "true" }, OUTPUT_STEADY, .failed = 125,
	  .traces = &traces_of_run },
	{ { "run", "--gc" }, .failed = 1, .traces = &traces_of_run },
	{ { "stalls", "--json", "--bpffs", BPFFS }, OUTPUT_JSON, .failed = 1 },
	{ { "stalls", "--bpffs", BPFFS }, OUTPUT_TEXT, .failed = 1 },
	{ { "stalls", "--json", "--bpffs", BPFFS }, OUTPUT_JSON, .failed = 1, .traces = &traces_of_probe, .probe = true },
	{ { "top", "--once", "--json", "--files", "--interval", "0.1" }, OUTPUT_JSON, .failed = 1 },
	{ { "top", "--once", "--interval", "0.1", "--bpffs", BPFFS }, OUTPUT_TEXT, .failed = 1, .traces = &traces_of_probe,
	  .probe = true },
	/* libcgroup takes a list of mounts that it cannot read to its end for a short one: then there is no memory controller. */
	{ { "advise", "--json" }, OUTPUT_JSON_NULLS, .failed = 1, .waits = SYS_clock_nanosleep },
	{ { "advise", "--pid", SELF }, OUTPUT_TEXT, .failed = 1, .waits = SYS_clock_nanosleep },
	{ { "bpfdist", "--json" }, OUTPUT_JSON, .failed = 1, .waits = SYS_rt_sigtimedwait, .probe = true },
	{ { "bpfdist" }, OUTPUT_TEXT, .failed = 1, .waits = SYS_rt_sigtimedwait, .probe = true },
	/* What a server says may be lost: it serves. */
	{ { "agent", "--listen", SOCKET }, .failed = 1, .request = "", .begins = "up" },
	{ { "export", "--listen", SOCKET, "--bpffs", BPFFS }, .failed = 1, .request = SCRAPE,
	  .begins = "HTTP/1.1 200 OK\r\n" },
	{ { "export", "--listen", SOCKET, "--bpffs", BPFFS, "--files" }, .failed = 1, .request = SCRAPE,
	  .begins = "HTTP/1.1 200 OK\r\n", .traces = &traces_of_probe, .probe = true },
	{ { "export", "--textfile", TEXTFILE, "--once", "--bpffs", BPFFS }, .failed = 1, .traces = &traces_of_file },
	{ { "probe", "status", "--bpffs", BPFFS }, .failed = 1, .status = 1 },
	{ { "probe", "status", "--bpffs", BPFFS }, OUTPUT_TEXT, .failed = 1, .traces = &traces_of_probe, .probe = true },
	{ { "probe", "start", "--bpffs", BPFFS }, OUTPUT_TEXT, .failed = 1, .traces = &traces_of_start, .probe = true },
	{ { "probe", "stop", "--bpffs", BPFFS }, .failed = 1, .traces = &traces_of_stop, .probe = true },
	{ { "probe", "register", "--bpffs", BPFFS, "--pid", SELF, "--name", NAME }, .failed = 1, .traces = &traces_of_register },
	{ { "probe", "spec" }, OUTPUT_STEADY, .failed = 1 },
	{ { "--help" }, OUTPUT_STEADY, .failed = 1 },
};

/* Without memory glibc's argp_help(3) prints nothing, and ends with 0, or aborts (argp/argp-help.c: argp_fmtstream, make_hol). */
static bool is_of_glibc(const struct command *command)
{
	return strcmp(command->words[0], "--help") == 0;
}

static bool is_export(const struct command *command)
{
	return strcmp(command->words[0], "export") == 0;
}

static struct machine machine;
static char preload_path[4096], self[16], socket_word[TRACES_PATH];
static struct said clean, said;
static struct client_told *client;
static unsigned *points;		/* over all forked tests */
static bool has_probe;			/* one can be started here */

static const char *meant(const char *word)
{
	const struct { const char *word, *meant; } all[] = {
		{ ROOT, machine.root }, { BPFFS, bpffs_path() }, { NAME, place.name }, { TEXTFILE, place.textfile },
		{ SOCKET, socket_word }, { SELF, self },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (strcmp(word, all[i].word) == 0)
			return all[i].meant;
	return word;
}

struct attempt {
	const struct command *command;
	const struct torture *torture;
};

/* `cgtune export` is a program of its own, in which the preloaded object begins. */
static int attempt(void *user)
{
	const struct attempt *a = user;
	const char *words[MOST_WORDS + 2] = { "cgtune" };
	bool export = is_export(a->command);

	for (int i = export, n = 1; i < MOST_WORDS && a->command->words[i]; i++)
		words[n++] = meant(a->command->words[i]);
	torture_environment(a->torture);
	setenv("LD_PRELOAD", preload_path, 1);
	if (a->command->request)
		client_expect(place.folder);
	said_take(&said);
	execv(export ? place.program_of_export : place.cgtune, (char **)words);
	return 99;
}

static const char *said_of_command(const struct command *command, char *room, size_t size)
{
	snprintf(room, size, "cgtune");
	for (int i = 0; i < MOST_WORDS && command->words[i]; i++)
		snprintf(room + strlen(room), size - strlen(room), " %s", command->words[i]);
	return room;
}

static bool is_run(const struct command *command)
{
	return strcmp(command->words[0], "run") == 0;
}

/* Statuses: cgtune(1). A command that is not found where its folders cannot be looked at is. */
static bool is_documented(int status, const struct command *command)
{
	return status == command->status || status == command->failed ||
	       (is_run(command) && (status == 125 || status == 126 || status == 127));
}

static enum output loosely(enum output output)
{
	return output == OUTPUT_STEADY ? OUTPUT_TEXT : output == OUTPUT_JSON_STEADY ? OUTPUT_JSON : output;
}

/* Who may not read a probe does without, as if there were none. */
static bool is_refused_probe(const struct torture *t)
{
	return (t->error == EPERM || t->error == EACCES) && (t->number == SYS_bpf || strstr(t->path, "/map"));
}

/* Who is asked until he answers has answered when a call fails, or has ended and says why, or was told to end. */
static const char *judge_server(const struct torture *t)
{
	static char families[4096], room[4096];

	if (!t->at)
		said_families(client->answer, families, sizeof(families));
	if (!client->answered && client->ended && !t->from_then_on)
		return "it does not answer any more";
	if (client->answered && strcmp(said_families(client->answer, room, sizeof(room)), families) != 0 &&
	    !strstr(said.err, "the probe cannot be read") && !is_refused_probe(t))
		return "something is missing in its answer";
	return !client->ended && WIFEXITED(t->status) && WEXITSTATUS(t->status) == 0 ? "it ends, though nobody told it to" : NULL;
}

static const char *judge(const struct command *command, const struct torture *t)
{
	int status = WEXITSTATUS(t->status);
	const char *wrong;

	if (t->hung)
		return "it does not end";
	if (command->request && (wrong = judge_server(t)))
		return wrong;
	if (client->ended && WIFSIGNALED(t->status) && WTERMSIG(t->status) == SIGTERM)
		return NULL;			/* the agent ends so */
	if (WIFSIGNALED(t->status) && strstr(said.err, "__nss_"))
		return NULL;			/* glibc's name service without memory (nss/nsswitch.c, __nss_passwd_lookup2) */
	if (WIFSIGNALED(t->status))
		return strsignal(WTERMSIG(t->status));
	if (!is_documented(status, command))
		return "its status is none that is documented";
	if (status != command->status)
		return said_why(&said) ? NULL : "it fails, and does not say why";
	/* A file that is not there is no limit, and one that cannot be read is left out, with a warning. */
	return said_judge(&said, t->at ? &clean : &said, t->error == ENOENT && t->number >= 0 ? loosely(command->output) :
			  command->output, t->kind == TORTURE_CALL && t->at);
}

static void try_point(struct torture *t, void *user)
{
	struct attempt a = { user, t };
	const struct command *command = user;
	char room[512], words[512];
	const char *wrong, *left;

	t->waits = command->waits;
	if (command->traces && command->traces->before)
		command->traces->before();
	said_clear(&said);
	if (command->request)
		client_start(client, place.folder, command->request, command->begins);
	torture_run(t, attempt, &a);
	said_read(&said);
	wrong = judge(command, t);
	left = command->traces ? command->traces->after(t, &said) : NULL;
	ck_assert_msg(!wrong && !left, "%s, %s: %s (status %#x): %.400s%.400s", said_of_command(command, words, sizeof(words)),
		      torture_says(t, room, sizeof(room)), wrong ? wrong : left, t->status, said.err, said.out);
}

/* What takes long is seen in the log. */
static void try_command(const struct command *command, enum torture_kind kind)
{
	struct torture none = { .kind = kind };
	time_t begun = time(NULL);
	char words[512];
	unsigned n;

	try_point(&none, (void *)command);
	ck_assert(client->ended || WEXITSTATUS(none.status) == command->status);
	strcpy(clean.out, said.out);
	n = torture_all(&none, !getenv("TORTURE_ALL") ? POINTS_SHORT : none.counted > POINTS_LONG ? POINTS_LONG : 0, try_point,
			(void *)command);
	printf("# %s: %u times a%s fails, %ld s\n", said_of_command(command, words, sizeof(words)), n,
	       kind == TORTURE_CALL ? " call" : "n allocation", (long)(time(NULL) - begun));
	*points += n;
}

static bool can_run(const struct command *command)
{
	const char *only = getenv("TORTURE_ONLY");
	char words[512];

	return (has_probe || !command->probe) && (!only || strstr(said_of_command(command, words, sizeof(words)), only));
}

START_TEST(allocations)
{
	if (can_run(&commands[_i]) && !is_of_glibc(&commands[_i]))
		try_command(&commands[_i], TORTURE_ALLOCATION);
}
END_TEST

START_TEST(calls)
{
	if (can_run(&commands[_i]))
		try_command(&commands[_i], TORTURE_CALL);
}
END_TEST

/* Who cannot be read has not printed: a full disk, a closed stream. */
START_TEST(output_that_is_lost)
{
	const struct command *command = &commands[_i];
	const struct torture none = { .at = 0 };
	struct attempt a = { command, &none };
	int status, full;
	char words[512];

	if (command->output == OUTPUT_ANY || command->waits || command->request || command->probe)
		return;				/* who prints nothing loses nothing; who goes on for ever cannot be waited for */
	said_clear(&said);
	if (check_fork() == 0) {
		full = open("/dev/full", O_WRONLY | O_CLOEXEC);
		dup2(full, said.fds[0]);
		attempt(&a);
		_exit(99);
	}
	ck_assert_int_gt(wait(&status), 0);
	said_read(&said);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == command->failed && strstr(said.err, "standard output"),
		      "%s >/dev/full: status %#x: %s", said_of_command(command, words, sizeof(words)), status, said.err);
}
END_TEST

/* Each test is a process that moves itself. */
static void begin(void)
{
	real_make("here");
	real_move("here", 0);
	traces_begin();
	snprintf(self, sizeof(self), "%d", (int)getpid());
	machine_make(&machine);
	machine_limit(&machine);
	machine_write(&machine, TOP_CPU_MAX, "lots\n");
	place.folder = machine.root;
	snprintf(place.textfile, sizeof(place.textfile), "%.400s/metrics.prom", place.folder);
	snprintf(socket_word, sizeof(socket_word), "unix:%.400s/socket", place.folder);
}

static void end(void)
{
	traces_end();
	machine_remove(&machine);
}

static void add(Suite *suite, const char *title, const TTest *test)
{
	TCase *tcase = tcase_create(title);

	tcase_set_timeout(tcase, 3600);
	tcase_add_checked_fixture(tcase, begin, end);
	tcase_add_loop_test(tcase, test, 0, ARRAY_SIZE(commands));
	suite_add_tcase(suite, tcase);
}

static void set_environment(void)
{
	const char *top = getenv("top_builddir");

	if (!top || !*top)
		top = ".";
	snprintf(place.cgtune, sizeof(place.cgtune), "%s/cgtune", top);
	snprintf(place.program_of_export, sizeof(place.program_of_export), "%s/cgtune-export", top);
	snprintf(preload_path, sizeof(preload_path), "%s/tests/torture-preload.so", top);
	snprintf(place.name, sizeof(place.name), "cgtune-torture-%d", (int)getpid());
	environment_clear();
	setenv("CGTUNE_PROBE", "off", 1);
	setenv("CGTUNE_CPUS", "1.5", 1);
	setenv("CGTUNE_MEMORY", "512MiB", 1);
}

/* Whether the kernel takes the programs, and the build has them. */
static bool try_probe(void)
{
	char arguments[TRACES_PATH];

	snprintf(arguments, sizeof(arguments), "probe start --bpffs %s", bpffs_path());
	if (traces_call(arguments) != 0) {
		puts("# no probe can be started here: what takes one is left out");
		return false;
	}
	snprintf(arguments, sizeof(arguments), "probe stop --bpffs %s", bpffs_path());
	return traces_call(arguments) == 0;
}

int main(void)
{
	Suite *suite = suite_create("torture-command");
	const char *why = torture_why_not();
	int status;

	if (!why)
		why = bpffs_begin();
	if (!why)
		why = real_begin();
	if (why)
		return suite_skip(why);
	set_environment();
	has_probe = try_probe();
	said_open(&said);
	client = torture_shared(sizeof(*client));
	points = torture_shared(sizeof(*points));
	add(suite, "allocations", allocations);
	add(suite, "calls", calls);
	add(suite, "output", output_that_is_lost);
	status = suite_run(suite);
	printf("# %u fault points of the command; glibc aborts at allocations of --help and in getpwnam(3): left out\n", *points);
	bpffs_end();
	return status;
}
