/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-preload-object - the preload object loads under any libc: its file breaks no rule of object.c
 *
 * Each rule is first shown to see what it is there for, in an object made to break it.
 * Usage: test-preload-object [OBJECT...]; without one, those of $top_builddir.
 */
#include "object.h"
#include "suite.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE 4096
#define OBJECTS_MAX 8

static const char *objects[OBJECTS_MAX];
static unsigned object_count;
static char dir[] = "/tmp/cgtune-object-XXXXXX";

/* Bad objects: what is added to the good one, how it is linked, and the only rules that it breaks. */
#define WEAK_RULE "undefined symbols are weak, but __errno_location"
#define KNOWN_RULE "undefined symbols are the known ones"
#define FORBIDDEN_RULE "nothing that locks, allocates or prints is referred to"

static const struct bad {
	const char *name, *source, *flags;
	const char *rules[5];
} bads[] = {
	{ "good", "", "", { NULL } },
	{ "weak", "extern long __sysconf(int) __attribute__((weak)); USE(__sysconf)", "", { NULL } },
	{ "errno", "extern int *__errno_location(void); USE(__errno_location)", "", { NULL } },
	{ "needed", "extern double cos(double); USE(cos)", "-Wl,--no-as-needed -lm",
		{ "it needs no library", "it has no symbol versions", WEAK_RULE, KNOWN_RULE } },
	{ "needed-unused", "", "-Wl,--no-as-needed -lm", { "it needs no library" } },
	{ "verdef", "", "-Wl,--default-symver",
		{ "it has no symbol versions", "nothing but the interposers is exported" } },
	{ "rpath", "", "-Wl,-rpath,/x -Wl,--disable-new-dtags", { "it has no search path" } },
	{ "runpath", "", "-Wl,-rpath,/x -Wl,--enable-new-dtags", { "it has no search path" } },
	{ "tls", "static __thread int t; int *get(void); HIDE int *get(void) { return &t; } USE(get)", "",
		{ "it has no thread-local storage", WEAK_RULE, KNOWN_RULE, FORBIDDEN_RULE,
		  "its relocations are those of any loader" } },
	{ "tls-static", "static __thread int t; int *get(void); HIDE int *get(void) { return &t; } USE(get)",
		"-ftls-model=initial-exec",
		{ "it has no thread-local storage", "its relocations are those of any loader" } },
	{ "strong", "extern int helper(int); USE(helper)", "", { WEAK_RULE, KNOWN_RULE } },
	{ "unknown", "extern int dladdr(const void *, void *) __attribute__((weak)); USE(dladdr)", "", { KNOWN_RULE } },
	{ "printf", "extern int printf(const char *, ...); USE(printf)", "",
		{ WEAK_RULE, KNOWN_RULE, FORBIDDEN_RULE } },
	{ "malloc", "extern void *malloc(__SIZE_TYPE__) __attribute__((weak)); USE(malloc)", "",
		{ KNOWN_RULE, FORBIDDEN_RULE } },
	{ "getenv", "extern char *getenv(const char *) __attribute__((weak)); USE(getenv)", "",
		{ KNOWN_RULE, FORBIDDEN_RULE } },
	{ "exports", "int cgtune_threads(void) { return 1; }", "", { "nothing but the interposers is exported" } },
	{ "exports-data", "int cgtune_state = 1;", "", { "nothing but the interposers is exported" } },
	{ "exports-syscall", "long syscall(long n) { return n; }", "",
		{ FORBIDDEN_RULE, "nothing but the interposers is exported" } },
	{ "lacks", "", "-Dsysinfo=sysinfo_hidden -Wl,--version-script=hide.map", { "every interposer is exported" } },
	{ "constructors", "CTOR static void second(void) { kept = 0; }", "",
		{ "there is one constructor, and no destructor" } },
	{ "no-constructor", "", "-DNO_CTOR", { "there is one constructor, and no destructor" } },
	{ "destructor", "__attribute__((destructor)) static void last(void) { kept = 0; }", "",
		{ "there is one constructor, and no destructor" } },
	{ "init", "void start(void); HIDE void start(void) { kept = 0; }", "-Wl,-init,start",
		{ "there is one constructor, and no destructor" } },
	{ "initfirst", "", "-Wl,-z,initfirst", { "the constructor does not run before libc's" } },
	{ "textrel", "__asm__(\".text\\n.balign 8\\n.quad kept_address\\n\"); void *kept_address = &kept_address;",
		"-Wl,-z,notext -Wl,--version-script=hide.map", { "no text relocations" } },
	{ "execstack", "", "-Wl,-z,execstack", { "the stack is not executable" } },
	{ "omagic", "", "-Wl,-N",
		{ "no segment is writable and executable", "nothing but the interposers is exported" } },
	{ "ifunc", "static int one(void) { return 1; } static int (*pick(void))(void) { return one; }"
		" HIDE int picked(void) __attribute__((ifunc(\"pick\"))); USE(picked)", "",
		{ "its relocations are those of any loader" } },
	{ "self", "int caller(void); HIDE int caller(void) { return sysconf(); } USE(caller)", "-fsemantic-interposition",
		{ "its own functions are not bound by the loader" } },
};

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_msg(file != NULL, "%s", path);
	fputs(text, file);
	ck_assert_int_eq(fclose(file), 0);
}

