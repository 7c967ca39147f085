/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * export-http - the metrics over HTTP, by libmicrohttpd, in one thread
 *
 * What a client can cost is bounded: 8 KiB for a request, a time for it and as long for the
 * answer to be taken, one answer for each connection, so many connections, of which the oldest
 * that has not asked goes when others wait, and one look at the cgroups a second, whoever asks.
 */
#include "export.h"
#include "listen.h"
#include "notify.h"
#include "tool.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CLIENTS_MOST = 256, CLIENTS_CROWD = 192, BACKLOG = 1024, REQUEST_BYTES = 8192,
	GRACE_MS = 1000, TICK_MS = 250, FRESH_MS = 1000,
};
/* Answers that clients have not taken yet: more are not made. */
#define HELD_MOST (256u << 20)

struct client {
	int fd;				/* -1: nobody */
	uint64_t since_ns;		/* it came, or was answered */
	bool answered, closing;
};

static struct server {
	const struct export_options *options;
	struct MHD_Daemon *daemon;
	struct export_table table;
	struct export_served served;
	int fd;				/* it listens there */
	struct client clients[CLIENTS_MOST];
	int count;			/* of them */
	struct MHD_Response *cached[3];	/* by format, of all groups, of the table as it is */
	size_t held;
	int error;			/* of the last look */
} server;

/* ---- answers */

static void forget_cached(void)
{
	for (int i = 0; i < 3; i++) {
		if (server.cached[i])
			MHD_destroy_response(server.cached[i]);
		server.cached[i] = NULL;
	}
}

static int look_again(void)
{
	if (server.table.taken_ns && tool_now_ns() - server.table.taken_ns < FRESH_MS * 1000000ull)
		return 0;
	forget_cached();
	server.error = export_table_refresh(&server.table, server.options);
	return server.error;
}

static void release(void *user)
{
	struct export_text *text = user;

	server.held -= text->size;
	export_text_free(text);
	free(text);
}

/* The text is the response's from here on. NULL: out of memory. */
static struct MHD_Response *respond(struct export_text *text)
{
	struct MHD_Response *response = text->failed ? NULL :
		MHD_create_response_from_buffer_with_free_callback_cls(text->size, text->data, release, text);

	if (response) {
		server.held += text->size;
		return response;
	}
	export_text_free(text);
	free(text);
	return NULL;
}

static struct MHD_Response *make_metrics(const struct export_request *request)
{
	const struct export_filter filter = { .cgroup = request->cgroup, .depth = request->depth };
	bool all = !*request->cgroup && request->depth == EXPORT_DEPTH_ALL;
	struct MHD_Response *response;
	struct export_text *text;

	if (all && server.cached[request->format])
		return server.cached[request->format];
	text = server.held < HELD_MOST ? calloc(1, sizeof(*text)) : NULL;
	if (!text)
		return NULL;
	export_metrics(&server.table, all ? NULL : &filter, request->format, server.options->created, &server.served, text);
	response = respond(text);
	if (!response)
		return NULL;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, export_content_type(request->format));
	MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ACCEPT);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	if (all)
		server.cached[request->format] = response;
	return response;
}

static struct MHD_Response *make_text(const char *type, const char *text)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_PERSISTENT);

	if (!response)
		return NULL;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	return response;
}

static struct MHD_Response *make_refusal(int status)
{
	struct MHD_Response *response = make_text("text/plain; charset=utf-8",
		status == MHD_HTTP_NOT_FOUND ? "there are /metrics and /healthz\n" :
		status == MHD_HTTP_METHOD_NOT_ALLOWED ? "GET or HEAD\n" :
		status == MHD_HTTP_BAD_REQUEST ? "cgroup is an absolute path, depth a number\n" :
		"the cgroups cannot be read, or there is no memory for more\n");

	if (response && status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	return response;
}

/* *status: 200, or another where what was asked for cannot be had. */
static struct MHD_Response *make(const struct export_request *request, int *status)
{
	struct MHD_Response *response = NULL;

	if (*status == MHD_HTTP_OK && request->page == EXPORT_PAGE_ROOT)
		return make_text("text/html; charset=utf-8", "<title>cgtune</title><a href=\"/metrics\">metrics</a>\n");
	if (*status == MHD_HTTP_OK && request->page == EXPORT_PAGE_HEALTH && !server.error)
		return make_text("text/plain; charset=utf-8", "ok\n");
	if (*status == MHD_HTTP_OK && request->page == EXPORT_PAGE_METRICS && look_again() == 0)
		response = make_metrics(request);
	if (response)
		return response;
	if (*status == MHD_HTTP_OK)
		*status = MHD_HTTP_SERVICE_UNAVAILABLE;
	return make_refusal(*status);
}

static bool is_cached(const struct MHD_Response *response)
{
	return response == server.cached[0] || response == server.cached[1] || response == server.cached[2];
}

static struct client *client_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

/* Called when the headers are there; no body is waited for. */
static enum MHD_Result answer(void *user, struct MHD_Connection *connection, const char *url, const char *method,
			      const char *version, const char *data, size_t *size, void **context)
{
	static const struct export_request none;
	struct export_request request = none;
	struct client *client = client_of(connection);
	struct MHD_Response *response;
	enum MHD_Result queued;
	int status = export_request_parse(method, url,
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT),
		MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "cgroup"),
		MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "depth"), &request);

	(void)user, (void)version, (void)data, (void)size, (void)context;
	response = make(&request, &status);
	if (!response)
		return MHD_NO;
	queued = MHD_queue_response(connection, (unsigned)status, response);
	if (!is_cached(response))
		MHD_destroy_response(response);
	server.served.answers[status >= 500 ? 2 : status >= 400]++;
	if (client) {
		client->answered = true;
		client->since_ns = tool_now_ns();
	}
	return queued;
}

