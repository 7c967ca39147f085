/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * export-request - what a client may ask for: a page, a format, and of which groups
 *
 *   GET /metrics?cgroup=/kubepods&depth=2
 *
 * Pure: bytes in, a request or a status of HTTP out. A wrong value is refused, not ignored: a typing error
 * in a scrape configuration is not to be a scrape of everything.
 */
#include "export.h"

#include <string.h>
#include <strings.h>

enum { OK = 200, BAD_REQUEST = 400, NOT_FOUND = 404, NOT_ALLOWED = 405, QUALITY_MOST = 1000 };

int export_request_depth(const char *text, unsigned *ret)
{
	unsigned n = 0;
	size_t length = strspn(text, "0123456789");

	if (!length || text[length] || length > 6)
		return -1;
	while (*text)
		n = n * 10 + (unsigned)(*text++ - '0');
	*ret = n;
	return 0;
}

/* One parameter of a media range, " version=1.0.0"; what it is worth in quotes is the same without. */
static bool is_parameter(const char *at, size_t n, const char *name, const char **value, size_t *size)
{
	size_t m = strlen(name);

	while (n && (*at == ' ' || *at == '\t'))
		at++, n--;
	while (n && (at[n - 1] == ' ' || at[n - 1] == '\t'))
		n--;
	if (n <= m || strncasecmp(at, name, m) != 0 || at[m] != '=')
		return false;
	at += m + 1;
	n -= m + 1;
	if (n >= 2 && *at == '"' && at[n - 1] == '"')
		at++, n -= 2;
	*value = at;
	*size = n;
	return true;
}

/* "0.75" in thousandths; 0 where it is nothing that RFC 9110 calls a weight. */
static int quality(const char *at, size_t n)
{
	int value = 0, unit = QUALITY_MOST;

	if (!n || (*at != '0' && *at != '1') || n > 5)
		return 0;
	value = (*at - '0') * unit;
	if (n > 1 && at[1] != '.')
		return 0;
	for (size_t i = 2; i < n; i++) {
		if (at[i] < '0' || at[i] > '9')
			return 0;
		unit /= 10;
		value += (at[i] - '0') * unit;
	}
	return value <= QUALITY_MOST ? value : 0;
}

static bool equals(const char *at, size_t n, const char *word)
{
	return strlen(word) == n && strncasecmp(at, word, n) == 0;
}

struct range {
	enum export_format format;
	bool known;			/* it is a type that is written here */
	int quality;
};

/* Which of a type's versions is wanted. */
static void take_parameter(const char *at, size_t n, struct range *range)
{
	const char *value;
	size_t size;

	if (is_parameter(at, n, "q", &value, &size))
		range->quality = quality(value, size);
	else if (is_parameter(at, n, "version", &value, &size))
		range->known = range->known && (range->format == EXPORT_OPENMETRICS ?
			equals(value, size, "1.0.0") || equals(value, size, "0.0.1") : equals(value, size, "0.0.4"));
	else if (is_parameter(at, n, "proto", &value, &size))
		range->known = range->known && equals(value, size, "io.prometheus.client.MetricFamily");
	else if (is_parameter(at, n, "encoding", &value, &size))
		range->known = range->known && equals(value, size, "delimited");
}

/* One element of the list, which ends at end. */
static struct range parse_range(const char *at, const char *end)
{
	struct range range = { .known = true, .quality = QUALITY_MOST };
	const char *stop;
	size_t n;

	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	stop = memchr(at, ';', (size_t)(end - at));
	n = (size_t)((stop ? stop : end) - at);
	while (n && (at[n - 1] == ' ' || at[n - 1] == '\t'))
		n--;
	if (equals(at, n, "application/openmetrics-text"))
		range.format = EXPORT_OPENMETRICS;
	else if (equals(at, n, "application/vnd.google.protobuf"))
		range.format = EXPORT_PROTOBUF;
	else if (equals(at, n, "text/plain") || equals(at, n, "text/*") || equals(at, n, "*/*"))
		range.format = EXPORT_TEXT;
	else
		range.known = false;
	while (stop) {
		at = stop + 1;
		stop = memchr(at, ';', (size_t)(end - at));
		take_parameter(at, (size_t)((stop ? stop : end) - at), &range);
	}
	return range;
}

/* The best of what is asked for, of equals the first; text where nothing is, as other exporters do. */
enum export_format export_request_accept(const char *accept)
{
	enum export_format best = EXPORT_TEXT;
	int most = 0;

	while (accept && *accept) {
		const char *end = accept + strcspn(accept, ",");
		struct range range = parse_range(accept, end);

		if (range.known && range.quality > most) {
			most = range.quality;
			best = range.format;
		}
		accept = *end ? end + 1 : end;
	}
	return best;
}

static bool is_path(const char *text)
{
	return *text == '/' && strlen(text) < sizeof(((struct export_request *)NULL)->cgroup);
}

int export_request_parse(const char *method, const char *path, const char *accept, const char *cgroup,
			 const char *depth, struct export_request *ret)
{
	static const char *const pages[] = { "/metrics", "/healthz", "/" };
	struct export_request request = { .depth = EXPORT_DEPTH_ALL };
	int page = -1;

	for (int i = 0; i < 3; i++)
		if (strcmp(path, pages[i]) == 0)
			page = i;
	if (page < 0)
		return NOT_FOUND;
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return NOT_ALLOWED;
	if ((cgroup && !is_path(cgroup)) || (depth && export_request_depth(depth, &request.depth) < 0))
		return BAD_REQUEST;
	request.page = (enum export_page)page;
	request.format = export_request_accept(accept);
	strcpy(request.cgroup, cgroup ? cgroup : "");
	*ret = request;
	return OK;
}
