/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * torture-command - every allocation and every system call of the command `cgtune` fails in turn
 *
 * Those of json-c, libcgroup, libbpf, libelf and libc too. It ends with one of
 * its statuses and a line that says what failed, or with the right output; never
 * by a signal, never with half a JSON as if it were whole, and no cgroup and no
 * record is left that it does not tell of. The short form tries every so manieth
 * point, TORTURE_ALL all of them.
 */
#include "bpffs.h"
#include "machine.h"
#include "real.h"
#include "suite.h"
#include "torture.h"
#include "torture-output.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MOST_WORDS 16
/* Of a command, of each kind and mode, in the short form. */
#define POINTS_SHORT 5

/* Words that stand for what is known when it runs. */
#define ROOT "@root"
#define BPFFS "@bpffs"
#define NAME "@name"

static const struct command {
	const char *words[MOST_WORDS];
	enum output output;
	int failed;			/* its status when it failed */
	int status;			/* its status else */
	long until;			/* see struct torture */
} commands[] = {
	{ { "show", "--json", "--root", ROOT }, OUTPUT_JSON_STEADY, 1, 0, 0 },
	{ { "show", "--why", "--root", ROOT }, OUTPUT_STEADY, 1, 0, 0 },
	{ { "show", "--json", "--why" }, OUTPUT_JSON, 1, 0, 0 },
	{ { "env", "--json" }, OUTPUT_JSON_STEADY, 1, 0, 0 },
	{ { "env", "--format=export", "--runtime=java,node" }, OUTPUT_STEADY, 1, 0, 0 },
	{ { "run", "--", "true" }, OUTPUT_ANY, 125, 0, 0 },
	{ { "run", "--", "false" }, OUTPUT_ANY, 125, 1, 0 },
	{ { "run", "--cpus=0.5", "--memory=64M", "--summary", "--why", "--name", NAME, "--", "true" }, OUTPUT_ANY, 125, 0, 0 },
	{ { "run", "--cpus=0.5", "--memory=64M", "--dry-run", "--name", NAME, "--", "true" }, OUTPUT_STEADY, 125, 0, 0 },
	{ { "run", "--gc" }, OUTPUT_ANY, 1, 0, 0 },
	{ { "stalls", "--json", "--bpffs", BPFFS }, OUTPUT_JSON, 1, 0, 0 },
	{ { "stalls", "--bpffs", BPFFS }, OUTPUT_TEXT, 1, 0, 0 },
	{ { "top", "--once", "--json", "--files", "--interval", "0.1" }, OUTPUT_JSON, 1, 0, 0 },
	{ { "top", "--once", "--interval", "0.1" }, OUTPUT_TEXT, 1, 0, 0 },
	{ { "agent", "--listen", ":0" }, OUTPUT_TEXT, 1, 0, SYS_poll },
	{ { "probe", "status", "--bpffs", BPFFS }, OUTPUT_ANY, 1, 1, 0 },
	{ { "probe", "spec" }, OUTPUT_STEADY, 1, 0, 0 },
	{ { "--help" }, OUTPUT_STEADY, 1, 0, 0 },
};

/* Without memory glibc's argp_help(3) prints nothing, and ends with 0, or aborts (argp/argp-help.c: argp_fmtstream, make_hol). */
static bool is_of_glibc(const struct command *command)
{
	return strcmp(command->words[0], "--help") == 0;
}

static struct machine machine;
static char name[64], command_path[4096], preload_path[4096];
static struct said clean, said;
static unsigned *points;		/* over all forked tests */

static const char *meant(const char *word)
{
	if (strcmp(word, ROOT) == 0)
		return machine.root;
	if (strcmp(word, BPFFS) == 0)
		return bpffs_path();
	return strcmp(word, NAME) == 0 ? name : word;
}

struct attempt {
	const struct command *command;
	const struct torture *torture;
};