/* ---- clients */

static void meet(void *user, struct MHD_Connection *connection, void **context, enum MHD_ConnectionNotificationCode code)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct client *client = *context;

	(void)user;
	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		server.count -= client != NULL;
		if (client)
			client->fd = -1;
		return;
	}
	for (int i = 0; info && i < CLIENTS_MOST; i++) {
		if (server.clients[i].fd >= 0)
			continue;
		server.clients[i] = (struct client){ .fd = info->connect_fd, .since_ns = tool_now_ns() };
		*context = &server.clients[i];
		server.count++;
		return;
	}
}

static bool is_late(const struct client *client, uint64_t now)
{
	return now - client->since_ns > server.options->timeout_s * 1000000000ull;
}

/* The library finds the connection at its end, and closes it. */
static void end_client(struct client *client, uint64_t *count)
{
	client->closing = true;
	shutdown(client->fd, SHUT_RDWR);
	++*count;
}

/* Those whose time is up; and in a crowd those that have not asked for a while. */
static void look_after_clients(void)
{
	uint64_t now = tool_now_ns();

	for (int i = 0; i < CLIENTS_MOST; i++) {
		struct client *client = &server.clients[i];

		if (client->fd < 0 || client->closing)
			continue;
		if (is_late(client, now))
			end_client(client, &server.served.late);
		else if (server.count > CLIENTS_CROWD && !client->answered && now - client->since_ns > GRACE_MS * 1000000ull)
			end_client(client, &server.served.crowded);
	}
}

/* ---- the server */

static int start(void)
{
	int defer = (int)server.options->timeout_s;

	/* Who says nothing is not even accepted; on a socket that is none of TCP's that is refused. */
	setsockopt(server.fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &defer, sizeof(defer));
	for (int i = 0; i < CLIENTS_MOST; i++)
		server.clients[i].fd = -1;
	server.daemon = MHD_start_daemon(MHD_NO_FLAG, 0, NULL, NULL, answer, NULL,
		MHD_OPTION_LISTEN_SOCKET, server.fd,
		MHD_OPTION_CONNECTION_LIMIT, CLIENTS_MOST + 1u,
		MHD_OPTION_CONNECTION_TIMEOUT, server.options->timeout_s,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_BYTES,
		MHD_OPTION_NOTIFY_CONNECTION, meet, NULL,
		MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_END);
	return server.daemon ? 0 : -ENOMEM;
}

static int shorter(int a, int b)
{
	return a < 0 ? b : b < 0 ? a : a < b ? a : b;
}

static int timeout_ms(int watchdog_ms)
{
	MHD_UNSIGNED_LONG_LONG wait;
	int ms = MHD_get_timeout(server.daemon, &wait) == MHD_YES ? (wait < INT_MAX ? (int)wait : INT_MAX) : -1;

	return shorter(shorter(ms, watchdog_ms), server.count ? TICK_MS : -1);
}

/*
 * Until a signal says that it is enough. By select(2): there are few clients, and what is there to be read is told again until it is read. With
 * epoll(7) the library does not hear of the end of a client that came with its last bytes.
 */
static int loop(int signals)
{
	int watchdog_ms = notify_watchdog_ms();

	for (;;) {
		int ms = timeout_ms(watchdog_ms), most = signals;
		struct timeval wait = { ms / 1000, ms % 1000 * 1000L };
		fd_set in, out, except;

		FD_ZERO(&in);
		FD_ZERO(&out);
		FD_ZERO(&except);
		if (MHD_get_fdset(server.daemon, &in, &out, &except, &most) != MHD_YES)
			return tool_failed("libmicrohttpd", -EMFILE);
		FD_SET(signals, &in);
		if (server.count == CLIENTS_MOST)	/* others wait; the library would turn them away */
			FD_CLR(server.fd, &in);
		if (select(most + 1, &in, &out, &except, ms < 0 ? NULL : &wait) < 0) {
			if (errno != EINTR)
				return tool_failed("select", -errno);
			continue;
		}
		if (FD_ISSET(signals, &in))
			return TOOL_DONE;
		MHD_run_from_select(server.daemon, &in, &out, &except);
		look_after_clients();
		if (watchdog_ms >= 0)
			notify_send("WATCHDOG=1");
	}
}

static int open_signals(void)
{
	sigset_t ends;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	return sigprocmask(SIG_BLOCK, &ends, NULL) < 0 ? -1 : signalfd(-1, &ends, SFD_CLOEXEC);
}

int export_serve(const struct export_options *options)
{
	int signals = open_signals(), status;

	server.options = options;
	if (signals < 0)
		return tool_failed("signalfd", -errno);
	server.fd = listen_on(options->listen, BACKLOG);
	if (server.fd < 0 || export_prepare(options, &server.table) < 0) {
		export_table_free(&server.table);
		return TOOL_FAILED;
	}
	if (start() < 0)
		return tool_failed("libmicrohttpd", -ENOMEM);
	notify_send("READY=1");
	status = loop(signals);
	notify_send("STOPPING=1");
	forget_cached();
	MHD_stop_daemon(server.daemon);
	listen_end(options->listen);
	export_table_free(&server.table);
	close(signals);
	return status;
}
