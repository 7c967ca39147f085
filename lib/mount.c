/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mount - which mount shows a cgroup, and under which directory */
#include "mount.h"
#include "statmount.h"
#include "sys.h"
#include "util.h"

#include <asm/statfs.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/stat.h>
#include <string.h>

#define USUAL_PLACE "/sys/fs/cgroup"
#define MOUNTINFO "/proc/self/mountinfo"
#define MOUNTINFO_MOST (UINT64_C(1) << 26)
#define NAME_SIZE 256

/* The mount of one cgroup that is best so far, while mountinfo is read. */
struct candidate {
	bool wanted, known;		/* known: exists was looked up */
	int exists;			/* 2: the cgroup's directory; 1: the mount point; 0: neither */
	size_t root_length;
};

static void place_name(char *name, const char *below)
{
	struct text text = { name, NAME_SIZE, 0 };

	text_add(&text, USUAL_PLACE);
	if (*below)
		text_add(&text, "/");
	text_add(&text, below);
}

/* Without slashes at its end, as parse_translate() has it. */
static size_t point_length(const char *point)
{
	size_t n = strlen(point);

	while (n && point[n - 1] == '/')
		n--;
	return n;
}

/* Put a cgroup into the directory that it has under a mount. */
static int place(struct cgroup *cgroup, const char *root, const char *point)
{
	char *dir = cgroup->path + strlen(cgroup->path) + 1;
	int length = parse_translate(root, point, cgroup->path, dir, CGTUNE_PATH_SIZE);

	if (length < 0)
		return length;
	cgroup->dir = dir;
	cgroup->length = (size_t)length;
	cgroup->top = point_length(point);
	cgroup->placed = true;
	return 0;
}

/* Whether a directory is in a cgroup file system of this version. */
static bool is_cgroupfs(const char *dir, int version)
{
	struct statfs fs;

	return sys2(SYS_statfs, dir, &fs) == 0 &&
	       (unsigned long)fs.f_type == (version == 2 ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC);
}

/*
 * Whether the whole hierarchy of this version is mounted at a directory: from
 * two calls on that directory, whatever the number of mounts. The hierarchy's
 * own root is inode 1 (cgroup_setup_root(), kernel/cgroup/cgroup.c). In a
 * cgroup namespace "whole" ends at the namespace's root, of which statmount(2)
 * tells (Linux 6.8). 1; 0; or -EOPNOTSUPP: this kernel does not say.
 */
