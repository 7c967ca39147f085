/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* real-probe-rights - start without some right: a clear sentence and an answer, never a failure of the program that asked */
#include "bpffs.h"
#include "shared.h"
#include "suite.h"

#include <bpf/bpf.h>
#include <cgtune-probe.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS 120
#define NOBODY 65534
#define GROUP 65533
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

/* Every file of the folder: what it is, as `ls -l` has it. */
static void expect_modes(mode_t folder_mode, mode_t map_mode, gid_t group)
{
	char path[256];
	struct dirent *entry;
	struct stat st;
	DIR *folder;
	int seen = 0;

	snprintf(path, sizeof(path), "%s/cgtune-%d", bpffs_path(), PROBE_ABI);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode, S_IFDIR | folder_mode);
	ck_assert_uint_eq(st.st_uid, 0);
	ck_assert_uint_eq(st.st_gid, group);
	folder = opendir(path);
	ck_assert_ptr_nonnull(folder);
	while ((entry = readdir(folder))) {
		bool is_map = strcmp(entry->d_name, "map") == 0;

		if (entry->d_name[0] == '.')
			continue;
		ck_assert_int_eq(fstatat(dirfd(folder), entry->d_name, &st, AT_SYMLINK_NOFOLLOW), 0);
		ck_assert_msg(st.st_mode == (S_IFREG | (is_map ? map_mode : 0600)), "%s: %o", entry->d_name, st.st_mode);
		ck_assert_msg(st.st_uid == 0 && st.st_gid == (is_map ? group : 0), "%s: %u:%u", entry->d_name, st.st_uid, st.st_gid);
		seen++;
	}
	closedir(folder);
	ck_assert_int_ge(seen, 3);			/* the map, what marks it, and a link at least */
}

static void start_for(uint32_t flags, gid_t group)
{
	struct cgtune_probe_options o = options();
	struct cgtune_probe *probe;

	o.flags = flags;
	o.readers = group;
	ck_assert_int_eq(cgtune_probe_start(&o, &probe), 0);
	cgtune_probe_close(probe);
}

/* Who it is says what it may: bits of what it could do. */
enum { CAN_READ = 1, CAN_WRITE = 2, CAN_MAP_WRITABLE = 4, CAN_REMOVE = 8, CAN_ADD = 16, CAN_STOP = 32, CAN_DETACH = 64 };

static int what_can_be_done(void)
{
	struct cgtune_probe_options o = options();
	uint32_t zero = 0;
	static unsigned char value[PROBE_ELEMENT];
	char path[256], other[256];
	struct cgtune_probe *probe;
	int can = 0, fd;

	snprintf(path, sizeof(path), "%s/cgtune-%d/map", bpffs_path(), PROBE_ABI);
	fd = bpf_obj_get(path);
	if (fd >= 0) {
		void *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		can |= bpf_map_update_elem(fd, &zero, value, BPF_ANY) == 0 ? CAN_WRITE : 0;
		can |= map != MAP_FAILED ? CAN_MAP_WRITABLE : 0;
		map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
		can |= map != MAP_FAILED && mprotect(map, 4096, PROT_READ | PROT_WRITE) == 0 ? CAN_MAP_WRITABLE : 0;
		close(fd);
	}
	if (cgtune_probe_open(&o, &probe) == 0) {
		can |= CAN_READ;
		cgtune_probe_close(probe);
	}
	if (geteuid() == 0)
		return can;
	can |= unlink(path) == 0 ? CAN_REMOVE : 0;
	snprintf(other, sizeof(other), "%s/cgtune-%d/other", bpffs_path(), PROBE_ABI);
	can |= mkdir(other, 0700) == 0 || symlink("/", other) == 0 ? CAN_ADD : 0;
	snprintf(other, sizeof(other), "%s/cgtune-%d/mark_stopped", bpffs_path(), PROBE_ABI);
	can |= bpf_obj_get(other) >= 0 ? CAN_STOP : 0;
	snprintf(other, sizeof(other), "%s/cgtune-%d/link0", bpffs_path(), PROBE_ABI);
	can |= bpf_obj_get(other) >= 0 ? CAN_DETACH : 0;
	return can | (cgtune_probe_stop(&o) == 0 ? CAN_STOP : 0);
}

static int what_can_user_do(uid_t user, gid_t group)
{
	int status;

	if (check_fork() == 0) {
		if (setgroups(0, NULL) < 0 || setgid(group) < 0 || setuid(user) < 0)
			_exit(255);
		_exit(what_can_be_done());
	}
	ck_assert_int_gt(wait(&status), 0);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Whether any call is answered other than by EPERM: this one has nothing to look up. */
static bool may_call_bpf(uid_t user)
{
	int status;

	if (check_fork() == 0)
		_exit(setuid(user) < 0 || bpf_obj_get("/nowhere") >= 0 || errno == EPERM);
	ck_assert_int_gt(wait(&status), 0);
	return status == 0;
}

/* Before 5.13, and where BPF is root's alone before 5.19, no mode lets a user make the call (kernel/bpf/syscall.c). */
static void expect_reader(uid_t user, gid_t group)
{
	int can = what_can_user_do(user, group);

	ck_assert_msg(can == (may_call_bpf(user) ? CAN_READ : 0), "%d", can);
}

START_TEST(modes)
{
	ck_assert_int_eq(chmod(bpffs_path(), 0755), 0);
	start_for(0, 0);
	expect_modes(0700, 0600, 0);
	ck_assert_int_eq(what_can_user_do(NOBODY, NOBODY), 0);
	ck_assert_int_eq(what_can_user_do(0, 0), CAN_READ);		/* not even root can write */
	stop_any();
	start_for(CGTUNE_PROBE_READERS_GROUP, GROUP);
	expect_modes(0750, 0660, GROUP);
	ck_assert_int_eq(what_can_user_do(NOBODY, NOBODY), 0);
	expect_reader(NOBODY, GROUP);
	stop_any();
	start_for(CGTUNE_PROBE_READERS_ALL, 0);
	expect_modes(0755, 0666, 0);
	expect_reader(NOBODY, NOBODY);
	expect_modes(0755, 0666, 0);
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

	if (!getenv("CGTUNE_VM"))
		return;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
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
	tcase_add_test(tcase, modes);
	tcase_add_test(tcase, lockdown);
	tcase_add_test(tcase, unprivileged_disabled);
	suite_add_tcase(all, tcase);
	return all;
}

int main(void)
{
	const char *why = geteuid() != 0 ? "not root" : bpffs_begin();
	int status;

	if (why)
		return suite_skip(why);
	setenv("CK_FORK", "yes", 1);
	status = suite_run(suite());
	bpffs_end();
	return status;
}
