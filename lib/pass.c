/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pass - one reading of the limits: its options, its open files, its cgroups, its reports */
#include "pass.h"
#include "util.h"

#include <errno.h>
#include <string.h>

void pass_report(const struct pass *pass, uint32_t kind, uint32_t resource,
		   const char *file, const char *value, const char *sentence)
{
	if (pass->options->report)
		pass->options->report(&(struct cgtune_report){
			.size = sizeof(struct cgtune_report), .kind = kind, .resource = resource,
			.file = file, .value = value, .text = sentence,
		}, pass->options->report_user);
}

void pass_warn_unreadable(void *user, const char *file, int error)
{
	char sentence[256];
	struct text text = TEXT(sentence);

	text_add(&text, "cannot be read: ");
	text_add(&text, cgtune_strerror(error));
	text_add(&text, "; the other files are used");
	pass_report(user, CGTUNE_REPORT_WARNING, 0, file, NULL, sentence);
}

bool pass_path(struct pass *pass, const struct cgroup *cgroup, size_t length, const char *name)
{
	struct text text = TEXT(pass->path);

	if (length + 1 + strlen(name) >= sizeof(pass->path))
		return false;
	memcpy(pass->path, cgroup->dir, length);
	text.length = length;
	text_add(&text, "/");
	text_add(&text, name);
	return true;
}

int pass_open(struct pass *pass, const struct cgtune_options *options, const struct env *env)
{
	pass->options = options;
	pass->env = env;
	pass->explain = pass->whole = pass->retry = false;
	pass->cgroups[PASS_CPU].controller = "cpu";
	pass->cgroups[PASS_MEMORY].controller = "memory";
	return file_set_open(&pass->files, options->root);
}

void pass_close(struct pass *pass)
{
	file_set_close(&pass->files);
}

/* The cgroup that was asked for by its path: what a hierarchy of v1 does not have is not visible there. */
static int check_given(struct pass *pass)
{
	int found = 0;

	for (int i = 0; i < PASS_CGROUPS; i++) {
		struct cgroup *cgroup = &pass->cgroups[i];
		int r = cgroup->version ? file_exists(&pass->files, cgroup->dir) : 0;

		if (r < 0)
			return r;
		if (r == 0)
			cgroup->version = 0;
		found += r;
	}
	return found ? 0 : -ENOENT;
}

int pass_find(struct pass *pass)
{
	struct cgroup_search search = {
		.files = &pass->files, .scratch = &pass->scratch, .pid = pass->options->pid,
		.path = pass->options->cgroup, .warn = pass_warn_unreadable, .user = pass,
	};
	int r = cgroup_find(&search, pass->cgroups, PASS_CGROUPS);

	pass->leaf_seen[PASS_CPU] = pass->leaf_seen[PASS_MEMORY] = false;
	return r < 0 || !pass->options->cgroup ? r : check_given(pass);
}

bool pass_leaf_is_gone(struct pass *pass)
{
	static const char deleted[] = " (deleted)";

	for (int i = 0; i < PASS_CGROUPS && pass->files.real; i++) {
		const struct cgroup *c = &pass->cgroups[i];
		size_t n = strlen(c->path), m = sizeof(deleted) - 1;

		if (!c->version || pass->leaf_seen[i] || (c->has_root && c->length <= c->top) ||
		    (n > m && strcmp(c->path + n - m, deleted) == 0))
			continue;
		if (file_exists(&pass->files, c->dir) == 0)
			return true;
	}
	return false;
}

int pass_find_and(struct pass *pass, int (*then)(struct pass *, void *), void *user)
{
	int r = -ENODEV;

	for (int tries = PASS_TRIES; tries > 0 && r == -ENODEV; tries--) {
		pass->retry = tries > 1;
		r = pass_find(pass);
		if (r == 0)
			r = then(pass, user);
	}
	return r;
}
