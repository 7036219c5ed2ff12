/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/parse.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

/* Lines and sections as wg(8) and wg-quick(8) read them: names in any case, blanks anywhere, '#' starts a comment everywhere.
 * Source: config.c and wg-quick/linux.bash of wireguard-tools. */

int parse_fail(struct parser *parser, const char *at, const char *format, ...)
{
        char what[512];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(what, sizeof(what), format, arguments);
        va_end(arguments);
        return fail(parser->c, FBN_EINVAL, "%s:%zu:%td: %s", parser->name, parser->number, at - parser->line + 1, what);
}

static bool blank(char byte)
{
        return isspace((unsigned char)byte);
}

static struct token trim(const char *start, const char *end)
{
        while (start < end && blank(*start))
                start++;
        while (end > start && blank(end[-1]))
                end--;
        return (struct token){start, (size_t)(end - start)};
}

bool token_squeeze(struct token token, char *buffer, size_t size)
{
        size_t length = 0;

        for (size_t i = 0; i < token.length; i++) {
                if (blank(token.start[i]))
                        continue;
                if (length + 1 >= size)
                        return false;
                buffer[length++] = token.start[i];
        }
        buffer[length] = 0;
        return true;
}

static int end_section(struct parser *parser)
{
        if (parser->section != SECTION_PEER)
                return 0;
        if (!parser->has_public_key)
                return fail(parser->c, FBN_EINVAL, "%s:%zu:1: this [Peer] has no PublicKey", parser->name, parser->peer_number);
        return fail_in(parser->c, draft_add(parser->c, &parser->draft, parser->wireguard), "%s:%zu:1", parser->name, parser->peer_number);
}

static int begin_section(struct parser *parser, struct token line)
{
        char name[16];
        int r;

        if (!token_squeeze(line, name, sizeof(name)))
                return parse_fail(parser, line.start, "unknown section; [Interface] and [Peer] are expected");
        r = end_section(parser);
        if (r < 0)
                return r;
        if (strcasecmp(name, "[Interface]") == 0)
                parser->section = SECTION_INTERFACE;
        else if (strcasecmp(name, "[Peer]") == 0)
                parser->section = SECTION_PEER;
        else
                return parse_fail(parser, line.start, "unknown section; [Interface] and [Peer] are expected");
        parser->peer_number = parser->number;
        parser->has_public_key = false;
        return 0;
}

static int parse_assignment(struct parser *parser, struct token line)
{
        const char *end = line.start + line.length;
        const char *equals = memchr(line.start, '=', line.length);
        parse_value parse;
        char key[32];

        if (!equals)
                return parse_fail(parser, line.start, "neither a [Section] nor KEY = VALUE");
        if (parser->section == SECTION_NONE)
                return parse_fail(parser, line.start, "a key before the first section; [Interface] or [Peer] is expected");
        if (!token_squeeze(trim(line.start, equals), key, sizeof(key)))
                return 0; /* longer than all that we know */
        if (!*key)
                return parse_fail(parser, line.start, "a value without a key");
        parse = parse_value_of(parser->section, key);
        return parse ? parse(parser, trim(equals + 1, end)) : 0;
}

static int parse_line(struct parser *parser, const char *end)
{
        const char *comment = memchr(parser->line, '#', (size_t)(end - parser->line));
        struct token line = trim(parser->line, comment ? comment : end);

        if (line.length == 0)
                return 0;
        return *line.start == '[' ? begin_section(parser, line) : parse_assignment(parser, line);
}

static int parse_lines(struct parser *parser, const char *text)
{
        for (const char *end = text; *end; text = end + 1) {
                int r;

                end = text + strcspn(text, "\n");
                parser->line = text;
                parser->number++;
                r = parse_line(parser, end);
                if (r < 0)
                        return r;
        }
        return end_section(parser);
}

static void parser_free(struct parser *parser)
{
        fbn_wireguard_unref(parser->wireguard);
        fbn_secret_unref(parser->private_key);
        draft_free(&parser->draft);
        memory_free(parser->addresses);
        memory_free(parser->dns);
        arena_free(&parser->arena);
}

int fbn_wireguard_parse(fbn_context *c, const char *name, const char *text, fbn_wireguard **ret_wireguard)
{
        _cleanup_(parser_free) struct parser parser = {.c = c, .name = name};
        int r;

        r = fbn_wireguard_new(c, NULL, &parser.wireguard);
        if (r < 0)
                return r;
        r = parse_lines(&parser, text);
        if (r < 0)
                return r;
        parser.interface.size = sizeof(parser.interface);
        parser.interface.private_key = parser.private_key;
        parser.interface.addresses = parser.addresses;
        parser.interface.dns = parser.dns;
        r = configuration_set_interface(c, parser.wireguard, &parser.interface);
        if (r < 0)
                return fail_in(c, r, "%s", name);
        *ret_wireguard = TAKE_PTR(parser.wireguard);
        return 0;
}
