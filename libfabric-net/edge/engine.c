/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "edge/engine.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 64
#define CANCEL_CHECK 200 /* milliseconds in which fbn_ban_engine_run() notices fbn_context_cancel() */
#define RECONCILE_DELAY 100
#define URL "https://api.cloudflare.com/client/v4"

/* Nobody's ban: oneself; class E, which Cloudflare's Pseudo IPv4 makes addresses of; the address of its Workers. Source: Cloudflare's
 * documentation of Pseudo IPv4, and of CF-Connecting-IP in Worker subrequests. */
static const char *const nobody[] = {"127.0.0.0/8", "::1", "0.0.0.0/32", "::/128", "240.0.0.0/4", "2a06:98c0:3600::103"};

int64_t clock_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_BOOTTIME, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void engine_due(fbn_ban_engine *engine, enum due what, int64_t in_ms)
{
        int64_t when = clock_ms() + MAX(in_ms, 0);

        /* After a failure the queue waits as long as was said, whoever asks for more meanwhile. */
        if (what == DUE_QUEUE && engine->queue.backoff && engine->due[what] != NEVER_DUE)
                return;
        if (when < engine->due[what])
                engine->due[what] = when;
}

void engine_trouble_words(fbn_ban_engine *engine, enum trouble what, const char *words)
{
        snprintf(engine->trouble[what], TROUBLE_TEXT, "%s", words);
        for (char *byte = engine->trouble[what]; *byte; byte++)
                if ((unsigned char)*byte < ' ')
                        *byte = ' ';
}

int engine_trouble(fbn_context *c, fbn_ban_engine *engine, enum trouble what, int r)
{
        engine_trouble_words(engine, what, r < 0 ? fbn_context_error(c) : "");
        return r;
}

int engine_poll(fbn_context *c, fbn_ban_engine *engine, struct source *source, uint32_t events, bool change)
{
        struct epoll_event event = {.events = events, .data.ptr = source};

        if (epoll_ctl(engine->epoll, change ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, source->fd, &event) < 0)
                return fail_errno(c, errno, "epoll");
        return 0;
}

void engine_close(fbn_ban_engine *engine, struct source *source)
{
        if (source->fd < 0)
                return;
        epoll_ctl(engine->epoll, EPOLL_CTL_DEL, source->fd, NULL);
        close(source->fd);
        source->fd = -1;
}

static int copy_text(fbn_context *c, struct arena *arena, const char **text, const char *fallback)
{
        const char *from = *text && **text ? *text : fallback;

        *text = from ? arena_strdup(arena, from) : NULL;
        return from && !*text ? fail_memory(c) : 0;
}

static int copy_options(fbn_context *c, fbn_ban_engine *engine)
{
        fbn_ban_engine_options *options = &engine->options;
        const struct {
                const char **text, *fallback;
        } texts[] = {{&options->socket, FBN_BAN_SOCKET}, {&options->state_dir, "/var/lib/fabricnet/ban"}, {&options->name, "ban"},
                     {&options->never_file, NULL}, {&options->nginx_map, NULL}, {&options->nginx_pid, NULL}, {&options->cdn_zone, NULL},
                     {&options->cdn_account, NULL}, {&options->cdn_list, NULL}, {&options->cdn_token, NULL}, {&options->cdn_url, URL},
                     {&options->cdn_ca_file, NULL}};
        int r = 0;

        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(texts); i++)
                r = copy_text(c, &engine->arena, texts[i].text, texts[i].fallback);
        if (r == 0 && options->n_trusted > 0) {
                engine->host.trusted = arena_alloc(&engine->arena, options->n_trusted * sizeof(*engine->host.trusted));
                for (size_t i = 0; engine->host.trusted && i < options->n_trusted; i++) {
                        engine->host.trusted[i] = arena_strdup(&engine->arena, options->trusted[i]);
                        engine->host.n_trusted += engine->host.trusted[i] && !streq(options->trusted[i], "lo");
                }
                if (!engine->host.trusted)
                        return fail_memory(c);
        }
        options->trusted = (const char *const *)engine->host.trusted;
        return r;
}

static bool is_id(const char *text)
{
        return strlen(text) == 2 * CDN_ID_BYTES && strspn(text, "0123456789abcdef") == 2 * CDN_ID_BYTES;
}

