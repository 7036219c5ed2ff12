/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fabricnet-dnsd: the split-DNS stub as a daemon. */
#include "dnsd.h"

#include <fabricnet/link.h>
#include <fabricnet/monitor.h>

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FILE_DEFAULT "/etc/fabricnet/dnsd.conf"
#define SETTLE 200 /* milliseconds without news, after which links have changed */
#define SYSTEMD_FIRST 3 /* sd_listen_fds(3) */

struct daemon {
        const char *file;
        struct config given; /* on the command line */
        struct config config;
        struct worker *workers;
        size_t n_workers;
        int sockets[SOCKETS_MAX];
        size_t n_sockets;
        int signals, metrics;
        int files; /* -1: no route asks the system's servers */
        fbn_context *c;
        fbn_monitor *links; /* NULL: they cannot be watched */
        bool changed, reread;
};

static int usage(FILE *to, int code)
{
        fprintf(to, "usage: fabricnet-dnsd [-f FILE] [--listen ADDRESS:PORT…] [--route SUFFIX=UPSTREAM,……] [--set 'WORD VALUE…'…] [--check]\n"
                    "Without -f and --route it reads " FILE_DEFAULT "; fabricnet-dnsd(8) explains it.\n");
        return code;
}

/* "SUFFIX=UPSTREAM,UPSTREAM…", "SUFFIX=blocked", "=NAME=@ADDRESS,…" as the words of a file. */
static int route_option(struct config *config, const char *text)
{
        char line[4096], word[1024];
        const char *value = *text ? strchr(text + 1, '=') : NULL;
        const char *verb;

        if (!value || strlen(text) >= sizeof(word)) {
                fprintf(stderr, "fabricnet-dnsd: --route '%s': write SUFFIX=UPSTREAM[,UPSTREAM…]\n", text);
                return EXIT_BAD;
        }
        verb = strcmp(value + 1, "blocked") == 0 ? "block" : strcmp(value + 1, "system") == 0 ? "system" : value[1] == '@' ? "answer" : "route";
        snprintf(line, sizeof(line), "%s %.*s ", verb, (int)(value - text), text);
        if (*verb == 'a' || *verb == 'r') {
                snprintf(word, sizeof(word), "%s", value + 1);
                for (char *at = word; *at; at++)
                        if (*at == ',' || *at == '@')
                                *at = ' ';
                strcat(line, word);
        }
        snprintf(word, sizeof(word), "--route '%s'", text);
        return config_word(config, word, line);
}

static int word_option(struct config *config, const char *option, const char *verb, const char *text)
{
        char line[4096], place[256];

        snprintf(line, sizeof(line), "%s%s", verb, text);
        snprintf(place, sizeof(place), "%s '%s'", option, text);
        return config_word(config, place, line);
}

/* The command line is read each time, so that what it says stays when the file is read again. */
static int read_all(const struct daemon *daemon, int argc, char **argv, struct config *config, const char **ret_file, bool *ret_check)
{
        static const struct option options[] = {{"listen", required_argument, NULL, 'l'}, {"route", required_argument, NULL, 'r'},
                                                {"set", required_argument, NULL, 's'},    {"check", no_argument, NULL, 'c'},
                                                {"help", no_argument, NULL, 'h'},         {0}};
        const char *file = NULL;
        int option, code = 0;

        (void)daemon;
        optind = 1;
        while (code == 0 && (option = getopt_long(argc, argv, "f:h", options, NULL)) >= 0)
                switch (option) {
                case 'f': file = optarg; break;
                case 'l': code = word_option(config, "--listen", "listen ", optarg); break;
                case 'r': code = route_option(config, optarg); break;
                case 's': code = word_option(config, "--set", "", optarg); break;
                case 'c': *ret_check = true; break;
                case 'h': exit(usage(stdout, EXIT_DONE));
                default: return usage(stderr, EXIT_BAD);
                }
        if (code == 0 && optind < argc)
                return usage(stderr, EXIT_BAD);
        if (code == 0 && (file || config->n_routes == 0))
                code = config_read(config, file ? file : FILE_DEFAULT);
        *ret_file = file;
        return code;
}

/* What systemd bound for us: sd_listen_fds(3). */
static int take_sockets(struct daemon *daemon)
{
        const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
        long number = pid && count && strtol(pid, NULL, 10) == getpid() ? strtol(count, NULL, 10) : 0;

        if (number < 0 || number > SOCKETS_MAX) {
                fprintf(stderr, "fabricnet-dnsd: %ld sockets were given; at most %d are taken\n", number, SOCKETS_MAX);
                return EXIT_BAD;
        }
        for (int i = 0; i < number; i++)
                daemon->sockets[daemon->n_sockets++] = SYSTEMD_FIRST + i;
        return 0;
}

