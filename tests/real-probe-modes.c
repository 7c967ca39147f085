/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* real-probe-modes - who may do what with a probe's pins: their exact modes, and what users and groups get of them */
#include "bpffs.h"
#include "shared.h"
#include "suite.h"

#include <bpf/bpf.h>
#include <cgtune-probe.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS 120
#define NOBODY 65534
#define GROUP 65533

static struct cgtune_probe_options options(void)
{
	return (struct cgtune_probe_options){ .size = sizeof(struct cgtune_probe_options), .bpffs = bpffs_path() };
}

static void stop_any(void)
{
	struct cgtune_probe_options o = options();

	cgtune_probe_stop(&o);
}

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

START_TEST(of_root)
{
	ck_assert_int_eq(chmod(bpffs_path(), 0755), 0);
	start_for(0, 0);
	expect_modes(0700, 0600, 0);
	ck_assert_int_eq(what_can_user_do(NOBODY, NOBODY), 0);
	ck_assert_int_eq(what_can_user_do(0, 0), CAN_READ);		/* not even root can write */
}
END_TEST

START_TEST(of_a_group)
{
	ck_assert_int_eq(chmod(bpffs_path(), 0755), 0);
	start_for(CGTUNE_PROBE_READERS_GROUP, GROUP);
	expect_modes(0750, 0660, GROUP);
	ck_assert_int_eq(what_can_user_do(NOBODY, NOBODY), 0);
	expect_reader(NOBODY, GROUP);
}
END_TEST

START_TEST(of_all)
{
	ck_assert_int_eq(chmod(bpffs_path(), 0755), 0);
	start_for(CGTUNE_PROBE_READERS_ALL, 0);
	expect_modes(0755, 0666, 0);
	expect_reader(NOBODY, NOBODY);
	expect_modes(0755, 0666, 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *all = suite_create("real-probe-modes");
	TCase *tcase = tcase_create("modes");

	tcase_set_timeout(tcase, SECONDS);
	tcase_add_checked_fixture(tcase, stop_any, stop_any);
	tcase_add_test(tcase, of_root);
	tcase_add_test(tcase, of_a_group);
	tcase_add_test(tcase, of_all);
	suite_add_tcase(all, tcase);
	return all;
}

int main(void)
{
	setenv("CK_FORK", "yes", 1);
	return bpffs_run(geteuid() != 0 ? "not root" : NULL, suite);
}
