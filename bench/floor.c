/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owns the floor: the fewest plain system calls that give cgtune's answer (all ancestors, the mount's root verified). */
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>

#include "bench.h"

/* statmount(2), Linux 6.8: include/uapi/linux/mount.h; older headers have none of it. */
#define FLOOR_SYS_STATMOUNT 457
#define FLOOR_STATX_MNT_ID_UNIQUE 0x4000u
#define FLOOR_STATMOUNT_SB_BASIC 0x1u
#define FLOOR_STATMOUNT_MNT_ROOT 0x8u
#define FLOOR_CGROUP_MAGIC 0x27e0ebu
#define FLOOR_CGROUP2_MAGIC 0x63677270u

/* The root of a hierarchy, which nothing can limit, has this inode (cgroup_setup_root(), kernel/cgroup/cgroup.c). */
#define FLOOR_ROOT_INODE 1u
/* Levels below that root for which reading each one's limit is cheaper than formatting one memory.stat. */
#define FLOOR_CHEAP_LEVELS 2u

struct floor_mount_request {
	uint32_t size, spare;
	uint64_t id, param;
};

struct floor_mount {
	uint32_t size, options;
	uint64_t mask;
	uint32_t major, minor;
	uint64_t magic;
	uint32_t flags, type;
	uint64_t id, parent;
	uint32_t id_old, parent_old;
	uint64_t attributes, propagation, peer_group, master, from;
	uint32_t root, point;
	uint64_t more[50];
	char text[1536];
};

/* Where one controller is; the leaf's path is the mount point and what is left of path without the mount's root. */
struct controller {
	const char *name, *path, *point;
	size_t path_length, point_length, root_length;
	int version;
	bool is_root;
};

/* Buffers that are written at their start only lie next to each other: each page touched costs as much as a call. */
struct walk {
	size_t top, length;
	bool is_root;
	char number[64];
	char leaf[PATH_MAX];
	char text[4096];
};

struct pair {
	uint64_t quota, period;
};

static bool no_statmount;
static char points[2][PATH_MAX];

static ssize_t slurp(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return -1;
	got = read(fd, text, size - 1);
	close(fd);
	text[got > 0 ? got : 0] = '\0';
	return got;
}

static bool has_word(const char *list, size_t length, const char *word)
{
	size_t size = strlen(word);

	for (size_t i = 0; i + size <= length; i++)
		if ((i == 0 || list[i - 1] == ',') && memcmp(list + i, word, size) == 0 &&
		    (i + size == length || list[i + size] == ','))
			return true;
	return false;
}

/* One line is "id:controllers:path"; a controller that no v1 line names is on "0::path". */
static void find_line(char *text, struct controller *controller)
{
	for (char *line = text, *end; *line != '\0'; line = end + (*end != '\0')) {
		char *list = strchr(line, ':'), *path;

		end = strchrnul(line, '\n');
		path = list != NULL ? strchr(list + 1, ':') : NULL;
		if (path == NULL || path >= end)
			continue;
		if (has_word(list + 1, (size_t)(path - list - 1), controller->name))
			controller->version = 1;
		else if (path != list + 1 || controller->version == 1)
			continue;
		else
			controller->version = 2;
		controller->path = path + 1;
		controller->path_length = (size_t)(end - path - 1);
	}
}

/* The mount's root must be a prefix of the path in whole names. */
static bool set_place(struct controller *controller, const char *point, size_t point_length,
		      const char *root, size_t root_length)
{
	const char *path = controller->path;
	size_t length = controller->path_length;

	if (root_length == 1)
		root_length = 0;
	if (length < root_length || memcmp(path, root, root_length) != 0 ||
	    (length > root_length && path[root_length] != '/'))
		return false;
	controller->point = point;
	controller->point_length = point_length;
	controller->root_length = root_length;
	return true;
}