/* sd_notify(3). */
static void notify(const char *state)
{
        const char *path = getenv("NOTIFY_SOCKET");
        struct sockaddr_un to = {.sun_family = AF_UNIX};
        int fd;

        if (!path || strlen(path) >= sizeof(to.sun_path))
                return;
        strcpy(to.sun_path, path);
        if (*path == '@')
                to.sun_path[0] = 0;
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return;
        (void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
        close(fd);
}

static int failed(fbn_context *c, int r)
{
        fprintf(stderr, "fabricnet-dnsd: %s\n", fbn_context_error(c));
        return r == -FBN_EPERM ? EXIT_DENIED : EXIT_FAILED;
}

/* A port that was any is one port for all threads. */
static void settle_ports(struct daemon *daemon)
{
        for (size_t i = 0; i < daemon->config.n_listen; i++)
                daemon->config.listen[i] = fbn_dns_stub_address(daemon->workers[0].stub, i);
}

/* One stub a thread. Those that share a port must all be bound before the first of them is served. */
static int make_worker(struct daemon *daemon, struct worker *worker)
{
        const struct config *config = &daemon->config;
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        uint32_t cache = config->cache_bytes;
        int r = fbn_context_new(NULL, &worker->c), code;

        if (r < 0)
                return failed(NULL, r);
        code = config_routes(worker->c, config, &routes);
        if (code != 0)
                return code;
        if (cache && cache != FBN_DNS_CACHE_OFF)
                cache = cache / config->threads < 4096 ? 4096 : cache / config->threads;
        r = fbn_dns_stub_new(worker->c, routes,
                             FBN_OPTIONS(fbn_dns_stub_options, .listen = config->listen, .n_listen = config->n_listen, .timeout_ms = config->timeout_ms,
                                         .max_pending = config->max_pending, .strict = config->strict, .cache_bytes = cache, .allow = config->allow,
                                         .n_allow = config->n_allow, .allow_private = config->private_answers, .shared = config->threads > 1,
                                         .sockets = daemon->sockets, .n_sockets = daemon->n_sockets, .log_fd = config->log ? STDERR_FILENO : 0,
                                         .log_names = config->log_names),
                             &worker->stub);
        return r < 0 ? failed(worker->c, r) : 0;
}

static void tell_addresses(const struct daemon *daemon)
{
        char text[FBN_ADDRESS_TEXT];

        for (size_t i = 0;; i++) {
                fbn_endpoint bound = fbn_dns_stub_address(daemon->workers[0].stub, i);

                if (!bound.address.family)
                        return;
                fprintf(stderr, "listening on %s\n", fbn_endpoint_format(&bound, text, sizeof(text)));
        }
}

static int start(struct daemon *daemon)
{
        int code = 0, r;

        daemon->workers = calloc(daemon->config.threads, sizeof(struct worker));
        if (!daemon->workers)
                return EXIT_FAILED;
        for (size_t i = 0; code == 0 && i < daemon->config.threads; i++) {
                code = make_worker(daemon, &daemon->workers[i]);
                if (code == 0 && i == 0)
                        settle_ports(daemon);
        }
        if (code != 0)
                return code;
        r = fbn_context_new(NULL, &daemon->c);
        if (r < 0)
                return failed(NULL, r);
        if (fbn_link_monitor_new(daemon->c, NULL, &daemon->links) < 0)
                fprintf(stderr, "fabricnet-dnsd: goes on without watching links: %s\n", fbn_context_error(daemon->c));
        if (daemon->config.metrics.address.family && (daemon->metrics = metrics_listen(&daemon->config.metrics)) < 0)
                return EXIT_FAILED;
        if (config_asks_system(&daemon->config)) {
                daemon->files = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
                inotify_add_watch(daemon->files, "/etc", IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR);
        }
        if (!drop_user(daemon->config.user ? daemon->config.user : "nobody"))
                return EXIT_DENIED;
        for (size_t i = 0; code == 0 && i < daemon->config.threads; i++) {
                code = worker_start(&daemon->workers[i]);
                daemon->n_workers += code == 0;
        }
        return code == 0 && !confine() ? EXIT_DENIED : code;
}

static void to_reconnect(struct worker *worker)
{
        worker->reconnect = true;
}

/* Routes of its own for each thread: a table belongs to one at a time. */
static void give_routes(struct worker *worker, fbn_dns_routes *routes)
{
        uint64_t one = 1;

        pthread_mutex_lock(&worker->lock);
        fbn_dns_routes_unref(worker->routes);
        worker->routes = routes;
        pthread_mutex_unlock(&worker->lock);
        (void)!write(worker->wake, &one, sizeof(one));
}

/* Routes are taken anew; what needs a privilege or a socket is not. A file with a mistake changes nothing. */
static void reload(struct daemon *daemon, int argc, char **argv)
{
        struct config config = {.threads = 1};
        const char *file;
        bool check;

        if (read_all(daemon, argc, argv, &config, &file, &check) == 0)
                for (size_t i = 0; i < daemon->n_workers; i++) {
                        fbn_dns_routes *routes = NULL;

                        if (config_routes(daemon->c, &config, &routes) != 0)
                                break;
                        give_routes(&daemon->workers[i], routes);
                }
        config_free(&config);
}

/* What changed is not looked at: any of it may be the way to an upstream. */
static void drain_links(struct daemon *daemon)
{
        if (fbn_monitor_process(daemon->c, daemon->links) < 0) {
                fprintf(stderr, "fabricnet-dnsd: links are not watched any more: %s\n", fbn_context_error(daemon->c));
                daemon->links = fbn_monitor_unref(daemon->links);
                return;
        }
        while (fbn_monitor_next(daemon->links))
                daemon->changed = true;
}

/* Whoever writes resolv.conf has other servers for the routes that ask the system's. */
static void drain_files(struct daemon *daemon)
{
        _Alignas(struct inotify_event) char bytes[4096];
        ssize_t length;

        while ((length = read(daemon->files, bytes, sizeof(bytes))) > 0)
                for (char *at = bytes; at < bytes + length;) {
                        const struct inotify_event *event = (const struct inotify_event *)(const void *)at;

                        daemon->reread |= event->len > 0 && strcmp(event->name, "resolv.conf") == 0;
                        at += sizeof(*event) + event->len;
                }
}

/* Once it has been quiet for a moment. */
static void settle(struct daemon *daemon, int argc, char **argv)
{
        if (daemon->reread || (daemon->changed && daemon->files >= 0))
                reload(daemon, argc, argv);
        for (size_t i = 0; daemon->changed && i < daemon->n_workers; i++)
                worker_tell(&daemon->workers[i], to_reconnect);
        daemon->changed = daemon->reread = false;
}

/* The signal that ends the daemon, or a failure. */
static int watch(struct daemon *daemon, int argc, char **argv)
{
        for (;;) {
                struct pollfd wait[] = {{.fd = daemon->signals, .events = POLLIN}, {.fd = daemon->metrics, .events = POLLIN},
                                        {.fd = daemon->links ? fbn_monitor_fd(daemon->links) : -1, .events = POLLIN}, {.fd = daemon->files, .events = POLLIN}};
                int ready = poll(wait, 4, daemon->changed || daemon->reread ? SETTLE : -1);
                struct signalfd_siginfo signal;

                if (ready < 0 && errno != EINTR)
                        return EXIT_FAILED;
                if (ready == 0)
                        settle(daemon, argc, argv);
                if (wait[3].revents)
                        drain_files(daemon);
                if (wait[2].revents)
                        drain_links(daemon);
                if (wait[1].revents)
                        metrics_serve(daemon->metrics, daemon->workers, daemon->n_workers);
                if (!wait[0].revents || read(daemon->signals, &signal, sizeof(signal)) != sizeof(signal))
                        continue;
                if (signal.ssi_signo != SIGHUP)
                        return EXIT_DONE;
                reload(daemon, argc, argv);
        }
}

static void block_signals(struct daemon *daemon)
{
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGHUP);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        sigprocmask(SIG_BLOCK, &set, NULL);
        daemon->signals = signalfd(-1, &set, SFD_CLOEXEC);
}

