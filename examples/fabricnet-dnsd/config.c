/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dnsd.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int bad(const char *place, const char *format, ...) FBN_PRINTF(2, 3);
static int bad(const char *place, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        fprintf(stderr, "fabricnet-dnsd: %s: ", place);
        vfprintf(stderr, format, arguments);
        fputc('\n', stderr);
        va_end(arguments);
        return EXIT_BAD;
}

/* Room for one more at the end of an array; the daemon ends where there is none. */
static void *more(void *array, size_t count, size_t size)
{
        array = realloc(array, (count + 1) * size);
        if (!array) {
                fprintf(stderr, "fabricnet-dnsd: out of memory\n");
                exit(EXIT_FAILED);
        }
        memset((char *)array + count * size, 0, size);
        return array;
}

#define APPEND(array, count) ((array) = more(array, count, sizeof(*(array))), &(array)[(count)++])

static char *copied(const char *text)
{
        return strcpy(more(NULL, strlen(text), 1), text);
}

static bool endpoint_of(const char *text, fbn_endpoint *endpoint)
{
        memset(endpoint, 0, sizeof(*endpoint));
        endpoint->port = 53;
        return fbn_address_parse(text, &endpoint->address) == 0 || fbn_endpoint_parse(text, endpoint) == 0;
}

static struct route_line *route_of(struct config *config, const char *suffix)
{
        struct route_line *route;

        for (size_t i = 0; i < config->n_routes; i++)
                if (strcmp(config->routes[i].suffix, suffix) == 0)
                        return &config->routes[i];
        route = APPEND(config->routes, config->n_routes);
        route->suffix = copied(suffix);
        return route;
}

#define SPACE " \t\n\r"

static int read_listen(struct config *config, const char *place, char *rest)
{
        for (char *word = strtok(rest, SPACE); word; word = strtok(NULL, SPACE))
                if (!endpoint_of(word, APPEND(config->listen, config->n_listen)))
                        return bad(place, "'%s' is no ADDRESS[:PORT]", word);
        return 0;
}

static int read_allow(struct config *config, const char *place, char *rest)
{
        for (char *word = strtok(rest, SPACE); word; word = strtok(NULL, SPACE))
                if (fbn_prefix_parse(word, APPEND(config->allow, config->n_allow)) < 0)
                        return bad(place, "'%s' is no ADDRESS/LENGTH", word);
        return 0;
}

/* A suffix, then what is said of it. */
static int read_route(struct config *config, const char *place, char *rest)
{
        const char *suffix = strtok(rest, SPACE);
        struct route_line *route = suffix ? route_of(config, suffix) : NULL;
        char *word = route ? strtok(NULL, SPACE) : NULL;

        if (!word)
                return bad(place, "write 'route SUFFIX UPSTREAM…', for instance 'route local.example 192.0.2.1'");
        for (; word; word = strtok(NULL, SPACE))
                if (!endpoint_of(word, APPEND(route->upstreams, route->n_upstreams)))
                        return bad(place, "'%s' is no ADDRESS[:PORT]", word);
        return 0;
}

static int read_answer(struct config *config, const char *place, char *rest)
{
        const char *suffix = strtok(rest, SPACE);
        struct route_line *route = suffix ? route_of(config, suffix) : NULL;
        char *word = route ? strtok(NULL, SPACE) : NULL;

        if (!word)
                return bad(place, "write 'answer =NAME ADDRESS…', for instance 'answer =nas.local.example 192.0.2.10'");
        for (; word; word = strtok(NULL, SPACE))
                if (fbn_address_parse(word, APPEND(route->addresses, route->n_addresses)) < 0)
                        return bad(place, "'%s' is no address", word);
        return 0;
}

