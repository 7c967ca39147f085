/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-export - what of `cgtune export` needs no cgroup: labels, numbers, filters, what a client may ask for */
#include "suite.h"
#include "export.h"

#include <string.h>

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define UID "12345678-9abc-def0-1234-56789abcdef0"
#define UID_ "12345678_9abc_def0_1234_56789abcdef0"

static const char *labels_of(const char *path, const char *name)
{
	static char room[1024];
	struct export_labels labels;

	ck_assert(export_labels_make(path, name, &labels));
	snprintf(room, sizeof(room), "%.*s", (int)labels.text.size, labels.text.data);
	export_labels_free(&labels);
	return room;
}

START_TEST(labels)
{
	static const char *const rows[][3] = {
		{ "/", "cgroup=\"/\"" },
		{ "/a b", "cgroup=\"/a b\"" },
		{ "/a\"b\\c\nd", "cgroup=\"/a\\\"b\\\\c\\nd\"" },
		{ "/\xc3\xa9\xff", "cgroup=\"/\xc3\xa9\\\\xff\"" },
		{ "/docker/" ID, "cgroup=\"/docker/" ID "\",container_id=\"" ID "\"" },
		{ "/docker/" ID "/x", "cgroup=\"/docker/" ID "/x\",container_id=\"" ID "\"" },
		{ "/system.slice/docker-" ID ".scope", "cgroup=\"/system.slice/docker-" ID ".scope\",container_id=\"" ID "\"" },
		{ "/machine.slice/libpod-" ID ".scope/container",
		  "cgroup=\"/machine.slice/libpod-" ID ".scope/container\",container_id=\"" ID "\"" },
		{ "/libpod-conmon-" ID ".scope", "cgroup=\"/libpod-conmon-" ID ".scope\"" },
		{ "/docker/" ID "0", "cgroup=\"/docker/" ID "0\"" },
		{ "/docker-" ID ".slice", "cgroup=\"/docker-" ID ".slice\"" },
		{ "/kubepods/burstable/pod" UID "/" ID,
		  "cgroup=\"/kubepods/burstable/pod" UID "/" ID "\",pod_uid=\"" UID "\",container_id=\"" ID "\"" },
		{ "/kubepods.slice/kubepods-besteffort-pod" UID_ ".slice",
		  "cgroup=\"/kubepods.slice/kubepods-besteffort-pod" UID_ ".slice\",pod_uid=\"" UID "\"" },
		{ "/kubepods.slice/kubepods-pod" UID_ ".slice/cri-containerd-" ID ".scope",
		  "cgroup=\"/kubepods.slice/kubepods-pod" UID_ ".slice/cri-containerd-" ID ".scope\",pod_uid=\"" UID
		  "\",container_id=\"" ID "\"" },
		{ "/kubepods/pod0123456789abcdef0123456789abcdef",
		  "cgroup=\"/kubepods/pod0123456789abcdef0123456789abcdef\",pod_uid=\"0123456789abcdef0123456789abcdef\"" },
		{ "/kubepods-pod.slice", "cgroup=\"/kubepods-pod.slice\"" },
		{ "/pod" UID "x", "cgroup=\"/pod" UID "x\"" },
		{ "/podman", "cgroup=\"/podman\"" },
		{ "/docker/" ID, "cgroup=\"/docker/" ID "\",container_id=\"" ID "\",name=\"default/web-1/app\"", "default/web-1/app" },
		{ "/a", "cgroup=\"/a\",name=\"\xc3\xa9 \\\\xff\\\"\\\\\"", "\xc3\xa9 \xff\"\\" },
	};

	ck_assert_str_eq(labels_of(rows[_i][0], rows[_i][2]), rows[_i][1]);
}
END_TEST

START_TEST(numbers)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} rows[] = {
		{ 0, "0 0" }, { 1, "1 0.000000001" }, { 1000000000, "1000000000 1" }, { 1500000000, "1500000000 1.5" },
		{ 1000000001, "1000000001 1.000000001" }, { 120, "120 0.00000012" },
		{ UINT64_MAX, "18446744073709551615 18446744073.709551615" },
	};
	struct export_text text = { .data = NULL };

	export_text_number(&text, rows[_i].ns);
	export_text_add(&text, " ", 1);
	export_text_seconds(&text, rows[_i].ns);
	export_text_add(&text, "", 1);
	ck_assert_str_eq(text.data, rows[_i].text);
	export_text_free(&text);
}
END_TEST

