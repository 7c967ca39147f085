/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bpffs - for tests: a BPF file system of the program's own, in a mount namespace that goes with it */
#include "bpffs.h"
#include "suite.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

static char path[] = "/tmp/cgtune-bpffs-XXXXXX";

const char *bpffs_begin(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return "no mount namespace";
	if (!mkdtemp(path))
		return "no directory";
	return mount("bpf", path, "bpf", 0, "mode=700") < 0 ? "no BPF file system" : NULL;
}

void bpffs_end(void)
{
	umount2(path, MNT_DETACH);
	rmdir(path);
}

const char *bpffs_path(void)
{
	return path;
}

int bpffs_run(const char *why, Suite *(*suite)(void))
{
	int status;

	if (!why)
		why = bpffs_begin();
	if (why)
		return suite_skip(why);
	status = suite_run(suite());
	bpffs_end();
	return status;
}
