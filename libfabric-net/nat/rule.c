/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nat/nat.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <netinet/in.h>

static const struct {
        const char *name;
        uint8_t number;
} protocols[] = {{"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {"icmp", IPPROTO_ICMP}, {"icmpv6", IPPROTO_ICMPV6}};

bool protocol_number(const char *name, uint8_t *ret_number)
{
        for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
                if (streq(protocols[i].name, name)) {
                        *ret_number = protocols[i].number;
                        return true;
                }
        return false;
}

const char *protocol_name(uint8_t number)
{
        for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
                if (protocols[i].number == number)
                        return protocols[i].name;
        return NULL;
}

uint32_t full_mask(uint32_t mark, uint32_t mask)
{
        return mark && !mask ? UINT32_MAX : mask;
}

static const struct {
        const char *name;
        uint32_t bit;
} state_names[] = {
        {"invalid", NF_CT_STATE_INVALID_BIT},
        {"established", NF_CT_STATE_BIT(IP_CT_ESTABLISHED)},
        {"related", NF_CT_STATE_BIT(IP_CT_RELATED)},
        {"new", NF_CT_STATE_BIT(IP_CT_NEW)},
        {"untracked", NF_CT_STATE_UNTRACKED_BIT},
};

static uint32_t state_bit(const char *name, size_t length)
{
        for (size_t i = 0; i < ARRAY_SIZE(state_names); i++)
                if (strlen(state_names[i].name) == length && memcmp(state_names[i].name, name, length) == 0)
                        return state_names[i].bit;
        return 0;
}

bool states_parse(const char *text, uint32_t *ret_states)
{
        uint32_t states = 0;

        for (;; text++) {
                size_t length = strcspn(text, ",");
                uint32_t bit = state_bit(text, length);

                if (!bit)
                        return false;
                states |= bit;
                text += length;
                if (!*text)
                        break;
        }
        *ret_states = states;
        return true;
}

void states_format(uint32_t states, struct text *text)
{
        const char *separator = "";

        for (size_t i = 0; i < ARRAY_SIZE(state_names); i++)
                if (states & state_names[i].bit) {
                        text_add(text, "%s%s", separator, state_names[i].name);
                        separator = ",";
                }
}
