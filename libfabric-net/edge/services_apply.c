/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "edge/services.h"

#include "base/file.h"

#include <errno.h>
#include <fabricnet/route.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRECTORY "/etc/nginx/conf.d"
#define PID_FILE "/run/nginx.pid"
#define EMPTY_MAP "# fabricnet: who is banned; written by the ban engine\n"

/* nginx -t; with its own main file if one is given. */
static int nginx_run(fbn_context *c, const fbn_services_options *options, const char *word, const char *more)
{
        const char *words[8] = {options->nginx ? options->nginx : "nginx"};
        size_t count = 1;

        if (options->nginx_conf) {
                words[count++] = "-c";
                words[count++] = options->nginx_conf;
        }
        words[count++] = word;
        words[count++] = more;
        return files_run(c, words);
}

static bool running(const fbn_services_options *options)
{
        char text[16] = "";
        int fd = open(options->nginx_pid ? options->nginx_pid : PID_FILE, O_RDONLY | O_CLOEXEC);
        bool there = fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 && text[0] >= '1' && text[0] <= '9';

        if (fd >= 0)
                close(fd);
        return there;
}

/* Where the kernel would send it is asked now; a tunnel that is down leads nowhere, or worse, elsewhere. */
static int check_way(fbn_context *c, const fbn_service *service)
{
        FBN_CLEANUP(fbn_routes) routes = NULL;
        fbn_route_query query = {.size = sizeof(query), .destination = service->upstream, .ip_protocol = 6, .destination_port = service->port};
        char text[FBN_ADDRESS_TEXT];
        const fbn_route *way;
        int r;

        if (!service->device)
                return 0;
        fbn_address_format(&service->upstream, text, sizeof(text));
        r = fbn_route_get(c, &query, &routes);
        if (r < 0)
                return fail(c, FBN_ECONFLICT, "service '%s': there is no way to %s, which should be behind %s", service->name, text, service->device);
        way = fbn_routes_at(routes, 0);
        if (!way || !way->device || !streq(way->device, service->device))
                return fail(c, FBN_ECONFLICT, "service '%s': %s would be reached by %s, not by %s", service->name, text,
                            way && way->device ? way->device : "nothing", service->device);
        return 0;
}

static int check_all(fbn_context *c, const fbn_services *services, const fbn_services_options *options)
{
        const char *const paths[] = {options->directory, options->log, options->origin_ca, options->ban_map, options->nginx_conf, options->acme_root};
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
                if (paths[i] && !files_plain(paths[i]))
                        return fail(c, FBN_EINVAL, "'%.60s': a path with a blank or a character that means something to nginx", paths[i]);
        for (size_t i = 0; r == 0 && i < services->count; i++) {
                if (services->items[i].cdn && !options->ranges_file)
                        r = fail(c, FBN_EINVAL, "service '%s' is behind the CDN, but ranges_file does not say who that is", services->items[i].name);
                if (r == 0)
                        r = check_way(c, &services->items[i]);
        }
        return r;
}

static int render(fbn_context *c, const fbn_services *services, const fbn_services_options *options, struct files *files)
{
        _cleanup_(ranges_free) struct ranges ranges = {0};
        const char *folder = options->directory ? options->directory : DIRECTORY;
        struct text *text;
        int r = 0;

        if (options->ranges_file)
                r = ranges_read(c, options->ranges_file, &ranges);
        if (r < 0)
                return r;
        if (services->count > 0) {
                text = files_add(files, "%s/fabricnet-0-common.conf", folder);
                if (!text)
                        return fail_memory(c);
                nginx_common(text, services, options, options->ranges_file ? &ranges : NULL);
        }
        for (size_t i = 0; i < services->count; i++) {
                text = files_add(files, "%s/fabricnet-%s.conf", folder, services->items[i].name);
                if (!text)
                        return fail_memory(c);
                nginx_service(text, &services->items[i], options);
        }
        return files_add_strays(c, files, folder, "fabricnet");
}

/* nginx's workers read what is in there. All folders above a path, and with whole the path itself. */
static int make_folders(fbn_context *c, const char *path, bool whole)
{
        char part[PATH_MAX];

        snprintf(part, sizeof(part), "%s", path);
        for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = 0;
                if (mkdir(part, 0755) < 0 && errno != EEXIST)
                        return fail_errno(c, errno, "%s", part);
                *slash = '/';
        }
        return whole && mkdir(part, 0755) < 0 && errno != EEXIST ? fail_errno(c, errno, "%s", part) : 0;
}

/* nginx includes it, so it has to be there before the engine has written one. */
static int make_map(fbn_context *c, const char *path)
{
        int r;

        if (!path || access(path, F_OK) == 0)
                return 0;
        r = make_folders(c, path, false);
        return r < 0 ? r : file_replace(c, path, EMPTY_MAP, strlen(EMPTY_MAP), 0644);
}

/* Debian's own page answers for all names, and so do we. */
static int explain_refusal(fbn_context *c, int r)
{
        if (r == -FBN_EINVAL && strstr(fbn_context_error(c), "duplicate default server"))
                return fail(c, FBN_EINVAL, "%.400s; who answers for all other names is said there too: take that file away or \"default_server\" out of it",
                            fbn_context_error(c));
        return r;
}

static int change(fbn_context *c, const fbn_services_options *options, const struct files *files)
{
        int r = nginx_run(c, options, "-t", NULL);

        if (r == -FBN_EINVAL)
                return fail_in(c, fail(c, FBN_ECONFLICT, "it was broken before, nothing changed: %.500s", fbn_context_error(c)), "nginx");
        if (r == 0)
                r = make_map(c, options->ban_map);
        if (r == 0)
                r = options->acme_root ? make_folders(c, options->acme_root, true) : 0;
        if (r < 0)
                return r;
        r = files_write(c, files);
        if (r == 0)
                r = explain_refusal(c, nginx_run(c, options, "-t", NULL));
        if (r == 0 && running(options))
                r = nginx_run(c, options, "-s", "reload");
        if (r < 0)
                files_restore(c, files);
        return r;
}

int fbn_services_apply(fbn_context *c, const fbn_services *services, const fbn_services_options *options, fbn_changes **ret_changes)
{
        FBN_CLEANUP(fbn_changes) changes = changes_new();
        _cleanup_(files_free) struct files files = {0};
        fbn_services_options mine;
        int r;

        r = OPTIONS_READ(c, fbn_services_options, options, &mine);
        if (r == 0 && !changes)
                r = fail_memory(c);
        if (r == 0)
                r = check_all(c, services, &mine);
        if (r == 0)
                r = render(c, services, &mine, &files);
        if (r == 0)
                r = files_compare(c, &files, changes);
        if (r > 0 && !mine.dry_run)
                r = change(c, &mine, &files);
        if (r < 0)
                return fail_in(c, r, "services");
        r = (int)fbn_changes_count(changes);
        if (ret_changes)
                *ret_changes = TAKE_PTR(changes);
        return r;
}
