/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owns the cgroups and mounts that a scenario needs, and their removal. */
#include "scene.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCENE_PERIOD_US 100000u
#define SCENE_MEMORY (512ull << 20)

static bool put(const char *directory, const char *file, const char *text)
{
	char path[2 * PATH_MAX];
	bool done;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	if (!done)
		fprintf(stderr, "cold: %s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return done;
}

static bool has_word(const char *directory, const char *file, const char *word)
{
	char path[2 * PATH_MAX], text[4096], *save = NULL;
	bool found = false;
	FILE *stream;

	snprintf(path, sizeof(path), "%s/%s", directory, file);
	stream = fopen(path, "re");
	if (stream == NULL)
		return false;
	if (fgets(text, sizeof(text), stream) != NULL)
		for (char *s = strtok_r(text, " \n", &save); s != NULL && !found; s = strtok_r(NULL, " \n", &save))
			found = strcmp(s, word) == 0;
	fclose(stream);
	return found;
}

static bool is_tree(struct scene_tree *tree, char *line)
{
	char type[32], super[1024], root[PATH_MAX], *dash = strstr(line, " - "), *save = NULL;

	if (dash == NULL || sscanf(line, "%*s %*s %*s %4095s %4095s", root, tree->mount) != 2 ||
	    sscanf(dash, " - %31s %*s %1023s", type, super) != 2 || strcmp(root, "/") != 0)
		return false;
	if (strcmp(type, "cgroup2") == 0) {
		tree->version = 2;
		return has_word(tree->mount, "cgroup.controllers", tree->controller);
	}
	tree->version = 1;
	if (strcmp(type, "cgroup") == 0)
		for (char *s = strtok_r(super, ",", &save); s != NULL; s = strtok_r(NULL, ",", &save))
			if (strcmp(s, tree->controller) == 0)
				return true;
	return false;
}

static bool find_tree(struct scene_tree *tree)
{
	FILE *stream = fopen("/proc/self/mountinfo", "re");
	bool found = false;
	char *line = NULL;
	size_t size = 0;

	while (stream != NULL && !found && getline(&line, &size, stream) > 0)
		found = is_tree(tree, line);
	free(line);
	if (stream != NULL)
		fclose(stream);
	if (!found)
		fprintf(stderr, "cold: no hierarchy with the %s controller\n", tree->controller);
	return found;
}

/* The directory of one level; 0 is the mount point. */
static void level_path(const struct scene_tree *tree, unsigned level, char *path, size_t size)
{
	int used = snprintf(path, size, "%s", tree->mount);

	if (level > 0)
		used += snprintf(path + used, size - (size_t)used, "/cgtune-bench-%d", (int)getpid());
	for (unsigned i = 2; i <= level; i++)
		used += snprintf(path + used, size - (size_t)used, "/level-%u", i);
}

static bool limit(const struct scene *scene, const struct scene_tree *tree, const char *path, unsigned level)
{
	unsigned quota = SCENE_PERIOD_US + (scene->depth - level) * SCENE_PERIOD_US / 4;
	unsigned long long bytes = SCENE_MEMORY;
	char text[64];

	if (level < scene->depth && !scene->every_level)
		return true;
	if (strcmp(tree->controller, "cpu") == 0) {
		snprintf(text, sizeof(text), tree->version == 1 ? "%u" : "%u 100000", quota);
		return put(path, tree->version == 1 ? "cpu.cfs_quota_us" : "cpu.max", text);
	}
	if (scene->every_level)
		bytes += (level - 1) * (64ull << 20);
	snprintf(text, sizeof(text), "%llu", bytes);
	return put(path, tree->version == 1 ? "memory.limit_in_bytes" : "memory.max", text);
}

static bool make_level(const struct scene *scene, struct scene_tree *tree, unsigned level)
{
	char path[PATH_MAX], word[64];

	level_path(tree, level, path, sizeof(path));
	if (level > 0 && mkdir(path, 0755) != 0 && errno != EEXIST) {
		fprintf(stderr, "cold: %s: %s\n", path, strerror(errno));
		return false;
	}
	if (tree->version == 2 && level < scene->depth &&
	    !has_word(path, "cgroup.subtree_control", tree->controller)) {
		snprintf(word, sizeof(word), "+%s", tree->controller);
		if (!put(path, "cgroup.subtree_control", word))
			return false;
		tree->enabled_here = tree->enabled_here || level == 0;
	}
	return level == 0 || limit(scene, tree, path, level);
}

bool scene_open(struct scene *scene)
{
	scene->trees[0].controller = "cpu";
	scene->trees[1].controller = "memory";
	for (unsigned i = 0; i < 2; i++)
		if (!find_tree(&scene->trees[i]))
			return false;
	for (unsigned i = 0; i < 2; i++)
		for (unsigned level = 0; level <= scene->depth; level++)
			if (!make_level(scene, &scene->trees[i], level))
				return false;
	snprintf(scene->directory, sizeof(scene->directory), P_tmpdir "/cgtune-bench-XXXXXX");
	if (mkdtemp(scene->directory) == NULL) {
		perror("cold: mkdtemp");
		scene->directory[0] = '\0';
		return false;
	}
	return true;
}

void scene_close(struct scene *scene)
{
	for (unsigned i = 0; i < 2; i++) {
		struct scene_tree *tree = &scene->trees[i];
		char path[PATH_MAX], word[64];

		for (unsigned level = tree->mount[0] != '\0' ? scene->depth : 0; level > 0; level--) {
			level_path(tree, level, path, sizeof(path));
			/* A killed process leaves its cgroup only when init has reaped it. */
			for (int tries = 0; rmdir(path) != 0 && errno == EBUSY && tries < 200; tries++)
				usleep(10000);
		}
		if (tree->enabled_here) {
			snprintf(word, sizeof(word), "-%s", tree->controller);
			put(tree->mount, "cgroup.subtree_control", word);
		}
	}
	if (scene->directory[0] != '\0')
		rmdir(scene->directory);
}

static unsigned count_mounts(void)
{
	FILE *stream = fopen("/proc/self/mountinfo", "re");
	unsigned count = 0;
	int c;

	while (stream != NULL && (c = getc(stream)) != EOF)
		count += c == '\n';
	if (stream != NULL)
		fclose(stream);
	return count;
}

/* A namespace of its own: whatever is mounted here ends with the last process in it. */
static bool enter_mounts(const struct scene *scene)
{
	char source[PATH_MAX + 16], path[PATH_MAX + 16];

	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("cgtune-bench", scene->directory, "tmpfs", 0, NULL) != 0) {
		perror("cold: mount namespace");
		return false;
	}
	snprintf(source, sizeof(source), "%s/source", scene->directory);
	if (mkdir(source, 0755) != 0)
		return false;
	for (unsigned i = count_mounts(); i < scene->mounts; i++) {
		snprintf(path, sizeof(path), "%s/%u", scene->directory, i);
		if (mkdir(path, 0755) != 0 || mount(source, path, NULL, MS_BIND, NULL) != 0) {
			perror("cold: bind mount");
			return false;
		}
	}
	return true;
}

bool scene_enter(const struct scene *scene)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct scene_tree *tree = &scene->trees[i];
		char path[PATH_MAX];
		int used;

		used = snprintf(path, sizeof(path), "%s/cgtune-bench-%d", tree->mount, (int)getppid());
		for (unsigned level = 2; level <= scene->depth; level++)
			used += snprintf(path + used, sizeof(path) - (size_t)used, "/level-%u", level);
		if (!put(path, "cgroup.procs", "0"))
			return false;
	}
	return enter_mounts(scene);
}