static int check_options(fbn_context *c, const fbn_ban_engine_options *options)
{
        if (strlen(options->name) > 16)
                return fail(c, FBN_EINVAL, "name '%.32s': at most 16 bytes", options->name);
        if (options->cdn_zone && options->cdn_list)
                return fail(c, FBN_EINVAL, "cdn_zone and cdn_list: one of them");
        if (!options->cdn_account != !options->cdn_list)
                return fail(c, FBN_EINVAL, "cdn_account and cdn_list: both or none");
        if ((options->cdn_zone && !is_id(options->cdn_zone)) || (options->cdn_list && (!is_id(options->cdn_list) || !is_id(options->cdn_account))))
                return fail(c, FBN_EINVAL, "an id of Cloudflare's is 32 hexadecimal digits");
        if ((options->cdn_zone || options->cdn_list) && !options->cdn_token)
                return fail(c, FBN_EINVAL, "cdn_token: name the file that holds the token");
        if (options->duration_ms > (uint64_t)UINT32_MAX / 4 * 1000)
                return fail(c, FBN_EINVAL, "duration_ms: more than 34 years");
        return 0;
}

static int set_never(fbn_context *c, fbn_ban_engine *engine)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(nobody); i++) {
                fbn_prefix prefix;

                fbn_prefix_parse(nobody[i], &prefix);
                r = never_add(c, &engine->never, &prefix);
        }
        for (size_t i = 0; r == 0 && i < engine->options.n_never; i++)
                r = never_add(c, &engine->never, &engine->options.never[i]);
        engine->options.never = NULL;
        engine->n_never_fixed = engine->never.count;
        if (r == 0 && never_load(c, engine) == -FBN_EINVAL)
                r = -FBN_EINVAL;
        return r;
}

static int watch(fbn_context *c, fbn_ban_engine *engine)
{
        int r = fbn_nat_monitor_new(c, NULL, &engine->monitor);

        if (r < 0)
                return r;
        engine->watch = (struct source){.kind = SOURCE_MONITOR, .fd = fbn_monitor_fd(engine->monitor)};
        return engine_poll(c, engine, &engine->watch, EPOLLIN, false);
}

/* All of a known past is in the file; what is to be done about it now. */
static void begin_all(fbn_ban_engine *engine)
{
        for (uint32_t i = ban_table_next(&engine->table, 0); i != SLOT_NONE; i = ban_table_next(&engine->table, i + 1)) {
                struct ban *ban = ban_table_at(&engine->table, i);

                if (!engine_has_cdn(engine) && ban->flags & BAN_GONE)
                        ban_table_remove(&engine->table, i);
                else if (!engine_has_cdn(engine))
                        ban_table_set_cdn(&engine->table, ban, FBN_BAN_CDN_NONE);
                else if (!(ban->flags & BAN_GONE))
                        bans_begin(engine, ban);
        }
        engine_due(engine, DUE_MAP, 0);
        engine_due(engine, DUE_EXPIRY, 1000);
        if (engine_has_cdn(engine))
                engine_due(engine, DUE_QUEUE, 0);
}

static int setup(fbn_context *c, fbn_ban_engine *engine)
{
        int r;

        r = copy_options(c, engine);
        if (r == 0)
                r = check_options(c, &engine->options);
        if (r == 0)
                r = set_never(c, engine);
        if (r < 0)
                return r;
        snprintf(engine->host.name, sizeof(engine->host.name), "%s", engine->options.name);
        engine->batch = memory_alloc(BATCH_MAX * sizeof(*engine->batch));
        engine->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (!engine->batch || engine->epoll < 0)
                return engine->batch ? fail_errno(c, errno, "epoll") : fail_memory(c);
        r = ban_table_init(c, &engine->table);
        if (r == 0)
                r = store_open(c, engine->options.state_dir, &engine->table, &engine->store);
        if (r == 0)
                r = server_open(c, engine);
        if (r == 0)
                r = reconcile_host(c, engine);
        if (r >= 0)
                r = watch(c, engine);
        if (r < 0)
                return r;
        begin_all(engine);
        bans_sync(c, engine); /* a full disk is trouble, but no reason not to ban */
        return 0;
}

int fbn_ban_engine_new(fbn_context *c, const fbn_ban_engine_options *options, fbn_ban_engine **ret_engine)
{
        FBN_CLEANUP(fbn_ban_engine) engine = memory_alloc(sizeof(*engine));
        int r;

        if (!engine)
                return fail_memory(c);
        engine->references = 1;
        engine->epoll = engine->listener.fd = engine->watch.fd = engine->queue.source.fd = -1;
        engine->store = (struct store){.lock = -1, .fd = -1};
        for (size_t i = 0; i < DUE_COUNT; i++)
                engine->due[i] = NEVER_DUE;
        r = OPTIONS_READ(c, fbn_ban_engine_options, options, &engine->options);
        if (r == 0)
                r = setup(c, engine);
        if (r < 0)
                return fail_in(c, r, "ban engine");
        *ret_engine = TAKE_PTR(engine);
        return 0;
}

fbn_ban_engine *fbn_ban_engine_ref(fbn_ban_engine *engine)
{
        engine->references++;
        return engine;
}

