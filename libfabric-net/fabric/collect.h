/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FABRIC_COLLECT_H
#define FABRIC_COLLECT_H

#include "base/context.h"
#include "base/text.h"
#include "fabric/model.h"

/* What a host has answered, as OpenMetrics: checked if it is that already, else what 'wg show all …' prints, translated. bytes end with a zero; they
 * are cut up. 0, or -FBN_EPROTOCOL and the line that is neither. */
int collect_translate(fbn_context *c, const fbn_fabric *fabric, const char *host, char *bytes, size_t length, struct text *ret_text);

/* The part for 'wg show all transfer', 'latest-handshakes' and 'allowed-ips', one after the other. */
int collect_wireguard(fbn_context *c, const fbn_fabric *fabric, const char *host, char *bytes, struct text *ret_text);

#endif
