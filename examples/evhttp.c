/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * evhttp - a libevent server of one thread: the limiter by callback, live limits in the same loop
 *
 *	evhttp [-p PORT] [-t BACKLOG-TIMEOUT-MS] [-l LIMIT -b BACKLOG] [-s STATUS] [-i IDLE]
 *
 *	/job?wait=MS		waits, as for a database
 *	/health			never refused for load
 *	/metrics		the limiter's counters
 *
 * A request that must wait is a struct cgtune_waiter, and no thread. cgtune_fd() is
 * an event of the loop: when the cgroup's limits change, waiters are let in.
 */
#include "metrics.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

static struct event_base *base;
static struct evhttp *http;
static struct event *expiry;
static struct cgtune_limiter *limiter;
static int ending;

struct job {
	struct cgtune_waiter waiter;
	struct evhttp_request *request;
	struct event *timer;		/* of the work */
	long wait_ms;
};

static struct timeval timeval_of(long ms)
{
	return (struct timeval){ ms / 1000, ms % 1000 * 1000 };
}

/* After the callbacks of this round: whoever left let others in first. */
static void end_when_empty(void)
{
	struct cgtune_limiter_stats stats = { .size = sizeof(stats) };

	if (ending && cgtune_limiter_stats(limiter, &stats) == 0 && !stats.inflight)
		event_base_loopexit(base, &(struct timeval){ .tv_usec = 50000 });	/* the last answers are written */
}

/* Those whose time is up are told; come again when the next one's is. */
static void expire(evutil_socket_t fd, short what, void *user)
{
	int due = cgtune_limiter_expire(limiter);
	struct timeval wait = timeval_of(due);

	(void)fd, (void)what, (void)user;
	if (due >= 0)
		event_add(expiry, &wait);
}

static void refuse(struct evhttp_request *request, int error)
{
	struct cgtune_limiter_stats stats = { .size = sizeof(stats) };
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
	char seconds[16];

	cgtune_limiter_stats(limiter, &stats);
	snprintf(seconds, sizeof(seconds), "%d", cgtune_limiter_retry_after(limiter));
	evhttp_add_header(headers, "Retry-After", seconds);
	evhttp_add_header(headers, "X-Cgtune-Reject", cgtune_limiter_reason(error));
	evhttp_send_reply(request, (int)stats.status, cgtune_strerror(error), NULL);
}

static void done(evutil_socket_t fd, short what, void *user)
{
	struct job *job = user;
	struct evbuffer *body = evbuffer_new();

	(void)fd, (void)what;
	if (body)
		evbuffer_add(body, "done\n", 5);
	evhttp_send_reply(job->request, 200, "OK", body);
	if (body)
		evbuffer_free(body);
	event_free(job->timer);
	free(job);
	cgtune_limiter_release(limiter);
	end_when_empty();
}

static void granted(struct cgtune_waiter *waiter, int error)
{
	struct job *job = waiter->user;
	struct timeval wait = timeval_of(job->wait_ms);

	if (error < 0) {
		refuse(job->request, error);
		free(job);
		return;
	}
	job->timer = evtimer_new(base, done, job);
	evtimer_add(job->timer, &wait);
}

static long argument(struct evhttp_request *request, const char *name)
{
	struct evkeyvalq arguments;
	const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(request)), *text;
	long value;

	if (!query || evhttp_parse_query_str(query, &arguments) < 0)
		return 0;
	text = evhttp_find_header(&arguments, name);
	value = text ? strtol(text, NULL, 10) : 0;
	evhttp_clear_headers(&arguments);
	return value;
}

