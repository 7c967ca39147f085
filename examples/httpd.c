/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * httpd - a libmicrohttpd server with the admission limiter as middleware
 *
 *	httpd [-p PORT] [-t BACKLOG-TIMEOUT-MS] [-l LIMIT -b BACKLOG] [-s STATUS] [-a] [-c CONNECTIONS] [-i IDLE]
 *
 *	/job?cpu=MS&wait=MS	computes, then waits: what is throttled
 *	/health			never refused for load
 *	/metrics		the limiter's counters
 *
 * A thread for each connection blocks in cgtune_limiter_acquire(). Sizes come from
 * the cgroup and follow it, unless -l sets them; -a adapts them to throttling. SIGTERM
 * refuses who waits, lets who is in finish, and ends. Each connection costs memory for its
 * thread: -c of them are accepted, more than wait, so that there is room to refuse the
 * others; whoever comes then is in the kernel's listen queue until one of them ends.
 */
#include "metrics.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS = 1000, LISTEN_QUEUE = 4096, STACK_SIZE = 64 << 10, MEMORY = 8 << 10, DRAIN_MS = 10000 };

static struct cgtune_limiter *limiter;
static unsigned idle_s = 30;		/* for a connection on which nothing happens */
static int listening;
static sem_t room;			/* for connections */

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
	int error;

	(void)user, (void)method, (void)version, (void)data, (void)size;
	if (strcmp(url, "/metrics") == 0)
		return metrics(connection);
	if (strcmp(url, "/health") == 0)
		request.flags = CGTUNE_REQUEST_BYPASS;
	error = cgtune_limiter_acquire_as(limiter, &request);
	if (error < 0)
		return refuse(connection, error);
	*state = limiter;
	work(argument(connection, "cpu"), argument(connection, "wait"));
	return reply(connection, 200, "done\n");
}

/* Its answer is sent: only now may a server that drains end. */
static void completed(void *user, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode how)
{
	(void)user, (void)connection, (void)how;
	if (*state)
		cgtune_limiter_release(*state);
}

static void notify(void *user, struct MHD_Connection *connection, void **state, enum MHD_ConnectionNotificationCode what)
{
	(void)user, (void)connection, (void)state;
	if (what == MHD_CONNECTION_NOTIFY_CLOSED)
		sem_post(&room);
}

/* libmicrohttpd would accept and close whom it has no room for: so it is given those for whom there is. */
static void *accept_all(void *daemon)
{
	struct sockaddr_in address;

	for (;;) {
		socklen_t size = sizeof(address);
		int fd;

		while (sem_wait(&room) != 0)
			;
		fd = accept4(listening, (struct sockaddr *)&address, &size, SOCK_CLOEXEC);
		if (fd < 0 && errno == EINVAL)
			return NULL;			/* shut down */
		if (fd < 0)
			nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
		if (fd < 0 || MHD_add_connection(daemon, fd, (struct sockaddr *)&address, size) != MHD_YES)
			sem_post(&room);
	}
}

static int listen_on(struct sockaddr_in *address)
{
	socklen_t size = sizeof(*address);
	int one = 1;

	listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	return bind(listening, (struct sockaddr *)address, size) < 0 || listen(listening, LISTEN_QUEUE) < 0 ||
	       getsockname(listening, (struct sockaddr *)address, &size) < 0 ? -1 : 0;
}

/* Serve until SIGTERM or SIGINT: then nobody is accepted, who waits is refused, who is in ends. */
static int serve(struct MHD_Daemon *daemon, const sigset_t *ends)
{
	pthread_t acceptor;
	int signal_number, r;

	if (pthread_create(&acceptor, NULL, accept_all, daemon) != 0)
		return 1;
	sigwait(ends, &signal_number);
	r = cgtune_limiter_drain(limiter, DRAIN_MS);
	shutdown(listening, SHUT_RDWR);
	sem_post(&room);
	pthread_join(acceptor, NULL);
	MHD_stop_daemon(daemon);
	close(listening);
	fprintf(stderr, "httpd: %s\n", r == 0 ? "drained" : "not all requests ended in time");
	return 0;
}

static struct MHD_Daemon *start(unsigned connections)
{
	return MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL |
				MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC, 0, NULL, NULL, answer, NULL,
				/* One that has ended is told before it is no longer counted. */
				MHD_OPTION_CONNECTION_LIMIT, connections + 8, MHD_OPTION_NOTIFY_CONNECTION, notify, NULL,
				MHD_OPTION_NOTIFY_COMPLETED, completed, NULL,
				MHD_OPTION_CONNECTION_TIMEOUT, idle_s,
				MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY,
				MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_SIZE, MHD_OPTION_END);
}

int main(int argc, char **argv)
{
	struct cgtune_limiter_options options = {
		.size = sizeof(options), .name = "httpd", .flags = CGTUNE_LIMITER_BIND_PROCESS,
	};
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	unsigned connections = CONNECTIONS;
	struct MHD_Daemon *daemon;
	sigset_t ends;
	int c, r;

	while ((c = getopt(argc, argv, "p:t:l:b:s:ac:i:")) != -1) {
		switch (c) {
		case 'p': address.sin_port = htons((uint16_t)atoi(optarg)); break;
		case 't': options.backlog_timeout_ms = (uint32_t)atoi(optarg); break;
		case 'l': options.limit = (uint32_t)atoi(optarg); break;
		case 'b': options.backlog = (uint32_t)atoi(optarg); break;
		case 's': options.status = (uint32_t)atoi(optarg); break;
		case 'a': options.mode = CGTUNE_MODE_ADAPTIVE; break;
		case 'c': connections = (unsigned)atoi(optarg); break;
		case 'i': idle_s = (unsigned)atoi(optarg); break;
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
	sem_init(&room, 0, connections);
	daemon = listen_on(&address) == 0 ? start(connections) : NULL;
	if (!daemon) {
		fprintf(stderr, "httpd: cannot listen on that port\n");
		return 1;
	}
	printf("listening on %u\n", ntohs(address.sin_port));
	fflush(stdout);
	r = serve(daemon, &ends);
	cgtune_watch_stop();
	cgtune_limiter_free(limiter);
	return r;
}
