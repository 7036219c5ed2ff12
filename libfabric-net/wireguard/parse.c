/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/parse.h"

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

static struct layout *layout_of(struct parser *parser)
{
        return parser->section == SECTION_PEER ? &parser->peer_layout : &parser->interface_layout;
}

static void layout_line(struct parser *parser, struct token line)
{
        struct wiped *lines = &layout_of(parser)->lines;

        wiped_append(lines, line.start, line.length);
        wiped_append(lines, "\n", 1);
}

/* What is no member: kept as it is. */
static void layout_other(struct parser *parser, struct token line)
{
        layout_of(parser)->needed = true;
        layout_line(parser, line);
}

/* A member: its place and its comment. The second line of one that has several is written with the first. */
static void layout_member(struct parser *parser, const struct known_key *known, struct token comment)
{
        struct layout *layout = layout_of(parser);
        size_t place = known_place(known);
        bool again = layout->seen & 1u << place && !known->repeats;

        layout->needed |= comment.length || place < layout->last;
        layout->last = place;
        layout->seen |= 1u << place;
        if (again && comment.length == 0)
                return;
        wiped_add(&layout->lines, known->key);
        wiped_add(&layout->lines, comment.length ? " = " : " =");
        layout_line(parser, comment);
}

/* Blank lines say something but for one before the next section, which is written there anyway. */
static bool has_blank_lines(const struct wiped *lines, bool followed)
{
        size_t length = lines->length;

        if (followed && length >= 2 && lines->bytes[length - 1] == '\n' && lines->bytes[length - 2] == '\n')
                length--;
        return length > 0 && (lines->bytes[0] == '\n' || memmem(lines->bytes, length, "\n\n", 2));
}

/* Hands the layout over as a secret, since comments may hold what was a key; NULL if it says nothing. followed: by another section. */
static int layout_take(struct parser *parser, struct layout *layout, bool followed, fbn_secret **ret_secret)
{
        int r = 0;

        if (layout->lines.failed)
                return fail_memory(parser->c);
        if (layout->lines.length && (layout->needed || has_blank_lines(&layout->lines, followed)))
                r = fbn_secret_new(parser->c, layout->lines.bytes, layout->lines.length, ret_secret);
        *layout = (struct layout){.lines = layout->lines};
        layout->lines.length = 0; /* the next section's take its place */
        return r;
}

static int end_section(struct parser *parser, bool followed)
{
        FBN_CLEANUP(fbn_secret) layout = NULL;
        int r;

        if (parser->section != SECTION_PEER)
                return 0;
        if (!parser->has_public_key)
                return fail(parser->c, FBN_EINVAL, "%s:%zu:1: this [Peer] has no PublicKey", parser->name, parser->peer_number);
        r = layout_take(parser, &parser->peer_layout, followed, &layout);
        parser->draft.peer.layout = layout;
        if (r == 0)
                r = draft_add(parser->c, &parser->draft, parser->wireguard);
        return fail_in(parser->c, r, "%s:%zu:1", parser->name, parser->peer_number);
}

static int begin_section(struct parser *parser, struct token line)
{
        char name[16];
        int r;

        if (!token_squeeze(line, name, sizeof(name)))
                return parse_fail(parser, line.start, "unknown section; [Interface] and [Peer] are expected");
        r = end_section(parser, true);
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

static int unknown_key(struct parser *parser, const char *key, struct token line)
{
        const struct known_key *near = known_key_near(parser->section, key);

        if (!near) {
                layout_other(parser, line);
                return 0;
        }
        if (near->section != parser->section)
                return parse_fail(parser, line.start, "%s belongs into [%s]", near->key, near->section == SECTION_PEER ? "Peer" : "Interface");
        return parse_fail(parser, line.start, "unknown key '%s'; %s is the nearest that is known", key, near->key);
}

/* whole is the line with its comment. */
static int parse_assignment(struct parser *parser, struct token line, struct token comment, struct token whole)
{
        const char *end = line.start + line.length;
        const char *equals = memchr(line.start, '=', line.length);
        const struct known_key *known;
        char key[32];

        if (!equals)
                return parse_fail(parser, line.start, "neither a [Section] nor KEY = VALUE");
        if (parser->section == SECTION_NONE)
                return parse_fail(parser, line.start, "a key before the first section; [Interface] or [Peer] is expected");
        if (!token_squeeze(trim(line.start, equals), key, sizeof(key))) {
                layout_other(parser, whole); /* longer than all that we know */
                return 0;
        }
        if (!*key)
                return parse_fail(parser, line.start, "a value without a key");
        known = known_key(parser->section, key);
        if (!known)
                return unknown_key(parser, key, whole);
        parser->key = known->key;
        if (streq(known->key, "SaveConfig"))
                layout_other(parser, whole);
        else
                layout_member(parser, known, comment);
        return known->parse(parser, trim(equals + 1, end));
}

/* As it is written where no layout says another. */
static bool is_usual_head(const struct parser *parser, struct token line)
{
        const char *usual = parser->section == SECTION_PEER ? "[Peer]" : "[Interface]";

        return line.length == strlen(usual) && memcmp(line.start, usual, line.length) == 0;
}

static int parse_line(struct parser *parser, const char *end)
{
        const char *hash = memchr(parser->line, '#', (size_t)(end - parser->line));
        struct token line = trim(parser->line, hash ? hash : end), comment = trim(hash ? hash : end, end), whole = trim(parser->line, end);
        int r;

        if (!*parser->line)
                return 0; /* behind the last newline */
        if (line.length > 0 && *line.start != '[')
                return parse_assignment(parser, line, comment, whole);
        r = line.length > 0 ? begin_section(parser, line) : 0;
        if (r < 0)
                return r;
        if (line.length == 0 ? hash != NULL : hash || layout_of(parser)->lines.length || !is_usual_head(parser, line))
                layout_other(parser, whole);
        else
                layout_line(parser, whole);
        return 0;
}

static int parse_lines(struct parser *parser, const char *text)
{
        parser->line = text;
        parser->number = strncmp(text, "\xef\xbb\xbf", 3) == 0;
        if (parser->number)
                return parse_fail(parser, text, "a byte order mark, which wg(8) does not take; save the file without");
        for (const char *end = text; *end; text = end + 1) {
                int r;

                end = strchrnul(text, '\n');
                parser->line = text;
                parser->number++;
                r = parse_line(parser, end);
                if (r < 0)
                        return r;
        }
        return end_section(parser, false);
}

static void parser_free(struct parser *parser)
{
        fbn_wireguard_unref(parser->wireguard);
        fbn_secret_unref(parser->private_key);
        draft_free(&parser->draft);
        memory_free(parser->addresses);
        memory_free(parser->dns);
        memory_free(parser->hooks);
        wiped_free(&parser->interface_layout.lines);
        wiped_free(&parser->peer_layout.lines);
        arena_free(&parser->arena);
}

int fbn_wireguard_parse(fbn_context *c, const char *name, const char *text, fbn_wireguard **ret_wireguard)
{
        _cleanup_(parser_free) struct parser parser = {.c = c, .name = name};
        FBN_CLEANUP(fbn_secret) layout = NULL;
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
        parser.interface.hooks = parser.hooks;
        r = layout_take(&parser, &parser.interface_layout, parser.section == SECTION_PEER, &layout);
        if (r < 0)
                return fail_in(c, r, "%s", name);
        parser.interface.layout = layout;
        r = configuration_set_interface(c, parser.wireguard, &parser.interface);
        if (r < 0)
                return fail_in(c, r, "%s", name);
        *ret_wireguard = TAKE_PTR(parser.wireguard);
        return 0;
}