START_TEST(text_grows)
{
	struct export_text text = { .data = NULL };

	for (int i = 0; i < 100000; i++)
		export_text_number(&text, 1234567890);
	ck_assert_uint_eq(text.size, 1000000);
	ck_assert(!text.failed);
	for (size_t i = 0; i < text.size; i += 10)
		if (memcmp(text.data + i, "1234567890", 10) != 0)
			ck_abort_msg("at %zu", i);
	export_text_free(&text);
}
END_TEST

START_TEST(accept)
{
	static const struct {
		const char *header;
		enum export_format format;
	} rows[] = {
		{ NULL, EXPORT_TEXT }, { "", EXPORT_TEXT }, { "*/*", EXPORT_TEXT }, { ",,;;q=,", EXPORT_TEXT },
		{ "application/openmetrics-text", EXPORT_OPENMETRICS },
		{ "Application/OpenMetrics-Text; Version=\"1.0.0\"; charset=utf-8", EXPORT_OPENMETRICS },
		{ "application/openmetrics-text;version=2.0.0", EXPORT_TEXT },
		/* Prometheus 2.42, 3.x, and with native histograms. */
		{ "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
		  "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", EXPORT_OPENMETRICS },
		{ "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
		  "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
		  EXPORT_OPENMETRICS },
		{ "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,"
		  "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		  EXPORT_PROTOBUF },
		{ "application/vnd.google.protobuf;proto=other", EXPORT_TEXT },
		{ "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text", EXPORT_TEXT },
		{ "application/openmetrics-text;q=0", EXPORT_TEXT }, { "application/openmetrics-text;q=0.000", EXPORT_TEXT },
		{ "text/plain;q=0.5,application/openmetrics-text;q=0.5", EXPORT_TEXT },
		{ "text/plain;q=0.49,application/openmetrics-text;q=0.5", EXPORT_OPENMETRICS },
		{ "text/plain, application/openmetrics-text", EXPORT_TEXT },
		{ "application/openmetrics-text;q=1.1,text/plain;q=0.1", EXPORT_TEXT },
		{ "application/openmetrics-text;q=0.5000", EXPORT_TEXT }, { "application/openmetrics-text;q=x", EXPORT_TEXT },
		{ "application/openmetrics-text ; q = 1", EXPORT_OPENMETRICS },
	};

	ck_assert_int_eq(export_request_accept(rows[_i].header), rows[_i].format);
}
END_TEST

START_TEST(requests)
{
	static const struct {
		const char *method, *path, *cgroup, *depth;
		int status;
	} rows[] = {
		{ "GET", "/metrics", NULL, NULL, 200 }, { "HEAD", "/metrics", NULL, NULL, 200 },
		{ "GET", "/", NULL, NULL, 200 }, { "GET", "/healthz", NULL, NULL, 200 },
		{ "POST", "/metrics", NULL, NULL, 405 }, { "get", "/metrics", NULL, NULL, 405 },
		{ "", "/metrics", NULL, NULL, 405 }, { "GET", "", NULL, NULL, 404 }, { "GET", "/metrics/", NULL, NULL, 404 },
		{ "GET", "//metrics", NULL, NULL, 404 }, { "GET", "/../metrics", NULL, NULL, 404 },
		{ "GET", "/metrics", "/a", "3", 200 }, { "GET", "/metrics", "", NULL, 400 },
		{ "GET", "/metrics", "a", NULL, 400 }, { "GET", "/metrics", NULL, "", 400 },
		{ "GET", "/metrics", NULL, "-1", 400 }, { "GET", "/metrics", NULL, "1 ", 400 },
		{ "GET", "/metrics", NULL, "1000000", 400 }, { "GET", "/metrics", NULL, "999999", 200 },
	};
	struct export_request request = { .depth = 77 };

	ck_assert_int_eq(export_request_parse(rows[_i].method, rows[_i].path, NULL, rows[_i].cgroup, rows[_i].depth, &request),
			 rows[_i].status);
	if (rows[_i].status != 200)
		ck_assert_uint_eq(request.depth, 77);		/* untouched */
	else
		ck_assert_str_eq(request.cgroup, rows[_i].cgroup ? rows[_i].cgroup : "");
}
END_TEST

START_TEST(a_long_path_is_refused)
{
	char path[5000];
	struct export_request request;

	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[4096] = '\0';
	ck_assert_int_eq(export_request_parse("GET", "/metrics", NULL, path, NULL, &request), 400);
	path[4095] = '\0';
	ck_assert_int_eq(export_request_parse("GET", "/metrics", NULL, path, NULL, &request), 200);
}
END_TEST

START_TEST(filters)
{
	static const struct {
		const char *cgroup, *name, *except, *path;
		unsigned depth;
		bool takes;
	} rows[] = {
		{ NULL, NULL, NULL, "/", EXPORT_DEPTH_ALL, true }, { NULL, NULL, NULL, "/a/b/c", EXPORT_DEPTH_ALL, true },
		{ "/", NULL, NULL, "/a", EXPORT_DEPTH_ALL, true }, { "/a", NULL, NULL, "/a", 0, true },
		{ "/a", NULL, NULL, "/a/b", 0, false }, { "/a", NULL, NULL, "/a/b", 1, true },
		{ "/a/", NULL, NULL, "/a/b", 1, true }, { "/a", NULL, NULL, "/ab", EXPORT_DEPTH_ALL, false },
		{ "/a", NULL, NULL, "/", EXPORT_DEPTH_ALL, false }, { NULL, NULL, NULL, "/", 0, true },
		{ NULL, NULL, NULL, "/a", 0, false }, { NULL, NULL, NULL, "/a", 1, true }, { NULL, NULL, NULL, "/a/b", 1, false },
		{ NULL, "b$", NULL, "/a/b", EXPORT_DEPTH_ALL, true }, { NULL, "^b", NULL, "/a/b", EXPORT_DEPTH_ALL, false },
		{ NULL, "a", "b", "/a/b", EXPORT_DEPTH_ALL, false }, { NULL, "a|c", "b", "/a", EXPORT_DEPTH_ALL, true },
		{ "/a", "x", NULL, "/a/b", EXPORT_DEPTH_ALL, false },
	};
	regex_t name, except;
	struct export_filter filter = { .cgroup = rows[_i].cgroup, .depth = rows[_i].depth };

	ck_assert(!rows[_i].name || regcomp(&name, rows[_i].name, REG_EXTENDED | REG_NOSUB) == 0);
	ck_assert(!rows[_i].except || regcomp(&except, rows[_i].except, REG_EXTENDED | REG_NOSUB) == 0);
	filter.name = rows[_i].name ? &name : NULL;
	filter.except = rows[_i].except ? &except : NULL;
	ck_assert_int_eq(export_filter_takes(&filter, rows[_i].path), rows[_i].takes);
	if (filter.name)
		regfree(&name);
	if (filter.except)
		regfree(&except);
}
END_TEST

/* Counts at the ends of the histogram are in its buckets: none below the first bound, all below infinity. */
START_TEST(histogram)
{
	static const struct export_family family = { "x", EXPORT_HISTOGRAM, "seconds", "X." };
	uint64_t hist[CGTUNE_PROBE_HIST] = { [0] = 1, [5] = 2, [6] = 4, [26] = 8, [27] = 16, [31] = 32 };
	struct export_text text = { .data = NULL };
	struct export_writer writer = { .text = &text, .format = EXPORT_OPENMETRICS };

	export_write_family(&writer, &family);
	export_write_histogram(&writer, NULL, (struct export_stops){ hist, 1500000000 }, 0);
	export_write_end(&writer);
	export_text_add(&text, "", 1);
	ck_assert_ptr_nonnull(strstr(text.data, "x_bucket{le=\"6.4e-05\"} 3\nx_bucket{le=\"0.000128\"} 7\n"));
	ck_assert_ptr_nonnull(strstr(text.data, "x_bucket{le=\"67.108864\"} 7\nx_bucket{le=\"134.217728\"} 15\n"
						"x_bucket{le=\"+Inf\"} 63\nx_sum 1.5\nx_count 63\n# EOF\n"));
	export_text_free(&text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("export");
	TCase *all = tcase_create("export");

	tcase_add_loop_test(all, labels, 0, 20);
	tcase_add_loop_test(all, numbers, 0, 7);
	tcase_add_test(all, text_grows);
	tcase_add_loop_test(all, accept, 0, 20);
	tcase_add_loop_test(all, requests, 0, 19);
	tcase_add_test(all, a_long_path_is_refused);
	tcase_add_loop_test(all, filters, 0, 18);
	tcase_add_test(all, histogram);
	suite_add_tcase(suite, all);
	return suite_run(suite);
}