static int attempt(void *user)
{
	const struct attempt *a = user;
	const char *words[MOST_WORDS + 2] = { "cgtune" };

	for (int i = 0; i < MOST_WORDS && a->command->words[i]; i++)
		words[i + 1] = meant(a->command->words[i]);
	torture_environment(a->torture);
	setenv("LD_PRELOAD", preload_path, 1);
	said_take(&said);
	execv(command_path, (char **)words);
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

/* What cgtune run has left: it is to have said so, and --gc is to know of it. With all calls failing nobody could. */
static const char *check_left(const struct torture *t)
{
	char pattern[128], record[128];
	glob_t left = { 0 };
	bool recorded, some;

	snprintf(record, sizeof(record), "/run/cgtune/%s", name);
	snprintf(pattern, sizeof(pattern), "/sys/fs/cgroup/%s", name);
	glob(pattern, 0, NULL, &left);
	snprintf(pattern, sizeof(pattern), "/sys/fs/cgroup/*/%s", name);
	glob(pattern, GLOB_APPEND, NULL, &left);
	some = left.gl_pathc > 0;
	for (size_t i = 0; i < left.gl_pathc; i++)
		rmdir(left.gl_pathv[i]);
	globfree(&left);
	recorded = unlink(record) == 0;
	if (t->from_then_on)
		return NULL;
	if (some && (!recorded || !strstr(said.err, "is left")))
		return "a cgroup is left, of which it does not tell, or has no record";
	if (!some && recorded && t->number != SYS_unlink)
		return "a record is left, and no cgroup";
	return NULL;
}

static enum output loosely(enum output output)
{
	return output == OUTPUT_STEADY ? OUTPUT_TEXT : output == OUTPUT_JSON_STEADY ? OUTPUT_JSON : output;
}

static const char *judge(const struct command *command, const struct torture *t)
{
	int status = WEXITSTATUS(t->status);

	if (t->hung)
		return "it does not end";
	if (t->ended)
		return NULL;
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
	char room[512], words[512];
	const char *wrong, *left;

	t->until = a.command->until;
	said_clear(&said);
	torture_run(t, attempt, &a);
	said_read(&said);
	wrong = judge(a.command, t);
	left = is_run(a.command) ? check_left(t) : NULL;
	ck_assert_msg(!wrong && !left, "%s, %s: %s (status %#x): %.400s%.400s", said_of_command(a.command, words, sizeof(words)),
		      torture_says(t, room, sizeof(room)), wrong ? wrong : left, t->status, said.err, said.out);
}

static void try_command(const struct command *command, enum torture_kind kind)
{
	struct torture none = { .kind = kind };
	try_point(&none, (void *)command);
	ck_assert(none.ended || WEXITSTATUS(none.status) == command->status);
	strcpy(clean.out, said.out);
	*points += torture_all(&none, getenv("TORTURE_ALL") ? 0 : POINTS_SHORT, try_point, (void *)command);
}

START_TEST(allocations)
{
	if (!is_of_glibc(&commands[_i]))
		try_command(&commands[_i], TORTURE_ALLOCATION);
}
END_TEST

START_TEST(calls)
{
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

	if (command->output == OUTPUT_ANY || command->until)
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

static void mount_again(char *line)
{
	char *words[16], *word = line, *end = strstr(line, " - ");
	int n = 0;

	if (!end)
		return;
	for (char *next; n < 5 && (next = strsep(&word, " ")); n++)
		words[n] = next;
	word = end + 3;
	for (char *next; n < 8 && (next = strsep(&word, " \n")); n++)
		words[n] = next;
	if (n < 8 || strncmp(words[5], "cgroup", 6) != 0)
		return;
	if (strncmp(words[7], "rw,", 3) == 0)
		words[7] += 3;
	umount2(words[4], MNT_DETACH);	/* in a mount namespace of our own: else it is mounted there already */
	mount(words[6], words[4], words[5], 0, strcmp(words[5], "cgroup") == 0 ? words[7] : NULL);
}

/* A container, so that there are no cgroups but ours to walk: what is counted is the same at every run. */
static void hide_others(void)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	static char text[1 << 16];
	size_t n;

	ck_assert_ptr_nonnull(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	ck_assert_int_eq(unshare(CLONE_NEWCGROUP | CLONE_NEWNS), 0);
	ck_assert_int_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	for (char *rest = text, *line; (line = strsep(&rest, "\n")) && *line;)
		mount_again(line);
}

/* Each test is a process that moves itself. */
static void begin(void)
{
	real_make("here");
	real_move("here", 0);
	hide_others();
	machine_make(&machine);
	machine_limit(&machine);
	machine_write(&machine, TOP_CPU_MAX, "lots\n");
}

static void end(void)
{
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

	snprintf(command_path, sizeof(command_path), "%s/cgtune", top && *top ? top : ".");
	snprintf(preload_path, sizeof(preload_path), "%s/tests/torture-preload.so", top && *top ? top : ".");
	snprintf(name, sizeof(name), "cgtune-torture-%d", (int)getpid());
	environment_clear();
	setenv("CGTUNE_PROBE", "off", 1);
	setenv("CGTUNE_CPUS", "1.5", 1);
	setenv("CGTUNE_MEMORY", "512MiB", 1);
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
	said_open(&said);
	points = mmap(NULL, sizeof(*points), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	add(suite, "allocations", allocations);
	add(suite, "calls", calls);
	add(suite, "output", output_that_is_lost);
	status = suite_run(suite);
	printf("# %u fault points of the command; glibc aborts at allocations of --help and in getpwnam(3), which are left out\n", *points);
	bpffs_end();
	return status;
}
