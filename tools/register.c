/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * register - `cgtune probe register`: tell `cgtune stalls`, `top` and `export` what a container's cgroups are called
 *
 * The probe counts every cgroup and knows it by a number. Its path says little, and nothing
 * any more when the container has ended; an OCI hook knows the name, while both are there.
 */
#include "register.h"
#include "env.h"
#include "groups.h"
#include "names.h"
#include "tool.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { STATE_SIZE = 1 << 20 };

struct container {
	char name[NAMES_LENGTH + 1], id[256];
	int32_t pid;
};

static const char *annotation(struct json_object *annotations, const char *const *keys)
{
	struct json_object *value;

	for (; *keys; keys++)
		if (json_object_object_get_ex(annotations, *keys, &value) && json_object_is_type(value, json_type_string))
			return json_object_get_string(value);
	return NULL;
}

/* NAMESPACE/POD/CONTAINER as containerd and CRI-O annotate them, NAMESPACE/POD of the pod's own container; else the id. */
static void name_container(struct json_object *annotations, struct container *ret)
{
	static const char *const spaces[] = { "io.kubernetes.cri.sandbox-namespace", "io.kubernetes.pod.namespace", NULL },
		*const pods[] = { "io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name", NULL },
		*const containers[] = { "io.kubernetes.cri.container-name", "io.kubernetes.container.name", NULL };
	const char *space = annotation(annotations, spaces), *pod = annotation(annotations, pods),
		*container = annotation(annotations, containers);

	if (!space || !pod)
		snprintf(ret->name, sizeof(ret->name), "%s", ret->id);
	else
		snprintf(ret->name, sizeof(ret->name), "%s/%s%s%s", space, pod, container ? "/" : "",
			 container ? container : "");
}

/* The state of a container as runtimes write it to hooks (OCI runtime specification, "State"). */
static bool take_state(struct json_object *state, struct container *ret)
{
	struct json_object *id, *pid, *annotations = NULL;

	if (!json_object_object_get_ex(state, "id", &id) || !json_object_is_type(id, json_type_string) ||
	    !json_object_object_get_ex(state, "pid", &pid) || !json_object_is_type(pid, json_type_int) ||
	    json_object_get_int(pid) <= 0)
		return false;
	ret->pid = json_object_get_int(pid);
	snprintf(ret->id, sizeof(ret->id), "%s", json_object_get_string(id));
	json_object_object_get_ex(state, "annotations", &annotations);
	name_container(annotations, ret);
	return true;
}

static int read_state(struct container *ret)
{
	static char text[STATE_SIZE + 1];
	struct json_object *state;
	size_t size = fread(text, 1, STATE_SIZE, stdin);
	bool taken;

	text[size] = '\0';
	state = json_tokener_parse(text);
	taken = state && json_object_is_type(state, json_type_object) && take_state(state, ret);
	json_object_put(state);
	return taken ? 0 : -EINVAL;
}

/* The group of the process, and those above it that are the container's too: an engine may put processes into a group below
 * the one that has the limits, and calls that one by the id. */
static int name_groups(const char *controller, const struct container *container)
{
	static struct groups groups;
	char path[4096] = "", *end;
	int r = groups_find(controller, &groups);

	if (r == 0)
		r = groups_of_process(&groups, container->pid, path, sizeof(path));
	if (r == 0)
		r = strcmp(path, "/") == 0 ? -ENOENT : names_add(&groups, path, container->name);
	while (r == 0 && *container->id && (end = strrchr(path, '/')) && end > path) {
		*end = '\0';
		end = strrchr(path, '/');
		if (!end || !strstr(end, container->id))
			break;
		r = names_add(&groups, path, container->name);
	}
	return r;
}

static bool is_counted(uint64_t id, uint32_t hierarchy, void *user)
{
	struct cgtune_stalls counts = { .size = sizeof(counts) };
	struct cgtune_memory_stalls memory = { .size = sizeof(memory) };

	return user && (cgtune_probe_read(user, id, hierarchy, &counts) == 0 ||
			cgtune_probe_read_memory(user, id, hierarchy, &memory) == 0);
}

/* probe: NULL: there is none, so that nothing is counted. */
static void forget(struct cgtune_probe *probe)
{
	static struct groups cpu, memory;

	if (groups_find("cpu", &cpu) == 0)
		names_prune(&cpu, is_counted, probe);
	if (groups_find("memory", &memory) == 0 && memory.hierarchy != cpu.hierarchy)
		names_prune(&memory, is_counted, probe);
}

/* What a probe of another version has counted cannot be printed either; but one may be there that cannot be opened now. */
static void prune(const struct cgtune_probe_options *options)
{
	struct cgtune_probe *probe = NULL;
	int r = cgtune_probe_open(options, &probe);

	if (r == 0 || r == -ENOENT || r == -EBADMSG)
		forget(probe);
	cgtune_probe_close(probe);
}

int register_container(const struct cgtune_probe_options *options, int32_t pid, const char *name)
{
	struct container container = { .pid = pid };
	int cpu, memory;

	if (name && (!*name || strlen(name) > NAMES_LENGTH || strchr(name, '\n')))
		tool_usage("--name", "wants one line of at most 767 bytes");
	if (name)
		snprintf(container.name, sizeof(container.name), "%s", name);
	else if (read_state(&container) < 0) {
		fputs("cgtune: standard input: no state of a container, with id and pid, as OCI runtimes give it to hooks\n",
		      stderr);
		return TOOL_FAILED;
	}
	prune(options);
	cpu = name_groups("cpu", &container);
	memory = name_groups("memory", &container);
	if (cpu == 0 || memory == 0)
		return TOOL_DONE;
	return tool_failed("the container's cgroups", cpu == -ENOENT ? memory : cpu);
}

/* Where libcgtune looks for a probe. False: nowhere; or a filter of seccomp(2) may kill who calls bpf(2). */
static bool find_place(const char **ret)
{
	const struct cgtune_options options = { .size = sizeof(options) };
	struct env env;

	env_read(&options, &env);
	*ret = (const char *)(uintptr_t)env_value(&env, ENV_PROBE, 0);
	if (env_has(&env, ENV_PROBE))
		return *ret;
	return !env_is_off(&env) && prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 0;
}

void register_removed(const char *const paths[2], const char *name)
{
	static const char *const controllers[] = { "cpu", "memory" };
	struct cgtune_probe_options options = { .size = sizeof(options) };
	static struct groups groups;
	struct cgtune_probe *probe;
	bool named = false;
	uint64_t id;

	if (geteuid() != 0 || !find_place(&options.bpffs) || cgtune_probe_open(&options, &probe) < 0)
		return;
	for (int i = 0; i < 2; i++)
		if (paths[i] && groups_find(controllers[i], &groups) == 0 && groups_id(&groups, paths[i], &id) == 0 &&
		    is_counted(id, groups.hierarchy, probe))
			named |= names_add(&groups, paths[i], name) == 0;
	if (named)
		forget(probe);
	cgtune_probe_close(probe);
}
