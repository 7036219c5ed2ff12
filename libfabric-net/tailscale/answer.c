/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A DNS message, as tailscaled's resolver hands it over, made text. */
#include "tailscale/answer.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <resolv.h>

struct message {
        const unsigned char *start, *next, *end;
};

static unsigned word(const unsigned char *at)
{
        return (unsigned)at[0] << 8 | at[1];
}

/* A name, its final dot left out. false: it does not end, or points outside. */
static bool name_read(struct message *message, char *name, size_t size)
{
        int length = dn_expand(message->start, message->end, message->next, name, (int)size);

        if (length < 0)
                return false;
        message->next += length;
        return true;
}

static void text_record(const unsigned char *data, size_t length, struct text *text)
{
        for (size_t i = 0; i < length; i += (size_t)data[i] + 1) {
                size_t part = MIN((size_t)data[i], length - i - 1);

                text_add(text, "%s\"", i ? " " : "");
                for (size_t j = 0; j < part; j++) {
                        unsigned char byte = data[i + 1 + j];

                        if (byte < 0x20 || byte > 0x7e || byte == '"' || byte == '\\')
                                text_add(text, "\\%03u", byte);
                        else
                                text_append(text, (const char *)&byte, 1);
                }
                text_append(text, "\"", 1);
        }
}

static bool record_show(struct message message, unsigned type, size_t length, struct text *text)
{
        char shown[NS_MAXDNAME];

        switch (type) {
        case ns_t_a:
        case ns_t_aaaa:
                if (length != (type == ns_t_a ? 4U : 16U))
                        return false;
                text_add(text, "%s %s", type == ns_t_a ? "A" : "AAAA",
                         inet_ntop(type == ns_t_a ? AF_INET : AF_INET6, message.next, shown, sizeof(shown)));
                return true;
        case ns_t_cname:
        case ns_t_ns:
        case ns_t_ptr:
                if (!name_read(&message, shown, sizeof(shown)))
                        return false;
                text_add(text, "%s %s", type == ns_t_cname ? "CNAME" : type == ns_t_ns ? "NS" : "PTR", shown);
                return true;
        case ns_t_txt:
                text_add(text, "TXT ");
                text_record(message.next, length, text);
                return true;
        default:
                text_add(text, "TYPE%u %zu bytes", type, length);
                return true;
        }
}

static bool answer_show(struct message *message, struct text *text)
{
        char name[NS_MAXDNAME];
        unsigned type;
        size_t length;

        if (!name_read(message, name, sizeof(name)) || message->end - message->next < NS_RRFIXEDSZ)
                return false;
        type = word(message->next);
        length = word(message->next + 8);
        message->next += NS_RRFIXEDSZ;
        if ((size_t)(message->end - message->next) < length)
                return false;
        text_add(text, "%s ", *name ? name : ".");
        if (!record_show(*message, type, length, text))
                return false;
        text_append(text, "\n", 1);
        message->next += length;
        return true;
}

static bool questions_skip(struct message *message, unsigned count)
{
        for (; count > 0; count--) {
                int length = dn_skipname(message->next, message->end);

                if (length < 0 || message->end - message->next < length + NS_QFIXEDSZ)
                        return false;
                message->next += length + NS_QFIXEDSZ;
        }
        return true;
}

/* RFC 1035, 4.1. */
int tailscale_answer_read(fbn_context *c, const unsigned char *bytes, size_t length, struct text *text)
{
        struct message message = {bytes, bytes + NS_HFIXEDSZ, bytes + length};
        unsigned rcode;

        if (length < NS_HFIXEDSZ)
                return fail(c, FBN_EPROTOCOL, "the resolver's answer is no DNS message");
        rcode = bytes[3] & 15;
        if (rcode == ns_r_nxdomain)
                return fail(c, FBN_ENOENT, "there is no such name");
        if (rcode != ns_r_noerror)
                return fail(c, FBN_EUNAVAILABLE, "the resolver failed: DNS response code %u", rcode);
        text_add(text, "%s", "");
        if (!questions_skip(&message, word(bytes + 4)))
                return fail(c, FBN_EPROTOCOL, "the resolver's answer is cut");
        for (unsigned count = word(bytes + 6); count > 0; count--)
                if (!answer_show(&message, text))
                        return fail(c, FBN_EPROTOCOL, "the resolver's answer is cut");
        return text->failed ? fail_memory(c) : 0;
}
