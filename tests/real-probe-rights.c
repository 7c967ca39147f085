/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* real-probe-rights - start without some right: a clear sentence and an answer, never a failure of the program that asked */
#include "bpffs.h"
#include "suite.h"

#include <cgtune-probe.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS 120
#define NOBODY 65534
#define CAP(n) (UINT64_C(1) << (n))

static char text[1 << 16];

static struct cgtune_probe_options options(void)
{
	return (struct cgtune_probe_options){
		.size = sizeof(struct cgtune_probe_options), .bpffs = bpffs_path(), .text = text, .text_size = sizeof(text),
	};
}

static void stop_any(void)
{
	struct cgtune_probe_options o = options();

	cgtune_probe_stop(&o);
}

/* What was answered, and said. */
struct answer {
	int r;
	uint32_t rung;
	char line[256];
};

static struct answer start_on(uint32_t rungs)
{
	struct cgtune_probe_options o = options();
	struct cgtune_probe_state state = { .size = sizeof(state) };
	struct cgtune_probe *probe;
	struct answer answer = { 0 };

	o.rungs = rungs;
	answer.r = cgtune_probe_start(&o, &probe);
	snprintf(answer.line, sizeof(answer.line), "%.*s", (int)strcspn(text, "\n"), text);
	if (answer.r >= 0 && cgtune_probe_state(probe, &state) == 0) {
		answer.rung = state.rung;
		cgtune_probe_close(probe);
	}
	return answer;
}

static struct answer start(void)
{
	return start_on(0);
}

/* In a child, which gives up something first; 0: it could not. */
static bool start_without(bool (*give_up)(void), struct answer *ret)
{
	int ends[2], status;
	bool got;

	ck_assert_int_eq(pipe(ends), 0);
	if (check_fork() == 0) {
		struct answer answer;

		if (!give_up())
			_exit(0);
		answer = start();
		if (write(ends[1], &answer, sizeof(answer)) != sizeof(answer))
			_exit(1);
		_exit(0);
	}
	close(ends[1]);
	got = read(ends[0], ret, sizeof(*ret)) == sizeof(*ret);
	close(ends[0]);
	ck_assert_int_gt(wait(&status), 0);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned)status);
	return got;
}

/* root's other rights are gone, too: what is his by ownership stays. */
static bool keep(uint64_t capabilities)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	for (int i = 0; i < 2; i++)
		data[i] = (struct __user_cap_data_struct){
			.effective = (uint32_t)(capabilities >> 32 * i), .permitted = (uint32_t)(capabilities >> 32 * i),
		};
	return syscall(SYS_capset, &header, data) == 0;
}

static bool bpf_only(void)
{
	return keep(CAP(CAP_BPF));
}

static bool perfmon_only(void)
{
	return keep(CAP(CAP_PERFMON));
}

static bool both(void)
{
	return keep(CAP(CAP_BPF) | CAP(CAP_PERFMON));
}

static bool none(void)
{
	return keep(0);
}

static void expect_not_permitted(bool (*give_up)(void))
{
	struct answer answer;

	ck_assert(start_without(give_up, &answer));
	ck_assert_msg(answer.r == -EPERM, "%d: %s", answer.r, answer.line);
	ck_assert_ptr_ne(strstr(answer.line, "not permitted"), NULL);
}

START_TEST(capabilities)
{
	expect_not_permitted(none);
	expect_not_permitted(bpf_only);
	expect_not_permitted(perfmon_only);
}
END_TEST

static int answer_to(const char *name)
{
	struct cgtune_probe_feature all[32];
	int n;

	for (int i = 0; i < 32; i++)
		all[i].size = sizeof(all[i]);
	n = cgtune_probe_features(all, 32);
	for (int i = 0; i < n; i++)
		if (strcmp(all[i].name, name) == 0)
			return all[i].answer;
	ck_abort_msg("no feature %s", name);
}

/* Enough where memory is not locked memory (Linux 5.11). */
START_TEST(two_capabilities)
{
	struct answer answer;

	ck_assert(start_without(both, &answer));
	if (answer_to("memcg-accounting") == 1) {
		ck_assert_msg(answer.r == 0, "%d: %s", answer.r, answer.line);
	} else {
		ck_assert_msg(answer.r == 0 || answer.r == -EPERM, "%d: %s", answer.r, answer.line);
		if (answer.r == -EPERM)
			ck_assert_ptr_ne(strstr(answer.line, "RLIMIT_MEMLOCK"), NULL);
	}
}
END_TEST

static bool little_memory(void)
{
	const struct rlimit little = { 65536, 65536 };

	return setrlimit(RLIMIT_MEMLOCK, &little) == 0;
}

static bool little_memory_for_good(void)
{
	return little_memory() && both();
}

/* root raises the limit for as long as it takes; whoever cannot is told what it is. */
START_TEST(locked_memory)
{
	struct answer answer;
	struct rlimit before, after;

	ck_assert(start_without(little_memory, &answer));
	ck_assert_msg(answer.r == 0, "%d: %s", answer.r, answer.line);
	stop_any();
	ck_assert(start_without(little_memory_for_good, &answer));
	if (answer_to("memcg-accounting") == 1) {
		ck_assert_msg(answer.r == 0, "%d: %s", answer.r, answer.line);
	} else {
		ck_assert_msg(answer.r == -EPERM, "%d: %s", answer.r, answer.line);
		ck_assert_ptr_ne(strstr(answer.line, "RLIMIT_MEMLOCK"), NULL);
	}
	stop_any();
	ck_assert(little_memory());
	getrlimit(RLIMIT_MEMLOCK, &before);
	ck_assert_int_eq(start().r, 0);
	getrlimit(RLIMIT_MEMLOCK, &after);
	ck_assert_int_eq(memcmp(&before, &after, sizeof(before)), 0);
}
END_TEST