fbn_ban_engine *fbn_ban_engine_unref(fbn_ban_engine *engine)
{
        if (!engine || --engine->references > 0)
                return NULL;
        queue_close(engine);
        server_close(engine);
        fbn_monitor_unref(engine->monitor);
        if (engine->epoll >= 0)
                close(engine->epoll);
        store_close(&engine->store);
        ban_table_free(&engine->table);
        memory_free(engine->never.items);
        memory_free(engine->batch);
        arena_free(&engine->arena);
        memory_free(engine);
        return NULL;
}

int fbn_ban_engine_fd(const fbn_ban_engine *engine)
{
        return engine->epoll;
}

short fbn_ban_engine_events(const fbn_ban_engine *engine)
{
        (void)engine;
        return POLLIN;
}

int fbn_ban_engine_timeout(const fbn_ban_engine *engine)
{
        int64_t soonest = engine->clients ? clock_ms() + 1000 : NEVER_DUE; /* those that say nothing */

        for (size_t i = 0; i < DUE_COUNT; i++)
                soonest = MIN(soonest, engine->due[i]);
        if (soonest == NEVER_DUE)
                return -1;
        return (int)MIN(MAX(soonest - clock_ms(), 0), 60000);
}

const char *fbn_ban_engine_trouble(const fbn_ban_engine *engine)
{
        char *told = ((fbn_ban_engine *)engine)->told;
        size_t length = 0;

        *told = 0;
        for (size_t i = 0; i < TROUBLE_COUNT; i++)
                if (*engine->trouble[i])
                        length += (size_t)snprintf(told + length, sizeof(engine->told) - length, "%s%s", length ? "; " : "", engine->trouble[i]);
        return told;
}

/* Elements come and go all the time; that rules or sets do, is somebody else's doing. */
static void on_ruleset(fbn_context *c, fbn_ban_engine *engine)
{
        const fbn_event *event;

        if (fbn_monitor_process(c, engine->monitor) < 0) {
                engine_due(engine, DUE_RECONCILE, 1000);
                return;
        }
        while ((event = fbn_monitor_next(engine->monitor)))
                if (event->kind != FBN_EVENT_ADDED && !(event->field && streq(event->field, "elements")))
                        engine_due(engine, DUE_RECONCILE, RECONCILE_DELAY);
}

static void on_event(fbn_context *c, fbn_ban_engine *engine, struct source *source, uint32_t events)
{
        switch (source->kind) {
        case SOURCE_LISTENER:
                server_accept(c, engine);
                break;
        case SOURCE_CLIENT:
                server_event(c, engine, (struct client *)source, events);
                break;
        case SOURCE_CHILD:
                queue_event(c, engine);
                break;
        case SOURCE_MONITOR:
                on_ruleset(c, engine);
                break;
        }
}

static void on_store(fbn_context *c, fbn_ban_engine *engine)
{
        int r;

        if (!engine->store.broken && store_is_stale(&engine->store, &engine->table, false))
                r = engine_trouble(c, engine, TROUBLE_DISK, store_rewrite(c, &engine->store, &engine->table));
        else
                r = bans_sync(c, engine);
        if (r < 0)
                engine_due(engine, DUE_STORE, 1000);
}

static bool is_due(fbn_ban_engine *engine, enum due what)
{
        if (engine->due[what] > clock_ms())
                return false;
        engine->due[what] = NEVER_DUE;
        return true;
}

static void do_due(fbn_context *c, fbn_ban_engine *engine)
{
        if (is_due(engine, DUE_RECONCILE) && reconcile_host(c, engine) < 0)
                engine_due(engine, DUE_RECONCILE, 5000);
        if (is_due(engine, DUE_EXPIRY))
                bans_expire(c, engine);
        if (is_due(engine, DUE_STORE))
                on_store(c, engine);
        if (is_due(engine, DUE_MAP))
                map_write(c, engine);
        if (is_due(engine, DUE_QUEUE))
                queue_run(c, engine);
        if (is_due(engine, DUE_IDLE))
                queue_idle(engine);
}

int fbn_ban_engine_process(fbn_context *c, fbn_ban_engine *engine)
{
        struct epoll_event events[EVENTS];
        int r = context_check(c), count;

        if (r < 0)
                return r;
        count = epoll_wait(engine->epoll, events, EVENTS, 0);
        for (int i = 0; i < count; i++)
                on_event(c, engine, events[i].data.ptr, events[i].events);
        bans_commit(c, engine);
        server_sweep(c, engine);
        do_due(c, engine);
        return 0;
}

int fbn_ban_engine_run(fbn_context *c, fbn_ban_engine *engine)
{
        int r = 0;

        while (r >= 0) {
                struct pollfd fd = {.fd = engine->epoll, .events = POLLIN};
                int due = fbn_ban_engine_timeout(engine);

                poll(&fd, 1, due < 0 || due > CANCEL_CHECK ? CANCEL_CHECK : due);
                r = fbn_ban_engine_process(c, engine);
        }
        return r;
}