static int read_reverse(struct config *config, const char *place, char *rest)
{
        const char *suffix = strtok(rest, SPACE);
        struct route_line *route = suffix ? route_of(config, suffix) : NULL;
        char *word = route ? strtok(NULL, SPACE) : NULL;

        if (!word)
                return bad(place, "write 'reverse SUFFIX PREFIX…', for instance 'reverse local.example 192.0.2.0/24'");
        for (; word; word = strtok(NULL, SPACE))
                if (fbn_prefix_parse(word, APPEND(route->reverse, route->n_reverse)) < 0)
                        return bad(place, "'%s' is no ADDRESS/LENGTH", word);
        return 0;
}

static int read_block(struct config *config, const char *place, char *rest)
{
        char *word = strtok(rest, SPACE);

        if (!word)
                return bad(place, "write 'block SUFFIX…'");
        for (; word; word = strtok(NULL, SPACE))
                route_of(config, word)->blocked = true;
        return 0;
}

static int read_system(struct config *config, const char *place, char *rest)
{
        char *word = strtok(rest, SPACE);

        if (!word)
                return bad(place, "write 'system SUFFIX…', such as 'system .'");
        for (; word; word = strtok(NULL, SPACE))
                route_of(config, word)->system = true;
        return 0;
}

bool config_asks_system(const struct config *config)
{
        for (size_t i = 0; i < config->n_routes; i++)
                if (config->routes[i].system)
                        return true;
        return false;
}

/* A number with a unit of a list; 0 is none. */
static bool number_of(const char *text, const char *units, const uint32_t *factors, uint32_t *ret_number)
{
        char *end;
        unsigned long value;
        const char *unit;

        errno = 0;
        value = strtoul(text, &end, 10);
        unit = *end ? strchr(units, *end) : NULL;
        if (end == text || errno || value > UINT32_MAX || *text == '-' || (*end && (!unit || end[1])))
                return false;
        if (value * (unit ? factors[unit - units] : 1ul) > UINT32_MAX)
                return false;
        *ret_number = (uint32_t)(value * (unit ? factors[unit - units] : 1ul));
        return true;
}

static int read_cache(struct config *config, const char *place, char *rest)
{
        static const uint32_t factors[] = {1 << 10, 1 << 20};
        const char *word = strtok(rest, SPACE);

        if (word && strcmp(word, "off") == 0)
                config->cache_bytes = FBN_DNS_CACHE_OFF;
        else if (!word || !number_of(word, "KM", factors, &config->cache_bytes) || config->cache_bytes == 0)
                return bad(place, "write 'cache BYTES', such as 'cache 8M', or 'cache off'");
        return 0;
}

static int read_timeout(struct config *config, const char *place, char *rest)
{
        static const uint32_t factors[] = {1000};
        const char *word = strtok(rest, SPACE);
        char number[16];
        size_t length = word ? strlen(word) : 0;

        if (length > 2 && length < sizeof(number) && strcmp(word + length - 2, "ms") == 0) {
                memcpy(number, word, length - 2);
                number[length - 2] = 0;
                word = number;
        }
        if (!word || !number_of(word, "s", factors, &config->timeout_ms) || config->timeout_ms == 0)
                return bad(place, "write 'timeout TIME', such as 'timeout 1500ms' or 'timeout 2s'");
        return 0;
}

static int read_threads(struct config *config, const char *place, char *rest)
{
        const char *word = strtok(rest, SPACE);
        uint32_t number;

        if (!word || !number_of(word, "", NULL, &number) || number == 0 || number > THREADS_MAX)
                return bad(place, "write 'threads NUMBER', 1 to %d", THREADS_MAX);
        config->threads = number;
        return 0;
}

static int read_pending(struct config *config, const char *place, char *rest)
{
        const char *word = strtok(rest, SPACE);

        if (!word || !number_of(word, "", NULL, &config->max_pending) || config->max_pending == 0)
                return bad(place, "write 'pending NUMBER': questions that may wait at once");
        return 0;
}

static int read_log(struct config *config, const char *place, char *rest)
{
        const char *word = strtok(rest, SPACE);

        if (!word || (strcmp(word, "hashes") != 0 && strcmp(word, "names") != 0))
                return bad(place, "write 'log hashes', or 'log names' if names are to be read in it");
        config->log = true;
        config->log_names = strcmp(word, "names") == 0;
        return 0;
}