static void work(struct evhttp_request *request, void *user)
{
	const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request));
	struct job *job = calloc(1, sizeof(*job));
	int r;

	(void)user;
	if (!job) {
		evhttp_send_error(request, 500, NULL);
		return;
	}
	job->request = request;
	job->wait_ms = argument(request, "wait");
	job->waiter.user = job;
	if (path && strcmp(path, "/health") == 0)
		job->waiter.request.flags = CGTUNE_REQUEST_BYPASS;
	r = cgtune_limiter_async(limiter, &job->waiter, granted);
	if (r < 0) {
		refuse(request, r);
		free(job);
	}
	expire(-1, 0, NULL);
}

static void metrics(struct evhttp_request *request, void *user)
{
	struct evbuffer *body = evbuffer_new();
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)user;
	if (out) {
		metrics_print(out, limiter);
		fclose(out);
	}
	if (body && text)
		evbuffer_add(body, text, size);
	evhttp_send_reply(request, 200, "OK", body);
	if (body)
		evbuffer_free(body);
	free(text);
}

static void limits_changed(evutil_socket_t fd, short what, void *user)
{
	(void)fd, (void)what, (void)user;
	cgtune_dispatch();
}

/* Who waits is refused, who is in finishes. */
static void end(evutil_socket_t fd, short what, void *user)
{
	(void)fd, (void)what;
	ending = 1;
	evhttp_del_accept_socket(http, user);
	cgtune_limiter_close(limiter);
	end_when_empty();
}

/* idle_s: for a connection on which nothing happens. */
static struct evhttp_bound_socket *listen_on(uint16_t port, int idle_s)
{
	http = evhttp_new(base);
	if (!http)
		return NULL;
	evhttp_set_allowed_methods(http, EVHTTP_REQ_GET);
	evhttp_set_timeout(http, idle_s);
	evhttp_set_gencb(http, work, NULL);
	evhttp_set_cb(http, "/metrics", metrics, NULL);
	return evhttp_bind_socket_with_handle(http, "127.0.0.1", port);
}

static void print_port(struct evhttp_bound_socket *bound)
{
	struct sockaddr_in address = { 0 };
	socklen_t size = sizeof(address);

	getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&address, &size);
	printf("listening on %u\n", ntohs(address.sin_port));
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct cgtune_limiter_options options = {
		.size = sizeof(options), .name = "evhttp", .flags = CGTUNE_LIMITER_BIND_PROCESS,
	};
	struct evhttp_bound_socket *bound;
	struct event *events[2];
	uint16_t port = 0;
	int c, r, idle_s = 30;

	while ((c = getopt(argc, argv, "p:t:l:b:s:i:")) != -1) {
		switch (c) {
		case 'p': port = (uint16_t)atoi(optarg); break;
		case 't': options.backlog_timeout_ms = (uint32_t)atoi(optarg); break;
		case 'l': options.limit = (uint32_t)atoi(optarg); break;
		case 'b': options.backlog = (uint32_t)atoi(optarg); break;
		case 's': options.status = (uint32_t)atoi(optarg); break;
		case 'i': idle_s = atoi(optarg); break;
		default: return 2;
		}
	}
	cgtune_init();
	r = cgtune_limiter_new(&options, &limiter);
	if (r == 0)
		r = cgtune_fd();
	if (r < 0) {
		fprintf(stderr, "evhttp: %s\n", cgtune_strerror(r));
		return 1;
	}
	base = event_base_new();
	bound = base ? listen_on(port, idle_s) : NULL;
	if (!bound) {
		fprintf(stderr, "evhttp: cannot listen on that port\n");
		return 1;
	}
	expiry = evtimer_new(base, expire, NULL);
	events[0] = event_new(base, r, EV_READ | EV_PERSIST, limits_changed, NULL);
	events[1] = evsignal_new(base, SIGTERM, end, bound);
	event_add(events[0], NULL);
	event_add(events[1], NULL);
	print_port(bound);
	event_base_dispatch(base);
	event_free(events[0]);
	event_free(events[1]);
	event_free(expiry);
	evhttp_free(http);
	event_base_free(base);
	cgtune_limiter_free(limiter);
	return 0;
}
