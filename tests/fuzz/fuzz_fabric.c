/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any text as a fabric file: it is refused in one line that tells the place, or it can be checked, derived for every host and drawn. */
#include "fabric/desired.h"
#include "mutate.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good, const char *what)
{
        if (good)
                return;
        fprintf(stderr, "%s\n", what);
        abort();
}

/* As jansson judges it: what is no UTF-8 makes no string. */
static bool is_utf8(const char *text)
{
        json_t *string = json_string(text);

        json_decref(string);
        return string;
}

static void check_findings(fbn_context *c, const fbn_fabric *fabric)
{
        FBN_CLEANUP(fbn_findings) findings = NULL;
        int errors = fbn_fabric_check(c, fabric, &findings);

        check(errors >= 0, "a check that fails");
        for (size_t i = 0; i < fbn_findings_count(findings); i++) {
                const fbn_finding *finding = fbn_findings_at(findings, i);

                check(finding->line > 0 && finding->column > 0, "a finding without a place");
                check(finding->code && finding->what && finding->why && finding->fix, "a finding without words");
        }
}

/* Errors are allowed: what is derived from a fabric that has findings may be refused by a domain. */
static void derive(fbn_context *c, const fbn_fabric *fabric)
{
        for (size_t i = 0; i < fbn_fabric_host_count(fabric); i++) {
                struct desired *desired = NULL;

                if (desired_new(c, fabric, fabric_host(fabric, fbn_fabric_host_at(fabric, i)), &desired) == 0)
                        desired_free(desired);
        }
}

/* Whatever the names are, a packet's way comes to an end that has a name. */
static void follow(fbn_context *c, const fbn_fabric *fabric)
{
        size_t n = fbn_fabric_host_count(fabric);

        for (size_t i = 0; i < n && i < 6; i++)
                for (size_t j = 0; j < n && j < 6; j++) {
                        FBN_CLEANUP(fbn_fabric_path) path = NULL;
                        int r = fbn_fabric_explain(c, fabric, fbn_fabric_host_at(fabric, i), fbn_fabric_host_at(fabric, j), &path);

                        check(r >= 0 && *fbn_fabric_path_disposition(path), "a packet that gets lost");
                }
}

