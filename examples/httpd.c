/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * httpd - a libmicrohttpd server with the admission limiter as middleware
 *
 *	httpd [-p PORT] [-t BACKLOG-TIMEOUT-MS] [-l LIMIT -b BACKLOG] [-a]
 *
 *	/job?cpu=MS&wait=MS	computes, then waits: what is throttled
 *	/health			never refused for load
 *	/metrics		the limiter's counters
 *
 * A thread for each connection blocks in cgtune_limiter_acquire(). Sizes come from
 * the cgroup and follow it, unless -l sets them; -a adapts them to throttling. SIGTERM
 * refuses who waits, lets who is in finish, and ends.
 */
#include "metrics.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Those who are to be told "503" must be able to connect. */
enum { CONNECTIONS_MOST = 10000, STACK_SIZE = 256 << 10, DRAIN_MS = 10000 };

static struct cgtune_limiter *limiter;

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned status, const char *text)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result r = MHD_queue_response(connection, status, response);

	MHD_destroy_response(response);
	return r;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, int error)
{
	struct cgtune_limiter_stats stats = { .size = sizeof(stats) };
	const char *text = cgtune_strerror(error);
	struct MHD_Response *response = MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_PERSISTENT);
	char seconds[16];
	enum MHD_Result r;

	cgtune_limiter_stats(limiter, &stats);
	snprintf(seconds, sizeof(seconds), "%d", cgtune_limiter_retry_after(limiter));
	MHD_add_response_header(response, "Retry-After", seconds);
	MHD_add_response_header(response, "X-Cgtune-Reject", cgtune_limiter_reason(error));
	r = MHD_queue_response(connection, stats.status, response);
	MHD_destroy_response(response);
	return r;
}

static long argument(struct MHD_Connection *connection, const char *name)
{
	const char *text = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, name);

	return text ? strtol(text, NULL, 10) : 0;
}

static void work(long cpu_ms, long wait_ms)
{
	struct timespec now, wait = { wait_ms / 1000, wait_ms % 1000 * 1000000 };
	long long until;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	until = now.tv_sec * 1000000000ll + now.tv_nsec + cpu_ms * 1000000ll;
	while (now.tv_sec * 1000000000ll + now.tv_nsec < until)
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	nanosleep(&wait, NULL);
}

static enum MHD_Result metrics(struct MHD_Connection *connection)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	enum MHD_Result r;

	if (!out)
		return MHD_NO;
	metrics_print(out, limiter);
	fclose(out);
	r = reply(connection, 200, text);
	free(text);
	return r;
}

static enum MHD_Result answer(void *user, struct MHD_Connection *connection, const char *url, const char *method,
			      const char *version, const char *data, size_t *size, void **state)
{
	struct cgtune_request request = { .size = sizeof(request) };
	enum MHD_Result r;
	int error;

	(void)user, (void)method, (void)version, (void)data, (void)size, (void)state;
	if (strcmp(url, "/metrics") == 0)
		return metrics(connection);
	if (strcmp(url, "/health") == 0)
		request.flags = CGTUNE_REQUEST_BYPASS;
	error = cgtune_limiter_acquire_as(limiter, &request);
	if (error < 0)
		return refuse(connection, error);
	work(argument(connection, "cpu"), argument(connection, "wait"));
	r = reply(connection, 200, "done\n");
	cgtune_limiter_release(limiter);
	return r;
}

static void drain(struct MHD_Daemon *daemon)
{
	int listening = MHD_quiesce_daemon(daemon);
	int r = cgtune_limiter_drain(limiter, DRAIN_MS);

	MHD_stop_daemon(daemon);
	close(listening);
	fprintf(stderr, "httpd: %s\n", r == 0 ? "drained" : "not all requests ended in time");
}

int main(int argc, char **argv)
{
	struct cgtune_limiter_options options = {
		.size = sizeof(options), .name = "httpd", .flags = CGTUNE_LIMITER_BIND_PROCESS,
	};
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct MHD_Daemon *daemon;
	sigset_t ends;
	int c, r, signal_number;

	while ((c = getopt(argc, argv, "p:t:l:b:a")) != -1) {
		switch (c) {
		case 'p': address.sin_port = htons((uint16_t)atoi(optarg)); break;
		case 't': options.backlog_timeout_ms = (uint32_t)atoi(optarg); break;
		case 'l': options.limit = (uint32_t)atoi(optarg); break;
		case 'b': options.backlog = (uint32_t)atoi(optarg); break;
		case 'a': options.mode = CGTUNE_MODE_ADAPTIVE; break;
		default: return 2;
		}
	}
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL);		/* in the threads of the server too */
	cgtune_init();
	r = cgtune_watch_start();
	if (r == 0)
		r = cgtune_limiter_new(&options, &limiter);
	if (r < 0) {
		fprintf(stderr, "httpd: %s\n", cgtune_strerror(r));
		return 1;
	}
	daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL, 0,
				  NULL, NULL, answer, NULL, MHD_OPTION_SOCK_ADDR, &address,
				  MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MOST,
				  MHD_OPTION_LISTEN_BACKLOG_SIZE, (unsigned)CONNECTIONS_MOST,
				  MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_SIZE, MHD_OPTION_END);
	if (!daemon) {
		fprintf(stderr, "httpd: cannot listen on that port\n");
		return 1;
	}
	printf("listening on %u\n", MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
	fflush(stdout);
	sigwait(&ends, &signal_number);
	drain(daemon);
	cgtune_watch_stop();
	cgtune_limiter_free(limiter);
	return 0;
}