static int read_metrics(struct config *config, const char *place, char *rest)
{
        const char *word = strtok(rest, SPACE);

        if (!word || fbn_endpoint_parse(word, &config->metrics) < 0)
                return bad(place, "write 'metrics ADDRESS:PORT', such as 'metrics 127.0.0.1:9253'");
        return 0;
}

static int read_user(struct config *config, const char *place, char *rest)
{
        const char *word = strtok(rest, SPACE);

        if (!word)
                return bad(place, "write 'user NAME'");
        free(config->user);
        config->user = copied(word);
        return 0;
}

static int read_strict(struct config *config, const char *place, char *rest)
{
        (void)place, (void)rest;
        config->strict = true;
        return 0;
}

static int read_private(struct config *config, const char *place, char *rest)
{
        (void)place, (void)rest;
        config->private_answers = true;
        return 0;
}

int config_word(struct config *config, const char *place, char *line)
{
        static const struct {
                const char *word;
                int (*read)(struct config *config, const char *place, char *rest);
        } words[] = {
                {"allow", read_allow},     {"answer", read_answer},   {"block", read_block},     {"cache", read_cache},
                {"listen", read_listen},   {"log", read_log},         {"metrics", read_metrics}, {"pending", read_pending},
                {"private-answers", read_private}, {"reverse", read_reverse}, {"route", read_route}, {"strict", read_strict}, {"system", read_system},
                {"threads", read_threads}, {"timeout", read_timeout}, {"user", read_user},
        };
        char *word = line + strspn(line, SPACE), *rest = word + strcspn(word, SPACE);

        if (*word == 0 || *word == '#')
                return 0;
        if (*rest)
                *rest++ = 0;
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                if (strcmp(words[i].word, word) == 0)
                        return words[i].read(config, place, rest);
        return bad(place, "'%s' is no word of a configuration; fabricnet-dnsd(8) lists them", word);
}

int config_read(struct config *config, const char *path)
{
        FILE *file = fopen(path, "re");
        char line[4096], place[4200];
        int code = 0;

        if (!file)
                return bad(path, "%s", strerror(errno));
        config->file = path;
        for (unsigned number = 1; code == 0 && fgets(line, sizeof(line), file); number++) {
                snprintf(place, sizeof(place), "%s:%u", path, number);
                code = strlen(line) == sizeof(line) - 1 ? bad(place, "the line is longer than %zu bytes", sizeof(line) - 2) : config_word(config, place, line);
        }
        fclose(file);
        return code;
}

int config_routes(fbn_context *c, const struct config *config, fbn_dns_routes **ret_routes)
{
        FBN_CLEANUP(fbn_dns_routes) routes = NULL;
        int r = fbn_dns_routes_new(c, &routes);

        for (size_t i = 0; r >= 0 && i < config->n_routes; i++) {
                const struct route_line *line = &config->routes[i];

                r = fbn_dns_routes_add(c, routes,
                                       FBN_OPTIONS(fbn_dns_route, .suffix = line->suffix, .upstreams = line->upstreams, .n_upstreams = line->n_upstreams,
                                                   .addresses = line->addresses, .n_addresses = line->n_addresses, .blocked = line->blocked, .system = line->system,
                                                   .reverse = line->reverse, .n_reverse = line->n_reverse));
        }
        if (r < 0)
                return bad(config->file ? config->file : "command line", "%s", fbn_context_error(c));
        if (config->n_routes == 0)
                return bad(config->file ? config->file : "command line", "no routes: at least 'route . ADDRESS' says whom to ask");
        *ret_routes = fbn_dns_routes_ref(routes);
        return 0;
}

void config_free(struct config *config)
{
        for (size_t i = 0; i < config->n_routes; i++) {
                free(config->routes[i].suffix);
                free(config->routes[i].upstreams);
                free(config->routes[i].addresses);
                free(config->routes[i].reverse);
        }
        free(config->routes);
        free(config->listen);
        free(config->allow);
        free(config->user);
        *config = (struct config){0};
}