static void draw(fbn_context *c, const fbn_fabric *fabric)
{
        for (fbn_graph_format format = FBN_GRAPH_SVG; format <= FBN_GRAPH_DOT; format++) {
                char *text = NULL;

                check(fbn_fabric_graph(c, fabric, format, &text) == 0, "a graph that cannot be drawn");
                check(is_utf8(text), "a graph that is no UTF-8");
                fbn_free(text);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static fbn_context *c;
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        char *text = malloc(size + 1);
        int r;

        if (!c)
                check(fbn_context_new(NULL, &c) == 0, "no context");
        memcpy(text, data, size);
        text[size] = 0;
        r = fbn_fabric_load(c, "fabric.json", text, &fabric);
        free(text);
        check((r == 0) == (fabric != NULL), "an output although it failed");
        if (r == 0) {
                check_findings(c, fabric);
                derive(c, fabric);
                follow(c, fabric);
                draw(c, fabric);
                return 0;
        }
        check(r == -FBN_EINVAL, "another code than -FBN_EINVAL");
        check(strncmp(fbn_context_error(c), "fabric.json:", 12) == 0, "an error without a place");
        check(!strpbrk(fbn_context_error(c), "\n\r\033"), "an error of two lines, or that speaks to the terminal");
        check(is_utf8(fbn_context_error(c)), "an error that is no UTF-8");
        return 0;
}

static const char *const words[] = {
        "", ".", "..", "lo", "all", "default", "wg0", "eth0", "a\nb", "a\"b", "a\\b", "<b>&", "\xc3\xa9", "\x1b[31m", "0.0.0.0/0", "::/0", "10.0.0.0/8",
        "10.0.0.1/8", "255.255.255.255", "fe80::1", "::ffff:1.2.3.4", "100.64.0.1", "fd7a:115c:a1e0::1", "1s", "65535s", "0s", "host:65535", "[::1]:1",
        "*.example", "a.b.c.d.e", "/nix/store/x", "https://x/", "tag:x", "nixos", "none", "~1~0", "a/b", "%s%n",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
};

static json_t *any_text(void)
{
        return json_string(words[fuzz_random(sizeof(words) / sizeof(words[0]))]);
}

static json_t *deep(void)
{
        json_t *value = json_null();

        for (uint64_t depth = fuzz_random(1500); depth > 0; depth--) {
                json_t *around = json_array();

                json_array_append_new(around, value);
                value = around;
        }
        return value;
}

static json_t *any_value(void)
{
        static const json_int_t numbers[] = {0, 1, -1, 65535, 65536, 4095, 9001, INT32_MAX, INT64_MAX, INT64_MIN, 1280, 1420};

        switch (fuzz_random(9)) {
        case 0:
                return json_null();
        case 1:
                return json_boolean((int)fuzz_random(2));
        case 2:
                return json_integer(numbers[fuzz_random(sizeof(numbers) / sizeof(numbers[0]))]);
        case 3:
                return json_real(1e300);
        case 4:
                return json_object();
        case 5:
                return json_array();
        case 6:
                return deep();
        default:
                return any_text();
        }
}

/* All keys of the document, so that names are put where other names belong. */
static void collect(json_t *value, const char **names, size_t *count, size_t limit)
{
        const char *key;
        json_t *member;
        size_t i;

        json_object_foreach(value, key, member) {
                if (*count < limit)
                        names[(*count)++] = key;
                collect(member, names, count, limit);
        }
        json_array_foreach(value, i, member)
                collect(member, names, count, limit);
}

static json_t *other_value(json_t *root, json_t *now)
{
        const char *names[512];
        size_t count = 0;

        switch (fuzz_random(4)) {
        case 0:
                return json_deep_copy(now);
        case 1:
                collect(root, names, &count, sizeof(names) / sizeof(names[0]));
                return count ? json_string(names[fuzz_random(count)]) : json_null();
        default:
                return any_value();
        }
}

static void mutate_object(json_t *root, json_t *object)
{
        size_t chosen = fuzz_random(json_object_size(object)), i = 0;
        const char *key;
        json_t *value = NULL, *kept;
        char name[64];

        json_object_foreach(object, key, value)
                if (i++ == chosen)
                        break;
        if (fuzz_random(3) && (json_is_object(value) ? json_object_size(value) : json_array_size(value))) {
                if (json_is_object(value))
                        mutate_object(root, value);
                else
                        json_array_set_new(value, fuzz_random(json_array_size(value)), other_value(root, json_array_get(value, 0)));
                return;
        }
        kept = json_deep_copy(value);
        switch (fuzz_random(4)) {
        case 0:
                snprintf(name, sizeof(name), "%.*s%u", 50, key, (unsigned)fuzz_random(9)); /* a twin: the same addresses and keys again */
                json_object_set(object, name, kept);
                break;
        case 1:
                json_object_del(object, key);
                break;
        case 2:
                json_object_set(object, words[fuzz_random(sizeof(words) / sizeof(words[0]))], kept);
                break;
        default:
                json_object_set_new(object, key, other_value(root, kept));
        }
        json_decref(kept);
}

size_t fuzz_mutate(const uint8_t *data, size_t size, uint8_t *out, size_t limit)
{
        json_t *root = json_loadb((const char *)data, size, 0, NULL);
        size_t length = 0;

        if (json_is_object(root) && json_object_size(root)) {
                mutate_object(root, root);
                length = json_dumpb(root, (char *)out, limit, fuzz_random(2) ? JSON_COMPACT : JSON_INDENT(2));
        }
        json_decref(root);
        return length <= limit ? length : 0;
}

uint64_t fuzz_random(uint64_t below) __attribute__((weak));
uint64_t fuzz_random(uint64_t below) /* mutate.c has the real one */
{
        return below - 1;
}

#include "replay.h"