static bool try_place(struct controller *controller, const char *place)
{
	struct floor_mount_request request = { .size = sizeof(request) };
	struct floor_mount mount;
	struct statx status;

	if (no_statmount ||
	    statx(AT_FDCWD, place, 0, STATX_INO | FLOOR_STATX_MNT_ID_UNIQUE, &status) != 0 ||
	    !(status.stx_mask & FLOOR_STATX_MNT_ID_UNIQUE) ||
	    !(status.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return false;
	request.id = status.stx_mnt_id;
	request.param = FLOOR_STATMOUNT_SB_BASIC | FLOOR_STATMOUNT_MNT_ROOT;
	if (syscall(FLOOR_SYS_STATMOUNT, &request, &mount, sizeof(mount), 0) != 0 ||
	    mount.magic != (controller->version == 1 ? FLOOR_CGROUP_MAGIC : FLOOR_CGROUP2_MAGIC))
		return false;
	controller->is_root = status.stx_ino == FLOOR_ROOT_INODE;
	return set_place(controller, place, strlen(place), mount.text + mount.root,
			 strlen(mount.text + mount.root));
}

/* "id parent major:minor ROOT POINT options tags - TYPE source SUPER" */
static bool mountinfo_line(const char *line, const char *end, struct controller *controller, char *point)
{
	const char *field[5], *type, *super;
	size_t length;

	field[0] = line;
	for (int i = 1; i < 5; i++) {
		field[i] = memchr(field[i - 1], ' ', (size_t)(end - field[i - 1]));
		if (field[i]++ == NULL)
			return false;
	}
	type = memmem(field[4], (size_t)(end - field[4]), " - cgroup", 9);
	if (type == NULL || (type[9] == '2') != (controller->version == 2))
		return false;
	super = memrchr(type, ' ', (size_t)(end - type));
	if (controller->version == 1 && !has_word(super + 1, (size_t)(end - super - 1), controller->name))
		return false;
	length = strcspn(field[4], " ");
	if (length >= PATH_MAX)
		return false;
	memcpy(point, field[4], length);
	return set_place(controller, point, length, field[3], (size_t)(field[4] - field[3] - 1));
}

static bool wanted(const struct controller *controller)
{
	return controller->version != 0 && controller->point == NULL;
}

/* One pass over /proc/self/mountinfo in bounded memory, which ends when every controller is found. */
static void scan_mountinfo(struct controller *controllers, size_t count)
{
	char text[16384], *line, *end;
	int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	size_t kept = 0, missing = 0;
	ssize_t got;

	for (size_t i = 0; i < count; i++)
		missing += wanted(&controllers[i]);

	while (fd >= 0 && missing > 0 && (got = read(fd, text + kept, sizeof(text) - kept)) > 0) {
		kept += (size_t)got;
		for (line = text; (end = memchr(line, '\n', kept)) != NULL; line = end + 1) {
			for (size_t i = 0; i < count; i++)
				if (wanted(&controllers[i]) && mountinfo_line(line, end, &controllers[i], points[i]))
					missing--;
			kept -= (size_t)(end + 1 - line);
		}
		memmove(text, line, kept);
	}
	if (fd >= 0)
		close(fd);
}

static void locate(struct controller *controllers)
{
	static const char *const v1[] = { "/sys/fs/cgroup/cpu", "/sys/fs/cgroup/memory" };
	struct controller *cpu = &controllers[0];
	bool missing = false;

	for (size_t i = 0; i < 2; i++) {
		struct controller *controller = &controllers[i];

		if (controller->version == 1) {
			missing |= !try_place(controller, v1[i]);
		} else if (controller->version == 2 && i == 1 && cpu->version == 2 && cpu->point != NULL) {
			controller->point = cpu->point;
			controller->point_length = cpu->point_length;
			controller->root_length = cpu->root_length;
			controller->is_root = cpu->is_root;
		} else if (controller->version == 2 && !try_place(controller, "/sys/fs/cgroup")) {
			missing |= !try_place(controller, "/sys/fs/cgroup/unified");
		}
	}
	if (missing)
		scan_mountinfo(controllers, 2);
}

/* The leaf's path, without a final slash. */
static bool set_leaf(struct walk *walk, const struct controller *controller)
{
	const char *below = controller->path + controller->root_length;
	size_t length = controller->path_length - controller->root_length;

	if (length == 1)
		length = 0;
	if (controller->point == NULL ||
	    controller->point_length + length + sizeof("/memory.limit_in_bytes") > sizeof(walk->leaf))
		return false;
	memcpy(walk->leaf, controller->point, controller->point_length);
	memcpy(walk->leaf + controller->point_length, below, length);
	walk->is_root = controller->is_root;
	walk->top = controller->point_length;
	walk->length = controller->point_length + length;
	return true;
}

/* The file's name replaces what follows this level: a walk goes from the leaf up, so that nothing is lost. */
static ssize_t read_at(struct walk *walk, const char *file, char *text, size_t size)
{
	strcpy(walk->leaf + walk->length, file);
	return slurp(walk->leaf, text, size);
}

/* Whether there is a level to read here: not above the mount, and not the root. */
static bool is_level(const struct walk *walk)
{
	return walk->length > 0 && walk->length >= walk->top + walk->is_root;
}

static void go_up(struct walk *walk)
{
	if (walk->length == walk->top)
		walk->length = 0;
	else
		while (walk->leaf[--walk->length] != '/')
			;
}

static bool is_cheap(const struct walk *walk)
{
	size_t levels = 0;

	for (size_t i = walk->top; i < walk->length; i++)
		levels += walk->leaf[i] == '/';
	return walk->is_root && levels <= FLOOR_CHEAP_LEVELS;
}

static void take_quota(struct pair *least, uint64_t quota, uint64_t period)
{
	if (period > 0 && (least->period == 0 ||
			   (__uint128_t)quota * least->period < (__uint128_t)least->quota * period))
		*least = (struct pair){ quota, period };
}

/* No strtoull(3): in a fresh process its code and its locale's table are two page faults. */
static uint64_t parse(const char *text, const char **end)
{
	uint64_t value = 0;

	for (; *text >= '0' && *text <= '9'; text++)
		value = value * 10 + (uint64_t)(*text - '0');
	*end = text;
	return value;
}

static void cpu_level(struct walk *walk, int version, struct pair *least)
{
	char *text = walk->number;
	const char *end;
	uint64_t quota;

	if (version == 2) {
		if (read_at(walk, "/cpu.max", text, sizeof(walk->number)) <= 0 || text[0] == 'm')
			return;
		quota = parse(text, &end);
		take_quota(least, quota, parse(end + (*end == ' '), &end));
		return;
	}
	if (read_at(walk, "/cpu.cfs_quota_us", text, sizeof(walk->number)) <= 0 || text[0] == '-')
		return;
	quota = parse(text, &end);
	if (read_at(walk, "/cpu.cfs_period_us", text, sizeof(walk->number)) > 0)
		take_quota(least, quota, parse(text, &end));
}

static void take_bytes(uint64_t *least, const char *text)
{
	uint64_t bytes = text[0] == 'm' ? UINT64_MAX : parse(text, &text);

	if (bytes < *least)
		*least = bytes;
}

static void take_file(struct walk *walk, const char *file, uint64_t *least)
{
	if (read_at(walk, file, walk->number, sizeof(walk->number)) > 0)
		take_bytes(least, walk->number);
}

/* The kernel has taken the minimum over the ancestors, those above the mount's root too. */
static void take_stat(struct walk *walk, uint64_t *least)
{
	char *line;

	if (read_at(walk, "/memory.stat", walk->text, sizeof(walk->text)) > 0 &&
	    (line = strstr(walk->text, "\nhierarchical_memory_limit ")) != NULL)
		take_bytes(least, line + sizeof("\nhierarchical_memory_limit ") - 1);
}

static void walk_memory(struct walk *walk, int version, uint64_t *least)
{
	bool cheap = is_cheap(walk);

	for (; is_level(walk); go_up(walk)) {
		take_file(walk, version == 1 ? "/memory.limit_in_bytes" : "/memory.max", least);
		if (version == 2) {
			take_file(walk, "/memory.high", least);
		} else if (!cheap) {
			take_stat(walk, least);
			return;
		}
	}
}

static void limits(struct walk *walk, struct controller *controllers, struct pair *quota, uint64_t *bytes)
{
	if (slurp("/proc/self/cgroup", walk->text, sizeof(walk->text)) <= 0)
		return;
	find_line(walk->text, &controllers[0]);
	find_line(walk->text, &controllers[1]);
	locate(controllers);
	if (set_leaf(walk, &controllers[0]))
		for (; is_level(walk); go_up(walk))
			cpu_level(walk, controllers[0].version, quota);
	if (set_leaf(walk, &controllers[1]))
		walk_memory(walk, controllers[1].version, bytes);
}

static void call(struct bench_answer *answer)
{
	struct controller controllers[2] = { { .name = "cpu" }, { .name = "memory" } };
	struct pair quota = { 0 };
	struct sysinfo host;
	struct walk walk;
	cpu_set_t mask;

	/* The wrapper clears the rest of the mask with memset(3): one more page of libc. */
	CPU_ZERO(&mask);
	syscall(SYS_sched_getaffinity, 0, sizeof(mask), &mask);
	sysinfo(&host);
	answer->memory = (uint64_t)host.totalram * host.mem_unit;
	answer->threads = (unsigned long)CPU_COUNT(&mask);
	limits(&walk, controllers, &quota, &answer->memory);
	if (quota.period > 0 && (quota.quota + quota.period - 1) / quota.period < answer->threads)
		answer->threads = (unsigned long)((quota.quota + quota.period - 1) / quota.period);
}

int main(int argc, char **argv)
{
	no_statmount = argc > 1 && strcmp(argv[1], "mountinfo") == 0;
	return bench_subject(call);
}