static int is_whole_hierarchy(const char *point, struct cgroup *cgroup, union scratch *scratch)
{
	bool in_root = strcmp(cgroup->path, "/") == 0;
	struct statx stx = { 0 };
	struct statmount_answer answer;
	const char *strings = scratch->text + sizeof(answer);
	struct statmount_request request = {
		.size = sizeof(request), .param = STATMOUNT_WANT_MNT_ROOT | STATMOUNT_WANT_FS_TYPE,
	};

	if (sys5(SYS_statx, AT_FDCWD, point, AT_NO_AUTOMOUNT,
		 STATX_WANT_MNT_ID_UNIQUE | STATX_INO, &stx) < 0)
		return 0;
	/* In the root's own cgroup, or in a namespace whose mounts are still those from outside of it. */
	if (stx.stx_ino == 1 && !in_root)
		return cgroup->has_root = is_cgroupfs(point, cgroup->version);
	if (!(stx.stx_mask & STATX_WANT_MNT_ID_UNIQUE))
		return -EOPNOTSUPP;
	if (!(stx.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return 0;
	request.mnt_id = stx.stx_mnt_id;
	if (sys4(SYS_statmount, &request, scratch->text, sizeof(scratch->text), 0) < 0)
		return 0;
	memcpy(&answer, scratch->text, sizeof(answer));
	if ((answer.mask & request.param) != request.param ||
	    strcmp(strings + answer.fs_type, cgroup->version == 2 ? "cgroup2" : "cgroup") != 0 ||
	    strcmp(strings + answer.mnt_root, "/") != 0)
		return 0;
	cgroup->has_root = stx.stx_ino == 1;
	return 1;
}

/* The usual place, or where several controllers share a hierarchy the usual link to it. */
static void usual_places(const struct cgroup *cgroup, char points[2][NAME_SIZE])
{
	bool v1 = cgroup->version == 1;

	place_name(points[0], !v1 ? "" : strchr(cgroup->names, '/') ? cgroup->controller : cgroup->names);
	place_name(points[1], v1 ? cgroup->controller : "unified");
}

/* The usual place, when it shows all of the hierarchy: no mount could show more. Which v1
 * controllers it has is taken from its name. 0, placed or not; or -EOPNOTSUPP. */
static int find_at_usual_place(const struct cgroup_search *search, struct cgroup *cgroup)
{
	char points[2][NAME_SIZE];

	usual_places(cgroup, points);
	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		int r = is_whole_hierarchy(points[i], cgroup, search->scratch);

		if (r > 0)
			place(cgroup, "/", points[i]);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	return 0;
}

/* Where mountinfo cannot be read: the usual place unseen. On v2 best the one with the root's
 * files, as /sys/fs/cgroup may be a mere tmpfs. 0, placed or not; or a fatal error. */
static int guess_usual_place(const struct cgroup_search *search, struct cgroup *cgroup)
{
	static const char *const proofs[] = { "/cgroup.controllers", "" };
	char points[2][NAME_SIZE], proof[NAME_SIZE + 32];

	usual_places(cgroup, points);
	for (size_t i = cgroup->version == 1; i < ARRAY_SIZE(proofs); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(points); k++) {
			struct text text = TEXT(proof);
			int r;

			text_add(&text, points[k]);
			text_add(&text, proofs[i]);
			r = file_exists(search->files, proof);
			if (r > 0)
				place(cgroup, "/", points[k]);
			if (r != 0)
				return r < 0 ? r : 0;
		}
	}
	return 0;
}

static bool slice_is(struct slice slice, const char *word)
{
	return slice.length == strlen(word) && memcmp(slice.text, word, slice.length) == 0;
}

static bool is_mount_of(const struct parse_mount *mount, const struct cgroup *cgroup)
{
	if (cgroup->version == 2)
		return slice_is(mount->type, "cgroup2");
	return slice_is(mount->type, "cgroup") && parse_has_controller(mount->options, cgroup->controller);
}

/* Look up what exists of a candidate, once; top: length of the mount point in dir. 0; or a fatal error. */
static int look_up(const struct cgroup_search *search, struct candidate *candidate, char *dir, size_t top)
{
	char next = dir[top];
	int r;

	if (candidate->known)
		return 0;
	r = file_exists(search->files, dir);
	candidate->exists = r > 0 ? 2 : 0;
	if (r == 0) {
		dir[top] = '\0';
		r = file_exists(search->files, top ? dir : "/");
		dir[top] = next;
		candidate->exists = r > 0;
	}
	candidate->known = true;
	return r < 0 ? r : 0;
}

/*
 * Of several mounts of one hierarchy take one in which the cgroup's directory
 * exists, or at least the mount point; then the one whose root is nearest to the
 * hierarchy's: it shows most ancestors. Then the first. One from outside of the
 * cgroup namespace, whose root is "/..", does not say where below it the cgroup is.
 */
static int consider(const struct cgroup_search *search, struct cgroup *cgroup,
		    struct candidate *best, const char *root, const char *point)
{
	struct candidate next = { .wanted = true, .root_length = (size_t)parse_below(root, root) };
	char dir[CGTUNE_PATH_SIZE];
	int r;

	if (parse_translate(root, point, cgroup->path, dir, sizeof(dir)) < 0)
		return 0;
	if (cgroup->placed) {
		r = look_up(search, best, cgroup->dir, cgroup->top);
		if (r == 0)
			r = look_up(search, &next, dir, point_length(point));
		if (r < 0 || best->exists > next.exists ||
		    (best->exists == next.exists && best->root_length <= next.root_length))
			return r;
	}
	place(cgroup, root, point);
	*best = next;
	return 0;
}

static int take_mount(const struct cgroup_search *search, struct cgroup *cgroups, size_t n,
		      struct candidate *best, struct slice line)
{
	char root[CGTUNE_PATH_SIZE], point[CGTUNE_PATH_SIZE];
	struct parse_mount mount;
	bool unescaped = false;
	int r = 0;

	if (parse_mountinfo_line(line.text, line.length, &mount) < 0)
		return 0;
	for (size_t i = 0; i < n && r == 0; i++) {
		if (!best[i].wanted || !is_mount_of(&mount, &cgroups[i]))
			continue;
		if (!unescaped && (parse_unescape(mount.root, root, sizeof(root)) < 0 ||
				   parse_unescape(mount.point, point, sizeof(point)) < 0))
			return 0;
		unescaped = true;
		r = consider(search, &cgroups[i], &best[i], root, point);
	}
	return r;
}

/* One bounded pass over mountinfo for the cgroups that have no place yet. */
static int find_in_mountinfo(const struct cgroup_search *search, struct cgroup *cgroups, size_t n)
{
	struct file_lines *lines = &search->scratch->lines;
	struct candidate best[CGROUP_MOST] = { 0 };
	struct slice line;
	int r;

	for (size_t i = 0; i < n; i++)
		best[i].wanted = cgroups[i].version && !cgroups[i].placed;
	r = file_lines_open(lines, search->files, MOUNTINFO, false, MOUNTINFO_MOST);
	while (r >= 0 && (r = file_line(lines, &line)) > 0)
		r = take_mount(search, cgroups, n, best, line);
	file_lines_close(lines, search->files);
	return r;
}

/* Two controllers of one hierarchy and one cgroup have one place. */
static bool copy_place(struct cgroup *to, const struct cgroup *cgroups)
{
	for (const struct cgroup *c = cgroups; c < to; c++) {
		if (!c->placed || c->version != to->version || strcmp(c->names, to->names) != 0 ||
		    strcmp(c->path, to->path) != 0)
			continue;
		to->dir = to->path + strlen(to->path) + 1;
		memcpy(to->dir, c->dir, c->length + 1);
		to->has_root = c->has_root;
		to->top = c->top;
		to->length = c->length;
		to->placed = true;
		return true;
	}
	return false;
}

/* Cgroups that still have no place: guess when mountinfo said nothing, else they are not visible. */
static int guess_or_give_up(const struct cgroup_search *search, struct cgroup *cgroups, size_t n,
			    bool mountinfo_was_read)
{
	for (struct cgroup *c = cgroups; c < cgroups + n; c++) {
		int r = 0;

		if (!c->version || c->placed)
			continue;
		if (!mountinfo_was_read)
			r = guess_usual_place(search, c);
		if (r < 0)
			return r;
		if (!c->placed && strlen(c->path) + sizeof(USUAL_PLACE) >= CGTUNE_PATH_SIZE)
			search->warn(search->user, "/proc/self/cgroup", -ENAMETOOLONG);	/* no file of it can be named */
		if (!c->placed)
			c->version = 0;
	}
	return 0;
}

int mount_find(const struct cgroup_search *search, struct cgroup *cgroups, size_t n)
{
	size_t missing = 0;
	int r;

	for (struct cgroup *c = cgroups; c < cgroups + n && search->files->real; c++)
		if (c->version && !copy_place(c, cgroups) && find_at_usual_place(search, c) < 0)
			break;
	for (struct cgroup *c = cgroups; c < cgroups + n; c++)
		missing += c->version && !c->placed;
	if (!missing)
		return 0;
	r = find_in_mountinfo(search, cgroups, n);
	if (file_error_is_fatal(r))
		return r;
	if (r < 0 && r != -ENOENT)
		search->warn(search->user, MOUNTINFO, r);
	return guess_or_give_up(search, cgroups, n, r == 0);
}
