/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wireguard/format.h"

#include <strings.h>

/* A section is written along its layout if it came from a file: its lines in order, of which "KEY =" stand for members. Members that
 * the layout does not mention follow its last key. */

static bool put_private_key(struct formatting *formatting)
{
        const fbn_secret *key = formatting->wireguard->interface.private_key;

        if (key)
                put_secret(formatting, key);
        return key;
}

static bool put_listen_port(struct formatting *formatting)
{
        if (formatting->wireguard->interface.listen_port)
                put_number(formatting, "%u", formatting->wireguard->interface.listen_port);
        return formatting->wireguard->interface.listen_port;
}

static bool put_fwmark(struct formatting *formatting)
{
        if (formatting->wireguard->interface.fwmark)
                put_number(formatting, "0x%x", formatting->wireguard->interface.fwmark);
        return formatting->wireguard->interface.fwmark;
}

static bool put_addresses(struct formatting *formatting)
{
        put_prefixes(formatting, formatting->wireguard->interface.addresses, formatting->wireguard->interface.n_addresses);
        return formatting->wireguard->interface.n_addresses;
}

static bool put_dns(struct formatting *formatting)
{
        const fbn_wireguard_interface *interface = &formatting->wireguard->interface;

        for (size_t i = 0; i < interface->n_dns; i++) {
                wiped_add(&formatting->text, i ? ", " : "");
                put_words(formatting, interface->dns[i]);
        }
        return interface->n_dns;
}

static bool put_mtu(struct formatting *formatting)
{
        if (formatting->wireguard->interface.mtu)
                put_number(formatting, "%u", formatting->wireguard->interface.mtu);
        return formatting->wireguard->interface.mtu;
}

static bool put_table(struct formatting *formatting)
{
        if (formatting->wireguard->interface.table)
                put_words(formatting, formatting->wireguard->interface.table);
        return formatting->wireguard->interface.table;
}

static bool put_public_key(struct formatting *formatting)
{
        put_key(formatting, formatting->peer->public_key.bytes);
        return true;
}

static bool put_preshared_key(struct formatting *formatting)
{
        if (formatting->peer->preshared_key)
                put_secret(formatting, formatting->peer->preshared_key);
        return formatting->peer->preshared_key;
}

static bool put_allowed_ips(struct formatting *formatting)
{
        put_prefixes(formatting, formatting->peer->allowed_ips, formatting->peer->n_allowed_ips);
        return formatting->peer->n_allowed_ips;
}

static bool put_endpoint(struct formatting *formatting)
{
        if (!formatting->peer->endpoint.address.family && !formatting->peer->endpoint_name)
                return false;
        put_endpoint_of(formatting, formatting->peer);
        return true;
}

static bool put_keepalive(struct formatting *formatting)
{
        if (formatting->peer->keepalive)
                put_number(formatting, "%u", formatting->peer->keepalive);
        return formatting->peer->keepalive;
}

/* In the order in which they are written where no layout says another; the same as that of the parser's table. */
struct member {
        const char *key;
        bool (*put)(struct formatting *formatting); /* the value; false if there is none */
};

static const struct member interface_members[] = {
        {"PrivateKey", put_private_key}, {"ListenPort", put_listen_port}, {"FwMark", put_fwmark}, {"Address", put_addresses},
        {"DNS", put_dns},                {"MTU", put_mtu},                {"Table", put_table},   {NULL, NULL},
};

static const struct member peer_members[] = {
        {"PublicKey", put_public_key}, {"PresharedKey", put_preshared_key},     {"AllowedIPs", put_allowed_ips},
        {"Endpoint", put_endpoint},    {"PersistentKeepalive", put_keepalive}, {NULL, NULL},
};

/* What the apps for phones read; they refuse a file with FwMark, Table or hooks. Source: Interface.java of wireguard-android. */
static const struct member phone_members[] = {
        {"PrivateKey", put_private_key}, {"Address", put_addresses}, {"DNS", put_dns}, {"MTU", put_mtu}, {"ListenPort", put_listen_port}, {NULL, NULL},
};

struct section {
        struct formatting *formatting;
        const char *header;
        const struct member *members;
        unsigned written; /* a bit for each member */
        bool headed;
};

static void put_member(struct section *section, size_t number, const char *rest, size_t length)
{
        struct wiped *text = &section->formatting->text;
        size_t before = text->length;
        bool there = false;

        if (!(section->written & 1u << number)) {
                section->written |= 1u << number;
                wiped_add(text, section->members[number].key);
                wiped_add(text, " = ");
                there = section->members[number].put(section->formatting);
        }
        if (!there) {
                text->length = before; /* only a comment stays */
                if (length == 0)
                        return;
                rest++;
                length--;
        }
        wiped_append(text, rest, length);
        wiped_add(text, "\n");
}