static bool forbid(uint32_t error)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(filter) / sizeof(filter[0]), .filter = filter };

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static bool forbid_as_eperm(void)
{
	return forbid(EPERM);
}

static bool forbid_as_enosys(void)
{
	return forbid(ENOSYS);
}

START_TEST(seccomp)
{
	struct answer answer;

	ck_assert(start_without(forbid_as_eperm, &answer));
	ck_assert_msg(answer.r == -EPERM, "%d: %s", answer.r, answer.line);
	ck_assert_int_ne(answer.line[0], '\0');
	ck_assert(start_without(forbid_as_enosys, &answer));
	ck_assert_msg(answer.r == -EOPNOTSUPP, "%d: %s", answer.r, answer.line);
	ck_assert_ptr_ne(strstr(answer.line, "seccomp(2)"), NULL);
}
END_TEST

static bool be_nobody(void)
{
	return setgid(NOBODY) == 0 && setuid(NOBODY) == 0;
}

/* As systemd mounts it: nobody but root gets to what is in it. */
START_TEST(mode_700)
{
	struct answer answer;

	ck_assert_int_eq(start().r, 0);
	ck_assert_int_eq(chmod(bpffs_path(), 0700), 0);
	ck_assert(start_without(be_nobody, &answer));
	ck_assert_msg(answer.r == -EACCES || answer.r == -EPERM, "%d: %s", answer.r, answer.line);
	ck_assert_ptr_ne(strstr(answer.line, bpffs_path()), NULL);
}
END_TEST

static bool read_word(const char *path, char *ret, size_t size)
{
	FILE *file = fopen(path, "re");
	bool got = file && fgets(ret, (int)size, file);

	if (file)
		fclose(file);
	return got;
}

static bool kernel_has(const char *function)
{
	char line[512];
	FILE *file = fopen("/proc/kallsyms", "re");
	bool has = false;

	while (file && !has && fgets(line, sizeof(line), file)) {
		char *name = strrchr(line, ' ');

		line[strcspn(line, "\n")] = '\0';
		has = name && strcmp(name + 1, function) == 0;
	}
	if (file)
		fclose(file);
	return has;
}

/*
 * The programs of the best rung need no bpf_probe_read_kernel(), which confidentiality
 * takes away, nor do those of the tracepoint rung where the kernel gives numbers types.
 */
START_TEST(lockdown)
{
	char word[64];
	struct answer answer = start();
	bool confidential = read_word("/sys/kernel/security/lockdown", word, sizeof(word)) &&
		strstr(word, "[confidentiality]");

	if (answer_to("fentry") == 1) {
		ck_assert_msg(answer.r == 0, "%d: %s", answer.r, answer.line);
		ck_assert_str_eq(cgtune_probe_rung_name(answer.rung), "fentry");
	} else if (confidential && !kernel_has("bpf_rdonly_cast")) {
		ck_assert_int_lt(answer.r, 0);
		ck_assert_int_ne(answer.line[0], '\0');
	} else {
		ck_assert_msg(answer.r == 0, "%d: %s", answer.r, answer.line);
	}
	stop_any();
	answer = start_on(1u << CGTUNE_PROBE_TRACEPOINT);
	if (!confidential || kernel_has("bpf_rdonly_cast"))
		ck_assert_msg(answer.r == 0, "%d: %.3000s", answer.r, text);
	else
		ck_assert_int_lt(answer.r, 0);
}
END_TEST

/* Of the whole machine: in a virtual one only. */
START_TEST(unprivileged_disabled)
{
	static const char path[] = "/proc/sys/kernel/unprivileged_bpf_disabled";
	struct answer answer;
	int fd;

	if (!getenv("CGTUNE_VM")) {
		suite_skip_test("it is for the whole machine, so for a virtual one");
		return;
	}
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0) {
		suite_skip_test("%s: %s", path, strerror(errno));
		return;
	}
	ck_assert_msg(write(fd, "2", 1) == 1, "%s: %s", path, strerror(errno));
	close(fd);
	ck_assert_int_eq(start().r, 0);
	stop_any();
	ck_assert_int_eq(chmod(bpffs_path(), 0755), 0);
	ck_assert(start_without(be_nobody, &answer));
	ck_assert_msg(answer.r == -EPERM || answer.r == -EACCES, "%d: %s", answer.r, answer.line);
	ck_assert_int_ne(answer.line[0], '\0');
}
END_TEST

static Suite *suite(void)
{
	Suite *all = suite_create("real-probe-rights");
	TCase *tcase = tcase_create("rights");

	tcase_set_timeout(tcase, SECONDS);
	tcase_add_checked_fixture(tcase, stop_any, stop_any);
	tcase_add_test(tcase, capabilities);
	tcase_add_test(tcase, two_capabilities);
	tcase_add_test(tcase, locked_memory);
	tcase_add_test(tcase, seccomp);
	tcase_add_test(tcase, mode_700);
	tcase_add_test(tcase, lockdown);
	tcase_add_test(tcase, unprivileged_disabled);
	suite_add_tcase(all, tcase);
	return all;
}

int main(void)
{
	setenv("CK_FORK", "yes", 1);
	return bpffs_run(geteuid() != 0 ? "not root" : NULL, suite);
}
