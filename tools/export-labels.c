/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * export-labels - what a cgroup's path tells, and the name that a container engine gave it, as labels
 *
 *   /kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID.slice/cri-containerd-ID.scope
 *   /kubepods/burstable/podUID/ID	kubelet and runtime with cgroupfs
 *   /system.slice/docker-ID.scope	/docker/ID	/machine.slice/libpod-ID.scope/container
 */
#include "export.h"
#include "tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ID_LENGTH = 64, UID_LENGTH = 36, UID_PLAIN = 32, FIELD_LABEL = 1 };

static size_t hex_length(const char *text)
{
	return strspn(text, "0123456789abcdef");
}

/* A container's id in one component of n bytes, behind what its runtime puts before it. */
static const char *container_in(const char *word, size_t n)
{
	static const char *const prefixes[] = { "", "docker-", "cri-containerd-", "containerd-", "crio-", "libpod-" };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t m = strlen(prefixes[i]);

		if (n < m + ID_LENGTH || strncmp(word, prefixes[i], m) != 0 || hex_length(word + m) != ID_LENGTH)
			continue;
		if (n == m + ID_LENGTH || (n == m + ID_LENGTH + 6 && strncmp(word + n - 6, ".scope", 6) == 0))
			return word + m;
	}
	return NULL;
}

/* A pod's uid: 8-4-4-4-12 digits, with _ where systemd would take - for a level; or of a static pod 32 digits. */
static size_t uid_length(const char *text, size_t n)
{
	size_t i;

	for (i = 0; i < n && i < UID_LENGTH; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' && text[i] != '_' : !hex_length(text + i))
			break;
	}
	if (i == UID_LENGTH)
		return i;
	return n >= UID_PLAIN && hex_length(text) == UID_PLAIN ? UID_PLAIN : 0;
}

static size_t pod_in(const char *word, size_t n, const char **ret)
{
	const char *end = word + n, *at = word;
	size_t m;

	if (n > 9 && strncmp(word, "kubepods-", 9) == 0 && strncmp(end - 6, ".slice", 6) == 0) {
		at = memmem(word, n, "-pod", 4);
		if (!at)
			return 0;
		at++;
		end -= 6;
	}
	if (end - at < 3 || strncmp(at, "pod", 3) != 0)
		return 0;
	at += 3;
	m = uid_length(at, (size_t)(end - at));
	*ret = at;
	return m == (size_t)(end - at) ? m : 0;
}

static char *copy_uid(const char *text, size_t n)
{
	char *uid = strndup(text, n);

	for (char *at = uid; at && (at = strchr(at, '_')); at++)
		*at = '-';
	return uid;
}

/* The innermost ones: a container's own cgroups below it are its, too. false: out of memory. */
static bool find(const char *path, char **pod, char **container)
{
	for (const char *word = path; *word; word += strcspn(word, "/")) {
		const char *id, *uid;
		size_t n;

		word += *word == '/';
		n = strcspn(word, "/");
		id = container_in(word, n);
		if (id) {
			free(*container);
			*container = strndup(id, ID_LENGTH);
			if (!*container)
				return false;
		}
		n = pod_in(word, n, &uid);
		if (n) {
			free(*pod);
			*pod = copy_uid(uid, n);
			if (!*pod)
				return false;
		}
	}
	return true;
}

/* Labels are UTF-8 and a path is any bytes: the others are shown as \xNN, so that two paths stay two. */
static char *to_utf8(const char *path)
{
	char *text = malloc(4 * strlen(path) + 1), *to = text;

	if (!text)
		return NULL;
	while (*path) {
		int n = tool_utf8_length(path);

		if (n) {
			to = mempcpy(to, path, (size_t)n);
			path += n;
		} else {
			to += sprintf(to, "\\x%02x", (unsigned char)*path++);
		}
	}
	*to = '\0';
	return text;
}

void export_labels_escape(const char *value, struct export_text *to)
{
	for (;;) {
		size_t n = strcspn(value, "\\\"\n");

		export_text_add(to, value, n);
		value += n;
		if (!*value)
			return;
		export_text_add(to, *value == '\n' ? "\\n" : *value == '"' ? "\\\"" : "\\\\", 2);
		value++;
	}
}

/* A text of its own size: the first room of a text is large. */
static bool shrink(struct export_text *text)
{
	char *data = text->failed ? NULL : realloc(text->data, text->size ? text->size : 1);

	if (!data)
		return false;
	text->data = data;
	text->room = text->size;
	return true;
}

void export_labels_add(struct export_labels *to, const struct export_label *label)
{
	size_t at;

	if (to->text.size)
		export_text_add(&to->text, ",", 1);
	export_text_string(&to->text, label->name);
	export_text_add(&to->text, "=\"", 2);
	export_labels_escape(label->value, &to->text);
	export_text_add(&to->text, "\"", 1);
	at = export_proto_begin(&to->proto, FIELD_LABEL);
	export_proto_string(&to->proto, 1, label->name);
	export_proto_string(&to->proto, 2, label->value);
	export_proto_end(&to->proto, at);
}

bool export_labels_make(const char *path, const char *name, struct export_labels *ret)
{
	struct export_label labels[EXPORT_LABELS_MOST] = {
		{ "cgroup", to_utf8(path) }, { "pod_uid", NULL }, { "container_id", NULL },
		{ "name", name ? to_utf8(name) : NULL },
	};
	bool ok = labels[0].value && !labels[3].value == !name && find(path, &labels[1].value, &labels[2].value);

	*ret = (struct export_labels){ .text.data = NULL };
	for (int i = 0; i < EXPORT_LABELS_MOST; i++) {
		if (ok && labels[i].value)
			export_labels_add(ret, &labels[i]);
		free(labels[i].value);
	}
	ok = ok && shrink(&ret->text) && shrink(&ret->proto);
	if (!ok)
		export_labels_free(ret);
	return ok;
}

void export_labels_free(struct export_labels *labels)
{
	export_text_free(&labels->text);
	export_text_free(&labels->proto);
}