static void put_hook(struct section *section, const char *rest, size_t length)
{
        const fbn_wireguard_interface *interface = &section->formatting->wireguard->interface;

        if (section->formatting->hooks < interface->n_hooks) {
                put_words(section->formatting, interface->hooks[section->formatting->hooks++]);
                wiped_append(&section->formatting->text, rest, length);
                wiped_add(&section->formatting->text, "\n");
        }
}

static bool is_hook(const char *key, size_t length)
{
        static const char *const hooks[] = {"PreUp", "PostUp", "PreDown", "PostDown"};

        for (size_t i = 0; i < ARRAY_SIZE(hooks); i++)
                if (strlen(hooks[i]) == length && strncasecmp(hooks[i], key, length) == 0)
                        return true;
        return false;
}

/* One line of a layout. */
static void put_line(struct section *section, const char *line, size_t length)
{
        const char *equals = memchr(line, '=', length);
        size_t key = equals && equals > line && equals[-1] == ' ' ? (size_t)(equals - line) - 1 : 0;
        size_t rest = length - (key + 2);

        for (size_t i = 0; key && section->members[i].key; i++)
                if (strlen(section->members[i].key) == key && strncasecmp(section->members[i].key, line, key) == 0) {
                        put_member(section, i, equals + 1, rest);
                        return;
                }
        if (key && section->members == interface_members && is_hook(line, key)) {
                put_hook(section, equals + 1, rest);
                return;
        }
        section->headed |= length > 0 && *line == '[';
        wiped_append(&section->formatting->text, line, length);
        wiped_add(&section->formatting->text, "\n");
}

static const char *line_end(const char *line, const char *end)
{
        const char *newline = memchr(line, '\n', (size_t)(end - line));

        return newline ? newline : end;
}

static void put_lines(struct section *section, const char *line, const char *end)
{
        for (; line < end; line = line_end(line, end) + 1)
                put_line(section, line, (size_t)(line_end(line, end) - line));
}

/* Where the blank lines and comments at the end begin: those before the next section's head belong there. */
static const char *tail_of(const char *line, const char *end)
{
        const char *tail = line;

        for (; line < end; line = line_end(line, end) + 1)
                if (*line != '\n' && *line != '#')
                        tail = line_end(line, end) + 1;
        return MIN(tail, end);
}

static void put_rest(struct section *section)
{
        struct wiped *text = &section->formatting->text;
        size_t before = text->length, after;

        if (!section->headed)
                wiped_add(text, section->header);
        after = text->length;
        for (size_t i = 0; section->members[i].key; i++)
                if (!(section->written & 1u << i))
                        put_member(section, i, "", 0);
        while (section->members == interface_members && section->formatting->hooks < section->formatting->wireguard->interface.n_hooks)
                put_hook(section, "", 0);
        if (text->length == after && section->members == interface_members)
                text->length = before; /* nothing to say under that head */
}

static void put_section(struct formatting *formatting, const fbn_secret *layout, const char *header, const struct member *members)
{
        struct section section = {.formatting = formatting, .header = header, .members = members};
        const char *start = layout ? fbn_secret_bytes(layout) : "";
        const char *end = start + fbn_secret_length(layout), *tail = tail_of(start, end);

        put_lines(&section, start, tail);
        put_rest(&section);
        put_lines(&section, tail, end);
}

/* A blank line before a head, unless there is one, or a comment that belongs to it. */
static void put_gap(struct wiped *text)
{
        const char *newline = text->length ? memrchr(text->bytes, '\n', text->length - 1) : NULL;
        const char *last = newline ? newline + 1 : text->bytes;

        if (text->length && *last != '\n' && *last != '#')
                wiped_add(text, "\n");
}

int format_quick(struct formatting *formatting)
{
        const fbn_wireguard *wireguard = formatting->wireguard;
        const fbn_secret *before = wireguard->interface.layout;
        struct wiped *text = &formatting->text;

        put_section(formatting, before, "[Interface]\n", interface_members);
        for (size_t i = 0; i < wireguard->count; i++) {
                const fbn_secret *layout = wireguard->peers[i].layout;

                formatting->peer = &wireguard->peers[i];
                if (!before || !layout)
                        put_gap(text);
                put_section(formatting, layout, "[Peer]\n", peer_members);
                before = layout;
        }
        if (text->length == 0)
                wiped_add(text, "[Interface]\n");
        return 0;
}

int format_phone(struct formatting *formatting)
{
        const fbn_wireguard *wireguard = formatting->wireguard;

        if (!wireguard->interface.private_key)
                return fail(formatting->c, FBN_EINVAL, "without the interface's private key a phone cannot use a configuration");
        put_section(formatting, NULL, "[Interface]\n", phone_members);
        for (size_t i = 0; i < wireguard->count; i++) {
                formatting->peer = &wireguard->peers[i];
                put_section(formatting, NULL, "[Peer]\n", peer_members);
        }
        return 0;
}
