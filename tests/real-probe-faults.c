/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* real-probe-faults - a probe where it cannot be started, or where something else is pinned: named, never a crash */
#include "bpffs.h"
#include "shared.h"
#include "suite.h"

#include <bpf/bpf.h>
#include <cgtune-probe.h>
#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS 120
#define NOBODY 65534
#define SLOTS 64

static char text[1 << 16];

static struct cgtune_probe_options options_at(const char *bpffs)
{
	return (struct cgtune_probe_options){
		.size = sizeof(struct cgtune_probe_options), .bpffs = bpffs, .text = text, .text_size = sizeof(text),
	};
}

static const char *folder(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/cgtune-%d%s", bpffs_path(), PROBE_ABI, name);
	return path;
}

static void stop_any(void)
{
	struct cgtune_probe_options options = options_at(bpffs_path());

	cgtune_probe_stop(&options);
}

/* Of a map with these sizes and this header, pinned where a probe's would be. */
static void pin_map(enum bpf_map_type type, uint32_t value_size, uint32_t entries, const struct probe_header *header)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = type == BPF_MAP_TYPE_ARRAY ? BPF_F_MMAPABLE : 0);
	unsigned char value[PROBE_ELEMENT] = { 0 };
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	uint32_t zero = 0;
	int fd;

	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	fd = bpf_map_create(type, "foreign", sizeof(zero), value_size, entries, &opts);
	ck_assert_int_ge(fd, 0);
	if (header) {
		memcpy(value, header, sizeof(*header));
		ck_assert_int_eq(bpf_map_update_elem(fd, &zero, value, BPF_ANY), 0);
	}
	ck_assert_int_eq(mkdir(folder(""), 0700), 0);
	ck_assert_int_eq(bpf_obj_pin(fd, folder("/map")), 0);
	close(fd);
}

/* It is refused, named, and left as it is until it is stopped. */
static void expect_refused(void)
{
	struct cgtune_probe_options options = options_at(bpffs_path());
	struct cgtune_probe *probe;

	ck_assert_int_eq(cgtune_probe_open(&options, &probe), -EBADMSG);
	ck_assert_ptr_ne(strstr(text, folder("")), NULL);
	ck_assert_int_eq(cgtune_probe_start(&options, &probe), -EBADMSG);
	ck_assert_ptr_ne(strstr(text, folder("")), NULL);
	ck_assert_int_eq(access(folder(""), F_OK), 0);
	ck_assert_int_eq(cgtune_probe_stop(&options), 0);
	ck_assert_int_eq(access(folder(""), F_OK), -1);
	ck_assert_int_eq(cgtune_probe_open(&options, &probe), -ENOENT);
}

START_TEST(foreign_map)
{
	pin_map(BPF_MAP_TYPE_HASH, PROBE_ELEMENT, 16, NULL);
	expect_refused();
	pin_map(BPF_MAP_TYPE_ARRAY, 8, 16, NULL);
	expect_refused();
	pin_map(BPF_MAP_TYPE_ARRAY, PROBE_ELEMENT, PROBE_ELEMENTS(SLOTS), NULL);
	expect_refused();
}
END_TEST

START_TEST(empty_folder)
{
	ck_assert_int_eq(mkdir(folder(""), 0700), 0);
	expect_refused();
}
END_TEST

/* Each member wrong in turn. */
START_TEST(lying_header)
{
	const struct probe_header good = {
		.magic = PROBE_MAGIC, .abi = PROBE_ABI, .element = PROBE_ELEMENT, .slots = SLOTS,
		.events = PROBE_EVENTS, .rung = PROBE_FENTRY,
	};
	struct probe_header headers[8];

	for (int i = 0; i < 8; i++)
		headers[i] = good;
	headers[0].magic ^= 1;
	headers[1].abi++;
	headers[2].element *= 2;
	headers[3].slots *= 2;
	headers[4].slots = UINT32_MAX;
	headers[5].events = 0;
	headers[6].rung = 0;
	headers[7].rung = 99;
	for (int i = 0; i < 8; i++) {
		pin_map(BPF_MAP_TYPE_ARRAY, PROBE_ELEMENT, PROBE_ELEMENTS(SLOTS), &headers[i]);
		expect_refused();
	}
}
END_TEST

