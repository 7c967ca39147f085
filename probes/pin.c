/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pin - the folder of the BPF file system in which a probe lives on: made in private, published by a rename */
#include "probe.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define FOLDER "cgtune-%d"
#define MAKE_TRIES 8
#define READERS (CGTUNE_PROBE_READERS_ALL | CGTUNE_PROBE_READERS_GROUP)

void probe_pin_path(const struct cgtune_probe_options *options, const char *name, char ret[PROBE_PATH])
{
	snprintf(ret, PROBE_PATH, "%s/" FOLDER "%s%s", options->bpffs, PROBE_ABI, *name ? "/" : "", name);
}

static bool is_bpffs(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && (unsigned long)fs.f_type == BPF_FS_MAGIC;
}

/* A mount would hide what is in it. */
static bool is_empty(const char *path)
{
	DIR *folder = opendir(path);
	struct dirent *entry;
	bool empty = true;

	while (folder && empty && (entry = readdir(folder)))
		empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	if (folder)
		closedir(folder);
	return empty;
}

int probe_pin_check(const struct cgtune_probe_options *options, struct probe_text *text)
{
	const char *path = options->bpffs;

	if (is_bpffs(path))
		return 0;
	if (!(options->flags & CGTUNE_PROBE_MOUNT) || !is_empty(path))
		return probe_says(text, -ENODEV, "%s: no BPF file system is mounted there", path);
	if (mount("bpf", path, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=700") < 0)
		return probe_says(text, -errno, "%s: no BPF file system is there, nor can be mounted: %s", path,
				  strerror(errno));
	return 0;
}

/* A folder of pins, with all of them. Somebody else may be at it, too. */
static int remove_folder(const char *path)
{
	DIR *folder = opendir(path);
	struct dirent *entry;
	int r = folder || errno == ENOENT ? 0 : -errno;

	while (folder && (errno = 0, entry = readdir(folder)))
		if (entry->d_name[0] != '.' && unlinkat(dirfd(folder), entry->d_name, 0) < 0 && errno != ENOENT)
			r = -errno;
	if (folder) {
		r = errno ? -errno : r;
		closedir(folder);
	}
	return rmdir(path) < 0 && errno != ENOENT && r == 0 ? -errno : r;
}

static int pin(int fd, const char *folder, const char *name, mode_t mode, const struct cgtune_probe_options *options)
{
	char path[PROBE_PATH + 64];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (bpf_obj_pin(fd, path) < 0 || chmod(path, mode) < 0)
		return -errno;
	return options->flags & CGTUNE_PROBE_READERS_GROUP && chown(path, (uid_t)-1, options->readers) < 0 ? -errno : 0;
}

static int pin_all(const char *folder, const struct cgtune_probe_options *options,
		   const struct probe_programs *programs)
{
	struct bpf_program *mark = bpf_object__find_program_by_name(programs->object, "mark_stopped");
	mode_t mode = options->flags & CGTUNE_PROBE_READERS_ALL ? 0666 :
		options->flags & CGTUNE_PROBE_READERS_GROUP ? 0660 : 0600;
	struct cgtune_probe_options own = *options;
	int r;

	own.flags &= ~(uint32_t)READERS;
	r = pin(programs->shared_fd, folder, "map", mode, options);
	if (r == 0)
		r = pin(bpf_program__fd(mark), folder, "mark_stopped", 0600, &own);
	for (size_t i = 0; i < programs->count && r == 0; i++) {
		char name[16];

		snprintf(name, sizeof(name), "link%zu", i);
		r = pin(bpf_link__fd(programs->links[i]), folder, name, 0600, &own);
	}
	return r;
}

static int set_folder_mode(const char *folder, const struct cgtune_probe_options *options)
{
	mode_t mode = options->flags & CGTUNE_PROBE_READERS_ALL ? 0755 :
		options->flags & CGTUNE_PROBE_READERS_GROUP ? 0750 : 0700;

	if (options->flags & CGTUNE_PROBE_READERS_GROUP && chown(folder, (uid_t)-1, options->readers) < 0)
		return -errno;
	return chmod(folder, mode) < 0 ? -errno : 0;
}

/* Readers that have it mapped see that it counts no longer (Linux 5.10 and later). */
static void mark(const char *folder)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	char path[PROBE_PATH + 64];
	int fd;

	snprintf(path, sizeof(path), "%s/mark_stopped", folder);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return;
	bpf_prog_test_run_opts(fd, &opts);
	close(fd);
}

/* What those left who were killed while they started or stopped a probe. How many; or -errno: some of it is left. */
static int sweep(const struct cgtune_probe_options *options)
{
	char path[PROBE_PATH], ours[32];
	DIR *folder = opendir(options->bpffs);
	struct dirent *entry;
	int swept = 0, error = 0;

	if (!folder)
		return errno == ENOENT ? 0 : -errno;
	snprintf(ours, sizeof(ours), FOLDER "-", PROBE_ABI);
	while ((errno = 0, entry = readdir(folder))) {
		int fd, r;

		if (strncmp(entry->d_name, ours, strlen(ours)) != 0 ||
		    snprintf(path, sizeof(path), "%s/%s", options->bpffs, entry->d_name) >= (int)sizeof(path))
			continue;
		fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		r = fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
		if (r == 0) {
			mark(path);
			r = remove_folder(path);
		}
		swept += r == 0;
		if (r < 0 && r != -ENOENT && r != -EWOULDBLOCK)		/* somebody else has, or is at it */
			error = r;
		if (fd >= 0)
			close(fd);
	}
	if (errno)
		error = -errno;
	closedir(folder);
	return error ? error : swept;
}

/*
 * A folder of our own, locked as long as we are at it: whoever is killed leaves one that is not, and whose programs run.
 * The descriptor that holds the lock; or -errno.
 */
static int make_private(const char *folder, char ret[PROBE_PATH + 32])
{
	struct stat st;

	for (int i = 0; i < MAKE_TRIES; i++) {
		int fd;

		snprintf(ret, PROBE_PATH + 32, "%s-new-%d-%d", folder, (int)getpid(), i);
		if (mkdir(ret, 0700) < 0) {
			if (errno == EEXIST)
				continue;
			return -errno;
		}
		fd = open(ret, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 && st.st_nlink)
			return fd;
		/* One that sweeps has come in between. */
		if (fd >= 0)
			close(fd);
		rmdir(ret);
	}
	return -EBUSY;
}

static int publish(const char *private, const char *folder, const struct cgtune_probe_options *options,
		   const struct probe_programs *programs, struct probe_text *text)
{
	int r = pin_all(private, options, programs);

	if (r == 0)
		r = set_folder_mode(private, options);
	if (r < 0)
		return probe_says(text, r, "%s: cannot be filled: %s", private, strerror(-r));
	if (renameat2(AT_FDCWD, private, AT_FDCWD, folder, RENAME_NOREPLACE) == 0)
		return 0;
	return errno == EEXIST ? -EEXIST : probe_says(text, -errno, "%s: %s", folder, strerror(errno));
}

int probe_pin_publish(const struct cgtune_probe_options *options, const struct probe_programs *programs,
		      struct probe_text *text)
{
	char folder[PROBE_PATH], private[PROBE_PATH + 32];
	int fd, r;

	sweep(options);
	probe_pin_path(options, "", folder);
	fd = make_private(folder, private);
	if (fd < 0)
		return probe_says(text, fd, "%s: %s", private, strerror(-fd));
	r = publish(private, folder, options, programs, text);
	if (r < 0)
		remove_folder(private);
	close(fd);
	return r;
}

int probe_pin_remove(const struct cgtune_probe_options *options)
{
	char folder[PROBE_PATH], old[PROBE_PATH + 32];
	int swept = sweep(options), r;

	probe_pin_path(options, "", folder);
	snprintf(old, sizeof(old), "%s-old-%d", folder, (int)getpid());
	if (rename(folder, old) < 0) {
		r = -errno;
	} else {
		mark(old);
		r = remove_folder(old);
	}
	if (swept < 0 && (r == 0 || r == -ENOENT))
		return swept;
	return r == -ENOENT && swept ? 0 : r;
}