/* The parts that all have: every interposer, one constructor, and macros. */
static void write_good(const char *path, const char *source)
{
	FILE *file = fopen(path, "w");

	ck_assert_msg(file != NULL, "%s", path);
	fputs("#define HIDE __attribute__((visibility(\"hidden\")))\n"
	      "#define CTOR __attribute__((constructor))\n"
	      "#define USE(function) HIDE void *use_##function = (void *)function;\n"
	      "static volatile int kept;\n"
	      "#ifndef NO_CTOR\nCTOR static void first(void) { kept = 1; }\n#endif\n", file);
	for (const char *const *name = object_interposers; *name; name++)
		fprintf(file, "int %s(void); int %s(void) { return 1; }\n", *name, *name);
	fprintf(file, "%s\n", source);
	ck_assert_int_eq(fclose(file), 0);
}

static void build(const struct bad *bad, char path[PATH_SIZE])
{
	const char *cc = getenv("CC");
	char command[3 * PATH_SIZE], source[PATH_SIZE];

	ck_assert_int_eq(chdir(dir), 0);
	snprintf(source, sizeof(source), "%s.c", bad->name);
	snprintf(path, PATH_SIZE, "%s/%s.so", dir, bad->name);
	write_good(source, bad->source);
	write_file("hide.map", "{ local: sysinfo_hidden; kept_address; };\n");
	snprintf(command, sizeof(command), "%s -w -O2 -fPIC -shared -nostdlib -fno-builtin -fno-stack-protector"
		 " -Wl,-z,noexecstack %s.c -o %s.so %s >%s.log 2>&1",
		 cc && *cc ? cc : "cc", bad->name, bad->name, bad->flags, bad->name);
	ck_assert_msg(system(command) == 0, "%s, in %s", command, dir);
}

static bool expects(const struct bad *bad, const char *rule)
{
	for (size_t i = 0; i < sizeof(bad->rules) / sizeof(*bad->rules) && bad->rules[i]; i++)
		if (strcmp(bad->rules[i], rule) == 0)
			return true;
	return false;
}

START_TEST(every_rule_can_fail)
{
	const struct bad *bad = &bads[_i];
	struct object object;
	char path[PATH_SIZE];
	const char *why;

	build(bad, path);
	why = object_open(path, &object);
	ck_assert_msg(!why, "%s: %s", bad->name, why);
	for (const struct object_rule *rule = object_rules; rule->name; rule++) {
		const char *complaint = object_look(&object, rule);

		ck_assert_msg(!*complaint == !expects(bad, rule->name), "%s: %s: %s",
			      bad->name, rule->name, *complaint ? complaint : "no complaint");
	}
	object_close(&object);
}
END_TEST

/* All but the first rule, which only a broken file breaks, are in the list above. */
START_TEST(every_rule_is_tried)
{
	for (const struct object_rule *rule = object_rules + 1; rule->name; rule++) {
		bool tried = false;

		for (size_t i = 0; i < sizeof(bads) / sizeof(*bads); i++)
			tried |= expects(&bads[i], rule->name);
		ck_assert_msg(tried, "nothing breaks: %s", rule->name);
	}
}
END_TEST

START_TEST(no_object_is_refused)
{
	struct object object;

	ck_assert_ptr_nonnull(object_open("/dev/null", &object));
	object_close(&object);
	ck_assert_ptr_nonnull(object_open("/nowhere", &object));
	object_close(&object);
}
END_TEST

START_TEST(keeps_the_rules)
{
	struct object object;
	const char *why = object_open(objects[_i], &object);
	char all[4096] = "";

	ck_assert_msg(!why, "%s: %s", objects[_i], why);
	for (const struct object_rule *rule = object_rules; rule->name; rule++) {
		const char *complaint = object_look(&object, rule);
		size_t length = strlen(all);

		if (*complaint)
			snprintf(all + length, sizeof(all) - length, "\n# %s: %s", rule->name, complaint);
	}
	object_close(&object);
	ck_assert_msg(!*all, "%s:%s", objects[_i], all);
}
END_TEST

static void clean(void)
{
	char command[PATH_SIZE];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	if (system(command) != 0)
		perror(dir);
}

/* The one that must be there, and the 32-bit one where it was built. */
static void find_objects(int argc, char **argv)
{
	static char paths[2][PATH_SIZE];
	const char *top = getenv("top_builddir");

	for (int i = 1; i < argc && object_count < OBJECTS_MAX; i++)
		objects[object_count++] = argv[i];
	if (object_count)
		return;
	top = top && *top ? top : ".";
	snprintf(paths[0], PATH_SIZE, "%s/libcgtune-preload.so", top);
	snprintf(paths[1], PATH_SIZE, "%s/32/libcgtune-preload.so", top);
	objects[object_count++] = paths[0];
	if (access(paths[1], F_OK) == 0)
		objects[object_count++] = paths[1];
}

int main(int argc, char **argv)
{
	Suite *suite = suite_create("preload object");
	TCase *rules = tcase_create("rules"), *kept = tcase_create("object");
	int status;

	find_objects(argc, argv);
	if (!mkdtemp(dir)) {
		perror(dir);
		return EXIT_FAILURE;
	}
	tcase_set_timeout(rules, 60);
	tcase_add_loop_test(rules, every_rule_can_fail, 0, sizeof(bads) / sizeof(*bads));
	tcase_add_test(rules, every_rule_is_tried);
	tcase_add_test(rules, no_object_is_refused);
	tcase_add_loop_test(kept, keeps_the_rules, 0, (int)object_count);
	suite_add_tcase(suite, rules);
	suite_add_tcase(suite, kept);
	status = suite_run(suite);
	clean();
	return status;
}