/* A header that fits and words below it that do not: numbers, never a crash or an endless loop. */
START_TEST(lying_counts)
{
	const struct probe_header header = {
		.magic = PROBE_MAGIC, .abi = PROBE_ABI, .element = PROBE_ELEMENT, .slots = SLOTS,
		.events = PROBE_EVENTS, .rung = PROBE_RAW, .epoch = UINT64_MAX, .head = UINT64_MAX,
	};
	struct cgtune_probe_options options = options_at(bpffs_path());
	struct cgtune_stalls stalls = { .size = sizeof(stalls) };
	struct cgtune_stall_event event = { .size = sizeof(event) };
	struct cgtune_probe *probe;
	uint64_t number = 0;
	uint32_t cursor = UINT32_MAX;

	pin_map(BPF_MAP_TYPE_ARRAY, PROBE_ELEMENT, PROBE_ELEMENTS(SLOTS), &header);
	ck_assert_int_eq(cgtune_probe_open(&options, &probe), 0);
	ck_assert_int_eq(cgtune_probe_read(probe, 1, 0, &stalls), -ENODATA);
	ck_assert_int_eq(cgtune_probe_next_event(probe, &number, &event), 0);
	ck_assert_int_eq(cgtune_probe_next(probe, &cursor, &stalls), 0);
	cgtune_probe_close(probe);
}
END_TEST

START_TEST(no_file_system)
{
	struct cgtune_probe_options options = options_at("/tmp");
	struct cgtune_probe *probe;

	ck_assert_int_eq(cgtune_probe_start(&options, &probe), -ENODEV);
	ck_assert_ptr_ne(strstr(text, "/tmp: no BPF file system"), NULL);
	options.bpffs = "/nowhere";
	options.flags = CGTUNE_PROBE_MOUNT;
	ck_assert_int_eq(cgtune_probe_start(&options, &probe), -ENOENT);
	ck_assert_ptr_ne(strstr(text, "/nowhere"), NULL);
}
END_TEST

START_TEST(read_only)
{
	struct cgtune_probe_options options = options_at(bpffs_path());
	struct cgtune_probe *probe;

	ck_assert_int_eq(mount(NULL, bpffs_path(), NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), 0);
	ck_assert_int_eq(cgtune_probe_start(&options, &probe), -EROFS);
	ck_assert_ptr_ne(strstr(text, bpffs_path()), NULL);
	ck_assert_int_eq(mount(NULL, bpffs_path(), NULL, MS_REMOUNT | MS_BIND, NULL), 0);
	ck_assert_int_eq(cgtune_probe_start(&options, &probe), 0);
	cgtune_probe_close(probe);
}
END_TEST

static int as_nobody(int (*call)(const struct cgtune_probe_options *, struct cgtune_probe **))
{
	struct cgtune_probe_options options = options_at(bpffs_path());
	struct cgtune_probe *probe;
	int status;

	if (check_fork() == 0) {
		if (setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
			_exit(255);
		_exit(-call(&options, &probe));
	}
	ck_assert_int_gt(wait(&status), 0);
	ck_assert(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

START_TEST(no_rights)
{
	struct cgtune_probe_options options = options_at(bpffs_path());
	struct cgtune_probe *probe;
	int r;

	ck_assert_int_eq(chmod(bpffs_path(), 0755), 0);
	r = as_nobody(cgtune_probe_start);
	ck_assert_msg(r == -EPERM || r == -EACCES, "%d", r);
	ck_assert_int_eq(cgtune_probe_start(&options, &probe), 0);
	cgtune_probe_close(probe);
	r = as_nobody(cgtune_probe_open);
	ck_assert_msg(r == -EPERM || r == -EACCES, "%d", r);
}
END_TEST

/* Where BPF is root's alone (before 5.13 without a privilege no bpf(2) at all) the mode cannot help. */
START_TEST(readers)
{
	struct cgtune_probe_options options = options_at(bpffs_path());
	struct cgtune_probe *probe;
	struct stat st;
	int r;

	ck_assert_int_eq(chmod(bpffs_path(), 0755), 0);
	options.flags = CGTUNE_PROBE_READERS_ALL;
	ck_assert_int_eq(cgtune_probe_start(&options, &probe), 0);
	cgtune_probe_close(probe);
	ck_assert_int_eq(stat(folder("/map"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0666);
	ck_assert_int_eq(stat(folder(""), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0755);
	ck_assert_int_eq(stat(folder("/link0"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	r = as_nobody(cgtune_probe_open);
	ck_assert_msg(r == 0 || r == -EPERM, "%d", r);
}
END_TEST

static Suite *suite(void)
{
	Suite *all = suite_create("real-probe-faults");
	TCase *tcase = tcase_create("faults");

	tcase_set_timeout(tcase, SECONDS);
	tcase_add_checked_fixture(tcase, stop_any, stop_any);
	tcase_add_test(tcase, foreign_map);
	tcase_add_test(tcase, empty_folder);
	tcase_add_test(tcase, lying_header);
	tcase_add_test(tcase, lying_counts);
	tcase_add_test(tcase, no_file_system);
	tcase_add_test(tcase, read_only);
	tcase_add_test(tcase, no_rights);
	tcase_add_test(tcase, readers);
	suite_add_tcase(all, tcase);
	return all;
}

int main(void)
{
	setenv("CK_FORK", "yes", 1);
	return bpffs_run(geteuid() != 0 ? "not root" : NULL, suite);
}