int main(int argc, char **argv)
{
        struct daemon daemon = {.metrics = -1, .files = -1, .config.threads = 1};
        bool check = false;
        int code = read_all(&daemon, argc, argv, &daemon.config, &daemon.file, &check);

        if (code == 0 && check) {
                fbn_context *c = NULL;
                fbn_dns_routes *routes = NULL;

                code = fbn_context_new(NULL, &c) < 0 ? failed(NULL, 0) : config_routes(c, &daemon.config, &routes);
                fbn_dns_routes_unref(routes);
                fbn_context_unref(c);
                return code;
        }
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* what people ask is nobody's business */
        block_signals(&daemon);
        if (code == 0)
                code = take_sockets(&daemon);
        if (code == 0 && daemon.n_sockets > 0 && daemon.config.threads > 1) {
                fprintf(stderr, "fabricnet-dnsd: sockets that are given serve one thread; leave 'threads' out, or the sockets\n");
                code = EXIT_BAD;
        }
        if (code == 0)
                code = start(&daemon);
        if (code != 0)
                return code;
        tell_addresses(&daemon);
        notify("READY=1");
        code = watch(&daemon, argc, argv);
        for (size_t i = 0; i < daemon.n_workers; i++)
                worker_end(&daemon.workers[i]);
        free(daemon.workers);
        fbn_monitor_unref(daemon.links);
        fbn_context_unref(daemon.c);
        config_free(&daemon.config);
        return code;
}
